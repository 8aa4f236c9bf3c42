"""Executors: one chunk function, run here, on all cores, or on an existing dask cluster.

Promise: each executor yields the results of all chunks, in any order, and has only a few chunks under way at
a time. When the caller stops, work under way is given up.
"""

from __future__ import annotations

import concurrent.futures
import itertools
import os
import socket
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Protocol, TypeVar, runtime_checkable

from harness.errors import InputError
from harness.offered import offered
from harness.simulation.workers import pool_of, why_it_died

__all__ = ["AllCores", "Dask", "Executor", "Processes", "Serial", "choose_executor"]

C = TypeVar("C")
R = TypeVar("R")

MOST_WORKERS = 1024
"""Processes on one machine: beyond any that has them to spare."""


@runtime_checkable
class Executor(Protocol):
    """What runs the chunks of a plan: in this process, on its cores or elsewhere, on so many `workers`."""

    workers: int

    def map(self, function: Callable[[C], R], chunks: Iterable[C]) -> Iterator[R]:
        """Results of `function` over `chunks`, in any order."""


class Serial:
    """In this process, one after the other."""

    workers = 1

    def map(self, function: Callable[[C], R], chunks: Iterable[C]) -> Iterator[R]:
        return map(function, chunks)


@offered
class Processes:
    """On the cores of this machine; the processes are kept for the next study.

    Raises
    ------
    InputError
        When so many cannot be started.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = (os.cpu_count() or 1) if workers is None else workers
        if not 1 <= self.workers <= MOST_WORKERS:
            raise InputError(f"workers: at least 1 and at most {MOST_WORKERS}, not {self.workers}")

    def map(self, function: Callable[[C], R], chunks: Iterable[C]) -> Iterator[R]:
        pool = pool_of(self.workers)
        waiting = iter(chunks)
        running: set[concurrent.futures.Future] = set()
        try:
            for chunk in itertools.islice(waiting, 2 * self.workers + 2):
                running.add(pool.executor.submit(function, chunk))
            while running:
                done, running = concurrent.futures.wait(
                    running, return_when=concurrent.futures.FIRST_COMPLETED
                )
                for chunk in itertools.islice(waiting, len(done)):
                    running.add(pool.executor.submit(function, chunk))
                for future in done:
                    yield future.result()
        except concurrent.futures.process.BrokenProcessPool:
            pool.give_up()
            raise InputError(why_it_died()) from None
        except BaseException:
            pool.give_up()  # the caller has stopped
            raise


class AllCores(Processes):
    """On the cores of this machine, which are started only when there are two chunks to share out."""

    def map(self, function: Callable[[C], R], chunks: Iterable[C]) -> Iterator[R]:
        waiting = iter(chunks)
        first = list(itertools.islice(waiting, 2))
        if len(first) < 2:
            return map(function, first)
        return super().map(function, itertools.chain(first, waiting))


@offered
class Dask:
    """On an existing dask cluster, by the address of its scheduler or by a client.

    Raises
    ------
    InputError
        When dask.distributed is not installed or no scheduler answers.
    """

    def __init__(self, scheduler: object) -> None:
        try:
            import distributed
        except ImportError:
            raise InputError("dask.distributed is not installed; install cart-pkpd[cluster]") from None
        self._wait = distributed.as_completed
        if isinstance(scheduler, distributed.Client):
            self._take(scheduler)
            return
        _require_listener(str(scheduler))
        try:
            self._take(distributed.Client(scheduler, timeout="10s"))
        except (OSError, ValueError, TimeoutError) as error:
            said = " ".join(str(error).split())[:120]
            raise InputError(f"no dask scheduler at {scheduler}: {said}") from None

    def _take(self, client: Any) -> None:
        self._client = client
        self.workers = max(sum(client.nthreads().values()), 1)

    def map(self, function: Callable[[C], R], chunks: Iterable[C]) -> Iterator[R]:
        waiting = iter(chunks)
        width = 2 * self.workers + 2
        submit = partial(self._client.submit, function, pure=False)
        running = self._wait([submit(c) for c in itertools.islice(waiting, width)])
        try:
            for future in running:
                yield future.result()
                for chunk in itertools.islice(waiting, 1):
                    running.add(submit(chunk))
        finally:
            self._client.cancel(list(running.futures))


def _require_listener(address: str) -> None:
    """Refuse an address at which nothing listens, before a client is made that would go on trying."""
    try:
        parts = urllib.parse.urlsplit(address)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if scheme not in ("tcp", "tls") or not host or not port:
        raise InputError(f"no dask scheduler at {address}: write tcp://host:port")
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError as error:
        raise InputError(f"no dask scheduler at {address}: {error.strerror or error}") from None


def choose_executor(workers: int | None = None, scheduler: str | None = None) -> Executor:
    """Executor for a number of workers (1: this process; None: all cores) or a dask scheduler.

    Raises
    ------
    InputError
        When there cannot be so many workers, or no scheduler answers at ``tcp://host:port``.
    """
    if scheduler is not None:
        return Dask(scheduler)
    if workers is None:
        return AllCores()
    return Serial() if workers == 1 else Processes(workers)

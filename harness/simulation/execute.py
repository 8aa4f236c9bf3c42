"""Executors: one chunk function, run here, on all cores, or on an existing dask cluster.

Promise: each executor yields the results of all chunks, in any order, and has only a few chunks under way at
a time. When the caller stops, work under way is given up.
"""

from __future__ import annotations

import atexit
import concurrent.futures
import contextlib
import itertools
import multiprocessing
import os
import signal
import socket
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from typing import Protocol, TypeVar

from harness.errors import InputError

__all__ = ["AllCores", "Dask", "Executor", "Processes", "Serial", "choose_executor"]

C = TypeVar("C")
R = TypeVar("R")

QUIET = "harness.simulation.interrupt"
"""Imported first by the fork server, for its effect."""


class Executor(Protocol):
    """What runs chunks."""

    def map(self, function: Callable[[C], R], chunks: Iterable[C]) -> Iterator[R]:
        """Results of `function` over `chunks`, in any order."""


class Serial:
    """In this process, one after the other."""

    def map(self, function: Callable[[C], R], chunks: Iterable[C]) -> Iterator[R]:
        return map(function, chunks)


class Processes:
    """On the cores of this machine; the processes are kept for the next study."""

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or os.cpu_count() or 1

    def map(self, function: Callable[[C], R], chunks: Iterable[C]) -> Iterator[R]:
        pool = _pool(self.workers)
        waiting = iter(chunks)
        running: set[concurrent.futures.Future] = set()
        try:
            running |= {pool.submit(function, c) for c in itertools.islice(waiting, 2 * self.workers + 2)}
            while running:
                done, running = concurrent.futures.wait(
                    running, return_when=concurrent.futures.FIRST_COMPLETED
                )
                running |= {pool.submit(function, c) for c in itertools.islice(waiting, len(done))}
                for future in done:
                    yield future.result()
        except concurrent.futures.process.BrokenProcessPool:
            _pool.cache_clear()
            raise InputError("a worker process died, perhaps for want of memory; try fewer workers") from None
        finally:
            for future in running:
                future.cancel()


class AllCores(Processes):
    """On the cores of this machine, which are started only when there are two chunks to share out."""

    def map(self, function: Callable[[C], R], chunks: Iterable[C]) -> Iterator[R]:
        waiting = iter(chunks)
        first = list(itertools.islice(waiting, 2))
        if len(first) < 2:
            return map(function, first)
        return super().map(function, itertools.chain(first, waiting))


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
            self._client = scheduler
            return
        _require_listener(str(scheduler))
        try:
            self._client = distributed.Client(scheduler, timeout="10s")
        except (OSError, ValueError, TimeoutError) as error:
            said = " ".join(str(error).split())[:120]
            raise InputError(f"no dask scheduler at {scheduler}: {said}") from None

    def map(self, function: Callable[[C], R], chunks: Iterable[C]) -> Iterator[R]:
        waiting = iter(chunks)
        width = 2 * max(sum(self._client.nthreads().values()), 1) + 2
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
    """Executor for a number of workers (1: this process; None: all cores) or a dask scheduler."""
    if scheduler is not None:
        return Dask(scheduler)
    if workers is not None and workers < 1:
        raise InputError(f"workers: at least 1, not {workers}")
    if workers is None:
        return AllCores()
    return Serial() if workers == 1 else Processes(workers)


@cache
def _pool(workers: int) -> concurrent.futures.ProcessPoolExecutor:
    """The kept processes. A fork server has the modules loaded, so that a worker starts at once."""
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload([QUIET, "harness.simulation.study"])
        _start_server()
    pool = concurrent.futures.ProcessPoolExecutor(workers, mp_context=context, initializer=_ignore_interrupt)
    atexit.register(partial(pool.shutdown, wait=False, cancel_futures=True))
    return pool


def _start_server() -> None:
    """Start the fork server with Ctrl-C blocked, until the first of its imports decides what it does."""
    from multiprocessing import forkserver, resource_tracker  # not on Windows

    resource_tracker.ensure_running()  # it unblocks the signal, so that it goes first
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _ignore_interrupt() -> None:
    """Ctrl-C reaches every process of a terminal; only the one that collects decides what to do."""
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)

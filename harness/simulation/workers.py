"""The processes that work for this one: started when needed, kept for the next study, never left behind.

Promise: Ctrl-C, the end of a terminal and a request to end, which may reach all processes of a job, are left
to the one that collects. When that one ends, however it ends, by kill -9 too, its workers end at once, in the
midst of their work, and then their fork server. So they do when they are given up.
"""

from __future__ import annotations

import atexit
import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

__all__ = ["Pool", "pool_of", "why_it_died"]

QUIET = "harness.simulation.interrupt"
"""Imported first by the fork server, for its effect."""

GRACE = 5.0
"""Seconds that a worker, asked to end, leaves to the process that collects, which may be asked as well."""


@dataclass(frozen=True)
class Pool:
    """Processes that work. They end when the last copy of `life`, which only this process has, is closed."""

    workers: int
    executor: concurrent.futures.ProcessPoolExecutor
    life: Connection

    def give_up(self) -> None:
        """End the processes at once, whatever they do; the next study gets others."""
        self.life.close()
        if _POOLS.get(self.workers) is self:
            del _POOLS[self.workers]


_POOLS: dict[int, Pool] = {}


def pool_of(workers: int) -> Pool:
    """The kept processes, so many."""
    if workers not in _POOLS:
        _POOLS[workers] = _start(workers)
    return _POOLS[workers]


def why_it_died() -> str:
    """What to say of a worker that died: each reads the script of the process that starts it first."""
    script = Path(getattr(sys.modules["__main__"], "__file__", None) or "")
    with contextlib.suppress(OSError, ValueError):
        if script.suffix == ".py" and "__main__" not in script.read_text(encoding="utf-8"):
            return f"{script}: processes start by reading it; put what runs under if __name__ == '__main__':"
    return "a worker process died, perhaps for want of memory; try fewer workers"


def _start(workers: int) -> Pool:
    """A fork server has the modules loaded, so that a worker starts at once."""
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    context = multiprocessing.get_context(method)
    if method == "forkserver":
        context.set_forkserver_preload([QUIET, "harness.simulation.chunks"])
        _start_server()
    end, life = context.Pipe(duplex=False)
    ignored = signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    executor = concurrent.futures.ProcessPoolExecutor(workers, context, _begin, (end, ignored))
    atexit.register(partial(executor.shutdown, wait=False, cancel_futures=True))
    return Pool(workers, executor, life)


def _start_server() -> None:
    """Start the fork server with signals blocked, until the first of its imports decides what they do."""
    from multiprocessing import forkserver, resource_tracker  # not on Windows

    signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        resource_tracker.ensure_running()  # it unblocks some of them
        signal.pthread_sigmask(signal.SIG_BLOCK, signals)
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)


def _begin(end: Connection, ignored: bool) -> None:
    """Leave signals to the process that collects, and end with it; `ignored`: whether it ignores SIGTERM."""
    sys.excepthook = sys.__excepthook__
    with contextlib.suppress(ValueError):  # not in the main thread
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN if ignored else _end_soon)
        if hasattr(signal, "SIGHUP"):
            signal.signal(signal.SIGHUP, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(end,), daemon=True).start()


def _end_soon(_number: int, _frame: object) -> None:
    """End some time after a request to: when the process that collects ends, this one does so before."""
    timer = threading.Timer(GRACE, os._exit, (1,))
    timer.daemon = True
    timer.start()


def _end_with(end: Connection) -> None:
    """End this process when nobody holds the other side of a pipe any more."""
    with contextlib.suppress(OSError):
        end.poll(None)
    os._exit(1)

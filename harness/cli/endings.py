"""How a command may be ended from outside: by a signal, or by output that nobody takes.

Promise: a request to end (SIGTERM) and the end of the terminal (SIGHUP, unless it is ignored, as under nohup)
stop a command where Ctrl-C would; one that Python lost on the way can be repeated. Closed standard streams
never get in the way of files.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator

__all__ = ["as_interrupts", "fill_closed_streams", "show_beside"]

AGAIN = 1.0
"""Seconds after which a signal is another request: the processes of a job may get the same one twice."""


@contextlib.contextmanager
def as_interrupts() -> Iterator[list[int]]:
    """Within it, signals that end a process raise KeyboardInterrupt; what is yielded lists them.

    Python drops the exception where a signal comes in the midst of a callback of its own, as when it frees an
    object: whoever handles an error therefore looks at the list too.
    """
    came: list[int] = []
    last = -AGAIN

    def stop(number: int, _frame: object) -> None:
        nonlocal last
        came.append(number)
        now = time.monotonic()
        if now - last >= AGAIN:
            last = now
            raise KeyboardInterrupt

    before = {}
    with contextlib.suppress(ValueError):  # not in the main thread, where nothing can be set
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
    try:
        yield came
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Closed(io.TextIOBase):
    """Standard output that was closed before the command began: to write to it is an error."""

    def write(self, _text: str) -> int:
        raise OSError(errno.EBADF, "standard output is closed")


def show_beside(files: Iterable[object], show: Callable[[], None]) -> None:
    """Show an answer, unless files hold it and standard output was closed before the command began."""
    if not (isinstance(sys.stdout, _Closed) and any(files)):
        show()


def fill_closed_streams() -> None:
    """Put something in the place of closed standard streams, so that no file that is opened gets there."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free
    if sys.stdout is None:
        sys.stdout = _Closed()
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - for the whole process

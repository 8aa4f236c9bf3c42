"""How a command may be ended from outside: by a signal, or by output that nobody takes.

Promise: a request to end (SIGTERM) and the end of the terminal (SIGHUP, unless it is ignored, as under nohup)
stop a command where Ctrl-C would, each of them surely, also where Python loses the first. Closed standard
streams never get in the way of files.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

__all__ = ["Requests", "as_interrupts", "end_undisturbed", "fill_closed_streams", "show_beside"]

ENDING = ("SIGINT", "SIGTERM", "SIGHUP")

AGAIN = 1.0
"""Seconds after which a request that was not heard is repeated; a second one before is the same one."""


@dataclass
class Requests:
    """Signals that asked a command to end, in their order; `heard` once it has been brought to its end."""

    came: list[int] = field(default_factory=list)
    heard: bool = False

    def __call__(self, number: int, _frame: object) -> None:
        """Handle a signal: raise KeyboardInterrupt, now and from time to time, until that is heard.

        Python drops the exception where a signal comes in the midst of a callback of its own, as when it
        frees an object, and so does code that catches everything, as some do around their imports.
        """
        if self.heard:
            return
        if number != getattr(signal, "SIGALRM", None):
            self.came.append(number)
            if len(self.came) > 1 and _repeat():  # a job's processes may get the same request twice
                return
        _repeat(AGAIN)
        raise KeyboardInterrupt


def _repeat(seconds: float | None = None) -> bool:
    """Ask for a signal every so many seconds (0: no more); without them, whether there is one to come."""
    if not hasattr(signal, "setitimer"):  # Windows
        return False
    if seconds is not None:
        signal.setitimer(signal.ITIMER_REAL, seconds, seconds)
    return signal.getitimer(signal.ITIMER_REAL)[0] > 0


@contextlib.contextmanager
def as_interrupts() -> Iterator[Requests]:
    """Within it, signals that end a process raise KeyboardInterrupt; what is yielded lists them."""
    requests = Requests()
    before = {}
    with contextlib.suppress(ValueError):  # not in the main thread, where nothing can be set
        for name in ("SIGALRM", *ENDING):
            number = getattr(signal, name, None)
            if number is not None and signal.getsignal(number) in (
                signal.SIG_DFL,
                signal.default_int_handler,
            ):
                before[number] = signal.signal(number, requests)
    try:
        yield requests
    finally:
        requests.heard = True
        if before:
            _repeat(0)
        for number, handler in before.items():
            signal.signal(number, handler)


def end_undisturbed() -> None:
    """Let no further request disturb a process that is ending by one."""
    for name in ENDING:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


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

"""Imported for its effect by the fork server of the workers: Ctrl-C ends it without a word.

It would otherwise be told of Ctrl-C, which reaches every process of a terminal, in the midst of its imports,
and say so at length. The end of a terminal and a request to end, which may reach every process of a job as
well, are left to the process that the server works for; it ends after that one.

A worker that starts as that process ends finds its locks gone, which is nothing to tell either.

That server is started with these signals blocked. Where they are not, importing this does nothing.
"""

import signal
import sys
from types import TracebackType


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Tell of an error, but of one that the end of the other process is."""
    if not issubclass(kind, FileNotFoundError | EOFError | ConnectionError):
        sys.__excepthook__(kind, error, trace)


if hasattr(signal, "pthread_sigmask"):  # not on Windows, which has no fork server
    SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    if signal.pthread_sigmask(signal.SIG_BLOCK, ()) >= SIGNALS:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        for ending in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(ending, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        sys.excepthook = _tell

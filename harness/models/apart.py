"""A process apart: what reads a file that nobody has checked may end that process, and not this one.

Promise: :func:`apart` returns what the function returns, and raises the :class:`InputError` that it raises. A
function that crashes, takes more than `SECONDS` or needs more than `MEMORY` is told in one line. The process
is started once, is kept for the next call, and ends with this one.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import pickle
import signal
import subprocess
import sys
import threading
import traceback
from pathlib import Path
from typing import IO, Any, BinaryIO

from harness.errors import InputError

__all__ = ["apart"]

SECONDS = 60
"""CPU time that one call may take; ten times as much on the clock, on a machine that does other work."""

MEMORY = 4 << 30
"""Bytes that the process may hold, where the system can limit it."""

_LOCK = threading.Lock()
_kept: list[tuple[int, subprocess.Popen]] = []


def apart(function: str, subject: str, *arguments: object) -> Any:
    """Call ``module:function`` with `arguments` in the process apart; `subject` names what it is about.

    Raises
    ------
    InputError
        As the function does, or 'SUBJECT: ...' when it does not come back.
    """
    with _LOCK:
        process = _process()
        asks, answers = _pipes(process)
        try:
            pickle.dump((str(Path.cwd()), function, arguments), asks)
            asks.flush()
            found = pickle.load(answers)
        except (EOFError, OSError, pickle.UnpicklingError):
            raise InputError(f"{subject}: {_ended(process)}") from None
        except BaseException:  # an interruption leaves an answer behind that is for nobody
            _end(process)
            raise
    if isinstance(found, Exception):
        raise found
    return found


def _process() -> subprocess.Popen:
    """The process apart of this process, which is not that of a parent."""
    if _kept and _kept[0][0] == os.getpid() and _kept[0][1].poll() is None:
        return _kept[0][1]
    process = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    _kept[:] = [(os.getpid(), process)]
    return process


def _pipes(process: subprocess.Popen) -> tuple[IO[bytes], IO[bytes]]:
    """Where it is asked, and where it answers."""
    if process.stdin is None or process.stdout is None:
        raise AssertionError("the process apart was started without pipes")
    return process.stdin, process.stdout


def _ended(process: subprocess.Popen) -> str:
    """Why the process apart gave no answer."""
    code = _end(process)
    if -code in (getattr(signal, "SIGALRM", None), getattr(signal, "SIGPROF", None)):
        return f"reading it takes more than {SECONDS} seconds"
    return (
        f"reading it ends the process that tries ({_cause(code)}): too deeply nested, in itself, or too large"
    )


def _cause(code: int) -> str:
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"exit code {code}"


def _end(process: subprocess.Popen) -> int:
    for stream in _pipes(process):
        with contextlib.suppress(OSError):
            stream.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        return process.wait(timeout=1)
    process.kill()
    return process.wait()


@atexit.register
def _close() -> None:
    for owner, process in _kept:
        if owner == os.getpid():
            process.kill()
            _end(process)
    _kept.clear()


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer one call after the other, until the caller has gone."""
    alarm = getattr(signal, "setitimer", lambda _clock, _seconds: None)
    clocks = {getattr(signal, "ITIMER_PROF", 0): SECONDS, getattr(signal, "ITIMER_REAL", 0): 10 * SECONDS}
    while True:
        try:
            folder, function, arguments = pickle.load(requests)
        except EOFError:
            return
        module, _, name = function.partition(":")
        os.chdir(folder)  # so that a relative path means the same
        for clock, seconds in clocks.items():
            alarm(clock, seconds)  # its default action ends the process, in the midst of a library too
        try:
            answer = getattr(importlib.import_module(module), name)(*arguments)
        except InputError as error:
            answer = error
        except MemoryError:
            os.abort()
        except Exception:  # a defect of the function, to be seen where it was called
            answer = RuntimeError(traceback.format_exc())
        for clock in clocks:
            alarm(clock, 0)
        pickle.dump(answer, answers)
        answers.flush()


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who waits for the answer
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    _main()

"""Finished parts of long work, kept in a folder so that interrupted work goes on with them.

Promise: what is given back of a part is what the same work kept under the same name, to the last bit. A file
that holds anything else (cut short, longer, altered, of another part or of other work) is no part, and that
part is made again. A part is written whole or not at all. One process at a time works in a folder: a second
one is refused, and the claim of a process ends with it, however it ends (where the file system knows locks).
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from pathlib import Path

from harness.errors import InputError
from harness.files import write_whole

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]  # not on Windows, where two processes are not kept apart

__all__ = ["KeptParts"]

SUFFIX, KEY, LOCK, TEMPORARY = ".part", "key.txt", "lock", ".cart-"
WITHOUT_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)


class KeptParts:
    """Parts of one piece of work in a folder, to be closed when the process stops working on it.

    Parameters
    ----------
    folder
        Made when it is not there.
    key
        Identity of the work.
    resume
        Whether to go on with parts that are there.
    work, parts
        What the work and its parts are called.

    Attributes
    ----------
    damaged
        How many files that were asked for held no part of this work.

    Raises
    ------
    InputError
        When parts are there and `resume` is not given, they are of other work, or another process is at work.
    """

    def __init__(self, folder: Path, key: str, resume: bool, *, work: str, parts: str) -> None:
        self.folder, self.damaged = folder, 0
        self._key = key
        self._lock = self._claim()
        try:
            self._take_over(resume, work, parts)
        except InputError:
            self.close()
            raise

    def __enter__(self) -> KeptParts:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give up the claim; what is kept stays."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @property
    def count(self) -> int:
        """How many parts are kept."""
        return count_in(self.folder)

    def get(self, name: str, key: str = "") -> bytes | None:
        """A part by name and by the key of what it is a part for; None when there is none."""
        path = self._path(name)
        try:
            digest, _, content = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError:
            digest, content = b"", b""
        if digest != self._digest(name, key, content):
            self.damaged += 1
            return None
        return content

    def put(self, name: str, content: bytes, key: str = "") -> None:
        """Keep a part."""
        whole = self._digest(name, key, content) + b"\n" + content
        write_whole(self._path(name), lambda path: path.write_bytes(whole))

    def clear(self) -> None:
        """Remove them all, when the work is complete; the folder goes where nothing else is in it."""
        for pattern in (f"*{SUFFIX}", f"{TEMPORARY}*", KEY, LOCK):  # until the last, nobody comes in
            for path in self.folder.glob(pattern):
                with contextlib.suppress(OSError):  # what is no file is nobody's part
                    path.unlink()
        with contextlib.suppress(OSError):
            self.folder.rmdir()
        self.close()

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    def _digest(self, name: str, key: str, content: bytes) -> bytes:
        """What stands before a part: the checksum of it, of its name, and of what it belongs to."""
        about = f"{self._key}\n{key}\n{name}\n".encode()
        return hashlib.sha256(about + content).hexdigest().encode()

    def _claim(self) -> int | None:
        """The lock, as an open file that only this process has."""
        for _ in range(100):  # whoever has just finished may remove the folder in between
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                lock = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
            except FileNotFoundError:
                continue
            except OSError as error:
                raise InputError(f"{self.folder}: cannot be made: {error.strerror or error}") from None
            if self._locked(lock):
                return lock
            os.close(lock)
        raise InputError(f"{self.folder}: cannot be claimed; another process makes and removes it")

    def _locked(self, lock: int) -> bool:
        """Whether a lock file is this process's now, and is still the one in the folder."""
        try:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            raise InputError(f"{self.folder}: another process is at work on it; let it end first") from None
        except OSError as error:
            if error.errno not in WITHOUT_LOCKS:
                os.close(lock)
                raise InputError(f"{self.folder}: cannot be locked: {error.strerror or error}") from None
        try:
            return os.path.samestat(os.fstat(lock), (self.folder / LOCK).stat())
        except FileNotFoundError:
            return False

    def _take_over(self, resume: bool, work: str, parts: str) -> None:
        """Begin anew in a folder without anything, or go on with what is kept in it."""
        name = self.folder / KEY
        there = [path.name for path in self.folder.iterdir() if not path.name.startswith(TEMPORARY)]
        if there == [LOCK]:
            try:
                write_whole(name, lambda path: path.write_text(self._key, encoding="utf-8"))
            except InputError:
                self.clear()
                raise
            return
        if not resume and name.exists():
            kept = f"{self.folder}: {self.count} {parts} of an unfinished {work}"
            raise InputError(f"{kept}; go on with --resume or remove the folder")
        if not name.is_file() or name.read_bytes() != self._key.encode():
            raise InputError(f"{self.folder}: belongs to another {work}; remove the folder to start anew")


def count_in(folder: Path) -> int:
    """How many parts a folder holds."""
    return len([path for path in folder.glob(f"*{SUFFIX}") if not path.name.startswith(TEMPORARY)])

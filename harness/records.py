"""What made the files of a folder: a record beside them, by which they are found stale.

Promise: a record knows the command, what was read by its content, what was written, and what computed. What
cannot be known is left open, never guessed. A record is written after the files that it is of.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from harness.errors import InputError
from harness.files import write_whole
from harness.identity import code, versions

__all__ = ["RECORD", "Record", "digest", "make_record", "read_record", "stale"]

RECORD = "made.json"
"""Name of a record, in the folder that it is of."""


@dataclass(frozen=True)
class Record:
    """What made a folder, with the digests of files by their paths.

    `read` are from the folder of the project, or whole paths; `written` from the folder itself.
    `versions` and `code` are those that computed; empty where they were not noted.
    """

    command: str
    read: Mapping[str, str]
    written: Mapping[str, str]
    versions: Mapping[str, str]
    code: str

    def save(self, folder: Path) -> None:
        """Write it into the folder."""
        text = json.dumps(asdict(self), indent=1) + "\n"
        write_whole(folder / RECORD, lambda path: path.write_text(text, encoding="utf-8"))


def digest(path: Path) -> str:
    """Digest of the content of a file, whatever the ends of its lines."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def make_record(
    folder: Path, arguments: Sequence[str], read: Iterable[Path], written: Iterable[str], root: Path
) -> Record:
    """The record of a folder now: files that were read, by their path from `root` where they are in it."""
    return Record(
        command=shlex.join(["cart", *arguments]),
        read={_place(path, root): digest(path) for path in sorted(set(read))},
        written={name: digest(folder / name) for name in written},
        versions=versions(),
        code=code(),
    )


def read_record(folder: Path) -> Record:
    """The record of a folder.

    Raises
    ------
    InputError
        When it has none, or one that cannot be read.
    """
    path = folder / RECORD
    try:
        return TypeAdapter(Record).validate_json(path.read_bytes())
    except OSError:
        raise InputError(f"{folder}: has no {RECORD}, which says what made it") from None
    except ValueError:
        raise InputError(f"{path}: is no record of what made the folder") from None


def stale(record: Record, folder: Path, root: Path) -> tuple[list[str], list[str]]:
    """Why the files of a folder are not what its command gives: what differs, and what may.

    The first are files that differ from those that were read or written; the second what computes, of which
    nobody knows whether it changes a number.
    """
    differs = [
        f"{name} {'differs' if there else 'is gone'}"
        for files, place in ((record.read, root), (record.written, folder))
        for name, was in files.items()
        if not (there := (place / name).is_file()) or digest(place / name) != was
    ]
    now = versions()
    may = [
        f"{name} {was} then, {now.get(name, 'none')} now"
        for name, was in record.versions.items()
        if was != now.get(name)
    ]
    if not record.code:
        may.append("made before the code was noted")
    elif record.code != code():
        may.append("made by other code of this package")
    return differs, may


def _place(path: Path, root: Path) -> str:
    """A file from a folder, where it is in it; else its whole path."""
    whole = path.absolute()
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else str(whole)

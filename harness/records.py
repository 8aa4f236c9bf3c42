"""What made a file, or the files of a folder: a record beside them, by which they are found stale.

Promise: a record knows the command, what was read by its content, what was written, and what computed. What
cannot be known is left open, never guessed. A record is written after the files that it is of.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pydantic import TypeAdapter

from harness.errors import InputError
from harness.files import write_whole
from harness.identity import code, versions

__all__ = ["RECORD", "Record", "digest", "make_record", "place_of", "read_record", "stale"]

RECORD = "made.json"
"""Name of a record, in the folder that it is of; that of a single file begins with the name of the file."""


@dataclass(frozen=True)
class Record:
    """What made a folder or a file, with the digests of files by their paths.

    `read` are from the folder of the project, or whole paths; `written` from the folder that they are in.
    `versions` and `code` are those that computed; empty where they were not noted.
    """

    command: str
    read: Mapping[str, str]
    written: Mapping[str, str]
    versions: Mapping[str, str]
    code: str

    def save(self, made: Path) -> None:
        """Write it into the folder, or beside the file."""
        text = json.dumps(asdict(self), indent=1) + "\n"
        write_whole(place_of(made), lambda path: path.write_text(text, encoding="utf-8"))


def place_of(made: Path) -> Path:
    """Where the record of a folder or a file is."""
    return made / RECORD if made.is_dir() else made.with_name(f"{made.name}.{RECORD}")


def digest(path: Path) -> str:
    """Digest of the content of a file, whatever the ends of its lines."""
    return hashlib.sha256(path.read_bytes().replace(b"\r\n", b"\n")).hexdigest()


def make_record(
    folder: Path, command: str, read: Iterable[Path], written: Iterable[str], root: Path
) -> Record:
    """The record of files of a folder now; what was read by its path from `root` where it is in it."""
    return Record(
        command=command,
        read={_place(path, root): digest(path) for path in sorted(set(read))},
        written={name: digest(folder / name) for name in written},
        versions=versions(),
        code=code(),
    )


def read_record(made: Path) -> Record:
    """The record of a folder or a file.

    Raises
    ------
    InputError
        When it has none, or one that cannot be read.
    """
    path = place_of(made)
    try:
        return TypeAdapter(Record).validate_json(path.read_bytes())
    except OSError:
        raise InputError(f"{made}: has no {path.name}, which says what made it") from None
    except ValueError:
        raise InputError(f"{path}: is no record of what made it") from None


def stale(record: Record, made: Path, root: Path) -> tuple[list[str], list[str]]:
    """Why a folder or a file is not what its command gives: what differs, and what may.

    The first are files that differ from those that were read or written; the second what computes, of which
    nobody knows whether it changes a number.
    """
    differs = [
        f"{name} {'differs' if there else 'is gone'}"
        for files, place in ((record.read, root), (record.written, place_of(made).parent))
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

"""Tables of data and stored results: each table locked by its content, each result by its record.

Promise: a table that is not the one whose source and grade are written down is named, and so is a result
that was made of other tables, models or code, with the command that makes it anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path

from pydantic import field_validator

from harness.declarations import Declaration, read_declaration
from harness.errors import InputError, unknown_name
from harness.files import write_whole
from harness.models.card import repository
from harness.records import RECORD, digest, make_record, place_of, read_record, stale

__all__ = [
    "GRADES",
    "LockedTable",
    "Standing",
    "State",
    "lock",
    "read_lock",
    "record",
    "standings",
    "standings_of",
    "tables",
]

LOCK = "validation/data.yaml"

GRADES = {
    "printed": "numbers printed in an article, its tables or a report of its trial",
    "digitised": "read off a figure, with its reading error",
    "other code": "given by an independent implementation",
    "own check": "computed by other means from the same equations",
    "chosen": "a choice, with its reason in the row",
    "none": "an empty slot",
}
"""What the numbers of a table are, the strongest evidence first."""


class LockedTable(Declaration):
    """A table of data: its content, where it is from, and what its numbers are, of :data:`GRADES`."""

    sha256: str
    source: str
    grade: str

    @field_validator("grade")
    @classmethod
    def _is_a_grade(cls, grade: str) -> str:
        if grade not in GRADES:
            raise ValueError(f"'{grade}' is none of {', '.join(GRADES)}")
        return grade


class StoredResult(Declaration):
    """A single file that a command wrote: the command, and what that reads, as patterns of paths."""

    command: str
    read: tuple[str, ...]


class DataLock(Declaration):
    """The file ``validation/data.yaml``: tables, and results that are single files, by path."""

    tables: dict[str, LockedTable]
    results: dict[str, StoredResult] = {}


class State(StrEnum):
    """What is known of a table or a result."""

    AS_LOCKED = "as locked"
    CHANGED = "changed"
    UNKNOWN = "not in the lock"
    GONE = "gone"
    FRESH = "fresh"
    UNCHECKED = "not checked"
    STALE = "stale"


@dataclass(frozen=True)
class Standing:
    """How a table or a result stands: why, and the command that mends it."""

    name: str
    state: State
    why: str = ""
    command: str = ""

    @property
    def holds(self) -> bool:
        """Whether nothing is known against it."""
        return self.state in (State.AS_LOCKED, State.FRESH, State.UNCHECKED)


def read_lock() -> dict[str, LockedTable]:
    """Tables of the lock by their path from the folder of the project."""
    return _declared().tables


def _declared() -> DataLock:
    return read_declaration(repository() / LOCK, DataLock)


def tables() -> list[str]:
    """Tables of data that the project holds: what no command wrote."""
    root, results = repository(), _declared().results
    found = (path for folder in ("models_antimony", "validation") for path in (root / folder).rglob("*.csv"))
    names = {path.relative_to(root).as_posix() for path in found if not _is_result(path, root)}
    return sorted(names - set(results))


def _is_result(path: Path, root: Path) -> bool:
    """Whether a record stands beside a file, or above it."""
    within = path.relative_to(root).parents
    return any((root / folder / RECORD).is_file() for folder in within)


def lock() -> list[str]:
    """Write the content that the tables of the lock have now; return those that were others."""
    path = repository() / LOCK
    text, changed = path.read_text("utf-8"), []
    for name, table in read_lock().items():
        now = digest(repository() / name)
        if now != table.sha256:  # in its own place: another table may have had the same content
            own = rf"(^  {re.escape(name)}:\n(?:    .*\n)*?    sha256: ){table.sha256}$"
            text = re.sub(own, rf"\g<1>{now}", text, flags=re.M)
            changed.append(name)
    write_whole(path, partial(Path.write_text, data=text, encoding="utf-8"))
    return changed


def record(path: Path) -> None:
    """Write down what a stored result was made of, as it is now: its command has just made it.

    Raises
    ------
    InputError
        When it is no result of ``validation/data.yaml`` or not there, or when nothing is where it reads.
    """
    root, results = repository(), _declared().results
    name = _name(path, root)
    if name not in results:
        raise unknown_name(f"result in {LOCK}", name, results)
    if not path.is_file():
        raise InputError(f"{path}: is not there; to make it: {results[name].command}")
    read = _read_by(results[name], root)
    made = make_record(path.parent, results[name].command, read, [path.name], root)
    made.save(path)


def _read_by(result: StoredResult, root: Path) -> list[Path]:
    """Files that the command of a result reads now; on a record among them no number rests."""
    found = []
    for pattern in result.read:
        files = [path for path in root.glob(pattern) if path.is_file() and not path.name.endswith(RECORD)]
        if not files:
            raise InputError(f"{LOCK}: no file is like {pattern}")
        found += files
    return found


def standings_of(made: Iterable[Path]) -> list[Standing]:
    """How results stand: folders, or single files.

    Raises
    ------
    InputError
        When one of them has no record of what made it.
    """
    return [_of_result(each, repository()) for each in made]


def standings() -> list[Standing]:
    """How every table of data and every stored result of the project stands."""
    root = repository()
    folders = sorted(path.parent for path in (root / "validation").rglob(RECORD))
    files = [_of_file(root / name, result) for name, result in _declared().results.items()]
    return [*_of_tables(root), *filter(None, files), *standings_of(folders)]


def _of_file(path: Path, result: StoredResult) -> Standing | None:
    """How a single file stands; nothing where its folder is not part of what is installed."""
    root = repository()
    if not path.parent.is_dir():
        return None
    if not place_of(path).is_file():
        return Standing(
            _name(path, root), State.UNCHECKED, "has no record of what it was made of", result.command
        )
    known = read_record(path).read
    read = (_name(each, root) for each in _read_by(result, root))
    return _of_result(path, root, [f"{name} is new" for name in sorted(read) if name not in known])


def _of_tables(root: Path) -> list[Standing]:
    known, there = read_lock(), tables()
    found = []
    for name in sorted({*known, *there}):
        if name not in known:
            found.append(Standing(name, State.UNKNOWN, f"no source and grade in {LOCK}"))
        elif name not in there:
            found.append(Standing(name, State.GONE, f"it stands in {LOCK}"))
        elif digest(root / name) != known[name].sha256:
            why = f"no longer what is locked as {known[name].grade}: {known[name].source}"
            found.append(Standing(name, State.CHANGED, why, "cart status --lock"))
        else:
            found.append(Standing(name, State.AS_LOCKED, f"{known[name].grade}: {known[name].source}"))
    return found


def _of_result(made: Path, root: Path, new: Iterable[str] = ()) -> Standing:
    found = read_record(made)
    differs, may = stale(found, made, root)
    differs += new
    state = State.STALE if differs else State.UNCHECKED if may else State.FRESH
    return Standing(
        _name(made, root), state, "; ".join([*differs, *may]), found.command if differs or may else ""
    )


def _name(path: Path, root: Path) -> str:
    """A path from the folder of the project, where it is in it."""
    whole = path.absolute()
    return whole.relative_to(root).as_posix() if whole.is_relative_to(root) else str(path)

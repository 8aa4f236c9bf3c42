"""The command status: which tables are not those that are locked, and which results are stale."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["status"]


def status(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FOLDER]...",
            help="Folders or files that a command wrote; without one the project's own tables and results.",
        ),
    ] = None,
    lock: Annotated[
        bool, typer.Option("--lock", help="Lock each table that has a source and a grade as it is now.")
    ] = False,
    record: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="FILE", help="Write down of what a stored file was made: its command has run. Repeatable."
        ),
    ] = None,
) -> None:
    """Say which tables of data and results are not what they were; exit code 1 when there is one."""
    from collections import Counter

    from harness.validation import locked
    from harness.validation.locked import State, standings, standings_of

    if lock:
        for name in locked.lock():
            print(f"{name}: locked as it is now")
    for path in record or ():
        locked.record(path)
    asked = [*(folders or ()), *(record or ())]
    found = standings_of(asked) if asked else standings()
    for each in found:
        if each.state not in (State.AS_LOCKED, State.FRESH):
            renewed = f"; to make it anew: {each.command}" if each.command else ""
            print(f"{each.name}: {each.state}: {each.why}{renewed}")
    counts = Counter(str(each.state) for each in found)
    print("; ".join(f"{count} {state}" for state, count in counts.items()))
    raise typer.Exit(int(any(not each.holds for each in found)))

"""How an object shows itself to who asks for it in a script: what it is, and what it holds, in ten lines.

Promise: never more lines than `LINES`, none longer than `WIDTH`, whatever the object holds; what is left out
is counted.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["in_lines", "listed", "shortest"]

LINES = 10
WIDTH = 100
ROOM = 68
"""Letters of a list on a line, beside its name and the count of what is left out."""


def in_lines(what: str, **rows: object) -> str:
    """What an object is, and a line for each thing that it holds; those that are empty have none."""
    told = [f"  {name}: {text}" for name, text in rows.items() if str(text)]
    if len(told) >= LINES:
        told = [*told[: LINES - 2], f"  and {len(told) - LINES + 2} more"]
    return "\n".join(_cut(" ".join(line.splitlines())) for line in (what, *told))


def listed(things: Iterable[object], most: int = 6) -> str:
    """The first of some things, and how many there are beside them."""
    words = [str(each) for each in things]
    told = words[:most]
    while len(told) > 1 and len(", ".join(told)) > ROOM:
        told.pop()
    rest = len(words) - len(told)
    return ", ".join(told) + (f" and {rest} more" if rest else "")


def shortest(number: float) -> str:
    """A number with six digits where they say all of it, else with as many as it needs."""
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))


def _cut(line: str) -> str:
    return line if len(line) <= WIDTH else f"{line[: WIDTH - 4]} ..."

"""An SVG in fewer bytes: paths in steps from point to point, on a grid too fine to be seen, no line breaks.

Promise: no point moves by more than half a step of the grid, however long its path; words are not touched.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["compact_path", "compact_svg"]

GRID = {"M": 1, "L": 1, "Q": 2, "C": 2}
"""Digits after the point, in points of 1/72 inch, by command: markers, which are small, are curves."""

NUMBERS = {"M": 2, "L": 2, "Q": 4, "C": 6, "Z": 0}
"""Numbers after each command, as matplotlib writes them: absolute, each command with its letter."""

TOKEN = re.compile(r"[A-Za-z]|[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def compact_svg(text: str) -> str:
    """The same picture, its paths by :func:`compact_path`, without white space between its elements."""
    paths = re.sub(r'(?<= d=")[^"]*', lambda found: compact_path(found[0]), text)
    return re.sub(r">\s*\n\s*<", "><", paths)


def compact_path(path: str) -> str:
    """The data of a path, relative and rounded; with other commands than matplotlib's it is left as it is."""
    steps = list(_commands(path))
    if any(len(numbers) != NUMBERS.get(command, -1) for command, numbers in steps):
        return path
    digits = max((GRID[command] for command, _ in steps if command in GRID), default=1)
    written, at, start, last = [], (0, 0), (0, 0), ""
    for command, numbers in steps:
        if command == "Z":
            written.append("z")
            at, last = start, command
            continue
        points = [round(number * 10**digits) for number in numbers]
        moves = [point - at[i % 2] for i, point in enumerate(points)]
        at = (points[-2], points[-1])
        start = at if command == "M" else start
        letter = "" if command == last != "M" else command.lower()
        written.append(_joined(letter, [_short(move, digits) for move in moves]))
        last = command
    return "".join(written)


def _commands(path: str) -> Iterator[tuple[str, list[float]]]:
    """Commands of a path with their numbers."""
    command, numbers = "", list[float]()
    for token in TOKEN.findall(path):
        if not token.isalpha():
            numbers.append(float(token))
            continue
        if command:
            yield command, numbers
        command, numbers = token.upper() if token == "z" else token, []
    if command:
        yield command, numbers


def _short(steps: int, digits: int) -> str:
    """Steps of the grid as a number without what it can do without."""
    whole = f"{steps / 10**digits:.{digits}f}".rstrip("0").rstrip(".")
    return re.sub(r"^(-?)0\.", r"\1.", whole)


def _joined(letter: str, numbers: list[str]) -> str:
    """Numbers behind a letter, apart only where one would run into the next."""
    first, *rest = numbers
    apart = "" if letter or first.startswith("-") else " "
    return letter + apart + first + "".join(n if n.startswith("-") else f" {n}" for n in rest)

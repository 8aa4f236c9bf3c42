"""Errors that a user can act on: one line that says what is wrong and what would be right.

Promise: every fault in what a user gave (a name, unit, number, time, dose, path or file) is raised as
:class:`InputError`, whose text is that one line; :class:`RunFailed` among them says that what was given could
be read, and that no simulation of it went well. Anything else that escapes is a defect of this project.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["InputError", "RunFailed", "unknown_name"]


MOST = 1200
"""Characters of the line."""


class InputError(ValueError):
    """A fault in the input, told in one line, in which characters that do not print are escaped."""

    def __init__(self, message: object) -> None:
        line = " ".join(str(message).splitlines())
        if len(line) > MOST:  # of a name or number that long, of which both ends tell enough
            line = f"{line[: MOST // 2]} ... {line[-MOST // 2 :]}"
        super().__init__("".join(c if c.isprintable() else ascii(c)[1:-1] for c in line))


class RunFailed(InputError):
    """No simulation of what was asked for went well, so that there is nothing to say of it."""


def unknown_name(kind: str, name: str, choices: Iterable[str], by_meaning: Iterable[str] = ()) -> InputError:
    """Error for a name that is not among `choices`: the nearest ones first, or all when none is near.

    A slip of the hand comes first, then those that are near `by_meaning`, then what looks alike.
    """
    known = sorted(choices)
    close, alike = (difflib.get_close_matches(name, known, n=3, cutoff=cutoff) for cutoff in (0.8, 0.5))
    near = list(dict.fromkeys([*close, *by_meaning, *alike]))[:3]
    lowered = {choice.lower(): choice for choice in known}
    if name.lower() in lowered:
        near = [lowered[name.lower()]]
    if near:
        return InputError(f"no {kind} '{name}'; nearest: {', '.join(near)}")
    listing = ", ".join(known[:60]) + (", ..." if len(known) > 60 else "")
    return InputError(f"no {kind} '{name}'; known: {listing or 'none'}")

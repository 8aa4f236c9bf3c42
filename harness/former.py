"""Names that public things had before: each still works for one minor version, and says which one it is now.

Promise: an earlier name means its new one, with a warning, in the minor version that brought the new one, and
is refused with the same words from the next on. Whoever looks a public name up asks here first.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

from harness.errors import InputError

__all__ = ["FORMER", "Former", "FormerName", "Kind", "current"]

Kind = Literal["name", "option", "field", "model", "reading", "endpoint", "panel"]
"""What is public: a name of `harness`, an option of a command, a field of a declaration, and so on."""


class FormerName(DeprecationWarning):
    """An earlier name was used; a command tells it in a line of standard error."""


@dataclass(frozen=True)
class Former:
    """What an earlier name is now, and the minor version, such as ``0.2``, since which that is so."""

    new: str
    since: str


FORMER: dict[tuple[Kind, str], Former] = {}
"""Earlier names by kind, such as ``("option", "--workers"): Former("--processes", "0.2")``; none so far."""


def current(kind: Kind, name: str) -> str:
    """The name that a thing has now: the same one, unless it is an earlier name.

    Raises
    ------
    InputError
        When the earlier name is of a minor version before the last.
    """
    former = FORMER.get((kind, name))
    if former is None:
        return name
    from importlib.metadata import version

    said = f"{kind} {name} is {former.new} since version {former.since}"
    if _minor(version("cart-pkpd")) > _minor(former.since):
        raise InputError(said)
    warnings.warn(f"{said}; the next minor version refuses {name}", FormerName, stacklevel=3)
    return former.new


def _minor(version: str) -> tuple[int, ...]:
    """Major and minor of a version."""
    return tuple(int(part) for part in version.split(".")[:2])

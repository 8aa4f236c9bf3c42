"""Regimens as a file declares them: doses, a rule for more, and one that holds them, by name.

Promise: what a file says is held against one model, its observables and its units, and is refused in one line
that names the regimen and the field.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from harness.declarations import Declaration, read_declaration
from harness.errors import InputError, unknown_name
from harness.models.symbols import Kind, SymbolTable
from harness.models.units import parse_quantity
from harness.simulation.regimen import VISITS, Hold, Redosing, Regimen, parse_amount, regimen

R = TypeVar("R")

__all__ = [
    "DeclaredRegimen",
    "choose_regimen",
    "declared_regimen",
    "declared_regimens",
    "read_regimens",
    "require_watched",
]


class DeclaredLevel(Declaration):
    """A level of an observable, as a file gives it: it is below or above."""

    observable: str
    below: str | None = None
    above: str | None = None


class DeclaredRedosing(DeclaredLevel):
    """The rule for more doses, as a file gives it: a rise over the lowest value, or a level."""

    amount: str
    rise: str | None = None
    every: str
    start: str
    at_most: int = 1


class DeclaredRegimen(Declaration):
    """One regimen, as a file gives it."""

    doses: tuple[str, ...]
    redosing: DeclaredRedosing | None = None
    hold: DeclaredLevel | None = None


class DeclaredRegimens(Declaration):
    """A file of regimens by name."""

    regimens: dict[str, DeclaredRegimen]


def read_regimens(path: Path, symbols: SymbolTable) -> dict[str, Regimen]:
    """Read a YAML file of regimens by name, for one model.

    Raises
    ------
    InputError
        When the file is missing or broken, an observable is unknown, or a number or unit is wrong.
    """
    declared = declared_regimens(path)
    try:
        return {name: declared_regimen(name, one, symbols) for name, one in declared.items()}
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def declared_regimens(path: Path) -> dict[str, DeclaredRegimen]:
    """What such a file declares, before it is held against a model.

    Raises
    ------
    InputError
        When the file is missing or broken.
    """
    declared = read_declaration(path, DeclaredRegimens).regimens
    unfit = [name for name in declared if name != name.strip() or not name]
    if unfit:
        raise InputError(
            f"{path}: '{unfit[0]}' is no name of a regimen: it is empty, or has blanks around it"
        )
    return declared


def declared_regimen(name: str, declared: DeclaredRegimen, symbols: SymbolTable) -> Regimen:
    """Regimen of what was declared under a name, for one model.

    Raises
    ------
    InputError
        When an observable is unknown, or a number or unit is wrong.
    """
    base = regimen(declared.doses, symbols.time_unit, symbols.amount_unit)
    hold = None if declared.hold is None else _hold(name, declared.hold, base, symbols)
    if declared.redosing is None:
        return Regimen(base.doses, hold=hold)
    rule, unit = declared.redosing, symbols.time_unit
    require_watched(name, rule.observable, symbols)
    if (rule.rise is None) == (rule.below is None and rule.above is None):
        raise InputError(f"regimen {name}: redosing by rise, or by below or above, one of them")
    amount, relative = parse_amount(rule.amount, symbols.amount_unit, f"regimen {name}: amount")
    every = parse_quantity(rule.every, unit, f"regimen {name}: every")
    start = parse_quantity(rule.start, unit, f"regimen {name}: start")
    rise, below, above = 0.0, -math.inf, math.inf
    if rule.rise is None:
        below, above = _level(name, rule, symbols)
    else:
        rise = parse_quantity(rule.rise, "dimensionless", f"regimen {name}: rise")
    if every <= 0 or (rule.rise is not None and rise <= 0) or start < 0 or rule.at_most < 1 or amount <= 0:
        raise InputError(
            f"regimen {name}: amount, rise, every and at_most must be positive, start not negative"
        )
    if rule.at_most > VISITS:
        raise InputError(f"regimen {name}: at_most: a rule that gives {rule.at_most} doses never stops")
    more = Redosing(amount, rule.observable, rise, every, start, rule.at_most, relative, below, above)
    return regimen(Regimen(base.doses, more, hold), symbols.time_unit, symbols.amount_unit)


def require_watched(name: str, observable: str, symbols: SymbolTable) -> None:
    """A rule looks at what there is, and what moves; `name` is that of its regimen, or empty.

    Raises
    ------
    InputError
        When there is no such observable, or it is constant.
    """
    regimen_ = f"regimen {name}" if name else "the regimen"
    if observable not in symbols:
        raise unknown_name(f"observable for {regimen_}", observable, symbols)
    if symbols[observable].kind in (Kind.PARAMETER, Kind.COMPARTMENT):
        raise InputError(f"{regimen_}: {observable} is constant and never rises")


def _level(name: str, declared: DeclaredLevel, symbols: SymbolTable) -> tuple[float, float]:
    """The levels that an observable is held against, in its unit."""
    if (declared.below is None) == (declared.above is None):
        raise InputError(f"regimen {name}: {declared.observable} is to be below a level, or above one")
    unit, ends = symbols[declared.observable].unit, {"below": -math.inf, "above": math.inf}
    for end, text in (("below", declared.below), ("above", declared.above)):
        if text is not None:
            ends[end] = parse_quantity(text, unit, f"regimen {name}: {end}")
            if not math.isfinite(ends[end]):
                raise InputError(f"regimen {name}: {end} must be finite")
    return ends["below"], ends["above"]


def _hold(name: str, declared: DeclaredLevel, base: Regimen, symbols: SymbolTable) -> Hold:
    """The rule that holds planned doses after the start, of which there must be some, given at once."""
    require_watched(name, declared.observable, symbols)
    if not base.later:
        raise InputError(f"regimen {name}: there is no dose after the start to hold")
    if any(dose.duration > 0 for dose in base.doses):
        raise InputError(f"regimen {name}: a dose that may be held is given at once, not over a time")
    return Hold(declared.observable, *_level(name, declared, symbols))


def choose_regimen(name: str, regimens: Mapping[str, R]) -> R:
    """Regimen by name, or one line with the nearest names."""
    if name not in regimens:
        raise unknown_name("regimen", name, regimens)
    return regimens[name]

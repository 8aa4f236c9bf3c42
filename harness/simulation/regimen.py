"""Regimens: which doses are given, when and over how long, when a run gives more, and when it holds a part.

Promise: a regimen is validated, in order of time, without two doses of a kind at one time, and in the
model's own units (cells, or what else it doses; the model's time). Amounts may be relative to the dose of a
run until :meth:`Regimen.absolute` fixes them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np

from harness.analysis.moments import SAME
from harness.declarations import Declaration, read_declaration
from harness.errors import InputError, unknown_name
from harness.models.symbols import Kind, SymbolTable
from harness.models.units import counts, parse_quantity

R = TypeVar("R")

__all__ = [
    "VISITS",
    "DeclaredRegimen",
    "Dose",
    "Hold",
    "Redosing",
    "Regimen",
    "at_least_one",
    "choose_regimen",
    "declared_regimen",
    "declared_regimens",
    "is_part",
    "parse_dose",
    "read_regimens",
    "regimen",
]


VISITS = 10_000
"""Visits of a re-dosing rule in one run, and doses that it may give."""

SHORTEST = 1e-9
"""The shortest infusion, in the model's time unit and over the time of its start: the ends of a shorter one
are not held apart by the integration, or by rounding, so that its rate would not add up to its amount."""


@dataclass(frozen=True, order=True)
class Dose:
    """`amount` cells, or what the model doses, at `time`, at once or evenly over `duration`; its own units.

    With `relative`, `amount` is a multiple of the dose of the run. As a text it is what :func:`parse_dose`
    reads as the same dose.
    """

    time: float
    amount: float
    duration: float = 0.0
    relative: bool = False

    def __str__(self) -> str:
        over = f" for {_shortest(self.duration)}" if self.duration else ""
        return f"{_shortest(self.amount)}{'x' if self.relative else ''}@{_shortest(self.time)}{over}"


@dataclass(frozen=True)
class Redosing:
    """More cells when an observable has risen over its lowest value so far, or has crossed a level.

    The observable is looked at every `every` from `start` on, and `amount` cells are given at a visit,
    `at_most` times in a run: when it has risen over its lowest value at the visits since the last such dose
    (or the first visit), by at least `rise` times the size of that; or, where `rise` is 0, when it is below
    `below` or above `above`, and after that only when it has come back at a visit. A visit at time 0 only
    takes note.
    """

    amount: float
    observable: str
    rise: float
    every: float
    start: float
    at_most: int = 1
    relative: bool = False
    below: float = -math.inf
    above: float = math.inf

    def __post_init__(self) -> None:
        _valid(Dose(self.start, self.amount, relative=self.relative), "dose of the rule")

    def visits(self, end: float) -> np.ndarray:
        """Times of the visits to `end`; the first only notes the value."""
        latest = end + SAME * max(1.0, end)
        count = int(np.floor((latest - self.start) / self.every)) + 1
        return self.start + self.every * np.arange(max(count, 0))


@dataclass(frozen=True)
class Hold:
    """A planned dose after the start is not given when an observable is beyond a level just before."""

    observable: str
    below: float = -math.inf
    above: float = math.inf


@dataclass(frozen=True)
class Regimen:
    """Doses in order of time, those of a kind at one time added up, a rule for more, and one that holds them.

    Raises
    ------
    InputError
        When a number of a dose is not finite or is negative.
    """

    doses: tuple[Dose, ...] = ()
    redosing: Redosing | None = None
    hold: Hold | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "doses", _in_order(self.doses))

    @cached_property
    def at_start(self) -> tuple[Dose, ...]:
        """Boluses at time 0: the parameter of the dose holds them when a run starts."""
        return tuple(dose for dose in self.doses if dose.time == 0 and dose.duration == 0)

    @property
    def later(self) -> tuple[Dose, ...]:
        """What is given besides: boluses after time 0, and infusions whenever they start; none of nothing."""
        return tuple(d for d in self.doses if d.amount > 0 and (d.time > 0 or d.duration > 0))

    @property
    def multiples(self) -> tuple[float, ...]:
        """Amounts that are multiples of the dose of a run, that of the rule among them."""
        return tuple(each.amount for each in (*self.doses, self.redosing) if each and each.relative)

    def moments(self) -> tuple[float, ...]:
        """Times at which doses start, and at which infusions end."""
        return tuple(sorted({edge for d in self.doses for edge in (d.time, d.time + d.duration)}))

    def absolute(self, dose: float) -> Regimen:
        """The same with relative amounts as multiples of `dose` cells."""
        doses = [replace(d, amount=d.amount * dose, relative=False) if d.relative else d for d in self.doses]
        rule = self.redosing
        if rule is not None and rule.relative:
            rule = replace(rule, amount=rule.amount * dose, relative=False)
        return Regimen(tuple(doses), rule, self.hold)

    def __str__(self) -> str:
        parts = [str(dose) for dose in self.doses]
        if self.redosing:
            rule = self.redosing
            when = f"rises {_shortest(100 * rule.rise)}%" if rule.rise else _beyond(rule)
            amount = f"{_shortest(rule.amount)}{'x' if rule.relative else ''}"
            parts.append(f"{amount} when {rule.observable} {when}")
        if self.hold:
            parts.append(f"held when {self.hold.observable} {_beyond(self.hold)}")
        return ", ".join(parts)


def parse_dose(text: str | float | Dose, amount_unit: str = "cells", time_unit: str = "day") -> Dose:
    """Read a dose: ``450e6``, ``150e6@28``, ``150e6 cells @ 4 weeks``, ``1e8@0 for 2 hours``, ``0.5x@28``.

    Raises
    ------
    InputError
        When the amount, the time or the duration is no number, is negative, or has a unit that does not
        convert, an infusion is too short to be one, or what is counted is given in part.
    """
    what = f"dose '{text}'"
    if isinstance(text, Dose):
        return _whole(_valid(text, what), amount_unit, what)
    given, _, over = str(text).partition(" for ")
    amount, at, time = given.partition("@")
    number, relative = _amount(amount, amount_unit, what)
    dose = Dose(
        time=parse_quantity(time, time_unit, what) if at else 0.0,
        amount=number,
        duration=parse_quantity(over, time_unit, what) if " for " in str(text) else 0.0,
        relative=relative,
    )
    return _whole(_valid(dose, what), amount_unit, what)


def is_part(amount: float, unit: str) -> bool:
    """Whether an amount is a part of one of what its unit counts: half a cell, and not half a milligram."""
    return 0 < amount < 1 and counts(unit)


def at_least_one(unit: str) -> str:
    """What a dose in a unit must be, for the line that refuses another."""
    return f"a dose is 0 or at least one {'cell' if unit == 'cells' else unit}"


def _whole(dose: Dose, unit: str, what: str) -> Dose:
    if is_part(dose.amount, unit) and not dose.relative:
        raise InputError(f"{what}: {at_least_one(unit)}")
    return dose


def regimen(
    doses: str | float | Dose | Regimen | Iterable[str | float | Dose],
    time_unit: str = "day",
    amount_unit: str = "cells",
) -> Regimen:
    """A regimen from doses: amounts at time 0, texts as :func:`parse_dose` reads them, or doses.

    A single one may stand for itself, and a regimen is returned as it is. Texts without units are in
    `amount_unit` and `time_unit`, those of the model.

    Raises
    ------
    InputError
        As :func:`parse_dose`, or when doses at one time add up to no number.
    """
    if isinstance(doses, Regimen):
        for dose in doses.doses:
            _whole(dose, amount_unit, f"dose '{dose}'")
        if rule := doses.redosing:
            _whole(Dose(rule.start, rule.amount, relative=rule.relative), amount_unit, "dose of the rule")
        return doses
    if isinstance(doses, str | float | int | Dose):
        doses = [doses]
    return Regimen(tuple(parse_dose(dose, amount_unit, time_unit) for dose in doses))


def _in_order(doses: Iterable[Dose]) -> tuple[Dose, ...]:
    """Doses in order; those of one time, of one duration and alike in what they are relative to are one."""
    amounts: dict[tuple[float, float, bool], list[float]] = {}
    time = -math.inf
    for dose in sorted(_valid(dose, f"dose '{dose}'") for dose in doses):
        if dose.time - time > SAME * max(1.0, dose.time):
            time = dose.time
        amounts.setdefault((time, dose.duration, dose.relative), []).append(dose.amount)
    added = [Dose(at, math.fsum(given), over, multiple) for (at, over, multiple), given in amounts.items()]
    return tuple(sorted(_valid(dose, f"doses at {dose.time:g}") for dose in added))


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
    _require_watched(name, rule.observable, symbols)
    if (rule.rise is None) == (rule.below is None and rule.above is None):
        raise InputError(f"regimen {name}: redosing by rise, or by below or above, one of them")
    amount, relative = _amount(rule.amount, symbols.amount_unit, f"regimen {name}: amount")
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


def _require_watched(name: str, observable: str, symbols: SymbolTable) -> None:
    """A rule looks at what there is, and what moves."""
    if observable not in symbols:
        raise unknown_name(f"observable for regimen {name}", observable, symbols)
    if symbols[observable].kind in (Kind.PARAMETER, Kind.COMPARTMENT):
        raise InputError(f"regimen {name}: {observable} is constant and never rises")


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
    _require_watched(name, declared.observable, symbols)
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


def _amount(text: str, unit: str, what: str) -> tuple[float, bool]:
    """An amount, or a multiple of the dose of the run written with an x behind it."""
    multiple = re.fullmatch(r"\s*([0-9.eE+-]+)\s*x\s*", text)
    if multiple:
        return parse_quantity(multiple[1], "dimensionless", what), True
    return parse_quantity(text, unit, what), False


def _beyond(level: Redosing | Hold) -> str:
    if level.above == math.inf:
        return f"is below {_shortest(level.below)}"
    return f"is above {_shortest(level.above)}"


def _shortest(number: float) -> str:
    """A number with six digits where they say all of it, else with as many as it needs."""
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))


def _valid(dose: Dose, what: str) -> Dose:
    if not all(math.isfinite(number) for number in (dose.time, dose.amount, dose.duration)):
        raise InputError(f"{what}: the amount and the times must be finite")
    if dose.amount < 0:
        raise InputError(f"{what}: the amount must not be negative")
    if dose.time < 0 or dose.duration < 0:
        raise InputError(f"{what}: the time must not be negative")
    if 0 < dose.duration < SHORTEST * max(1.0, dose.time):
        raise InputError(f"{what}: too short for an infusion; without 'for' it is given at once")
    return dose

"""Regimens: which doses are given, when and over how long, when a run gives more, and when it holds a part.

Promise: a regimen is validated, in order of time, without two doses of a kind at one time, and in the
model's own units (cells, or what else it doses; the model's time). Amounts may be relative to the dose of a
run until :meth:`Regimen.absolute` fixes them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import AfterValidator

from harness.analysis.moments import SAME
from harness.errors import InputError
from harness.models.units import counts, parse_quantity, require_time_unit, require_unit
from harness.offered import offered
from harness.shown import shortest

__all__ = [
    "VISITS",
    "Dose",
    "Hold",
    "Redosing",
    "Regimen",
    "at_least_one",
    "is_part",
    "parse_amount",
    "parse_dose",
    "regimen",
]

VISITS = 10_000
"""Visits of a re-dosing rule in one run, and doses that it may give."""

SHORTEST = 1e-9
"""The shortest infusion, in the model's time unit and over the time of its start: the ends of a shorter one
are not held apart by the integration, or by rounding, so that its rate would not add up to its amount."""


@offered
@dataclass(frozen=True, order=True)
class Dose:
    """`amount` cells, or what the model doses, at `time`, at once or evenly over `duration`; its own units.

    With `relative`, `amount` is a multiple of the dose of the run. As a text it is what :func:`parse_dose`
    reads as the same dose.

    Raises
    ------
    InputError
        When a number is not finite or is negative, or an infusion is too short to be one.
    """

    time: float
    amount: float
    duration: float = 0.0
    relative: bool = False

    def __post_init__(self) -> None:
        _require_numbers(self.time, self.amount, self.duration, "dose")

    def __str__(self) -> str:
        over = f" for {shortest(self.duration)}" if self.duration else ""
        return f"{shortest(self.amount)}{'x' if self.relative else ''}@{shortest(self.time)}{over}"


@offered
@dataclass(frozen=True)
class Redosing:
    """More cells when an observable has risen over its lowest value so far, or has crossed a level.

    The observable is looked at every `every` from `start` on, and `amount` cells are given at a visit,
    `at_most` times in a run: when it has risen over its lowest value at the visits since the last such dose
    (or the first visit), by at least `rise` times the size of that; or, where `rise` is 0, when it is below
    `below` or above `above`, and after that only when it has come back at a visit. A visit at time 0 only
    takes note.

    Raises
    ------
    InputError
        When a number is not finite, or none that means something; or when there is not one of a rise and a
        level.
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
        _require_numbers(self.start, self.amount, 0.0, "dose of the rule")
        if not (0 < self.every < math.inf and 0 <= self.rise < math.inf and self.at_most >= 1):
            raise InputError("rule of doses: every must be positive, rise not negative, at_most at least 1")
        if (self.rise > 0) + _levels(self.below, self.above, "rule of doses") != 1:
            raise InputError("rule of doses: one of rise, below and above says when; give one")

    def visits(self, end: float) -> np.ndarray:
        """Times of the visits to `end`; the first only notes the value."""
        latest = end + SAME * max(1.0, end)
        count = int(np.floor((latest - self.start) / self.every)) + 1
        return self.start + self.every * np.arange(max(count, 0))


@offered
@dataclass(frozen=True)
class Hold:
    """A planned dose after the start is not given when an observable is beyond a level just before."""

    observable: str
    below: float = -math.inf
    above: float = math.inf

    def __post_init__(self) -> None:
        if _levels(self.below, self.above, "rule that holds doses") != 1:
            raise InputError("rule that holds doses: one of below and above says when; give one")


def _levels(below: float, above: float, what: str) -> int:
    """How many levels are given."""
    if math.isnan(below) or math.isnan(above) or below == math.inf or above == -math.inf:
        raise InputError(f"{what}: a level must be finite")
    return (below > -math.inf) + (above < math.inf)


@offered
@dataclass(frozen=True)
class Regimen:
    """Doses in order of time, those of a kind at one time added up, a rule for more, and one that holds them.

    Raises
    ------
    InputError
        When doses at one time add up to no number.
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

    def given(self, redoses: Iterable[float], held: Collection[float]) -> tuple[Dose, ...]:
        """What a run got, in order of time: planned doses but those `held`, and those that the rule gave.

        `redoses` and `held` are times; amounts are absolute, and none of nothing is among them.
        """
        kept = [dose for dose in self.doses if dose.amount > 0 and not _at_one_of(held, dose.time)]
        more = [Dose(time, self.redosing.amount) for time in redoses] if self.redosing else []
        return tuple(sorted([*kept, *more]))

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
            when = f"rises {shortest(100 * rule.rise)}%" if rule.rise else _beyond(rule)
            amount = f"{shortest(rule.amount)}{'x' if rule.relative else ''}"
            parts.append(f"{amount} when {rule.observable} {when}")
        if self.hold:
            parts.append(f"held when {self.hold.observable} {_beyond(self.hold)}")
        return ", ".join(parts)


def _at_one_of(times: Collection[float], time: float) -> bool:
    return any(abs(each - time) <= SAME * max(1.0, time) for each in times)


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
        return _whole(text, amount_unit, what)
    given, _, over = str(text).partition(" for ")
    amount, at, time = given.partition("@")
    number, relative = parse_amount(amount, amount_unit, what)
    start = parse_quantity(time, time_unit, what) if at else 0.0
    duration = parse_quantity(over, time_unit, what) if " for " in str(text) else 0.0
    _require_numbers(start, number, duration, what)
    return _whole(Dose(start, number, duration, relative), amount_unit, what)


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
    time_unit: Annotated[str, AfterValidator(require_time_unit)] = "day",
    amount_unit: Annotated[str, AfterValidator(require_unit)] = "cells",
) -> Regimen:
    """A regimen from doses: amounts at time 0, texts as :func:`parse_dose` reads them, or doses.

    A single one may stand for itself, and a regimen is returned as it is. Texts without units are in
    `amount_unit` and `time_unit`, those of the model.

    Raises
    ------
    InputError
        As :func:`parse_dose`, for a unit that is none, or when doses at one time add up to no number.
    """
    if isinstance(doses, Regimen):
        for dose in doses.doses:
            _whole(dose, amount_unit, f"dose '{dose}'")
        if rule := doses.redosing:
            _whole(Dose(rule.start, rule.amount, relative=rule.relative), amount_unit, "dose of the rule")
        return doses
    if isinstance(doses, bytes):  # a sequence of whole numbers, which nobody means
        raise InputError(f"dose '{doses!r}': bytes are no dose")
    if isinstance(doses, str | float | int | Dose):
        doses = [doses]
    return Regimen(tuple(parse_dose(dose, amount_unit, time_unit) for dose in doses))


def _in_order(doses: Iterable[Dose]) -> tuple[Dose, ...]:
    """Doses in order; those of one time, of one duration and alike in what they are relative to are one."""
    amounts: dict[tuple[float, float, bool], list[float]] = {}
    time = -math.inf
    for dose in sorted(doses):
        if dose.time - time > SAME * max(1.0, dose.time):
            time = dose.time
        amounts.setdefault((time, dose.duration, dose.relative), []).append(dose.amount)
    added = []
    for (at, over, multiple), given in amounts.items():
        total = math.fsum(given)
        _require_numbers(at, total, over, f"doses at {at:g}")
        added.append(Dose(at, total, over, multiple))
    return tuple(sorted(added))


def parse_amount(text: str, unit: str, what: str) -> tuple[float, bool]:
    """An amount in `unit`, or a multiple of the dose of the run, with an x behind it; and which it is."""
    multiple = re.fullmatch(r"\s*([0-9.eE+-]+)\s*x\s*", text)
    if multiple:
        return parse_quantity(multiple[1], "dimensionless", what), True
    return parse_quantity(text, unit, what), False


def _beyond(level: Redosing | Hold) -> str:
    if level.above == math.inf:
        return f"is below {shortest(level.below)}"
    return f"is above {shortest(level.above)}"


def _require_numbers(time: float, amount: float, duration: float, what: str) -> None:
    if not all(math.isfinite(number) for number in (time, amount, duration)):
        raise InputError(f"{what}: the amount and the times must be finite")
    if amount < 0:
        raise InputError(f"{what}: the amount must not be negative")
    if time < 0 or duration < 0:
        raise InputError(f"{what}: the time must not be negative")
    if 0 < duration < SHORTEST * max(1.0, time):
        raise InputError(f"{what}: too short for an infusion; without 'for' it is given at once")

"""Regimens: which doses are given, when and over how long, and when a run gives more.

Promise: a regimen is validated, in order of time, and in the model's own units (cells; the model's time).
Amounts may be relative to the dose of a run until :meth:`Regimen.absolute` fixes them.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.declarations import Declaration, read_declaration
from harness.errors import InputError, unknown_name
from harness.models.symbols import Kind, SymbolTable
from harness.models.units import parse_quantity

__all__ = [
    "DeclaredRegimen",
    "Dose",
    "Redosing",
    "Regimen",
    "choose_regimen",
    "declared_regimen",
    "parse_dose",
    "read_regimens",
    "regimen",
]


@dataclass(frozen=True, order=True)
class Dose:
    """`amount` cells at `time`, at once or evenly over `duration`, in the model's units.

    With `relative`, `amount` is a multiple of the dose of the run.
    """

    time: float
    amount: float
    duration: float = 0.0
    relative: bool = False


@dataclass(frozen=True)
class Redosing:
    """More cells when an observable has risen over its lowest value so far.

    The observable is looked at every `every` from `start` on; when it is at least 1 + `rise` times its
    lowest value at the visits since the last such dose (or the first visit), `amount` cells are given at
    that visit, `at_most` times in a run.
    """

    amount: float
    observable: str
    rise: float
    every: float
    start: float
    at_most: int = 1
    relative: bool = False

    def visits(self, end: float) -> np.ndarray:
        """Times of the visits to `end`; the first only notes the value."""
        count = int(np.floor((end - self.start) / self.every * (1 + 1e-12))) + 1
        return self.start + self.every * np.arange(max(count, 0))


@dataclass(frozen=True)
class Regimen:
    """Doses in order of time, and a rule for more."""

    doses: tuple[Dose, ...] = ()
    redosing: Redosing | None = None

    def absolute(self, dose: float) -> Regimen:
        """The same with relative amounts as multiples of `dose` cells."""
        doses = [replace(d, amount=d.amount * dose, relative=False) if d.relative else d for d in self.doses]
        rule = self.redosing
        if rule is not None and rule.relative:
            rule = replace(rule, amount=rule.amount * dose, relative=False)
        return Regimen(tuple(_valid(d, f"dose at {d.time:g}") for d in doses), rule)

    def __str__(self) -> str:
        parts = [
            f"{d.amount:g}{'x' if d.relative else ''}@{d.time:g}"
            + (f" for {d.duration:g}" if d.duration else "")
            for d in self.doses
        ]
        if self.redosing:
            rule = self.redosing
            parts.append(
                f"{rule.amount:g}{'x' if rule.relative else ''} when {rule.observable} rises {rule.rise:.0%}"
            )
        return ", ".join(parts)


def parse_dose(text: str | float | Dose, amount_unit: str = "item", time_unit: str = "day") -> Dose:
    """Read a dose: ``450e6``, ``150e6@28``, ``150e6 cells @ 4 weeks``, ``1e8@0 for 2 hours``, ``0.5x@28``.

    Raises
    ------
    InputError
        When the amount, the time or the duration is no number, is negative, or has a unit that does not
        convert.
    """
    if isinstance(text, Dose):
        return _valid(text, str(text))
    what = f"dose '{text}'"
    given, _, over = str(text).partition(" for ")
    amount, at, time = given.partition("@")
    number, relative = _amount(amount, amount_unit, what)
    return _valid(
        Dose(
            time=parse_quantity(time, time_unit, what) if at else 0.0,
            amount=number,
            duration=parse_quantity(over, time_unit, what) if " for " in str(text) else 0.0,
            relative=relative,
        ),
        what,
    )


def regimen(
    doses: str | float | Dose | Regimen | Iterable[str | float | Dose], time_unit: str = "day"
) -> Regimen:
    """A regimen from doses, those at the same time added up; a single dose may stand for itself."""
    if isinstance(doses, Regimen):
        return doses
    if isinstance(doses, str | float | int | Dose):
        doses = [doses]
    merged: list[Dose] = []
    for dose in sorted(parse_dose(d, time_unit=time_unit) for d in doses):
        if merged and math.isclose(merged[-1].time, dose.time, rel_tol=1e-12, abs_tol=1e-12):
            before = merged[-1]
            dose = replace(dose, time=before.time)
            if (before.duration, before.relative) == (dose.duration, dose.relative):
                total = replace(dose, amount=before.amount + dose.amount)
                dose = _valid(total, f"doses at {dose.time:g}")
                merged.pop()
        merged.append(dose)
    return Regimen(tuple(merged))


class DeclaredRedosing(Declaration):
    """The rule for more doses, as a file gives it."""

    amount: str
    observable: str
    rise: str
    every: str
    start: str
    at_most: int = 1


class DeclaredRegimen(Declaration):
    """One regimen, as a file gives it."""

    doses: tuple[str, ...]
    redosing: DeclaredRedosing | None = None


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
    declared = read_declaration(path, DeclaredRegimens).regimens
    try:
        return {name: declared_regimen(name, one, symbols) for name, one in declared.items()}
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def declared_regimen(name: str, declared: DeclaredRegimen, symbols: SymbolTable) -> Regimen:
    """Regimen of what was declared under a name, for one model.

    Raises
    ------
    InputError
        When an observable is unknown, or a number or unit is wrong.
    """
    base = regimen(declared.doses, symbols.time_unit)
    if declared.redosing is None:
        return base
    rule, unit = declared.redosing, symbols.time_unit
    if rule.observable not in symbols:
        raise unknown_name(f"observable for regimen {name}", rule.observable, symbols)
    if symbols[rule.observable].kind in (Kind.PARAMETER, Kind.COMPARTMENT):
        raise InputError(f"regimen {name}: {rule.observable} is constant and never rises")
    amount, relative = _amount(rule.amount, "item", f"regimen {name}: amount")
    every = parse_quantity(rule.every, unit, f"regimen {name}: every")
    rise = parse_quantity(rule.rise, "dimensionless", f"regimen {name}: rise")
    start = parse_quantity(rule.start, unit, f"regimen {name}: start")
    if every <= 0 or rise <= 0 or start < 0 or rule.at_most < 1 or amount <= 0:
        raise InputError(
            f"regimen {name}: amount, rise, every and at_most must be positive, start not negative"
        )
    return Regimen(base.doses, Redosing(amount, rule.observable, rise, every, start, rule.at_most, relative))


def choose_regimen(name: str, regimens: Mapping[str, Regimen]) -> Regimen:
    """Regimen by name, or one line with the nearest names."""
    if name not in regimens:
        raise unknown_name("regimen", name, regimens)
    return regimens[name]


def _amount(text: str, unit: str, what: str) -> tuple[float, bool]:
    """Cells, or a multiple of the dose of the run written with an x behind it."""
    multiple = re.fullmatch(r"\s*([0-9.eE+-]+)\s*x\s*", text)
    if multiple:
        return parse_quantity(multiple[1], "dimensionless", what), True
    return parse_quantity(text, unit, what), False


def _valid(dose: Dose, what: str) -> Dose:
    if not all(math.isfinite(number) for number in (dose.time, dose.amount, dose.duration)):
        raise InputError(f"{what}: the amount and the times must be finite")
    if dose.amount < 0:
        raise InputError(f"{what}: the amount must not be negative")
    if 0 < dose.amount < 1 and not dose.relative:
        raise InputError(f"{what}: a dose is 0 or at least one cell")
    if dose.time < 0 or dose.duration < 0:
        raise InputError(f"{what}: the time must not be negative")
    return dose

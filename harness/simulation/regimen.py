"""Regimens: which doses are given, and when.

Promise: a regimen is a sorted, validated list of doses in the model's own units (cells; the model's time).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from harness.errors import InputError
from harness.models.units import parse_quantity

__all__ = ["Dose", "parse_dose", "regimen"]


@dataclass(frozen=True, order=True)
class Dose:
    """A bolus of `amount` cells at `time`, in the model's units."""

    time: float
    amount: float


def parse_dose(text: str | float | Dose, amount_unit: str = "item", time_unit: str = "day") -> Dose:
    """Read a dose such as ``450e6``, ``150e6@28``, ``150e6 cells @ 4 weeks``.

    Raises
    ------
    InputError
        When the amount or the time is no number, is negative, or has a unit that does not convert.
    """
    if isinstance(text, Dose):
        return _valid(text, str(text))
    amount, _, time = str(text).partition("@")
    what = f"dose '{text}'"
    return _valid(
        Dose(
            time=parse_quantity(time, time_unit, what) if "@" in str(text) else 0.0,
            amount=parse_quantity(amount, amount_unit, what),
        ),
        what,
    )


def regimen(
    doses: str | float | Dose | Iterable[str | float | Dose], time_unit: str = "day"
) -> tuple[Dose, ...]:
    """Doses in order of time, those at the same time added up; a single dose may stand for itself."""
    if isinstance(doses, str | float | int | Dose):
        doses = [doses]
    merged: list[Dose] = []
    for dose in sorted(parse_dose(d, time_unit=time_unit) for d in doses):
        if merged and math.isclose(merged[-1].time, dose.time, rel_tol=1e-12, abs_tol=1e-12):
            dose = Dose(merged[-1].time, merged.pop().amount + dose.amount)
        merged.append(_valid(dose, f"doses at {dose.time:g}"))
    return tuple(merged)


def _valid(dose: Dose, what: str) -> Dose:
    if not (math.isfinite(dose.time) and math.isfinite(dose.amount)):
        raise InputError(f"{what}: the amount and the time must be finite")
    if dose.amount < 0:
        raise InputError(f"{what}: the amount must not be negative")
    if 0 < dose.amount < 1:
        raise InputError(f"{what}: a dose is 0 or at least one cell")
    if dose.time < 0:
        raise InputError(f"{what}: the time must not be negative")
    return dose

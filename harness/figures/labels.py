"""The words and units of what figures show, each said once.

Promise: a unit is printed in one form, whatever the figure; what has no unit has no brackets.
"""

from __future__ import annotations

from harness.models.units import readable

__all__ = ["BURDEN", "CHANGE", "DOSE", "MILLIONS", "MONTHS", "PATIENTS", "with_unit"]

BURDEN = "burden (% plasma cells)"
CHANGE = "change of M-protein (%)"
DOSE = "dose (CAR+ T cells)"
MILLIONS = "dose (10⁶ cells)"
MONTHS = "months"
PATIENTS = "patients (%)"


TIMES = ("second", "minute", "hour", "day", "week", "month", "year")


def with_unit(name: str, unit: str) -> str:
    """A quantity as an axis names it: ``tumor_volume (mm³)``, ``time (days)``."""
    if unit in ("", "dimensionless"):
        return name
    return f"{name} ({unit}s)" if unit in TIMES else f"{name} ({readable(unit)})"

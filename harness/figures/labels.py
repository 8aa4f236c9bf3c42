"""The words and units of what figures and tables on a terminal show, each said once.

Promise: a unit is printed in one form, wherever it stands; what has no unit has no brackets.
"""

from __future__ import annotations

from harness.models.units import readable

__all__ = [
    "BURDEN",
    "CHANGE",
    "CHANGE_OF_BCMA",
    "DOSE",
    "MILLIONS",
    "MONTHS",
    "PATIENTS",
    "RESIDUAL",
    "dose_name",
    "with_unit",
]

TIMES = ("second", "minute", "hour", "day", "week", "month", "year")


def with_unit(name: str, unit: str) -> str:
    """A quantity as an axis or the head of a column names it: ``tumor_volume (mm³)``, ``time (days)``."""
    if unit in ("", "dimensionless"):
        return name
    return f"{name} ({unit}s)" if unit in TIMES else f"{name} ({readable(unit)})"


def dose_name(dose: float) -> str:
    """A dose as a figure says it."""
    return f"{dose / 1e6:g}×10⁶"


BURDEN = with_unit("burden", "% plasma cells")
CHANGE = with_unit("change of M-protein", "percent")
CHANGE_OF_BCMA = with_unit("change of soluble BCMA", "percent")
DOSE = with_unit("dose", "CAR+ T cells")
MILLIONS = with_unit("dose", "10⁶ cells")
MONTHS = with_unit("time", "month")
PATIENTS = with_unit("patients", "percent")
RESIDUAL = with_unit("residual", "SD")

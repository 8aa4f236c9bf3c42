"""Output times: from what a user writes to an ascending array in the model's time unit."""

from __future__ import annotations

import numpy as np

from harness.errors import InputError
from harness.models.units import parse_quantity

__all__ = ["default_times", "parse_times", "parse_until"]

MOST = 1_000_000


def parse_until(text: str | float, unit: str) -> float:
    """End of the simulation, a positive time such as ``90`` or ``12 weeks``."""
    until = parse_quantity(str(text), unit, "until")
    if until <= 0:
        raise InputError(f"until: must be positive, not {until:g} {unit}")
    return until


def default_times(until: float) -> np.ndarray:
    """Even steps to `until`, and finer ones near 0, where cells leave the blood within minutes."""
    times = np.unique(np.concatenate([np.geomspace(until * 1e-5, until, 61), np.linspace(0, until, 501)]))
    return times[np.diff(times, prepend=-1.0) > 1e-9 * until]


def parse_times(text: str, unit: str) -> np.ndarray:
    """Times from ``0,1,7,28`` or from ranges ``start:stop:step`` (stop included), also mixed with commas.

    Raises
    ------
    InputError
        When a part is no number, is negative, or a range is empty or has no positive step.
    """
    parts = [part for part in text.split(",") if part.strip()]
    if not parts:
        raise InputError("times: none given; write 0,1,7,28 or 0:360:1")
    times = np.concatenate([_range(part, unit) if ":" in part else [_time(part, unit)] for part in parts])
    if times.size > MOST:
        raise InputError(f"times: {times.size} output times; at most {MOST} are allowed")
    return np.unique(times)


def _time(text: str, unit: str) -> float:
    time = parse_quantity(text, unit, "times")
    if time < 0:
        raise InputError(f"times: must not be negative, not {text.strip()}")
    return time


def _range(text: str, unit: str) -> np.ndarray:
    parts = text.split(":")
    if len(parts) != 3:
        raise InputError(f"times: a range is start:stop:step, not '{text.strip()}'")
    start, stop, step = (_time(part, unit) for part in parts)
    if step <= 0 or stop < start:
        raise InputError(f"times: range '{text.strip()}' is empty; write start:stop:step with step above 0")
    steps = (stop - start) / step * (1 + 1e-12) + 1e-9
    if not steps < MOST:
        raise InputError(f"times: range '{text.strip()}' has too many times; at most {MOST} are allowed")
    return np.minimum(start + step * np.arange(int(steps) + 1), stop)

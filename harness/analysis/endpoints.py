"""Endpoints: numbers read off one curve, with exact definitions.

Promise: plain functions of arrays (time ascending, value of the same shape), interpolated linearly between
output times, with NaN for an endpoint that the curve does not have.
"""

from __future__ import annotations

import numpy as np

__all__ = ["fall_time", "fold_fall", "half_life", "nadir", "peak", "value_at"]


def value_at(time: np.ndarray, value: np.ndarray, at: float | np.ndarray) -> np.ndarray:
    """Value at one time or several; NaN outside the curve."""
    return np.interp(at, time, value, left=np.nan, right=np.nan)


def peak(time: np.ndarray, value: np.ndarray, after: float = 0.0) -> tuple[float, float]:
    """Height and time of the highest value from `after` on.

    Cmax and Tmax of the article are those after day 1, past the bolus. (NaN, NaN) when the highest value
    stands at either end of that span, because then the curve has no peak there.
    """
    inside = time >= after
    if not np.isfinite(value[inside]).all() or inside.sum() < 3:
        return np.nan, np.nan
    top = int(value[inside].argmax())
    if top in (0, int(inside.sum()) - 1):
        return np.nan, np.nan
    return float(value[inside][top]), float(time[inside][top])


def nadir(value: np.ndarray) -> float:
    """Lowest value of the curve."""
    return float(value.min())


def half_life(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> float:
    """Half-life by a log-linear least-squares fit from `start` to `stop`; negative while the curve rises."""
    inside = (time >= start) & (time <= stop) & (value > 0)
    if inside.sum() < 2:
        return np.nan
    slope = np.polyfit(time[inside], np.log(value[inside]), 1)[0]
    return float(-np.log(2) / slope)


def fold_fall(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> float:
    """How many times higher the value at `start` is than the lowest one up to `stop`."""
    inside = (time >= start) & (time <= stop)
    return float(value_at(time, value, start) / value[inside].min())


def fall_time(time: np.ndarray, value: np.ndarray, share: float = 0.5) -> float:
    """Time at which a curve has first made `share` of its fall from the start to its nadir."""
    level = value[0] - share * (value[0] - value.min())
    below = np.flatnonzero(value <= level)
    if value.min() >= value[0] or below.size == 0:
        return np.nan
    i = below[0]
    return float(np.interp(level, [value[i], value[i - 1]], [time[i], time[i - 1]])) if i else float(time[0])

"""Endpoints: numbers read off one curve, with exact definitions.

Promise: plain functions of arrays (time ascending, value of the same shape), with NaN for an endpoint that
the curve does not have. Values and levels are interpolated linearly between output times, a peak by the
parabola through its three highest neighbouring points.
"""

from __future__ import annotations

import numpy as np

__all__ = ["extremes", "fall_time", "fold_fall", "growth_rate", "half_life", "peak", "value_at"]


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
    t, v = time[inside], value[inside]
    top = int(v.argmax())
    if top in (0, v.size - 1):
        return np.nan, np.nan
    return _vertex(t[top - 1 : top + 2], v[top - 1 : top + 2])


def _vertex(time: np.ndarray, value: np.ndarray) -> tuple[float, float]:
    """Height and time of the top of the parabola through three points (of their logarithms, if positive)."""
    logarithmic = (value > 0).all()
    y = np.log(value) if logarithmic else value
    middle = time[1]
    a, b, c = np.polyfit(time - middle, y, 2)
    if not a < 0:  # flat
        return float(value[1]), float(middle)
    height = c - b * b / (4 * a)
    return float(np.exp(height) if logarithmic else height), float(middle - b / (2 * a))


def extremes(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> tuple[float, float]:
    """Lowest and highest value at the output times from `start` to `stop`; NaN where there are none."""
    inside = (time >= start) & (time <= stop)
    if not inside.any():
        return np.nan, np.nan
    return float(value[inside].min()), float(value[inside].max())


def growth_rate(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> float:
    """Slope of a log-linear least-squares fit from `start` to `stop`, per time unit; zeros are left out."""
    inside = (time >= start) & (time <= stop) & (value > 0)
    if inside.sum() < 2:
        return np.nan
    return float(np.polyfit(time[inside], np.log(value[inside]), 1)[0])


def half_life(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> float:
    """Half-life by the same fit; negative while the curve rises."""
    return -np.log(2) / growth_rate(time, value, start, stop)


def fold_fall(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> float:
    """How many times higher the value at `start` is than the lowest one up to `stop`."""
    return float(value_at(time, value, start) / extremes(time, value, start, stop)[0])


def fall_time(time: np.ndarray, value: np.ndarray, share: float = 0.5) -> float:
    """Time at which a curve has first made `share` of its fall from the start to its nadir."""
    level = value[0] - share * (value[0] - value.min())
    below = np.flatnonzero(value <= level)
    if value.min() >= value[0] or below.size == 0:
        return np.nan
    i = below[0]
    return float(np.interp(level, [value[i], value[i - 1]], [time[i], time[i - 1]])) if i else float(time[0])

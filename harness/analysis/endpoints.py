"""Endpoints: numbers read off curves, with exact definitions.

Promise: plain functions of `time`, shape (n,) and ascending, and `value`, shape (..., n); the result has the
leading shape of `value`, with NaN for an endpoint that a curve does not have. Between output times a peak and
a nadir are read off the parabola through the extreme point and its neighbours (of the logarithms where they
are positive), areas, crossings of a level and doubling times off the smooth pieces of
:mod:`harness.analysis.curves`, and a value linearly. Rates by regression, `highest`, `lowest` and
`fold_fall` use the output times alone, as one does with measured points.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import make_interp_spline

from harness.analysis.curves import between, refined
from harness.analysis.gives import gives
from harness.analysis.moments import SAME, jumps, pieces

__all__ = [
    "area",
    "doubling_time",
    "fall_time",
    "fold_fall",
    "growth_rate",
    "half_life",
    "highest",
    "last",
    "lowest",
    "nadir",
    "peak_height",
    "peak_time",
    "time_above",
    "value_at",
]


@gives("{value}")
def value_at(time: np.ndarray, value: np.ndarray, at: float) -> np.ndarray:
    """Value at one time, after a dose that is given then; NaN outside the curve."""
    if not time[0] <= at <= time[-1]:
        return np.full(value.shape[:-1], np.nan)
    right = min(max(int(np.searchsorted(time, at)), 1), time.size - 1) if time.size > 1 else 0
    if time[right] == at:
        return value[..., right].copy()
    left = right - 1
    share = (at - time[left]) / (time[right] - time[left])
    return value[..., left] + share * (value[..., right] - value[..., left])


@gives("{value}")
def last(time: np.ndarray, value: np.ndarray) -> np.ndarray:  # noqa: ARG001 - endpoints share one form
    """Value at the end of the curve."""
    return value[..., -1].copy()


@gives("{value}")
def peak_height(
    time: np.ndarray,
    value: np.ndarray,
    after: float = 0.0,
    before: float = np.inf,
    doses: np.ndarray | None = None,
) -> np.ndarray:
    """Height of the highest value of an expansion, when it is a peak.

    A value counts when at least `after` has gone by since every dose before it, and no more than `before`
    since the first dose. Cmax of the article is that after day 1, past the bolus; with `before`, a
    re-expansion at relapse does not count. NaN when the highest value stands at either end of the times that
    count without a break, because then there is no peak.

    Parameters
    ----------
    doses
        Start and end of each dose, shape (m, 2); an infusion counts for as long as it runs. Without them each
        moment that stands twice in `time` is one, and the first value.
    """
    return _peak(time, value, after, before, doses)[0]


@gives("{time}")
def peak_time(
    time: np.ndarray,
    value: np.ndarray,
    after: float = 0.0,
    before: float = np.inf,
    doses: np.ndarray | None = None,
) -> np.ndarray:
    """Time of the same peak (Tmax), from the start."""
    return _peak(time, value, after, before, doses)[1]


def _peak(
    time: np.ndarray, value: np.ndarray, after: float, before: float, doses: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Height and time of the highest value that counts; NaN where it stands at the edge of what counts."""
    none = np.full(value.shape[:-1], np.nan)
    counts = _counted(time, after, before, doses)
    if not counts.any():
        return none, none.copy()
    top = np.where(counts, value, -np.inf).argmax(axis=-1)
    # A neighbour counts too, and no moment lies between: it is then of the same smooth piece.
    inner = np.zeros(time.size, bool)
    inner[1:-1] = counts[:-2] & counts[1:-1] & counts[2:]
    moment = jumps(time)
    inner[moment] = inner[moment + 1] = False
    is_peak = inner[top] & np.isfinite(value).all(axis=-1)
    middle = np.where(is_peak, top, 1)
    picked = middle[..., np.newaxis] + np.array([-1, 0, 1])
    if time.size < 3:
        return none, none.copy()
    with np.errstate(over="ignore", invalid="ignore"):  # of points about a moment, which are not used
        height, where = _vertex(time[picked], np.take_along_axis(value, picked, axis=-1))
    return np.where(is_peak, height, none), np.where(is_peak, where, none)


def _counted(time: np.ndarray, after: float, before: float, doses: np.ndarray | None) -> np.ndarray:
    """Which times lie at least `after` past every dose before them, and within `before` of the first."""
    if doses is None or not len(doses):
        moments = np.append(time[0], time[jumps(time) + 1])
        doses = np.column_stack([moments, moments])
    start, stop = doses[:, :1], doses[:, 1:]
    waiting = (time >= start) & (time < (stop + after) * (1 - SAME))
    return ~waiting.any(axis=0) & (time >= start.min()) & (time <= start.min() + before)


def _vertex(time: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Extreme of the parabola through three points, of their logarithms where they are positive."""
    logarithmic = (value > 0).all(axis=-1, keepdims=True)
    y = np.where(logarithmic, np.log(np.where(logarithmic, value, 1.0)), value)
    left, right = time[..., 1] - time[..., 0], time[..., 2] - time[..., 1]
    rise, fall = (y[..., 1] - y[..., 0]) / left, (y[..., 2] - y[..., 1]) / right
    bend = (fall - rise) / (left + right)
    slope = rise + bend * left  # at the middle point
    curved = bend != 0
    step = np.where(curved, -slope / (2 * np.where(curved, bend, 1.0)), 0.0)
    step = np.clip(step, -left, right)  # moves the vertex of an extreme nowhere; of others it is not used
    height = y[..., 1] + step * (slope + bend * step)
    power = np.exp(np.where(logarithmic[..., 0], height, 0.0))  # of a height itself it may be beyond numbers
    return np.where(logarithmic[..., 0], power, height), time[..., 1] + step


@gives("{value}")
def nadir(time: np.ndarray, value: np.ndarray, start: float = 0.0, stop: float = np.inf) -> np.ndarray:
    """Lowest value of a smooth curve from `start` to `stop`, at an end or between, by the parabola there."""
    inside = (time >= start) & (time <= stop)
    t, v = time[inside], value[..., inside]
    if t.size < 3:
        return lowest(time, value, start, stop)
    bottom = v.argmin(axis=-1)
    inner = np.zeros(t.size, bool)
    inner[1:-1] = True
    moment = jumps(t)
    inner[moment] = inner[moment + 1] = False
    inside_piece = inner[bottom] & np.isfinite(v).all(axis=-1)
    picked = np.where(inside_piece, bottom, 1)[..., np.newaxis] + np.array([-1, 0, 1])
    with np.errstate(over="ignore", invalid="ignore"):  # of points about a moment, which are not used
        depth = _vertex(t[picked], np.take_along_axis(v, picked, axis=-1))[0]
    return np.where(inside_piece, depth, v.min(axis=-1))


@gives("{value}")
def lowest(time: np.ndarray, value: np.ndarray, start: float = 0.0, stop: float = np.inf) -> np.ndarray:
    """Lowest value at the output times from `start` to `stop`; for curves that doses make jump."""
    inside = (time >= start) & (time <= stop)
    return value[..., inside].min(axis=-1) if inside.any() else np.full(value.shape[:-1], np.nan)


@gives("{value}")
def highest(time: np.ndarray, value: np.ndarray, start: float = 0.0, stop: float = np.inf) -> np.ndarray:
    """Highest value at the output times from `start` to `stop`, at an end or not."""
    inside = (time >= start) & (time <= stop)
    return value[..., inside].max(axis=-1) if inside.any() else np.full(value.shape[:-1], np.nan)


@gives("{value}*{time}")
def area(time: np.ndarray, value: np.ndarray, start: float = 0.0, stop: float = np.inf) -> np.ndarray:
    """Area under the curve from `start` to `stop`; NaN when the curve ends before a finite `stop`.

    Smooth pieces are integrated; a curve that is not positive throughout, by linear trapezoids.
    """
    if (np.isfinite(stop) and stop > time[-1] * (1 + 1e-12)) or time.size < 3:
        return np.full(value.shape[:-1], np.nan)
    low, high = max(start, time[0]), min(stop, time[-1])
    total = np.zeros(value.shape[:-1])
    for part in pieces(time):
        t, v = time[part], value[..., part]
        if t.size > 1 and max(low, t[0]) < min(high, t[-1]):
            total += _area_of_piece(t, v, max(low, t[0]), min(high, t[-1]))
    return np.where(np.isfinite(value).all(axis=-1), total, np.nan)


def _area_of_piece(time: np.ndarray, value: np.ndarray, low: float, high: float) -> np.ndarray:
    inner = time[(time > low) & (time < high)]
    edges = np.concatenate([[low], inner, [high]])
    nodes, weights = np.polynomial.legendre.leggauss(4)
    half = np.diff(edges)[:, np.newaxis] / 2
    at = (edges[:-1, np.newaxis] + half + half * nodes).ravel()
    weight = (half * weights).ravel()
    positive = (value > 0).all(axis=-1, keepdims=True)
    smooth = between(time, value, at)
    straight = make_interp_spline(time, np.nan_to_num(value), k=1, axis=-1)(at)
    # Not a product of matrices: that would add in an order that depends on the number of curves.
    return np.ascontiguousarray(np.where(positive, smooth, straight) * weight).sum(axis=-1)


@gives("{time}")
def time_above(time: np.ndarray, value: np.ndarray, level: float) -> np.ndarray:
    """Total time during which the value is above a level."""
    time, value = refined(time, value)
    a, b = value[..., :-1] - level, value[..., 1:] - level
    crossing = (a > 0) != (b > 0)
    share = np.where(crossing, np.maximum(a, b) / np.where(crossing, np.abs(b - a), 1.0), a > 0)
    total = (share * np.diff(time)).sum(axis=-1)
    return np.where(np.isfinite(value).all(axis=-1), total, np.nan)


@gives("1/{time}")
def growth_rate(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> np.ndarray:
    """Slope of a log-linear least-squares fit from `start` to `stop`, per time unit; zeros are left out."""
    used = ((time >= start) & (time <= stop)) & (value > 0)
    count = used.sum(axis=-1)
    y = np.log(np.where(used, value, 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        t_mean = (used * time).sum(axis=-1) / count
        y_mean = y.sum(axis=-1) / count
        spread = used * (time - t_mean[..., np.newaxis])
        slope = (spread * (y - y_mean[..., np.newaxis])).sum(axis=-1) / (spread**2).sum(axis=-1)
    return np.where(count >= 2, slope, np.nan)


@gives("{time}")
def half_life(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> np.ndarray:
    """Half-life by the same fit; negative while the curve rises."""
    return -np.log(2) / growth_rate(time, value, start, stop)


@gives("{time}")
def doubling_time(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> np.ndarray:
    """Mean doubling time from `start` to `stop`, ln 2 (stop - start)/ln(value(stop)/value(start)).

    Negative while the curve falls, infinite between equal values, NaN where the curve ends sooner or is not
    positive throughout.
    """
    if not time[0] <= start < stop <= time[-1] * (1 + 1e-12):
        return np.full(value.shape[:-1], np.nan)
    ends = between(time, value, np.array([start, min(stop, time[-1])]))
    positive = (value > 0).all(axis=-1)
    with np.errstate(divide="ignore"):
        found = np.log(2) * (stop - start) / np.diff(np.log(np.where(positive[..., np.newaxis], ends, 1.0)))
    return np.where(positive, found[..., 0], np.nan)


@gives("dimensionless")
def fold_fall(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> np.ndarray:
    """How many times higher the value at `start` is than the lowest one up to `stop`."""
    return value_at(time, value, start) / lowest(time, value, start, stop)


@gives("{time}")
def fall_time(time: np.ndarray, value: np.ndarray, share: float = 0.5) -> np.ndarray:
    """Time at which a curve has first made `share` of its fall from the start to its nadir."""
    time, value = refined(time, value)
    first, bottom = value[..., 0], value.min(axis=-1)
    level = first - share * (first - bottom)
    below = value <= level[..., np.newaxis]
    right = np.maximum(below.argmax(axis=-1), 1)[..., np.newaxis]
    b, a = (np.take_along_axis(value, i, axis=-1)[..., 0] for i in (right, right - 1))
    step = (time[right] - time[right - 1])[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = time[right - 1][..., 0] + step * (a - level) / (a - b)
    return np.where((bottom < first) & below.any(axis=-1), found, np.nan)

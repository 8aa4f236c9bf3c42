"""Endpoints: numbers read off curves, with exact definitions.

Promise: plain functions of `time`, shape (n,) and ascending, and `value`, shape (..., n); the result has the
leading shape of `value`, with NaN for an endpoint that a curve does not have. All of them are read off the
smooth pieces of :mod:`harness.analysis.curves`, and `start`, `stop`, `after` and `before` cut a curve exactly
there: output times resolve a curve, and decide nothing. None is read across a dose that makes a curve jump.
For measured points there is :mod:`harness.analysis.points`.
"""

from __future__ import annotations

import numpy as np

from harness.analysis.curves import between, integral, log_slope, refined, within
from harness.analysis.extremes import bottom, top
from harness.analysis.gives import gives
from harness.analysis.moments import SAME, jumps

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
    if not time[0] <= at <= time[-1] * (1 + SAME):
        return np.full(value.shape[:-1], np.nan)
    place = int(np.searchsorted(time, at))
    if place < time.size and time[place] == at:
        return value[..., place].copy()
    return between(time, value, np.array([min(at, time[-1])]))[..., 0]


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
        Start and end of each dose, shape (m, 2); an infusion counts for as long as it runs. Without them, the
        start of the curve is one, and each moment that stands twice in `time`.
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
    height = np.full(value.shape[:-1], -np.inf)
    where = np.full(value.shape[:-1], np.nan)
    for start, stop in _spans(time, after, before, doses):
        t, v = within(time, value, start, stop)
        if not t.size:
            continue
        level, at = top(t, v)
        inside = ~np.isin(at, t[[0, -1]])
        higher = level > height
        height = np.where(higher, level, height)
        where = np.where(higher, np.where(inside, at, np.nan), where)
    known = np.isfinite(where) & np.isfinite(value).all(axis=-1)
    return np.where(known, height, np.nan), np.where(known, where, np.nan)


def _spans(
    time: np.ndarray, after: float, before: float, doses: np.ndarray | None
) -> list[tuple[float, float]]:
    """Times that count without a break: `after` past a dose to the next, within `before` of the first."""
    if doses is None:
        moments = np.append(time[0], time[jumps(time) + 1])
        doses = np.column_stack([moments, moments])
    if not len(doses):
        doses = np.full((1, 2), time[0])
    doses = doses[np.argsort(doses[:, 0], kind="stable")]
    over = np.maximum.accumulate(doses[:, 1]) + after
    end = min(doses[0, 0] + before, time[-1])
    stops = np.minimum(np.append(np.nextafter(doses[1:, 0], -np.inf), end), end)
    return [(low, high) for low, high in zip(over.tolist(), stops.tolist(), strict=True) if low <= high]


@gives("{value}")
def nadir(time: np.ndarray, value: np.ndarray, start: float = 0.0, stop: float = np.inf) -> np.ndarray:
    """Lowest value, by the name that it has for a marker of disease; the same as `lowest`."""
    return lowest(time, value, start, stop)


@gives("{value}")
def lowest(time: np.ndarray, value: np.ndarray, start: float = 0.0, stop: float = np.inf) -> np.ndarray:
    """Lowest value from `start` to `stop`, at an end, at a dose or between; NaN outside the curve."""
    t, v = within(time, value, start, stop)
    if not t.size:
        return np.full(value.shape[:-1], np.nan)
    return np.where(np.isfinite(value).all(axis=-1), bottom(t, v)[0], np.nan)


@gives("{value}")
def highest(time: np.ndarray, value: np.ndarray, start: float = 0.0, stop: float = np.inf) -> np.ndarray:
    """Highest value from `start` to `stop`, at an end, at a dose or between; NaN outside the curve."""
    t, v = within(time, value, start, stop)
    if not t.size:
        return np.full(value.shape[:-1], np.nan)
    return np.where(np.isfinite(value).all(axis=-1), top(t, v)[0], np.nan)


@gives("{value}*{time}")
def area(time: np.ndarray, value: np.ndarray, start: float = 0.0, stop: float = np.inf) -> np.ndarray:
    """Area under the curve from `start` to `stop`; NaN when the curve ends before a finite `stop`.

    A span that only rounding makes longer than a moment has no area.
    """
    t, v = within(time, value, start, stop)
    if _ends_before(time, stop) or not t.size:
        return np.full(value.shape[:-1], np.nan)
    return np.where(np.isfinite(value).all(axis=-1), integral(t, v), np.nan)


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
    """Slope, per time unit, of the straight line nearest to the logarithm of a curve from `start` to `stop`.

    Nearest in least squares over time, not over output times: 12/L^3 times the integral of (t - mean) ln
    value for a span of length L. Where the value is 0 it has no logarithm, and that part of the span is left
    out; NaN when nothing remains, and when the curve ends before `stop`.
    """
    t, v = within(time, value, start, stop)
    if _ends_before(time, stop) or t.size < 2:
        return np.full(value.shape[:-1], np.nan)
    return np.where(np.isfinite(value).all(axis=-1), log_slope(t, v), np.nan)


@gives("{time}")
def half_life(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> np.ndarray:
    """Half-life by the same line; negative while the curve rises, infinite where it does neither."""
    with np.errstate(divide="ignore"):
        return -np.log(2) / growth_rate(time, value, start, stop)


@gives("{time}")
def doubling_time(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> np.ndarray:
    """Mean doubling time from `start` to `stop`, ln 2 (stop - start)/ln(value(stop)/value(start)).

    Negative while the curve falls, infinite between equal values, NaN where the curve ends sooner or is not
    positive throughout.
    """
    if not time[0] <= start < stop or _ends_before(time, stop):
        return np.full(value.shape[:-1], np.nan)
    ends = between(time, value, np.array([start, min(stop, time[-1])]))
    positive = np.all(value > 0, axis=-1)
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
    first, lowest_ = value[..., 0], bottom(time, value)[0]
    time, value = refined(time, value)
    level = first - share * (first - lowest_)
    below = value <= level[..., np.newaxis]
    right = np.maximum(below.argmax(axis=-1), 1)[..., np.newaxis]
    b, a = (np.take_along_axis(value, i, axis=-1)[..., 0] for i in (right, right - 1))
    step = (time[right] - time[right - 1])[..., 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        found = time[right - 1][..., 0] + step * (a - level) / (a - b)
    return np.where((lowest_ < first) & below.any(axis=-1), found, np.nan)


def _ends_before(time: np.ndarray, stop: float) -> bool:
    """Whether a curve ends before a finite time, by more than rounding."""
    return bool(np.isfinite(stop) and stop > time[-1] * (1 + SAME))

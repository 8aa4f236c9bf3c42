"""Curves between their output times.

Promise: plain functions of `time`, shape (n,) and ascending, and `value`, shape (..., n); a curve's result
depends on that curve alone, to the last bit. A moment of a dose stands twice (see harness.analysis.moments),
and nothing is interpolated across one. Between two moments a curve is a smooth piece:

- cubic Hermite polynomials with the slopes of harness.analysis.slopes;
- of the logarithm where the piece is positive throughout, of the values elsewhere;
- a piece that starts at 0 and is positive from then on rises from it as a power of time.

A change in percent is read as the share of the baseline that is left (:func:`as_share`), which is positive:
so no curve between two times falls below -100 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from harness.analysis.moments import SAME, after_moment, jumps, pieces
from harness.analysis.slopes import slopes_of

__all__ = [
    "Pieces",
    "as_change",
    "as_share",
    "between",
    "fine_times",
    "integral",
    "log_slope",
    "refined",
    "smooth",
    "within",
]

PARTS = 8
"""Steps that :func:`refined` makes of one: a linear crossing is then within 1/64 of its error before."""

ROUNDING, NOTHING = 1e-9, 1e-15
"""How far below nothing a share may be by errors alone, and what it is then: the least that shows."""

NODES, WEIGHTS = np.polynomial.legendre.leggauss(4)


def as_share(change: np.ndarray) -> np.ndarray:
    """Shares of the baseline that changes in percent leave; never 0, where errors alone make it none."""
    share = 1 + change / 100
    return np.where(share > -ROUNDING, np.maximum(share, NOTHING), share)


def as_change(share: np.ndarray) -> np.ndarray:
    """Changes in percent of what is left of a baseline."""
    return 100 * (share - 1)


def between(time: np.ndarray, value: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values at the times `at`, shape (m,), within the curve; the result is (..., m), NaN for a NaN curve.

    At a moment it is the value after the dose.
    """
    found = np.empty((*value.shape[:-1], at.size))
    parts = pieces(time)
    part_of = np.searchsorted(time[[part.start for part in parts[1:]]], at, side="right")
    for i, part in enumerate(parts):
        if (here := part_of == i).any():
            found[..., here] = _smooth(time[part], value[..., part], at[here])
    return found


def refined(time: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same curve at eight times as many times, those of `time` and their values among them.

    What was refined last is kept: several endpoints read one curve. The arrays cannot be written to.
    """
    if time.size < 2:
        return time, value
    return _refined(np.ascontiguousarray(time).tobytes(), np.ascontiguousarray(value).tobytes(), value.shape)


@lru_cache(maxsize=4)
def _refined(times: bytes, values: bytes, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    time, value = np.frombuffer(times), np.frombuffer(values).reshape(shape)
    fine = fine_times(time)
    found = between(time, value, fine.time)
    found[..., fine.node] = value
    found.flags.writeable = False
    return fine.time, found


@dataclass(frozen=True)
class FineTimes:
    """The times of :func:`refined`.

    Attributes
    ----------
    time
        Shape (m,).
    left, share
        The step that each lies in, or begins, and how far along it; (m,) each.
    node
        Places of the times that were given; (n,).
    inner
        Which have both neighbours in the same smooth piece; (m,).
    """

    time: np.ndarray
    left: np.ndarray
    share: np.ndarray
    node: np.ndarray
    inner: np.ndarray


def fine_times(time: np.ndarray) -> FineTimes:
    """Eight times as many times, those of `time`, (n,), among them; none within a moment."""
    return _fine_times(np.ascontiguousarray(time, float).tobytes())


@lru_cache(maxsize=64)
def _fine_times(times: bytes) -> FineTimes:
    time = np.frombuffer(times)
    step, moment = np.diff(time), jumps(time)
    step[moment] = 0.0
    inside = np.arange(1, PARTS) / PARTS
    fine = np.unique(np.append(time, (time[:-1, np.newaxis] + step[:, np.newaxis] * inside).ravel()))
    node = np.searchsorted(fine, time)
    left = np.searchsorted(time, fine, side="right") - 1
    share = (fine - time[left]) / np.append(np.where(step > 0, step, 1.0), 1.0)[left]
    inner = np.ones(fine.size, bool)
    inner[[0, -1]] = inner[node[moment]] = inner[node[moment + 1]] = False
    for array in (fine, left, share, node, inner):
        array.flags.writeable = False
    return FineTimes(fine, left, share, node, inner)


def within(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> tuple[np.ndarray, np.ndarray]:
    """The part of a curve from `start`, after a dose given then, to `stop`; empty when it has none."""
    low, high = max(start, time[0]), min(stop, time[-1])
    if not low <= high:
        return time[:0], value[..., :0]
    first = int(after_moment(time, low))
    low = time[first] if abs(low - time[first]) <= SAME * max(1.0, low) else low
    inside = (time >= low) & (time <= high)
    cut = [at for at in dict.fromkeys((low, high)) if at not in time]
    if not cut:
        return time[inside], value[..., inside]
    at = np.append(time[inside], cut)
    order = np.argsort(at, kind="stable")
    found = np.concatenate([value[..., inside], between(time, value, np.array(cut))], axis=-1)
    return at[order], found[..., order]


def integral(time: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Area under the smooth pieces of a curve."""
    total = np.zeros(value.shape[:-1])
    for part in pieces(time):
        t, v = time[part], value[..., part]
        half = np.diff(t)[:, np.newaxis] / 2
        at = (t[:-1, np.newaxis] + half + half * NODES).ravel()
        # Not a product of matrices: that would add in an order that depends on the number of curves.
        total += np.ascontiguousarray(_smooth(t, v, at) * (half * WEIGHTS).ravel()).sum(axis=-1)
    return total


def log_slope(time: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Slope of the straight line nearest, by least squares over time, to the logarithm of a curve.

    Only steps between two positive values count; NaN when there are none.
    """
    step = np.diff(time)
    step[jumps(time)] = 0.0
    used = (value[..., :-1] > 0) & (value[..., 1:] > 0) & (step > 0)
    at = (time[:-1, np.newaxis] + step[:, np.newaxis] * (1 + NODES) / 2).ravel()
    weight = np.repeat(used, NODES.size, axis=-1) * (step[:, np.newaxis] * WEIGHTS / 2).ravel()
    found = between(time, value, at)
    counted = (weight > 0) & (found > 0)
    weight = np.where(counted, weight, 0.0)
    y = np.log(np.where(counted, found, 1.0))
    total = weight.sum(axis=-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = at - (weight * at).sum(axis=-1, keepdims=True) / total
        level = y - (weight * y).sum(axis=-1, keepdims=True) / total
        return (weight * spread * level).sum(axis=-1) / (weight * spread**2).sum(axis=-1)


@dataclass(frozen=True)
class Pieces:
    """Some curves of the same times as cubic polynomials.

    Attributes
    ----------
    time, value
        The curves, (n,) and (curves, n).
    y, slope
        What is a polynomial over each step, the logarithm of a curve or itself, and its slopes; (curves, n).
    logarithmic, power, finite
        By curve and smooth piece: whether `y` is the logarithm; the power of time by which the piece rises
        from 0 over its first step, 0 for one that does not; whether there are numbers.
    piece
        The smooth piece of each time, (n,).
    """

    time: np.ndarray
    value: np.ndarray
    y: np.ndarray
    slope: np.ndarray
    logarithmic: np.ndarray
    power: np.ndarray
    finite: np.ndarray
    piece: np.ndarray

    def bends(self) -> np.ndarray:
        """Steps on which a curve may leave the range of its ends, (curves, n - 1); none at a moment."""
        inside = np.diff(self.piece) == 0
        secant = np.abs(rise := np.diff(self.y))
        secant /= np.where(inside, np.diff(self.time), 1.0)
        found = np.zeros(rise.shape, bool)
        for slope in (self.slope[:, :-1], self.slope[:, 1:]):
            found |= (np.sign(slope) * rise < 0) | (np.abs(slope) > 3 * secant)
        return found & inside & self.finite[:, self.piece[:-1]]

    def at_fine(self, curve: np.ndarray, place: np.ndarray) -> np.ndarray:
        """Values of curves, by their places, at some of the times of :func:`refined`, by theirs."""
        fine = fine_times(self.time)
        left, share = fine.left[place], fine.share[place]
        found = self.at_share(curve, np.minimum(left, self.time.size - 2), share)
        return np.where(share > 0, found, self.value[curve, left])

    def at_share(self, curve: np.ndarray, left: np.ndarray, share: np.ndarray) -> np.ndarray:
        """Values of curves, by their places, a share of the way along the steps that begin at `left`."""
        step, piece = self.time[left + 1] - self.time[left], self.piece[left]
        start = self.y[curve, left]
        rise = self.y[curve, left + 1] - start
        found = _cubic(start, rise, self.slope[curve, left], self.slope[curve, left + 1], share, step)
        np.exp(found, out=found, where=self.logarithmic[curve, piece])
        if self.power.any():
            power = self.power[curve, piece]
            first = (power > 0) & ((left == 0) | (self.piece[left - 1] < piece))
            found = np.where(first, self.value[curve, left + 1] * share**power, found)
        return found

    def turns(self, curve: np.ndarray, left: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far along the steps that begin at `left` the curves are level; NaN or outside where nowhere."""
        step = self.time[left + 1] - self.time[left]
        rise = self.y[curve, left + 1] - self.y[curve, left]
        first, last = (step * self.slope[curve, place] for place in (left, left + 1))
        # The derivative of the cubic polynomial by the share; its roots without a difference of equals.
        a, b = 3 * (first + last) - 6 * rise, 6 * rise - 4 * first - 2 * last
        with np.errstate(invalid="ignore", divide="ignore"):
            q = -(b + np.copysign(np.sqrt(b**2 - 4 * a * first), b)) / 2
            return q / a, first / q


def smooth(time: np.ndarray, value: np.ndarray) -> Pieces:
    """Curves, (n,) with n at least 2 and (curves, n), as their smooth pieces."""
    parts = pieces(time)
    found = [_piece(time[part], value[:, part]) for part in parts]
    if len(found) == 1:
        return found[0]

    def beside(arrays: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate(arrays, axis=1)

    return Pieces(
        time,
        value,
        beside([each.y for each in found]),
        beside([each.slope for each in found]),
        beside([each.logarithmic for each in found]),
        beside([each.power for each in found]),
        beside([each.finite for each in found]),
        np.repeat(np.arange(len(parts)), [part.stop - part.start for part in parts]),
    )


def _piece(time: np.ndarray, value: np.ndarray) -> Pieces:
    """Curves, (curves, n), of one smooth piece; the last are kept, because several endpoints read one."""
    return _kept_piece(*(np.ascontiguousarray(each, float).tobytes() for each in (time, value)), len(value))


@lru_cache(maxsize=2)
def _kept_piece(times: bytes, values: bytes, count: int) -> Pieces:
    time, value = np.frombuffer(times), np.frombuffer(values).reshape(count, -1)
    finite = np.all(np.isfinite(value), axis=-1, keepdims=True)
    positive = np.all(value > 0, axis=-1, keepdims=True)
    power = np.zeros(positive.shape)
    known = np.where(finite, value, 1.0)
    y = np.log(known, out=known.copy(), where=positive)
    slope = slopes_of(time, y)
    rising = np.all(value[:, 1:] > 0, axis=-1) & (value[:, 0] >= 0) & ~positive[:, 0] & (time.size > 2)
    if rising.any():  # a power of time up to the second point, and from there on as if it began there
        later = np.log(known[rising, 1:])
        slope[rising, 1:] = slopes_of(time[1:], later)
        power[rising, 0] = np.maximum(slope[rising, 1] * (time[1] - time[0]), 0.1)
        slope[rising, 0], y[rising, 0], y[rising, 1:] = 0.0, later[:, 0], later
    logarithmic = positive | rising[:, np.newaxis]
    return Pieces(time, value, y, slope, logarithmic, power, finite, np.zeros(time.size, int))


def _smooth(time: np.ndarray, value: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values at times within one piece; `value` is (..., n)."""
    if time.size < 2:
        return np.broadcast_to(value, (*value.shape[:-1], at.size)).copy()
    curves = _piece(time, value.reshape(-1, time.size))
    left = np.clip(np.searchsorted(time, at, side="right") - 1, 0, time.size - 2)
    step = np.diff(time)[left]
    share = (at - time[left]) / step
    y, slope = curves.y, curves.slope
    start, rise, first, last = (each.take(left, axis=-1) for each in (y, np.diff(y), slope, slope[:, 1:]))
    found = _cubic(start, rise, first, last, share, step)
    np.exp(found, out=found, where=curves.logarithmic)
    if curves.power.any():
        rising = curves.value[:, 1:2] * np.clip(share, 0.0, 1.0) ** curves.power
        found = np.where((curves.power > 0) & (left == 0), rising, found)
    found = found if curves.finite.all() else np.where(curves.finite, found, np.nan)
    return found.reshape(*value.shape[:-1], at.size)


def _cubic(
    start: np.ndarray,
    rise: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    share: np.ndarray,
    step: np.ndarray,
) -> np.ndarray:
    """Cubic Hermite polynomials along steps, whose slopes at both ends are given; written into `start`.

    start + share^2 (3 - 2 share) rise + share rest step bend, in place: this is most of the time that
    endpoints take.
    """
    rest = 1 - share
    start += share**2 * (3 - 2 * share) * rise
    first *= rest
    first -= share * last
    first *= share * rest * step
    start += first
    return start

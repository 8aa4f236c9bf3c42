"""Curves between their output times.

Promise: plain functions of `time`, shape (n,) and ascending, and `value`, shape (..., n); a curve's result
depends on that curve alone, to the last bit. A moment of a dose stands twice (see harness.analysis.moments),
and nothing is interpolated across one. Between two moments a curve is a smooth piece:

- cubic Hermite polynomials, whose slopes are those of the polynomial through five neighbouring points, kept
  near the slopes of the steps about a point, so that a piece does not swing where it bends sharply;
- of the logarithm where the piece is positive throughout, of the values elsewhere;
- a piece that starts at 0 and is positive from then on rises from it as a power of time.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from harness.analysis.moments import SAME, after_moment, jumps, pieces

__all__ = ["between", "bottom", "integral", "log_slope", "refined", "top", "within"]

PARTS = 8
"""Steps that :func:`refined` makes of one: a linear crossing is then within 1/64 of its error before."""

WIDTH = 5
"""Points of the polynomial that gives the slope at one of them."""

SLACK = 0.25
"""How far a slope may lie outside those of the steps beside it, in parts of their difference, or of
themselves where they are smaller."""

CORNER = 4.0
"""How many times more a curve bends at a corner than beside it."""

NODES, WEIGHTS = np.polynomial.legendre.leggauss(4)


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
    step = np.diff(time)
    step[jumps(time)] = 0.0
    inner = np.arange(1, PARTS) / PARTS
    fine = np.unique(np.append(time, (time[:-1, np.newaxis] + step[:, np.newaxis] * inner).ravel()))
    found = between(time, value, fine)
    found[..., np.searchsorted(fine, time)] = value
    fine.flags.writeable = found.flags.writeable = False
    return fine, found


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


def top(time: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height and time of the highest point of a curve, at an end of a smooth piece or within one."""
    fine, found = refined(time, value)
    return _turn(fine, found, found.argmax(axis=-1), 1)


def bottom(
    time: np.ndarray, value: np.ndarray, end: float | np.ndarray = np.inf
) -> tuple[np.ndarray, np.ndarray]:
    """Height and time of the lowest point of a curve up to `end`, which each curve may have for itself.

    A curve that ends before it starts has its start.
    """
    fine, found = refined(time, value)
    counts = (fine <= np.asarray(end)[..., np.newaxis]) | (fine == fine[0])
    return _turn(fine, found, np.where(counts, found, np.inf).argmin(axis=-1), -1)


def _turn(time: np.ndarray, value: np.ndarray, place: np.ndarray, sign: int) -> tuple[np.ndarray, np.ndarray]:
    """Height and time of the extreme of a curve about `place`: its highest point, with -1 its lowest.

    It is the turn of the parabola through the point and its neighbours within a smooth piece, or of that
    through the last three points of a piece, where it turns within the last step.
    """
    height, where = np.take_along_axis(value, place[..., np.newaxis], axis=-1)[..., 0], time[place]
    inner = np.zeros(time.size, bool)
    inner[1:-1] = True
    moment = jumps(time)
    inner[moment] = inner[moment + 1] = False
    if not inner.any():
        return height, where
    after, before = np.minimum(place + 1, time.size - 1), np.maximum(place - 1, 0)
    middle = np.where(inner[place], place, np.where(inner[after], after, before))
    known = inner[middle]
    picked = np.where(known, middle, np.flatnonzero(inner)[0])[..., np.newaxis] + np.array([-1, 0, 1])
    level, turn = _vertex(time[picked], np.take_along_axis(value, picked, axis=-1))
    within_step = (turn > time[picked[..., 0]]) & (turn < time[picked[..., 2]])
    found = known & ((middle == place) | (within_step & (sign * (level - height) > 0)))
    return np.where(found, level, height), np.where(found, turn, where)


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


def _smooth(time: np.ndarray, value: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values at times within one piece."""
    if time.size < 2:
        return np.broadcast_to(value, (*value.shape[:-1], at.size)).copy()
    finite = np.isfinite(value).all(axis=-1, keepdims=True)
    rising = (value[..., 1:] > 0).all(axis=-1, keepdims=True) & (value[..., :1] >= 0) & (time.size > 2)
    positive = (value > 0).all(axis=-1, keepdims=True)
    from_zero = rising & ~positive
    known = np.where(finite, value, 1.0)
    found = _hermite(time, np.log(known, out=known.copy(), where=positive), at)
    np.exp(found, out=found, where=positive)
    if from_zero.any():
        found = np.where(from_zero, _from_zero(time, np.where(from_zero, known, 1.0), at), found)
    return found if finite.all() else np.where(finite, found, np.nan)


def _from_zero(time: np.ndarray, value: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values of a piece that is positive after its first point: a power of time up to the second."""
    t, y = time[1:], np.log(value[..., 1:])
    later = np.exp(_hermite(t, y, np.maximum(at, t[0])))
    power = np.maximum(_slopes(t, y)[..., :1] * (t[0] - time[0]), 0.1)
    share = np.clip((at - time[0]) / (t[0] - time[0]), 0.0, 1.0)
    return np.where(at < t[0], value[..., 1:2] * share**power, later)


def _hermite(time: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Cubic Hermite polynomials through (time, y), at the times `at`."""
    slope = _slopes(time, y)
    left = np.clip(np.searchsorted(time, at, side="right") - 1, 0, time.size - 2)
    step = np.diff(time)[left]
    share = (at - time[left]) / step
    rest = 1 - share
    # low + share^2 (3 - 2 share) (high - low) + share rest step bend, in place: this is most of the time that
    # endpoints take.
    found = y.take(left, axis=-1)
    found += share**2 * (3 - 2 * share) * np.diff(y).take(left, axis=-1)
    bend = slope.take(left, axis=-1)
    bend *= rest
    bend -= share * slope.take(left + 1, axis=-1)
    bend *= share * rest * step
    found += bend
    return found


def _slopes(time: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Slopes at the points of a piece, shape (..., n)."""
    step = np.diff(time)
    secant = np.diff(y) / step
    if time.size < 3:
        return np.repeat(secant[..., :1], time.size, axis=-1)
    place, weight = _derivative(time.tobytes())
    slope = sum(weight[:, k] * y[..., place[:, k]] for k in range(place.shape[1]))
    return _kept_near(slope, secant, step)


def _kept_near(slope: np.ndarray, secant: np.ndarray, step: np.ndarray) -> np.ndarray:
    """Slopes kept near those of the steps beside each point, so that no step swings beyond its ends.

    Within a run of steps that all rise or fall, a slope is at most three times that of either step, which
    makes the cubic rise or fall too. About a turn it may be three times that of the step beyond.
    """
    # Beyond an end the slope goes on to bend as much as it did on the step before.
    before = np.concatenate([2 * secant[..., :1] - secant[..., 1:2], secant], axis=-1)
    after = np.concatenate([secant, 2 * secant[..., -1:] - secant[..., -2:-1]], axis=-1)
    low, high = np.minimum(before, after), np.maximum(before, after)
    slack = SLACK * np.minimum(high - low, np.minimum(np.abs(before), np.abs(after)))
    steep = np.abs(secant)
    turns = _turns(secant, step, before, after)
    beyond = np.concatenate([steep[..., 1:], steep[..., -1:]], axis=-1)
    behind = np.concatenate([steep[..., :1], steep[..., :-1]], axis=-1)
    at_left = np.where(turns, np.maximum(steep, beyond), steep)
    at_right = np.where(turns, np.maximum(steep, behind), steep)
    limit = 3 * np.minimum(
        np.concatenate([at_left, at_right[..., -1:]], axis=-1),
        np.concatenate([at_left[..., :1], at_right], axis=-1),
    )
    return np.clip(np.clip(slope, low - slack, high + slack), -limit, limit)


def _turns(secant: np.ndarray, step: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Steps on which a curve may turn: one beside it goes the other way.

    The first and the last step have one neighbour alone. There a curve may turn also where it would, going on
    to bend as it does, unless it bends there far more than on the steps before: a corner is no turn.
    """
    last = secant.shape[-1] - 1
    other = secant[..., 1:] * secant[..., :-1] <= 0
    turns = np.zeros_like(secant, bool)
    turns[..., :-1] |= other
    turns[..., 1:] |= other
    if last > 1:
        bend = np.abs(np.diff(secant)) / (step[1:] + step[:-1])
        turns[..., 0] |= (before[..., 0] * secant[..., 0] <= 0) & (bend[..., 0] <= CORNER * bend[..., 1])
        turns[..., last] |= (after[..., -1] * secant[..., last] <= 0) & (
            bend[..., -1] <= CORNER * bend[..., -2]
        )
    return turns


@lru_cache(maxsize=256)
def _derivative(times: bytes) -> tuple[np.ndarray, np.ndarray]:
    """Places, (n, width), and weights of the neighbours whose polynomial gives the slope at each point."""
    time = np.frombuffer(times)
    width = min(WIDTH, time.size)
    first = np.clip(np.arange(time.size) - width // 2, 0, time.size - width)
    place = first[:, np.newaxis] + np.arange(width)
    own = np.arange(time.size)[:, np.newaxis] == place
    apart = time[place][:, :, np.newaxis] - time[place][:, np.newaxis, :]
    lagrange = 1 / np.where(np.eye(width, dtype=bool), 1.0, apart).prod(axis=-1)
    with np.errstate(divide="ignore"):
        weight = lagrange / lagrange[own][:, np.newaxis] / (time[:, np.newaxis] - time[place])
    weight[own] = 0.0
    weight[own] = -weight.sum(axis=-1)
    return place, weight


def _vertex(time: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Extreme of the parabola through three points, of their logarithms where they are positive."""
    logarithmic = np.all(value > 0, axis=-1, keepdims=True)
    y = np.where(logarithmic, np.log(np.where(logarithmic, value, 1.0)), value)
    left, right = time[..., 1] - time[..., 0], time[..., 2] - time[..., 1]
    rise, fall = (y[..., 1] - y[..., 0]) / left, (y[..., 2] - y[..., 1]) / right
    bend = (fall - rise) / (left + right)
    slope = rise + bend * left  # at the middle point
    curved = bend != 0
    step = np.where(curved, -slope / (2 * np.where(curved, bend, 1.0)), 0.0)
    step = np.clip(step, -left, right)  # moves the vertex of an extreme nowhere; of others it is not used
    height = y[..., 1] + step * (slope + bend * step)
    with np.errstate(over="ignore"):  # where it is not used
        return np.where(logarithmic[..., 0], np.exp(height), height), time[..., 1] + step

"""Extremes of curves, and where they first reach something: found without a look at every step.

Promise: what is found is found on the curve at eight times as many times
(:func:`harness.analysis.curves.refined`), of which only those are worked out that can matter: those of steps
on which the curve may turn, and those about what was found. Functions of `time`, (n,) and ascending, and
`value`, (..., n).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.analysis.curves import PARTS, FineTimes, Pieces, fine_times, smooth

__all__ = ["bottom", "first_reached", "top"]

Excess = Callable[[np.ndarray], np.ndarray]
"""How far curves, (curves, n), are over something, which may depend on their lowest values so far."""


def top(time: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Height and time of the highest point of a curve, at an end of a smooth piece or within one."""
    return _extreme(time, value, 1, None)


def bottom(
    time: np.ndarray, value: np.ndarray, end: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Height and time of the lowest point of a curve up to `end`, which each curve has for itself.

    A curve that ends before it starts has its start.
    """
    return _extreme(time, value, -1, end)


def first_reached(time: np.ndarray, value: np.ndarray, excess: Excess) -> np.ndarray:
    """First time at which `excess` reaches 0 from below, interpolated; NaN where it never does.

    While a curve rises its excess may not fall, and while it falls its excess may not rise.
    """
    if time.size < 2:
        return np.where(excess(value)[..., 0] >= 0, time[0], np.nan)
    fine, curves = fine_times(time), smooth(time, value.reshape(-1, time.size))
    place, level = _outline(fine, curves, curves.bends())
    reached = excess(level) >= 0
    ever = reached.any(axis=-1) & curves.finite.all(axis=-1)
    rows = np.flatnonzero(ever)
    right = reached[rows].argmax(axis=-1)
    left = fine.left[place[rows, np.maximum(right - 1, 0)]]
    first, last = (fine.node[each][:, np.newaxis] for each in (left, left + 1))
    along = np.minimum(first + np.arange(PARTS + 1), last)
    lowest = np.where(place[rows] <= first, level[rows], np.inf).min(axis=-1)
    near = curves.at_fine(rows[:, np.newaxis], along)
    over = excess(np.column_stack([lowest, near]))[:, 1:]
    found = np.full(len(level), np.nan)
    found[rows] = _crossing(fine.time[along], over)
    return found.reshape(value.shape[:-1])


def _crossing(time: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """Time, (curves, n), at which the excess first reaches 0, on a straight line between two points."""
    right = (excess >= 0).argmax(axis=-1)[:, np.newaxis]
    left = np.maximum(right - 1, 0)
    high, low = (np.take_along_axis(excess, place, axis=-1)[:, 0] for place in (right, left))
    stop, start = (np.take_along_axis(time, place, axis=-1)[:, 0] for place in (right, left))
    rise = high - low
    return stop - np.where(rise > 0, high / np.where(rise > 0, rise, 1.0), 0.0) * (stop - start)


def _outline(fine: FineTimes, curves: Pieces, refine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points of curves: those given, and between them those of the steps to refine, (curves, n - 1).

    Returns their places among the fine times and their values, (curves, m) each; where a curve has fewer than
    others, its last point again.
    """
    count, n = curves.value.shape
    inner = PARTS - 1
    before = np.zeros((count, n), int)  # how many points go in before each of those given
    np.cumsum(inner * refine, axis=-1, out=before[:, 1:])
    shape = count, n + int(before[:, -1].max(initial=0))
    place, level = np.full(shape, fine.node[-1]), np.empty(shape)
    level[:] = curves.value[:, -1:]
    rows = np.arange(count)[:, np.newaxis]
    where = np.arange(n) + before
    place[rows, where], level[rows, where] = fine.node, curves.value
    curve, step = (each[:, np.newaxis] for each in np.nonzero(refine))
    if curve.size:
        parts = np.arange(1, PARTS)
        where, between = where[curve, step] + parts, fine.node[step] + parts
        place[curve, where], level[curve, where] = between, curves.at_fine(curve, between)
    return place, level


def _extreme(
    time: np.ndarray, value: np.ndarray, sign: int, end: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Height and time of the highest point of a curve up to `end`; with -1 its lowest."""
    shape = value.shape[:-1]
    if time.size < 2:
        return value[..., 0].copy(), np.full(shape, time[0])
    fine, curves = fine_times(time), smooth(time, value.reshape(-1, time.size))
    refine, level = curves.bends(), sign * curves.value
    if end is not None:
        end = np.broadcast_to(end, shape).reshape(-1, 1)
        last = np.clip(np.searchsorted(time, end[:, 0], side="right") - 1, 0, time.size - 2)
        refine[np.arange(len(refine)), last] |= curves.piece[last] == curves.piece[last + 1]
        level = np.where((time <= end) | (time == time[0]), level, -np.inf)
    point = level.argmax(axis=-1)
    best = _higher(fine, curves, refine, sign, end, fine.node[point], level[np.arange(point.size), point])
    height, where = _turn(fine, curves, best, sign, end)
    finite = curves.finite.all(axis=-1)
    return np.where(finite, height, np.nan).reshape(shape), np.where(finite, where, np.nan).reshape(shape)


def _higher(
    fine: FineTimes,
    curves: Pieces,
    refine: np.ndarray,
    sign: int,
    end: np.ndarray | None,
    place: np.ndarray,
    height: np.ndarray,
) -> np.ndarray:
    """Places of the highest points of curves, those of the steps to refine among them; the first of equals.

    `place` and `height` are those of the highest among the points that were given.
    """
    curve, step = np.nonzero(refine)
    within = fine.node[step][:, np.newaxis] + np.arange(1, PARTS)
    level = sign * curves.at_fine(curve[:, np.newaxis], within)
    if end is not None:
        level = np.where(fine.time[within] <= end[curve], level, -np.inf)
    each, best = np.arange(curve.size), level.argmax(axis=-1)
    order = np.lexsort((each, -level[each, best], curve))  # by curve, the highest first
    chosen = order[np.unique(curve, return_index=True)[1]]
    curve, level, within = curve[chosen], level[chosen, best[chosen]], within[chosen, best[chosen]]
    higher = (level > height[curve]) | ((level == height[curve]) & (within < place[curve]))
    found = place.copy()
    found[curve[higher]] = within[higher]
    return found


def _turn(
    fine: FineTimes, curves: Pieces, place: np.ndarray, sign: int, end: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """Height and time of the highest point of a curve about `place`, up to `end`; with -1 its lowest.

    It is that point, or where the polynomial of a step that it lies on or ends at turns, or `end`.
    """
    curve = np.arange(place.size)
    height, where = curves.at_fine(curve, place), fine.time[place]
    left = fine.left[place]
    for step in (left - (fine.node[left] == place), left):
        inside = (step >= 0) & (step < curves.time.size - 1)
        low = np.clip(step, 0, curves.time.size - 2)
        inside &= curves.piece[low] == curves.piece[low + 1]
        start, length = curves.time[low], np.diff(curves.time)[low]
        shares = [*curves.turns(curve, low)]
        if end is not None:
            shares.append(np.where(inside, end[:, 0] - start, 0.0) / np.where(inside, length, 1.0))
        for share in shares:
            at = start + share * length
            counts = inside & (share > 0) & (share < 1) & (True if end is None else at <= end[:, 0])
            level = curves.at_share(curve, low, np.where(counts, share, 0.0))
            higher = counts & (sign * (level - height) > 0)
            height, where = np.where(higher, level, height), np.where(higher, at, where)
    return height, where

"""Moments at which a curve may jump: the one convention for how a dose stands in the times of a curve.

Promise: a moment at which something is given (a bolus, either end of an infusion), or at which the rates of a
model switch, stands in `time` twice: just before, as the greatest number below it, and as itself. So times
still rise, the value at the moment is that after the dose, and two times that rounding alone holds apart are
one moment. Between two moments a curve is smooth; nothing is interpolated across one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

__all__ = [
    "SAME",
    "after_moment",
    "apart",
    "before_moment",
    "jumps",
    "just_before",
    "moved_to",
    "nearly_in",
    "pieces",
    "rows_at",
    "with_moments",
]

SAME = 1e-12
"""Times that are nearer than this, in parts of themselves or of 1, are one moment."""


def just_before(moment: np.ndarray | Sequence[float] | float) -> np.ndarray:
    """The time that stands for what is just before a moment."""
    return np.nextafter(moment, -np.inf)


def jumps(time: np.ndarray) -> np.ndarray:
    """Places i at which time[i] and time[i + 1] are one moment; `time` is (n,) and rises."""
    return np.flatnonzero(np.diff(time) <= SAME * np.maximum(1.0, np.abs(time[1:])))


def pieces(time: np.ndarray) -> list[slice]:
    """The smooth pieces of a curve, from moment to moment, in order; one for a curve without any."""
    edges = [0, *(jumps(time) + 1).tolist(), len(time)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def after_moment(time: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Places in `time` of the times `at`; of a moment that stands twice, the place after the dose."""
    return np.searchsorted(time, at + SAME * np.maximum(1.0, at), side="right") - 1


def before_moment(time: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Places in `time` of the times `at`; of a moment that stands twice, the place before the dose."""
    return np.searchsorted(time, at - SAME * np.maximum(1.0, at), side="left")


def with_moments(time: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """`time`, (n,) ascending, with each of `moments` in it twice, just before and as itself.

    A time that rounding alone holds apart from a moment is that moment.
    """
    moments = np.unique(moments)
    moments = moments[apart(moments)]
    if not moments.size:
        return time
    far = np.abs(time[:, np.newaxis] - moments) > SAME * np.maximum(1.0, np.abs(moments))
    return np.unique(np.concatenate([time[far.all(axis=1)], just_before(moments), moments]))


def apart(time: np.ndarray) -> np.ndarray:
    """Which of ascending times, (n,), are more than rounding after the one before them."""
    return np.diff(time, prepend=-np.inf) > SAME * np.maximum(1.0, time)


def moved_to(moments: np.ndarray | Sequence[float], time: np.ndarray) -> np.ndarray:
    """`time`, (n,), each moved to the one of ascending `moments` from which rounding alone holds it apart."""
    edges = np.concatenate([[-np.inf], moments, [np.inf]])
    place = np.searchsorted(edges, time)
    low, high = edges[np.maximum(place - 1, 0)], edges[place]
    slack = SAME * np.maximum(1.0, np.abs(time))
    return np.where(time - low <= slack, low, np.where(high - time <= slack, high, time))


def nearly_in(time: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which times, shape (n,), are among `others`, (m,) ascending, but for rounding."""
    slack = SAME * np.maximum(1.0, np.abs(time))
    return np.searchsorted(others, time - slack, side="left") < np.searchsorted(others, time + slack, "right")


def rows_at(time: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Places in `time`, (n,), of the times `wanted`, (m,) ascending, and of moments that stand twice."""
    chosen = nearly_in(time, wanted)
    moments = jumps(time)
    chosen[moments] = chosen[moments + 1] = True
    return np.flatnonzero(chosen)

"""Slopes of a smooth piece of a curve at its points.

Promise: plain functions of `time`, shape (n,) and ascending, and values, shape (..., n). A slope is that of
the polynomial through five neighbouring points, kept near the slopes of the steps about a point, so that a
piece does not swing where it bends sharply.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

__all__ = ["slopes_of"]

WIDTH = 5
"""Points of the polynomial that gives the slope at one of them."""

SLACK = 0.25
"""How far a slope may lie outside those of the steps beside it, in parts of their difference, or of
themselves where they are smaller."""

CORNER = 4.0
"""How many times more a curve bends at a corner than beside it."""


def slopes_of(time: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Slopes at the points of a piece, shape (..., n)."""
    if time.size < 2:
        return np.zeros_like(y)
    step = np.diff(time)
    secant = np.diff(y) / step
    if time.size < 3:
        return np.repeat(secant[..., :1], time.size, axis=-1)
    place, weight = _derivative(time.tobytes())
    width = weight.shape[1]
    half, inner = width // 2, time.size - width + 1
    edge = np.r_[:half, half + inner : time.size]
    slope = np.empty(y.shape)
    slope[..., edge] = sum(weight[edge, k] * y[..., place[edge, k]] for k in range(width))
    middle = slice(half, half + inner)  # where the neighbours of all points lie alike
    slope[..., middle] = sum(weight[middle, k] * y[..., k : k + inner] for k in range(width))
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
    slack = high - low
    for beside in (before, after):
        np.minimum(slack, np.abs(beside), out=slack)
    slack *= SLACK
    steep = np.abs(secant)
    at_left, at_right = steep.copy(), steep.copy()
    *curve, place = np.nonzero(_turns(secant, step, before, after))
    last = secant.shape[-1] - 1
    for at, beyond in ((at_left, np.minimum(place + 1, last)), (at_right, np.maximum(place - 1, 0))):
        at[(*curve, place)] = np.maximum(steep[(*curve, place)], steep[(*curve, beyond)])
    limit = 3 * np.minimum(
        np.concatenate([at_left, at_right[..., -1:]], axis=-1),
        np.concatenate([at_left[..., :1], at_right], axis=-1),
    )
    low -= slack
    high += slack
    for below, above in ((low, high), (-limit, limit)):
        slope = np.minimum(np.maximum(slope, below), above)
    return slope


def _turns(secant: np.ndarray, step: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Steps on which a curve may turn: one beside it goes the other way.

    The first and the last step have one neighbour alone. There a curve may turn also where it would, going on
    to bend as it does, unless it bends there far more than on the steps before: a corner is no turn.
    """
    last = secant.shape[-1] - 1
    other = np.sign(secant[..., 1:]) * np.sign(secant[..., :-1]) <= 0
    turns = np.zeros_like(secant, bool)
    turns[..., :-1] |= other
    turns[..., 1:] |= other
    if last > 1:
        bend = np.abs(np.diff(secant)) / (step[1:] + step[:-1])
        turns[..., 0] |= (np.sign(before[..., 0]) * np.sign(secant[..., 0]) <= 0) & (
            bend[..., 0] <= CORNER * bend[..., 1]
        )
        turns[..., last] |= (np.sign(after[..., -1]) * np.sign(secant[..., last]) <= 0) & (
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

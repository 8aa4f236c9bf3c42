"""Random effects of all groups that fit best, at once: Fisher scoring, each step no way uphill.

Promise: groups do not know of each other. One that has come to rest is asked no more, and none ends with a
larger sum of squares than it began with.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

__all__ = ["lowest"]

Squares = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Sums of squares, (groups,), at effects, (groups, effects), of the groups that are asked, (groups,)."""

Near = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Of the same, half the gradients, (groups, effects), and what is taken for half the Hessians, positive."""


def lowest(effects: np.ndarray, squares_at: Squares, near: Near) -> np.ndarray:
    """Effects of every group that minimise its sum of squares, by Fisher scoring from where they are."""
    effects = effects.copy()
    active = np.ones(len(effects), bool)
    squares = squares_at(effects, active)
    for _ in range(40):
        gradients, informations = near(effects, active)
        step = -np.linalg.solve(informations, gradients[..., np.newaxis])[..., 0]
        longest = np.abs(step).max(axis=1, keepdims=True)
        step *= np.minimum(1.0, 2.0 / np.maximum(longest, 1e-300)) * active[:, np.newaxis]
        effects, squares, length = _downhill(effects, squares, step, active, squares_at)
        active &= length >= 1e-3
        if not active.any():
            break
    return effects


def _downhill(
    effects: np.ndarray, squares: np.ndarray, step: np.ndarray, active: np.ndarray, squares_at: Squares
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first of each step, its half, its quarter... that does not raise the sum of squares.

    Returns effects, sums of squares and how far each group moved, 0 for one whose steps all do.
    """
    effects, squares, length = effects.copy(), squares.copy(), np.zeros(len(effects))
    left = active.copy()
    for _ in range(12):
        tried = squares_at(effects + step * left[:, np.newaxis], left)
        better = left & (tried <= squares)
        effects[better] += step[better]
        squares[better], length[better] = tried[better], np.abs(step[better]).max(axis=1)
        left &= ~better & (np.abs(step).max(axis=1) >= 1e-4)
        if not left.any():
            break
        step = step / 2
    return effects, squares, length

"""Power of a two-arm trial, by drawing trials from what is known of two groups of patients.

Promise: plain functions of arrays, one entry a patient; each trial draws its patients from the groups with
replacement, and depends on the seed and its own place alone. The power comes with the interval (95 %, Wilson)
of how many trials were drawn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from harness.analysis.shares import wilson
from harness.analysis.survival import log_rank

__all__ = ["Power", "log_rank_power", "share_power"]


class Power(NamedTuple):
    """Share of trials with a p below the level, and its interval."""

    power: float
    low: float
    high: float


def share_power(
    first: np.ndarray, second: np.ndarray, size: int, trials: int, seed: int, level: float = 0.05
) -> Power:
    """Power to tell two shares apart, by the two-sided test of proportions with a pooled variance.

    Parameters
    ----------
    first, second
        Whether each patient of a group has the outcome, shape (patients,) each.
    size
        Patients of an arm.
    trials, seed, level
        Trials drawn, their seed, and the p below which the arms differ.
    """

    def p_value(a: np.ndarray, b: np.ndarray) -> float:
        pooled = (a.mean() + b.mean()) / 2
        variance = 2 * pooled * (1 - pooled) / size
        if variance == 0:
            return 1.0
        return float(2 * norm.sf(abs(a.mean() - b.mean()) / np.sqrt(variance)))

    return _power(
        lambda i, j: p_value(first[i], second[j]), len(first), len(second), size, trials, seed, level
    )


def log_rank_power(
    first: tuple[np.ndarray, np.ndarray],
    second: tuple[np.ndarray, np.ndarray],
    size: int,
    trials: int,
    seed: int,
    level: float = 0.05,
) -> Power:
    """Power to tell two survival curves apart, by the log-rank test.

    Parameters
    ----------
    first, second
        Durations and events of the patients of a group, shape (patients,) each.
    size, trials, seed, level
        As of :func:`share_power`.
    """

    def p_value(i: np.ndarray, j: np.ndarray) -> float:
        arms = {"first": (first[0][i], first[1][i]), "second": (second[0][j], second[1][j])}
        return log_rank(arms).p_value if any(events.any() for _, events in arms.values()) else 1.0

    return _power(p_value, len(first[0]), len(second[0]), size, trials, seed, level)


def _power(
    p_value: Callable[[np.ndarray, np.ndarray], float],
    first: int,
    second: int,
    size: int,
    trials: int,
    seed: int,
    level: float,
) -> Power:
    below = 0
    for trial in range(trials):
        draws = np.random.default_rng([seed, size, trial])
        below += p_value(draws.integers(first, size=size), draws.integers(second, size=size)) < level
    return Power(below / trials, *wilson(int(below), trials))

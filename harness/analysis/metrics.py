"""Metrics: how far predictions are from observations, and how columns of results behave.

Promise: each metric is defined here once. Plain functions of arrays of the same shape; a metric of ratios is
NaN unless all values are positive.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

__all__ = [
    "fold_range",
    "geometric_fold",
    "largest",
    "largest_fold",
    "largest_rise",
    "log_rmse",
    "over_tolerance",
    "rank_agreement",
    "rmse",
    "share_inside",
    "share_within_fold",
    "smallest",
]


def rmse(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Root mean square error, in the unit of the values."""
    return float(np.sqrt(np.mean((predicted - observed) ** 2)))


def log_rmse(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Root mean square error of natural logarithms."""
    return float(np.sqrt(np.mean(_log_ratio(predicted, observed) ** 2)))


def largest_fold(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Largest fold error in either direction, 1 for a perfect prediction."""
    return float(np.exp(np.abs(_log_ratio(predicted, observed)).max()))


def geometric_fold(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Average fold error: exp of the mean absolute difference of logarithms, 1 for a perfect prediction."""
    return float(np.exp(np.abs(_log_ratio(predicted, observed)).mean()))


def share_within_fold(predicted: np.ndarray, observed: np.ndarray, fold: float = 2.0) -> float:
    """Share of predictions within `fold` of the observation, 0 to 1."""
    errors = np.abs(_log_ratio(predicted, observed))
    return float("nan") if np.isnan(errors).any() else float(np.mean(errors <= np.log(fold)))


def _log_ratio(predicted: np.ndarray, observed: np.ndarray) -> np.ndarray:
    if (predicted <= 0).any() or (observed <= 0).any():
        return np.full(np.shape(predicted), np.nan)
    return np.log(predicted / observed)


def share_inside(low: np.ndarray, high: np.ndarray, observed: np.ndarray) -> float:
    """Coverage of a band: share of observations from `low` to `high`, 0 to 1."""
    if not (np.isfinite(low).all() and np.isfinite(high).all() and np.isfinite(observed).all()):
        return float("nan")
    return float(np.mean((observed >= np.minimum(low, high)) & (observed <= np.maximum(low, high))))


def rank_agreement(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Spearman's rank correlation, -1 to 1; NaN for fewer than three pairs or without any variation."""
    if np.size(predicted) < 3 or np.ptp(predicted) == 0 or np.ptp(observed) == 0:
        return float("nan")
    return float(spearmanr(predicted, observed).statistic)


def over_tolerance(a: np.ndarray, b: np.ndarray, atol: np.ndarray | float, rtol: float) -> np.ndarray:
    """``|a - b| / (atol + rtol |b|)``, element by element: at most 1 where they agree.

    The rule of the SBML Test Suite. `atol` is in the unit of the values and broadcasts against them.
    """
    return np.abs(a - b) / (atol + rtol * np.abs(b))


def largest(values: np.ndarray) -> float:
    """Largest value; NaN when any is."""
    return float(np.max(values))


def smallest(values: np.ndarray) -> float:
    """Smallest value; NaN when any is."""
    return float(np.min(values))


def fold_range(values: np.ndarray) -> float:
    """Largest over smallest value; NaN unless all are positive."""
    return float(np.max(values) / np.min(values)) if (values > 0).all() else float("nan")


def largest_rise(values: np.ndarray) -> float:
    """Largest step between neighbours, negative when the values fall throughout; NaN when any is."""
    return float(np.max(np.diff(values)))

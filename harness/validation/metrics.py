"""Metrics: how far a prediction is from observations. Plain functions of two arrays of the same shape."""

from __future__ import annotations

import numpy as np

__all__ = ["largest_fold", "log_rmse", "rmse"]


def rmse(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Root mean square error, in the unit of the values."""
    return float(np.sqrt(np.mean((predicted - observed) ** 2)))


def log_rmse(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Root mean square error of natural logarithms; both must be positive, or it is NaN."""
    if (predicted <= 0).any() or (observed <= 0).any():
        return float("nan")
    return rmse(np.log(predicted), np.log(observed))


def largest_fold(predicted: np.ndarray, observed: np.ndarray) -> float:
    """Largest fold error in either direction, 1 for a perfect prediction; NaN unless all are positive."""
    if (predicted <= 0).any() or (observed <= 0).any():
        return float("nan")
    return float(np.exp(np.abs(np.log(predicted / observed)).max()))

"""Numbers of points as they stand: of measurements, or of a curve at the output times of another program.

Promise: plain functions of `time`, shape (n,) and ascending, and `value`, shape (..., n), that use the given
points alone; nothing is known between them. For curves of a model there is :mod:`harness.analysis.endpoints`.
"""

from __future__ import annotations

import numpy as np

__all__ = ["POINTS", "highest_point", "lowest_point", "regressed_half_life", "regressed_rate"]


def highest_point(
    time: np.ndarray, value: np.ndarray, start: float = 0.0, stop: float = np.inf
) -> np.ndarray:
    """Highest of the points from `start` to `stop`; NaN without one."""
    inside = (time >= start) & (time <= stop)
    return value[..., inside].max(axis=-1) if inside.any() else np.full(value.shape[:-1], np.nan)


def lowest_point(time: np.ndarray, value: np.ndarray, start: float = 0.0, stop: float = np.inf) -> np.ndarray:
    """Lowest of the points from `start` to `stop`; NaN without one."""
    return -highest_point(time, -value, start, stop)


def regressed_rate(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> np.ndarray:
    """Slope of a log-linear least-squares fit to the points from `start` to `stop`, per time unit.

    Values of 0 are left out; NaN with fewer than two others.
    """
    used = ((time >= start) & (time <= stop)) & (value > 0)
    count = used.sum(axis=-1)
    y = np.log(np.where(used, value, 1.0))
    with np.errstate(invalid="ignore", divide="ignore"):
        t_mean = (used * time).sum(axis=-1) / count
        y_mean = y.sum(axis=-1) / count
        spread = used * (time - t_mean[..., np.newaxis])
        slope = (spread * (y - y_mean[..., np.newaxis])).sum(axis=-1) / (spread**2).sum(axis=-1)
    return np.where(count >= 2, slope, np.nan)


def regressed_half_life(time: np.ndarray, value: np.ndarray, start: float, stop: float) -> np.ndarray:
    """Half-life by the same fit; negative while the points rise."""
    return -np.log(2) / regressed_rate(time, value, start, stop)


POINTS = {f.__name__: f for f in (highest_point, lowest_point, regressed_rate, regressed_half_life)}
"""These functions by name."""

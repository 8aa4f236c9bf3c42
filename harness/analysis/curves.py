"""Curves between their output times.

Promise: plain functions of `time`, shape (n,) and ascending, and `value`, shape (..., n); a curve's result
depends on that curve alone, to the last bit. Values are interpolated by modified Akima pieces, which follow a
smooth curve and do not swing where it jumps: of the logarithm of a curve that is positive throughout, of the
values of any other.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import Akima1DInterpolator

__all__ = ["between", "refined"]

PARTS = 8
"""Steps that :func:`refined` makes of one: a linear crossing is then within 1/64 of its error before."""


def between(time: np.ndarray, value: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values at the times `at`, shape (m,), within the curve; the result is (..., m), NaN for a NaN curve.

    The curve needs at least two output times.
    """
    finite = np.isfinite(value).all(axis=-1, keepdims=True)
    positive = (value > 0).all(axis=-1, keepdims=True)
    y = np.where(finite, np.log(np.where(positive, value, 1.0)) + np.where(positive, 0.0, value), 0.0)
    found = Akima1DInterpolator(time, y, axis=-1, method="makima")(at)
    found = np.where(positive, np.exp(np.where(positive, found, 0.0)), found)
    return np.where(finite, found, np.nan)


def refined(time: np.ndarray, value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same curve at eight times as many times, those of `time` and their values among them."""
    if time.size < 3:
        return time, value
    steps = time[:-1, np.newaxis] + np.diff(time)[:, np.newaxis] * np.arange(PARTS) / PARTS
    fine = np.append(steps.ravel(), time[-1])
    return fine, between(time, value, fine)

"""Curves between their output times.

Promise: plain functions of `time`, shape (n,) and ascending, and `value`, shape (..., n); a curve's result
depends on that curve alone, to the last bit. A moment of a dose stands twice (see harness.analysis.moments),
and no value is interpolated across one. Between two moments values are interpolated by modified Akima
polynomials: of the logarithm where the curve is positive throughout that piece, of the values elsewhere.
"""

from __future__ import annotations

import numpy as np
from scipy.interpolate import Akima1DInterpolator

from harness.analysis.moments import jumps, pieces

__all__ = ["between", "refined"]

PARTS = 8
"""Steps that :func:`refined` makes of one: a linear crossing is then within 1/64 of its error before."""


def between(time: np.ndarray, value: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Values at the times `at`, shape (m,), within the curve; the result is (..., m), NaN for a NaN curve.

    The curve needs at least two output times.
    """
    found = np.empty((*value.shape[:-1], at.size))
    parts = pieces(time)
    part_of = np.searchsorted(time[[part.start for part in parts[1:]]], at, side="right")
    for i, part in enumerate(parts):
        if (here := part_of == i).any():
            found[..., here] = _smooth(time[part], value[..., part], at[here])
    return found


def _smooth(time: np.ndarray, value: np.ndarray, at: np.ndarray) -> np.ndarray:
    """The same within one piece."""
    if time.size < 2:
        return np.broadcast_to(value, (*value.shape[:-1], at.size))
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
    moment = jumps(time)
    start, step = np.delete(time[:-1], moment), np.delete(np.diff(time), moment)
    inner = (start[:, np.newaxis] + step[:, np.newaxis] * np.arange(1, PARTS) / PARTS).ravel()
    fine = np.union1d(time, inner)
    return fine, between(time, value, fine)

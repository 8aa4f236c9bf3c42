"""Numbers read off a map: a quantity over two axes, as a two-way table.

Promise: plain functions of `field`, shape (rows, columns), in which NaN is a blank cell that counts nowhere;
NaN where too few cells are left for an answer.
"""

from __future__ import annotations

import numpy as np

from harness.analysis.metrics import rank_agreement

__all__ = ["largest_row_step", "main_effects", "rank_trend", "share_rising"]


def main_effects(field: np.ndarray) -> tuple[float, float]:
    """Shares of the variance over the map that the rows, and that the columns explain by their means alone.

    The main effects of a two-way analysis of variance; what they leave of 1 is interaction. With blank cells
    a mean is that of the cells there are, weighted by their number, and the shares may overlap.
    """
    there = np.isfinite(field)
    if there.sum() < 2:
        return np.nan, np.nan
    total = field[there] - field[there].mean()
    whole = (total**2).sum()
    if whole == 0:
        return np.nan, np.nan
    return _between(field, there, 1) / whole, _between(field, there, 0) / whole


def _between(field: np.ndarray, there: np.ndarray, axis: int) -> float:
    """Sum of squares between the means along `axis`."""
    count = there.sum(axis=axis)
    means = np.where(there, field, 0.0).sum(axis=axis) / np.maximum(count, 1)
    return float((count * (means - field[there].mean()) ** 2).sum())


def largest_row_step(field: np.ndarray) -> float:
    """Largest step from one row to the next in any column; below 0 where every column falls all the way."""
    steps = np.diff(field, axis=0)
    return float(np.nanmax(steps)) if np.isfinite(steps).any() else np.nan


def share_rising(field: np.ndarray, tolerance: float = 0.0) -> float:
    """Share of the steps from one column to the next, in any row, that fall by at most `tolerance`."""
    steps = np.diff(field, axis=1)
    known = steps[np.isfinite(steps)]
    return float((known >= -tolerance).mean()) if known.size else np.nan


def rank_trend(field: np.ndarray) -> float:
    """Spearman correlation with the column number, the mean over the rows that have three cells or more."""
    found = []
    for row in field:
        there = np.flatnonzero(np.isfinite(row))
        if there.size > 2 and np.ptp(row[there]) > 0:
            found.append(rank_agreement(there, row[there]))
    return float(np.mean(found)) if found else np.nan

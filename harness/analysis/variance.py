"""Shares of a variance: how much is not known of the parameters, and how much differs between patients.

Promise: plain functions of arrays, by the law of total variance: that of the mean given a draw, and the mean
of that given a draw. The variance of means over a finite number of patients holds a part of what differs
between them; it is taken out, so that shares do not depend on how many patients a draw has but by chance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["Shares", "variance_shares"]

GROUPS = 20
"""Groups of draws that are left out in turn, at most."""


class Shares(NamedTuple):
    """Standard deviations of the two parts, and the share of the first in their variance, from 0 to 1.

    `low` and `high` are the ends of its 95 % interval over the draws. NaN where nothing varies, or fewer than
    two draws or patients are known.
    """

    sd_draws: float = np.nan
    sd_patients: float = np.nan
    share: float = np.nan
    low: float = np.nan
    high: float = np.nan


def variance_shares(values: np.ndarray) -> Shares:
    """Shares of draws and of patients in the variance of `values`, shape (draws, patients).

    Patients may be the same in every draw, as with common random numbers, or others: what means over patients
    vary by chance is estimated from what is left when draw and patient are both taken off (two-way analysis
    of variance), and that is right for either. A patient that is NaN in some draw is left out of all.

    The interval leaves out each of at most 20 groups of draws in turn (jackknife).
    """
    values = np.asarray(values, float)
    values = values[:, np.isfinite(values).all(axis=0)]
    if min(values.shape) < 2:
        return Shares()
    of_draws, of_patients = _parts(values)
    if not of_draws + of_patients > 0:
        return Shares()
    share = of_draws / (of_draws + of_patients)
    half = 1.96 * _error(values)
    ends = np.clip([share - half, share + half], 0.0, 1.0).tolist()
    return Shares(float(np.sqrt(of_draws)), float(np.sqrt(of_patients)), share, *ends)


def _parts(values: np.ndarray) -> tuple[float, float]:
    """Variance of the means of the draws, without chance, and mean variance within one; neither negative."""
    draws, patients = values.shape
    values = values - values.mean()
    rows, columns = values.mean(axis=1), values.mean(axis=0)
    total = float((values**2).sum())
    left = total - patients * float((rows**2).sum()) - draws * float((columns**2).sum())
    chance = max(left, 0.0) / ((draws - 1) * (patients - 1))
    within = (total - patients * float((rows**2).sum())) / (draws * (patients - 1))
    between = float(rows.var(ddof=1)) - chance / patients
    rounding = 1e-12 * total / values.size
    return (between if between > rounding else 0.0), (within if within > rounding else 0.0)


def _error(values: np.ndarray) -> float:
    """Standard error of the share over the draws; NaN where too few are left without a group."""
    groups = np.array_split(np.arange(len(values)), min(GROUPS, len(values)))
    if len(values) - len(groups[0]) < 2:
        return np.nan
    found = []
    for group in groups:
        of_draws, of_patients = _parts(np.delete(values, group, axis=0))
        whole = of_draws + of_patients
        found.append(of_draws / whole if whole > 0 else 0.0)
    count = len(found)
    return float(np.sqrt((count - 1) / count * np.sum((np.array(found) - np.mean(found)) ** 2)))

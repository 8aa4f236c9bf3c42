"""Survival of a group: Kaplan-Meier with bands, medians with intervals, log-rank, number at risk.

Promise: plain functions of `durations`, shape (n,), and `events`, shape (n,), true where the event came and
false where the patient was censored, both of the same patients; the estimators are those of lifelines, to
which tests hold them, without the time that its tables take: a study of trials asks for thousands. A
duration that is not a number is refused: who calls decides what a failed simulation means. The median, of a
curve and of its band alike, is the smallest time at which it is at most one half; whether it is does not hang
on rounding.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2, norm

from harness.errors import InputError

__all__ = [
    "LogRank",
    "MedianTime",
    "kaplan_meier",
    "log_rank",
    "median",
    "median_of_all",
    "number_at_risk",
]

LEVEL = 0.95
"""Confidence of bands and intervals, unless another is asked for."""


@dataclass(frozen=True)
class MedianTime:
    """Median of a duration and its interval; infinite where the curve does not come down that far."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        shown = ["not reached" if np.isinf(x) else f"{x:.1f}" for x in (self.value, self.low, self.high)]
        return f"{shown[0]} ({shown[1]} to {shown[2]})"


@dataclass(frozen=True)
class LogRank:
    """Log-rank test that all groups share one survival curve."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


def kaplan_meier(durations: np.ndarray, events: np.ndarray, level: float = LEVEL) -> pd.DataFrame:
    """Kaplan-Meier estimate with the band of the log-log transform of Greenwood's variance.

    Returns
    -------
    pandas.DataFrame
        One row a step, from time 0: `time` in the unit of the durations; `survival`, `lower` and `upper` as
        fractions, each holding from its time on; `at_risk` just before that time; `events`, `censored` at it.
    """
    return pd.DataFrame(_steps(*_checked(durations, events), level))


def _steps(durations: np.ndarray, events: np.ndarray, level: float) -> dict[str, np.ndarray]:
    """Columns of :func:`kaplan_meier`, of checked durations and events."""
    if not 0 < level < 1:
        raise InputError(f"confidence level: between 0 and 1, not {level:g}")
    time, place = np.unique(np.append(0.0, durations), return_inverse=True)
    every = np.bincount(place[1:], minlength=time.size)
    observed = np.bincount(place[1:][events], minlength=time.size)
    at_risk = durations.size - np.append(0, np.cumsum(every)[:-1])
    left = at_risk - observed
    with np.errstate(divide="ignore", invalid="ignore"):
        variance = np.cumsum(np.where(left > 0, observed / (at_risk * left), 0.0))
        logarithm = np.cumsum(np.log(left) - np.log(at_risk))
        width = norm.ppf(0.5 + level / 2) * np.sqrt(variance) / logarithm
        ends = np.exp(-np.exp(np.log(-logarithm) + np.array([[-1.0], [1.0]]) * width))
    lower, upper = np.where(np.isnan(ends), 1.0, ends)
    return {
        "time": time,
        "survival": _product_limit(at_risk, observed),
        "lower": lower,
        "upper": upper,
        "at_risk": at_risk,
        "events": observed,
        "censored": every - observed,
    }


def _product_limit(at_risk: np.ndarray, events: np.ndarray) -> np.ndarray:
    """Survival after each step, at or below one half exactly where the product of fractions is.

    A product of k rounded fractions is within k units of rounding of the exact one; a step that comes so near
    to one half is decided by integers.
    """
    left = at_risk - events
    found = np.cumprod(left / at_risk)
    near = np.abs(found - 0.5) <= 2 * found.size * np.finfo(float).eps
    for step in np.flatnonzero(near & (events > 0)):
        above, below = Counter(left[: step + 1].tolist()), Counter(at_risk[: step + 1].tolist())
        twice, whole = 2 * math.prod((above - below).elements()), math.prod((below - above).elements())
        side = (twice > whole) - (twice < whole)
        same = found == found[step]  # steps without an event stay at the same height
        found[same] = 0.5 + side * max(abs(found[step] - 0.5), np.finfo(float).eps)
    return found


def median(durations: np.ndarray, events: np.ndarray, level: float = LEVEL) -> MedianTime:
    """Median of the Kaplan-Meier estimate, and where the band crosses one half (Brookmeyer and Crowley).

    Each is the smallest time at which its curve is at most one half, as in lifelines. Where a curve stands at
    one half for a while, survfit of R takes the middle of that piece instead.
    """
    curve = _steps(*_checked(durations, events), level)
    reached = [curve["time"][curve[name] <= 0.5] for name in ("survival", "lower", "upper")]
    return MedianTime(*(float(times.min()) if len(times) else np.inf for times in reached))


def median_of_all(durations: np.ndarray) -> np.ndarray:
    """The same median where nobody is censored, of groups of one size: `durations` (..., n) give (...).

    Infinite durations are those of patients without the event; the median is infinite when most have none.
    """
    place = (np.shape(durations)[-1] + 1) // 2 - 1
    return np.partition(durations, place, axis=-1)[..., place]


def log_rank(groups: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> LogRank:
    """Log-rank test over two or more groups, each (durations, events).

    Raises
    ------
    InputError
        When there are fewer than two groups, or no event in any.
    """
    if len(groups) < 2:
        raise InputError("log-rank: at least two groups are needed")
    checked = {name: _checked(*group) for name, group in groups.items()}
    durations = np.concatenate([d for d, _ in checked.values()])
    events = np.concatenate([e for _, e in checked.values()])
    if not events.any():
        raise InputError("log-rank: no event in any group")
    times, died = np.unique(durations[events], return_counts=True)
    alive = np.array([_at_risk(d, times) for d, _ in checked.values()], float)
    deaths = np.array([np.bincount(np.searchsorted(times, d[e]), minlength=times.size)
                       for d, e in checked.values()])  # fmt: skip
    every = alive.sum(axis=0)
    share = alive / every
    apart = (deaths - died * share).sum(axis=1)[:-1]
    spread = died * (every - died) / np.maximum(every - 1, 1)
    covariance = np.diag((spread * share).sum(axis=1)) - (spread * share) @ share.T
    statistic = float(apart @ np.linalg.pinv(covariance[:-1, :-1], hermitian=True) @ apart)
    return LogRank(statistic, len(groups) - 1, float(chi2.sf(statistic, len(groups) - 1)))


def number_at_risk(durations: np.ndarray, times: np.ndarray) -> np.ndarray:
    """How many are still under observation just before each time, with no event yet; shape of `times`."""
    return _at_risk(_checked(durations, np.ones(np.shape(durations), bool))[0], times)


def _at_risk(durations: np.ndarray, times: np.ndarray) -> np.ndarray:
    ordered = np.sort(durations)
    return ordered.size - np.searchsorted(ordered, np.asarray(times, float), side="left")


def _checked(durations: np.ndarray, events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    durations, events = np.asarray(durations, float), np.asarray(events)
    if durations.ndim != 1 or durations.shape != events.shape:
        raise InputError(
            f"survival: one duration and one event a patient; shapes are {durations.shape} and {events.shape}"
        )
    if not durations.size:
        raise InputError("survival: no patients")
    if not np.isfinite(durations).all() or (durations < 0).any():
        bad = int(np.flatnonzero(~(np.isfinite(durations) & (durations >= 0)))[0])
        raise InputError(f"survival: duration {bad} is {durations[bad]:g}; expected a number of at least 0")
    if not np.isin(events, (0, 1)).all():
        raise InputError("survival: an event is true or false")
    return durations, events.astype(bool)

"""Survival of a group: Kaplan-Meier with bands, medians with intervals, log-rank, number at risk.

Promise: plain functions of `durations`, shape (n,), and `events`, shape (n,), true where the event came and
false where the patient was censored, both of the same patients; the estimators are those of lifelines. A
duration that is not a number is refused: who calls decides what a failed simulation means.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from lifelines.utils import median_survival_times

from harness.errors import InputError

__all__ = ["LogRank", "Median", "kaplan_meier", "log_rank", "median", "number_at_risk"]

LEVEL = 0.95
"""Confidence of bands and intervals, unless another is asked for."""


@dataclass(frozen=True)
class Median:
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
    fitted = _fit(durations, events, level)
    low, high = fitted.confidence_interval_.to_numpy().T
    counts = fitted.event_table
    return pd.DataFrame(
        {
            "time": fitted.survival_function_.index.to_numpy(float),
            "survival": fitted.survival_function_.iloc[:, 0].to_numpy(),
            "lower": low,
            "upper": high,
            "at_risk": counts["at_risk"].to_numpy(int),
            "events": counts["observed"].to_numpy(int),
            "censored": counts["censored"].to_numpy(int),
        }
    )


def median(durations: np.ndarray, events: np.ndarray, level: float = LEVEL) -> Median:
    """Median of the Kaplan-Meier estimate, and where the band crosses one half (Brookmeyer and Crowley)."""
    fitted = _fit(durations, events, level)
    low, high = median_survival_times(fitted.confidence_interval_).to_numpy()[0]
    return Median(float(fitted.median_survival_time_), float(low), float(high))


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
    names = np.repeat(list(checked), [d.size for d, _ in checked.values()])
    found = multivariate_logrank_test(durations, names, events)
    return LogRank(float(found.test_statistic), len(groups) - 1, float(found.p_value))


def number_at_risk(durations: np.ndarray, times: np.ndarray) -> np.ndarray:
    """How many are still under observation just before each time, with no event yet; shape of `times`."""
    ordered = np.sort(_checked(durations, np.ones(np.shape(durations), bool))[0])
    return ordered.size - np.searchsorted(ordered, np.asarray(times, float), side="left")


def _fit(durations: np.ndarray, events: np.ndarray, level: float) -> KaplanMeierFitter:
    if not 0 < level < 1:
        raise InputError(f"confidence level: between 0 and 1, not {level:g}")
    return KaplanMeierFitter(alpha=1 - level).fit(*_checked(durations, events))


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

"""Progression-free survival of fitted patients, split by dose: from the fits, and from draws of each patient.

Promise: the fits give one Kaplan-Meier curve an arm, with the band of its size. Fits alone know no more of a
patient than the category, so that whoever shares dose and category progresses on the same day; draws of the
random effects given the category show what that hides, as repeated trials of the same patients. Times are in
months; infinite where there was no progression within the follow-up, NaN where the simulation failed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from harness.analysis.response import criteria
from harness.analysis.survival import kaplan_meier, median, median_of_all

__all__ = ["ARMS", "LEVELS", "RULES", "medians", "predicted", "repeated", "survival"]

ARMS = ("low", "high")
"""Doses below the split, and from it on."""

RULES = tuple(criteria().rules)

TRIALS = 1000
"""Repetitions of the trial with other draws of its patients."""

LEVELS = (0.025, 0.5, 0.975)
"""Lower end, middle and upper end of an interval."""


def repeated(patients: pd.DataFrame, draws: pd.DataFrame, seed: int) -> np.ndarray:
    """Rows of `draws` that stand for each patient in each repetition, shape (trials, patients).

    A draw is taken with the probability that its weight says, among those of the patient's `group`; a group
    with no weight at all has -1.
    """
    random = np.random.Generator(np.random.Philox(key=[seed, 0]))
    chosen = np.full((TRIALS, len(patients)), -1)
    for group, members in patients.groupby("group", sort=True):
        rows = np.flatnonzero(draws["group"] == group)
        weight = draws["weight"].to_numpy()[rows]
        if weight.sum() > 0:
            places = patients.index.get_indexer(members.index)
            chosen[:, places] = random.choice(rows, (TRIALS, len(members)), p=weight / weight.sum())
    return chosen


def medians(
    patients: pd.DataFrame,
    draws: pd.DataFrame,
    chosen: np.ndarray,
    end: float,
    published: Mapping[str, float],
) -> pd.DataFrame:
    """Median progression-free survival by rule and arm, in months, infinite where it is not reached.

    Returns
    -------
    pandas.DataFrame
        `rule`, `arm`, `patients` and `events`; `median`, `lower` and `upper` of the fits (95 %, of
        Kaplan-Meier); `predicted`, `predicted_lower` and `predicted_upper`, the middle and the 95 % interval
        of the medians of the repeated trials; and `published`, by arm. NaN for an arm without patients.
    """
    rows = []
    for rule, arm, times, trials in _arms(patients, draws, chosen):
        row = {"rule": rule, "arm": arm, "patients": times.size, "events": int((times <= end).sum())}
        row["published"] = published.get(arm, np.nan)
        if times.size:
            found = median(np.minimum(times, end), times <= end)
            row |= {"median": found.value, "lower": found.low, "upper": found.high}
        if trials.size:
            lower, middle, upper = np.quantile(median_of_all(trials), LEVELS, method="inverted_cdf")
            row |= {"predicted": middle, "predicted_lower": lower, "predicted_upper": upper}
        rows.append(row)
    ends = ("", "_lower", "_upper")
    numbers = ["median", "lower", "upper", *(f"predicted{end}" for end in ends), "published"]
    return pd.DataFrame(rows).reindex(columns=["rule", "arm", "patients", "events", *numbers])


def survival(patients: pd.DataFrame, draws: pd.DataFrame, chosen: np.ndarray, end: float) -> pd.DataFrame:
    """Kaplan-Meier of the fits by rule and arm: that of harness.analysis.survival, with `rule` and `arm`."""
    return pd.concat(
        [
            kaplan_meier(np.minimum(times, end), times <= end).assign(rule=rule, arm=arm)
            for rule, arm, times, _ in _arms(patients, draws, chosen)
            if times.size
        ],
        ignore_index=True,
    )


def predicted(patients: pd.DataFrame, draws: pd.DataFrame, chosen: np.ndarray, end: float) -> pd.DataFrame:
    """Share without progression in the repeated trials, by rule, arm and time.

    Nobody leaves a simulated trial before its end, so that the share is the Kaplan-Meier estimate. Columns
    `rule`, `arm`, `time` (months), `survival` (median of the trials), `lower` and `upper` (95 %).
    """
    grid = np.linspace(0, end, 145)
    parts = []
    for rule, arm, _, trials in _arms(patients, draws, chosen):
        if trials.size:
            shares = (trials[:, :, np.newaxis] > grid).mean(axis=1)
            lower, middle, upper = np.quantile(shares, LEVELS, axis=0)
            columns = {"time": grid, "survival": middle, "lower": lower, "upper": upper}
            parts.append(pd.DataFrame({"rule": rule, "arm": arm, **columns}))
    names = ["rule", "arm", "time", "survival", "lower", "upper"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=names)


def _arms(
    patients: pd.DataFrame, draws: pd.DataFrame, chosen: np.ndarray
) -> Iterator[tuple[str, str, np.ndarray, np.ndarray]]:
    """Rule, arm, times of the fits (those that did not fail) and times of the trials, (trials, patients)."""
    drawn = (chosen >= 0).all(axis=0)
    for rule in RULES:
        times, of_draws = patients[f"pfs_{rule}"].to_numpy(), draws[f"pfs_{rule}"].to_numpy()
        for arm in ARMS:
            inside = (patients["arm"] == arm).to_numpy()
            fitted = times[inside & ~np.isnan(times)]
            yield rule, arm, fitted, of_draws[chosen[:, inside & drawn]]

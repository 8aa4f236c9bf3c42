"""A cohort at several doses, from trajectories of M-protein to tables of response and survival.

Promise: times are months and shares are percent; a patient whose trajectory is NaN has a row, and is in no
share, curve or median.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.analysis.response import (
    best_change,
    category,
    category_names,
    change_at,
    criteria,
    duration_of_response,
    is_responder,
    progression_free,
    responds_again,
    time_to_response,
)
from harness.analysis.shares import wilson
from harness.analysis.survival import kaplan_meier, median

__all__ = [
    "bands",
    "category_labels",
    "fractions",
    "medians",
    "patient_rows",
    "responses",
    "spiders",
    "survival",
]

RESPONSES = ("orr", "cr", "cr_strict", "second_response")


def patient_rows(
    time: np.ndarray,
    change: np.ndarray,
    doses: tuple[float, ...],
    months: tuple[float, ...],
    strict_cr: float,
    first_visit: float,
    best_by: str,
) -> pd.DataFrame:
    """One row a patient and dose, from `change` (%), shape (patients, doses, times), at `time` (months).

    Best response is that from `first_visit` (months) to progression by the rule `best_by`. Columns: patient,
    dose, best_response (name), orr, cr, cr_strict (whether it is a response, a complete
    one, a complete one at the bound `strict_cr`), second_response (whether a lost one comes again),
    time_to_response; change_M and response_M at each month M; and by each rule of progression pfs_RULE,
    progressed_RULE, dor_RULE, relapsed_RULE.
    """
    patients = change.shape[0]
    flat = change.reshape(patients * len(doses), time.size)
    lowest = best_change(time, flat, first_visit, rule=best_by)
    best = category(lowest)
    columns = {
        "patient": np.repeat(np.arange(patients), len(doses)),
        "dose": np.tile(doses, patients),
        "best_response": category_labels(best),
        "orr": is_responder(best),
        "cr": best == 0,
        "cr_strict": category(lowest, strict_cr) == 0,
        "second_response": responds_again(flat),
        "time_to_response": time_to_response(time, flat),
    }
    for month in months:
        columns[f"change_{month:g}"] = change_at(time, flat, month)
        columns[f"response_{month:g}"] = category_labels(category(columns[f"change_{month:g}"]))
    for rule in criteria().rules:
        columns[f"pfs_{rule}"], columns[f"progressed_{rule}"] = progression_free(time, flat, rule)
        columns[f"dor_{rule}"], columns[f"relapsed_{rule}"] = duration_of_response(time, flat, rule)
    return pd.DataFrame(columns)


def responses(runs: pd.DataFrame) -> pd.DataFrame:
    """Percent by dose of each `outcome` (orr, cr, cr_strict, second_response), with its Wilson interval."""
    rows = [
        (dose, outcome, *_share(group[outcome])) for dose, group in _by_dose(runs) for outcome in RESPONSES
    ]
    return pd.DataFrame(rows, columns=["dose", "outcome", "patients", "percent", "low", "high"])


def fractions(runs: pd.DataFrame, months: tuple[float, ...]) -> pd.DataFrame:
    """Share of patients in each bin of Figure 6 by dose and month, with Wilson intervals."""
    rows = [
        (dose, month, bin_, *_share(group[f"response_{month:g}"].isin(names)))
        for dose, group in _by_dose(runs)
        for month in months
        for bin_, names in criteria().bins.items()
    ]
    return pd.DataFrame(rows, columns=["dose", "month", "bin", "patients", "percent", "low", "high"])


def survival(runs: pd.DataFrame) -> pd.DataFrame:
    """Kaplan-Meier curves of progression-free survival by dose and rule of progression.

    A dose at which no simulation went well has none.
    """
    curves = [
        kaplan_meier(group[f"pfs_{rule}"].to_numpy(), group[f"progressed_{rule}"].to_numpy()).assign(
            dose=dose, rule=rule
        )
        for dose, group in _by_dose(runs)
        for rule in criteria().rules
        if len(group)
    ]
    return pd.concat(curves, ignore_index=True)


def medians(runs: pd.DataFrame) -> pd.DataFrame:
    """Median PFS and duration of response (months) by dose and rule, with intervals; `event_free` in percent.

    A duration is NaN where there is no responder; infinite where fewer than half have the event.
    """
    rows = []
    for dose, group in _by_dose(runs):
        for rule in criteria().rules:
            for outcome, came in (("pfs", "progressed"), ("dor", "relapsed")):
                known = group[group[f"{outcome}_{rule}"].notna()]
                events = known[f"{came}_{rule}"].to_numpy(bool)
                row = [dose, rule, outcome, len(known)]
                if len(known):
                    found = median(known[f"{outcome}_{rule}"].to_numpy(), events)
                    row += [found.value, found.low, found.high, 100 * (1 - events.mean())]
                else:
                    row += [np.nan] * 4
                rows.append(row)
    columns = ["dose", "rule", "outcome", "patients", "median", "low", "high", "event_free"]
    return pd.DataFrame(rows, columns=columns)


def spiders(time: np.ndarray, change: np.ndarray, doses: tuple[float, ...]) -> pd.DataFrame:
    """Trajectories as one long table: patient, dose, month, change (%)."""
    index = pd.MultiIndex.from_product([range(len(change)), doses, time], names=["patient", "dose", "month"])
    return pd.DataFrame({"change": change.reshape(-1)}, index=index).reset_index()


def bands(time: np.ndarray, change: np.ndarray, doses: tuple[float, ...]) -> pd.DataFrame:
    """Over the patients of each dose, by month: the median change (%), and the ends of the middle 95 %.

    Columns `dose`, `month`, `median`, `patients_low`, `patients_high`; NaN where no simulation went well.
    """
    parts = []
    for i, dose in enumerate(doses):
        known = change[np.isfinite(change[:, i]).all(axis=1), i]
        none = np.full((3, time.size), np.nan)
        ends = np.percentile(known, (2.5, 50, 97.5), axis=0) if len(known) else none
        columns = {"median": ends[1], "patients_low": ends[0], "patients_high": ends[2]}
        parts.append(pd.DataFrame({"dose": float(dose), "month": time, **columns}))
    return pd.concat(parts, ignore_index=True)


def _by_dose(runs: pd.DataFrame) -> list[tuple[float, pd.DataFrame]]:
    """Patients simulated well, by dose; a dose at which none was has an empty group."""
    return [(dose, group[group["best_response"] != ""]) for dose, group in runs.groupby("dose")]


def category_labels(numbers: np.ndarray) -> np.ndarray:
    """Names of categories; empty for one that is NaN."""
    names = np.array([*category_names(), ""], dtype=object)
    return names[np.where(np.isnan(numbers), len(names) - 1, numbers).astype(int)]


def _share(held: pd.Series) -> tuple[int, float, float, float]:
    """Patients, percent of them for whom it holds, and its Wilson interval; NaN without patients."""
    if not len(held):
        return 0, np.nan, np.nan, np.nan
    low, high = wilson(int(held.sum()), len(held))
    return len(held), 100 * float(held.mean()), 100 * low, 100 * high

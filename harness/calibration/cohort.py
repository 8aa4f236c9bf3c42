"""What a candidate predicts for a cohort: any doses, sizes and days, with the observed numbers beside them.

Promise: each drawn cohort has the size of the real one and parameters of one draw of the posterior, so that
an interval holds both what is not known and the chance of few patients. Observed numbers enter no prediction.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator
from scipy.special import gammaln, logsumexp

from harness.analysis.response import is_responder
from harness.calibration.declared import Calibration, read_calibration
from harness.calibration.simulated import patient_columns
from harness.calibration.stored import STORED, read_draws
from harness.declarations import Declaration, read_declaration
from harness.errors import unknown_name
from harness.models.card import repository
from harness.models.catalog import load_card
from harness.models.units import convert
from harness.simulation.design import Design
from harness.simulation.engines import AUTO
from harness.simulation.execute import Executor
from harness.simulation.plan import plan
from harness.simulation.regimen import DeclaredRegimen, declared_regimen
from harness.simulation.run import collect
from harness.studies.outcome import EngineName, Outcome, Progress, Seed, StudyDeclaration, count_failed
from harness.studies.virtual_patients import CHANGE

__all__ = ["TABLES", "Cohort", "PredictCohort", "read_cohort"]

TABLES = ("values", "rates", "survival", "scores")
MIDDLE = (5, 50, 95)
"""Percentiles of an interval over cohorts."""

OF_PATIENTS = (10, 50, 90)
"""Percentiles over the patients of a cohort."""

AFTER = 1
"""Day from which the highest value counts: past the bolus."""


class Arm(DeclaredRegimen):
    """One arm: how many patients, and their doses, ``[150e6]`` or ``[50e6, 100e6@3]``.

    `observed` are numbers to score, all optional: orr, cr (percent), orr_DAY, median_pfs, pfs_MONTH (percent
    free of progression), OBSERVABLE_DAY (median over patients), highest_OBSERVABLE, ratio_OBSERVABLE_DAY.
    """

    patients: int = Field(ge=1, le=10_000)
    observed: dict[str, float] = {}


class Cohort(Declaration):
    """A cohort that a person holds data of.

    Attributes
    ----------
    arms
        By name.
    observables
        Days at which each is read out.
    response_days
        Days at which response is read off against baseline, beside the best response.
    progression_months
        Months at which the share free of progression is read off.
    until
        End of the follow-up.
    """

    title: str = ""
    arms: dict[str, Arm]
    observables: dict[str, tuple[float, ...]] = {}
    response_days: tuple[float, ...] = ()
    progression_months: tuple[float, ...] = ()
    until: str = "12 months"

    @field_validator("arms")
    @classmethod
    def _there_is_an_arm(cls, arms: dict[str, Arm]) -> dict[str, Arm]:
        if not arms:
            raise ValueError("expected one arm or more")
        return arms

    @model_validator(mode="after")
    def _observed_numbers_are_predicted(self) -> Cohort:
        known = self.predicted()
        for name, arm in self.arms.items():
            for number in arm.observed:
                if number not in known:
                    raise ValueError(f"arms: {name}: {unknown_name('number', number, known)}")
        return self

    def predicted(self) -> tuple[str, ...]:
        """Names of all numbers that a prediction gives for an arm."""
        days = [(name, day) for name, all_ in self.observables.items() for day in all_]
        return (
            "orr",
            "cr",
            "median_pfs",
            *(f"orr_{day:g}" for day in self.response_days),
            *(f"pfs_{month:g}" for month in self.progression_months),
            *(f"{name}_{day:g}" for name, day in days),
            *(f"ratio_{name}_{day:g}" for name, day in days),
            *(f"highest_{name}" for name in self.observables),
        )


def read_cohort(path: Path) -> Cohort:
    """Read the file of a cohort.

    Raises
    ------
    InputError
        In one line, with file and field.
    """
    return read_declaration(path, Cohort)


class PredictCohort(StudyDeclaration):
    """A candidate on a cohort.

    Attributes
    ----------
    cohort
        File of the cohort.
    candidate
        Of the calibration.
    declared, calibrated
        File of the calibration, and the folder that it wrote.
    cohorts
        How many are drawn, each from a draw of the posterior.
    """

    kind: Literal["cohort"] = "cohort"
    cohort: str
    candidate: str
    declared: str = "dose/candidates.yaml"
    calibrated: str = STORED
    cohorts: int = Field(default=100, ge=2, le=10_000)
    seed: Seed = 1
    engine: EngineName = AUTO

    def inputs(self) -> tuple[Path, ...]:
        folder = repository() / "validation"
        return (Path(self.cohort), folder / self.declared, folder / self.calibrated / "comparison.csv")

    def number_names(self) -> tuple[str, ...]:
        return ("inside", "scored", "failed")

    def size(self) -> int:
        return self.cohorts * sum(arm.patients for arm in read_cohort(Path(self.cohort)).arms.values())

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        """Simulate and read off.

        Returns
        -------
        Outcome
            Tables: `values`, quantiles over patients of each observable by day, and at its highest;
            `rates`, response, ratio of medians between responders and others; `survival`; `scores`. Each
            number is the median over cohorts with the middle 90 % of them.
        """
        cohort = read_cohort(Path(self.cohort))
        declared = read_calibration(repository() / "validation" / self.declared)
        draws = read_draws(declared, self.candidate, repository() / "validation" / self.calibrated)
        tables: dict[str, list[tuple]] = {name: [] for name in TABLES}
        failed = 0
        notes: dict[str, None] = {}
        for place, (name, arm) in enumerate(cohort.arms.items()):
            found, lost, said = self._simulate(declared, cohort, arm, draws, place, executor, progress)
            failed += lost
            notes |= dict.fromkeys(said)
            _tabulate(tables, cohort, name, arm, found)
        framed = {
            "values": _frame(tables["values"], "arm", "observable", "day", "of_patients"),
            "rates": _frame(tables["rates"], "arm", "outcome"),
            "survival": _frame(tables["survival"], "arm", "month"),
            "scores": pd.DataFrame(
                tables["scores"],
                columns=["arm", "number", "observed", "median", "low", "high", "inside", "fold", "log_p"],
            ),
        }
        scores = framed["scores"]
        numbers = {"inside": float(scores["inside"].sum()), "scored": float(len(scores)), "failed": failed}
        return Outcome(numbers, framed, self.size(), failed, tuple(notes))

    def _simulate(
        self,
        declared: Calibration,
        cohort: Cohort,
        arm: Arm,
        draws: pd.DataFrame,
        place: int,
        executor: Executor,
        progress: Progress | None,
    ) -> tuple[dict[str, np.ndarray], int, tuple[str, ...]]:
        """Every read-out of an arm, (cohorts, patients), NaN where a run failed; failures; notes."""
        card = load_card(declared.candidate(self.candidate).model)
        symbols = card.symbols
        for name in cohort.observables:
            if name not in symbols:
                raise symbols.unknown("observable", name, symbols)
        rng = np.random.default_rng([self.seed, place])
        chosen = draws.iloc[rng.choice(len(draws), self.cohorts, replace=self.cohorts > len(draws))]
        values = {name: chosen[name].to_numpy() for name in chosen}
        shape = (self.cohorts, arm.patients)
        columns = patient_columns(declared, self.candidate, values, shape, rng)
        table = pd.DataFrame({name: array.reshape(-1) for name, array in columns.items()})
        after = convert(AFTER, "day", symbols.time_unit, "day")
        highest = [f"highest({name}, start={after:g})" for name in cohort.observables]
        asked = {day for all_ in cohort.observables.values() for day in all_}
        at = sorted(convert(day, "day", symbols.time_unit, "day") for day in asked)
        response = [f"response_at({CHANGE}, day={day:g})" for day in cohort.response_days]
        planned = plan(
            card.id,
            Design(table),
            endpoints=["best_response", "PFS", *response, *highest],
            at=at,
            observables=list(cohort.observables) or [CHANGE],
            until=cohort.until,
            doses=declared_regimen("", arm, symbols),
            changes=dict(declared.changes(self.candidate)),
            engine=self.engine,
        )
        found = collect(planned, executor, progress)
        lost = count_failed(found.status, found.reason)
        good = found.status == "ok"
        month = convert(1.0, "month", symbols.time_unit, "month")
        pfs = found.columns["PFS"] / month
        calls = [call.name for call in planned.study.endpoints]
        columns = {"best": found.columns["best_response"], "pfs": np.where(np.isnan(pfs), np.inf, pfs)}
        for day, name in zip(cohort.response_days, calls[2:], strict=False):
            columns[f"response_{day:g}"] = found.columns[name]
        for name, column in zip(cohort.observables, calls[2 + len(response) :], strict=True):
            columns[f"highest_{name}"] = found.columns[column]
        for name, days in cohort.observables.items():
            for day in days:
                time = convert(day, "day", symbols.time_unit, "day")
                columns[f"{name}_{day:g}"] = found.columns[f"{name}_{time:g}"]
        return {n: np.where(good, v, np.nan).reshape(shape) for n, v in columns.items()}, lost, planned.notes


def _tabulate(
    tables: dict[str, list[tuple]], cohort: Cohort, name: str, arm: Arm, found: Mapping[str, np.ndarray]
) -> None:
    """Rows of one arm, added to every table."""
    responders = np.where(np.isnan(found["best"]), False, is_responder(found["best"]))
    numbers = {
        "orr": 100 * responders.mean(axis=1),
        "cr": 100 * (found["best"] == 0).mean(axis=1),
        "median_pfs": np.sort(found["pfs"], axis=1)[:, (arm.patients - 1) // 2],
    }
    for day in cohort.response_days:
        numbers[f"orr_{day:g}"] = 100 * is_responder(found[f"response_{day:g}"]).mean(axis=1)
    for month in cohort.progression_months:
        numbers[f"pfs_{month:g}"] = 100 * (found["pfs"] > month).mean(axis=1)
        tables["survival"].append((name, month, *_interval(numbers[f"pfs_{month:g}"])))
    for observable, days in cohort.observables.items():
        keys = {f"{observable}_{day:g}": f"{day:g}" for day in days} | {f"highest_{observable}": "highest"}
        for key, said in keys.items():
            values = found[key]
            for share in OF_PATIENTS:
                each = np.nanpercentile(values, share, axis=1)
                tables["values"].append((name, observable, said, share, *_interval(each)))
            numbers[key] = np.nanmedian(values, axis=1)
            if said != "highest":
                numbers[f"ratio_{key}"] = _ratio(values, responders)
    for outcome in numbers:
        if outcome.startswith(("orr", "cr", "median", "ratio")):
            tables["rates"].append((name, outcome, *_interval(numbers[outcome])))
    for outcome, seen in arm.observed.items():
        tables["scores"].append((name, outcome, *_score(outcome, seen, numbers[outcome], arm.patients)))


def _ratio(values: np.ndarray, responders: np.ndarray) -> np.ndarray:
    """Median of responders over that of others in each cohort; NaN where one of them is nobody."""
    found = np.full(len(values), np.nan)
    for i, (row, held) in enumerate(zip(values, responders, strict=True)):
        if held.any() and not held.all():
            found[i] = np.nanmedian(row[held]) / np.nanmedian(row[~held])
    return found


def _interval(values: np.ndarray) -> tuple[float, float, float]:
    """Median, low and high over cohorts; cohorts without a value apart."""
    known = values[~np.isnan(values)]
    if not known.size:
        return (np.nan, np.nan, np.nan)
    low, median, high = np.percentile(known, MIDDLE, method="closest_observation")
    return median, low, high


def _score(outcome: str, seen: float, values: np.ndarray, patients: int) -> tuple:
    """Observed; median, low and high; inside or not; fold error; log predictive probability.

    A rate has the binomial probability of its count, averaged over cohorts with one patient more, evenly;
    other numbers have none, since no error of theirs is declared.
    """
    median, low, high = _interval(values)
    fold = max(seen / median, median / seen) if seen > 0 and median > 0 else np.nan
    log_p = np.nan
    if outcome.startswith(("orr", "cr", "pfs")):
        count = round(seen * patients / 100)
        p = (values / 100 * patients + 0.5) / (patients + 1)
        coefficient = gammaln(patients + 1) - gammaln(count + 1) - gammaln(patients - count + 1)
        terms = coefficient + count * np.log(p) + (patients - count) * np.log1p(-p)
        log_p = float(logsumexp(terms) - np.log(len(terms)))
    return seen, median, low, high, bool(low <= seen <= high), fold, log_p


def _frame(rows: list[tuple], *names: str) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*names, "median", "low", "high"])

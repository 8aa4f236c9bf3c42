"""What a candidate predicts for a cohort: any doses, sizes and days, with the observed numbers beside them.

Promise: each drawn cohort has the size of the real one, parameters of one draw of the posterior and the
effect of a trial of its own, all arms alike, so that an interval holds what is not known, how trials differ,
and the chance of few patients. Observed numbers enter no prediction.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.special import gammaln, logsumexp
from scipy.stats import gaussian_kde

from harness.analysis.response import is_responder
from harness.calibration.cohort_file import ALL, Arm, Cohort, is_share, read_cohort, require_attainable
from harness.calibration.declared import Calibration, read_calibration
from harness.calibration.drawn import class_chances, draw_trials
from harness.calibration.observed import RESPONSE, class_of
from harness.calibration.simulated import patient_columns
from harness.calibration.stored import STORED, read_draws
from harness.declarations import Seed
from harness.errors import InputError
from harness.models.card import repository
from harness.models.catalog import load_card
from harness.models.symbols import SymbolTable
from harness.models.units import convert
from harness.simulation.declared_regimens import declared_regimen
from harness.simulation.design import Design
from harness.simulation.engines import AUTO
from harness.simulation.execute import Executor
from harness.simulation.plan import plan
from harness.simulation.regimen import Regimen
from harness.simulation.run import collect
from harness.studies.outcome import EngineName, Outcome, Progress, StudyDeclaration, count_failed
from harness.studies.virtual_patients import CHANGE

__all__ = ["TABLES", "PredictCohort"]

TABLES = ("values", "rates", "survival", "scores")
MIDDLE = (5, 50, 95)
"""Percentiles of an interval over cohorts."""

OF_PATIENTS = (10, 50, 90)
"""Percentiles over the patients of a cohort."""

POOL = 3
"""Virtual patients for each that a cohort is drawn from."""

AFTER = 1
"""Day from which the highest value counts: past the bolus."""


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
        return POOL * self.cohorts * sum(arm.patients for arm in read_cohort(Path(self.cohort)).arms.values())

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
        rng = np.random.default_rng(self.seed)
        chosen = draws.iloc[rng.choice(len(draws), self.cohorts, replace=self.cohorts > len(draws))]
        effect = declared.block.trial_sd * rng.standard_normal(self.cohorts)
        require_attainable(self.cohort, cohort, load_card(declared.candidate(self.candidate).model))
        failed = 0
        notes: dict[str, None] = {}
        every: list[dict[str, np.ndarray]] = []
        for place, (name, arm) in enumerate(cohort.arms.items()):
            found, lost, said = self._simulate(
                declared, cohort, (name, arm), chosen, place, executor, progress
            )
            failed += lost
            notes |= dict.fromkeys(said)
            every.append(_drawn(found, effect, arm.patients, declared.lapse, [self.seed, place, 1]))
            _tabulate(tables, cohort, name, arm, every[-1])
        if len(every) > 1:
            _tabulate_all(tables, cohort, every)
        framed = {
            "values": _frame(tables["values"], "arm", "observable", "day", "of_patients"),
            "rates": _frame(tables["rates"], "arm", "outcome"),
            "survival": _frame(tables["survival"], "arm", "month"),
            "scores": pd.DataFrame(
                tables["scores"],
                columns=[
                    *("arm", "number", "observed", "median", "low", "high"),
                    *("inside", "fold", "log_p", "log_density"),
                ],
            ),
        }
        scores = framed["scores"]
        numbers = {"inside": float(scores["inside"].sum()), "scored": float(len(scores)), "failed": failed}
        return Outcome(numbers, framed, self.size(), failed, tuple(notes))

    def _simulate(
        self,
        declared: Calibration,
        cohort: Cohort,
        named: tuple[str, Arm],
        chosen: pd.DataFrame,
        place: int,
        executor: Executor,
        progress: Progress | None,
    ) -> tuple[dict[str, np.ndarray], int, tuple[str, ...]]:
        """Every read-out of an arm, (cohorts, virtual patients), NaN where a run failed; failures; notes."""
        card = load_card(declared.candidate(self.candidate).model)
        symbols, arm = card.symbols, named[1]
        regimen = self._regimen(named, symbols)
        rng = np.random.default_rng([self.seed, place])
        values = {name: chosen[name].to_numpy() for name in chosen}
        shape = (self.cohorts, POOL * arm.patients)
        columns = patient_columns(declared, self.candidate, values, shape, rng)
        table = pd.DataFrame({name: array.reshape(-1) for name, array in columns.items()})
        after = convert(AFTER, "day", symbols.time_unit, "day")
        highest = [f"highest({name}, start={after:g})" for name in cohort.observables]
        asked = {day for all_ in cohort.observables.values() for day in all_}
        at = sorted(convert(day, "day", symbols.time_unit, "day") for day in asked)
        response = [f"response_at({CHANGE}, day={day:g})" for day in cohort.response_days]
        planned = plan(
            card.id,
            Design(table, drawn=tuple(table)),
            endpoints=["best_response", "PFS", *response, *highest],
            at=at,
            observables=list(cohort.observables) or [CHANGE],
            until=cohort.until,
            doses=regimen,
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

    def _regimen(self, named: tuple[str, Arm], symbols: SymbolTable) -> Regimen:
        """Doses of an arm; an error names file and arm."""
        try:
            return declared_regimen(*named, symbols)
        except InputError as error:
            raise InputError(f"{self.cohort}: arms: {named[0]}: {error}") from None


def _drawn(
    found: Mapping[str, np.ndarray], effect: np.ndarray, size: int, lapse: float, seed: list[int]
) -> dict[str, np.ndarray]:
    """The cohorts themselves, each read-out (cohorts, patients), and `class`, as it is reported."""
    classes = class_of(found["best"])
    picked, reported = draw_trials(classes, effect, size, lapse, np.random.default_rng(seed))
    of_cohort = {name: np.take_along_axis(values, picked, axis=1) for name, values in found.items()}
    chances = 100 * class_chances(classes, effect, lapse)
    rates = {"chance_orr": chances[:, :RESPONSE].sum(axis=-1), "chance_cr": chances[:, 0]}
    return {**of_cohort, "class": reported, **rates}


def _rates(cohort: Cohort, found: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What is read off the patients of each cohort together, (cohorts,)."""
    size = found["class"].shape[1]
    return {
        "orr": 100 * (found["class"] < RESPONSE).mean(axis=1),
        "cr": 100 * (found["class"] == 0).mean(axis=1),
        "median_pfs": np.sort(found["pfs"], axis=1)[:, (size - 1) // 2],
        **{f"pfs_{m:g}": 100 * (found["pfs"] > m).mean(axis=1) for m in cohort.progression_months},
    }


def _tabulate_all(tables: dict[str, list[tuple]], cohort: Cohort, every: list[dict[str, np.ndarray]]) -> None:
    """Rows of all arms together."""
    found = {name: np.concatenate([each[name] for each in every], axis=1) for name in ("class", "pfs")}
    sizes = np.array([each["class"].shape[1] for each in every])
    chances = {
        name: np.average([each[f"chance_{name}"] for each in every], axis=0, weights=sizes)
        for name in ("orr", "cr")
    }
    numbers = _rates(cohort, found)
    for outcome, values in numbers.items():
        if not outcome.startswith("pfs"):
            tables["rates"].append((ALL, outcome, *_interval(values)))
    for outcome, seen in cohort.observed.items():
        score = _score(outcome, seen, numbers[outcome], chances.get(outcome), int(sizes.sum()))
        tables["scores"].append((ALL, outcome, *score))


def _tabulate(
    tables: dict[str, list[tuple]], cohort: Cohort, name: str, arm: Arm, found: Mapping[str, np.ndarray]
) -> None:
    """Rows of one arm, added to every table."""
    responders = found["class"] < RESPONSE
    numbers = _rates(cohort, found)
    for day in cohort.response_days:
        numbers[f"orr_{day:g}"] = 100 * is_responder(found[f"response_{day:g}"]).mean(axis=1)
    for month in cohort.progression_months:
        tables["survival"].append((name, month, *_interval(numbers[f"pfs_{month:g}"])))
    for observable, days in cohort.observables.items():
        keys = {f"{observable}_{day:g}": f"{day:g}" for day in days} | {f"highest_{observable}": "highest"}
        for key, said in keys.items():
            values = found[key]
            for share in OF_PATIENTS:
                each = np.nanpercentile(values, share, axis=1)
                tables["values"].append((name, observable, said, share, *_interval(each)))
            numbers[key] = np.nanmedian(values, axis=1)
            numbers[f"ratio_{key}"] = _ratio(values, responders)
    for outcome in numbers:
        if outcome in ("orr", "cr", "median_pfs") or outcome.startswith(("orr_", "ratio_")):
            tables["rates"].append((name, outcome, *_interval(numbers[outcome])))
    for outcome, seen in arm.observed.items():
        score = _score(outcome, seen, numbers[outcome], found.get(f"chance_{outcome}"), arm.patients)
        tables["scores"].append((name, outcome, *score))


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


def _score(outcome: str, seen: float, values: np.ndarray, chances: np.ndarray | None, patients: int) -> tuple:
    """Observed; median, low and high; inside or not; fold error; log probability; log density.

    A rate has the binomial probability of its count, averaged over cohorts: with the chance in each where
    that is known, else with its share and one patient more, evenly. Other numbers have a density, of their
    logarithm where all are positive, by a Gaussian kernel over cohorts.
    """
    median, low, high = _interval(values)
    fold = max(seen / median, median / seen) if seen > 0 and median > 0 else np.nan
    log_p = log_density = np.nan
    if is_share(outcome):
        count = round(seen * patients / 100)
        p = (values / 100 * patients + 0.5) / (patients + 1) if chances is None else chances / 100
        coefficient = gammaln(patients + 1) - gammaln(count + 1) - gammaln(patients - count + 1)
        terms = coefficient + count * np.log(p) + (patients - count) * np.log1p(-p)
        log_p = float(logsumexp(terms) - np.log(len(terms)))
    else:
        log_density = _log_density(seen, values)
    return seen, median, low, high, bool(low <= seen <= high), fold, log_p, log_density


def _log_density(seen: float, values: np.ndarray) -> float:
    """Log predictive density at `seen`; cohorts that reach no finite value count as density of nothing."""
    finite = values[np.isfinite(values)]
    if seen > 0 and (finite > 0).all():
        seen, finite = np.log(seen), np.log(finite)
    if len(finite) < 2 or np.ptp(finite) == 0:
        return np.nan
    share = len(finite) / max((~np.isnan(values)).sum(), 1)
    return float(gaussian_kde(finite).logpdf(seen)[0] + np.log(share))


def _frame(rows: list[tuple], *names: str) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*names, "median", "low", "high"])

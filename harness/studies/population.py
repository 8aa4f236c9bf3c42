"""A population: virtual patients at several doses, their responses and their survival (Figures 6 and S3).

Promise: the same patients at every dose, so that a difference between doses is one of dose; a patient whose
simulation failed is in the table of runs, and in no fraction or curve.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from harness.analysis.moments import nearly_in, rows_at
from harness.analysis.response import FIRST_VISIT
from harness.errors import InputError, RunFailed
from harness.identity import key_of
from harness.models.card import repository
from harness.simulation.declared_regimens import DeclaredRegimen, declared_regimen
from harness.simulation.made_designs import grid
from harness.simulation.plan import NOT_SHOWN, Plan, plan
from harness.simulation.times import parse_times, parse_until
from harness.studies import cohort
from harness.studies.outcome import Outcome, by_group, count_failed
from harness.studies.published import Drawn, Published, predict, read_published
from harness.studies.virtual_patients import CHANGE, MOST, VirtualPatients

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Population", "dose_label"]

STEPS = ((0, 7, 1.0), (7, 70, 3.5), (70, 203, 7.0), (203, np.inf, 10.5))
"""Output times: from, to and step, in days."""

LONGEST = 600
"""Months of follow-up, beyond any patient's."""


def dose_label(dose: float) -> str:
    """A dose in the name of a number: in millions of cells."""
    return f"{dose / 1e6:g}"


_NAMES: dict[str, tuple[str, ...]] = {}


class Population(VirtualPatients):
    """Virtual patients at each of several doses.

    Attributes
    ----------
    patients
        How many at each dose.
    doses
        CAR+ T cells.
    regimen
        How each dose is given, in multiples of it (``doses: [0.3x, 0.7x@3]``); by default at once.
    months
        When response is read off against baseline, beside the best response.
    first_visit
        Day from which response is assessed.
    until
        End of follow-up.
    curves, times
        Whether the outcome has the curves of the observables of every run, and at which times; by default
        at those at which response is read off. No number depends on them.
    strict_cr
        Another bound of a complete response (%), shown beside the declared one.
    threshold
        Dose from which on the article calls the dose-response flat; one of `doses`, or none.
    spiders
        How many trajectories of each dose are kept.
    published
        Table of trial outcomes to predict, a path within ``validation/``; none by default.
    trials
        How many trials of the size of each are drawn.
    """

    kind: Literal["population"] = "population"
    patients: int = Field(ge=1, le=MOST)
    doses: tuple[float, ...]
    regimen: DeclaredRegimen | None = None
    months: tuple[float, ...] = (6, 21)
    first_visit: float = Field(default=FIRST_VISIT, ge=0)
    until: str = "48 months"
    curves: bool = False
    times: str | None = None
    strict_cr: float = -99
    threshold: float | None = None
    spiders: int = Field(default=250, ge=0, le=MOST)
    published: str | None = None
    trials: int = Field(default=2000, ge=1, le=100_000)

    @field_validator("doses", "months")
    @classmethod
    def _numbers_are_distinct(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not values or not np.isfinite(values).all() or min(values) < 0 or len(set(values)) < len(values):
            raise ValueError("expected one or more distinct numbers, none of them negative")
        return tuple(sorted(values))

    @model_validator(mode="after")
    def _can_be_held(self) -> Population:
        if self.size() > MOST:
            raise ValueError(f"{self.size()} patients at all doses together; at most {MOST} are allowed")
        return self

    @model_validator(mode="after")
    def _threshold_is_a_dose(self) -> Population:
        if self.threshold is not None and self.threshold not in self.doses:
            raise ValueError(f"threshold: {self.threshold:g} is none of the doses")
        return self

    def number_names(self) -> tuple[str, ...]:
        """Names of the numbers, from the tables of a population in which nothing happens.

        They take half a second, and every target of a panel asks for them.
        """
        named: dict[str, object] = {"changes": {}, "omegas": {}, "posterior": None, "seed": 1, "spiders": 0}
        key = key_of(self.model_copy(update=named), self.month(), self._published())
        if key not in _NAMES:
            nothing_happens = np.zeros((1, len(self.doses), 2))
            _NAMES[key] = tuple(self._numbers(self._tables(np.array([0.0, self._end()]), nothing_happens)))
        return _NAMES[key]

    def size(self) -> int:
        return self.patients * len(self.doses)

    def read_off(self, planned: Plan, found: xr.Dataset) -> Outcome:
        """Responses and survival.

        Returns
        -------
        Outcome
            Tables, in cells, percent and months: `runs`, one row a patient and dose; `responses`, best
            response by dose; `fractions`, by dose and month in the bins of Figure 6; `survival`, Kaplan-Meier
            curves of PFS by dose and rule; `medians` of PFS and of the duration of response; `spiders`,
            trajectories; `bands`, the median and the middle 95 % of the patients over time; `predictions` of
            trials, when `published` is given.
        """
        status, reason = found.status.to_numpy(), found.reason.to_numpy()
        failed = count_failed(status, reason)
        change = found[CHANGE].isel(time=rows_at(found.time.to_numpy(), self._own_times()))
        time = change.time.to_numpy()
        tables = self._tables(time, change.to_numpy().reshape(self.patients, -1, time.size))
        about = planned.design.table.drop(columns="dose").assign(status=status, reason=reason)
        tables["runs"] = pd.concat([tables["runs"], about], axis=1)
        lost = f"{failed} of {self.size()} simulations failed and are in no share or curve"
        notes = (*planned.notes, lost) if failed else planned.notes
        if self.times is not None and not self.curves:
            notes = (*notes, NOT_SHOWN)
        curves = found.isel(time=rows_at(found.time.to_numpy(), self._shown_times())) if self.curves else None
        numbers, engine = self._numbers(tables), planned.study.engine
        return Outcome(numbers, tables, self.size(), failed, notes, engine=engine, curves=curves)

    def lean(self) -> Population:
        return self.model_copy(update={"spiders": 0, "curves": False, "times": None})

    def of_patients(self, tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], np.ndarray]:
        runs, changes = tables["runs"], [f"change_{month:g}" for month in self.months]
        return by_group(
            runs, "dose", runs["best_response"] != "", ["orr", "cr", *changes, f"pfs_{self.rule}"]
        )

    def plan(self) -> Plan:
        """The simulations: patient by patient, each at the doses in ascending order."""
        self.number_names()  # what cannot be answered is told before anything runs
        own, shown = self._own_times(), self._shown_times()
        observables = self._selection().card.observables if self.curves else ()
        return plan(
            self.model,
            self.patients_design(self.patients, given=("dose",)) * grid(dose=self.doses),
            trajectories=True,
            observables=list(dict.fromkeys([CHANGE, *observables])),
            times=np.union1d(own, shown[~nearly_in(shown, own)]),
            until=self._end(),
            doses=None if self.regimen is None else declared_regimen("", self.regimen, self.symbols()),
            changes=self.changes,
            readings=self.chosen_readings(),
            engine=self.engine,
        )

    def _own_times(self) -> np.ndarray:
        """Times at which everything is read off."""
        days, end = np.append(np.array(self.months) * self.month(), self._first_visit()), self._end()
        day = self.in_time(1.0, "day")
        steps = [np.arange(start, min(stop, end / day), step) * day for start, stop, step in STEPS]
        return np.unique(np.concatenate([*steps, days, [end]]))

    def _shown_times(self) -> np.ndarray:
        """Times of the curves that are kept."""
        return self._own_times() if self.times is None else parse_times(self.times, self.symbols().time_unit)

    def _tables(self, time: np.ndarray, change: np.ndarray) -> dict[str, pd.DataFrame]:
        """All tables, from `change` (%), shape (patients, doses, times), at `time` in the model's unit."""
        if max(self.months) * self.month() > self._end():
            raise InputError(f"months: month {max(self.months):g} lies after the end, {self.until}")
        if not self._first_visit() < self._end():
            raise InputError(f"first_visit: day {self.first_visit:g} lies after the end, {self.until}")
        months, first = time / self.month(), self._first_visit() / self.month()
        runs = cohort.patient_rows(months, change, self.doses, self.months, self.strict_cr, first, self.rule)
        tables = {
            "runs": runs,
            "responses": cohort.responses(runs),
            "fractions": cohort.fractions(runs, self.months),
            "survival": cohort.survival(runs),
            "medians": cohort.medians(runs),
            "spiders": cohort.spiders(months, change[: self.spiders], self.doses),
            "bands": cohort.bands(months, change, self.doses),
        }
        if self.published is not None:
            tables["predictions"] = predict(self._published(), self._drawn(runs), self.trials, self.seed)
        return tables

    def _numbers(self, tables: dict[str, pd.DataFrame]) -> dict[str, float]:
        """Every number, named from the tables themselves."""
        numbers: dict[str, float] = {}
        for row in tables["responses"].itertuples():
            numbers[f"{row.outcome}_{dose_label(row.dose)}"] = row.percent
        for row in tables["fractions"].itertuples():
            numbers[f"{row.bin.lower()}_{row.month:g}_{dose_label(row.dose)}"] = row.percent
        for row in tables["medians"].itertuples():
            numbers[f"median_{row.outcome}_{row.rule}_{dose_label(row.dose)}"] = row.median
            numbers[f"event_free_{row.outcome}_{row.rule}_{dose_label(row.dose)}"] = row.event_free
        numbers |= self._spread_over_doses(tables) | self._by_dose_and_time(tables["fractions"])
        if self.published is not None:
            numbers |= _of_trials(tables["predictions"])
        numbers["failed"] = float((tables["runs"]["best_response"] == "").sum())
        return numbers

    def _spread_over_doses(self, tables: dict[str, pd.DataFrame]) -> dict[str, float]:
        """Lowest and highest share of responders over the doses, and how far median PFS moves."""
        numbers = {}
        for outcome, group in tables["responses"].groupby("outcome"):
            numbers[f"{outcome}_lowest"] = group.percent.min()
            numbers[f"{outcome}_highest"] = group.percent.max()
        medians = tables["medians"]
        for rule, group in medians[medians["outcome"] == "pfs"].groupby("rule"):
            numbers[f"median_pfs_{rule}_spread"] = _spread(group["median"])
        return numbers

    def _by_dose_and_time(self, fractions: pd.DataFrame) -> dict[str, float]:
        """How progression and complete response move with time and, about the threshold, with dose."""
        share = fractions.set_index(["bin", "month", "dose"]).percent.sort_index()
        first, last = self.months[0], self.months[-1]
        rise = share["PD", last] - share["PD", first]
        numbers = {f"pd_later_{dose_label(dose)}": points for dose, points in rise.items()}
        numbers["pd_later_least"] = rise.min()
        for month in self.months if self.threshold is not None else ():
            for name, bin_, sign in (("pd_fall", "PD", -1), ("cr_rise", "CR", 1)):
                of_dose = share[bin_, month]
                numbers[f"{name}_{month:g}"] = sign * (of_dose[self.threshold] - of_dose[self.doses[0]]) + 0.0
                numbers[f"{bin_.lower()}_flat_{month:g}"] = _spread(of_dose[of_dose.index >= self.threshold])
        return numbers

    def _first_visit(self) -> float:
        """In the model's time unit."""
        return self.in_time(self.first_visit, "first_visit")

    def _end(self) -> float:
        end = parse_until(self.until, self.symbols().time_unit)
        if end > LONGEST * self.month():
            raise InputError(f"until: a follow-up of at most {LONGEST} months, not {self.until}")
        return end

    def _published(self) -> tuple[Published, ...]:
        rows = read_published(repository() / "validation" / self.published) if self.published else ()
        for row in rows:
            missing = [f"{dose:g}" for dose in row.arms if dose not in self.doses]
            if missing:
                raise InputError(
                    f"{self.published}: {row.name} has arms at {', '.join(missing)} cells; add the dose"
                )
        return rows

    def _drawn(self, runs: pd.DataFrame) -> dict[float, Drawn]:
        """Outcomes that trials are drawn from, by dose."""
        good = runs[runs["best_response"] != ""]
        pfs = np.where(good[f"progressed_{self.rule}"], good[f"pfs_{self.rule}"], np.inf)
        of_dose = {dose: (good["dose"] == dose).to_numpy() for dose in self.doses}
        empty = [f"{dose:g}" for dose, rows in of_dose.items() if not rows.any()]
        if empty:
            raise RunFailed(
                f"no simulation went well at {', '.join(empty)} cells; nothing to draw trials from"
            )
        return {
            dose: Drawn(good["orr"].to_numpy()[rows], good["cr"].to_numpy()[rows], pfs[rows])
            for dose, rows in of_dose.items()
        }


def _of_trials(predictions: pd.DataFrame) -> dict[str, float]:
    """What is predicted of each trial, whether its outcome is inside (1 or 0), and for how many it is (%)."""
    numbers = {}
    for row in predictions.itertuples():
        numbers[f"predicted_{row.outcome}_{row.name}"] = row.predicted
        numbers[f"inside_{row.outcome}_{row.name}"] = float(row.inside)
    for outcome, group in predictions.groupby("outcome"):
        numbers[f"inside_{outcome}"] = 100 * float(group.inside.mean())
    return numbers


def _spread(values: pd.Series) -> float:
    """Highest less lowest; NaN when one is infinite or not a number."""
    return float(values.max() - values.min()) if np.isfinite(values).all() else np.nan

"""Dose escalation among virtual patients: what a design finds when toxicity follows exposure.

Promise: every design and every slope sees the same patients in the same trials, each patient with the same
chance at every dose, so that a difference between them is one of design or slope. The curve of exposure and
toxicity is the user's own: nothing in the model or the article says one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator
from scipy.special import expit, logit

from harness.analysis.escalation import NONE, Course, boin, three_plus_three, three_plus_three_most
from harness.analysis.response import is_responder
from harness.analysis.shares import wilson
from harness.declarations import Declaration
from harness.errors import RunFailed
from harness.models.units import convert
from harness.simulation.made_designs import grid
from harness.simulation.plan import Plan, plan
from harness.simulation.study import is_ok
from harness.studies.outcome import Outcome, by_group, count_failed
from harness.studies.virtual_patients import VirtualPatients

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Escalation", "Toxicity"]

DesignName = Literal["3+3", "boin"]
RESPONSE = "best_response"
LEVEL = 0.95


class Toxicity(Declaration):
    """Probability of a dose-limiting toxicity: logistic in the logarithm of the exposure.

    Attributes
    ----------
    at, probability
        An exposure, in the unit of its endpoint, and the probability there.
    slopes
        Logits by which e-fold exposure raises it; each is a scenario of its own. 0 is no effect of exposure.
    """

    at: float = Field(gt=0, allow_inf_nan=False)
    probability: float = Field(gt=0, lt=1)
    slopes: tuple[float, ...]

    @field_validator("slopes")
    @classmethod
    def _slopes_rise(cls, slopes: tuple[float, ...]) -> tuple[float, ...]:
        if not slopes or not all(0 <= slope < np.inf for slope in slopes) or len(set(slopes)) < len(slopes):
            raise ValueError("slopes are distinct numbers of at least 0, one or more")
        return slopes

    def of(self, exposure: np.ndarray, slope: float) -> np.ndarray:
        """Probabilities at exposures, with one of the slopes."""
        if slope == 0:
            return np.full(exposure.shape, self.probability)
        with np.errstate(divide="ignore"):
            return expit(logit(self.probability) + slope * np.log(exposure / self.at))


class Escalation(VirtualPatients):
    """Trials of dose escalation.

    Attributes
    ----------
    doses, start
        CAR+ T cells, ascending, and the first of them that is given; by default the lowest.
    patients
        Virtual patients, of whom every trial draws.
    exposure
        Endpoint of the model that toxicity follows: ``Cmax``, ``growth_rate(transgene, start=3, stop=8)``.
    toxicity
        The curve: there is none by default.
    designs
        Which designs: ``3+3``, ``boin``.
    target
        Share of toxic patients that BOIN aims at, and above which a dose counts as too high.
    cohort, most, enough
        Of BOIN: patients of a cohort, of a trial, and at one dose from which the trial ends.
    expansion
        Patients that are added at the chosen dose.
    window, accrual
        Days for which a cohort is watched before the next one, and that each patient takes to be found.
    trials
        How many trials of each design and slope.
    """

    kind: Literal["escalation"] = "escalation"
    doses: tuple[float, ...]
    start: float | None = None
    patients: int = Field(default=500, ge=1, le=100_000)
    exposure: str = "Cmax"
    toxicity: Toxicity
    designs: tuple[DesignName, ...] = ("3+3", "boin")
    target: float = Field(default=0.3, ge=0.05, le=0.6)
    cohort: int = Field(default=3, ge=1)
    most: int = Field(default=30, ge=1, le=1000)
    enough: int = Field(default=12, ge=1)
    expansion: int = Field(default=0, ge=0, le=1000)
    window: float = Field(default=28.0, ge=0, allow_inf_nan=False)
    accrual: float = Field(default=7.0, ge=0, allow_inf_nan=False)
    trials: int = Field(default=2000, ge=1, le=100_000)

    @model_validator(mode="after")
    def _can_be_run(self) -> Escalation:
        if not self.doses or not all(0 < dose < np.inf for dose in self.doses):
            raise ValueError("doses: one or more positive numbers of cells")
        if any(after <= before for before, after in zip(self.doses, self.doses[1:], strict=False)):
            raise ValueError("doses: each is to be above the one before")
        if self.start is not None and self.start not in self.doses:
            raise ValueError(f"start: {self.start:g} is none of the doses")
        if not self.designs or len(set(self.designs)) < len(self.designs):
            raise ValueError("designs: one or more, each once: 3+3, boin")
        if "boin" in self.designs and self.cohort > self.most:
            raise ValueError(f"cohort: {self.cohort} patients are more than the {self.most} of a trial")
        return self

    def number_names(self) -> tuple[str, ...]:
        each = ("right", "none", "overdosed", "toxic", "responders", "patients", "months")
        return (
            *(
                f"{name}_{self._place(d, s)}"
                for d in self.designs
                for s in self.toxicity.slopes
                for name in each
            ),
            *(
                f"chosen_{dose / 1e6:g}_{self._place(d, s)}"
                for d in self.designs
                for s in self.toxicity.slopes
                for dose in self.doses
            ),
            "failed",
        )

    def size(self) -> int:
        return self.patients * len(self.doses)

    def read_off(self, planned: Plan, found: xr.Dataset) -> Outcome:
        """The trials among the patients.

        Returns
        -------
        Outcome
            Tables: `doses`, by slope and dose the mean probability of toxicity, percent of responders and
            the median exposure of all patients, with its unit; `characteristics`, by design, slope and dose
            the percent of trials that choose it, with an interval by Wilson, and its patients and toxicities
            in a trial; `designs`, by design and slope what :meth:`number_names` has; `trials`, a row a trial;
            `runs`, a row a patient and dose: exposure, and whether it responds.
        """
        status, reason = found.status.to_numpy(), found.reason.to_numpy()
        failed = count_failed(status, reason)
        shape = self.patients, len(self.doses)
        good = np.array([is_ok(each) for each in status]).reshape(shape).all(axis=1)
        if not good.any():
            raise RunFailed("no patient was simulated at every dose; there is nobody to draw trials from")
        call = planned.study.endpoints[0].name
        runs = pd.DataFrame(
            {
                "patient": np.repeat(np.arange(self.patients), len(self.doses)),
                "dose": np.tile(self.doses, self.patients),
                "exposure": found[call].to_numpy(),
                "responds": is_responder(found[RESPONSE].to_numpy()),
                "status": status,
                "reason": reason,
            }
        )
        exposure, responds = (runs[name].to_numpy().reshape(shape)[good] for name in ("exposure", "responds"))
        unknown, below = np.isnan(exposure), exposure < 0
        if not (exposure > 0).any():
            raise RunFailed(f"{self.exposure} is above 0 in no patient; toxicity follows its logarithm")
        exposure = np.where(unknown | below, 0.0, exposure)
        trials, dosed = self._trials(exposure, responds)
        tables = {
            "doses": self._doses(exposure, responds).assign(unit=planned.unit(call)),
            "characteristics": self._characteristics(trials, dosed),
            "designs": self._designs(trials),
            "trials": trials,
            "runs": runs,
        }
        notes = list(planned.notes)
        if failed:
            notes.append(
                f"{failed} of {self.size()} simulations failed; trials draw from patients without one"
            )
        if unknown.any():
            notes.append(
                f"{unknown.sum()} exposures have no value, as of cells that never expand: taken as 0"
            )
        if below.any():
            notes.append(f"{below.sum()} exposures are below 0, where there is no logarithm: taken as 0")
        notes.append("the curve of exposure and toxicity is an assumption of whoever declares it")
        numbers, engine = self._numbers(tables, failed), planned.study.engine
        return Outcome(numbers, tables, self.size(), failed, tuple(notes), engine=engine)

    def of_patients(self, tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], np.ndarray]:
        table = tables["runs"]
        return by_group(table, "dose", table["status"].map(is_ok), ["responds"], ["exposure"])

    def plan(self) -> Plan:
        """The simulations: patient by patient, each at the doses in ascending order."""
        return plan(
            self.model,
            self.patients_design(self.patients, given=("dose",)) * grid(dose=self.doses),
            endpoints=[self.exposure, RESPONSE],
            changes=self.changes,
            readings=self.chosen_readings(),
            engine=self.engine,
        )

    def _trials(self, exposure: np.ndarray, responds: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame]:
        """One row a trial, and one a trial and dose, for each design and slope."""
        enrolled = max(three_plus_three_most(len(self.doses)), self.most)
        risks = {slope: self.toxicity.of(exposure, slope) for slope in self.toxicity.slopes}
        rows, dosed = [], []
        for trial in range(self.trials):
            draws = np.random.default_rng([self.seed, 2, trial])
            who = draws.integers(len(exposure), size=enrolled + self.expansion)
            chance = draws.random(who.size)[:, np.newaxis]
            for slope, risk in risks.items():
                toxic, mean = chance < risk[who], risk.mean(axis=0)
                for design in self.designs:
                    course = self._course(design, toxic)
                    levels = self._with_expansion(course)
                    added = enrolled + np.arange(levels.size - course.levels.size)
                    patients = np.append(np.arange(course.levels.size), added)
                    events, answers = toxic[patients, levels], responds[who[patients], levels]
                    cell = {"design": design, "slope": slope, "trial": trial}
                    rows.append(
                        {
                            **cell,
                            "chosen": np.nan if course.chosen == NONE else self.doses[course.chosen],
                            "right": course.chosen == self._right(mean),
                            "patients": levels.size,
                            "toxic": int(events.sum()),
                            "overdosed": int(self._too_high(mean)[levels].sum()),
                            "responders": int(answers.sum()),
                            "days": course.cohorts * self.window + levels.size * self.accrual,
                        }
                    )
                    count = np.bincount(levels, minlength=len(self.doses))
                    hurt = np.bincount(levels, weights=events, minlength=len(self.doses))
                    dosed.append((design, slope, *count, *hurt))
        return pd.DataFrame(rows), pd.DataFrame(dosed)

    def _course(self, design: str, toxic: np.ndarray) -> Course:
        start = 0 if self.start is None else self.doses.index(self.start)
        if design == "3+3":
            return three_plus_three(toxic, start)
        return boin(toxic, start, target=self.target, cohort=self.cohort, most=self.most, enough=self.enough)

    def _with_expansion(self, course: Course) -> np.ndarray:
        """Levels of all patients of a trial, those added at the chosen dose last."""
        added = 0 if course.chosen == NONE else self.expansion
        return np.append(course.levels, np.full(added, course.chosen))

    def _right(self, mean: np.ndarray) -> int:
        """The dose that should be chosen: the highest whose toxicity is at most the target, if one is."""
        allowed = np.flatnonzero(~self._too_high(mean))
        return int(allowed[-1]) if allowed.size else NONE

    def _too_high(self, mean: np.ndarray) -> np.ndarray:
        """Which doses are toxic to more than the target, by more than rounding."""
        return mean > self.target * (1 + 1e-9)

    def _doses(self, exposure: np.ndarray, responds: np.ndarray) -> pd.DataFrame:
        rows = []
        for slope in self.toxicity.slopes:
            risk = self.toxicity.of(exposure, slope)
            for j, dose in enumerate(self.doses):
                shares = 100 * risk[:, j].mean(), 100 * responds[:, j].mean()
                rows.append((slope, dose, float(np.median(exposure[:, j])), *shares))
        return pd.DataFrame(rows, columns=["slope", "dose", "exposure", "toxic", "responders"])

    def _characteristics(self, trials: pd.DataFrame, dosed: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for (design, slope), of_cell in trials.groupby(["design", "slope"], sort=False):
            chosen = of_cell.chosen.fillna(0.0).to_numpy()
            means = dosed[(dosed[0] == design) & (dosed[1] == slope)].iloc[:, 2:].mean().to_numpy()
            for j, dose in enumerate((*self.doses, 0.0)):
                count = int((chosen == dose).sum())
                low, high = wilson(count, len(chosen), LEVEL)
                share = {"percent": 100 * count / len(chosen), "low": 100 * low, "high": 100 * high}
                given = (means[j], means[len(self.doses) + j]) if dose else (np.nan, np.nan)
                each = {"design": design, "slope": slope, "dose": dose if dose else np.nan}
                rows.append({**each, **share, "patients": given[0], "toxic": given[1]})
        return pd.DataFrame(rows)

    def _designs(self, trials: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for (design, slope), g in trials.groupby(["design", "slope"], sort=False):
            treated = g.patients.sum()
            rows.append(
                {
                    "design": design,
                    "slope": slope,
                    "right": 100 * g.right.mean(),
                    "none": 100 * g.chosen.isna().mean(),
                    "overdosed": 100 * g.overdosed.sum() / treated,
                    "toxic": 100 * g.toxic.sum() / treated,
                    "responders": g.responders.mean(),
                    "patients": g.patients.mean(),
                    "months": convert(g.days.mean(), "day", "month", "duration"),
                }
            )
        return pd.DataFrame(rows)

    def _numbers(self, tables: dict[str, pd.DataFrame], failed: int) -> dict[str, float]:
        numbers: dict[str, float] = {"failed": float(failed)}
        for row in tables["designs"].to_dict("records"):
            place = self._place(row.pop("design"), row.pop("slope"))
            numbers |= {f"{name}_{place}": float(value) for name, value in row.items()}
        for row in tables["characteristics"].dropna(subset="dose").itertuples():
            numbers[f"chosen_{row.dose / 1e6:g}_{self._place(row.design, row.slope)}"] = row.percent
        return numbers

    def _place(self, design: str, slope: float) -> str:
        """Design and slope in the name of a number."""
        return f"{'three' if design == '3+3' else design}_{slope:g}"

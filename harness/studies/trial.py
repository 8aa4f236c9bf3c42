"""A virtual trial: arms, visits and dropout, repeated, so that the chance of one trial is seen.

Promise: patients of different arms and replicates are different ones; patient and dropout depend on the seed
and on their place alone. M-protein is known at visits only. A patient whose simulation failed is not
evaluable and not followed, is counted, and has a row.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator

from harness.analysis.moments import before_moment
from harness.analysis.response import category_names, is_responder
from harness.analysis.shares import wilson
from harness.analysis.survival import kaplan_meier, log_rank, median
from harness.analysis.visits import best_response_at_visits, progression_at_visits
from harness.errors import InputError
from harness.simulation.declared_regimens import DeclaredRegimen, declared_regimen
from harness.simulation.plan import Plan, plan
from harness.simulation.times import parse_times
from harness.studies.cohort import category_labels
from harness.studies.outcome import Outcome, by_group, count_failed
from harness.studies.virtual_patients import CHANGE, MOST, VirtualPatients

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Trial", "TrialArm"]

INTERVAL = (2.5, 97.5)
"""Percentiles of an interval over the replicates."""

SIGNIFICANT = 0.05
"""Level of the log-rank test that `power` counts, with the interval of so many replicates (Wilson)."""

OUTCOMES = ("orr", "cr", "progressed", "median_pfs")
ENDS = ("", "_low", "_high")
NOT_EVALUABLE = "NE"


class TrialArm(DeclaredRegimen):
    """One arm: its size, and its regimen as everywhere, ``doses: [450e6]`` or with a rule for more."""

    patients: int = Field(ge=1)


class Trial(VirtualPatients):
    """A trial of one or more arms.

    Attributes
    ----------
    arms
        By name, which is a plain word.
    visits
        When M-protein is taken, besides at baseline: ``28:728:28``, in the model's time unit. Response is
        assessed from the first of them on; the last one ends the trial.
    dropout
        Rate at which patients leave, per month, at most 1; exponential. They are censored at the last visit
        before.
    in_a_row
        At how many visits, one after the other, a response or a progression must hold; 2 is a confirmation.
    replicates
        How often the trial is run, with other patients each time.
    """

    kind: Literal["trial"] = "trial"
    arms: dict[str, TrialArm]
    visits: str
    dropout: float = Field(default=0.0, ge=0, le=1)
    in_a_row: int = Field(default=1, ge=1)
    replicates: int = Field(default=100, ge=1)

    @field_validator("arms")
    @classmethod
    def _arms_have_plain_names(cls, arms: dict[str, TrialArm]) -> dict[str, TrialArm]:
        if not arms:
            raise ValueError("a trial has at least one arm")
        for name in arms:
            if not re.fullmatch(r"[A-Za-z]\w*", name):
                raise ValueError(f"'{name}' is not a plain word")
        return arms

    @model_validator(mode="after")
    def _can_be_told_and_held(self) -> Trial:
        names = self.number_names()
        if self.size() > MOST:
            raise ValueError(f"{self.size()} patients in all replicates; at most {MOST} are allowed")
        if len(set(names)) < len(names):
            raise ValueError("the names of two arms would give two numbers one name; name them otherwise")
        return self

    def number_names(self) -> tuple[str, ...]:
        of_arms = [f"{o}{end}_{arm}" for arm in self.arms for o in OUTCOMES for end in ENDS]
        of_test = ("p_value", *(f"power{end}" for end in ENDS)) if len(self.arms) > 1 else ()
        return (*of_arms, *of_test, "failed")

    def size(self) -> int:
        return self.replicates * sum(arm.patients for arm in self.arms.values())

    def read_off(self, planned: Plan, found: xr.Dataset) -> Outcome:
        """All replicates.

        Returns
        -------
        Outcome
            Tables, percent and months: `patients`, one row each; `trials`, one row a replicate and arm;
            `responses`, share of each category by arm, with its interval over the replicates; `survival`,
            Kaplan-Meier by arm in the first replicate; `survival_interval`, its interval over the replicates.
        """
        visits = self._visits()
        rows = before_moment(found.time.to_numpy(), visits)  # a dose is given after what a visit takes
        patients = self._patients(visits, found[CHANGE].to_numpy()[:, rows])
        patients["status"], patients["reason"] = found.status.to_numpy(), found.reason.to_numpy()
        failed = count_failed(found.status.to_numpy(), found.reason.to_numpy())
        trials, survival = self._trials(patients), self._survival(patients)
        tables = {
            "patients": patients,
            "trials": trials,
            "responses": self._responses(patients),
            "survival": survival[survival.replicate == 0].drop(columns="replicate"),
            "survival_interval": self._survival_interval(survival),
        }
        lost = f"{failed} of {self.size()} simulations failed; those patients are not evaluable"
        return Outcome(
            {**self._numbers(trials), "failed": float(failed)},
            tables,
            self.size(),
            failed,
            (*planned.notes, lost) if failed else planned.notes,
            engine=planned.study.engine,
        )

    def of_patients(self, tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], np.ndarray]:
        table = tables["patients"]
        return by_group(table, "arm", table["pfs"].notna(), ["response", "complete", "pfs"])

    def plan(self) -> Plan:
        """The simulations: replicate by replicate, arm by arm, patient by patient."""
        symbols = self.symbols()
        design = self.patients_design(self.size(), together=self.size() // self.replicates)
        return plan(
            self.model,
            replace(design, table=design.table.assign(regimen=self._places()["arm"])),
            trajectories=True,
            observables=[CHANGE],
            times=self._visits(),
            regimens={name: declared_regimen(name, arm, symbols) for name, arm in self.arms.items()},
            changes=self.changes,
            readings=self.chosen_readings(),
            engine=self.engine,
        )

    def _visits(self) -> np.ndarray:
        """Times of the visits, the baseline the first, in the model's unit; no moment of a dose is one."""
        visits = parse_times(self.visits, self.symbols().time_unit)
        if visits.max() <= 0:
            raise InputError("visits: at least one visit after baseline is needed")
        if self.in_a_row > (visits > 0).sum():
            said = f"nothing holds at {self.in_a_row} visits one after the other"
            raise InputError(f"in_a_row: {said}: after baseline there are {(visits > 0).sum()}")
        return np.union1d([0.0], visits)

    def _places(self) -> pd.DataFrame:
        """Replicate, arm and patient of each run."""
        one = pd.DataFrame([(arm, i) for arm, a in self.arms.items() for i in range(a.patients)])
        every = pd.concat([one] * self.replicates, ignore_index=True).set_axis(["arm", "patient"], axis=1)
        return every.assign(replicate=np.repeat(np.arange(self.replicates), len(one)))

    def _patients(self, visits: np.ndarray, change: np.ndarray) -> pd.DataFrame:
        """What the trial knows of each patient, from `change` (%), shape (patients, visits)."""
        leaves = np.full(self.size(), np.inf)
        if self.dropout > 0:
            leaves = np.random.default_rng([self.seed, 1]).exponential(1 / self.dropout, self.size())
        attended = (visits <= leaves[:, np.newaxis] * self.month()) | (visits == visits[0])
        pfs, progressed = progression_at_visits(visits, change, attended, self.rule, self.in_a_row)
        best = best_response_at_visits(visits, change, attended, self.rule, self.in_a_row)
        known = np.isfinite(pfs)
        return self._places().assign(
            best_response=np.where(known & np.isnan(best), NOT_EVALUABLE, category_labels(best)),
            response=is_responder(best),
            complete=best == 0,
            pfs=pfs / self.month(),
            progressed=progressed,
            left=leaves,
        )

    def _trials(self, patients: pd.DataFrame) -> pd.DataFrame:
        """One row a replicate and arm; a patient who is not evaluable is no responder."""
        rows = []
        for replicate, trial in patients[patients.pfs.notna()].groupby("replicate", sort=False):
            arms = {
                arm: (g.pfs.to_numpy(), g.progressed.to_numpy())
                for arm, g in trial.groupby("arm", sort=False)
            }
            tested = len(arms) > 1 and any(events.any() for _, events in arms.values())
            p_value = log_rank(arms).p_value if tested else np.nan
            for arm, group in trial.groupby("arm", sort=False):
                shares = 100 * group[["response", "complete", "progressed"]].mean()
                rows.append((replicate, arm, len(group), *shares, median(*arms[arm]).value, p_value))
        columns = ["replicate", "arm", "patients", "orr", "cr", "progressed", "median_pfs", "p_value"]
        return pd.DataFrame(rows, columns=columns)

    def _responses(self, patients: pd.DataFrame) -> pd.DataFrame:
        """Percent in each category by arm: the middle of the replicates, and their interval."""
        known = patients[patients.pfs.notna()]
        rows = []
        for arm in self.arms:
            of_arm = known[known.arm == arm]
            counts = of_arm.groupby("replicate")["best_response"].value_counts(normalize=True).unstack()
            shares = 100 * counts.reindex(columns=[*category_names(), NOT_EVALUABLE]).fillna(0.0)
            rows += [(arm, name, *_interval(values)) for name, values in shares.items()]
        return pd.DataFrame(rows, columns=["arm", "category", "percent", "low", "high"])

    def _survival(self, patients: pd.DataFrame) -> pd.DataFrame:
        """Kaplan-Meier estimate and band of each arm in each replicate."""
        curves = [
            kaplan_meier(group.pfs.to_numpy(), group.progressed.to_numpy()).assign(
                replicate=replicate, arm=arm
            )
            for (replicate, arm), group in patients[patients.pfs.notna()].groupby(
                ["replicate", "arm"], sort=False
            )
        ]
        return pd.concat(curves, ignore_index=True)

    def _survival_interval(self, survival: pd.DataFrame) -> pd.DataFrame:
        """Survival at every visit: the middle of the replicates, and their interval."""
        rows = []
        months = np.unique(survival.time)
        for arm, of_arm in survival.groupby("arm", sort=False):
            at = [
                curve.survival.to_numpy()[np.searchsorted(curve.time, months, side="right") - 1]
                for _, curve in of_arm.groupby("replicate")
            ]
            rows += [
                (arm, month, *_interval(values))
                for month, values in zip(months, np.transpose(at), strict=True)
            ]
        return pd.DataFrame(rows, columns=["arm", "time", "survival", "low", "high"])

    def _numbers(self, trials: pd.DataFrame) -> dict[str, float]:
        numbers: dict[str, float] = {}
        for arm in self.arms:
            of_arm = trials[trials.arm == arm]
            for outcome in OUTCOMES:
                found = _interval(of_arm[outcome]) if len(of_arm) else (np.nan,) * 3
                numbers |= zip((f"{outcome}{end}_{arm}" for end in ENDS), found, strict=True)
        if len(self.arms) > 1:
            p_values = trials.groupby("replicate").p_value.first()
            numbers["p_value"] = float(np.median(p_values.dropna())) if p_values.notna().any() else np.nan
            count = int((p_values < SIGNIFICANT).sum())
            power = count / len(p_values), *wilson(count, len(p_values))
            numbers |= {f"power{end}": 100 * float(p) for end, p in zip(ENDS, power, strict=True)}
        return numbers


def _interval(values: np.ndarray) -> tuple[float, float, float]:
    """Middle of the replicates and the ends of their interval, each the value of a replicate."""
    return tuple(np.percentile(values, [50, *INTERVAL], method="closest_observation").tolist())

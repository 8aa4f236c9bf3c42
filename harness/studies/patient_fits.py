"""The steps of a study of patients: the table, one fit for each distinct patient, curves and draws from it.

Promise: who shares dose and category shares the fit, and is simulated once. Every step gives the same numbers
on any executor.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from harness.analysis.response import (
    best_change,
    category,
    category_names,
    is_responder,
    progression_time,
)
from harness.errors import InputError, unknown_name
from harness.models.card import repository
from harness.models.catalog import select
from harness.models.provenance import omegas_of
from harness.models.units import convert
from harness.simulation.design import Design
from harness.simulation.engines import AUTO, KERNEL, ROADRUNNER
from harness.simulation.execute import Executor
from harness.simulation.made_designs import random_effects
from harness.simulation.plan import Plan, plan, run_by
from harness.simulation.run import run
from harness.simulation.times import parse_until
from harness.studies.individual import SAMPLE, Estimate, Patient, estimate
from harness.studies.outcome import Progress
from harness.studies.patient_table import read_patients
from harness.studies.patients_declaration import PatientsDeclaration
from harness.studies.progression import ARMS, LEVELS, RULES
from harness.studies.published import read_published

__all__ = ["RUNS_A_FIT", "PatientFits"]

SHOWN = ("M_protein_change", "sBCMA_change", "transgene")

GRID = np.concatenate([np.arange(0, 126, 3), np.arange(126, 3660, 7)])
"""Output times (days): dense to the nadir, then weekly."""

OUTCOMES = repository() / "validation" / "trials" / "trial_outcomes.csv"

TRIED = 16
"""Patients with random effects on which the engines are held against each other."""

RUNS_A_FIT = 2 * SAMPLE
"""About how many simulations one fit takes."""


@dataclass(frozen=True)
class PatientFits:
    """A declaration held against its model and its table."""

    declared: PatientsDeclaration

    @property
    def path(self) -> Path:
        """File of the table."""
        return repository() / "validation" / self.declared.table

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a patient, with the `group` of those that share dose and category."""
        table = read_patients(self.path, self.declared.remarks)
        table["group"] = table["dose"].map("{:g}".format) + " " + table["category"]
        table["arm"] = np.where(table["dose"] < self.declared.split, *ARMS)
        numbers = np.array([category_names().index(name) for name in table["category"]], int)
        table["responder"] = is_responder(numbers)
        return table

    @cached_property
    def groups(self) -> pd.DataFrame:
        """One row for each distinct patient, indexed by group: `dose`, `category`, `responder`."""
        return self.table.drop_duplicates("group").set_index("group")[["dose", "category", "responder"]]

    @cached_property
    def nonresponders(self) -> pd.DataFrame:
        """Those of them without a response."""
        return self.groups[~self.groups["responder"]]

    @cached_property
    def end(self) -> float:
        """End of the follow-up, in days."""
        end = parse_until(self.declared.until, "day")
        if not self.declared.first_visit < end <= GRID[-1]:
            raise InputError(
                f"until: {self.declared.until} must lie after the first visit, day"
                f" {self.declared.first_visit:g}, and within ten years"
            )
        return end

    @cached_property
    def planned(self) -> Plan:
        """Runs of some patients with random effects, and the engine that all of the study is run by.

        It makes thousands of runs, so that ``auto`` is the kernel.
        """
        effects = self.omegas(self.declared.effects | self.declared.more_effects)
        groups = self.groups.iloc[np.arange(TRIED) % max(len(self.groups), 1)]
        sizes = np.random.default_rng(0).standard_normal((TRIED, len(effects)))
        engine = KERNEL if self.declared.engine == AUTO else self.declared.engine
        return self._checked(self._design(groups, effects, sizes), SHOWN, engine)

    @property
    def months(self) -> float:
        """The same, in months."""
        return convert(self.end, "day", "month", "until")

    def published(self) -> dict[str, float]:
        """Published median of progression-free survival (months), by arm."""
        wanted = self.declared.published
        rows = {row.name: row for row in read_published(OUTCOMES)} if wanted else {}
        medians: dict[str, float] = {}
        for arm, name in wanted.items():
            if arm not in ARMS:
                raise InputError(f"published: {unknown_name('arm', arm, ARMS)}")
            if name not in rows:
                raise InputError(f"published: {unknown_name('trial outcome', name, rows)}")
            found = rows[name].median_pfs
            if found is None:
                raise InputError(f"published: {name} has no median of progression-free survival")
            medians[arm] = found
        return medians

    def omegas(self, effects: Mapping[str, float | None]) -> dict[str, float]:
        """Omega of each random effect: as declared, or that of ``parameters.csv``."""
        known = omegas_of(select(self.declared.model, self.declared.readings).card)
        for name, omega in effects.items():
            if omega is None and name not in known:
                raise InputError(f"effects: parameters.csv has no omega of {name}; give one")
        return {name: known[name] if omega is None else omega for name, omega in effects.items()}

    def fit(
        self, groups: pd.DataFrame, effects: dict[str, float], executor: Executor, progress: Progress | None
    ) -> tuple[pd.DataFrame, int, int]:
        """Groups with each effect in SD (``K_12_sd``), and how many simulations were made, and failed."""
        typical, omega = self._typical(effects), np.array(list(effects.values()))
        columns = [f"{name}_sd" for name in effects]
        if groups.empty:
            return groups.reindex(columns=[*groups.columns, *columns]), 0, 0
        study = self._plan(self._design(groups, effects, np.zeros(omega.size)), SHOWN[:1]).study
        tasks = [
            (i, Patient(study, dose, name, typical, omega, self.declared.first_visit, self.declared.rule))
            for i, (dose, name) in enumerate(zip(groups["dose"], groups["category"], strict=True))
        ]
        found: dict[int, Estimate] = {}
        for i, each in executor.map(_numbered_estimate, tasks):
            found[i] = each
            if progress:
                progress(RUNS_A_FIT)
        estimates = [found[i] for i in range(len(tasks))]
        sizes = pd.DataFrame([each.effects for each in estimates], groups.index, columns)
        return groups.join(sizes), sum(e.runs for e in estimates), sum(e.failed for e in estimates)

    def profiles(
        self, fitted: pd.DataFrame, effects: dict[str, float], executor: Executor
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Fitted groups with what their own curves give, and these curves, one row a group and time.

        To the groups come `change` (best change of M-protein, %), `fitted` (its category), `in_category`,
        `largest_sd` and `distance_sd` of the effects, `status`, the `rule` that ends the best response, and
        ``pfs_RULE`` (months).
        """
        sizes = fitted[[f"{name}_sd" for name in effects]].to_numpy(float)
        if fitted.empty:
            return fitted.assign(in_category=[], largest_sd=[], distance_sd=[]), pd.DataFrame()
        planned = self._plan(self._design(fitted, effects, sizes), SHOWN)
        curves = run(planned, executor)
        change = self._best_change(curves)
        names = [category_names()[int(n)] if np.isfinite(n) else "" for n in category(change)]
        read_off = {
            "change": change,
            "fitted": names,
            "in_category": np.array(names) == fitted["category"].to_numpy(),
            "largest_sd": np.abs(sizes).max(axis=1),
            "distance_sd": np.sqrt((sizes**2).sum(axis=1)),
            "status": curves["status"].to_numpy(),
            "reason": curves["reason"].to_numpy(),
            "rule": self.declared.rule,
        }
        long = curves[list(SHOWN)].assign_coords(run=fitted.index.to_numpy()).rename(run="group")
        return fitted.assign(**read_off, **self._progressions(curves)), long.to_dataframe()[
            list(SHOWN)
        ].reset_index()

    def draw(
        self, fitted: pd.DataFrame, executor: Executor, progress: Progress | None
    ) -> tuple[pd.DataFrame, pd.DataFrame, Plan]:
        """Draws of the published random effects given the category: importance samples around each fit.

        Draws come from the published distribution moved to the fit, where the category is not rare. A draw
        outside the category has the weight 0, another one the ratio of the two densities, scaled so that
        the largest of a group is 1.

        Returns
        -------
        draws, bands, planned
            One row a draw: `group`, `weight`, `change`, each effect in SD and ``pfs_RULE`` (months). One row
            a group and time (days): `lower`, `middle` and `upper` M-protein change (%), 95 % of the weight.
            And what was run.
        """
        effects, count = self.omegas(self.declared.effects), self.declared.draws
        omega, typical = np.array(list(effects.values())), self._typical(effects)
        centre = fitted[[f"{name}_sd" for name in effects]].to_numpy(float)
        drawn = [
            random_effects(dict(zip(effects, at, strict=True)), effects, count, self._seed(group)).table
            for group, at in zip(fitted.index, typical * np.exp(omega * centre), strict=True)
        ]
        sizes = np.log(pd.concat(drawn).to_numpy() / typical) / omega
        groups = fitted.loc[fitted.index.repeat(count)]
        planned = self._plan(self._design(groups, effects, sizes), SHOWN[:1])
        curves = run(planned, executor, progress)
        change = self._best_change(curves)
        wanted = np.array([category_names().index(name) for name in groups["category"]])
        ratio = ((sizes - np.repeat(centre, count, axis=0)) ** 2 - sizes**2).sum(axis=1) / 2
        weight = _weights(np.where(category(change) == wanted, ratio, -np.inf).reshape(-1, count))
        of_effects = {f"{name}_sd": sizes[:, i] for i, name in enumerate(effects)}
        read_off = {"weight": weight.ravel(), "change": change, **of_effects, **self._progressions(curves)}
        values = curves[SHOWN[0]].to_numpy().reshape(*weight.shape, -1)
        bands = [
            pd.DataFrame({"group": group, "time": curves["time"].to_numpy(), **_band(values[i], weight[i])})
            for i, group in enumerate(fitted.index)
        ]
        return pd.DataFrame({"group": groups.index, **read_off}), pd.concat(bands, ignore_index=True), planned

    def _seed(self, group: str) -> int:
        """Seed of the draws of a group: its own, whatever other patients there are."""
        return zlib.crc32(f"{self.declared.seed} {group}".encode())

    def each_patient(self, fitted: pd.DataFrame) -> pd.DataFrame:
        """One row a patient of the fitted groups: the table's columns, then those of the fit."""
        of_fit = fitted.drop(columns=["dose", "category", "responder"])
        return (
            self.table[self.table["group"].isin(fitted.index)].join(of_fit, on="group").reset_index(drop=True)
        )

    def _typical(self, effects: dict[str, float]) -> np.ndarray:
        """Typical value of each effect, shape (effects,), in the model's units."""
        selection = select(self.declared.model, self.declared.readings)
        symbols = selection.card.symbols
        changed = symbols.parse_all(selection.changes)
        for name in effects:
            symbols.require_settable(name)
            if not symbols[name].value > 0:
                raise InputError(f"effects: {name} is not positive, so that it has no log-normal effect")
        return np.array([changed.get(name, symbols[name].value) for name in effects])

    def _design(self, groups: pd.DataFrame, effects: dict[str, float], sizes: np.ndarray) -> Design:
        """One run a row of `groups`, its effects of `sizes` SD, shape (rows, effects)."""
        values = self._typical(effects) * np.exp(np.array(list(effects.values())) * sizes)
        columns = dict(zip(effects, np.broadcast_to(values, (len(groups), len(effects))).T, strict=True))
        table = pd.DataFrame({"dose": groups["dose"].to_numpy(), **columns})
        return Design(table, drawn=tuple(columns))

    def _plan(self, design: Design, observables: tuple[str, ...]) -> Plan:
        """Plan of trajectories over the follow-up, by what runs the study."""
        return run_by(self._checked(design, observables, ROADRUNNER), self.planned.study.engine)

    def _checked(self, design: Design, observables: tuple[str, ...], engine: str) -> Plan:
        return plan(
            self.declared.model,
            design,
            observables=observables,
            trajectories=True,
            times=np.unique([*GRID[self.end > GRID], self.declared.first_visit, self.end]),
            readings=self.declared.readings,
            engine=engine,
        )

    def _best_change(self, curves: xr.Dataset) -> np.ndarray:
        values = curves["M_protein_change"].to_numpy()
        return best_change(
            curves["time"].to_numpy(), values, self.declared.first_visit, rule=self.declared.rule
        )

    def _progressions(self, curves: xr.Dataset) -> dict[str, np.ndarray]:
        """Months to progression by each rule: infinite without it, NaN where the simulation failed."""
        time, values = curves["time"].to_numpy(), curves["M_protein_change"].to_numpy()
        month = convert(1.0, "month", "day", "month")
        found = {f"pfs_{rule}": progression_time(time, values, rule) / month for rule in RULES}
        ran = np.isfinite(values).all(axis=1)
        return {name: np.where(ran & np.isnan(t), np.inf, t) for name, t in found.items()}


def _weights(log_ratio: np.ndarray) -> np.ndarray:
    """Weights from their logarithms, shape (groups, draws), the largest of a group 1, or all 0."""
    largest = log_ratio.max(axis=1, keepdims=True)
    return np.exp(log_ratio - np.where(np.isfinite(largest), largest, 0.0))


def _band(values: np.ndarray, weight: np.ndarray) -> dict[str, np.ndarray]:
    """Weighted quantiles of curves, shape (draws, times), where there is a weight."""
    kept = weight > 0
    if not kept.any():
        return dict.fromkeys(("lower", "middle", "upper"), np.full(values.shape[1], np.nan))
    found = np.quantile(values[kept], LEVELS, axis=0, weights=weight[kept], method="inverted_cdf")
    return dict(zip(("lower", "middle", "upper"), found, strict=True))


def _numbered_estimate(task: tuple[int, Patient]) -> tuple[int, Estimate]:
    return task[0], estimate(task[1])

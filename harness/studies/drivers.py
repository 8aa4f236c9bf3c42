"""What drives a decision: one number of a population, moved by one parameter after the other, and by all.

Promise: every setting of the parameters has the same patients, so that what moves is of the parameter, and
each number comes with what chance of the patients does to it; of Sobol indices with that of the sample too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from harness.analysis.sensitivity import FEWEST, saltelli_sample, sobol_indices
from harness.errors import InputError, RunFailed
from harness.models.attributes import attributes
from harness.simulation.plan import Plan
from harness.simulation.study import is_ok
from harness.studies.arms import OUTCOMES, SHARES, Arms, interval, outcome_of, per_patient, unit_of
from harness.studies.outcome import Outcome, count_failed
from harness.studies.sensitivity import Spread
from harness.studies.virtual_patients import MOST

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Drivers"]

ENDS = (0.025, 0.975)
"""Quantiles of a spread without ends, between which a tornado moves a parameter."""

RESAMPLED = 100
"""How often patients are drawn anew for the indices."""


class Drivers(Arms):
    """A decision and the parameters that may drive it.

    Attributes
    ----------
    arms
        One: the decision is its outcome. Two: it is how much more the second has than the first.
    decision
        An outcome of an arm (orr, cr, orr_month, orr_total, median_pfs, median_pfs_last, Cmax, cells, doses),
        or an endpoint of the model, of which it is the mean over patients: ``value_at(transgene, at=90)``.
    parameters
        What is moved, and how far: ``range``, that of an attribute of product or patient
        (``attributes.csv``), or as for a sensitivity analysis; one that patients differ in, by one factor
        for all of them.
    n
        Blocks of Saltelli's sample, a power of two, or 0 for the tornado alone.
    patients
        Virtual patients at each setting of the parameters, (n + 2) (parameters) + 2 n + 1 of them.
    draws
        How often patients are drawn anew for an interval.
    """

    kind: Literal["drivers"] = "drivers"
    decision: str = "orr_month"
    parameters: dict[str, Spread | Literal["range"]] = Field(min_length=1)
    n: int = Field(default=64, ge=0, le=2**16)
    patients: int = Field(default=100, ge=10, le=100_000)
    draws: int = Field(default=1000, ge=100, le=100_000)

    @model_validator(mode="after")
    def _can_be_asked(self) -> Drivers:
        if len(self.arms) > 2:
            raise ValueError("arms: one, or two of which the second is held against the first")
        if self.n and (self.n < FEWEST or self.n & (self.n - 1)):
            raise ValueError(f"n: 0, or a power of two of at least {FEWEST}, not {self.n}")
        if self.size() > MOST:
            raise ValueError(f"{self.size()} simulations; at most {MOST} are allowed: lower patients or n")
        moved = set(self.parameters) & {name for arm in self.arms.values() for name in arm.changes}
        if moved:
            raise ValueError(f"parameters: {', '.join(sorted(moved))} is changed by an arm; move another")
        return self

    def number_names(self) -> tuple[str, ...]:
        each = ("low", "high", "swing", *(("first", "total") if self.n else ()))
        base = ("decision", "decision_low", "decision_high")
        return (*base, *(f"{what}_{name}" for name in self.parameters for what in each), "failed")

    def size(self) -> int:
        return self._settings() * self.patients * len(self.arms)

    def _settings(self) -> int:
        count = len(self.parameters)
        return 1 + 2 * count + self.n * (count + 2)

    def read_off(self, planned: Plan, found: xr.Dataset) -> Outcome:
        """The decision at every setting.

        Returns
        -------
        Outcome
            Tables: `tornado`, a row a parameter, the widest first: its ends, the decision there, and how far
            it moves, each with its 95 % interval over the patients, who are the same at both ends; `indices`,
            Sobol indices of the decision, with the halves of their intervals over sample and patients, and of
            both; `settings`, a row a setting: parameters and decision.
        """
        settings = self._table()
        status, reason = found.status.to_numpy(), found.reason.to_numpy()
        failed = count_failed(status, reason)
        runs = self.runs(planned, found)
        call = planned.study.endpoints[-1].name
        values = per_patient(self.decision, runs) if self.decision in OUTCOMES else found[call].to_numpy()
        shape = len(self.arms), len(settings), self.patients
        values = values.reshape(shape)
        good = np.array([is_ok(each) for each in status]).reshape(shape)
        good &= ~np.isnan(values) if self.decision in OUTCOMES else np.isfinite(values)
        kept = good.all(axis=(0, 1))
        if kept.sum() < 10:
            raise RunFailed(f"{kept.sum()} patients have a decision at every setting; at least 10 are needed")
        notes = list(planned.notes)
        if not kept.all():
            notes.append(f"{(~kept).sum()} patients without the decision at some setting are in no number")
        values = values[:, :, kept]
        tables = {"tornado": self._tornado(settings, values)}
        if self.n:
            tables["indices"] = self._indices(values)
        tables["settings"] = settings.assign(decision=self._decided(values))
        about = {"unit": self._unit(planned), "decision": self.decision, "arms": list(self.arms)}
        return Outcome(
            self._numbers(values, tables, failed), tables, self.size(), failed, tuple(notes), about,
            planned.study.engine,
        )  # fmt: skip

    def plan(self) -> Plan:
        """The simulations: arm by arm, setting by setting, each with the same patients."""
        settings = self._table()
        patients = self.patients_design(self.patients)
        typical = self._typical(patients.names)
        each = patients.table.loc[np.tile(patients.table.index, len(settings))]
        table = each.reset_index(drop=True)
        for name in self.parameters:
            value = np.repeat(settings[name].to_numpy(), self.patients)
            table[name] = table[name] * (value / typical[name]) if name in table else value
        more = () if self.decision in OUTCOMES else (self.decision,)
        return self.plan_of(replace(patients, table=table), more)

    def _typical(self, patients: Iterable[str] = ()) -> dict[str, float]:
        """Values that the parameters have where they are not moved; positive if `patients` differ in them."""
        symbols = self.symbols()
        fixed = symbols.parse_all(self._selection().changes, self.changes)
        found = {name: fixed.get(name, symbols.require_settable(name).value) for name in self.parameters}
        for name in set(found) & set(patients):
            if not found[name] > 0:
                raise InputError(f"parameters: {name} is {found[name]:g}, by which no factor moves patients")
        return found

    def _spread(self, name: str) -> Spread:
        """How far a parameter is moved."""
        given = self.parameters[name]
        if isinstance(given, Spread):
            return given
        if name not in attributes():
            known = ", ".join(attributes())
            raise InputError(f"parameters: {name} has no range of its own, as {known} have; say how far")
        own = attributes()[name]
        return Spread(low=f"{own.low!r} {own.unit}", high=f"{own.high!r} {own.unit}")

    def _table(self) -> pd.DataFrame:
        """Settings: as it is; each parameter at its ends, one after the other; and Saltelli's sample."""
        symbols, typical, count = self.symbols(), self._typical(), len(self.parameters)
        symbols = symbols.at(symbols.parse_all(self._selection().changes, self.changes))
        sample = saltelli_sample(count, self.n, self.seed) if self.n else np.empty((0, count))
        columns = {}
        for place, name in enumerate(self.parameters):
            spread = self._spread(name)
            ends = (0.0, 1.0) if spread.omega is None and spread.rse is None else ENDS
            moved = np.full(1 + 2 * count, typical[name])
            ends_of_it = spread.values(np.array(ends), name, typical[name], symbols)
            moved[[1 + 2 * place, 2 + 2 * place]] = ends_of_it
            drawn = spread.values(sample[:, place], name, typical[name], symbols)
            columns[name] = np.concatenate([moved, drawn])
        return pd.DataFrame(columns)

    def _decided(self, values: np.ndarray) -> np.ndarray:
        """The decision of numbers of patients, shape (arms, settings, patients)."""
        of_arms = outcome_of(self.decision, values)
        if len(self.arms) == 1:
            return of_arms[0]
        with np.errstate(invalid="ignore"):
            return of_arms[1] - of_arms[0]

    def _tornado(self, settings: pd.DataFrame, values: np.ndarray) -> pd.DataFrame:
        draws = self.redrawn(values.shape[-1], self.draws, 3)
        here = self._decided(values)
        count = 1 + 2 * len(self.parameters)
        drawn = np.array([self._decided(values[:, :count, who]) for who in draws])
        rows = []
        for place, name in enumerate(self.parameters):
            low, high = 1 + 2 * place, 2 + 2 * place
            row: dict[str, object] = {"parameter": name, "unit": self.symbols()[name].unit}
            for end, at in (("low", low), ("high", high)):
                row |= {f"{end}_value": settings[name][at], end: here[at]}
                row |= dict(zip((f"{end}_from", f"{end}_to"), interval(drawn[:, at]), strict=True))
            with np.errstate(invalid="ignore"):
                row["swing"] = here[high] - here[low]
                ends = interval(drawn[:, high] - drawn[:, low])
            row |= dict(zip(("swing_from", "swing_to"), ends, strict=True))
            rows.append(row | {"base": here[0]})
        table = pd.DataFrame(rows)
        widest = np.argsort(-table["swing"].abs().fillna(0).to_numpy(), kind="stable")
        return table.iloc[widest].reset_index(drop=True)

    def _indices(self, values: np.ndarray) -> pd.DataFrame:
        """Sobol indices of the decision over Saltelli's sample."""
        count = len(self.parameters)
        of_sample = values[:, 1 + 2 * count :]
        found = sobol_indices(self._decided(of_sample), count, seed=self.seed)
        drawn = [
            sobol_indices(self._decided(of_sample[:, :, who]), count, resamples=2, seed=self.seed)
            for who in self.redrawn(values.shape[-1], RESAMPLED, 4)
        ]
        table = pd.DataFrame({"parameter": list(self.parameters)})
        for what in ("first", "total"):
            sample = getattr(found, f"{what}_half")
            patients = 1.96 * np.std([getattr(each, what) for each in drawn], axis=0)
            table[what] = getattr(found, what)
            table[f"{what}_half"] = np.hypot(sample, patients)
            table[f"{what}_half_sample"], table[f"{what}_half_patients"] = sample, patients
        return table.sort_values("total", ascending=False, kind="stable", ignore_index=True)

    def _unit(self, planned: Plan) -> str:
        if self.decision not in OUTCOMES:
            return planned.study.endpoints[-1].unit
        apart = self.decision in SHARES and len(self.arms) > 1
        return "points" if apart else unit_of(self.decision, planned)

    def _numbers(self, values: np.ndarray, tables: dict[str, pd.DataFrame], failed: int) -> dict[str, float]:
        draws = self.redrawn(values.shape[-1], self.draws, 3)
        base = values[:, :1]
        low, high = interval(np.array([self._decided(base[:, :, who])[0] for who in draws]))
        numbers = {"decision": float(self._decided(base)[0]), "decision_low": low, "decision_high": high}
        for row in tables["tornado"].to_dict("records"):
            numbers |= {f"{what}_{row['parameter']}": float(row[what]) for what in ("low", "high", "swing")}
        for row in tables["indices"].to_dict("records") if self.n else ():
            numbers |= {f"{what}_{row['parameter']}": float(row[what]) for what in ("first", "total")}
        return numbers | {"failed": float(failed)}

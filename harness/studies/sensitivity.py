"""Sensitivity: which parameters matter when, by Sobol indices and partial rank correlations (Figure S1).

Promise: works on any model, parameters and observables of the catalogue. Failures are counted, handled by
the declared rule and told; the indices are the same to the last bit for any number of workers.
"""

from __future__ import annotations

import re
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator, model_validator
from scipy.stats import norm

from harness.analysis.sensitivity import (
    base_rows,
    prcc,
    prcc_interval,
    saltelli_sample,
    sobol_indices,
)
from harness.declarations import Declaration, Seed
from harness.errors import InputError
from harness.models.catalog import select
from harness.models.symbols import SymbolTable
from harness.simulation.declared_regimens import DeclaredRegimen, declared_regimen
from harness.simulation.design import Design
from harness.simulation.engines import AUTO
from harness.simulation.execute import Executor
from harness.simulation.plan import Plan, plan
from harness.simulation.run import run
from harness.simulation.times import parse_times
from harness.studies.outcome import EngineName, Outcome, Progress, StudyDeclaration, count_failed

__all__ = ["Sensitivity", "Spread"]

MEASURES = ("total", "first", "prcc", "rank")


class Spread(Declaration):
    """How far one parameter is varied, in one of four ways.

    Attributes
    ----------
    percent
        Around the model's value, evenly in logarithms, from (1 - percent/100) to (1 + percent/100) times it.
    low, high
        Ends of a range, numbers with or without a unit; evenly in logarithms, or linearly where low is 0.
    omega
        Log-normal about the model's value as the median, with this standard deviation of the logarithm:
        variability between patients.
    rse
        Relative standard error in percent, as a log-normal of the same coefficient of variation: the
        uncertainty of an estimate.
    """

    percent: float | None = Field(default=None, gt=0, lt=100)
    low: str | None = None
    high: str | None = None
    omega: float | None = Field(default=None, gt=0, le=5)
    rse: float | None = Field(default=None, gt=0, le=500)

    @model_validator(mode="after")
    def _says_one_thing(self) -> Spread:
        ranged = self.low is not None or self.high is not None
        given = (self.percent is not None, ranged, self.omega is not None, self.rse is not None)
        if sum(given) != 1 or (ranged and (self.low is None or self.high is None)):
            raise ValueError("give one of percent, low with high, omega or rse")
        return self

    def values(self, u: np.ndarray, name: str, typical: float, symbols: SymbolTable) -> np.ndarray:
        """Values at the quantiles `u` of the distribution.

        Raises
        ------
        InputError
            When the range is empty, the model's value is 0 and nothing can be varied around it, or some
            value is none that the parameter can have.
        """
        found, within = self._values(u, name, typical, symbols), symbols[name].within
        if within is not None and within.beyond(found).any():
            reached = found[within.beyond(found)][0]
            raise InputError(
                f"{name}: {symbols[name].must}, and its spread reaches {reached:g}; give low and high"
            )
        return found

    def _values(self, u: np.ndarray, name: str, typical: float, symbols: SymbolTable) -> np.ndarray:
        if self.low is not None and self.high is not None:
            low, high = symbols.parse(name, self.low), symbols.parse(name, self.high)
            if not low < high:
                raise InputError(f"{name}: the range {self.low} to {self.high} is empty")
            return low * (high / low) ** u if low > 0 else high * u
        if not typical > 0:
            raise InputError(f"{name}: is {typical:g}; give low and high to vary it")
        if self.percent is not None:
            low, high = 1 - self.percent / 100, 1 + self.percent / 100
            return typical * low * (high / low) ** u
        sd = self.omega or np.sqrt(np.log1p(((self.rse or 0.0) / 100) ** 2))
        return typical * np.exp(sd * norm.ppf(np.clip(u, 1e-12, 1 - 1e-12)))


class Sensitivity(StudyDeclaration):
    """A global sensitivity analysis over time.

    Attributes
    ----------
    parameters
        What is varied, and how far.
    observables
        What is watched: a name, or ``log(NAME)`` for its logarithm. Take the logarithm of what spans orders
        of magnitude, or a few extreme runs decide the variance.
    at
        Times, such as ``10,180`` or ``0:360:30``.
    n
        Blocks of Saltelli's sample, a power of two; n (parameters + 2) runs.
    failures
        ``drop`` leaves out the block of a failed run, ``impute`` puts the median in its place.
    engine
        What runs the simulations: by default the kernel where there are enough of them, else RoadRunner.
    """

    DECLARED: ClassVar[tuple[str, ...]] = ("runs",)

    kind: Literal["sensitivity"] = "sensitivity"
    model: str
    readings: tuple[str, ...] = ()
    condition: str | None = None
    changes: dict[str, str] = {}
    doses: tuple[str, ...] | None = None
    regimen: DeclaredRegimen | None = None
    parameters: dict[str, Spread] = Field(min_length=1)
    observables: tuple[str, ...] = Field(min_length=1)
    at: str
    n: int = Field(default=1024, le=2**22)
    seed: Seed = 1
    failures: Literal["drop", "impute"] = "drop"
    resamples: int = Field(default=200, ge=2, le=100_000)
    level: float = Field(default=0.95, gt=0, lt=1)
    engine: EngineName = AUTO

    @field_validator("observables")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if doubled := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"{', '.join(doubled)} is given twice")
        return names

    def number_names(self) -> tuple[str, ...]:
        outputs = [f"{text}_{time:g}" for text in self.observables for time in self._times()]
        found = [f"{out}.{name}.{m}" for out in outputs for name in self.parameters for m in MEASURES]
        most = [f"{text}.{name}.most_at" for text in self.observables for name in self.parameters]
        return (*found, *most, "runs", "failed", "least_blocks")

    def size(self) -> int:
        return self.n * (len(self.parameters) + 2)

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        points = saltelli_sample(len(self.parameters), self.n, self.seed)
        planned = self._plan(points)
        found = run(planned, executor, progress)
        failed = count_failed(found["status"].to_numpy(), found["reason"].to_numpy())
        x = points[base_rows(len(self.parameters), self.n)]
        tables = []
        for text in self.observables:
            name, logarithmic = _observable(text)
            for time in self._times():
                value = found[f"{name}_{time:g}"].to_numpy()
                if logarithmic:
                    value = np.log(np.where(value > 0, value, np.nan))
                tables.append(self._indices(text, time, value, x))
        table = pd.concat(tables, ignore_index=True)
        numbers = {
            f"{row.observable}_{row.time:g}.{row.parameter}.{m}": float(getattr(row, m))
            for row in table.itertuples()
            for m in MEASURES
        }
        for (text, name), rows in table.groupby(["observable", "parameter"], sort=False):
            top = rows["total"].max()
            numbers[f"{text}.{name}.most_at"] = float(rows["time"][rows["total"] == top].min())
        least = float(table["blocks"].min())
        numbers |= {"runs": float(len(points)), "failed": float(failed), "least_blocks": least}
        return Outcome(
            numbers,
            {"indices": table},
            len(points),
            failed,
            (*planned.notes, *self._notes(table, failed)),
            {"time_unit": self._symbols().time_unit},
            planned.study.engine,
        )

    def _indices(self, text: str, time: float, value: np.ndarray, x: np.ndarray) -> pd.DataFrame:
        """One row a parameter: its indices for one observable at one time."""
        count = len(self.parameters)
        found = sobol_indices(value, count, self.failures, self.resamples, self.level, self.seed)
        base = value[base_rows(count, self.n)]
        correlation = prcc(x, base)
        low, high = prcc_interval(correlation, int(np.isfinite(base).sum()), count, self.level)
        return pd.DataFrame(
            {
                "observable": text,
                "time": time,
                "parameter": list(self.parameters),
                "rank": pd.Series(found.total).rank(ascending=False, method="min"),
                "total": found.total,
                "total_low": found.total - found.total_half,
                "total_high": found.total + found.total_half,
                "first": found.first,
                "first_low": found.first - found.first_half,
                "first_high": found.first + found.first_half,
                "prcc": correlation,
                "prcc_low": low,
                "prcc_high": high,
                "blocks": found.blocks,
                "without_value": found.failed,
            }
        )

    def _times(self) -> list[float]:
        return parse_times(self.at, self._symbols().time_unit).tolist()

    def _symbols(self) -> SymbolTable:
        return select(self.model, self.readings, self.condition).card.symbols

    def _plan(self, points: np.ndarray) -> Plan:
        symbols = self._symbols()
        chosen = select(self.model, self.readings, self.condition).changes
        fixed = symbols.parse_all(chosen, self.changes)
        columns = {}
        for place, (name, spread) in enumerate(self.parameters.items()):
            typical = fixed.get(name, symbols.require_settable(name).value)
            columns[name] = spread.values(points[:, place], name, typical, symbols.at(fixed))
        return plan(
            self.model,
            Design(pd.DataFrame(columns)),
            endpoints=(),
            at=self._times(),
            observables=list(dict.fromkeys(_observable(text)[0] for text in self.observables)),
            until=self._times()[-1],
            doses=self.doses if self.regimen is None else declared_regimen("", self.regimen, symbols),
            changes=self.changes,
            readings=self.readings,
            condition=self.condition,
            engine=self.engine,
        )

    def _notes(self, table: pd.DataFrame, failed: int) -> tuple[str, ...]:
        notes = []
        without = int(table["without_value"].max())
        if without:
            kept = f"the blocks they stand in are left out, and {table['blocks'].min()} of {self.n} remain"
            handled = {"drop": kept, "impute": "the median of the others takes their place"}[self.failures]
            notes.append(
                f"{failed} of {self.size()} simulations failed; up to {without} have no value to analyse at "
                f"one time: {handled}."
            )
        still = table[table["total"].isna()].groupby("observable")["time"].unique()
        for name, times in still.items():
            listed = ", ".join(f"{time:g}" for time in times)
            notes.append(
                f"{name} at {listed}: no indices, because it does not vary or too few blocks remain."
            )
        return tuple(notes)


def _observable(text: str) -> tuple[str, bool]:
    """Name of an observable, and whether its logarithm is meant."""
    found = re.fullmatch(r"log\(\s*(\w+)\s*\)", text)
    return (found[1], True) if found else (text, False)

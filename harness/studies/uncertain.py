"""A study at the estimates of another, and once more for each draw of what these left open.

Promise: the answer is that at the estimates; what draws change of it stands beside, as the middle 95 % over
the draws, never in its place. A draw of which every simulation failed is counted and told. Draws are shared
out between the processes, each whole in one. All run on one engine, decided for them together before the
first run, on one sample of their runs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.analysis.variance import variance_shares
from harness.declarations import Seed
from harness.errors import RunFailed
from harness.models.catalog import select
from harness.offered import offered
from harness.simulation.estimate_sources import estimates_for
from harness.simulation.estimates import Estimates, middle, set_by
from harness.simulation.execute import Executor, Serial
from harness.simulation.plan import (
    CHUNK_OF_KERNEL,
    ByBoth,
    decide_engine,
    run_by,
    run_by_both,
    sample_size,
)
from harness.simulation.run import run
from harness.studies.outcome import Outcome, Progress
from harness.studies.planned import PlannedStudy

__all__ = ["Uncertain", "at_estimates", "estimates_of_study"]

GIVEN = {"dose", "month", "slope", "burden_percent", "patient", "replicate", "time"}
"""Columns that say what a row is of."""

BY_CHANCE = {"low", "high", "left"}
"""Columns of what chance does beside the parameters: ends of intervals, dropout."""

OF_CURVES = ("survival", "lower", "upper", "at_risk", "events", "censored", "time")


def estimates_of_study(study: Any, source: str | Path | Estimates, varied: Sequence[str] = ()) -> Estimates:
    """Estimates of a source that a study takes: but for what it sets itself, or varies (`varied`).

    Raises
    ------
    InputError
        When the source is none, or does not fit the model of the study.
    """
    selection = select(study.model, study.readings, getattr(study, "condition", None))
    return estimates_for(source, selection, [*set_by(study.changes), *varied])


def at_estimates(study: Any, found: Estimates) -> Any:
    """A study with estimates in its `changes`, and in its `omegas` if it has those; its own go over them."""
    found = found.under(study.changes)
    update: dict[str, object] = {"changes": {**study.changes, **found.changes()}}
    if hasattr(study, "omegas"):
        update["omegas"] = {**found.omegas(), **study.omegas}
    return study.model_copy(update=update)


@offered
@dataclass(frozen=True)
class Uncertain:
    """A study at estimates, and at as many draws of them.

    Its outcome is that at the estimates with more: `_low` and `_high` beside each column of numbers of tables
    whose rows are the same in every draw; the table `uncertainty`, a row a number; and of a study of patients
    the table `variance`: how much of what a patient may have is not known of the parameters, and how much
    differs between patients.
    """

    study: PlannedStudy
    estimates: Estimates
    draws: int
    seed: Seed = 1
    given: str = ""
    """The source as it was given, with the names that were chosen of it."""

    def inputs(self) -> tuple[Path, ...]:
        """Files that the study reads, and that of the estimates."""
        source = Path(self.estimates.source)
        return (*self.study.inputs(), *([source] if source.is_file() else []))

    def size(self) -> int:
        """How many steps the progress will count."""
        return self.study.size() * (self.draws + 1)

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        """Run the study at the estimates, and at each draw.

        Raises
        ------
        InputError
            When what is declared does not fit the model, or there is no error to draw from.
        """
        drawn = self.estimates.each(self.draws, self.seed)
        study = self.study.on_reference()
        at_them = at_estimates(study, self.estimates)
        planned = at_them.plan()
        engine, said = decide_engine(
            planned, self.study.engine, self.size(), lambda: self._sample(study, drawn, executor)
        )
        planned = run_by(replace(planned, notes=(*said, *planned.notes)), engine)
        base = at_them.read_off(planned, run(planned, executor, progress))
        found: list[Outcome | None] = [None] * self.draws
        for place, outcome in executor.map(partial(_at_draw, study.lean(), engine), enumerate(drawn)):
            found[place] = outcome
            if progress:
                progress(self.study.size())
        others = [outcome for outcome in found if outcome is not None]
        lost = self.draws - len(others)
        source = self.estimates.source
        if not others:
            raise RunFailed(f"none of {self.draws} draws of {source} can be simulated")
        notes = [
            *base.notes,
            f"{len(others)} draws of {source}: columns _low and _high hold their middle 95 %",
        ]
        if lost:
            notes.append(f"{lost} of {self.draws} draws could not be simulated at all, and are left out")
        given = {*GIVEN, getattr(getattr(self.study, "burden", None), "parameter", "")}
        tables = {name: _banded(name, table, others, given) for name, table in base.tables.items()}
        return replace(
            base,
            tables={**tables, "uncertainty": _of_numbers(base, others), **self._variance(others)},
            runs=base.runs + sum(other.runs for other in others),
            failed=base.failed + sum(other.failed for other in others),
            notes=tuple(notes),
        )

    def _sample(self, study: PlannedStudy, drawn: Sequence[Estimates], executor: Executor) -> ByBoth:
        """A sample of all runs, by both engines: of as many draws as it has rows, if there are so many."""
        random = np.random.default_rng(0)
        count, size = sample_size(self.size()), study.size()
        each = [self.estimates, *drawn]
        of_each = np.bincount(np.resize(random.permutation(len(each)), count), minlength=len(each))
        rows = [np.sort(random.choice(size, many, replace=False)) for many in of_each.tolist()]
        tasks = [(place, each[place], some) for place, some in enumerate(rows) if some.size]
        found = sorted(executor.map(partial(_by_both, study), tasks), key=lambda of_task: of_task[0])
        reference, compiled = zip(*(both for _, both in found), strict=True)
        return [run for some in reference for run in some], [run for some in compiled for run in some]

    def _variance(self, others: Sequence[Outcome]) -> dict[str, pd.DataFrame]:
        """Shares of draws and patients by group and quantity, in percent; no table without patients."""
        each = [self.study.of_patients(other.tables) for other in others]
        rows = []
        for group, quantity in each[0]:
            found = variance_shares(np.array([values[group, quantity] for values in each]))
            shares = {"parameters": found.share, "low": found.low, "high": found.high}
            percent = {name: 100 * value for name, value in shares.items()}
            percent["patients"] = 100 - percent["parameters"]
            deviations = {"sd_parameters": found.sd_draws, "sd_patients": found.sd_patients}
            rows.append({"group": group, "quantity": quantity, **percent, **deviations})
        return {"variance": pd.DataFrame(rows)} if rows else {}


def _by_both(study: PlannedStudy, task: tuple[int, Estimates, np.ndarray]) -> tuple[int, ByBoth]:
    """Place of a draw, and some rows of the study there by both engines."""
    place, estimates, rows = task
    return place, run_by_both(at_estimates(study, estimates).plan(), rows)


def _at_draw(study: PlannedStudy, engine: str, draw: tuple[int, Estimates]) -> tuple[int, Outcome | None]:
    """Place and outcome of a study at one draw, whole in one process; None when every simulation failed."""
    place, estimates = draw
    at_draw = at_estimates(study, estimates)
    planned = replace(run_by(at_draw.plan(), engine), chunk=CHUNK_OF_KERNEL)  # nothing is shared out here
    try:
        return place, at_draw.read_off(planned, run(planned, Serial()))
    except RunFailed:
        return place, None


def _of_numbers(base: Outcome, others: Sequence[Outcome]) -> pd.DataFrame:
    """Each number at the estimates, and its middle 95 % over the draws."""
    rows = []
    for name, value in base.numbers.items():
        low, high = middle(np.array([other.numbers.get(name, np.nan) for other in others], float))
        rows.append((name, value, low, high))
    return pd.DataFrame(rows, columns=["number", "value", "low", "high"])


def _banded(
    name: str, table: pd.DataFrame, others: Sequence[Outcome], given: Collection[str]
) -> pd.DataFrame:
    """A table with the ends of what draws make of its columns, where they have the same rows."""
    tables = [other.tables[name] for other in others]
    if {"survival", "time"} <= set(table):
        return _survival(table, tables)
    numeric = [c for c in table.select_dtypes("float") if c not in {*given, *BY_CHANCE}]
    keys = [c for c in table if c in given]
    if any(len(each) != len(table) or not each[keys].equals(table[keys]) for each in tables):
        return table
    found = table.copy()
    for column in numeric:
        values = np.array([each[column].to_numpy(float) for each in tables])
        found[f"{column}_low"], found[f"{column}_high"] = middle(values)
    return found


def _survival(table: pd.DataFrame, tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Steps of survival with the band over the curves of the draws, at the times of each curve."""
    keys = [c for c in table if c not in OF_CURVES]
    ends = np.full((2, len(table)), np.nan)
    curves = [dict(list(each.groupby(keys, sort=False))) for each in tables]
    for key, of_curve in table.groupby(keys, sort=False):  # whose `indices` would not name one key as a tuple
        rows, times = of_curve.index.to_numpy(), of_curve["time"].to_numpy()
        at = [
            curve[key]["survival"].to_numpy()[np.searchsorted(curve[key]["time"], times, side="right") - 1]
            for curve in curves
            if key in curve
        ]
        if at:
            ends[:, rows] = middle(np.array(at))
    return table.assign(survival_low=ends[0], survival_high=ends[1])

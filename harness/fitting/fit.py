"""Fit a prepared problem: starts, Table 1's point, uncertainty, profiles, predictions.

Promise: the result depends on the prepared fit alone, whatever the executor; a lower point that a profile
over one or two parameters comes across becomes the new optimum; what the data do not determine is said.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from harness.errors import RunFailed
from harness.fitting.information import Uncertainty, uncertainty
from harness.fitting.kept import Nothing
from harness.fitting.objective import Objective
from harness.fitting.optimise import minimise, starting_points
from harness.fitting.predictions import prediction_table, residual_table
from harness.fitting.prepared import Prepared
from harness.fitting.profile import Walk
from harness.fitting.result import FitResult, as_columns, plain_numbers
from harness.fitting.tables import LOWER, Reached, result_notes, result_numbers, result_tables
from harness.fitting.tasks import MapRow, Side, Start, Task, cores_of, run_tasks
from harness.identity import versions
from harness.simulation.execute import Executor, Serial
from harness.simulation.kept import KeptParts

__all__ = ["fit", "steps"]

ATTEMPTS = 4
"""Times that the profiles are followed, at most: each but the first from a lower point on one of them."""

MAP = 9
"""Points on each axis of the profile over two parameters."""


def steps(prepared: Prepared, profile: bool) -> int:
    """Parts of a fit, for a progress bar."""
    return (
        prepared.starts + 1 + profile * 2 * prepared.places("parameter").size + (MAP if prepared.ridge else 0)
    )


def fit(
    prepared: Prepared,
    executor: Executor | None = None,
    progress: Callable[[int], object] | None = None,
    *,
    profile: bool = True,
    kept: KeptParts | Nothing | None = None,
    problem: dict | None = None,
) -> FitResult:
    """Fit a prepared problem: the lowest point of all starts, what the data determine, and predictions.

    Parameters
    ----------
    prepared
        From :func:`~harness.fitting.prepare.prepare`.
    executor, progress
        Where the parts of the fit are computed, by default in this process; what is told when some are done.
    profile
        Whether the profile likelihood of each parameter is followed, which takes most of the time.
    kept
        Where finished parts are kept.
    problem
        The declared problem, to be stored with the result.

    Raises
    ------
    RunFailed
        When an arm cannot be simulated at the lowest point of all starts: nothing was fitted then.
    """
    work = _Work(prepared, executor or Serial(), progress or (lambda _: None), kept or Nothing())
    starts = work.starts()
    lowest = min(starts, key=lambda start: start["penalised"])
    _require_predictions(prepared, np.array(lowest["x"]))
    found = work.optimum(lowest, profile)
    table_1 = work.at_table_1()
    objective = Objective(prepared, threads=work.threads)
    tables = {
        **result_tables(objective, found, starts, profile),
        "predictions": prediction_table(objective, found.x, found.known),
        "residuals": residual_table(objective, found.x),
    }
    best = objective.value(found.x)
    work.failed += objective.failed
    work.runs += objective.runs
    numbers = result_numbers(prepared, tables["estimates"], starts, best, table_1, found, work.failed)
    return FitResult(
        title=prepared.title,
        problem=problem or {},
        checksum=prepared.checksum,
        seed=prepared.seed,
        engine=prepared.engine,
        time_unit=prepared.time_unit,
        versions=versions(),
        synthetic=prepared.synthetic,
        rows=prepared.rows,
        runs=work.runs,
        failed=work.failed,
        numbers=plain_numbers(numbers),
        tables={name: as_columns(table) for name, table in tables.items()},
        notes=result_notes(prepared, tables["estimates"], numbers, found, starts, table_1),
    )


def _require_predictions(prepared: Prepared, x: np.ndarray) -> None:
    objective = Objective(prepared)
    effects = objective.effects(x)
    failed = [
        arm.name
        for i, arm in enumerate(prepared.arms)
        if not np.isfinite(objective.predict((i,), x, effects)).all()
    ]
    if failed:
        raise RunFailed(
            f"arm {', '.join(failed)}: cannot be simulated at the lowest point of {prepared.starts} starts; "
            "check its times, changes and doses, and the bounds of the parameters"
        )


class _Work:
    """The tasks of one fit, on one executor; counts the simulations."""

    def __init__(
        self,
        prepared: Prepared,
        executor: Executor,
        progress: Callable[[int], object],
        kept: KeptParts | Nothing,
    ) -> None:
        self.prepared, self.executor, self.progress, self.kept = prepared, executor, progress, kept
        self.threads = cores_of(executor)
        self.runs = self.failed = 0

    def run(self, tasks: Sequence[Task]) -> list[dict]:
        found = run_tasks(self.prepared, tasks, self.executor, self.progress, self.kept)
        self.runs += sum(result["runs"] for result in found)
        self.failed += sum(result["failed"] for result in found)
        return found

    def starts(self) -> list[dict]:
        every = tuple(range(len(self.prepared.coordinates)))
        points = starting_points(self.prepared, self.prepared.starts)
        return self.run([Start(f"start_{i:04d}", tuple(x), every) for i, x in enumerate(points.tolist())])

    def at_table_1(self) -> dict:
        """The model's own values, with the sizes of errors and omegas estimated."""
        x = self.prepared.start
        for place in self.prepared.places("parameter"):
            coordinate = self.prepared.coordinates[place]
            if np.isfinite(coordinate.declared):
                x[place] = coordinate.scaled(coordinate.declared)
        free = tuple(self.prepared.places("error", "omega", "correlation").tolist())
        return self.run([Start("table_1", tuple(x.tolist()), free)])[0]

    def optimum(self, best: dict, profile: bool) -> Reached:
        """The optimum, its profiles and its map; begun anew from a lower point on one of them."""
        x, value = np.array(best["x"]), best["penalised"]
        for attempt in range(ATTEMPTS):
            objective = Objective(self.prepared, threads=self.threads)
            known = uncertainty(objective, x)
            sides = self.profiles(x, known, attempt) if profile else {}
            ridge, walks = self.ridge(x, attempt)
            walks += [side for pair in sides.values() for side in pair]
            lowest = min((float(walk.values.min()) for walk in walks), default=value)
            if lowest > value - LOWER or attempt == ATTEMPTS - 1:
                break
            start = next(walk.points[walk.values.argmin()] for walk in walks if walk.values.min() == lowest)
            better = minimise(objective, start, np.arange(x.size), "least_squares")
            x, value = better.x, better.value
            self.runs += objective.runs
            self.failed += objective.failed
        return Reached(x, value, known, sides, ridge, lowest)

    def profiles(self, x: np.ndarray, known: Uncertainty, attempt: int) -> dict[int, tuple[Walk, Walk]]:
        places = self.prepared.places("parameter").tolist()
        tasks = [
            Side(
                f"profile_{self.prepared.names[place]}_{'up' if sign > 0 else 'down'}_{attempt}",
                tuple(x.tolist()), place, sign, float(known.error[place]), known.rise(place),
            )
            for place in places
            for sign in (-1, 1)
        ]  # fmt: skip
        found = self.run(tasks)
        walks = [_as_walk(result) for result in found]
        return {place: (walks[2 * i], walks[2 * i + 1]) for i, place in enumerate(places)}

    def ridge(self, x: np.ndarray, attempt: int) -> tuple[pd.DataFrame, list[Walk]]:
        """The profile over two parameters, between their bounds and through the optimum; and its rows."""
        if self.prepared.ridge is None:
            return pd.DataFrame(), []
        low, high = self.prepared.bounds
        places = [self.prepared.names.index(name) for name in self.prepared.ridge]
        axes = [np.linspace(low[p], high[p], MAP) for p in places]
        for axis, place in zip(axes, places, strict=True):
            axis[np.abs(axis - x[place]).argmin()] = x[place]
        tasks = [
            MapRow(
                f"ridge_{i:02d}_{attempt}",
                tuple(x.tolist()),
                places[0],
                float(at),
                places[1],
                tuple(axes[1].tolist()),
            )
            for i, at in enumerate(axes[0])
        ]
        found = self.run(tasks)
        first, second = (self.prepared.coordinates[place] for place in places)
        rows = [
            (first.natural(at), second.natural(along), value)
            for at, result in zip(axes[0], found, strict=True)
            for along, value in zip(axes[1], result["values"], strict=True)
        ]
        table = pd.DataFrame(rows, columns=[first.name, second.name, "objective"])
        return table, [_as_walk(result) for result in found]


def _as_walk(result: dict) -> Walk:
    return Walk(np.array(result["points"]), np.array(result["values"]), result["runs"], result["failed"])

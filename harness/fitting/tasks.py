"""The tasks of a fit, which run apart from one another: one start, one side of a profile, one row of a map.

Promise: what a task gives depends on the prepared fit and on the task alone, so it is bitwise the same on
any executor; it is kept as a part of the fit, and not made again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness.fitting.kept import Nothing
from harness.fitting.objective import Objective
from harness.fitting.optimise import minimise
from harness.fitting.prepared import Prepared
from harness.fitting.profile import ENOUGH, walk
from harness.identity import key_of
from harness.simulation.execute import Executor, Processes
from harness.simulation.kept import KeptParts

__all__ = ["MapRow", "Side", "Start", "Task", "cores_of", "run_tasks"]


@dataclass(frozen=True)
class Start:
    """A minimisation from `x` over the coordinates at the places `free`."""

    name: str
    x: tuple[float, ...]
    free: tuple[int, ...]

    def run(self, prepared: Prepared, number: int, threads: int = 1) -> dict:
        objective = Objective(prepared, threads=threads)
        found = minimise(objective, np.array(self.x), np.array(self.free, int), prepared.method, number)
        return {
            "x": found.x.tolist(), "penalised": found.value, "value": objective.value(found.x),
            "converged": found.converged, "said": found.said,
            "runs": objective.runs, "failed": objective.failed,
        }  # fmt: skip


@dataclass(frozen=True)
class Side:
    """One side of the profile of a coordinate of standard error `error`, from the optimum `x` to a rise."""

    name: str
    x: tuple[float, ...]
    place: int
    sign: int
    error: float
    rise: float

    def run(self, prepared: Prepared, number: int, threads: int = 1) -> dict:  # noqa: ARG002 - one form
        objective = Objective(prepared, threads=threads)
        found = walk(objective, np.array(self.x), self.place, self.sign, self.error, self.rise)
        return {
            "points": found.points.tolist(), "values": found.values.tolist(),
            "runs": found.runs, "failed": found.failed,
        }  # fmt: skip


@dataclass(frozen=True)
class MapRow:
    """A profile over two coordinates: `place` held at `at`, `across` at each of `along`; others fitted."""

    name: str
    x: tuple[float, ...]
    place: int
    at: float
    across: int
    along: tuple[float, ...]

    def run(self, prepared: Prepared, number: int, threads: int = 1) -> dict:  # noqa: ARG002 - one form
        objective = Objective(prepared, threads=threads)
        others = np.array([i for i in range(len(self.x)) if i not in (self.place, self.across)], int)
        nearest = int(np.abs(np.array(self.along) - self.x[self.across]).argmin())
        points: list[list[float]] = [[]] * len(self.along)
        values = np.empty(len(self.along))
        for way in (range(nearest, len(self.along)), range(nearest - 1, -1, -1)):
            x = np.array(self.x)
            for i in way:  # outwards, each from the one before
                x[[self.place, self.across]] = self.at, self.along[i]
                found = minimise(objective, x, others, "least_squares", enough=ENOUGH)
                x, values[i] = found.x.copy(), found.value
                points[i] = found.x.tolist()
        return {
            "points": points, "values": values.tolist(), "runs": objective.runs, "failed": objective.failed
        }  # fmt: skip


Task = Start | Side | MapRow


def cores_of(executor: Executor) -> int:
    """Cores of this machine that an executor may use."""
    return executor.workers if isinstance(executor, Processes) else 1


def _run(prepared: Prepared, threads: int, numbered: tuple[int, Task]) -> tuple[int, dict]:
    number, task = numbered
    return number, task.run(prepared, number, threads)


def run_tasks(
    prepared: Prepared,
    tasks: Sequence[Task],
    executor: Executor,
    progress: Callable[[int], object],
    kept: KeptParts | Nothing,
) -> list[dict]:
    """What the tasks give, in their order; what is kept already, of the same task, is not made again.

    Where there are fewer tasks than cores, each has its arms simulated on several.
    """
    found: dict[int, dict] = {}
    for number, task in enumerate(tasks):
        there = kept.get(task.name, key_of(task))
        if there is not None:
            found[number] = json.loads(there)
            progress(1)
    waiting = [(number, task) for number, task in enumerate(tasks) if number not in found]
    threads = max(1, cores_of(executor) // max(len(waiting), 1))
    for number, result in executor.map(partial(_run, prepared, threads), waiting):
        task = tasks[number]
        kept.put(task.name, json.dumps(result).encode(), key_of(task))
        found[number] = result
        progress(1)
    return [found[number] for number in range(len(tasks))]

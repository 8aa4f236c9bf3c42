"""The parts of a fit that run apart from one another: one start, one side of a profile, one row of a map.

Promise: what a part gives depends on the prepared fit and on the part alone, so it is bitwise the same on
any executor; a finished part is kept and not made again.
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
from harness.fitting.profile import walk
from harness.identity import key_of
from harness.simulation.execute import Executor
from harness.simulation.kept import KeptParts

__all__ = ["MapRow", "Part", "Side", "Start", "run_parts"]


@dataclass(frozen=True)
class Start:
    """A minimisation from `x` over the coordinates at the places `free`."""

    name: str
    x: tuple[float, ...]
    free: tuple[int, ...]

    def run(self, prepared: Prepared, number: int) -> dict:
        objective = Objective(prepared)
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

    def run(self, prepared: Prepared, number: int) -> dict:  # noqa: ARG002
        found = walk(prepared, np.array(self.x), self.place, self.sign, self.error, self.rise)
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

    def run(self, prepared: Prepared, number: int) -> dict:  # noqa: ARG002
        objective = Objective(prepared)
        others = np.array([i for i in range(len(self.x)) if i not in (self.place, self.across)], int)
        nearest = int(np.abs(np.array(self.along) - self.x[self.across]).argmin())
        points, values = [[]] * len(self.along), np.empty(len(self.along))
        for way in (range(nearest, len(self.along)), range(nearest - 1, -1, -1)):
            x = np.array(self.x)
            for i in way:  # outwards, each from the one before
                x[[self.place, self.across]] = self.at, self.along[i]
                found = minimise(objective, x, others, "least_squares")
                x, values[i] = found.x.copy(), found.value
                points[i] = found.x.tolist()
        return {
            "points": points, "values": values.tolist(), "runs": objective.runs, "failed": objective.failed
        }  # fmt: skip


Part = Start | Side | MapRow


def _run(prepared: Prepared, numbered: tuple[int, Part]) -> tuple[int, dict]:
    number, part = numbered
    return number, part.run(prepared, number)


def run_parts(
    prepared: Prepared,
    parts: Sequence[Part],
    executor: Executor,
    progress: Callable[[int], object],
    kept: KeptParts | Nothing,
) -> list[dict]:
    """What the parts give, in their order; those kept already, of the same part, are not run again."""
    found: dict[int, dict] = {}
    for number, part in enumerate(parts):
        there = kept.get(part.name, key_of(part))
        if there is not None:
            found[number] = json.loads(there)
            progress(1)
    waiting = [(number, part) for number, part in enumerate(parts) if number not in found]
    for number, result in executor.map(partial(_run, prepared), waiting):
        part = parts[number]
        kept.put(part.name, json.dumps(result).encode(), key_of(part))
        found[number] = result
        progress(1)
    return [found[number] for number in range(len(parts))]

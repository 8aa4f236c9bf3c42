"""The kernel as an engine: many runs of one program in, trajectories out.

Promise: a run has the numbers and the status that the engine of libRoadRunner gives, within the tolerances
that docs/engine.md states; a run that the kernel does not finish is run by that engine, and its reason says
so. Runs do not depend on each other.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType

import numpy as np

from harness.simulation.engine import Engine
from harness.simulation.kernel import stepper
from harness.simulation.kernel.batch import Batch, Run
from harness.simulation.kernel.planned import Planned
from harness.simulation.kernel.store import load_kernel
from harness.simulation.kernel.text import Layout
from harness.simulation.kernel.written import AGREE, FINER, FLOOR, LOOSER, Control, write_kernel
from harness.simulation.program import Program
from harness.simulation.regimen import Dose, Regimen
from harness.simulation.regrowth import DOSES
from harness.simulation.trajectory import NO_TIMES, Status, Stopped, Trajectory

__all__ = ["Integrated", "Kernel"]

FAR = "took steps enough for errors to grow, and they did"
SAID = {
    stepper.TOO_MANY: "took too many steps",
    stepper.STUCK: "came to steps too short",
    stepper.NOT_FINITE: "met a value that is not finite",
    stepper.NEGATIVE: "met an amount below 0",
    stepper.FILLS: "met an empty pool that fills",
    stepper.OTHER_COURSE: "left the course of the first run",
}


TOGETHER = 256
"""Runs at once: with many rows of output, those of more runs leave the caches before they are read."""

NO_RECORD = np.zeros((1, 0))
"""Of no steps, for all runs."""

Beside = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Times and values of a run, (n,) and (n, observables), and values of others, (others, n, observables)."""

ONE_AT_A_TIME = threading.Lock()
"""RoadRunner's instance is one; the kernel itself runs on any number of threads."""


@dataclass(frozen=True)
class Integrated:
    """What the kernel made of some runs.

    Attributes
    ----------
    times, values
        Times of output, (runs, room), and what was read out, (runs, room, observables), as far as `rows`.
    redoses
        Times of doses that an observable triggered, NaN beyond; from the end on, of those that were held.
    codes
        How each run ended, as the stepper has it.
    steps
        Steps taken and refused, and rows of output, by run.
    """

    times: np.ndarray
    values: np.ndarray
    redoses: np.ndarray
    codes: np.ndarray
    steps: np.ndarray

    @property
    def rows(self) -> np.ndarray:
        return self.steps[:, 2]


class Kernel:
    """Runs one program many times.

    Parameters
    ----------
    program
        What to run.
    relative_tolerance
        In place of the kernel's own, for fits and references.

    Raises
    ------
    InputError
        When the kernel cannot express the model.
    ImportError
        When numba is not installed.
    """

    layout: Layout

    def __init__(self, program: Program, relative_tolerance: float | None = None) -> None:
        self._program = program
        self._written = write_kernel(program)
        self.layout, self._defaults = self._written.layout, self._written.defaults
        self._given, self._tolerance = relative_tolerance, relative_tolerance or self._written.tolerance
        self._controls: dict[float, Control] = {}
        self._many = self._written.many(self._tolerance)
        self._planned = Planned(program, self.layout, self._defaults)
        self._module = load_kernel(self._written.text, self._run_nothing)

    def run_many(
        self,
        runs: Sequence[Run],
        times: Sequence[np.ndarray],
        observables: Sequence[str],
        again: np.ndarray = NO_TIMES,
    ) -> list[Trajectory]:
        """Run the model for each of `runs` at its own `times`; otherwise as :meth:`Engine.run`."""
        parts = [slice(start, start + TOGETHER) for start in range(0, len(runs), TOGETHER)]
        return [run for part in parts for run in self._run_some(runs[part], times[part], observables, again)]

    def _run_some(
        self,
        runs: Sequence[Run],
        times: Sequence[np.ndarray],
        observables: Sequence[str],
        again: np.ndarray,
    ) -> list[Trajectory]:
        batch = self._planned.batch(runs, times)
        found = self.integrate(batch, observables, again)
        grown = self._made_finer(batch, found, observables, again)
        trajectories = []
        for i, (run, code) in enumerate(zip(runs, found.codes.tolist(), strict=True)):
            if i in batch.refused or code != stepper.OK or i in grown:
                why = batch.refused.get(i) or SAID.get(code, FAR)
                trajectories.append(self._by_engine(run, times[i], observables, again, why))
            else:
                trajectories.append(self._trajectory(i, run, batch, found))
        return trajectories

    def _made_finer(
        self, batch: Batch, found: Integrated, observables: Sequence[str], again: np.ndarray
    ) -> set[int]:
        """Put finer runs in place of those whose errors may have grown (see harness.simulation.regrowth).

        Returns the places of those whose errors have at every tolerance, which are not to be used.
        """
        doses = np.count_nonzero(batch.given, axis=1) + np.isfinite(found.redoses).sum(axis=1)
        far = (found.codes == stepper.OK) & (found.steps[:, 0] > self._many * (1 + np.minimum(doses, DOSES)))
        places = np.flatnonzero(far)
        for share in (FINER, FINER**2):
            if places.size:
                finer = self.integrate(batch.picked(places), observables, again, finer=share)
                held = [
                    self._holds(found, i, finer, row, observables) for row, i in enumerate(places.tolist())
                ]
                places = places[~np.array(held)]
        return set(places.tolist())

    def _holds(
        self, found: Integrated, i: int, finer: Integrated, row: int, observables: Sequence[str]
    ) -> bool:
        """Whether a run has the values of a finer one, which are put in their place where its times are."""
        n = found.rows[i]
        one, other = found.values[i, :n].copy(), finer.values[row, :n]
        if finer.codes[row] != stepper.OK or (found.times[i, :n] != finer.times[row, :n]).any():
            return False
        found.values[i, :n] = other
        floors = [self._program.solver.floors.get(name, 0.0) for name in observables]
        size = np.maximum(np.abs(other), np.maximum(floors, FLOOR * np.abs(other).max(axis=0)))
        return bool((np.abs(one - other) <= AGREE * size).all())

    def follow(
        self,
        run: Run,
        names: Sequence[str],
        others: np.ndarray,
        times: np.ndarray,
        observables: Sequence[str],
        again: np.ndarray = NO_TIMES,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A run, and others of nearly its parameters on the steps that it takes.

        What the error control does is the same in all of them, and does not enter their differences.

        Parameters
        ----------
        run
            Parameters to set and a regimen.
        names, others
            Parameters that the others set over these, and their values, shape (others, names).
        times, observables, again
            As for :meth:`run_many`.

        Returns
        -------
        times, values, of_others
            Shapes (n,), (n, observables) and (others, n, observables).

        Raises
        ------
        Stopped
            When the kernel does not finish the run, or another on its steps.
        """
        found = self.follow_each([run], names, others[np.newaxis], [times], observables, again)[0]
        if isinstance(found, Stopped):
            raise found
        return found

    def follow_each(
        self,
        runs: Sequence[Run],
        names: Sequence[str],
        others: np.ndarray,
        times: Sequence[np.ndarray],
        observables: Sequence[str],
        again: np.ndarray = NO_TIMES,
    ) -> list[Beside | Stopped]:
        """As :meth:`follow` for each of some runs, with others of its own, shape (runs, others, names).

        What it would raise stands in the place of a run.
        """
        batch = self._planned.batch(runs, times)
        values = np.repeat(batch.values[:, np.newaxis], others.shape[1], axis=1)
        values[:, :, [self._planned.places[name] for name in names]] = others
        for row, given, (_, regimen) in zip(values, batch.values, runs, strict=True):
            if regimen is not None:
                dosed = self._planned.places[self._program.target.parameter]
                row[:, dosed] = given[dosed]
        return self._follow(batch, values, observables, again)

    def slopes(
        self,
        run: Run,
        steps: Mapping[str, float],
        times: np.ndarray,
        observables: Sequence[str],
        again: np.ndarray = NO_TIMES,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Observables of a run and their derivatives by parameters, by forward differences on its steps.

        Parameters
        ----------
        run
            Parameters to set and a regimen.
        steps
            Parameters by which to differentiate, each with the step of its difference, in its own unit.
        times, observables, again
            As for :meth:`run_many`.

        Returns
        -------
        times, values, slopes
            Shapes (n,), (n, observables) and (n, observables, parameters).

        Raises
        ------
        Stopped
            As :meth:`follow`.
        """
        names = list(steps)
        values = self._planned.batch([run], [times]).values[0, [self._planned.places[name] for name in names]]
        others = values + np.diag(list(steps.values()))
        found_at, base, moved = self.follow(run, names, others, times, observables, again)
        return found_at, base, np.moveaxis(moved - base, 0, -1) / (np.diag(others) - values)

    def _follow(
        self, batch: Batch, values: np.ndarray, observables: Sequence[str], again: np.ndarray
    ) -> list[Beside | Stopped]:
        """Runs of a batch, and those of other `values`, shape (runs, others, parameters), on their steps."""
        runs, others = values.shape[:2]
        every = np.arange(runs)
        record = np.zeros((runs, stepper.MOST_STEPS))  # of which only what is noted takes memory
        base = self.integrate(batch, observables, again, record, every)
        beside = batch.picked(np.repeat(every, others)).at(values.reshape(runs * others, -1))
        found = self.integrate(beside, observables, again, record, np.repeat(every, others), frozen=True)
        of_others = found.values.reshape(runs, others, *found.values.shape[1:])
        codes = np.column_stack([base.codes, found.codes.reshape(runs, others)])
        ended = np.where(base.codes == stepper.OK, codes.max(axis=1, initial=stepper.OK), base.codes).tolist()
        made: list[Beside | Stopped] = []
        for i, (n, code) in enumerate(zip(base.rows.tolist(), ended, strict=True)):
            why = batch.refused.get(i) or self._moves_switches(batch.values[i], values[i]) or SAID.get(code)
            made.append(
                Stopped(Status.INTEGRATION_FAILED, f"the kernel {why}")
                if why
                else (base.times[i, :n], base.values[i, :n], of_others[i, :, :n])
            )
        return made

    def _moves_switches(self, values: np.ndarray, others: np.ndarray) -> str:
        """Why runs of other parameters have other steps: rates of theirs switch at other times."""
        moved = (others != values).any(axis=0)
        for name in self._program.switches.names if self._program.switches.atoms else ():
            if moved[self._planned.places[name]]:
                return f"cannot follow rates whose times of switching depend on {name}"
        return ""

    def integrate(
        self,
        batch: Batch,
        observables: Sequence[str],
        again: np.ndarray = NO_TIMES,
        record: np.ndarray = NO_RECORD,
        way: np.ndarray | None = None,
        frozen: bool = False,
        finer: float = 1.0,
    ) -> Integrated:
        """Integrate, and nothing else; `record`, `way` and `frozen` as the stepper has them.

        `finer` is the tolerance over that of all runs.
        """
        picked = np.array([self.layout.place(name) for name in observables], np.int64)
        way = np.zeros(len(batch.values), np.int64) if way is None else way
        return self._call(self._module, batch, again, picked, record, way, frozen, finer * self._tolerance)

    @cached_property
    def _engine(self) -> Engine:
        """The engine for runs that the kernel does not finish, as accurate as the kernel."""
        return Engine(self._program, self._given and self._given / LOOSER)

    def _by_engine(
        self, run: Run, times: np.ndarray, observables: Sequence[str], again: np.ndarray, why: str
    ) -> Trajectory:
        with ONE_AT_A_TIME:
            found = self._engine.run(*run, times, observables, again)
        said = f"by RoadRunner, the kernel {why}"
        return replace(found, reason=f"{said}; {found.reason}" if found.reason else said)

    def _trajectory(self, i: int, run: Run, batch: Batch, found: Integrated) -> Trajectory:
        course, rows, regimen = batch.courses[i], found.rows[i], run[1]
        rule = regimen.redosing if regimen else None
        if rule:
            first = found.redoses[i][: batch.most[i]]
            again = first[np.isfinite(first)].tolist()
            course.redoses += [Dose(time, rule.amount) for time in again]
        may_hold = int(np.count_nonzero(batch.kinds[i] & stepper.HOLD))
        if may_hold:
            held = found.redoses[i][::-1][:may_hold]
            course.held += held[np.isfinite(held)].tolist()
        doses = (*self._own_dose(batch.values[i], regimen), *course.given())
        return Trajectory(
            found.times[i, :rows], found.values[i, :rows], Status.OK, doses=doses,
            redoses=tuple(course.redoses), held=tuple(course.held),
        )  # fmt: skip

    def _own_dose(self, values: np.ndarray, regimen: Regimen | None) -> tuple[Dose, ...]:
        """The dose that a model without a regimen starts with, when there is one."""
        if regimen is not None or self._program.dose is None:
            return ()
        amount = float(values[self.layout.parameters.index(self._program.dose.parameter)])
        return (Dose(0.0, amount),) if amount > 0 else ()

    def _call(
        self,
        module: ModuleType,
        batch: Batch,
        again: np.ndarray,
        picked: np.ndarray,
        record: np.ndarray,
        way: np.ndarray,
        frozen: bool,
        tolerance: float,
    ) -> Integrated:
        runs, room = len(batch.values), batch.room(again)
        found = Integrated(
            np.empty((runs, room)),
            np.empty((runs, room, len(picked))),
            np.full((runs, max(batch.decided, 1)), np.nan),
            np.zeros(runs, np.int64),
            np.zeros((runs, 3), np.int64),
        )
        module.integrate(
            batch.values, batch.rows, batch.times, again, batch.count, batch.stops, batch.given, batch.inflow,
            batch.kinds, batch.rule, batch.most, self._written.clock, picked, batch.watched, tolerance,
            *self._control(tolerance), frozen, record, way, found.times, found.values, found.redoses,
            found.codes, found.steps,
        )  # fmt: skip
        return found

    def _control(self, tolerance: float) -> Control:
        """Error control of the states, kept by tolerance."""
        if tolerance not in self._controls:
            self._controls[tolerance] = self._written.control(tolerance)
        return self._controls[tolerance]

    def _run_nothing(self, module: ModuleType) -> None:
        """Have numba compile what it has not in its cache."""
        self._call(
            module,
            Batch.empty(0, self._defaults, 0, 0),
            NO_TIMES,
            np.zeros(0, np.int64),
            NO_RECORD,
            np.zeros(0, np.int64),
            False,
            self._tolerance,
        )

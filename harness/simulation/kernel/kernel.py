"""The kernel as an engine: many runs of one program in, trajectories out.

Promise: a run has the numbers and the status that the engine of libRoadRunner gives, within the tolerances
that docs/engine.md states; a run that the kernel does not finish is run by that engine, and its reason says
so. Runs do not depend on each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from types import ModuleType

import numpy as np

from harness.errors import InputError
from harness.models.equations import read_equations
from harness.simulation.accuracy import Accuracy
from harness.simulation.engine import NO_TIMES, Engine, Status, Trajectory
from harness.simulation.form import Stopped
from harness.simulation.kernel import stepper
from harness.simulation.kernel.batch import Batch, Run, make_batch
from harness.simulation.kernel.store import load_kernel
from harness.simulation.kernel.text import Layout, kernel_text
from harness.simulation.program import Program
from harness.simulation.regimen import Dose, Regimen

__all__ = ["Integrated", "Kernel"]

LOOSER = 50.0
"""The kernel's relative tolerance over that of the program, which is for CVODE: the largest error of the two
methods is then about the same (docs/engine.md has the measurement)."""
SHARE = 1e-20
"""Absolute tolerance over what a state reaches, where a card gives none: a step is held to its relative
error, so that a run that stays far below that is as accurate."""
OF_LOGARITHMS = 3.0
"""Tolerance of a logarithm, which is a relative one of its amount, over that of the other states."""
MANY = 440
"""Steps at the kernel's own tolerance, for a run and each of its doses, from which errors may have grown:
such a run is the engine's."""
FAR = "took steps enough for errors to grow"
SAID = {
    stepper.TOO_MANY: "took too many steps",
    stepper.STUCK: "came to steps too short",
    stepper.NOT_FINITE: "met a value that is not finite",
    stepper.NEGATIVE: "met an amount below 0",
    stepper.FILLS: "met an empty pool that fills",
    stepper.OTHER_COURSE: "left the course of the first run",
}


@dataclass(frozen=True)
class Integrated:
    """What the kernel made of some runs.

    Attributes
    ----------
    times, values
        Times of output, (runs, room), and what was read out, (runs, room, observables), as far as `rows`.
    redoses
        Times of doses that an observable triggered, NaN beyond.
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
        In place of the kernel's own, for references.

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
        self._tolerance = relative_tolerance or LOOSER * program.solver.relative_tolerance
        regrows = program.solver.regrows is not None or bool(program.reach)
        self._counts = regrows and relative_tolerance is None
        plain, solved = read_equations(program.plain_sbml), read_equations(program.solver_sbml)
        text, self.layout = kernel_text(plain, solved, program.solver.logarithms, program.dosed)
        beyond = [name for name in program.switches.names if name not in self.layout.parameters]
        if beyond:
            raise InputError(f"{program.model}: when its rates switch depends on {beyond[0]}")
        self._defaults = np.array([*plain.constants.values(), 0.0])
        self._species = plain.species
        self._module = load_kernel(text, self._run_nothing)

    def run_many(
        self,
        runs: Sequence[Run],
        times: Sequence[np.ndarray],
        observables: Sequence[str],
        again: np.ndarray = NO_TIMES,
    ) -> list[Trajectory]:
        """Run the model for each of `runs` at its own `times`; otherwise as :meth:`Engine.run`."""
        batch = make_batch(runs, times, self._program, self.layout, self._defaults)
        found = self.integrate(batch, observables, again)
        far = self._went_far(batch, found)
        trajectories = []
        for i, (run, code) in enumerate(zip(runs, found.codes.tolist(), strict=True)):
            if i in batch.refused or code != stepper.OK or far[i]:
                why = batch.refused.get(i) or SAID.get(code, FAR)
                trajectories.append(self._by_engine(run, times[i], observables, again, why))
            else:
                trajectories.append(self._trajectory(i, run, batch, found))
        return trajectories

    def _went_far(self, batch: Batch, found: Integrated) -> list[bool]:
        """Whether errors may have grown in each run (see harness.simulation.regrowth)."""
        doses = np.count_nonzero(batch.given, axis=1) + np.isfinite(found.redoses).sum(axis=1)
        return (self._counts & (found.steps[:, 0] > MANY * (1 + doses))).tolist()

    def slopes(
        self,
        run: Run,
        steps: Mapping[str, float],
        times: np.ndarray,
        observables: Sequence[str],
        again: np.ndarray = NO_TIMES,
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Observables of a run and their derivatives by parameters, by forward differences on frozen steps.

        The steps of the run are recorded, and perturbed runs go on the same: what the error control does is
        the same in all of them, and does not enter their differences.

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
            When the kernel does not finish the run, or one on its steps.
        """
        times = np.asarray(times, float)
        batch = make_batch([run], [times], self._program, self.layout, self._defaults)
        if 0 in batch.refused:
            raise Stopped(Status.INTEGRATION_FAILED, batch.refused[0])
        record = np.zeros(stepper.MOST_STEPS)
        base = self.integrate(batch, observables, again, record)
        parameters = list(self.layout.parameters)
        moved = [(parameters.index(name), step) for name, step in steps.items()]
        perturbed = batch.repeated(len(moved))
        for row, (place, step) in enumerate(moved):
            perturbed.values[row, place] += step
        taken = record[: base.steps[0, 0]]
        found = self.integrate(perturbed, observables, again, taken, frozen=True)
        for code in (*base.codes, *found.codes):
            if code != stepper.OK:
                raise Stopped(Status.INTEGRATION_FAILED, f"the kernel {SAID[int(code)]}")
        n = base.rows[0]
        sizes = np.array(
            [perturbed.values[row, place] - batch.values[0, place] for row, (place, _) in enumerate(moved)]
        )
        differences = np.moveaxis(found.values[:, :n] - base.values[0, :n], 0, -1)
        return base.times[0, :n], base.values[0, :n], differences / sizes

    def integrate(
        self,
        batch: Batch,
        observables: Sequence[str],
        again: np.ndarray = NO_TIMES,
        record: np.ndarray = NO_TIMES,
        frozen: bool = False,
    ) -> Integrated:
        """Integrate, and nothing else; `record` and `frozen` as the stepper has them."""
        picked = np.array([self.layout.place(name) for name in observables], np.int64)
        return self._call(self._module, batch, again, picked, record, frozen)

    @cached_property
    def _engine(self) -> Engine:
        """The engine for runs that the kernel does not finish."""
        return Engine(self._program)

    def _by_engine(
        self, run: Run, times: np.ndarray, observables: Sequence[str], again: np.ndarray, why: str
    ) -> Trajectory:
        found = self._engine.run(*run, times, observables, again)
        said = f"by RoadRunner, the kernel {why}"
        return replace(found, reason=f"{said}; {found.reason}" if found.reason else said)

    def _trajectory(self, i: int, run: Run, batch: Batch, found: Integrated) -> Trajectory:
        course, rows, regimen = batch.courses[i], found.rows[i], run[1]
        rule = regimen.redosing if regimen else None
        if rule:
            again = found.redoses[i][np.isfinite(found.redoses[i])].tolist() if batch.most[i] else ()
            course.redoses += [Dose(time, rule.amount) for time in again]
        doses = (*self._own_dose(batch.values[i], regimen), *course.given())
        return Trajectory(
            found.times[i, :rows].copy(), found.values[i, :rows].copy(), Status.OK, doses=doses,
            redoses=tuple(course.redoses),
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
        frozen: bool,
    ) -> Integrated:
        runs, room = len(batch.values), batch.room(again)
        found = Integrated(
            np.empty((runs, room)),
            np.empty((runs, room, len(picked))),
            np.full((runs, max(int(batch.most.max(initial=0)), 1)), np.nan),
            np.zeros(runs, np.int64),
            np.zeros((runs, 3), np.int64),
        )
        module.integrate(
            batch.values, batch.rows, batch.times, again, batch.count, batch.stops, batch.given, batch.inflow,
            batch.kinds, batch.rule, batch.most, self._clock, picked, batch.watched, self._tolerance,
            *self._control, frozen, record, found.times, found.values, found.redoses, found.codes,
            found.steps,
        )  # fmt: skip
        return found

    @cached_property
    def _clock(self) -> int:
        """Place of the parameter that doses set to their time; -1 for none."""
        clock = self._program.dose.clock if self._program.dose else None
        return self.layout.parameters.index(clock) if clock else -1

    @cached_property
    def _control(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """By state: absolute tolerance, whether the relative one counts its size, and lowest value."""
        program, states = self._program, self.layout.states
        accuracy = Accuracy(program.solver, self._tolerance, program.reach, frozenset(program.signed), SHARE)
        logged = np.array([name in self.layout.logarithms for name in states])
        absolute = [accuracy.absolute(name) for name in states]
        # The relative tolerance of a logarithm does not grow with it: it is its amount that is accurate.
        tolerances = np.where(logged, (OF_LOGARITHMS - 1) * self._tolerance, absolute)
        lowest = [accuracy.lowest(n) if n in self._species else -np.inf for n in states]
        return tolerances, np.where(logged, 0.0, 1.0), np.array(lowest)

    def _run_nothing(self, module: ModuleType) -> None:
        """Have numba compile what it has not in its cache."""
        self._call(
            module, Batch.empty(0, self._defaults, 0, 0), NO_TIMES, np.zeros(0, np.int64), NO_TIMES, False
        )

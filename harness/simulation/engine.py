"""One libRoadRunner, used safely: numbers in, one trajectory and its status out.

Promises:
- A run does not depend on the runs before it.
- The pools that fall below one cell are integrated as logarithms (see harness.models.solver_form). While one
  of them is empty and nothing flows into it, the plain form is integrated, in which it stays exactly empty:
  a run in which nothing was ever dosed holds exactly 0 CAR-T cells for ever.
- A dose is exact: the integration stops at it, the cells are added, and it starts again. A value read out
  at the time of a dose is the value after it.
- A run that fails (an error of the integrator, a value that is not finite, a negative amount) is NaN with
  a status and a reason. It is never dropped and never raised.
"""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import roadrunner

from harness.models.solver_form import log_state
from harness.simulation.program import Program
from harness.simulation.regimen import Dose

__all__ = ["Engine", "Status", "Trajectory"]

roadrunner.Logger.disableLogging()

MOMENT, SHARE = 1e-9, 1e-8
"""An empty pool that cells flow into starts, as a logarithm, from what flows in during this time (in the
model's time unit), but from no more than this share of the other pools: a logarithm cannot hold 0. The
solution is shifted by that time, or by that share, and no more."""

ONE_AT_A_TIME = threading.RLock()
"""Threads take turns: silencing CVODE concerns the whole process, and libRoadRunner holds the GIL anyway."""


class Status(StrEnum):
    """How a run ended."""

    OK = "ok"
    INTEGRATION_FAILED = "integration failed"
    NOT_FINITE = "not finite"
    NEGATIVE = "negative amount"


@dataclass(frozen=True)
class Trajectory:
    """One run: `values` is (times, observables), NaN throughout when `status` is not OK."""

    values: np.ndarray
    status: Status
    reason: str = ""


class RunFailed(Exception):
    """Raised inside the engine; leaves it only as a status."""

    def __init__(self, status: Status, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Engine:
    """Runs one program, again and again.

    Parameters
    ----------
    program
        What to run.
    relative_tolerance
        In place of the program's own, for references and for the second try.
    """

    def __init__(self, program: Program, relative_tolerance: float | None = None) -> None:
        self._program = program
        self._tolerance = relative_tolerance or program.solver.relative_tolerance
        self._forms: dict[bool, _Form] = {}

    def run(
        self,
        values: Mapping[str, float],
        doses: Sequence[Dose] | None,
        times: np.ndarray,
        observables: Sequence[str],
    ) -> Trajectory:
        """Run the model once.

        Parameters
        ----------
        values
            Parameters and compartment sizes to set, by id, in the model's units. The names must be of
            the model; the caller has checked them.
        doses
            Doses in order of time; None gives the model's own dose, an empty sequence gives none.
        times
            Output times, ascending, from 0 or later; shape (n,).
        observables
            Ids to read out; k of them.

        Returns
        -------
        Trajectory
            Values of shape (n, k), in the model's units.
        """
        times = np.asarray(times, float)
        with ONE_AT_A_TIME:
            return self._run(values, doses, times, observables)

    def _run(
        self,
        values: Mapping[str, float],
        doses: Sequence[Dose] | None,
        times: np.ndarray,
        observables: Sequence[str],
    ) -> Trajectory:
        try:
            return Trajectory(self._integrate(values, doses, times, observables, self._tolerance), Status.OK)
        except RunFailed as error:
            first = error
        tighter = self._tolerance * 1e-2
        try:
            rows = self._integrate(values, doses, times, observables, tighter)
            return Trajectory(rows, Status.OK, f"second try, at a relative tolerance of {tighter:g}: {first}")
        except RunFailed as error:
            nothing = np.full((len(times), len(observables)), np.nan)
            undefined = self._undefined_at_start(values, doses)
            if undefined:
                return Trajectory(nothing, Status.NOT_FINITE, f"{undefined} is not finite at the start")
            return Trajectory(nothing, error.status, str(error))

    def _integrate(
        self,
        values: Mapping[str, float],
        doses: Sequence[Dose] | None,
        times: np.ndarray,
        observables: Sequence[str],
        tolerance: float,
    ) -> np.ndarray:
        values, later = self._split(values, doses)
        plain = self._form(logarithmic=False)
        plain.start(values)
        form = self._choose(plain, values)
        for dose in later:  # an output time that rounding alone holds apart from a dose is that dose's
            times = np.where(np.isclose(times, dose.time, rtol=1e-12, atol=1e-12), dose.time, times)
        end = max(times[-1], 0.0)
        rows, start = [], 0.0
        for dose in [*(d for d in later if d.time <= end), None]:
            stop = dose.time if dose else end
            inside = (times >= start) & (times < stop if dose else times <= stop)
            form.read_out(observables, tolerance)
            block = form.advance(start, times[inside], stop)
            if form is not plain and inside.any() and times[inside][0] == start:
                block[0] = plain.now(observables)  # the amounts themselves, not through their logarithms
            rows.append(block)
            if dose:
                state = form.state()
                state[self._program.dose.species] += dose.amount
                plain.set_state(state)
                form, start = self._choose(plain, values), stop
        return np.concatenate(rows)

    def _undefined_at_start(self, values: Mapping[str, float], doses: Sequence[Dose] | None) -> str:
        """First state that is not finite at time 0, or whose rate of change is not; empty when all are."""
        plain = self._form(logarithmic=False)
        plain.start(self._split(values, doses)[0])
        return plain.undefined()

    def _choose(self, plain: _Form, values: Mapping[str, float]) -> _Form:
        """The form to go on with from the state that `plain` holds: logarithms, where all can be taken."""
        logarithms = plain.logarithms()
        if not logarithms:
            return plain
        form = self._form(logarithmic=True)
        form.start(values)
        form.set_state({**plain.state(), **logarithms})
        return form

    def _split(
        self, values: Mapping[str, float], doses: Sequence[Dose] | None
    ) -> tuple[dict[str, float], list[Dose]]:
        """Values with the dose at time 0 among them, and the doses after it."""
        changed = dict(values)
        if doses is None:
            return changed, []
        target = self._program.dose
        if target is None:
            raise ValueError(f"model {self._program.model} takes no dose")
        changed[target.parameter] = sum(dose.amount for dose in doses if dose.time == 0)
        return changed, [dose for dose in doses if dose.time > 0 and dose.amount > 0]

    def _form(self, logarithmic: bool) -> _Form:
        if logarithmic not in self._forms:
            self._forms[logarithmic] = _Form(self._program, logarithmic)
        return self._forms[logarithmic]


class _Form:
    """One compiled RoadRunner: the plain form, or the solver form with logarithms."""

    def __init__(self, program: Program, logarithmic: bool) -> None:
        self.logarithmic = logarithmic
        self._program = program
        self._logged = program.solver.logarithms if logarithmic else ()
        with quiet():
            self._engine = roadrunner.RoadRunner(program.solver_sbml if logarithmic else program.plain_sbml)
        states = self._engine.model.getNumFloatingSpecies() + self._engine.model.getNumRateRules()
        self._states = [self._engine.model.getStateVectorId(i) for i in range(states)]
        species = self._engine.model.getFloatingSpeciesIds()
        self._amounts = [name for name in self._states if name in species]
        self._read: list[str] = []
        self._tolerance = 0.0

    def start(self, values: Mapping[str, float]) -> None:
        """Put the model at time 0 with `values` set; the order is the one that leaves nothing behind."""
        self._engine.resetToOrigin()
        for name, value in values.items():
            self._engine[name] = value
        self._engine.reset()

    def logarithms(self) -> dict[str, float]:
        """Logarithms of the pools to be solved so, from the amounts held now (plain form).

        Empty when there are none, or when a pool is empty and nothing flows into it.
        """
        amounts = {name: self._engine[name] for name in self._program.solver.logarithms}
        seed = SHARE * sum(amounts.values())
        for name, amount in amounts.items():
            if amount == 0:
                amounts[name] = min(self._engine[f"{name}'"] * MOMENT, seed)
        if not all(amount > 0 for amount in amounts.values()):
            return {}
        return {log_state(name): math.log(amount) for name, amount in amounts.items()}

    def undefined(self) -> str:
        """First state that is not finite, or whose rate of change is not; empty when all are."""
        for name in self._states:
            for reading, said in ((name, name), (f"{name}'", f"the rate of change of {name}")):
                if not np.isfinite(self._engine[reading]):
                    return said
        return ""

    def read_out(self, observables: Sequence[str], tolerance: float) -> None:
        """Say what to read out, and how accurately to integrate."""
        guarded = [name for name in self._amounts if name not in observables]
        self._wanted = len(observables)
        self._signs = [i for i, n in enumerate([*observables, *guarded]) if n in self._amounts]
        read = ["time", *observables, *guarded]
        if read != self._read:
            self._engine.selections = self._read = read
        if tolerance != self._tolerance:
            settings = self._program.solver
            self._engine.integrator.relative_tolerance = tolerance
            # A vector: a scalar would be scaled by the state at the start, and so change with the dose.
            self._engine.integrator.absolute_tolerance = [
                settings.absolute_tolerance_logarithm
                if name in map(log_state, self._logged)
                else settings.absolute_tolerance.get(name, settings.absolute_tolerance_default)
                for name in self._states
            ]
            self._tolerance = tolerance

    def advance(self, start: float, times: np.ndarray, stop: float) -> np.ndarray:
        """Integrate from `start` to `stop`; return the rows at `times`, shape (len(times), wanted)."""
        asked = np.union1d(times, [start, stop])
        # Times that rounding alone holds apart are one: CVODE takes no step that short.
        apart = np.diff(asked, prepend=-np.inf) > 1e-12 * np.maximum(1.0, asked)
        grid = asked[apart]
        if len(grid) == 1:  # nothing to integrate: output at the very start
            rows = self.now(self._read[1:])[np.newaxis]
        else:
            with quiet():
                try:
                    rows = np.array(self._engine.simulate(times=grid.tolist()))[:, 1:]
                except RuntimeError as error:
                    text = " ".join(str(error).split()).split("; In virtual")[0]
                    raise RunFailed(Status.INTEGRATION_FAILED, text) from None
        self._verify(rows)
        row_of = np.cumsum(apart) - 1
        return rows[row_of[np.searchsorted(asked, times)], : self._wanted]

    def now(self, names: Sequence[str]) -> np.ndarray:
        """Values of `names` at the present state."""
        return np.array([self._engine[name] for name in names])

    def _verify(self, rows: np.ndarray) -> None:
        if not np.isfinite(rows).all():
            name = self._read[1 + int(np.argwhere(~np.isfinite(rows))[0, 1])]
            raise RunFailed(Status.NOT_FINITE, f"{name} is not finite")
        amounts = rows[:, self._signs]
        # An amount may stray below 0 by its own error, far under one cell; never by more.
        low = amounts < -1e-6
        if low.any():
            column = int(np.argwhere(low)[0, 1])
            name = self._read[1 + self._signs[column]]
            raise RunFailed(Status.NEGATIVE, f"{name} falls to {amounts[:, column].min():.3g}")

    def state(self) -> dict[str, float]:
        """Amounts and rate-rule values now, the logged pools as amounts."""
        names = [name for name in self._states if name not in map(log_state, self._logged)]
        return {name: self._engine[name] for name in [*names, *self._logged]}

    def set_state(self, state: Mapping[str, float]) -> None:
        """Take over a state: amounts in the plain form; in the solver form, logarithms where it has them."""
        for name, value in state.items():
            if name not in self._logged:
                self._engine[name] = value


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep what CVODE writes to standard output and error, even with logging off, from the terminal."""
    sink = os.open(os.devnull, os.O_WRONLY)
    kept = os.dup(1), os.dup(2)
    try:
        os.dup2(sink, 1)
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept[0], 1)
        os.dup2(kept[1], 2)
        for descriptor in (sink, *kept):
            os.close(descriptor)

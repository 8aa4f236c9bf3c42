"""The engine: numbers in, one trajectory and its status out.

Promises:
- A run does not depend on the runs before it.
- The pools that fall below one cell are integrated as logarithms (see harness.models.solver_form). While one
  of them is empty and nothing flows into it, the plain form is integrated, in which it stays exactly empty:
  a run in which nothing was ever dosed holds exactly 0 CAR-T cells for ever.
- A dose is exact: the integration stops at it, the cells are added, and it starts again. A value read out
  at the time of a dose is the value after it.
- A run that fails is tried once more, more accurately and with more states as logarithms.
- A run that fails then (an error of the integrator, a value that is not finite, a negative amount) is NaN
  with a status and a reason. It is never dropped and never raised.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.simulation.form import Form, RunFailed, Status
from harness.simulation.program import Program
from harness.simulation.regimen import Dose, Regimen
from harness.simulation.timeline import Timeline

__all__ = ["Engine", "Status", "Trajectory"]

ONE_AT_A_TIME = threading.RLock()
"""Threads take turns: silencing CVODE concerns the whole process, and libRoadRunner holds the GIL anyway."""


@dataclass(frozen=True)
class Trajectory:
    """One run.

    `values` is (times, observables), NaN throughout when `status` is not OK. `redoses` are the doses that
    an observable triggered.
    """

    values: np.ndarray
    status: Status
    reason: str = ""
    redoses: tuple[Dose, ...] = ()


class Engine:
    """Runs one program, again and again.

    Parameters
    ----------
    program
        What to run.
    relative_tolerance
        In place of the program's own, for references.
    """

    def __init__(self, program: Program, relative_tolerance: float | None = None) -> None:
        self._program = program
        self._tolerance = relative_tolerance or program.solver.relative_tolerance
        self._forms: dict[tuple[bool, bool], Form] = {}
        self._second: Engine | None = None

    def run(
        self,
        values: Mapping[str, float],
        regimen: Regimen | None,
        times: np.ndarray,
        observables: Sequence[str],
    ) -> Trajectory:
        """Run the model once.

        Parameters
        ----------
        values
            Parameters and compartment sizes to set, by id, in the model's units. The names must be of
            the model; the caller has checked them.
        regimen
            Doses in absolute amounts; None gives the model's own dose, an empty regimen gives none.
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
            try:
                return self._integrate(values, regimen, times, observables, self._tolerance)
            except RunFailed as first:
                return self._try_again(values, regimen, times, observables, first)

    def _try_again(
        self,
        values: Mapping[str, float],
        regimen: Regimen | None,
        times: np.ndarray,
        observables: Sequence[str],
        first: RunFailed,
    ) -> Trajectory:
        """The second try, or NaN with what went wrong."""
        try:
            run = self._sturdier()._integrate(values, regimen, times, observables, self._tolerance * 0.1)
            more = ", ".join(self._program.solver.more_logarithms)
            said = f"second try, more accurate{f', {more} as a logarithm too' if more else ''}: {first}"
            return Trajectory(run.values, Status.OK, said, run.redoses)
        except RunFailed as error:
            nothing = np.full((len(times), len(observables)), np.nan)
            undefined = self._undefined_at_start(values, regimen)
            if undefined:
                return Trajectory(nothing, Status.NOT_FINITE, f"{undefined} is not finite at the start")
            return Trajectory(nothing, error.status, str(error))

    def _integrate(
        self,
        values: Mapping[str, float],
        regimen: Regimen | None,
        times: np.ndarray,
        observables: Sequence[str],
        tolerance: float,
    ) -> Trajectory:
        timeline = Timeline(regimen or Regimen(), end=max(times[-1], 0.0))
        times = timeline.snap(times)
        values = self._with_first_dose(values, regimen)
        plain = self._form(logarithmic=False, infusion=timeline.has_infusions)
        plain.start(values)
        plain.set_state(self._dosing(timeline))
        if timeline.watched:
            timeline.note_start(plain.now([timeline.watched])[0])
        form = self._choose(plain, values, timeline)
        rows, start, fresh = [], 0.0, True
        while True:
            stop = timeline.next_stop(after=start)
            last = stop is None
            stop = timeline.end if last else stop
            inside = (times >= start) & ((times <= stop) if last else (times < stop))
            form.read_out(observables, tolerance)
            block = form.advance(start, times[inside], stop)
            if fresh and form is not plain and inside.any() and times[inside][0] == start:
                block[0] = plain.now(observables)  # the amounts themselves, not through their logarithms
            rows.append(block)
            if last:
                return Trajectory(np.concatenate(rows), Status.OK, redoses=tuple(timeline.redoses))
            watched = form.now([timeline.watched])[0] if timeline.watched else 0.0
            fresh = timeline.pass_stop(stop, watched)
            if fresh:
                state = form.state()
                state[self._program.dose.species] += timeline.amount
                plain.set_state({**state, **self._dosing(timeline)})
                form = self._choose(plain, values, timeline)
            start = stop

    def _sturdier(self) -> Engine:
        """The engine of the second try."""
        if self._second is None:
            more = self._program.solver.more_logarithms
            self._second = Engine(self._program.sturdier(), self._tolerance) if more else self
        return self._second

    def _dosing(self, timeline: Timeline) -> dict[str, float]:
        """Parameters that the course of the doses sets: the rate of infusions, and the clock."""
        found = {self._program.infusion_rate: timeline.rate} if timeline.has_infusions else {}
        target = self._program.dose
        return {**found, target.clock: timeline.last_dose} if target and target.clock else found

    def _undefined_at_start(self, values: Mapping[str, float], regimen: Regimen | None) -> str:
        """First state that is not finite at time 0, or whose rate of change is not; empty when all are."""
        plain = self._form(logarithmic=False)
        plain.start(self._with_first_dose(values, regimen))
        return plain.undefined()

    def _choose(self, plain: Form, values: Mapping[str, float], timeline: Timeline) -> Form:
        """The form to go on with from the state that `plain` holds: logarithms, where all can be taken."""
        state = plain.state()
        logarithms = plain.logarithms(state)
        if not logarithms:
            return plain
        form = self._form(logarithmic=True, infusion=timeline.has_infusions)
        form.take_over({**values, **self._dosing(timeline)}, {**state, **logarithms})
        return form

    def _with_first_dose(self, values: Mapping[str, float], regimen: Regimen | None) -> dict[str, float]:
        """Values with the bolus at time 0 among them."""
        if regimen is None:
            return dict(values)
        target = self._program.dose
        if target is None:
            raise ValueError(f"model {self._program.model} takes no dose")
        first = sum(dose.amount for dose in regimen.doses if dose.time == 0 and dose.duration == 0)
        return {**values, target.parameter: first}

    def _form(self, logarithmic: bool, infusion: bool = False) -> Form:
        key = logarithmic, infusion
        if key not in self._forms:
            self._forms[key] = Form(self._program, logarithmic, infusion)
        return self._forms[key]

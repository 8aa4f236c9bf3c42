"""The engine: numbers in, one trajectory and its status out.

Promises, beside those of harness.simulation.integration, which makes each try:
- A run whose errors may have grown, because a pool has regrown, is integrated again at a finer tolerance
  (see harness.simulation.regrowth).
- A run that fails is tried again, more accurately.
- A run that fails then (an error of the integrator, a state that is not finite, a negative amount) is NaN
  with a status and a reason. It is never dropped and never raised.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.models.solver_form import to_solver_form
from harness.shown import listed
from harness.simulation.accuracy import LIMIT, TIGHTER, Accuracy, relative_errors
from harness.simulation.integration import Integration
from harness.simulation.program import Program
from harness.simulation.regimen import Regimen
from harness.simulation.trajectory import NO_TIMES, Status, Stopped, Trajectory

__all__ = ["Engine"]

REGROWN, STEEP = 2.0, 20.0
"""The regrowth of a pool, and of a marker, in e-folds, from which a run is integrated more finely."""

FINER = (1e-12, 1e-11, 1e-10)
"""Relative tolerances for such a run; the first that works holds."""

MUCH = 40.0
"""Regrowth up to which they are taken from the last one on: a run then costs half, and was right to 2e-5."""

TRIES = (0.1, 1e-3)
"""Relative tolerances, over the first, at which a run that failed is tried again."""

NEARER = 3
"""Times that a run is made again with tolerances for what it reaches."""

ONE_AT_A_TIME = threading.RLock()
"""Threads take turns: silencing CVODE concerns the whole process, and libRoadRunner holds the GIL anyway."""

Attempt = Callable[[Accuracy], Trajectory]
"""One run, at an accuracy still to be said."""


class Engine(Integration):
    """Runs one program, again and again: tries, and judges what came of it; built as an integration is."""

    def __init__(self, program: Program, relative_tolerance: float | None = None) -> None:
        super().__init__(program, relative_tolerance)
        self._sturdier: dict[tuple[str, ...], Engine | None] = {}

    def run(
        self,
        values: Mapping[str, float],
        regimen: Regimen | None,
        times: np.ndarray,
        observables: Sequence[str],
        again: np.ndarray = NO_TIMES,
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
            Output times, ascending, from 0 or later. The moments of doses come into the output by themselves.
        observables
            Ids to read out.
        again
            Times from every dose after the start at which there is output too, up to the next one or the end.

        Returns
        -------
        Trajectory
            Times and values, in the model's units.
        """
        times = np.asarray(times, float)

        def attempt(accuracy: Accuracy) -> Trajectory:
            return self.integrate(values, regimen, times, observables, accuracy, again)

        with ONE_AT_A_TIME:
            accuracy = self.accuracy
            try:
                try:
                    found = self._nearer(attempt(accuracy), attempt)
                except Stopped as first:
                    if accuracy.reach and first.status is Status.NEGATIVE:
                        found = self._second_opinion(values, regimen, times, observables, again, first)
                        accuracy = accuracy.with_signed(self.species).tighter(TIGHTER)
                    else:
                        found = self._second_try(attempt, first)
                if found.lost:
                    sturdier = self._with_logarithms(found.lost)
                    other = sturdier.run(values, regimen, times, observables, again) if sturdier else None
                    return self._confirmed(found, accuracy, other, attempt)
                return self._refined(found, attempt)
            except Stopped as error:
                nothing = np.full((len(times), len(observables)), np.nan)
                undefined = self.undefined_at_start(values, regimen)
                if undefined:
                    said = f"{undefined} is not finite at the start"
                    return Trajectory(times, nothing, Status.NOT_FINITE, said)
                return Trajectory(times, nothing, error.status, str(error))

    def run_many(
        self,
        runs: Sequence[tuple[Mapping[str, float], Regimen | None]],
        times: Sequence[np.ndarray],
        observables: Sequence[str],
        again: np.ndarray = NO_TIMES,
    ) -> list[Trajectory]:
        """Run the model for each of `runs`, parameters to set and a regimen, at its own times."""
        return [self.run(*run, asked, observables, again) for run, asked in zip(runs, times, strict=True)]

    def _nearer(self, found: Trajectory, attempt: Attempt) -> Trajectory:
        """The same run with tolerances made for what it reaches, when that is far less than was foreseen."""
        accuracy = self.accuracy
        for _ in range(NEARER):
            if not accuracy.is_far_from(found.reached):
                break
            accuracy = accuracy.after(found.reached)
            found = attempt(accuracy)
        return found

    def _second_try(self, attempt: Attempt, first: Stopped) -> Trajectory:
        """A run at a tighter tolerance, in place of one that failed."""
        for factor in TRIES:
            try:
                accuracy = replace(self.accuracy, relative=self.accuracy.relative * factor)
                return replace(attempt(accuracy), reason=f"second try, more accurate: {first}")
            except Stopped as error:
                last = error
        raise last

    def _refined(self, found: Trajectory, attempt: Attempt) -> Trajectory:
        """The same run at the finest tolerance that works, when its errors may have grown."""
        if found.regrown <= REGROWN and found.steep <= STEEP:
            return found
        finer = [relative for relative in FINER if relative < self.accuracy.relative]
        for relative in finer if found.regrown > MUCH else finer[::-1]:
            try:
                return replace(attempt(replace(self.accuracy, relative=relative)), reason=found.reason)
            except Stopped:
                continue
        if finer:
            far = max(found.regrown, found.steep)
            said = f"what all but vanished regrows by {far:.0f} e-folds, and no finer run ends"
            raise Stopped(Status.INACCURATE, said)
        return found

    def _with_logarithms(self, pools: tuple[str, ...]) -> Engine | None:
        """The engine that solves those of more pools as logarithms that can be; None where none can."""
        if pools not in self._sturdier:
            program = self._program
            logarithms = program.solver.logarithms
            for name in pools:
                with contextlib.suppress(ValueError):
                    to_solver_form(program.plain_sbml, (*logarithms, name))
                    logarithms = (*logarithms, name)
            more = logarithms != program.solver.logarithms
            if more:
                settings = program.solver.model_copy(update={"logarithms": logarithms})
                solver_sbml = to_solver_form(program.plain_sbml, logarithms)
                program = replace(program, solver=settings, solver_sbml=solver_sbml)
            self._sturdier[pools] = Engine(program, self.accuracy.relative) if more else None
        return self._sturdier[pools]

    def _confirmed(
        self, found: Trajectory, accuracy: Accuracy, other: Trajectory | None, attempt: Attempt
    ) -> Trajectory:
        """A run at `accuracy` that lost pools, unless `other`, which solves them as logarithms, differs.

        Where there is no such run, it is held against one at a hundredth of the tolerance.
        """
        said = f"{listed(found.lost)} all but vanished"
        if other is not None and other.status is Status.OK:
            return found if _agree(found, other) else replace(other, reason=f"{said}: solved as a logarithm")
        if found.hidden:
            unseen = f"the rate of {listed(found.hidden)} says growth where no tolerance sees it"
            raise Stopped(Status.INACCURATE, f"{said}, and {unseen}")
        lower = {name: min(value, accuracy.reach[name]) for name, value in found.reached.items()}
        try:
            tight = attempt(accuracy.after(lower).tighter(TIGHTER))
        except Stopped as error:
            raise Stopped(Status.INACCURATE, f"{said}, and no finer run ends: {error}") from None
        if not _agree(found, tight):
            raise Stopped(Status.INACCURATE, f"{said}, and at a hundredth of the tolerance the run differs")
        return found

    def _second_opinion(
        self,
        values: Mapping[str, float],
        regimen: Regimen | None,
        times: np.ndarray,
        observables: Sequence[str],
        again: np.ndarray,
        first: Stopped,
    ) -> Trajectory:
        """A run at a hundredth of the tolerance.

        An amount may be negative in it when it is so at the tolerance, too, and the model itself can do that.
        """
        read = [*observables, *(name for name in self.species if name not in observables)]
        free = self.accuracy.with_signed(self.species)
        tight = self.integrate(values, regimen, times, read, free.tighter(TIGHTER), again)
        loose = self.integrate(values, regimen, times, read, free, again)
        meant = free.after(tight.reached).meant_negative(read, loose.values, tight.values)
        if meant is None or not self.may_be_negative(meant, values, tight.reached, float(times[-1])):
            raise first
        said = f"falls below 0 at a tighter tolerance, too: {', '.join(meant)}" if meant else str(first)
        return replace(
            tight, values=tight.values[:, : len(observables)], reason=f"second try, more accurate: {said}"
        )


def _agree(loose: Trajectory, tight: Trajectory) -> bool:
    """Whether two runs give the same numbers, doses that an observable triggered on the same days."""
    same = loose.times.shape == tight.times.shape
    return same and bool(relative_errors(loose.values, tight.values).max() <= LIMIT)

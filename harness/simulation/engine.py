"""The engine: numbers in, one trajectory and its status out.

Promises:
- A run does not depend on the runs before it.
- The pools that may all but vanish are integrated as logarithms (see harness.models.solver_form). One that is
  empty and that nothing flows into is an amount instead, and stays exactly empty: a run in which nothing was
  ever dosed holds exactly 0 CAR-T cells for ever.
- A dose is exact: the integration stops at it, the cells are added, and it starts again. Each moment at which
  something is given after the start (a bolus, either end of an infusion, a dose that an observable triggered)
  stands in the output twice, just before and as itself (see harness.analysis.moments); so does one at which
  rates switch.
- A run whose errors may have grown, because a pool has regrown, is integrated again at a finer tolerance
  (see harness.simulation.regrowth).
- A run that fails is tried again, more accurately.
- A run that fails then (an error of the integrator, a state that is not finite, a negative amount) is NaN
  with a status and a reason. It is never dropped and never raised. An observable that has no finite value at
  some time (0/0) is no failure: the value stays what it is, and the reason names it.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache

import numpy as np

from harness.analysis.moments import SAME, after_moment, apart, before_moment, just_before
from harness.models.solver_form import log_state, to_solver_form
from harness.shown import in_lines, listed
from harness.simulation.accuracy import LIMIT, TIGHTER, Accuracy, relative_errors
from harness.simulation.form import Form, Status, Stopped, form_of
from harness.simulation.program import Program
from harness.simulation.regimen import Dose, Regimen
from harness.simulation.regrowth import Regrowth, even_looks
from harness.simulation.timeline import Timeline

__all__ = ["NO_TIMES", "Engine", "Status", "Trajectory"]

NO_TIMES = np.array([])

NO_DOSES = Regimen()

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

Attempt = Callable[[Accuracy], "Trajectory"]
"""One run, at an accuracy still to be said."""


@dataclass(frozen=True)
class Trajectory:
    """One run.

    Attributes
    ----------
    times
        The times asked for, and each moment of a dose after the start, just before it and as itself; (n,).
    values
        Shape (n, observables), NaN throughout when `status` is not OK.
    doses
        What was given to the end, in order of time: the model's own dose or those of the regimen, and those
        that an observable triggered; empty for a run that failed.
    redoses
        The last of these alone.
    held
        Times of planned doses that were not given, since an observable was beyond a level.
    reached
        The largest value of each state in the output, for those whose tolerance follows from it.
    regrown, steep, lost, hidden
        How far a pool has regrown, and a marker, amounts that the tolerance has lost, and those of them
        that by their rate grow there, unseen (harness.simulation.regrowth).
    """

    times: np.ndarray
    values: np.ndarray
    status: Status
    reason: str = ""
    doses: tuple[Dose, ...] = ()
    redoses: tuple[Dose, ...] = ()
    held: tuple[float, ...] = ()
    reached: Mapping[str, float] = field(default_factory=dict)
    regrown: float = 0.0
    steep: float = 0.0
    lost: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()

    def __repr__(self) -> str:
        times, observables = self.values.shape
        return in_lines(
            f"Trajectory: {observables} observables at {times} times, {self.status}",
            reason=self.reason,
            doses=listed(self.doses),
            redoses=listed(self.redoses),
        )

    def at(self, times: np.ndarray) -> np.ndarray:
        """Rows at some of the times asked for, after a dose given then; shape (times, observables)."""
        return self.values[after_moment(self.times, times)]

    def before(self, times: np.ndarray) -> np.ndarray:
        """The same rows, before a dose given then."""
        return self.values[before_moment(self.times, times)]


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
        relative = relative_tolerance or program.solver.relative_tolerance
        self.accuracy = Accuracy(program.solver, relative, program.reach, frozenset(program.signed))
        self._forms: dict[tuple[tuple[str, ...], bool], Form] = {}
        self._sturdier: dict[tuple[str, ...], Engine | None] = {}
        self._suspects: set[str] = set()  # pools that were low in some run: their rates are read out
        self._switch_times = lru_cache(maxsize=256)(self._find_switches)

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
                undefined = self._undefined_at_start(values, regimen)
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

    def may_be_negative(
        self, species: Sequence[str], values: Mapping[str, float], reach: Mapping[str, float], end: float
    ) -> bool:
        """Whether the model itself can bring these species below 0: it takes from nothing, or sets them."""
        if not species:
            return True
        plain = self._form()
        plain.start(values)
        return not set(species) - plain.drained(reach, max(end, 1e-300)) - self._program.set_by_events

    def first_accuracy(self) -> Accuracy:
        """An accuracy for a run of which nothing is known yet but where it starts."""
        plain = self._form()
        plain.start({})
        start = {name: abs(value) for name, value in plain.state().items() if np.isfinite(value)}
        least = min((value for value in start.values() if value > 0), default=1.0)
        return replace(self.accuracy, reach={name: start.get(name) or least for name in plain.state()})

    @property
    def species(self) -> tuple[str, ...]:
        """Species that are states."""
        return self._form().amounts

    def integrate(
        self,
        values: Mapping[str, float],
        regimen: Regimen | None,
        times: np.ndarray,
        observables: Sequence[str],
        accuracy: Accuracy,
        again: np.ndarray = NO_TIMES,
    ) -> Trajectory:
        """One try, as :meth:`run` at a given accuracy.

        Raises
        ------
        Stopped
            When it fails.
        """
        times = np.asarray(times, float)
        for form in self._forms.values():
            form.reached.clear()
        timeline = Timeline(regimen or NO_DOSES, end=max(times[-1], 0.0))
        values = self._program.with_first_dose(values, regimen)
        plain = self._form(infusion=timeline.has_infusions)
        plain.start(values)
        plain.set_state(self._dosing(timeline))
        timeline.switch_at(self._switches(plain, 0.0, timeline.end))
        times = timeline.snap(times)
        stop = timeline.next_stop(after=0.0)
        if plain.waits and stop is not None:
            said = f"event {plain.waits} may wait from time 0 on, and the integration stops at {stop:g}"
            raise Stopped(Status.INTEGRATION_FAILED, said)
        if timeline.watched:
            timeline.note_start(_seen(plain, timeline.watched))
        own = self._own_dose(plain) if regimen is None else ()
        state = plain.state()
        form = self._choose(plain, state, values, timeline)
        pools = self._pools(accuracy)
        amounts = pools if accuracy.reach else ()
        looks = even_looks(timeline.end, self._program.solver.look_every) if pools else NO_TIMES
        markers = self._markers if pools else ()
        floors = [self._program.solver.floors[name] for name in markers]
        regrowth = Regrowth(looks, [accuracy.absolute(name) for name in amounts], floors)
        regrowth.begin([state[name] for name in amounts])
        rated = [place for place, name in enumerate(amounts) if name in self._suspects]
        rates_of = (f"{amounts[place]}'" for place in rated)
        read, columns = _read_out(tuple(observables), (*pools, *rates_of, *markers))
        first, second, third = len(observables), len(pools), len(pools) + len(rated)
        put_out, rows, start, fresh, moment = [], [], 0.0, True, False
        while True:
            ahead = timeline.next_stop(after=start)
            last = ahead is None
            stop = timeline.end if ahead is None else ahead
            edges = times.searchsorted(start), times.searchsorted(stop, "right" if last else "left")
            inside = times[slice(*edges)]
            if moment:
                more = start + again if fresh else again[:0]
                inside = np.unique([start, *more[more < stop - SAME * max(1.0, stop)], *inside])
                inside = inside[apart(inside)]
            asked = inside if last else np.append(inside, stop)
            form.read_out(read, accuracy)
            form.hold(*timeline.stretch(start, stop))
            block, seen = form.advance(start, stop, asked, regrowth.looks(start, stop))
            rates, seen = np.full((len(seen), len(pools)), np.nan), seen[:, columns]
            rates[:, rated] = seen[:, second:third]
            regrowth.note(seen[:, :second], rates, seen[:, third:])
            block = block[:, :first]
            if fresh and form is not plain and inside.size and inside[0] == start:
                block[0] = plain.now(observables)  # the amounts themselves, not through their logarithms
            put_out.append(inside)
            rows.append(block[: inside.size])
            if last:
                break
            fresh = timeline.pass_stop(stop, _seen(form, timeline.watched) if timeline.watched else {})
            moment = fresh or timeline.bends_at(stop)
            if moment:
                put_out.append(just_before([stop]))
                rows.append(block[-1:])
            if fresh:
                state = self._give(form, plain, timeline, stop)
                form = self._choose(plain, state, values, timeline, form)
                regrowth.begin([state[name] for name in amounts])
                timeline.switch_at(self._switches(plain, stop, timeline.end), after=stop)
            start = stop
        if regrowth.unknown:
            self._suspects |= {amounts[place] for place in regrowth.unknown}
            return self.integrate(values, regimen, times, observables, accuracy, again)
        found = np.concatenate(put_out), np.concatenate(rows)
        return Trajectory(
            *found,
            Status.OK,
            _without_value(*found, observables),
            doses=(*own, *timeline.given()),
            redoses=tuple(timeline.redoses),
            held=tuple(timeline.held),
            reached=self._reached(),
            regrown=regrowth.risen,
            steep=regrowth.steep,
            lost=tuple(pools[place] for place in sorted(regrowth.lost)),
            hidden=tuple(pools[place] for place in sorted(regrowth.hidden)),
        )

    def _pools(self, accuracy: Accuracy) -> tuple[str, ...]:
        """Pools whose regrowth is followed: the one that a card names, or those of a user's model.

        The latter are amounts that can come back.
        """
        if self._program.solver.regrows:
            return (self._program.solver.regrows,)
        others = {*self._program.solver.logarithms, *self._program.only_fall}
        return tuple(name for name in accuracy.reach if name not in others)

    @cached_property
    def _markers(self) -> tuple[str, ...]:
        """States that are followed above the floors that a card gives them."""
        return tuple(name for name in self._program.solver.floors if name in self._form().held)

    def _reached(self) -> dict[str, float]:
        """The largest value of each state whose tolerance follows from it, in the run that has ended."""
        found: dict[str, float] = {}
        for form in self._forms.values():
            for name, value in form.reached.items():
                found[name] = max(found.get(name, 0.0), value)
        return found

    def _give(self, form: Form, plain: Form, timeline: Timeline, stop: float) -> dict[str, float]:
        """Add what a stop gives to the state of `form`, which `plain` takes over; return that state."""
        state = form.state()
        state[self._program.target.species] += timeline.amount
        kept = {} if form is plain else form.kept()
        plain.hold(*timeline.stretch(stop, np.inf))
        plain.set_state({**kept, **state, **self._dosing(timeline)}, None if form is plain else stop)
        return state

    def _own_dose(self, plain: Form) -> tuple[Dose, ...]:
        """The dose that a model without a regimen starts with, when there is one."""
        target = self._program.dose
        amount = plain.now([target.parameter])[0] if target else 0.0
        return (Dose(0.0, float(amount)),) if amount > 0 else ()

    def _switches(self, plain: Form, start: float, end: float) -> tuple[float, ...]:
        """Times after `start` at which rates switch, with the values that `plain` holds."""
        switches = self._program.switches
        if not switches.atoms:
            return ()
        try:
            return self._switch_times(tuple(plain.now(switches.names).tolist()), start, end)
        except OverflowError as error:
            raise Stopped(Status.INTEGRATION_FAILED, str(error)) from None

    def _find_switches(self, values: tuple[float, ...], start: float, end: float) -> tuple[float, ...]:
        switches = self._program.switches
        return switches.times(dict(zip(switches.names, values, strict=True)), start, end)

    def _dosing(self, timeline: Timeline) -> dict[str, float]:
        """Parameters that the course of the doses sets: the rate of infusions, and the clock."""
        found = {self._program.infusion_rate: timeline.rate} if timeline.has_infusions else {}
        target = self._program.dose
        return {**found, target.clock: timeline.last_dose} if target and target.clock else found

    def _undefined_at_start(self, values: Mapping[str, float], regimen: Regimen | None) -> str:
        """First state that is not finite at time 0, or whose rate of change is not; empty when all are."""
        plain = self._form()
        plain.start(self._program.with_first_dose(values, regimen))
        return plain.undefined()

    def _choose(
        self,
        plain: Form,
        state: Mapping[str, float],
        values: Mapping[str, float],
        timeline: Timeline,
        running: Form | None = None,
    ) -> Form:
        """The form to go on with from the state that `plain` holds: logarithms of what is not empty.

        One that is `running` goes on, with what its events have seen and what waits in it.
        """
        logarithms = plain.logarithms(state)
        taken = tuple(name for name in self._program.solver.logarithms if log_state(name) in logarithms)
        form = self._form(taken, infusion=timeline.has_infusions) if taken else plain
        if running is not None and form is not running and self._program.delays:
            raise Stopped(
                Status.INTEGRATION_FAILED, "a pool fills, or empties, while an event may be waiting"
            )
        if form is running:
            form.set_state({**state, **logarithms, **self._dosing(timeline)})
        elif form is not plain:
            given = {**values, **plain.kept(), **self._dosing(timeline)}
            form.take_over(given, {**state, **logarithms})
        return form

    def _form(self, logarithms: tuple[str, ...] = (), infusion: bool = False) -> Form:
        key = logarithms, infusion
        if key not in self._forms:
            self._forms[key] = form_of(self._program, logarithms, infusion)
        return self._forms[key]


@lru_cache(maxsize=256)
def _read_out(observables: tuple[str, ...], followed: tuple[str, ...]) -> tuple[tuple[str, ...], np.ndarray]:
    """What is read out of a run, observables first, the rest once; and the columns of what is followed."""
    known = {*observables}
    read = (*observables, *(name for name in dict.fromkeys(followed) if name not in known))
    places = {name: place for place, name in reversed([*enumerate(read)])}
    return read, np.array([places[name] for name in followed], int)


def _seen(form: Form, names: Sequence[str]) -> dict[str, float]:
    """What rules look at, as it is now."""
    return dict(zip(names, form.now(list(names)), strict=True))


def _without_value(times: np.ndarray, values: np.ndarray, observables: Sequence[str]) -> str:
    """What observables are not finite at some time, which is no failure of the run; empty for none."""
    if np.isfinite(values).all():
        return ""
    said = []
    for place in np.flatnonzero(~np.isfinite(values).all(axis=0)).tolist():
        when = times[~np.isfinite(values[:, place])]
        others = f" and {when.size - 1} other times" if when.size > 1 else ""
        said.append(f"{observables[place]} has no finite value at {when[0]:g}{others}")
    return "; ".join(said[:5])


def _agree(loose: Trajectory, tight: Trajectory) -> bool:
    """Whether two runs give the same numbers, doses that an observable triggered on the same days."""
    same = loose.times.shape == tight.times.shape
    return same and bool(relative_errors(loose.values, tight.values).max() <= LIMIT)

"""One run at one accuracy: from dose to dose and switch to switch, in the forms of a model.

Promises:
- A run does not depend on the runs before it.
- The pools that may all but vanish are integrated as logarithms (see harness.models.solver_form). One that is
  empty and that nothing flows into is an amount instead, and stays exactly empty: a run in which nothing was
  ever dosed holds exactly 0 CAR-T cells for ever.
- A dose is exact: the integration stops at it, the cells are added, and it starts again. Each moment at which
  something is given after the start (a bolus, either end of an infusion, a dose that an observable triggered)
  stands in the output twice, just before and as itself (see harness.analysis.moments); so does one at which
  rates switch.
- An observable that has no finite value at some time (0/0) is no failure: the value stays what it is, and the
  reason names it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache

import numpy as np

from harness.analysis.moments import SAME, apart, just_before
from harness.models.solver_form import log_state
from harness.simulation.accuracy import Accuracy
from harness.simulation.program import Program
from harness.simulation.regimen import Dose, Regimen
from harness.simulation.regrowth import Regrowth, even_looks
from harness.simulation.stepped import Stepped, stepped_form
from harness.simulation.timeline import Timeline
from harness.simulation.trajectory import NO_TIMES, Status, Stopped, Trajectory

__all__ = ["Integration"]

NO_DOSES = Regimen()


class Integration:
    """Integrates one program, again and again.

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
        self._forms: dict[tuple[tuple[str, ...], bool], Stepped] = {}
        self._suspects: set[str] = set()  # pools that were low in some run: their rates are read out
        self._switch_times = lru_cache(maxsize=256)(self._find_switches)

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
        """One try, of what an engine runs, at a given accuracy.

        Parameters and what is returned are those of :meth:`~harness.simulation.engine.Engine.run`.

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

    def _give(self, form: Stepped, plain: Stepped, timeline: Timeline, stop: float) -> dict[str, float]:
        """Add what a stop gives to the state of `form`, which `plain` takes over; return that state."""
        state = form.state()
        state[self._program.target.species] += timeline.amount
        kept = {} if form is plain else form.kept()
        plain.hold(*timeline.stretch(stop, np.inf))
        plain.set_state({**kept, **state, **self._dosing(timeline)}, None if form is plain else stop)
        return state

    def _own_dose(self, plain: Stepped) -> tuple[Dose, ...]:
        """The dose that a model without a regimen starts with, when there is one."""
        target = self._program.dose
        amount = plain.now([target.parameter])[0] if target else 0.0
        return (Dose(0.0, float(amount)),) if amount > 0 else ()

    def _switches(self, plain: Stepped, start: float, end: float) -> tuple[float, ...]:
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

    def undefined_at_start(self, values: Mapping[str, float], regimen: Regimen | None) -> str:
        """First state that is not finite at time 0, or whose rate of change is not; empty when all are."""
        plain = self._form()
        plain.start(self._program.with_first_dose(values, regimen))
        return plain.undefined()

    def _choose(
        self,
        plain: Stepped,
        state: Mapping[str, float],
        values: Mapping[str, float],
        timeline: Timeline,
        running: Stepped | None = None,
    ) -> Stepped:
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

    def _form(self, logarithms: tuple[str, ...] = (), infusion: bool = False) -> Stepped:
        key = logarithms, infusion
        if key not in self._forms:
            self._forms[key] = stepped_form(self._program, logarithms, infusion)
        return self._forms[key]


@lru_cache(maxsize=256)
def _read_out(observables: tuple[str, ...], followed: tuple[str, ...]) -> tuple[tuple[str, ...], np.ndarray]:
    """What is read out of a run, observables first, the rest once; and the columns of what is followed."""
    known = {*observables}
    read = (*observables, *(name for name in dict.fromkeys(followed) if name not in known))
    places = {name: place for place, name in reversed([*enumerate(read)])}
    return read, np.array([places[name] for name in followed], int)


def _seen(form: Stepped, names: Sequence[str]) -> dict[str, float]:
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

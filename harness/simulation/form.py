"""One compiled libRoadRunner: the plain form of a model, or its solver form with logarithms.

Promise: starting, stepping and reading out in the order that leaves nothing of an earlier run behind. Numbers
only; who calls has checked every name.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np

from harness.analysis.moments import apart
from harness.models.loading import load, simulate
from harness.models.solver_form import log_state
from harness.models.starting import startable, underway
from harness.models.switches import FOREVER, RATES_FROM, RATES_UNTIL, hold_time, holds_time
from harness.simulation.accuracy import Accuracy
from harness.simulation.program import Program
from harness.simulation.trajectory import Status, Stopped

__all__ = ["Form", "form_of", "quiet"]

MOMENT, SHARE = 1e-9, 1e-8
"""A pool that is empty, or nearly, and that is being filled starts, as a logarithm, from what flows in during
this time (in the model's time unit), but from no more than this share of the other pools: a logarithm cannot
hold 0, nor follow a rise by fifty orders of magnitude at once. The solution is shifted by that time, or by
that share, and no more."""

STEPS = 50_000
"""Most steps between two rows of output; few enough for a run that will not end."""


FIRST = 1e-7
"""Share of what a state reaches below which it is empty, and of an integration that begins so after which it
starts again."""


DRAWS = 32
"""States in which a model is asked what it takes from an empty species."""

NOTHING = 1e-9
"""Share of a rate that is rounding."""

EXPLICIT = 500
"""Most steps without a Jacobian through the first stretch of an integration that begins with empty states."""

KEPT = 4
"""Compiled forms that are kept beside those of the engines: a trial hands its own to the runs."""


class Form:
    """One compiled RoadRunner.

    Parameters
    ----------
    program
        The model.
    logarithms
        Pools to integrate as logarithms; none in the plain form.
    infusion
        Whether cells can flow in at a rate, by the parameter `program.infusion_rate`.
    """

    def __init__(self, program: Program, logarithms: tuple[str, ...], infusion: bool = False) -> None:
        self._program = program
        self._logged = logarithms
        text = program.sbml(logarithms, infusion)
        self._holds = bool(program.switches.atoms) and holds_time(text)
        text = hold_time(text) if self._holds else text
        self._startable = startable(underway(text) if logarithms else text)
        self._load()
        states = self._model.getNumFloatingSpecies() + self._model.getNumRateRules()
        self._states = [self._model.getStateVectorId(i) for i in range(states)]
        solved = {log_state(name) for name in logarithms}
        self.held = (*(name for name in self._states if name not in solved), *logarithms)
        self._species = {name: i for i, name in enumerate(self._model.getFloatingSpeciesIds())}
        self.amounts = tuple(name for name in self._states if name in self._species)
        self._parameters = {name: i for i, name in enumerate(self._model.getGlobalParameterIds())}
        self._compartments = set(self._model.getCompartmentIds())
        self._starts = [self._parameters[held] for held in self._startable.starts.values()]
        self._touched: dict[int, float] = {}
        self._solved = {self._parameters[name] for name in self._states if name in self._parameters}
        self.reached: dict[str, float] = {}

    def start(self, values: Mapping[str, float]) -> None:
        """Put the model at time 0 with `values` set; the order is the one that leaves nothing behind."""
        self._forget()
        self._set(values)
        self._engine.reset()
        self._assign(values)
        if self._startable.gate:
            self._set({self._startable.gate: 1.0})
            self._engine.reset()  # events at time 0 happen by it

    def _load(self) -> None:
        """Compile the model."""
        with quiet():
            self._engine = load(self._startable.sbml)
        self._model = self._engine.model
        self._ran = False
        self._sized = False
        self._asked: tuple[str, ...] = ()
        self._read: list[str] = []
        self._accuracy: Accuracy | None = None
        self._eventful = self._model.getNumEvents() > 0
        self._integrate_by(stiff=True, steps=STEPS)
        # CVODE keeps a Jacobian for fifty steps. Where steps are long, what was stiff may be so no more: a
        # correction by the old one is then too small, passes for converged, and the run goes astray unseen.
        self._engine.integrator.maximum_time_step = self._program.solver.longest_step or 0.0

    def _forget(self) -> None:
        """Put the model at the values of its file; no event waits that an earlier run has triggered."""
        if self._startable.delayed and self._ran:
            self._load()  # nothing else empties its queue; a state that it has saved does not always
        if self._eventful or self._starts or self._sized:
            self._engine.resetToOrigin()
            self._sized = False
            return
        # States are set anew after this, and nothing but a parameter that was set is left of a run. A whole
        # reset looks at every symbol: of a model of 400 states it takes as long as two thousand rates.
        self._model.setTime(0.0)
        if self._touched:
            self._model.setGlobalParameterValues([*self._touched], [*self._touched.values()])

    def _assign(self, given: Collection[str]) -> None:
        """Set what has an initial assignment and is not `given`, until no value asks for another one."""
        for _ in self._starts:
            values = self._model.getGlobalParameterValues(self._starts).tolist()
            starts = dict(zip(self._startable.starts, values, strict=True))
            changed = {n: v for n, v in starts.items() if n not in given and not self._has(n, v)}
            if not changed:
                return
            self._set(changed)  # what a reset may put back, or not
            self._set({_symbol(name): value for name, value in changed.items()})
            self._engine.reset()

    def _has(self, start: str, value: float) -> bool:
        """Whether what is set at a start has a value; a species is asked for its present concentration."""
        found = self._model[_symbol(start)]
        return found == value or (found != found and value != value)

    def logarithms(self, state: Mapping[str, float]) -> dict[str, float]:
        """Logarithms of the pools that have one, from the state that this plain form holds.

        A pool that is empty and that nothing flows into has none.
        """
        amounts = {name: state[name] for name in self._program.solver.logarithms}
        self.set_state({name: state[name] for name in self._fill(amounts)})
        return {log_state(name): math.log(amount) for name, amount in amounts.items() if amount > 0}

    def _fill(self, amounts: dict[str, float]) -> set[str]:
        """Let flow in what flows in soon, into pools that are empty, or nearly so beside the others.

        What has flown into one flows on into others, so all are asked until no more is filled. Returns those
        that now hold more.
        """
        share = SHARE * sum(amounts.values())
        low = [name for name, amount in amounts.items() if amount < share]
        empty, filled = len(low) + 1, set()
        while low and empty > (empty := sum(amounts[name] <= 0 for name in low)):
            for name in low:
                held = max(amounts[name], min(self._model[f"{name}'"] * MOMENT, share))
                if held > amounts[name]:
                    amounts[name] = self._model[name] = held
                    filled.add(name)
        return filled

    def take_over(self, values: Mapping[str, float], state: Mapping[str, float]) -> None:
        """Put the model at a whole state with `values` set; no start of its own is needed then."""
        self._forget()
        self._set(values)
        self.set_state(state)

    def kept(self) -> dict[str, float]:
        """What a state leaves out of what a run has set: starts that are assigned, and what events set."""
        started = {re.findall(r"\w+", start)[-1] for start in self._startable.starts}
        names = (started | self._program.set_by_events) - {*self._states}
        return {name: self._model[name] for name in names}

    def _set(self, values: Mapping[str, float]) -> None:
        """Set parameters, in one call, and whatever is none by name.

        A reset works out amounts from concentrations in the size that a compartment starts with.
        """
        places, numbers = [], []
        for name, value in values.items():
            if name in self._parameters:
                places.append(self._parameters[name])
                numbers.append(value)
                continue
            if name in self._compartments:
                self._model[f"init({name})"] = value
            self._sized |= name not in self._species
            self._model[name] = value
        if places:
            self._touch([place for place in places if place not in self._touched])
            self._model.setGlobalParameterValues(places, numbers)

    def _touch(self, places: list[int]) -> None:
        """Note what parameters were before they are set for the first time; states are set by every start."""
        new = [place for place in places if place not in self._solved]
        if new:
            values = self._model.getGlobalParameterValues(new).tolist()
            self._touched.update(zip(new, values, strict=True))

    def undefined(self) -> str:
        """First state that is not finite, or whose rate of change is not; empty when all are."""
        for name in self._states:
            for reading, said in ((name, name), (f"{name}'", f"the rate of change of {name}")):
                if not np.isfinite(self._model[reading]):
                    return said
        return ""

    def drained(self, reach: Mapping[str, float], end: float) -> set[str]:
        """Species that the model goes on taking from when nothing of them is left, in any of some states.

        The states are drawn up to what each reaches (`reach`), always the same, at times to `end`; those that
        may be below 0, as all that are no species, are drawn there, too. A species from which nothing is
        taken at 0 stays at or above 0 in the exact solution, whatever else happens.
        """
        signed = set(reach) - set(self.amounts)
        while more := self._drained_beside(signed, reach, end) - signed:
            signed |= more
        return signed & set(self.amounts)

    def _drained_beside(self, negative: set[str], reach: Mapping[str, float], end: float) -> set[str]:
        """The same, when `negative` are all that may be below 0."""
        draw = np.random.default_rng(1)
        self.hold(-FOREVER, FOREVER)
        found: set[str] = set()
        names = [name for name in self._states if name in reach]
        for _ in range(DRAWS):
            shares = 10 ** draw.uniform(-3, 0, len(names))
            signed = [name in negative for name in names]
            shares[signed] *= draw.choice([-1.0, 1.0], sum(signed))
            state = {n: share * reach[n] for n, share in zip(names, shares.tolist(), strict=True)}
            self.set_state(state)
            self._model.setTime(float(draw.uniform(0, end)))
            for name in set(self.amounts) & state.keys() - found:
                held = abs(self._model[f"{name}'"])
                self._model[name] = 0.0
                if self._model[f"{name}'"] < -NOTHING * max(held, reach[name] / end):
                    found.add(name)
                self._model[name] = state[name]
        return found

    def read_out(self, observables: Sequence[str], accuracy: Accuracy) -> None:
        """Say what to read out, and how accurately to integrate."""
        if observables == self._asked and accuracy is self._accuracy:
            return
        followed = [*self.amounts, *(name for name in self._states if name in accuracy.reach)]
        guarded = list(dict.fromkeys(name for name in followed if name not in observables))
        self._asked = tuple(observables)
        names = [*observables, *guarded]
        vital = {*self.held, *(f"{name}'" for name in self.held)}
        self._vital = [i for i, name in enumerate(names) if name in vital]
        self._signs = [i for i, name in enumerate(names) if name in self.amounts]
        self._signed = _as_slice(self._signs)
        reaching = [i for i, name in enumerate(names) if name in accuracy.reach]
        self._followed, self._reaching = _as_slice(reaching), [names[i] for i in reaching]
        read = ["time", *names]
        if read != self._read:
            self._engine.selections = self._read = read
        if accuracy is not self._accuracy:
            self._engine.integrator.relative_tolerance = accuracy.relative
            # A vector: a scalar would be scaled by the state at the start, and so change with the dose.
            self._engine.integrator.absolute_tolerance = [accuracy.absolute(name) for name in self._states]
            self._accuracy = accuracy
        self._lowest = np.array([accuracy.lowest(names[i]) for i in self._signs])

    def hold(self, low: float, high: float) -> None:
        """Let rates that switch by time be those from `low` to `high`, whatever time is tried."""
        if self._holds:
            self._set({RATES_FROM: max(low, -FOREVER), RATES_UNTIL: min(high, FOREVER)})

    def advance(
        self, start: float, stop: float, times: np.ndarray, looks: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Integrate from `start` to `stop`; return the rows at `times` and at `looks`, each (n, read out)."""
        grid, of_times, of_looks = _grid(times.tobytes(), looks.tobytes(), start, stop)
        if len(grid) == 1:  # nothing to integrate: output at the very start
            rows = self.now(self._read[1:])[np.newaxis]
        else:
            with quiet():
                try:
                    rows = self._from_nothing(grid) if self._fills() else self._simulate(grid)
                except RuntimeError as error:
                    text = re.split("[;,] (?:In|at) virtual", " ".join(str(error).split()))[0]
                    raise Stopped(Status.INTEGRATION_FAILED, text) from None
        self._verify(rows)
        if self._reaching:
            followed = rows[:, self._followed]
            most = np.maximum(followed.max(axis=0), -followed.min(axis=0)).tolist()
            for name, value in zip(self._reaching, most, strict=True):
                self.reached[name] = max(self.reached.get(name, 0.0), value)
        rows = rows[:, : len(self._asked)]
        return rows[of_times], rows[of_looks]

    def _simulate(self, grid: list[float]) -> np.ndarray:
        """Rows of what is read out at the times of a grid, from the present state, which is its first."""
        self._ran = True
        return simulate(self._engine, grid)[:, 1:]

    @property
    def waits(self) -> str:
        """Id of an event that may wait from time 0 on, which is to be integrated without a stop."""
        return self._startable.waits

    def _fills(self) -> bool:
        """Whether a state whose tolerance follows from what it reaches is empty now, or nearly."""
        if self.waits:
            return False
        reach = self._accuracy.reach if self._accuracy else {}
        return any(abs(self._model[name]) < FIRST * reach[name] for name in self._states if name in reach)

    def _from_nothing(self, grid: list[float]) -> np.ndarray:
        """The same rows, with a new start soon after the first, when nothing is empty any more.

        From an empty state CVODE begins with steps near the rounding of numbers. What it finds there as the
        Jacobian can be rounding alone. It keeps that for fifty steps, over which the state follows its first
        slope, uncorrected, and no error is seen.
        """
        soon = grid[0] + max(FIRST * (grid[-1] - grid[0]), 1e-11 * max(1.0, grid[0]))
        place = bisect_left(grid, soon, hi=len(grid) - 1)
        if place == len(grid) - 1 and grid[place] <= soon:
            return self._simulate(grid)
        soon = grid[place] if grid[place] < 2 * soon - grid[0] else soon
        first = self._without_jacobian([*grid[:place], soon])
        then = self._simulate([soon, *grid[bisect_right(grid, soon, place) :]])
        return np.concatenate([first[:place], then[len(then) - (len(grid) - place) :]])

    def _without_jacobian(self, grid: list[float]) -> np.ndarray:
        """The same rows by a method that needs no Jacobian, which costs as much as a step for every state.

        Where that takes too many steps, and of a model with events, by the usual one.
        """
        if self._eventful:
            return self._simulate(grid)
        state = self._values(self._states)
        self._integrate_by(stiff=False, steps=EXPLICIT)
        try:
            return self._simulate(grid)
        except RuntimeError:
            self._set(state)
            self._model.setTime(grid[0])
        finally:
            self._integrate_by(stiff=True, steps=STEPS)
        return self._simulate(grid)

    def _integrate_by(self, *, stiff: bool, steps: int) -> None:
        """Choose the method, and the most steps between two rows."""
        self._engine.integrator.setValue("stiff", stiff)
        self._engine.integrator.setValue("maximum_num_steps", steps)

    def now(self, names: Sequence[str]) -> np.ndarray:
        """Values of `names` at the present state."""
        return np.array([self._model[name] for name in names])

    def _verify(self, rows: np.ndarray) -> None:
        # An observable may have no value at some time (0/0); a state that has none, or no rate, is lost.
        if not np.isfinite(rows).all() and (lost := ~np.isfinite(rows[:, self._vital])).any():
            name = self._read[1 + self._vital[int(np.argwhere(lost)[0, 1])]]
            raise Stopped(Status.NOT_FINITE, f"{name} is not finite")
        if not self._signs:
            return
        amounts = rows[:, self._signed]
        # An amount may stray below 0 by its own error, far under one cell; never by more.
        if (amounts.min(axis=0) < self._lowest).any():
            column = int(np.argwhere(amounts < self._lowest)[0, 1])
            name = self._read[1 + self._signs[column]]
            raise Stopped(Status.NEGATIVE, f"{name} falls to {amounts[:, column].min():.3g}")

    def state(self) -> dict[str, float]:
        """Amounts and rate-rule values now, the logged pools as amounts."""
        return self._values(self.held)

    def _values(self, states: Sequence[str]) -> dict[str, float]:
        amounts = self._model.getFloatingSpeciesAmounts().tolist()  # in one call: by name, each takes 5 us
        places = self._species
        return {name: amounts[places[name]] if name in places else self._model[name] for name in states}

    def set_state(self, state: Mapping[str, float], time: float | None = None) -> None:
        """Take over a state: amounts in the plain form; in the solver form, logarithms where it has them.

        Where it is another form's, its `time` comes with it: rates and observables may read it.
        """
        if time is not None:
            self._model.setTime(time)
        self._set({name: value for name, value in state.items() if name not in self._logged})


_COMPILED: OrderedDict[tuple[object, ...], Form] = OrderedDict()


def form_of(program: Program, logarithms: tuple[str, ...], infusion: bool) -> Form:
    """A compiled form, which programs of the same equations share; one at a time runs it.

    What it reached for another is not handed over: tolerances are made for what a run reaches itself.
    """
    solver = program.solver
    texts = program.plain_sbml, program.solver_sbml
    key = *texts, solver.logarithms, solver.longest_step, program.dosed, logarithms, infusion
    if key not in _COMPILED:
        _COMPILED[key] = Form(program, logarithms, infusion)
        while len(_COMPILED) > KEPT:
            _COMPILED.popitem(last=False)
    _COMPILED.move_to_end(key)
    _COMPILED[key].reached.clear()
    return _COMPILED[key]


def _symbol(start: str) -> str:
    """What an entry of :attr:`Startable.starts` sets: ``[S]`` for ``init([S])``."""
    return start.removeprefix("init(").removesuffix(")")


def _as_slice(places: list[int]) -> list[int] | slice:
    """Places, ascending, as a slice where they follow one another: what reads them copies nothing."""
    one = slice(places[0], places[-1] + 1) if places else slice(0, 0)
    return one if one.stop - one.start == len(places) else places


@lru_cache(maxsize=256)
def _grid(
    times: bytes, looks: bytes, start: float, stop: float
) -> tuple[list[float], np.ndarray, np.ndarray]:
    """Output grid from `start` to `stop` through some times (as bytes), and the rows of either kind."""
    wanted = np.frombuffer(times), np.frombuffer(looks)
    asked = np.unique(np.concatenate([*wanted, [start, stop]]))
    # Times that rounding alone holds apart are one: CVODE takes no step that short.
    kept = apart(asked)
    rows = np.cumsum(kept) - 1
    of_times, of_looks = (rows[np.searchsorted(asked, each)] for each in wanted)
    return asked[kept].tolist(), of_times, of_looks


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

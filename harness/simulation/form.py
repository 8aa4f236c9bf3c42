"""One form of a model, compiled, and what it holds: its start, its state, what it takes over from another.

Promise: starting, setting and reading in the order that leaves nothing of an earlier run behind. Numbers
only; who calls has checked every name.
"""

from __future__ import annotations

import contextlib
import math
import os
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np

from harness.models.loading import load
from harness.models.solver_form import log_state
from harness.models.starting import startable, underway
from harness.models.switches import FOREVER, RATES_FROM, RATES_UNTIL, hold_time, holds_time
from harness.simulation.program import Program

__all__ = ["Form", "quiet"]

MOMENT, SHARE = 1e-9, 1e-8
"""A pool that is empty, or nearly, and that is being filled starts, as a logarithm, from what flows in during
this time (in the model's time unit), but from no more than this share of the other pools: a logarithm cannot
hold 0, nor follow a rise by fifty orders of magnitude at once. The solution is shifted by that time, or by
that share, and no more."""

DRAWS = 32
"""States in which a model is asked what it takes from an empty species."""

NOTHING = 1e-9
"""Share of a rate that is rounding."""


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
        self._eventful = self._model.getNumEvents() > 0

    def _forget(self) -> None:
        """Put the model at the values of its file; no event waits that an earlier run has triggered."""
        if self._startable.delayed and self._ran:
            self._load()  # nothing else empties its queue; a state that it has saved does not always
        if self._eventful or self._starts or self._sized:
            self._begin_at_zero()
            self._engine.resetToOrigin()
            self._sized = False
            return
        # States are set anew after this, and nothing but a parameter that was set is left of a run. A whole
        # reset looks at every symbol: of a model of 400 states it takes as long as two thousand rates.
        self._model.setTime(0.0)
        if self._touched:
            self._model.setGlobalParameterValues([*self._touched], [*self._touched.values()])

    def _begin_at_zero(self) -> None:
        """Let a reset look at events as of time 0, and not of the start of the integration before it.

        What was triggered by then would happen at 0, and again when its time comes.
        """
        if self._eventful:
            self._engine.integrator.setIntegrationStartTime(0.0)
            self._model.setIntegrationStartTime(0.0)

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

    def hold(self, low: float, high: float) -> None:
        """Let rates that switch by time be those from `low` to `high`, whatever time is tried."""
        if self._holds:
            self._set({RATES_FROM: max(low, -FOREVER), RATES_UNTIL: min(high, FOREVER)})

    @property
    def waits(self) -> str:
        """Id of an event that may wait from time 0 on, which is to be integrated without a stop."""
        return self._startable.waits

    def now(self, names: Sequence[str]) -> np.ndarray:
        """Values of `names` at the present state."""
        return np.array([self._model[name] for name in names])

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


def _symbol(start: str) -> str:
    """What an entry of :attr:`Startable.starts` sets: ``[S]`` for ``init([S])``."""
    return start.removeprefix("init(").removesuffix(")")


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

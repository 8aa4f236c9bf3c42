"""One form of a model, integrated by libRoadRunner from one time to another.

Promise: rows of what is read out at the times between, of which no state is lost and no amount below 0; or
:class:`~harness.simulation.trajectory.Stopped`. Numbers only.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from harness.analysis.moments import apart
from harness.models.loading import simulate
from harness.simulation.accuracy import Accuracy
from harness.simulation.form import Form, quiet
from harness.simulation.program import Program
from harness.simulation.trajectory import Status, Stopped

__all__ = ["Stepped", "stepped_form"]

STEPS = 50_000
"""Most steps between two rows of output; few enough for a run that will not end."""

FIRST = 1e-7
"""Share of what a state reaches below which it is empty, and of an integration that begins so after which it
starts again."""

EXPLICIT = 500
"""Most steps without a Jacobian through the first stretch of an integration that begins with empty states."""

KEPT = 4
"""Compiled forms that are kept beside those of the engines: a trial hands its own to the runs."""


class Stepped(Form):
    """One compiled RoadRunner that integrates; built as any form."""

    def __init__(self, program: Program, logarithms: tuple[str, ...], infusion: bool = False) -> None:
        super().__init__(program, logarithms, infusion)
        self.reached: dict[str, float] = {}

    def _load(self) -> None:
        super()._load()
        self._asked: tuple[str, ...] = ()
        self._read: list[str] = []
        self._accuracy: Accuracy | None = None
        self._integrate_by(stiff=True, steps=STEPS)
        # CVODE keeps a Jacobian for fifty steps. Where steps are long, what was stiff may be so no more: a
        # correction by the old one is then too small, passes for converged, and the run goes astray unseen.
        self._engine.integrator.maximum_time_step = self._program.solver.longest_step or 0.0

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


_COMPILED: OrderedDict[tuple[object, ...], Stepped] = OrderedDict()


def stepped_form(program: Program, logarithms: tuple[str, ...], infusion: bool) -> Stepped:
    """A compiled form, which programs of the same equations share; one at a time runs it.

    What it reached for another is not handed over: tolerances are made for what a run reaches itself.
    """
    solver = program.solver
    texts = program.plain_sbml, program.solver_sbml
    key = *texts, solver.logarithms, solver.longest_step, program.dosed, logarithms, infusion
    if key not in _COMPILED:
        _COMPILED[key] = Stepped(program, logarithms, infusion)
        while len(_COMPILED) > KEPT:
            _COMPILED.popitem(last=False)
    _COMPILED.move_to_end(key)
    _COMPILED[key].reached.clear()
    return _COMPILED[key]


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

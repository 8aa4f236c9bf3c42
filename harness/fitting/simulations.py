"""The simulations of a fit: made once for the same parameters, or worked out from derivatives near a point.

Promise: what is simulated depends on the prepared fit and on the parameters alone. A run that fails is NaN
and counted. Differences of two runs hold what their error controls did; near a point the kernel therefore
gives derivatives on the steps of one run, and what lies next to it is their Taylor polynomial.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.moments import after_moment
from harness.fitting.prepared import Prepared
from harness.simulation.engine import NO_TIMES, Trajectory
from harness.simulation.engines import KERNEL, engine_of
from harness.simulation.form import Stopped

__all__ = ["NEARBY", "STEP", "TOLERANCE", "Expansion", "Near", "Simulations"]

TOLERANCE = 1e-8
"""Relative tolerance of libRoadRunner within a fit; the kernel is as accurate. See STEP."""

STEP = 5e-3
"""Step of differences between runs, in ln units. Measured against a tolerance of 1e-12: with TOLERANCE,
derivatives of the logarithm of an observable are off by 1e-4 of the largest one; at 1e-7 no step brings that
below 4e-4."""

ACCURACY = 1e-4
"""Error of a derivative by such a step, in ln units by ln units."""

NEARBY, CURVED = 1e-5, 1e-4
"""Steps of differences that nothing but rounding disturbs: of the first order, and of the second, in which
rounding counts twice."""

ROUNDED = 1e-6
"""What rounding makes of a derivative by such a step: of one that is 0 by the equations, such as that of the
change of M-protein by its production, at most 2e-7 is left (a test)."""

KEPT = 20_000


@dataclass(frozen=True)
class Expansion:
    """Observables of a run as a Taylor polynomial of k of its parameters.

    Attributes
    ----------
    start
        The parameters of the run, shape (k,).
    values, slopes, curvature
        Observables, shape (times, observables); of all n of these in a row the derivatives, (k, n), and half
        the second ones, (k, k n), empty where nobody asked for them.
    """

    start: np.ndarray
    values: np.ndarray
    slopes: np.ndarray
    curvature: np.ndarray

    def at(self, point: np.ndarray) -> np.ndarray:
        """Observables at other parameters nearby, shape (times, observables)."""
        move = point - self.start
        slopes = self.slopes
        if self.curvature.size:
            slopes = slopes + (move @ self.curvature).reshape(slopes.shape)
        return self.values + (move @ slopes).reshape(self.values.shape)


class Simulations:
    """Runs of the arms of one prepared fit.

    What changes from run to run is a `point`: the parameters of the fit as one arm has them, its random
    effects among them, on the scales of their coordinates; shape (parameters,).

    Attributes
    ----------
    runs, failed
        Simulations made so far, those on the steps of another among them, and how many of them failed.
    step
        Step for differences of what they give, in ln units.
    accuracy
        Error of a derivative by that step, in ln units by ln units.
    """

    step, accuracy = STEP, ACCURACY

    def __init__(self, prepared: Prepared) -> None:
        self.prepared = prepared
        self.runs = self.failed = 0
        self._free = [prepared.coordinates[i] for i in prepared.places("parameter")]
        self._contents = [
            (arm.program.key, arm.regimen, arm.observables, *arm.fixed.items()) for arm in prepared.arms
        ]
        self._kept: dict[tuple, np.ndarray] = {}
        self._expanded: dict[tuple, Expansion | None] = {}

    def values(self, arm: int, times: np.ndarray, point: np.ndarray) -> np.ndarray:
        """Observables of an arm at some times, shape (times, observables); NaN when the run failed."""
        key = self._contents[arm], times.tobytes(), point.tobytes()
        if key not in self._kept:
            run = self.trajectory(arm, times, point)
            self.runs += 1
            self.failed += not np.isfinite(run.values).all()
            _keep(self._kept, key, run.at(times))
        return self._kept[key]

    def trajectory(self, arm: int, times: np.ndarray, point: np.ndarray) -> Trajectory:
        """One simulation of an arm, made anew and not counted."""
        data, settings = self.prepared.arms[arm], self._settings(arm, point)
        engine = engine_of(data.program, self.prepared.engine, TOLERANCE)
        return engine.run_many([(settings, data.regimen)], [times], data.observables, NO_TIMES)[0]

    def expansion(
        self, arm: int, times: np.ndarray, point: np.ndarray, by: Sequence[int], twice: Sequence[int]
    ) -> Expansion | None:
        """Derivatives of :meth:`values` by the parameters at the places `by`, and of these by `twice`.

        The places of `twice` are among the others. None where the engine has no derivatives of this run.
        """
        if self.prepared.engine != KERNEL:
            return None
        key = self._contents[arm], times.tobytes(), point.tobytes(), *by, None, *twice
        if key not in self._expanded:
            _keep(self._expanded, key, self._expand(arm, times, point, by, twice))
        return self._expanded[key]

    def _expand(
        self, arm: int, times: np.ndarray, point: np.ndarray, by: Sequence[int], twice: Sequence[int]
    ) -> Expansion | None:
        if not by:  # sizes of errors alone
            values = self.values(arm, times, point)
            return Expansion(np.empty(0), values, np.empty((0, values.size)), np.empty((0, 0)))
        data, count, at = self.prepared.arms[arm], len(by), np.array(by, int)
        units = [c.size(value) for c, value in zip(self._free, point, strict=True)]
        steps = (CURVED if twice else NEARBY) * np.array(units)
        pairs = sorted({(min(a, b), max(a, b)) for a in by for b in twice})
        moves = [np.bincount(places, minlength=point.size) for places in [*((i,) for i in by), *pairs]]
        others = [self._settings(arm, point + steps * move) for move in moves]
        base = self._settings(arm, point), data.regimen
        try:
            kernel = engine_of(data.program, KERNEL, TOLERANCE)
            found, values, moved = kernel.follow(base, others, times, data.observables)
        except Stopped:
            return None
        self.runs += 1 + len(others)
        rows = after_moment(found, times)
        values, moved = values[rows], (moved - values)[:, rows].reshape(len(moves), -1)
        slopes, curvature = moved[:count], np.zeros((count, count * bool(twice), moved.shape[1]))
        for (a, b), both in zip(pairs, moved[count:], strict=True):
            i, j = by.index(a), by.index(b)
            curvature[i, j] = curvature[j, i] = (both - slopes[i] - slopes[j]) / (2 * steps[a] * steps[b])
        slopes = slopes / steps[at, np.newaxis]
        if twice:
            slopes = slopes - steps[at, np.newaxis] * curvature[np.arange(count), np.arange(count)]
        return Expansion(point[at], values, slopes, curvature.reshape(count, -1))

    def _settings(self, arm: int, point: np.ndarray) -> dict[str, float]:
        """What the engine is given for an arm."""
        free = {c.name: c.natural(value) for c, value in zip(self._free, point, strict=True)}
        return {**self.prepared.arms[arm].fixed, **free}


class Near:
    """What :class:`Simulations` give near one run of each arm, from Taylor polynomials.

    Parameters
    ----------
    by
        Places of the parameters that change from here on.
    expansions
        Polynomials in them by arm and times.
    """

    step, accuracy = NEARBY, ROUNDED
    runs = failed = 0

    def __init__(self, by: Sequence[int], expansions: Mapping[tuple[int, bytes], Expansion]) -> None:
        self._by, self._expansions = np.array(by, int), expansions

    def values(self, arm: int, times: np.ndarray, point: np.ndarray) -> np.ndarray:
        """As :meth:`Simulations.values`, for one of the arms and times that there is a polynomial of."""
        return self._expansions[arm, times.tobytes()].at(point[self._by])


def _keep(among: dict, key: tuple, found: object) -> None:
    if len(among) >= KEPT:
        among.clear()
    among[key] = found

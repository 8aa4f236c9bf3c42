"""The simulations of a fit: made once for the same parameters, or worked out from derivatives near a point.

Promise: what is simulated depends on the prepared fit and on the parameters alone. A run that fails is NaN
and counted. Differences of two runs hold what their error controls did; near a point the kernel therefore
gives derivatives on the steps of one run, and what lies next to it is their Taylor polynomial.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np

from harness.analysis.moments import after_moment
from harness.fitting.equilibrium import Equilibrium
from harness.fitting.prepared import Prepared
from harness.simulation.engines import KERNEL, ROADRUNNER, engine_of
from harness.simulation.trajectory import NO_TIMES, Stopped, Trajectory

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

T = TypeVar("T")


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
    """Runs of the arms of one prepared fit, on several threads where the engine is the kernel.

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

    def __init__(self, prepared: Prepared, threads: int = 1) -> None:
        self.prepared = prepared
        self.runs = self.failed = 0
        self._threads = threads if prepared.engine == KERNEL else 1
        self._free = prepared.varied
        contents = [
            (
                arm.program.key,
                arm.regimen,
                arm.observables,
                *arm.fixed.items(),
                arm.before and arm.before.content,
            )
            for arm in prepared.arms
        ]
        numbers = {content: place for place, content in enumerate(dict.fromkeys(contents))}
        self._contents = [numbers[content] for content in contents]
        self._logs = np.array([c.log for c in self._free], bool)
        self._names = [c.name for c in self._free]
        self._kept: dict[tuple, np.ndarray] = {}
        self._expanded: dict[tuple, Expansion | None] = {}
        self._steady: dict[tuple, dict[str, float]] = {}

    def values(self, arm: int, times: np.ndarray, point: np.ndarray) -> np.ndarray:
        """Observables of an arm at some times, shape (times, observables); NaN when the run failed."""
        key = self._key(arm, times, point)
        if key not in self._kept:
            self._take(key, self.trajectory(arm, times, point), times)
        return self._kept[key]

    def observations(self, arms: tuple[int, ...], points: np.ndarray) -> np.ndarray:
        """Observables at the observations of some arms, one arm after the other; shape (n,).

        `points` are those of the arms, shape (arms, varied).
        """
        data = [self.prepared.arms[i] for i in arms]
        keys = [self._key(i, d.times, p) for i, d, p in zip(arms, data, points, strict=True)]
        new = {key: at for at, key in enumerate(keys) if key not in self._kept}
        parts = self._batches([arms[at] for at in new.values()])
        batches = [[list(new.values())[i] for i in part] for part in parts]
        for part, runs in zip(
            batches, self._together(self._trajectories, [([arms[i] for i in p], points[p]) for p in batches]),
            strict=True,
        ):  # fmt: skip
            for at, run in zip(part, runs, strict=True):
                self._take(keys[at], run, data[at].times)
        found = [self._kept[key] if key in self._kept else self.values(i, d.times, p)
                 for key, i, d, p in zip(keys, arms, data, points, strict=True)]  # fmt: skip
        return np.concatenate([v[d.time_index, d.observable_index] for v, d in zip(found, data, strict=True)])

    def _key(self, arm: int, times: np.ndarray, point: np.ndarray) -> tuple:
        return self._contents[arm], times.tobytes(), point.tobytes()

    def _take(self, key: tuple, run: Trajectory, times: np.ndarray) -> None:
        """Keep and count a run."""
        self.runs += 1
        self.failed += not np.isfinite(run.values).all()
        _keep(self._kept, key, run.at(times))

    def _together(self, function: Callable[..., T], wanted: Sequence[tuple]) -> list[T]:
        """A function of each of some arguments, at once as far as there are threads."""
        if self._threads == 1 or len(wanted) == 1:
            return [function(*each) for each in wanted]
        for arm in self.prepared.arms:  # made here once, not by each thread
            engine_of(arm.program, self.prepared.engine, TOLERANCE)
        return list(_threads_of(self._threads).map(lambda each: function(*each), wanted))

    def trajectory(self, arm: int, times: np.ndarray, point: np.ndarray) -> Trajectory:
        """One simulation of an arm, made anew and not counted."""
        data, settings = self.prepared.arms[arm], self._settings(arm, point)
        engine = engine_of(data.program, self.prepared.engine, TOLERANCE)
        return engine.run_many([(settings, data.regimen)], [times], data.observables, NO_TIMES)[0]

    def _batches(self, arms: Sequence[int]) -> list[list[int]]:
        """Places of arms that one call of the engine runs, as many for each thread."""
        of_program: dict[tuple, list[int]] = {}
        for place, arm in enumerate(arms):
            data = self.prepared.arms[arm]
            of_program.setdefault((data.program.key, data.observables), []).append(place)
        return [
            places[start :: self._threads]
            for places in of_program.values()
            for start in range(min(self._threads, len(places)))
        ]

    def _trajectories(self, arms: Sequence[int], points: np.ndarray) -> list[Trajectory]:
        """Simulations of arms of one program at their own times, made anew and not counted."""
        data = [self.prepared.arms[i] for i in arms]
        runs = [(self._settings(i, p), d.regimen) for i, d, p in zip(arms, data, points, strict=True)]
        engine = engine_of(data[0].program, self.prepared.engine, TOLERANCE)
        return engine.run_many(runs, [d.times for d in data], data[0].observables, NO_TIMES)

    def expansion(
        self, arm: int, times: np.ndarray, point: np.ndarray, by: Sequence[int], twice: Sequence[int]
    ) -> Expansion | None:
        """Derivatives of :meth:`values` by the parameters at the places `by`, and of these by `twice`.

        The places of `twice` are among the others. None where the engine has no derivatives of this run.
        """
        return self.expansions([(arm, times, point)], by, twice)[0]

    def expansions(
        self, wanted: Sequence[tuple[int, np.ndarray, np.ndarray]], by: Sequence[int], twice: Sequence[int]
    ) -> list[Expansion | None]:
        """As :meth:`expansion` for several arms, times and points."""
        if self.prepared.engine != KERNEL:
            return [None] * len(wanted)
        keys = [(*self._key(*each), *by, None, *twice) for each in wanted]
        there = {key: self._expanded[key] for key in keys if key in self._expanded}
        new = {key: each for key, each in zip(keys, wanted, strict=True) if key not in there}
        if not by:  # sizes of errors alone
            made: list[Expansion | None] = [self._constant(*each) for each in new.values()]
        else:
            made = self._expanded_anew(list(new.values()), by, twice)
        for key, expansion in zip(new, made, strict=True):
            _keep(self._expanded, key, expansion)
        there |= zip(new, made, strict=True)
        return [there[key] for key in keys]

    def _expanded_anew(
        self, wanted: Sequence[tuple[int, np.ndarray, np.ndarray]], by: Sequence[int], twice: Sequence[int]
    ) -> list[Expansion | None]:
        """Expansions of some arms, made and counted; a few arms at once on each thread."""
        moves = _Moves.of(by, twice, len(self._free))
        parts = self._batches([arm for arm, _, _ in wanted])
        found = self._together(
            lambda *each: self._expand(each, moves), [tuple(wanted[i] for i in part) for part in parts]
        )
        made: list[Expansion | None] = [None] * len(wanted)
        for part, expansions in zip(parts, found, strict=True):
            for place, expansion in zip(part, expansions, strict=True):
                made[place] = expansion
                self.runs += 0 if expansion is None else 1 + len(moves.moves)
        return made

    def _constant(self, arm: int, times: np.ndarray, point: np.ndarray) -> Expansion:
        values = self.values(arm, times, point)
        return Expansion(np.empty(0), values, np.empty((0, values.size)), np.empty((0, 0)))

    def _expand(
        self, wanted: Sequence[tuple[int, np.ndarray, np.ndarray]], moves: _Moves
    ) -> list[Expansion | None]:
        """The derivatives of runs of arms of one program; None where the engine has none of a run."""
        arms, times, points = zip(*wanted, strict=True)
        data = [self.prepared.arms[arm] for arm in arms]
        sizes = [[c.size(x) for c, x in zip(self._free, point.tolist(), strict=True)] for point in points]
        steps = (CURVED if moves.pairs else NEARBY) * np.array(sizes)
        others = self._natural(np.array(points)[:, np.newaxis] + steps[:, np.newaxis] * moves.moves)
        runs = [(self._settings(i, p), d.regimen) for i, p, d in zip(arms, points, data, strict=True)]
        kernel = engine_of(data[0].program, KERNEL, TOLERANCE)
        found = kernel.follow_each(runs, self._names, others, times, data[0].observables)
        return [
            None if isinstance(each, Stopped) else moves.expansion(point, each, at, step)
            for each, point, at, step in zip(found, points, times, steps, strict=True)
        ]

    def _settings(self, arm: int, point: np.ndarray) -> dict[str, float]:
        """What the engine is given for an arm."""
        data = self.prepared.arms[arm]
        given = dict(zip(self._names, self._natural(point).tolist(), strict=True))
        return {**data.fixed, **given, **(self._starts(data.before, given) if data.before else {})}

    def _starts(self, before: Equilibrium, given: Mapping[str, float]) -> dict[str, float]:
        """The steady state that arms begin in, found once for all that begin so."""
        key = *before.content, None, *given.values()
        if key not in self._steady:
            engine = engine_of(before.program, ROADRUNNER, TOLERANCE)
            _keep(self._steady, key, before.starts(engine, given))
        return self._steady[key]

    def _natural(self, points: np.ndarray) -> np.ndarray:
        return np.where(self._logs, np.exp(np.minimum(points, 709.0)), points)


@dataclass(frozen=True)
class _Moves:
    """Where runs beside one are, in steps: one along each of some parameters, then one along each of `pairs`
    of them; `moves` has shape (k + pairs, parameters), `by` the places of the k parameters.
    """

    by: np.ndarray
    pairs: tuple[tuple[int, int], ...]
    moves: np.ndarray

    @classmethod
    def of(cls, by: Sequence[int], twice: Sequence[int], parameters: int) -> _Moves:
        """Those of derivatives by the parameters at the places `by`, and of these by `twice`."""
        pairs = sorted({(min(a, b), max(a, b)) for a in by for b in twice})
        moves = [np.bincount(places, minlength=parameters) for places in [*((i,) for i in by), *pairs]]
        within = tuple((by.index(a), by.index(b)) for a, b in pairs)
        return cls(np.array(by, int), within, np.array(moves, float))

    def expansion(
        self, point: np.ndarray, found: Sequence[np.ndarray], times: np.ndarray, steps: np.ndarray
    ) -> Expansion:
        """The polynomial at some times, from what a run and those beside it are."""
        rows = after_moment(found[0], times)
        values = found[1][rows]
        moved = (found[2][:, rows] - values).reshape(len(self.moves), -1)
        count, steps = self.by.size, steps[self.by]
        slopes = moved[:count]
        if not self.pairs:
            return Expansion(point[self.by], values, slopes / steps[:, np.newaxis], np.empty((0, 0)))
        curvature = np.zeros((count, count, moved.shape[1]))
        i, j = np.array(self.pairs).T
        both = (moved[count:] - slopes[i] - slopes[j]) / (2 * steps[i] * steps[j])[:, np.newaxis]
        curvature[i, j] = curvature[j, i] = both
        every = np.arange(count)
        slopes = slopes / steps[:, np.newaxis] - steps[:, np.newaxis] * curvature[every, every]
        return Expansion(point[self.by], values, slopes, curvature.reshape(count, -1))


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

    def __init__(
        self, by: Sequence[int], expansions: Mapping[tuple[int, bytes], Expansion], prepared: Prepared
    ) -> None:
        self._by, self._expansions, self._prepared = np.array(by, int), expansions, prepared
        self._joined: dict[tuple[int, ...], tuple[np.ndarray, ...]] = {}

    def values(self, arm: int, times: np.ndarray, point: np.ndarray) -> np.ndarray:
        """As :meth:`Simulations.values`, for one of the arms and times that there is a polynomial of."""
        return self._expansions[arm, times.tobytes()].at(point[self._by])

    def observations(self, arms: tuple[int, ...], points: np.ndarray) -> np.ndarray:
        """As :meth:`Simulations.observations`: one polynomial for all observations."""
        if arms not in self._joined:
            self._joined[arms] = self._join(arms)
        owner, start, values, slopes, curvature = self._joined[arms]
        move = (points[:, self._by] - start)[owner]
        if curvature.size:
            slopes = slopes + np.einsum("nk,nkl->nl", move, curvature)
        return values + (move * slopes).sum(axis=1)

    def slopes(self, arms: tuple[int, ...], points: np.ndarray, moves: np.ndarray) -> np.ndarray:
        """Derivatives of :meth:`observations` by what moves the points so; shape (n, moves).

        `moves` are derivatives of the points, shape (arms, varied, moves).
        """
        if arms not in self._joined:
            self._joined[arms] = self._join(arms)
        owner, start, _, slopes, curvature = self._joined[arms]
        if curvature.size:
            move = (points[:, self._by] - start)[owner]
            slopes = slopes + 2 * np.einsum("nk,nkl->nl", move, curvature)
        return np.einsum("nk,nkm->nm", slopes, moves[:, self._by][owner])

    def _join(self, arms: tuple[int, ...]) -> tuple[np.ndarray, ...]:
        """Arm of each observation; starts by arm; values, slopes and curvature by observation."""
        owner, start, values, slopes, curvature = ([] for _ in range(5))
        for place, i in enumerate(arms):
            data = self._prepared.arms[i]
            each = self._expansions[i, data.times.tobytes()]
            at = data.time_index * each.values.shape[1] + data.observable_index
            owner.append(np.full(at.size, place))
            start.append(each.start)
            values.append(each.values.ravel()[at])
            slopes.append(each.slopes[:, at].T)
            if each.curvature.size:
                count = each.start.size
                curvature.append(each.curvature.reshape(count, count, -1)[:, :, at].transpose(2, 0, 1))
        return (
            np.concatenate(owner), np.array(start), np.concatenate(values), np.concatenate(slopes),
            np.concatenate(curvature) if curvature else np.empty(0),
        )  # fmt: skip


@cache
def _threads_of(count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(count)


def _keep(among: dict, key: tuple, found: object) -> None:
    if len(among) >= KEPT:
        among.clear()
    among[key] = found

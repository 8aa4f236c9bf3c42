"""The profile likelihood of one coordinate, and the verdict that it gives.

Promise: a coordinate is determined when the profile rises by what bounds a 95 % interval (see
:meth:`harness.fitting.information.Uncertainty.rise`) on both sides within the bounds, one-sided when on one,
not determined otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.fitting.objective import Objective
from harness.fitting.optimise import minimise

__all__ = ["DETERMINED", "ENOUGH", "NOT_DETERMINED", "ONE_SIDED", "Walk", "crossing", "verdict", "walk"]

POINTS, REFINED = 24, 3
"""Points on one side at most, and those that are added around the crossing."""

ENOUGH = 0.005
"""Change of the objective within which a point of a profile is found: a thousandth of what it has to rise."""

DETERMINED, ONE_SIDED, NOT_DETERMINED = "determined", "one-sided", "not determined"


@dataclass(frozen=True)
class Walk:
    """A profile on one side: `points` (p, coordinates), `values` (p,), the optimum first."""

    points: np.ndarray
    values: np.ndarray
    runs: int
    failed: int


def walk(objective: Objective, x: np.ndarray, place: int, sign: int, error: float, rise: float) -> Walk:
    """Follow the profile from the optimum `x` to its crossing of `rise`, to the bound, or for POINTS points.

    The first step is a quarter of the distance at which a parabola of standard error `error` would cross;
    steps grow while the profile is flat and shrink where it is steep. Points are added around the crossing
    until one lies within a tenth of `rise` of it.
    """
    prepared = objective.prepared
    low, high = prepared.bounds
    end = (low, high)[sign > 0][place]
    free = np.array([i for i in range(x.size) if i != place], int)
    best = objective.penalised(x)
    points, values = [x], [best]
    whole, span = high[place] - low[place], prepared.spans(x)[place]
    step = float(np.clip(0.5 * error, 1e-3 * span, 0.125 * whole)) if np.isfinite(error) else 0.05 * span
    while (
        len(points) < POINTS
        and values[-1] < best + 1.3 * rise
        and abs(end - points[-1][place]) > 1e-9 * whole
    ):
        at = points[-1].copy()
        at[place] = at[place] + sign * min(step, abs(end - at[place]))
        if len(points) > 1:  # the others go on as they went, and are then adjusted
            before, last = points[-2], points[-1]
            share = (at[place] - last[place]) / (last[place] - before[place])
            at[free] = np.clip(last[free] + share * (last[free] - before[free]), low[free], high[free])
        found = minimise(objective, at, free, "least_squares", enough=ENOUGH)
        more = found.value - values[-1]
        if more > 0.6 * rise and step > 2e-3 * span and values[-1] < best + 0.5 * rise:
            step /= 3
            continue
        points.append(found.x)
        values.append(found.value)
        if more < 0.2 * rise:
            step = min(2 * step, 0.125 * whole)
    for _ in range(REFINED):
        over = np.array(values) - best - rise
        crossed = _crossed(over)
        if crossed is None or np.abs(over).min() < 0.1 * rise:
            break
        right, share = crossed
        at = points[right - 1] + share * (points[right] - points[right - 1])
        found = minimise(objective, at, free, "least_squares", enough=ENOUGH)
        points.insert(right, found.x)
        values.insert(right, found.value)
    return Walk(np.array(points), np.array(values), objective.runs, objective.failed)


def crossing(place: int, side: Walk, best: float, rise: float) -> float | None:
    """Where one side of a profile first lies `rise` above `best`, interpolated; None when it does not."""
    crossed = _crossed(side.values - best - rise)
    if crossed is None:
        return None
    right, share = crossed
    at = side.points[:, place]
    return float(at[right - 1] + share * (at[right] - at[right - 1]))


def _crossed(over: np.ndarray) -> tuple[int, float] | None:
    """First place at which `over` is not negative, and the share of the way there at which it is 0."""
    above = np.flatnonzero(over >= 0)
    if not above.size:
        return None
    right = max(int(above[0]), 1)
    a, b = over[right - 1], over[right]
    return right, float(-a / (b - a)) if b > a else 1.0


def verdict(crossings: Sequence[float | None]) -> str:
    """What the crossings of both sides say."""
    return (NOT_DETERMINED, ONE_SIDED, DETERMINED)[sum(found is not None for found in crossings)]

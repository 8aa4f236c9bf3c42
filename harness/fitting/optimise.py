"""Minimisation of an objective by scipy: from one start, over all or some of the coordinates.

Promise: the outcome depends on the objective and the start alone, and says how it ended.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import optimize
from scipy.stats import qmc

from harness.fitting.objective import Objective
from harness.fitting.prepared import Prepared

__all__ = ["Minimum", "minimise", "starting_points"]


@dataclass(frozen=True)
class Minimum:
    """Where a minimisation ended: `x` on the scale of the coordinates, `value` the penalised objective."""

    x: np.ndarray
    value: float
    converged: bool
    said: str


def starting_points(prepared: Prepared, count: int) -> np.ndarray:
    """Starts, shape (count, coordinates): the declared one, then Sobol points between the bounds.

    Sizes of errors and omegas start as declared everywhere.
    """
    points = np.tile(prepared.start, (count, 1))
    places = prepared.places("parameter")
    low, high = (bound[places] for bound in prepared.bounds)
    if count > 1:
        exponent = int(np.ceil(np.log2(count)))
        drawn = qmc.Sobol(places.size, rng=prepared.seed).random_base2(exponent)[: count - 1]
        points[1:, places] = low + (high - low) * drawn
    return points


def minimise(
    objective: Objective, start: np.ndarray, free: np.ndarray, method: str, seed: int = 0, enough: float = 0.0
) -> Minimum:
    """Minimise over the coordinates at the places `free`, the others held at `start`.

    `method` is least_squares (trust region), minimize (L-BFGS-B) or differential_evolution
    (whose best point least_squares then refines). Least squares end where a step lowers the objective by less
    than `enough`, or by a part of 1e-8 of the sum of squares.
    """
    problem = _Problem(objective, np.array(start, float), free, enough)
    if not free.size:
        return Minimum(problem.start, objective.penalised(problem.start), True, "nothing is free")
    begin = problem.inside(problem.start[free])
    if method == "differential_evolution":
        begin = problem.evolve(seed)
    found = problem.minimize(begin) if method == "minimize" else problem.least_squares(begin)
    x = problem.full(found.x)
    return Minimum(x, objective.penalised(x), bool(found.success), " ".join(str(found.message).split()))


class _Problem:
    """The objective as a function of the values of its free coordinates."""

    def __init__(self, objective: Objective, start: np.ndarray, free: np.ndarray, enough: float) -> None:
        self.objective, self.start, self.free, self.enough = objective, start, free, enough
        self.bounds = tuple(bound[free] for bound in objective.prepared.bounds)
        self.used = slice(None)
        if objective.prepared.loss != "linear":  # the rows of given standard deviations are constant
            count = objective.prepared.observations
            self.used = np.r_[:count, 2 * count : objective.rows(start).size]

    def full(self, values: np.ndarray) -> np.ndarray:
        x = self.start.copy()
        x[self.free] = values
        return x

    def inside(self, values: np.ndarray) -> np.ndarray:
        (low, high), margin = self.bounds, 1e-9 * self.spans(values)
        return np.clip(values, low + margin, high - margin)

    def spans(self, values: np.ndarray) -> np.ndarray:
        return self.objective.prepared.spans(self.full(values))[self.free]

    def rows(self, values: np.ndarray) -> np.ndarray:
        return self.objective.rows(self.full(values))[self.used]

    def jacobian(self, values: np.ndarray) -> np.ndarray:
        return self.objective.jacobian(self.full(values), self.free)[self.used]

    def scored_rows(self, values: np.ndarray) -> np.ndarray:
        """The rows, and zeros for :meth:`scored_jacobian`."""
        return np.concatenate([self.rows(values), np.zeros(self.missing_rows)])

    def scored_jacobian(self, values: np.ndarray) -> np.ndarray:
        """The Jacobian, and rows that make its square the expected Hessian: Fisher scoring.

        Squares of the rows hold ln s^2, whose curvature by ln s a Gauss-Newton step does not see: it would
        overshoot twofold. Rows that are always 0 have no part in objective and gradient, but bring it in. The
        same holds for omegas, with one unit a group, and for correlations r, with r/(1 - r^2) of it.
        """
        prepared = self.objective.prepared
        jacobian = self.jacobian(values)
        if prepared.loss != "linear":
            return jacobian
        count = prepared.observations
        level = slice(count, 2 * count)
        missing = self.rows(values)[level, np.newaxis] * jacobian[level]
        r = np.where(np.isin(self.free, prepared.places("correlation")), values, 0.0)
        of_effects = np.isin(self.free, prepared.places("omega")) + r / (1 - r**2)
        return np.concatenate([jacobian, missing, np.diag(of_effects * np.sqrt(len(prepared.groups)))])

    @property
    def missing_rows(self) -> int:
        prepared = self.objective.prepared
        return 0 if prepared.loss != "linear" else prepared.observations + self.free.size

    def squares(self, values: np.ndarray) -> float:
        rows = self.rows(values)
        return float(rows @ rows)

    def gradient(self, values: np.ndarray) -> np.ndarray:
        return 2 * self.jacobian(values).T @ self.rows(values)

    def least_squares(self, values: np.ndarray) -> optimize.OptimizeResult:
        """Trust region reflective; where it has not converged or nears a bound, dogbox goes on from there.

        The first keeps inside the bounds and creeps towards an optimum on one; dogbox walks along it. What
        begins on a bound, as neighbours of a point on one do, is held there first, if the objective falls
        towards it; where it still does at the end, nothing is left to be walked.
        """
        held, onto = self.pressed(values)
        if held.any() and not held.all():
            rest = _Problem(self.objective, self.full(onto), self.free[~held], self.enough)
            inner = rest.least_squares(rest.inside(onto[~held]))
            found = onto.copy()
            found[~held] = inner.x
            still, _ = self.pressed(found)
            inner.x, values = found, self.inside(found)
            if inner.success and still[held].all():
                return inner
        found = self._trust_region(values, "trf", 60)
        low, high = self.bounds
        at_bound = np.minimum(found.x - low, high - found.x) < 1e-2 * self.spans(found.x)
        if found.success and not at_bound.any():
            return found
        further = self._trust_region(self.inside(found.x), "dogbox", 60)
        return further if further.cost <= found.cost else found

    def pressed(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which coordinates are on a bound that the objective falls towards, and the point with these exactly
        on it."""
        (low, high), near = self.bounds, 1e-4 * self.spans(values)
        at_low, at_high = values - low < near, high - values < near
        if not (at_low | at_high).any():
            return at_low, values
        slope = self.gradient(values)
        at_low, at_high = at_low & (slope > 0), at_high & (slope < 0)
        return at_low | at_high, np.where(at_low, low, np.where(at_high, high, values))

    def _trust_region(self, values: np.ndarray, method: str, evaluations: int) -> optimize.OptimizeResult:
        part = max(1e-8, self.enough / self.squares(values)) if self.enough else 1e-8
        return optimize.least_squares(
            self.scored_rows, values, self.scored_jacobian, self.bounds, method=method,
            loss=self.objective.prepared.loss, x_scale="jac", ftol=part, xtol=1e-6, gtol=1e-6,
            max_nfev=evaluations,
        )  # fmt: skip

    def minimize(self, values: np.ndarray) -> optimize.OptimizeResult:
        return optimize.minimize(
            self.squares, values, jac=self.gradient, bounds=optimize.Bounds(*self.bounds), method="L-BFGS-B",
            options={"maxiter": 500, "ftol": 1e-11, "gtol": 1e-5},
        )  # fmt: skip

    def evolve(self, seed: int) -> np.ndarray:
        found = optimize.differential_evolution(
            self.squares, list(zip(*self.bounds, strict=True)), rng=seed, popsize=8, maxiter=60, polish=False
        )
        return self.inside(found.x)

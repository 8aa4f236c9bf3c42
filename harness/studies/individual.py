"""One patient from a dose and a best response: the random effects that most probably lie behind them.

Promise: random effects are log-normal with fixed means, and the best response is an interval of the change of
M-protein, read without noise. The maximum a posteriori estimate is then the point nearest to the typical
patient, in standard deviations of the random effects, whose simulated best response is the patient's. What is
returned was simulated, and was in the category whenever anything simulated was.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm, qmc

from harness.analysis.response import best_change, category, category_names, interval
from harness.simulation.chunks import run_beside, run_chunk
from harness.simulation.study import Chunk, Study

__all__ = ["Estimate", "Patient", "estimate"]

SAMPLE, SPREAD = 256, 4.0
"""Points tried first, from a normal sample this many standard deviations wide: non-response lies far out."""

STARTS = 3
"""Points of the sample, the nearest ones in the category, from which the search goes on."""

FURTHEST = 20.0
"""Bound of each random effect, in standard deviations: further out parameters are no numbers any more."""

ENOUGH = 1e-5
"""Change of half the squared distance, and of the margins, at which a search ends: margins of two runs differ
by what their error controls did, and a search for more goes on in that, with ten runs for each step."""

MARGIN = 1e-3
"""How far inside its category (percent of baseline) the search ends: at the bound rounding would decide."""

STEP = 1e-3
"""Step of finite differences, in standard deviations: far above the noise of an integrator that chooses its
steps anew, and small beside what bends the change."""


@dataclass(frozen=True)
class Patient:
    """What is to be estimated.

    Attributes
    ----------
    study
        Gives the change of M-protein (%) as its only observable; its columns are `dose` and the effects.
    dose
        Cells.
    category
        Name of the best response.
    typical, omega
        Typical value and standard deviation of the logarithm of each effect, shape (effects,).
    first_visit
        Day from which the response is assessed.
    rule
        Rule of progression that ends it.
    """

    study: Study
    dose: float
    category: str
    typical: np.ndarray
    omega: np.ndarray
    first_visit: float
    rule: str


@dataclass(frozen=True)
class Estimate:
    """The estimate: `effects` in standard deviations, the change (%) they give, and how it was found."""

    effects: np.ndarray
    change: float
    in_category: bool
    runs: int
    failed: int


def estimate(patient: Patient) -> Estimate:
    """Maximum a posteriori estimate of the random effects of one patient.

    A scrambled Sobol sample gives the starts, sequential quadratic programming goes on from them, and the
    nearest of all simulated points in the category is taken; when there is none, that nearest to it in the
    change of M-protein.
    """
    search = _Search(patient)
    sample = qmc.Sobol(patient.omega.size, rng=0).random(SAMPLE)
    search.changes(np.vstack([np.zeros(patient.omega.size), SPREAD * norm.ppf(sample)]))
    for start in search.nearest(STARTS):
        minimize(
            lambda z: z @ z / 2,
            start,
            jac=lambda z: z,
            method="SLSQP",
            bounds=[(-FURTHEST, FURTHEST)] * patient.omega.size,
            constraints={"type": "ineq", "fun": search.margins, "jac": search.slopes},
            options={"ftol": ENOUGH, "maxiter": 100},
        )
    return search.found()


class _Search:
    """All points simulated for one patient, shape (points, effects), and the change of each."""

    def __init__(self, patient: Patient) -> None:
        self._patient = patient
        self._low, self._high = interval(patient.category)
        self._points: list[np.ndarray] = []
        self._changes: list[float] = []
        self._beside = 0

    def changes(self, points: np.ndarray) -> np.ndarray:
        """Best change (%) at each point, kept beside it; NaN where the simulation failed."""
        found = self._read(run_chunk(self._patient.study, self._chunk(points)).trajectories)
        self._points.extend(points.copy())
        self._changes.extend(found.tolist())
        return found

    def margins(self, z: np.ndarray) -> np.ndarray:
        """How far one point lies inside each end of the category, in tens of percent of baseline.

        A failed simulation is as far outside as can be.
        """
        change = self.changes(z[np.newaxis])[0]
        ends = np.array([self._high - MARGIN - change, change - self._low - MARGIN])
        return np.where(np.isnan(ends), -1e3, ends)[np.isfinite([self._high, self._low])] / 10

    def slopes(self, z: np.ndarray) -> np.ndarray:
        """Derivatives of the margins at one point, shape (margins, effects); 0 where a simulation fails."""
        points = np.vstack([z, z + STEP * np.eye(z.size)])
        self._beside += len(points)
        change = self._read(run_beside(self._patient.study, self._chunk(points)))
        slope = np.nan_to_num((change[1:] - change[0]) / STEP)
        return np.array([-slope, slope])[np.isfinite([self._high, self._low])] / 10

    def _chunk(self, points: np.ndarray) -> Chunk:
        p = self._patient
        dose = np.full(len(points), p.dose)
        return Chunk(0, np.column_stack([dose, p.typical * np.exp(p.omega * points)]))

    def _read(self, curves: np.ndarray) -> np.ndarray:
        """Best change of each run from its curve, shape (runs, times, 1)."""
        p = self._patient
        return best_change(p.study.kept_times(), curves[:, :, 0], p.first_visit, rule=p.rule)

    def nearest(self, count: int) -> np.ndarray:
        """The first points by whether they lie in the category, by how far from it, by their distance."""
        points, changes = np.array(self._points), np.array(self._changes)
        inside = self._inside(changes)
        off = np.maximum(self._low - changes, changes - self._high)
        off = np.where(inside, 0.0, np.where(np.isfinite(off), np.maximum(off, 0.0), np.inf))
        order = np.lexsort((np.square(points).sum(axis=1), off, ~inside))
        return points[order[:count]]

    def found(self) -> Estimate:
        """The nearest point of all."""
        best = self.nearest(1)[0]
        change = self._changes[next(i for i, z in enumerate(self._points) if (z == best).all())]
        inside = bool(self._inside(np.array([change]))[0])
        failed = int(np.isnan(self._changes).sum())
        return Estimate(best, change, inside, len(self._changes) + self._beside, failed)

    def _inside(self, changes: np.ndarray) -> np.ndarray:
        return category(changes) == category_names().index(self._patient.category)

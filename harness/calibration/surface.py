"""Probabilities of response and progression as a smooth function of parameters and dose.

Promise: a surface is a set of logistic regressions on all simulated patients at once, quadratic in the
standard
normal coordinates of the priors and in the logarithm of dose. So a likelihood costs microseconds, draws at
one
point do not decide about that point, and an optimum is none of the draws. What it is worth is seen on points
that are simulated anew (:mod:`harness.calibration.posterior`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy.special import expit

from harness.calibration.declared import Calibration
from harness.calibration.likelihood import GROUPS
from harness.calibration.observed import CLASSES
from harness.calibration.simulated import SimulatedPoints

__all__ = ["CENTRE", "ROUNDS", "Surface", "counted", "fit_surface"]

RIDGE = 1.0
"""Weight of a standard normal prior on every coefficient but the first."""

ROUNDS = 30
CENTRE = 300e6
"""Dose at which the logarithm of dose is 0."""

BLOCK = 4096


@dataclass(frozen=True)
class Surface:
    """Coefficients: `response` (features, classes - 1) and `progression` (features, groups x bounds)."""

    declared: Calibration
    response: np.ndarray
    progression: np.ndarray

    def __call__(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cumulative (points, doses, classes - 1) and progressed (points, doses, groups, bounds)."""
        doses, bounds = len(self.declared.doses), 2 * len(self.declared.medians)
        cumulative = np.empty((len(points), doses, len(CLASSES) - 1))
        progressed = np.empty((len(points), doses, len(GROUPS), bounds))
        for start in range(0, len(points), BLOCK):
            rows = slice(start, start + BLOCK)
            features = _features(points[rows], self.declared.doses)
            found = expit(features @ self.response).reshape(-1, doses, len(CLASSES) - 1)
            cumulative[rows] = np.maximum.accumulate(found, axis=-1)
            progressed[rows] = expit(features @ self.progression).reshape(-1, doses, len(GROUPS), bounds)
        return cumulative, progressed


def counted(declared: Calibration, simulated: SimulatedPoints) -> tuple[np.ndarray, ...]:
    """Patients that the regressions count, all of shape (points, doses, ...).

    Returns
    -------
    n, at_most, in_group, came
        Patients that did not fail; those in a class or a better one, (..., classes - 1); those in each group
        of classes, (..., groups), with one more patient of all groups mixed, so that an empty group is like
        all; those of them who had progressed by each bound, (..., groups, bounds).
    """
    good = simulated.classes >= 0
    n = good.sum(axis=-1)
    places = np.arange(len(CLASSES) - 1)
    at_most = (good[..., None] & (simulated.classes[..., None] <= places)).sum(axis=-2)
    bounds = np.array([b for median in declared.medians.values() for b in median.bounds])
    by = good[..., None] & (np.where(good, simulated.pfs, np.inf)[..., None] <= bounds)
    groups = np.stack([np.isin(simulated.classes, classes) for classes in GROUPS.values()], axis=-1)
    mixed = by.sum(axis=-2) / np.maximum(n, 1)[..., None]
    in_group = groups.sum(axis=-2) + 1.0
    came = np.einsum("pdng,pdnb->pdgb", groups.astype(float), by.astype(float)) + mixed[..., None, :]
    return n, at_most, in_group, came


def fit_surface(declared: Calibration, *simulated: SimulatedPoints) -> Surface:
    """Fit a surface to the patients of one stage or more."""
    parts = [counted(declared, each) for each in simulated]
    features = np.concatenate([_features(each.points, declared.doses) for each in simulated])
    n, at_most, in_group, came = (np.concatenate([p[i] for p in parts]) for i in range(4))
    n = n.reshape(-1)
    response = [_logistic(features, column, n) for column in at_most.reshape(len(n), -1).T]
    weights = np.repeat(in_group.reshape(len(n), -1), came.shape[-1], axis=1)
    progression = [
        _logistic(features, column, weight)
        for column, weight in zip(came.reshape(len(n), -1).T, weights.T, strict=True)
    ]
    return Surface(declared, np.column_stack(response), np.column_stack(progression))


def _features(points: np.ndarray, doses: tuple[float, ...]) -> np.ndarray:
    """1, all coordinates and ln dose, and all their products of two: (points x doses, features)."""
    x = np.log(np.array(doses) / CENTRE)
    rows = np.column_stack([np.repeat(points, len(doses), axis=0), np.tile(x, len(points))])
    products = [rows[:, i] * rows[:, j] for i, j in combinations_with_replacement(range(rows.shape[1]), 2)]
    return np.column_stack([np.ones(len(rows)), rows, *products])


def _logistic(features: np.ndarray, successes: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Penalised logistic regression of counts by Newton's method, the step halved where it overshoots."""
    penalty = np.full(features.shape[1], RIDGE)
    penalty[0] = 1e-3
    beta = np.zeros(features.shape[1])

    def loss(b: np.ndarray) -> float:
        eta = features @ b
        return float((n * np.logaddexp(0, eta) - successes * eta).sum() + (penalty * b * b).sum() / 2)

    current = loss(beta)
    for _ in range(ROUNDS):
        p = expit(features @ beta)
        gradient = features.T @ (successes - n * p) - penalty * beta
        hessian = (features * (n * p * (1 - p))[:, None]).T @ features + np.diag(penalty)
        step = np.linalg.solve(hessian, gradient)
        for _ in range(20):
            after = loss(beta + step)
            if after <= current:
                break
            step = step / 2
        done = current - after < 1e-9 * abs(current)
        beta, current = beta + step, min(after, current)
        if done:
            break
    return beta

"""The Fisher information at the optimum, and what follows from it: errors, correlations, eigenvalues.

Promise: a coordinate that the data do not determine has no standard error (NaN), not a large one by chance.

The information is the expected one of observations that are Gaussian on the scale of their error, with the
model linearised around the estimates and the random effects there. With mean m, covariance V = Z Z' + R of
a group, where Z are derivatives by its standard normal effects and R the variances of the errors,
I_ij = m_i' V^-1 m_j + tr(V^-1 V_i V^-1 V_j)/2. A censored observation stands with the
derivative of its residual in place of that of its mean; a prior adds 1/sd^2.

Where omegas are estimated over G groups, maximum likelihood takes their squares low by (G - 1)/G, as it does
the variance of a sample. The means take unbiased ones: in the first term Z is enlarged by sqrt(G/(G - 1)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from harness.fitting.likelihood import Model
from harness.fitting.objective import Objective

__all__ = ["Uncertainty", "information", "quantile", "uncertainty"]

SINGULAR = 1e-8
"""Eigenvalue, over the largest one, at which a direction counts as without information: differences are
accurate to 1e-4, their squares to 1e-8."""

INVOLVED = 1e-2
"""Component of such a direction from which on a coordinate counts as part of it."""


@dataclass(frozen=True)
class Uncertainty:
    """What the information says of k coordinates, on their own scale.

    Attributes
    ----------
    error
        Standard errors, shape (k,); NaN where the information is singular or nothing at all.
    covariance
        Shape (k, k); directions without information are left out of it.
    correlation, eigenvalues, eigenvectors
        Of the estimates; eigenvalues descending, vectors in columns.
    """

    error: np.ndarray
    covariance: np.ndarray
    correlation: np.ndarray
    eigenvalues: np.ndarray
    eigenvectors: np.ndarray


def information(objective: Objective, x: np.ndarray) -> np.ndarray:
    """Expected information at a point, shape (k, k), k the number of coordinates."""
    prepared = objective.prepared
    effects = objective.effects(x)
    natural = prepared.natural(x)
    every = np.arange(x.size)
    total = np.zeros((x.size, x.size))
    blocks: dict[int, list[tuple[np.ndarray, ...]]] = {}
    for i, arm in enumerate(prepared.arms):
        model = Model.of(prepared, arm, natural)
        spread = model.spread(objective.predict(i, x, effects))

        def rows(at: np.ndarray, i: int = i, model: Model = model, spread: np.ndarray = spread):
            return objective.information_rows(i, at, _rescaled(objective, effects, x, at), model, spread)

        mean, level = np.split(objective.differences(rows, x, every), 2)
        slope = _by_effects(objective, i, x, effects, model, spread)
        blocks.setdefault(arm.group, []).append((mean, level, slope))
    for parts in blocks.values():
        total += _gaussian(objective, x, *(np.concatenate(part) for part in zip(*parts, strict=True)))
    for i, coordinate in enumerate(prepared.coordinates):
        if coordinate.prior:
            total[i, i] += coordinate.prior[1] ** -2
    return total


def _rescaled(objective: Objective, effects: np.ndarray, x: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Standard normal effects that leave omega u as it is where omega changes from `x` to `at`."""
    prepared = objective.prepared
    before, now = prepared.natural(x), prepared.natural(at)
    ratio = [effect.omega.at(before) / effect.omega.at(now) for effect in prepared.effects]
    return effects * np.array(ratio) if ratio else effects


def _by_effects(
    objective: Objective, arm: int, x: np.ndarray, effects: np.ndarray, model: Model, spread: np.ndarray
) -> np.ndarray:
    """Derivatives of the means over their standard deviations by the group's effects; shape (n, effects)."""
    prepared = objective.prepared
    data, natural = prepared.arms[arm], prepared.natural(x)
    columns = []
    for k, effect in enumerate(prepared.effects):
        step = np.zeros_like(effects)
        step[data.group, k] = 5e-3 / effect.omega.at(natural)
        sides = [
            objective.information_rows(arm, x, effects + sign * step, model, spread)[: data.value.size]
            for sign in (1, -1)
        ]
        columns.append((sides[0] - sides[1]) / (2 * step[data.group, k]))
    return np.stack(columns, axis=-1) if columns else np.empty((data.value.size, 0))


def _gaussian(
    objective: Objective, x: np.ndarray, mean: np.ndarray, level: np.ndarray, slope: np.ndarray
) -> np.ndarray:
    """Information of the observations of one group, in units of their standard deviations.

    `mean` and `level` are derivatives of m/s and of sqrt(2) ln s, (n, k); `slope` is Z/s, (n, effects).
    """
    unit = np.eye(len(mean))
    unbiased = slope * _unbiased(objective)
    found = mean.T @ np.linalg.inv(unit + unbiased @ unbiased.T) @ mean
    inverse = np.linalg.inv(unit + slope @ slope.T)
    weighted = []
    for j in range(x.size):
        change = np.diag(np.sqrt(2) * level[:, j])  # dV = 2 s^2 d ln s, over s^2
        for k, effect in enumerate(objective.prepared.effects):
            if effect.omega.place == j:
                change = change + 2 * np.outer(slope[:, k], slope[:, k])
        weighted.append(inverse @ change)
    for i in range(x.size):
        for j in range(i, x.size):
            part = 0.5 * float((weighted[i] * weighted[j].T).sum())
            found[i, j] += part
            found[j, i] = found[i, j]
    return found


def _unbiased(objective: Objective) -> np.ndarray:
    """Unbiased omegas over those of maximum likelihood, shape (effects,); 1 for given ones."""
    prepared = objective.prepared
    groups = len(prepared.groups)
    estimated = [effect.omega.place is not None for effect in prepared.effects]
    return np.array([np.sqrt(groups / (groups - 1)) if each else 1.0 for each in estimated])


def uncertainty(found: np.ndarray) -> Uncertainty:
    """Standard errors, correlations and eigenvalues from an information matrix."""
    size = np.sqrt(np.maximum(np.diag(found), 0.0))
    scale = np.where(size > 0, size, 1.0)
    values, vectors = np.linalg.eigh(found / np.outer(scale, scale))
    known = values > SINGULAR * max(values.max(), 1e-300)
    inverse = (vectors[:, known] / values[known]) @ vectors[:, known].T
    covariance = inverse / np.outer(scale, scale)
    lost = (np.abs(vectors[:, ~known]) > INVOLVED).any(axis=1) | (size == 0)
    error = np.where(lost, np.nan, np.sqrt(np.maximum(np.diag(covariance), 0.0)))
    spread = np.sqrt(np.maximum(np.diag(covariance), 1e-300))
    correlation = covariance / np.outer(spread, spread)
    eigenvalues, eigenvectors = np.linalg.eigh(correlation)
    return Uncertainty(error, covariance, correlation, eigenvalues[::-1], eigenvectors[:, ::-1])


def quantile(objective: Objective, place: int) -> float:
    """Two-sided 95 % quantile of an estimate over its standard error.

    Normal; for a parameter with a random effect over G groups Student's t with G - 1 degrees of freedom,
    because its error comes from the spread between few groups.
    """
    prepared = objective.prepared
    if any(effect.place == place for effect in prepared.effects):
        return float(stats.t.ppf(0.975, len(prepared.groups) - 1))
    return float(stats.norm.ppf(0.975))

"""Log evidences that are held against fresh patients, with their standard errors.

Promise: a surface that patients have taught never judges those patients. Fresh points, drawn from the
posterior of each set of data that an evidence is of and from a wider one, are shared out in folds; a surface
is taught by all stages and all folds but one, and what its likelihood is off at the points of that one, by
their own patients, corrects it. So nothing rests on a surface being right; a good one makes the error small.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import logsumexp, softmax

from harness.calibration.declared import Calibration
from harness.calibration.likelihood import log_of_any_trial
from harness.calibration.observed import ObservedResponses
from harness.calibration.posterior import Weighted, fresh_probabilities, weigh, weigh_anew
from harness.calibration.simulated import SimulatedPoints
from harness.calibration.surface import Surface, fit_surface

__all__ = ["LOWEST", "TARGETS", "Corrected", "Taught", "correct", "log_ratio_of_means"]

LOWEST = 50e6
"""Dose of the three patients that the effect of dose hangs on."""

TARGETS = ("all", "responses", "responses_without_50")
"""Data that an evidence is of: responses and medians, responses alone, those without the lowest dose."""

FOLDS = 4

HELD = 8192
"""Draws like fresh points on which the evidences of surfaces are compared."""


@dataclass(frozen=True)
class Corrected:
    """A log evidence and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class Taught:
    """A first surface, what is observed, the draws that are weighted on it, and the patients who taught it.

    Fresh points are drawn from it, a quarter each from its posteriors of :data:`TARGETS`, and of all data
    with the root of their likelihood. That is wider than the first: points that the surface takes for
    unlikely, and errs, are still drawn, and have less weight.
    """

    surface: Surface
    observed: ObservedResponses
    weighted: Weighted
    draws: np.ndarray
    stages: tuple[SimulatedPoints, ...]

    @cached_property
    def chances(self) -> np.ndarray:
        """Of each draw to be a fresh point, (draws,), summing to 1."""
        return np.mean([softmax(each) for each in self._log_likelihoods], axis=0)

    def log_density(self, points: np.ndarray) -> np.ndarray:
        """Of fresh points among `points` of the prior, (points,), whatever effect of a trial they met."""
        found = self.surface(points)
        parts = [
            log_of_any_trial(of, *found, seen, power) - logsumexp(every)
            for (of, seen, power), every in zip(self._drawn_by, self._log_likelihoods, strict=True)
        ]
        return logsumexp(parts, axis=0) + np.log(len(self.draws) / len(parts))

    @property
    def _drawn_by(self) -> list[tuple[Calibration, ObservedResponses, float]]:
        data = _data(self.surface.declared, self.observed)
        return [*((*data[name], 1.0) for name in TARGETS), (*data[TARGETS[0]], 0.5)]

    @cached_property
    def _log_likelihoods(self) -> list[np.ndarray]:
        """Of the draws by each posterior, (draws,)."""
        return [
            power * weigh_anew(of, self.weighted, seen).log_likelihood for of, seen, power in self._drawn_by
        ]


def correct(first: Taught, fresh: SimulatedPoints, seed: int) -> dict[str, Corrected]:
    """Evidence of each of :data:`TARGETS`, of `fresh` points drawn by :attr:`Taught.chances`.

    A point counts by its likelihood over its density; the mean of this is the evidence. The likelihood by the
    surface of its fold in its place has a mean that is known; the ratio of both means times what is known
    varies far less than the first.
    """
    declared = first.surface.declared
    data = _data(declared, first.observed)
    drawn_from = first.log_density(fresh.points)
    every = np.arange(len(fresh.points))
    folds = [every[k::FOLDS] for k in range(min(FOLDS, len(every)))]
    known = {name: np.empty(len(every)) for name in TARGETS}
    for fold in folds:
        rest = fresh.take(np.setdiff1d(every, fold))
        surface = fit_surface(declared, *first.stages, *([rest] if len(rest.points) else []))
        evidences = _evidences(first, surface, seed)
        at_points = surface(fresh.points[fold])
        for name, (of, seen) in data.items():
            known[name][fold] = log_of_any_trial(of, *at_points, seen) - evidences[name]
    found = {}
    for name, (of, seen) in data.items():
        of_all, *of_halves = (
            log_of_any_trial(of, *fresh_probabilities(declared, patients, first.surface), seen) - drawn_from
            for patients in (fresh, fresh.every_second(0), fresh.every_second(1))
        )
        found[name] = log_ratio_of_means(of_all, np.stack(of_halves), known[name] - drawn_from)
    return found


def log_ratio_of_means(of_all: np.ndarray, of_halves: np.ndarray, known: np.ndarray) -> Corrected:
    """Log of the mean of exp(`of_all`) over that of exp(`known`), without the noise of few patients.

    A likelihood from N patients is too high on average, by half the variance of its logarithm, which is in
    proportion to 1/N: twice the value from all patients less that from their halves, (2, points), has none of
    that. The error is that of leaving out one point after the other.
    """
    n = len(of_all)
    kept = np.vstack([np.ones(n, bool), ~np.eye(n, dtype=bool)]) if n > 1 else np.ones((1, n), bool)
    found = 2 * _log_mean(of_all, kept) - _log_mean(of_halves, kept) - _log_mean(known, kept)
    error = np.sqrt((n - 1) * found[1:].var()) if n > 1 else np.nan
    return Corrected(float(found[0]), float(error))


def _log_mean(log_values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Log of the mean over the points that each row of `kept` keeps, of (..., points)."""
    each = logsumexp(np.atleast_2d(log_values), axis=0)
    found = [logsumexp(each[row]) - np.log(row.sum()) for row in kept]
    return np.array(found) - np.log(np.atleast_2d(log_values).shape[0])


def _data(
    declared: Calibration, observed: ObservedResponses
) -> dict[str, tuple[Calibration, ObservedResponses]]:
    """Calibration and responses of each target."""
    alone = declared.model_copy(update={"medians": {}})
    return dict(
        zip(
            TARGETS,
            ((declared, observed), (alone, observed), (alone, observed.without(LOWEST))),
            strict=True,
        )
    )


def _evidences(first: Taught, surface: Surface, seed: int) -> dict[str, float]:
    """Log evidence of each target on a surface, from draws like fresh points."""
    chances = first.chances
    picked = np.random.default_rng(seed).choice(len(chances), HELD, p=chances)
    found = weigh(surface.declared, surface, first.draws[picked], first.observed)
    density = np.log(chances[picked]) + np.log(len(chances))
    return {
        name: float(logsumexp(weigh_anew(of, found, seen).log_likelihood - density) - np.log(HELD))
        for name, (of, seen) in _data(surface.declared, first.observed).items()
    }

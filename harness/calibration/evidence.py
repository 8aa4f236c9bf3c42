"""Log evidences that are held against fresh patients, with their standard errors.

Promise: a surface that patients have taught never judges those patients. Fresh points, drawn from a first
posterior, are shared out in folds; a surface is taught by all stages and all folds but one, and what its
likelihood is off at the points of that one, by their own patients, corrects it. So nothing rests on a surface
being right; a good one makes the error small.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

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
"""Draws of the first posterior on which the evidences of surfaces are compared."""


@dataclass(frozen=True)
class Corrected:
    """A log evidence and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class Taught:
    """A first surface, the draws that are weighted on it, and the patients who taught it."""

    surface: Surface
    weighted: Weighted
    draws: np.ndarray
    stages: tuple[SimulatedPoints, ...]


def correct(
    declared: Calibration, first: Taught, fresh: SimulatedPoints, observed: ObservedResponses, seed: int
) -> dict[str, Corrected]:
    """Evidence of each of :data:`TARGETS`, from `fresh` points of the first posterior.

    A point counts by its likelihood over that of the first surface, from which it was drawn. The mean of this
    is the evidence over that of the first surface. That of the surface of its fold in its place has a mean
    that is known; the ratio of both means times what is known varies far less than the first.
    """
    data = _data(declared, observed)
    drawn_from = log_of_any_trial(declared, *first.surface(fresh.points), observed)
    every = np.arange(len(fresh.points))
    folds = [every[k::FOLDS] for k in range(min(FOLDS, len(every)))]
    known = {name: np.empty(len(every)) for name in TARGETS}
    for fold in folds:
        rest = fresh.take(np.setdiff1d(every, fold))
        surface = fit_surface(declared, *first.stages, *([rest] if len(rest.points) else []))
        evidences = _evidences(declared, first, surface, observed, seed)
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


def _evidences(
    declared: Calibration, first: Taught, surface: Surface, observed: ObservedResponses, seed: int
) -> dict[str, float]:
    """Log evidence of each target on a surface, from draws of the widest posterior of the first one."""
    without = observed.without(LOWEST)
    base = weigh_anew(declared, first.weighted, without).responses
    rng = np.random.default_rng(seed)
    picked = rng.choice(len(base), HELD, p=np.exp(base - logsumexp(base)))
    found = weigh(declared, surface, first.draws[picked], observed)
    each = (found.log_likelihood, found.responses, weigh_anew(declared, found, without).responses)
    total = logsumexp(base) - np.log(len(base))
    return {
        name: float(total + logsumexp(of - base[picked]) - np.log(HELD))
        for name, of in zip(TARGETS, each, strict=True)
    }

"""One candidate from its prior to its posterior, in three stages of simulation; one benchmark, in none.

Promise: points of the prior teach a first surface; points of the posterior on it teach the final one; points
of
the posterior on that are simulated anew, and say what the surface is worth. Each stage has draws of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.special import logsumexp

from harness.calibration.benchmarks import BENCHMARKS, DIMENSIONS, benchmark
from harness.calibration.declared import Calibration, Sizes
from harness.calibration.likelihood import log_medians, log_responses, probabilities
from harness.calibration.observed import ObservedResponses
from harness.calibration.posterior import Weighted, draw_prior, fresh_probabilities, weigh
from harness.calibration.simulated import SimulatedPoints, joined, simulate
from harness.calibration.surface import Surface, fit_surface
from harness.simulation.execute import Executor
from harness.studies.outcome import Progress

__all__ = ["PART", "Fitted", "Fresh", "fit_benchmark", "fit_candidate"]

PART = 16
"""Fresh points that are simulated, and kept, at once: an interruption costs no more."""


@dataclass(frozen=True)
class Fresh:
    """Points of the posterior that were simulated anew.

    Attributes
    ----------
    picked
        Their places among the draws.
    simulated
        What became of their patients.
    cumulative
        Probability of a class or a better one, from these patients alone, (points, doses, classes - 1).
    log_ratio
        Their log likelihood from these patients less that of the surface.
    log_ratio_halves
        The same from either half of the patients, (2, points).
    """

    picked: np.ndarray
    simulated: SimulatedPoints
    cumulative: np.ndarray
    log_ratio: np.ndarray
    log_ratio_halves: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """What each point counts for, summing to 1."""
        ratio = np.exp(self.log_ratio - self.log_ratio.max())
        return ratio / ratio.sum()

    def correction(self) -> tuple[float, float]:
        """What they add to the log evidence of the surface, and its standard error.

        A likelihood from N patients is too high on average, by half the variance of its logarithm, which is
        in proportion to 1/N: twice the correction of all patients less that of the halves has none of that.
        The error is that of leaving out one point after the other.
        """
        n = len(self.log_ratio)
        kept = np.vstack([np.ones(n, bool), ~np.eye(n, dtype=bool)]) if n > 1 else np.ones((1, n), bool)
        found = 2 * _log_mean(self.log_ratio, kept) - _log_mean(self.log_ratio_halves, kept)
        error = np.sqrt((n - 1) * found[1:].var()) if n > 1 else np.nan
        return float(found[0]), float(error)


def _log_mean(log_values: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Log of the mean over the points that each row of `kept` keeps, of (..., points)."""
    each = logsumexp(np.atleast_2d(log_values), axis=0)
    found = [logsumexp(each[row]) - np.log(row.sum()) for row in kept]
    return np.array(found) - np.log(np.atleast_2d(log_values).shape[0])


@dataclass(frozen=True)
class Fitted:
    """A candidate or benchmark: prior draws with weights; with a mechanism, surface and fresh points."""

    name: str
    label: str
    numbers: int
    draws: np.ndarray
    weighted: Weighted
    surface: Surface | None = None
    fresh: Fresh | None = None
    runs: int = 0
    failed: int = 0
    notes: tuple[str, ...] = field(default=())


def fit_candidate(
    declared: Calibration,
    name: str,
    size: Sizes,
    observed: ObservedResponses,
    executor: Executor,
    progress: Progress | None = None,
    kept: Path | None = None,
) -> Fitted:
    """Fit a candidate; simulations in the folder `kept` are not run again."""
    dimensions, seed = len(declared.priors(name)), declared.seed

    def run(points: np.ndarray, patients: int, stage: str) -> SimulatedPoints:
        return simulate(declared, name, points, patients, stage, executor, progress, kept)

    room = 1 << int(np.ceil(np.log2(size.points)))
    prior = run(draw_prior(dimensions, room, seed)[: size.points, :-1], size.patients, "prior")
    draws = draw_prior(dimensions, size.draws, seed + 1)
    first = weigh(declared, fit_surface(declared, prior), draws, observed)
    picked = np.random.default_rng(seed).choice(len(draws), size.points, p=first.weights)
    near = run(draws[picked, :-1], size.patients, "posterior")
    surface = fit_surface(declared, prior, near)
    weighted = weigh(declared, surface, draws, observed)
    picked = np.random.default_rng(seed + 2).choice(len(draws), size.fresh, p=weighted.weights)
    parts = [picked[i : i + PART] for i in range(0, len(picked), PART)]
    anew = [run(draws[part, :-1], size.fresh_patients, f"fresh_{i}") for i, part in enumerate(parts)]
    fresh = _compare(declared, weighted, picked, joined(anew), observed)
    stages = (prior, near, *anew)
    notes = tuple(f"{name}: {note}" for stage in stages for note in stage.notes)
    runs = sum(stage.classes.size for stage in stages)
    failed = sum(stage.failed for stage in stages)
    label = declared.candidate(name).label
    return Fitted(name, label, dimensions, draws, weighted, surface, fresh, runs, failed, notes)


def fit_benchmark(declared: Calibration, name: str, size: Sizes, observed: ObservedResponses) -> Fitted:
    """Weigh a benchmark."""
    draws = draw_prior(DIMENSIONS, size.draws, declared.seed + 1)
    numbers = DIMENSIONS if name == "ordinal_dose" else DIMENSIONS - 1
    return Fitted(name, BENCHMARKS[name], numbers, draws, benchmark(name, declared, draws, observed))


def _compare(
    declared: Calibration,
    weighted: Weighted,
    picked: np.ndarray,
    simulated: SimulatedPoints,
    observed: ObservedResponses,
) -> Fresh:
    def log_ratio(patients: SimulatedPoints) -> tuple[np.ndarray, np.ndarray]:
        cumulative, progressed = fresh_probabilities(declared, patients)
        probability = probabilities(cumulative, weighted.trial[picked], declared.lapse)
        places = [declared.doses.index(dose) for dose in observed.doses]
        responses = log_responses(probability[:, places], observed.counts)
        found = responses + log_medians(progressed, declared, observed)
        return cumulative, found - weighted.log_likelihood[picked]

    cumulative, of_all = log_ratio(simulated)
    halves = np.stack([log_ratio(simulated.every_second(start))[1] for start in (0, 1)])
    return Fresh(picked, simulated, cumulative, of_all, halves)

"""One candidate from its prior to its posterior, in three stages of simulation; one benchmark, in none.

Promise: points of the prior teach a first surface; points of the posterior on it teach the final one; points
of
the posterior on that are simulated anew, and say what the surface is worth. Each stage has draws of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.calibration.benchmarks import BENCHMARKS, DIMENSIONS, benchmark
from harness.calibration.declared import Calibration, Sizes
from harness.calibration.likelihood import log_medians, log_responses, probabilities
from harness.calibration.observed import ObservedResponses
from harness.calibration.posterior import Weighted, draw_prior, fresh_probabilities, weigh
from harness.calibration.simulated import SimulatedPoints, simulate
from harness.calibration.surface import Surface, fit_surface
from harness.simulation.execute import Executor
from harness.studies.outcome import Progress

__all__ = ["Fitted", "Fresh", "fit_benchmark", "fit_candidate", "reweighed"]


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
    """

    picked: np.ndarray
    simulated: SimulatedPoints
    cumulative: np.ndarray
    log_ratio: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        """What each point counts for, summing to 1."""
        ratio = np.exp(self.log_ratio - self.log_ratio.max())
        return ratio / ratio.sum()


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
    anew = run(draws[picked, :-1], size.fresh_patients, "fresh")
    fresh = _compare(declared, weighted, picked, anew, observed)
    stages = (prior, near, anew)
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


def reweighed(declared: Calibration, found: Fitted, observed: ObservedResponses) -> Weighted:
    """The same draws under other data."""
    if found.surface is None:
        return benchmark(found.name, declared, found.draws, observed)
    return weigh(declared, found.surface, found.draws, observed)


def _compare(
    declared: Calibration,
    weighted: Weighted,
    picked: np.ndarray,
    simulated: SimulatedPoints,
    observed: ObservedResponses,
) -> Fresh:
    cumulative, progressed = fresh_probabilities(declared, simulated)
    probability = probabilities(cumulative, weighted.trial[picked], declared.lapse)
    places = [declared.doses.index(dose) for dose in observed.doses]
    responses = log_responses(probability[:, places], observed.counts)
    found = responses + log_medians(progressed, declared, observed)
    return Fresh(picked, simulated, cumulative, found - weighted.log_likelihood[picked])

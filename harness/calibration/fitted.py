"""One candidate from its prior to its posterior, in three stages of simulation; one benchmark, in none.

Promise: points of the prior teach a first surface, points of the posterior on it the next one; points of the
posterior on that are simulated anew, correct the evidence, and teach the final one. Each stage has draws of
its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.calibration.benchmarks import BENCHMARKS, DIMENSIONS, benchmark
from harness.calibration.declared import Calibration, Sizes
from harness.calibration.evidence import Corrected, Taught, correct
from harness.calibration.likelihood import log_of_any_trial
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
    """Points of a first posterior that were simulated anew.

    Attributes
    ----------
    simulated
        What became of their patients.
    cumulative
        Probability of a class or a better one, from these patients alone, (points, doses, classes - 1).
    log_ratio
        Their log likelihood from these patients less that of the surface they were drawn from, either one
        averaged over effects of a trial, so that none of the difference is that of a single effect.
    evidence
        Log evidence of each set of data, corrected by these points.
    """

    simulated: SimulatedPoints
    cumulative: np.ndarray
    log_ratio: np.ndarray
    evidence: dict[str, Corrected]

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
    taught = Taught(surface, weigh(declared, surface, draws, observed), draws, (prior, near))
    picked = np.random.default_rng(seed + 2).choice(len(draws), size.fresh, p=taught.weighted.weights)
    parts = [picked[i : i + PART] for i in range(0, len(picked), PART)]
    anew = [run(draws[part, :-1], size.fresh_patients, f"fresh_{i}") for i, part in enumerate(parts)]
    fresh = _compare(declared, taught, joined(anew), observed)
    surface = fit_surface(declared, prior, near, *anew)
    weighted = weigh(declared, surface, draws, observed)
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
    declared: Calibration, first: Taught, simulated: SimulatedPoints, observed: ObservedResponses
) -> Fresh:
    cumulative, progressed = fresh_probabilities(declared, simulated, first.surface)
    seen = log_of_any_trial(declared, cumulative, progressed, observed)
    ratio = seen - log_of_any_trial(declared, *first.surface(simulated.points), observed)
    evidence = correct(declared, first, simulated, observed, declared.seed + 7)
    return Fresh(simulated, cumulative, ratio, evidence)

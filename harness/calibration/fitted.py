"""One candidate from its prior to its posterior, in rounds of simulation; one benchmark, in none.

Promise: points of the prior teach a first surface, points of the posterior on it the next one, and so on by
round. Those of the last round are simulated anew, correct the evidence, and teach the final surface; no other
points correct it. How many rounds there are is declared, so that none ends when its error pleases. Each stage
has draws of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """Points of the last round.

    Attributes
    ----------
    simulated
        What became of their patients.
    cumulative
        Probability of a class or a better one, from these patients alone, (points, doses, classes - 1).
    log_ratio
        Their log likelihood from these patients, averaged over effects of a trial, so that none of it is that
        of a single effect, less the log density that they were drawn with.
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
    draws = draw_prior(dimensions, size.draws, seed + 1)

    def run(points: np.ndarray, patients: int, stage: str) -> SimulatedPoints:
        return simulate(declared, name, points, patients, stage, executor, progress, kept)

    def teach(stages: Sequence[SimulatedPoints]) -> Taught:
        surface = fit_surface(declared, *stages)
        return Taught(surface, observed, weigh(declared, surface, draws, observed), draws, tuple(stages))

    def anew(picked: np.ndarray) -> list[SimulatedPoints]:
        before = len(stages) - 2
        parts = [draws[picked[i : i + PART], :-1] for i in range(0, len(picked), PART)]
        return [run(part, size.fresh_patients, f"fresh_{before + i}") for i, part in enumerate(parts)]

    room = 1 << int(np.ceil(np.log2(size.points)))
    stages = [run(draw_prior(dimensions, room, seed)[: size.points, :-1], size.patients, "prior")]
    picked = np.random.default_rng(seed).choice(len(draws), size.points, p=teach(stages).weighted.weights)
    stages.append(run(draws[picked, :-1], size.patients, "posterior"))
    rng = np.random.default_rng(seed + 2)
    for count in size.fresh[:-1]:
        stages += anew(rng.choice(len(draws), count, p=teach(stages).weighted.weights))
    first = teach(stages)
    last = anew(rng.choice(len(draws), size.fresh[-1], p=first.chances))
    fresh = _compare(first, joined(last), seed + 7)
    stages += last
    taught = teach(stages)
    notes = tuple(f"{name}: {note}" for stage in stages for note in stage.notes)
    runs = sum(stage.classes.size for stage in stages)
    failed = sum(stage.failed for stage in stages)
    label, weighted = declared.candidate(name).label, taught.weighted
    return Fitted(name, label, dimensions, draws, weighted, taught.surface, fresh, runs, failed, notes)


def fit_benchmark(declared: Calibration, name: str, size: Sizes, observed: ObservedResponses) -> Fitted:
    """Weigh a benchmark."""
    draws = draw_prior(DIMENSIONS, size.draws, declared.seed + 1)
    numbers = DIMENSIONS if name == "ordinal_dose" else DIMENSIONS - 1
    return Fitted(name, BENCHMARKS[name], numbers, draws, benchmark(name, declared, draws, observed))


def _compare(first: Taught, simulated: SimulatedPoints, seed: int) -> Fresh:
    declared = first.surface.declared
    cumulative, progressed = fresh_probabilities(declared, simulated, first.surface)
    seen = log_of_any_trial(declared, cumulative, progressed, first.observed)
    ratio = seen - first.log_density(simulated.points)
    return Fresh(simulated, cumulative, ratio, correct(first, simulated, seed))

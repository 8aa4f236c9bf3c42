"""Evidence and posterior of calibrated candidates by nested sampling, beside the weighted draws of the prior.

Usage: ``python -m benchmarks.evidence [CANDIDATE ...] [--size SIZE] [--kept FOLDER]
[--live POINTS]``, all candidates with
parameters at the size `small` unless told; FOLDER is `kept` of what ``cart calibrate --out`` wrote. It needs
``pip install dynesty``, which nothing else does. Both know the same surface, so that they differ by how they
integrate alone. A line a candidate: log evidence of both with the error of dynesty, draws that count, and the
largest difference of posterior means and of standard deviations over the parameters, in prior SD. Aims: the
evidence within three errors, the differences below 0.2.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from dynesty import NestedSampler
from scipy.stats import norm

from harness.calibration.declared import read_calibration
from harness.calibration.fitted import Fitted, fit_candidate
from harness.calibration.observed import read_observed
from harness.calibration.posterior import effective, weigh
from harness.models.card import repository
from harness.simulation.execute import choose_executor

LIVE = 250
PRECISION = 0.2


def nested(declared, observed, found: Fitted, live: int) -> tuple[float, float, np.ndarray]:
    """Log evidence on the surface of a candidate, its error, and equally weighted draws."""

    def log_likelihood(z: np.ndarray) -> float:
        return float(weigh(declared, found.surface, z[np.newaxis], observed).log_likelihood[0])

    def prior(u: np.ndarray) -> np.ndarray:
        return norm.ppf(np.clip(u, 1e-12, 1 - 1e-12))

    dimensions, rng = found.draws.shape[1], np.random.default_rng(declared.seed)
    sampler = NestedSampler(log_likelihood, prior, dimensions, nlive=live, sample="rwalk", rstate=rng)
    sampler.run_nested(dlogz=PRECISION, print_progress=False)
    result = sampler.results
    return result.logz[-1], result.logzerr[-1], result.samples_equal(rstate=rng)


def main() -> None:
    """Print a line a candidate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("candidates", nargs="*")
    parser.add_argument("--size", default="small")
    parser.add_argument("--kept", type=Path)
    parser.add_argument("--live", type=int, default=LIVE)
    asked = parser.parse_args()
    declared = read_calibration(repository() / "validation" / "dose" / "candidates.yaml")
    observed = read_observed(declared)
    for name in asked.candidates or [name for name in declared.candidates if declared.priors(name)]:
        size = declared.size(asked.size)
        found = fit_candidate(declared, name, size, observed, choose_executor(1), None, asked.kept)
        evidence, error, draws = nested(declared, observed, found, asked.live)
        weights = found.weighted.weights
        mean = weights @ found.draws
        sd = np.sqrt(weights @ (found.draws - mean) ** 2)
        off = np.abs(draws.mean(axis=0) - mean).max(), np.abs(draws.std(axis=0) - sd).max()
        print(
            f"{name:18s} weighted {found.weighted.log_evidence:8.2f}  dynesty {evidence:8.2f} +- {error:.2f}"
            f"  draws {effective(weights):7.0f}  mean {off[0]:.2f}  sd {off[1]:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

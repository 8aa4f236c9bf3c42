"""What a trial of some design would say of the candidates: the log evidence that it is expected to give.

Promise: a trial is drawn from some draws of a candidate and judged by others, so that no candidate knows the
parameters it was drawn with, with an effect of its own. What counts is the classes of response alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.special import gammaln, logsumexp
from scipy.stats import norm

__all__ = ["EFFECTS", "design_rows", "expected_evidence"]

EFFECTS = norm.ppf((np.arange(8) + 0.5) / 8)
"""Effects of a trial, in SD, that stand for all."""

DECIDED = np.log(20.0)
"""Log evidence from which a trial counts as having decided."""


def design_rows(
    designs: Mapping[str, Mapping[int, int]],
    chances: Mapping[str, np.ndarray],
    labels: Mapping[str, str],
    trials: int,
    seed: int,
) -> pd.DataFrame:
    """One row a design, candidate that trials are drawn from and candidate that they are held against.

    `designs` are patients by place of the arm; `chances` are as in :func:`expected_evidence`. `log_evidence`
    is that of the first over the second that is expected, `decided` the share of trials (%) in which it is
    beyond that of 20 to 1.
    """
    rows = []
    for name, design in designs.items():
        of_arms = {candidate: each[:, :, list(design)] for candidate, each in chances.items()}
        for truth in chances:
            rng = np.random.default_rng([seed, 1])
            found = expected_evidence(of_arms, truth, tuple(design.values()), trials, rng)
            for other, ahead in found.items():
                decided = 100 * float((ahead > DECIDED).mean())
                rows.append((name, truth, labels[truth], other, float(ahead.mean()), decided))
    return pd.DataFrame(rows, columns=["design", "truth", "label", "other", "log_evidence", "decided"])


def expected_evidence(
    chances: Mapping[str, np.ndarray],
    truth: str,
    sizes: tuple[int, ...],
    trials: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Log evidence of a candidate over each other one in trials that are drawn from it, (trials,).

    `chances` are, by candidate, the probabilities of the classes, (effects, draws, arms, classes); `sizes`
    are patients of each arm. Trials are drawn from every second draw, and judged by the others.
    """
    from_ = chances[truth][:, ::2]
    effect, draw = rng.integers(from_.shape[0], size=trials), rng.integers(from_.shape[1], size=trials)
    p = from_[effect, draw]
    p = p / p.sum(axis=-1, keepdims=True)
    counts = np.stack([rng.multinomial(n, p[:, arm]) for arm, n in enumerate(sizes)], axis=1)
    found = {name: _log_probability(counts, each[:, 1::2]) for name, each in chances.items()}
    return {name: found[truth] - value for name, value in found.items() if name != truth}


def _log_probability(counts: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Of each table of counts, (trials, arms, classes), averaged over effects and draws."""
    every = np.log(p.reshape(-1, counts[0].size))
    of_each = counts.reshape(len(counts), -1) @ every.T
    coefficient = (gammaln(counts.sum(axis=-1) + 1) - gammaln(counts + 1).sum(axis=-1)).sum(axis=-1)
    return coefficient + logsumexp(of_each, axis=1) - np.log(len(every))

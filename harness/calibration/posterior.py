"""Evidence and posterior of a candidate: prior draws weighted on the surface, held against fresh patients.

Promise: nothing is optimised. The evidence is the mean likelihood of low-discrepancy draws of the prior, so a
posterior without some of the data is the same draws with other weights, at no loss. How many draws count is
told. Points of the posterior that are simulated anew, with virtual patients that nothing was fitted to,
correct
the surface: the mean of their likelihood over the surface's corrects the evidence, and weighs predictions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit, logit, logsumexp
from scipy.stats import norm, qmc

from harness.calibration.declared import Calibration
from harness.calibration.likelihood import TINY, log_medians, log_responses, log_table, probabilities
from harness.calibration.observed import ObservedResponses, Predicted
from harness.calibration.simulated import SimulatedPoints
from harness.calibration.surface import CENTRE, ROUNDS, Surface, counted

__all__ = [
    "Weighted",
    "draw_prior",
    "effective",
    "fresh_probabilities",
    "log_predictive",
    "weigh",
    "weigh_anew",
]


@dataclass(frozen=True)
class Weighted:
    """Draws of the prior with what the data make of them.

    Attributes
    ----------
    points, trial
        Standard normal coordinates (draws, priors) and the effect of the trial (draws,).
    probability
        Of each class with that effect, (draws, doses, classes).
    cumulative
        Without it, (draws, doses, classes - 1).
    progressed
        By the bounds of each median, (draws, doses, groups, 2 x medians); nothing of a benchmark.
    responses, medians
        Log likelihood of the responses, and of the medians given them, (draws,).
    """

    points: np.ndarray
    trial: np.ndarray
    probability: np.ndarray
    cumulative: np.ndarray
    progressed: np.ndarray
    responses: np.ndarray
    medians: np.ndarray

    @property
    def log_likelihood(self) -> np.ndarray:
        return self.responses + self.medians

    @property
    def log_evidence(self) -> float:
        """Of responses and medians."""
        return float(logsumexp(self.log_likelihood) - np.log(len(self.points)))

    @property
    def weights(self) -> np.ndarray:
        """Of the posterior, summing to 1."""
        return np.exp(self.log_likelihood - logsumexp(self.log_likelihood))


def effective(weights: np.ndarray) -> float:
    """How many equal weights say as much (Kish)."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def draw_prior(dimensions: int, count: int, seed: int) -> np.ndarray:
    """Standard normal points of a scrambled Sobol sequence, the last coordinate that of the trial."""
    sample = qmc.Sobol(dimensions + 1, rng=np.random.default_rng(seed)).random_base2(int(np.log2(count)))
    return norm.ppf(np.clip(sample, 1e-12, 1 - 1e-12))


def weigh(
    declared: Calibration, surface: Surface, draws: np.ndarray, observed: ObservedResponses
) -> Weighted:
    """Likelihood of draws of the prior; their last coordinate is that of the trial."""
    points, trial = draws[:, :-1], declared.block.trial_sd * draws[:, -1]
    cumulative, progressed = surface(points)
    probability = probabilities(cumulative, trial, declared.lapse)
    nothing = np.zeros(len(points))
    found = Weighted(points, trial, probability, cumulative, progressed, nothing, nothing)
    return weigh_anew(declared, found, observed)


def weigh_anew(declared: Calibration, found: Weighted, observed: ObservedResponses) -> Weighted:
    """The same draws under other data."""
    places = [declared.doses.index(dose) for dose in observed.doses]
    responses = log_responses(found.probability[:, places], observed.counts)
    medians = np.zeros(len(responses))
    if found.progressed.size:
        medians = log_medians(found.progressed, declared, observed)
    return replace(found, responses=responses, medians=medians)


def fresh_probabilities(
    declared: Calibration, simulated: SimulatedPoints, surface: Surface
) -> tuple[np.ndarray, np.ndarray]:
    """What :class:`Surface` gives, from the patients of each point alone but for how it bends with dose.

    Patients of a point at every dose tell how far it is from `surface`: each logit is off by a number and by
    another for each factor e of dose. So what a probability is at a dose is also told by the other doses.
    """
    n, at_most, in_group, came = counted(declared, simulated)
    cumulative, progressed = surface(simulated.points)
    flat = (*progressed.shape[:2], -1)
    cumulative = _off(declared, cumulative, at_most, np.broadcast_to(n[..., None], at_most.shape))
    weights = np.broadcast_to(in_group[..., None], came.shape)
    found = _off(declared, progressed.reshape(flat), came.reshape(flat), weights.reshape(flat))
    return np.maximum.accumulate(cumulative, axis=-1), found.reshape(progressed.shape)


def _off(declared: Calibration, p: np.ndarray, successes: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Probabilities whose logits are off from those of `p` by a line in ln dose, all (points, doses, ...).

    Logistic regressions by Newton's method, with a standard normal prior on both numbers of a line.
    """
    x = np.log(np.array(declared.doses) / CENTRE)[:, None]
    start = logit(np.clip(p, TINY, 1 - TINY))
    level, slope = np.zeros((2, len(p), 1, p.shape[-1]))
    for _ in range(ROUNDS):
        now = expit(start + level + slope * x)
        left, spread = successes - n * now, n * now * (1 - now)
        gradient = [(left * f).sum(axis=1, keepdims=True) for f in (1.0, x)]
        gradient = [each - own for each, own in zip(gradient, (level, slope), strict=True)]
        ll, ls, ss = ((spread * f).sum(axis=1, keepdims=True) for f in (1.0, x, x * x))
        ll, ss = ll + 1, ss + 1
        size = ll * ss - ls * ls
        steps = (ss * gradient[0] - ls * gradient[1]) / size, (ll * gradient[1] - ls * gradient[0]) / size
        level, slope = (own + np.clip(step, -1, 1) for own, step in zip((level, slope), steps, strict=True))
    return expit(start + level + slope * x)


def log_predictive(
    declared: Calibration,
    cumulative: np.ndarray,
    weights: np.ndarray,
    blind: tuple[Predicted, ...],
    rng: np.random.Generator,
    trials: int = 64,
    batches: int = 16,
) -> tuple[float, float]:
    """Log probability of the blind trial, with an effect of its own, and its standard error.

    `cumulative` is (draws, doses, classes - 1) with `weights`; each draw meets `trials` effects. The error is
    that of the mean over batches of draws, which share them out in turn.
    """
    places = [declared.doses.index(arm.dose) for arm in blind]
    counts = np.array([arm.counts for arm in blind])
    found = np.empty((trials, len(cumulative)))
    for row in found:
        effect = declared.block.trial_sd * rng.standard_normal(len(cumulative))
        row[:] = log_table(probabilities(cumulative[:, places], effect, declared.lapse), counts)
    of_draw = logsumexp(found, axis=0) - np.log(trials)
    log_weights = np.log(np.maximum(weights, 1e-300))
    value = float(logsumexp(of_draw + log_weights) - logsumexp(log_weights))
    parts = [slice(i, None, batches) for i in range(min(batches, len(weights)))]
    each = [logsumexp((of_draw + log_weights)[p]) - logsumexp(log_weights[p]) for p in parts]
    share = np.exp(np.array(each) - value)
    error = float(share.std(ddof=1) / np.sqrt(len(each)) / share.mean()) if len(each) > 1 else np.nan
    return value, error

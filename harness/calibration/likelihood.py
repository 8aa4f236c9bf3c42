"""How probable a trial is, given the probabilities of its classes and how PFS goes with them.

Promise: one formula for every candidate and benchmark. Functions are of arrays whose last axes are named in
each docstring; whatever stands before them is carried along.
"""

from __future__ import annotations

import numpy as np
from scipy.special import betainc, expit, gammaln, logit, logsumexp, xlogy
from scipy.stats import norm

from harness.calibration.declared import Calibration, Median
from harness.calibration.observed import CLASSES, RESPONSE, ObservedResponses

__all__ = ["GROUPS", "TINY", "log_medians", "log_of_any_trial", "log_responses", "log_table", "probabilities"]

GROUPS = {"deep": (0, 1), "partial": (2,), "none": (3, 4)}
"""Classes within which PFS is taken to be alike: published medians are of patients whose responses are fitted
too, so what counts is PFS given the response."""

TINY = 1e-12

EFFECTS = 64
"""Effects of a trial that stand for all."""


def probabilities(cumulative: np.ndarray, trial: np.ndarray, lapse: float) -> np.ndarray:
    """Probability of each class.

    Parameters
    ----------
    cumulative
        Probability of a class or a better one, (..., doses, classes - 1), ascending along the last axis.
    trial
        Shift of all logits, (...).
    lapse
        Share of patients whose class says nothing.
    """
    shifted = expit(logit(np.clip(cumulative, TINY, 1 - TINY)) + np.asarray(trial)[..., None, None])
    parts = np.diff(shifted, axis=-1, prepend=0.0, append=1.0)
    return (1 - lapse) * np.maximum(parts, 0.0) + lapse / len(CLASSES)


def log_responses(probability: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Log probability of a table of counts, (doses, classes), with its multinomial coefficients."""
    coefficient = gammaln(counts.sum(axis=-1) + 1) - gammaln(counts + 1).sum(axis=-1)
    return coefficient.sum() + xlogy(counts, probability).sum(axis=(-2, -1))


def log_table(probability: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """The same for counts of complete, other and no responses, (doses, 3)."""
    complete, none = probability[..., :1], probability[..., RESPONSE:].sum(axis=-1, keepdims=True)
    other = probability[..., 1:RESPONSE].sum(axis=-1, keepdims=True)
    return log_responses(np.concatenate([complete, other, none], axis=-1), counts)


def log_medians(progressed: np.ndarray, declared: Calibration, observed: ObservedResponses) -> np.ndarray:
    """Log probability that each published median lies where it does, summed.

    `progressed` is the probability to have progressed by each bound of each median, in their order, given
    the group of classes: (..., doses of the calibration, groups, 2 x medians). The median of n patients lies
    below
    t as often as the middle one of n uniform numbers lies below F(t), which is a beta distribution. F is
    mixed over doses by the weights of the median and over groups as those doses were observed; a median that
    needs a dose which is not among those observed is left out. With the lapse, a published median may lie
    anywhere in the follow-up.
    """
    total = np.zeros(progressed.shape[:-3])
    for place, median in enumerate(declared.medians.values()):
        if not set(median.weights) <= set(observed.doses):
            continue
        shares = _shares(median, declared, observed)
        bounds = progressed[..., 2 * place : 2 * place + 2]
        low, high = np.moveaxis((bounds * shares[..., None]).sum(axis=(-3, -2)), -1, 0)
        middle = (median.n + 1) / 2
        inside = betainc(middle, middle, np.clip(high, 0, 1)) - betainc(middle, middle, np.clip(low, 0, 1))
        a, b = median.bounds
        anywhere = (b - a) / float(declared.until.split()[0])
        total = total + np.log((1 - declared.lapse) * np.maximum(inside, 0) + declared.lapse * anywhere)
    return total


def log_of_any_trial(
    declared: Calibration,
    cumulative: np.ndarray,
    progressed: np.ndarray,
    observed: ObservedResponses,
    power: float = 1.0,
) -> np.ndarray:
    """Log likelihood of responses and medians to a power, averaged over effects of a trial, (points,).

    `cumulative` is (points, doses, classes - 1), `progressed` as in :func:`log_medians`. Effects are the
    middles of `EFFECTS` equal parts of the normal.
    """
    places = [declared.doses.index(dose) for dose in observed.doses]
    effects = declared.block.trial_sd * norm.ppf((np.arange(EFFECTS) + 0.5) / EFFECTS)
    at = cumulative[:, places]
    each = [power * log_responses(probabilities(at, e, declared.lapse), observed.counts) for e in effects]
    medians = log_medians(progressed, declared, observed)
    return logsumexp(each, axis=0) - np.log(EFFECTS) + power * medians


def _shares(median: Median, declared: Calibration, observed: ObservedResponses) -> np.ndarray:
    """Share of the patients of a median at each dose of the calibration and in each group."""
    shares = np.zeros((len(declared.doses), len(GROUPS)))
    for dose, weight in median.weights.items():
        counts = observed.counts[observed.doses.index(dose)]
        of_groups = np.array([counts[list(classes)].sum() for classes in GROUPS.values()])
        shares[declared.doses.index(dose)] = weight * of_groups / of_groups.sum()
    return shares / shares.sum()

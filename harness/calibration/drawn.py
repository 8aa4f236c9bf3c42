"""Trials drawn from virtual patients, each with an effect of its own on response.

Promise: the effect shifts all cumulative logits, as in the fit. Patients are drawn so that their classes have
the shifted probabilities, and bring kinetics and progression with them; a share of reported classes, the
lapse, says nothing. A patient whose simulation failed is never drawn.
"""

from __future__ import annotations

import numpy as np

from harness.calibration.likelihood import probabilities
from harness.calibration.observed import CLASSES
from harness.errors import RunFailed

__all__ = ["class_chances", "draw_trials"]

SMOOTH = 1.0
"""Virtual patients added to the simulated ones, spread evenly over the classes."""


def class_chances(classes: np.ndarray, effect: np.ndarray, lapse: float) -> np.ndarray:
    """Probability of each class in a trial with that effect, (..., classes).

    `classes` are those of virtual patients, (..., patients), -1 where one failed; `effect` is (...).
    """
    places = np.arange(len(CLASSES) - 1)
    good = (classes >= 0)[..., None]
    at_most = (good & (classes[..., None] <= places)).sum(axis=-2)
    better = np.arange(1, len(CLASSES)) / len(CLASSES)
    cumulative = (at_most + SMOOTH * better) / (good.sum(axis=-2) + SMOOTH)
    return probabilities(cumulative[..., None, :], effect, lapse)[..., 0, :]


def draw_trials(
    classes: np.ndarray, effect: np.ndarray, size: int, lapse: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Places of the patients of each trial among its virtual ones, and the class that is reported of each.

    Parameters
    ----------
    classes
        Of the virtual patients of each trial, (trials, patients); -1 where one failed, and not in all.
    effect
        Of each trial, (trials,).

    Returns
    -------
    picked, reported
        Both (trials, size). Patients are drawn with replacement.

    Raises
    ------
    RunFailed
        When all virtual patients of a trial failed.
    """
    before, after = (class_chances(classes, shift, 0.0) for shift in (np.zeros_like(effect), effect))
    good = classes >= 0
    if not good.any(axis=-1).all():
        raise RunFailed("every virtual patient of a draw failed, so that no trial can be drawn of it")
    each = np.take_along_axis(after / before, np.where(good, classes, 0), axis=-1) * good
    ends = np.cumsum(each, axis=-1)
    asked = rng.random((len(classes), size)) * ends[:, -1:]
    picked = np.array([np.searchsorted(row, u, side="right") for row, u in zip(ends, asked, strict=True)])
    reported = np.take_along_axis(classes, picked, axis=-1)
    lapsed = rng.random(reported.shape) < lapse
    return picked, np.where(lapsed, rng.integers(len(CLASSES), size=reported.shape), reported)

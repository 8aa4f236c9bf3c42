"""Designs of dose escalation: which dose each cohort gets, and which dose is chosen in the end.

Promise: a design reads what patients have had by then and nothing else; the same outcomes give the same
course. Levels are places in the ascending doses; outcomes are given for every patient at every level, so that
designs can be compared on the same patients.

- 3+3: three patients; none toxic, up; one, three more at that level; with two or more of them (of three or of
  six) the level is too high, and the one below is filled up to six. Chosen is the highest level at which six
  were treated and at most one was toxic.
- BOIN (Liu and Yuan 2015, J R Stat Soc C 64:507): a cohort goes up while the share of toxic patients at its
  level is at most one boundary, down from another on, and stays between. A level whose risk is above the
  target with a probability of 0.95 is left for good, with all above it. Chosen is the level whose share, made
  to rise with dose by isotonic regression, is nearest to the target.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.stats import beta

__all__ = ["NONE", "Course", "boin", "boin_boundaries", "three_plus_three", "three_plus_three_most"]

NONE = -1
"""Chosen level of a trial that finds every dose too toxic."""

TOO_TOXIC = 0.95
"""Probability that the risk is above the target from which BOIN leaves a level for good."""

LEAST = 3
"""Patients at a level before BOIN may leave it for good."""


class Course(NamedTuple):
    """One trial: the level of each patient in order, (treated,); the number of cohorts; what is chosen."""

    levels: np.ndarray
    cohorts: int
    chosen: int


def three_plus_three_most(levels: int) -> int:
    """Patients that 3+3 may need: six at each level."""
    return 6 * levels


def three_plus_three(toxic: np.ndarray, start: int = 0) -> Course:
    """The course of a 3+3 trial.

    Parameters
    ----------
    toxic
        Whether patient i has a dose-limiting toxicity at level j, shape (patients, levels); in the order in
        which patients come, of which six a level are enough.
    start
        Level of the first cohort.
    """
    closed = toxic.shape[1]
    treated, events = np.zeros((2, closed), int)
    order: list[int] = []
    level = start
    while True:
        cohort = toxic[len(order) : len(order) + 3, level]
        order += [level] * 3
        treated[level] += 3
        events[level] += int(cohort.sum())
        if events[level] > 1:
            closed = level
            level -= 1
            if level < 0 or treated[level] == 6:
                return Course(np.array(order), len(order) // 3, level)
        elif treated[level] == 3 and (events[level] == 1 or level + 1 == closed):
            continue
        elif level + 1 < closed:
            level += 1
        else:
            return Course(np.array(order), len(order) // 3, level)


def boin_boundaries(target: float) -> tuple[float, float]:
    """Shares of toxic patients up to which BOIN goes up, and from which on down (their equations 2 and 3).

    The rates that are taken for too low and too high are 0.6 and 1.4 of the target, as recommended there.
    """
    low, high = 0.6 * target, 1.4 * target
    up = np.log((1 - low) / (1 - target)) / np.log(target * (1 - low) / (low * (1 - target)))
    down = np.log((1 - target) / (1 - high)) / np.log(high * (1 - target) / (target * (1 - high)))
    return float(up), float(down)


def boin(
    toxic: np.ndarray, start: int = 0, *, target: float, cohort: int = 3, most: int = 30, enough: int = 12
) -> Course:
    """The course of a BOIN trial.

    Parameters
    ----------
    toxic, start
        As of :func:`three_plus_three`; at least `most` patients.
    target
        Share of toxic patients that is aimed at.
    cohort, most
        Patients of a cohort, and of the trial.
    enough
        The trial ends when the next cohort would go to a level with so many patients.
    """
    up, down = boin_boundaries(target)
    closed = toxic.shape[1]
    treated, events = np.zeros((2, closed), int)
    order: list[int] = []
    level, cohorts = start, 0
    while len(order) < most and treated[level] < enough:
        size = min(cohort, most - len(order))
        events[level] += int(toxic[len(order) : len(order) + size, level].sum())
        treated[level] += size
        order += [level] * size
        cohorts += 1
        share = events[level] / treated[level]
        if events[level] >= _too_toxic_from(int(treated[level]), target):
            closed = level
            if closed == 0:
                return Course(np.array(order), cohorts, NONE)
            level -= 1
        elif share <= up and level + 1 < closed:
            level += 1
        elif share >= down and level > 0:
            level -= 1
    return Course(np.array(order), cohorts, _nearest(treated[:closed], events[:closed], target))


@lru_cache(maxsize=4096)
def _too_toxic_from(treated: int, target: float) -> int:
    """Toxic patients of so many treated from which on a level is left for good."""
    if treated < LEAST:
        return treated + 1
    events = np.arange(treated + 1)
    above = beta.sf(target, 1 + events, 1 + treated - events) > TOO_TOXIC
    return int(above.argmax()) if above.any() else treated + 1


def _nearest(treated: np.ndarray, events: np.ndarray, target: float) -> int:
    """The level that was tried whose isotonic share is nearest to the target; of equals the safer choice.

    Of equals below the target the highest, above it the lowest, as BOIN has it.
    """
    tried = np.flatnonzero(treated)
    if not tried.size:
        return NONE
    share = (events[tried] + 0.05) / (treated[tried] + 0.1)
    rising = isotonic_regression(share, weights=treated[tried] + 0.1).x + 1e-10 * np.arange(tried.size)
    return int(tried[np.abs(rising - target).argmin()])

"""Response and progression as a trial reads them: at visits, while a patient comes to them.

Promise: functions take `change` from baseline (%), shape (..., n), at n visits of which the first is the
baseline, and `attended`, the same shape, true up to the last visit of each patient. An event is dated by its
visit, never between two.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from harness.analysis.response import RULE, category, over_progression

__all__ = ["best_response_at_visits", "progression_at_visits"]


def progression_at_visits(
    visits: np.ndarray, change: np.ndarray, attended: np.ndarray, rule: str = RULE, in_a_row: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Progression-free survival: duration, and whether it ended with progression.

    Progression is dated by the first of `in_a_row` visits, one after the other, that meet the rule; a patient
    without it is censored at the last visit. NaN, and no event, where a change is NaN.
    """
    meets = (over_progression(change, rule) >= 0) & attended
    meets[..., 0] = False  # the baseline cannot be progression
    last = visits[attended.sum(axis=-1) - 1]
    known = np.isfinite(change).all(axis=-1)
    if meets.shape[-1] < in_a_row:
        return np.where(known, last, np.nan), np.zeros(known.shape, bool)
    confirmed = sliding_window_view(meets, in_a_row, axis=-1).all(axis=-1)
    event = confirmed.any(axis=-1) & known
    duration = np.where(event, visits[confirmed.argmax(axis=-1)], last)
    return np.where(known, duration, np.nan), event


def best_response_at_visits(
    visits: np.ndarray, change: np.ndarray, attended: np.ndarray, rule: str = RULE, in_a_row: int = 1
) -> np.ndarray:
    """Number of the best category held at `in_a_row` visits one after the other, 0 the best.

    As :func:`~harness.analysis.response.best_change` has it, from the first visit after baseline to
    progression: what comes after counts no more, and whoever progresses before anything is held that often
    has the category of the visit that dates it. A response that is confirmed has 2 in a row. NaN for a
    patient who never came that often after baseline, which a trial calls not evaluable, and where a change
    is NaN.
    """
    end, progressed = progression_at_visits(visits, change, attended, rule, in_a_row)
    counts = (attended & (visits <= end[..., np.newaxis]))[..., 1:]
    seen = np.where(counts & np.isfinite(change)[..., 1:], change[..., 1:], np.inf)
    held = np.full(change.shape[:-1], np.inf)
    if seen.shape[-1] >= in_a_row:
        held = sliding_window_view(seen, in_a_row, axis=-1).max(axis=-1).min(axis=-1)
    at_progression = np.where(visits == end[..., np.newaxis], change, 0.0).sum(axis=-1)
    held = np.where(progressed & np.isinf(held), at_progression, held)
    return category(np.where(np.isfinite(held), held, np.nan))

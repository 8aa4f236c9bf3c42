"""Response and progression as a trial reads them: at visits, while a patient comes to them.

Promise: functions take `change` from baseline (%), shape (..., n), at n visits of which the first is the
baseline, and `attended`, the same shape, true up to the last visit of each patient. An event is dated by its
visit, never between two.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from harness.analysis.response import category, over_progression

__all__ = ["best_response_at_visits", "progression_at_visits"]


def best_response_at_visits(change: np.ndarray, attended: np.ndarray, in_a_row: int = 1) -> np.ndarray:
    """Number of the best category held at `in_a_row` visits one after the other, 0 the best.

    A response that is confirmed has 2 in a row. NaN for a patient who never came that often after baseline,
    which a trial calls not evaluable, and where a change is NaN.
    """
    seen = np.where(attended, change, np.inf)[..., 1:]
    seen = np.where(np.isnan(change)[..., 1:], np.inf, seen)
    if seen.shape[-1] < in_a_row:
        return np.full(change.shape[:-1], np.nan)
    held = sliding_window_view(seen, in_a_row, axis=-1).max(axis=-1).min(axis=-1)
    return category(np.where(np.isfinite(held), held, np.nan))


def progression_at_visits(
    visits: np.ndarray, change: np.ndarray, attended: np.ndarray, rule: str = "nadir_25", in_a_row: int = 1
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

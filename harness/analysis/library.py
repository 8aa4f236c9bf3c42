"""The functions that an endpoint can name, by name: those of curves in general, and those of response.

Promise: each says in which unit it gives its result (:mod:`harness.analysis.gives`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.analysis import endpoints, response

__all__ = ["FUNCTIONS", "WORDS"]

FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    **{name: getattr(endpoints, name) for name in endpoints.__all__},
    "best_response": response.best_response,
    "progression_time": response.progression_time,
    "time_to_response": response.time_to_response,
}

WORDS: dict[str, Callable[[str], str]] = {"rule": response.require_rule}
"""Options that are words and not numbers, and what holds a word against those there are."""

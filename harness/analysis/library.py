"""The functions that an endpoint can name, by name: those of curves in general, and those of response.

Promise: each says in which unit it gives its result (:mod:`harness.analysis.gives`); its options are held
against it in one place, whoever names it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

import numpy as np

from harness.analysis import endpoints, response
from harness.errors import InputError, unknown_name

__all__ = ["FUNCTIONS", "WORDS", "require_options"]

FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    **{name: getattr(endpoints, name) for name in endpoints.__all__},
    "best_response": response.best_response,
    "last_dose": response.last_dose,
    "progressed_by": response.progressed_by,
    "progression_after_last_dose": response.progression_after_last_dose,
    "progression_time": response.progression_time,
    "response_at": response.response_at,
    "time_to_response": response.time_to_response,
}

WORDS: dict[str, Callable[[str], str]] = {"rule": response.require_rule}
"""Options that are words and not numbers, and what holds a word against those there are."""

TIMES = ("start", "stop", "day", "first_visit", "after", "before")
"""Options that are times, from the start of a run on."""

GIVEN = ("time", "value", "doses")
"""Arguments that a curve itself gives."""


def require_options(
    name: str, function: Callable[..., np.ndarray], options: Mapping[str, float | str]
) -> None:
    """Hold the options of an endpoint against its function; `name` is that of the endpoint.

    Raises
    ------
    InputError
        When one is unknown, missing, no finite number, a negative time, or no word that there is; or when
        `start` is not before `stop`.
    """
    accepted = inspect.signature(function).parameters
    known = [option for option in accepted if option not in GIVEN]
    for option, value in options.items():
        if option not in known:
            raise unknown_name(f"option of {name}", option, known)
        if option in WORDS:
            WORDS[option](str(value))
        elif isinstance(value, str) or not np.isfinite(value):
            raise InputError(f"endpoint {name}: {option} is not a finite number")
        elif option in TIMES and value < 0:
            raise InputError(f"endpoint {name}: {option} is a time, and must not be negative")
    if float(options.get("start", 0.0)) >= float(options.get("stop", np.inf)):
        raise InputError(f"endpoint {name}: start must be before stop")
    for option in known:
        if accepted[option].default is inspect.Parameter.empty and option not in options:
            raise InputError(f"endpoint {name} needs {option}")

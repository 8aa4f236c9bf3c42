"""Response and progression from the change of serum M-protein against baseline.

Promise: categories, rules and the first visit are the data of ``response.yaml``, nowhere else. Functions
take `time`, shape (n,) and ascending, and `value`, shape (..., n), the change in percent, and give one number
a curve; NaN for a curve that is NaN, and for an event that does not come within the curve. Best response has
one definition, :func:`best_change`, which trials read at their visits (:mod:`harness.analysis.visits`).
"""

from __future__ import annotations

from functools import cache, lru_cache
from pathlib import Path

import numpy as np

from harness.analysis.curves import as_change, as_share, refined, within
from harness.analysis.endpoints import value_at
from harness.analysis.extremes import bottom, first_reached
from harness.analysis.gives import gives
from harness.declarations import Declaration, read_declaration
from harness.errors import InputError, unknown_name

__all__ = [
    "FIRST_VISIT",
    "RULE",
    "Criteria",
    "best_change",
    "best_response",
    "category",
    "category_names",
    "change_at",
    "criteria",
    "duration_of_response",
    "interval",
    "is_responder",
    "last_dose",
    "over_progression",
    "progressed_by",
    "progression_after_last_dose",
    "progression_free",
    "progression_time",
    "require_rule",
    "responds_again",
    "response_at",
    "time_to_response",
]


class Category(Declaration):
    """One category: changes at or below `at_most` percent that no better one holds; the last has no bound."""

    name: str
    at_most: float = float("inf")


class Rule(Declaration):
    """One rule of progression, of the nadir so far and of the baseline, both as factors."""

    of_nadir: float
    of_baseline: float


class Criteria(Declaration):
    """All bounds of response; `first_visit` (days) and `rule` hold unless others are asked for."""

    categories: tuple[Category, ...]
    same_by_m_protein: dict[str, str]
    responders: tuple[str, ...]
    bins: dict[str, tuple[str, ...]]
    first_visit: float
    rule: str
    rules: dict[str, Rule]


@cache
def criteria() -> Criteria:
    """The bounds, from ``response.yaml``."""
    return read_declaration(Path(__file__).with_name("response.yaml"), Criteria)


FIRST_VISIT = criteria().first_visit
"""Day from which response is assessed, unless a study says otherwise."""

RULE = criteria().rule
"""Rule of progression, unless a study says otherwise (ledger D18)."""


def category_names() -> tuple[str, ...]:
    """Names of the categories, best first; a category's number is its place here."""
    return tuple(found.name for found in criteria().categories)


def category(change: np.ndarray, cr_bound: float | None = None) -> np.ndarray:
    """Number of the category of a change in percent, 0 the best; NaN where the change is NaN.

    Parameters
    ----------
    change
        Change from baseline (%), any shape.
    cr_bound
        Bound of a complete response (%), in place of the declared one; at or below that of VGPR.
    """
    change = np.asarray(change, float)
    bounds = np.array([found.at_most for found in criteria().categories[:-1]])
    if cr_bound is not None:
        if not cr_bound <= bounds[1]:
            raise InputError(f"the bound of CR must be at or below that of VGPR, {bounds[1]:g} %")
        bounds[0] = cr_bound
    # A rise at the last bound itself is progression; every other bound belongs to the better category.
    found = np.searchsorted(bounds, change, side="left") + (change == bounds[-1])
    return np.where(np.isnan(change), np.nan, found)


def is_responder(number: np.ndarray) -> np.ndarray:
    """Whether a category, by its number, is a response (partial or better)."""
    worst = max(category_names().index(name) for name in criteria().responders)
    return np.asarray(number) <= worst


def interval(name: str) -> tuple[float, float]:
    """Changes (%) that a category holds, from above the first to the second.

    Raises
    ------
    InputError
        When there is no such category.
    """
    if name not in category_names():
        raise unknown_name("category of response", name, category_names())
    place = category_names().index(name)
    low = criteria().categories[place - 1].at_most if place else -np.inf
    return low, criteria().categories[place].at_most


def best_change(
    time: np.ndarray,
    value: np.ndarray,
    first_visit: float,
    stop: float = np.inf,
    rule: str = RULE,
) -> np.ndarray:
    """Lowest change from the first visit (in the unit of `time`) to progression or `stop`, the earlier.

    A best response is what was reached before progression (Kumar 2016): what a later expansion of CAR-T
    cells does counts no more. Whoever has progressed by the first visit has the change at that visit;
    progression as best response exists with a first visit after the start only, on any grid of output times.
    The criterion's confirmation by a second visit is not asked for: the model has no noise.
    """
    t, share = within(time, as_share(value), first_visit, stop)
    if not t.size:
        return np.full(value.shape[:-1], np.nan)
    progressed = progression_time(time, value, rule)
    found = bottom(t, share, np.where(np.isnan(progressed), np.inf, progressed))[0]
    return np.where(np.isfinite(value).all(axis=-1), as_change(found), np.nan)


def change_at(time: np.ndarray, value: np.ndarray, day: float) -> np.ndarray:
    """Change at one time, NaN outside the curve."""
    return as_change(value_at(time, as_share(value), day))


@gives("dimensionless", of="percent")
def best_response(
    time: np.ndarray, value: np.ndarray, first_visit: float, stop: float = np.inf, rule: str = RULE
) -> np.ndarray:
    """Number of the category of the best change, 0 the best."""
    return category(best_change(time, value, first_visit, stop, rule))


@gives("dimensionless", of="percent")
def response_at(time: np.ndarray, value: np.ndarray, day: float) -> np.ndarray:
    """Number of the category of the change on one day, against baseline, 0 the best; `day` in unit of `time`.

    NaN where the curve ends sooner.
    """
    return category(change_at(time, value, day))


@gives("dimensionless", of="percent")
def progressed_by(time: np.ndarray, value: np.ndarray, day: float, rule: str = RULE) -> np.ndarray:
    """1 where M-protein has met a rule of progression by one day, in the unit of `time`, and 0 where not.

    NaN where the curve ends sooner.
    """
    known = np.isfinite(change_at(time, value, day)) & np.isfinite(value).all(axis=-1)
    return np.where(known, progression_time(time, value, rule) <= day, np.nan)


@gives("{time}", of="percent")
def time_to_response(time: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Time at which the change first reaches that of a partial response, interpolated."""
    bound = next(c.at_most for c in criteria().categories if c.name == criteria().responders[-1])
    time, level = refined(time, as_share(value))
    return _first_crossing(time, 1 + bound / 100 - level)


def responds_again(value: np.ndarray) -> np.ndarray:
    """Whether a response, lost down to stable disease or worse, comes a second time without another dose."""
    bounds = {found.name: found.at_most for found in criteria().categories}
    response = value <= bounds[criteria().responders[-1]]
    lost = np.logical_or.accumulate(response, axis=-1) & (value > bounds["MR"])
    return np.any(np.logical_or.accumulate(lost, axis=-1) & response, axis=-1)


def require_rule(name: str) -> str:
    """The name of a rule of ``response.yaml``; the readings of ledger row D18.

    Raises
    ------
    InputError
        When there is no such rule.
    """
    if name not in criteria().rules:
        raise unknown_name("rule of progression", name, criteria().rules)
    return name


def over_progression(value: np.ndarray, rule: str = RULE) -> np.ndarray:
    """How far M-protein is over what a rule of progression asks for, as a share of baseline."""
    chosen = criteria().rules[require_rule(rule)]
    level = 1 + value / 100
    nadir = np.minimum.accumulate(level, axis=-1)
    return level - np.maximum(chosen.of_nadir * nadir, nadir + chosen.of_baseline)


@gives("{time}", of="percent")
def progression_time(time: np.ndarray, value: np.ndarray, rule: str = RULE) -> np.ndarray:
    """Time at which M-protein first meets a rule of progression, interpolated between output times."""
    times, values = (np.ascontiguousarray(array, float).tobytes() for array in (time, value))
    return _progression(times, values, value.shape, require_rule(rule)).copy()


@gives("{time}")
def last_dose(time: np.ndarray, value: np.ndarray, doses: np.ndarray | None = None) -> np.ndarray:
    """Time at which the last dose started, or the curve where there was none; NaN for a curve of NaN."""
    known = np.isfinite(value).all(axis=-1)
    return np.where(known, _last_start(time, doses), np.nan)


@gives("{time}", of="percent")
def progression_after_last_dose(
    time: np.ndarray, value: np.ndarray, rule: str = RULE, doses: np.ndarray | None = None
) -> np.ndarray:
    """Time from the start of the last dose to progression after it, by the nadir since then."""
    start = _last_start(time, doses)
    after = time >= start
    return progression_time(time[after], value[..., after], rule) - start


def _last_start(time: np.ndarray, doses: np.ndarray | None) -> float:
    """Start of the last of `doses`, (m, 2), as it stands in `time`."""
    start = max(doses[:, 0].max(), time[0]) if doses is not None and len(doses) else time[0]
    return float(time[np.abs(time - start).argmin()])


@lru_cache(maxsize=1)
def _progression(times: bytes, values: bytes, shape: tuple[int, ...], rule: str) -> np.ndarray:
    """Progression of the curves asked for last, kept: best response asks, and then PFS."""
    value = np.frombuffer(values).reshape(shape)
    return first_reached(
        np.frombuffer(times), as_share(value), lambda level: over_progression(as_change(level), rule)
    )


def progression_free(time: np.ndarray, value: np.ndarray, rule: str = RULE) -> tuple[np.ndarray, np.ndarray]:
    """Progression-free survival: duration, and whether progression ended it rather than the end of the curve.

    The model knows no death. The duration of a curve that is NaN is NaN, and its event false.
    """
    found = progression_time(time, value, rule)
    event = np.isfinite(found)
    censored = np.where(np.isfinite(value).all(axis=-1), time[-1], np.nan)
    return np.where(event, found, censored), event


def duration_of_response(
    time: np.ndarray, value: np.ndarray, rule: str = RULE
) -> tuple[np.ndarray, np.ndarray]:
    """Duration from response to relapse, which is progression after it, and whether relapse ended it.

    NaN, and no event, for a curve that has no response or progresses before it.
    """
    free, event = progression_free(time, value, rule)
    duration = free - time_to_response(time, value)
    lasting = duration > 0
    return np.where(lasting, duration, np.nan), event & lasting


def _first_crossing(time: np.ndarray, excess: np.ndarray) -> np.ndarray:
    """First time at which `excess`, (..., n), reaches 0 from below, interpolated; NaN where it never does."""
    reached = excess >= 0
    right = reached.argmax(axis=-1)[..., np.newaxis]
    left = np.maximum(right - 1, 0)
    high, low = (np.take_along_axis(excess, i, axis=-1)[..., 0] for i in (right, left))
    rise = high - low
    share = np.where(rise > 0, high / np.where(rise > 0, rise, 1.0), 0.0)
    found = time[right[..., 0]] - share * (time[right[..., 0]] - time[left[..., 0]])
    return np.where(reached.any(axis=-1) & np.isfinite(excess).all(axis=-1), found, np.nan)

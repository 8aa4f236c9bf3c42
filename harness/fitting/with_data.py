"""The observations of a fit: from the rows of a table to those of each arm, on the times that it is read out.

Promise: a value that its error model cannot have, an observation before the start and an error model
without observations are told in one line; the checksum is of all that was observed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from harness.analysis.observations import Observed, observed
from harness.errors import InputError
from harness.fitting.prepared import ArmData, ErrorSizes, Prepared
from harness.fitting.problem import FitProblem
from harness.models.units import parse_quantity

__all__ = ["with_data"]


def with_data(
    prepared: Prepared, problem: FitProblem, rows: Mapping[str, pd.DataFrame], file: str
) -> Prepared:
    """The same fit with the observations of each arm, by its name; `file` is where they are from.

    Raises
    ------
    InputError
        When a value is what its error model cannot have or lies before the start, or one has no observation.
    """
    limits = {
        name: parse_quantity(error.lloq, prepared.units[name], f"lloq of {name}")
        for name, error in problem.observables.items()
        if error.lloq is not None
    }
    for name, limit in limits.items():
        if limit <= 0 and problem.observables[name].model == "log":
            raise InputError(f"lloq of {name}: must be positive for a log error")
    arms = tuple(_observe(arm, problem, prepared, rows[arm.name], limits, file) for arm in prepared.arms)
    errors = tuple(_with_reference(error, i, arms) for i, error in enumerate(prepared.errors))
    for i, error in enumerate(errors):
        if not any((arm.error == i).any() for arm in arms):
            raise InputError(f"{error.observable}: has an error model and no observations")
    content = [
        (a.name, a.times, a.time_index, a.observable_index, a.value, a.censored, a.lower, a.limit, a.own)
        for a in arms
    ]
    text = repr(
        [[part.tolist() if isinstance(part, np.ndarray) else part for part in row] for row in content]
    )
    return replace(prepared, arms=arms, errors=errors, checksum=hashlib.sha256(text.encode()).hexdigest())


def _observe(
    arm: ArmData,
    problem: FitProblem,
    prepared: Prepared,
    rows: pd.DataFrame,
    limits: dict[str, float],
    file: str,
) -> ArmData:
    source, there = rows["arm"].iloc[0], set(rows["observable"])
    wanted = [name for name in arm.observables if name in there or problem.arms[arm.name].observables]
    places = [error.observable for error in prepared.errors]
    time, column, error, value, lower, upper, own = ([] for _ in range(7))
    for k, name in enumerate(wanted):
        found = observed(rows, name, source, prepared.units[name], prepared.time_unit)
        low, high = _between(found, limits.get(name, -np.inf))
        _require_fit_for_errors(file, name, found, np.isnan(high), problem)
        time.append(found.time)
        value.append(found.value)
        column.append(np.full(found.time.size, k))
        error.append(np.full(found.time.size, places.index(name)))
        lower.append(np.where(low <= 0, -np.inf, low) if problem.observables[name].model == "log" else low)
        upper.append(high)
        own.append(found.error if problem.observables[name].model == "reading_error" else 0 * found.error)
    times, index = np.unique(np.concatenate(time), return_inverse=True)
    if times[0] < 0:
        raise InputError(f"arm {source}: an observation at time {times[0]:g}, before the start")
    bounds = np.concatenate(upper)
    return replace(
        arm, times=times, observables=tuple(wanted), time_index=index,
        observable_index=np.concatenate(column), error=np.concatenate(error), value=np.concatenate(value),
        censored=~np.isnan(bounds), lower=np.concatenate(lower), limit=bounds, own=np.concatenate(own),
    )  # fmt: skip


def _between(found: Observed, lloq: float) -> tuple[np.ndarray, np.ndarray]:
    """What each value lies between: limits of its own, or below that of quantification; NaN for others."""
    below = np.isnan(found.upper) & (found.value < lloq)
    return np.where(below, -np.inf, found.lower), np.where(below, lloq, found.upper)


def _require_fit_for_errors(
    file: str, name: str, found: Observed, quantified: np.ndarray, problem: FitProblem
) -> None:
    """Refuse what an error model cannot have: nothing below 0 on logarithms, no weight of nothing."""
    match problem.observables[name].model:
        case "log":
            limits = np.where(np.isfinite(found.upper), found.upper, found.lower)
            given = np.where(quantified, found.value, limits)
            wanted = "a log error needs positive values; declare lloq, and what is below it is censored"
        case "reading_error":
            given, wanted = found.error, "is the reading_error, which is the weight, and must be positive"
        case _:
            return
    bad = np.flatnonzero(given <= 0)
    if bad.size:
        raise InputError(f"{file}: row {found.row[bad[0]] + 1}: {name} {given[bad[0]]:g}: {wanted}")


def _with_reference(error: ErrorSizes, place: int, arms: tuple[ArmData, ...]) -> ErrorSizes:
    """The error model with the largest observation as its reference size."""
    if error.logarithmic:
        return error
    largest = max((np.abs(arm.value[arm.error == place]).max(initial=0.0) for arm in arms), default=0.0)
    return replace(error, reference=float(largest) or 1.0)

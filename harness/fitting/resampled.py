"""Errors of a fit by other ways: the observed Hessian, the sandwich of both, a bootstrap, and draws of what
was carried from other fits.

Promise: each starts from the estimates of a result and gives a result with other errors, which say what they
are by; the estimates stay. A coordinate on a bound, or without an error by the expected information, has none
here. What is resampled depends on the seed and on the number of the replicate alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd
from scipy.stats import norm

from harness.declarations import Seed
from harness.errors import InputError
from harness.fitting.objective import Objective
from harness.fitting.optimise import minimise
from harness.fitting.prepare import prepare
from harness.fitting.prepared import ArmData, Prepared
from harness.fitting.problem import FitProblem
from harness.fitting.result import FitResult, as_columns, plain_numbers
from harness.models.catalog import select
from harness.simulation.estimate_sources import read_estimates
from harness.simulation.execute import Executor, Serial

__all__ = ["KINDS", "ErrorKind", "bootstrap", "estimates_of", "with_carried", "with_errors"]

ErrorKind = Literal["expected", "observed", "sandwich"]

KINDS: tuple[ErrorKind, ...] = get_args(ErrorKind)

STEP = 0.05
"""Step of a difference of gradients, in standard errors."""

SAID = {
    "observed": "Errors by the observed Hessian at the estimates.",
    "sandwich": "Errors by the sandwich of the observed Hessian and the squared scores: they hold where the "
    "error model does not.",
}


def estimates_of(prepared: Prepared, result: FitResult) -> np.ndarray:
    """The estimates of a result, on the scales of the coordinates of its fit.

    Raises
    ------
    InputError
        When the result is of another fit.
    """
    table = result.table("estimates")
    if table["parameter"].tolist() != prepared.names or result.checksum != prepared.checksum:
        raise InputError(f"the result '{result.title}' is not of this fit")
    values = zip(prepared.coordinates, table["estimate"], strict=True)
    return np.array([coordinate.scaled(value) for coordinate, value in values])


def with_errors(prepared: Prepared, result: FitResult, kind: ErrorKind) -> FitResult:
    """A result whose errors, intervals and covariance are by the observed Hessian or the sandwich.

    The Hessian is that of minus the log-likelihood with priors, by differences of its gradient. Scores of the
    sandwich are of groups with random effects, and of observations without. Intervals are normal ones.

    Raises
    ------
    InputError
        When the result is of another fit, or the Hessian is not positive there.
    """
    if kind == "expected":
        return result
    x, objective = estimates_of(prepared, result), Objective(prepared)
    expected = result.table("estimates")
    error = np.sqrt(np.diag(result.table("covariance")[prepared.names].to_numpy(float)))
    free = np.flatnonzero(np.isfinite(error) & (error > 0))
    hessian = _hessian(objective, x, free, error)
    if free.size and np.linalg.eigvalsh(hessian).min() <= 0:
        raise InputError(f"errors {kind}: the Hessian is not positive at the estimates; take expected ones")
    inverse = np.linalg.inv(hessian)
    if kind == "sandwich":
        scores = _scores(objective, x, free)
        inverse = inverse @ (scores.T @ scores) @ inverse
    covariance = np.full((x.size, x.size), np.nan)
    covariance[np.ix_(free, free)] = inverse
    return _with_covariance(prepared, result, expected, x, covariance, SAID[kind])


def _hessian(objective: Objective, x: np.ndarray, free: np.ndarray, error: np.ndarray) -> np.ndarray:
    """Second derivatives of half the objective by the free coordinates, shape (free, free)."""

    def gradient(at: np.ndarray) -> np.ndarray:
        return objective.jacobian(at, free).T @ objective.rows(at)

    low, high = objective.prepared.bounds
    columns = []
    for place in free:
        above, below = x.copy(), x.copy()
        above[place] = min(x[place] + STEP * error[place], high[place])
        below[place] = max(x[place] - STEP * error[place], low[place])
        columns.append((gradient(above) - gradient(below)) / (above[place] - below[place]))
    found = np.array(columns).reshape(free.size, free.size)
    return (found + found.T) / 2


def _scores(objective: Objective, x: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Derivatives of minus the log-likelihood of each group or observation, shape (units, free)."""
    prepared = objective.prepared
    each = objective.jacobian(x, free) * objective.rows(x)[:, np.newaxis]
    if prepared.effects:
        belongs = objective.groups_of_rows(len(each))
        return np.array([each[belongs == group].sum(axis=0) for group in range(len(prepared.groups))])
    count = prepared.observations
    return each[:count] + each[count : 2 * count]


def _with_covariance(
    prepared: Prepared,
    result: FitResult,
    estimates: pd.DataFrame,
    x: np.ndarray,
    covariance: np.ndarray,
    said: str,
) -> FitResult:
    error = np.sqrt(np.diag(covariance))
    reach = float(norm.ppf(0.975)) * error
    natural = np.abs(estimates["estimate"].to_numpy(float))
    logs = np.array([c.log for c in prepared.coordinates])
    table = estimates.assign(
        rse=100 * np.where(logs, error, error / np.where(natural > 0, natural, np.nan)),
        low=[c.natural(v) for c, v in zip(prepared.coordinates, x - reach, strict=True)],
        high=[c.natural(v) for c, v in zip(prepared.coordinates, x + reach, strict=True)],
    )
    numbers = {
        f"{name}_{row.parameter}": getattr(row, name)
        for row in table.itertuples()
        for name in ("rse", "low", "high")
    }
    matrices = {"covariance": covariance, "correlation": covariance / np.outer(error, error)}
    tables = {"estimates": as_columns(table)}
    for name, matrix in matrices.items():
        frame = pd.DataFrame(matrix, columns=prepared.names)
        frame.insert(0, "parameter", prepared.names)
        tables[name] = as_columns(frame)
    return result.model_copy(
        update={
            "tables": {**result.tables, **tables},
            "numbers": {**result.numbers, **plain_numbers(numbers)},
            "notes": (*result.notes, said),
        }
    )


def bootstrap(
    prepared: Prepared,
    result: FitResult,
    count: int,
    seed: Seed = 1,
    executor: Executor | None = None,
    progress: Callable[[int], object] | None = None,
) -> FitResult:
    """A result with the table `bootstrap`: estimates of data sets drawn from the data with replacement.

    With random effects groups are drawn, else observations within each arm and observable. Each data set is
    fitted from the estimates on. `estimates` gets the middle 95 % as `bootstrap_low` and `bootstrap_high`;
    a data set whose fit has not converged is in the table, and in no interval.

    Raises
    ------
    InputError
        When the result is of another fit, or fewer than two data sets are asked for.
    """
    if count < 2:
        raise InputError(f"bootstrap: at least 2 data sets, not {count}")
    x = estimates_of(prepared, result)
    rows: dict[int, tuple] = {}
    for number, row in (executor or Serial()).map(partial(_refit, prepared, x, seed), range(count)):
        rows[number] = row
        if progress:
            progress(1)
    columns = [*prepared.names, "objective", "converged"]
    table = pd.DataFrame([rows[i] for i in range(count)], columns=columns)
    good = table.loc[table["converged"], prepared.names].to_numpy(float)
    ends = np.full((2, x.size), np.nan) if len(good) < 2 else np.percentile(good, [2.5, 97.5], axis=0)
    estimates = result.table("estimates").assign(bootstrap_low=ends[0], bootstrap_high=ends[1])
    unit = "groups" if prepared.effects else "observations"
    said = f"Bootstrap of {count} data sets, {unit} drawn with replacement; {len(good)} fits converged."
    tables = {"estimates": as_columns(estimates), "bootstrap": as_columns(table)}
    return result.model_copy(update={"tables": {**result.tables, **tables}, "notes": (*result.notes, said)})


def with_carried(
    problem: FitProblem,
    folder: Path,
    prepared: Prepared,
    result: FitResult,
    count: int,
    seed: int = 1,
    executor: Executor | None = None,
    progress: Callable[[int], object] | None = None,
) -> FitResult:
    """A result whose errors hold what is open of the values that it takes from others, by `fixed_from`.

    As many draws of these are each fitted from the estimates on. The covariance is the sum of that of the
    result and, (1 + 1/m) times, that of the estimates over the m fits that converged (Rubin 1987).

    Raises
    ------
    InputError
        When the problem takes no values from others, or what they come from has no error.
    """
    if not problem.fixed_from:
        raise InputError("uncertainty: goes with fixed_from, which takes values from other results")
    x, within = estimates_of(prepared, result), result.table("covariance")[prepared.names].to_numpy(float)
    selection = select(problem.model, problem.readings, problem.condition)
    drawn_from = [
        read_estimates(folder / path, selection, names).each(count, seed + place)
        for place, (path, names) in enumerate(problem.fixed_from.items())
    ]
    variants = []
    for drawn in zip(*drawn_from, strict=True):
        changes = {name: value for each in drawn for name, value in each.changes().items()}
        update = {"changes": {**problem.changes, **changes}, "fixed_from": {}}
        variants.append(problem.model_copy(update=update))
    found = []
    for _, (place, converged) in (executor or Serial()).map(
        partial(_refit_variant, folder, prepared, x), list(enumerate(variants))
    ):
        if converged:
            found.append(place)
        if progress:
            progress(1)
    if len(found) < 2:
        raise InputError("uncertainty: fewer than two fits with drawn values converged")
    between = np.atleast_2d(np.cov(np.array(sorted(map(tuple, found))).T))
    covariance = within + (1 + 1 / len(found)) * between
    sources = ", ".join(problem.fixed_from)
    said = f"Errors hold what is open of values carried from {sources}: {len(found)} draws."
    return _with_covariance(prepared, result, result.table("estimates"), x, covariance, said)


def _refit_variant(
    folder: Path, base: Prepared, x: np.ndarray, numbered: tuple[int, FitProblem]
) -> tuple[int, tuple[np.ndarray, bool]]:
    """Estimates with other carried values from the same data, on the scales of the coordinates."""
    number, problem = numbered
    values = [arm.fixed for arm in prepare(problem, folder).arms]
    arms = tuple(replace(arm, fixed=each) for arm, each in zip(base.arms, values, strict=True))
    found = minimise(Objective(replace(base, arms=arms)), x, np.arange(x.size), "least_squares")
    return number, (found.x, found.converged)


def _refit(prepared: Prepared, x: np.ndarray, seed: int, number: int) -> tuple[int, tuple]:
    """Natural estimates of one drawn data set, its objective, and whether the fit converged."""
    drawn = _drawn(prepared, np.random.default_rng([seed, 13, number]))
    found = minimise(Objective(drawn), x, np.arange(x.size), "least_squares")
    return number, (*drawn.natural(found.x).tolist(), found.value, found.converged)


def _drawn(prepared: Prepared, rng: np.random.Generator) -> Prepared:
    if not prepared.effects:
        return replace(prepared, arms=tuple(_rows_of(arm, rng) for arm in prepared.arms))
    chosen = rng.integers(len(prepared.groups), size=len(prepared.groups))
    arms = tuple(
        replace(prepared.arms[i], group=place)
        for place, group in enumerate(chosen)
        for i in prepared.members(int(group))
    )
    return replace(prepared, arms=arms)


def _rows_of(arm: ArmData, rng: np.random.Generator) -> ArmData:
    """An arm with its observations drawn with replacement, as many of each observable."""
    places = np.arange(arm.value.size)
    for which in np.unique(arm.observable_index):
        own = np.flatnonzero(arm.observable_index == which)
        places[own] = rng.choice(own, own.size)
    names = ("error", "value", "censored", "lower", "limit", "own", "time_index", "observable_index")
    return replace(arm, **{name: getattr(arm, name)[places] for name in names})

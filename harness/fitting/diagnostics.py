"""What shows whether a fit describes its data: predictions, weighted residuals, shrinkage, simulated data.

Promise: it is computed from the prepared fit and its estimates alone, by the model and the error model that
were fitted; what is drawn depends on the seed. A censored observation has no residual, and is never taken as
its limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.stats import norm

from harness.declarations import Seed
from harness.errors import InputError
from harness.fitting.likelihood import Model
from harness.fitting.objective import Objective
from harness.fitting.prepared import Prepared
from harness.fitting.resampled import estimates_of
from harness.fitting.result import FitResult, as_columns

__all__ = ["DIAGNOSTICS", "compare_fits", "diagnose", "npde"]

DIAGNOSTICS = ("diagnostics", "shrinkage", "typical", "vpc")
"""Tables that :func:`diagnose` adds to a result."""

DataSets = Annotated[int, Field(ge=2, le=100_000)]
"""How many data sets are simulated."""

PERCENTILES = (5, 50, 95)
BINS = 12
"""Intervals of time of a visual predictive check, at most."""

SMALL = 1e-10


@dataclass(frozen=True)
class _Fitted:
    """A fit at its estimates: everything by observation, on the scale of its error."""

    objective: Objective
    x: np.ndarray
    effects: np.ndarray
    model: Model
    individual: np.ndarray
    typical: np.ndarray


def diagnose(
    prepared: Prepared,
    result: FitResult,
    replicates: DataSets = 200,
    seed: Seed = 1,
) -> FitResult:
    """A result with tables of diagnostics.

    `diagnostics` has a row an observation: PRED and IPRED, without and with the random effects; IWRES, the
    residual in standard deviations of the error; CWRES, linearised around the effects (Hooker, Staatz and
    Karlsson 2007); NPDE, of `replicates` simulated data sets (Brendel and others 2006). `shrinkage` is 1
    less the standard deviation of the effects over omega, and of IWRES (percent). `typical` has the curve of
    each arm without random effects, at the times of `predictions`. `vpc` has percentiles of
    the observations over time beside the middle 95 % of those of simulated ones, and the censored share.

    Parameters
    ----------
    prepared
        The fit that gave the result.
    replicates, seed
        Data sets that are simulated, each with effects and errors of its own, and the seed of these.

    Raises
    ------
    InputError
        When the result is of another fit.
    """
    fitted = _at_estimates(prepared, result)
    simulated = _simulated(fitted, replicates, seed)
    tables = {
        "diagnostics": _by_observation(fitted, simulated),
        "shrinkage": _shrinkage(fitted),
        "typical": _typical(fitted, result.table("predictions")),
        "vpc": _predictive(fitted, simulated),
    }
    return result.model_copy(
        update={"tables": {**result.tables, **{name: as_columns(t) for name, t in tables.items()}}}
    )


def compare_fits(results: dict[str, FitResult]) -> pd.DataFrame:
    """Fits of the same data side by side, a row each: observations, coordinates, -2LL, AIC, BIC, estimates.

    Raises
    ------
    InputError
        When they are of other data, whose likelihoods do not compare.
    """
    if len({result.checksum for result in results.values()}) > 1:
        raise InputError(f"{', '.join(results)}: are of other observations, so that they do not compare")
    rows = []
    for name, result in results.items():
        estimates = result.table("estimates")
        numbers = {each: result.number(each) for each in ("n", "k", "objective", "AIC", "BIC")}
        rows.append(
            {"fit": name, **numbers, **dict(zip(estimates.parameter, estimates.estimate, strict=True))}
        )
    table = pd.DataFrame(rows).rename(columns={"objective": "-2LL"})
    table.insert(5, "dAIC", table["AIC"] - table["AIC"].min())
    return table.sort_values("AIC", ignore_index=True, kind="stable")


def _every(prepared: Prepared) -> tuple[int, ...]:
    return tuple(range(len(prepared.arms)))


def _at_estimates(prepared: Prepared, result: FitResult) -> _Fitted:
    x = estimates_of(prepared, result)
    objective, arms = Objective(prepared), _every(prepared)
    effects = objective.effects(x)
    model = Model.of(prepared, prepared.joined(arms), prepared.natural(x))
    individual, typical = (
        model.on_scale(objective.predict(arms, x, each)) for each in (effects, np.zeros_like(effects))
    )
    return _Fitted(objective, x, effects, model, individual, typical)


def _by_observation(fitted: _Fitted, simulated: np.ndarray) -> pd.DataFrame:
    """One row an observation; values in the unit of the observable, residuals in standard deviations."""
    prepared, model = fitted.objective.prepared, fitted.model
    arms = _every(prepared)
    seen = prepared.joined(arms)
    spread = model.spread(_natural(model, fitted.individual))
    apart = np.where(seen.censored, np.nan, model.on_scale(np.where(seen.censored, 1.0, seen.value)))
    conditional, decorrelated = _over_groups(fitted, apart, spread, simulated)
    limit = np.where(np.isfinite(seen.limit), seen.limit, seen.lower)
    owners = [prepared.arms[i] for i in arms]
    return pd.DataFrame({
        "group": [prepared.groups[g] if g >= 0 else "" for g in prepared.belongs(arms)],
        "arm": np.concatenate([np.full(arm.value.size, arm.name, object) for arm in owners]),
        "observable": [prepared.errors[e].observable for e in seen.error],
        "unit": [prepared.units[prepared.errors[e].observable] for e in seen.error],
        "time": np.concatenate([arm.times[arm.time_index] for arm in owners]),
        "observed": np.where(seen.censored, limit, seen.value),
        "censored": seen.censored,
        "PRED": _natural(model, fitted.typical),
        "IPRED": _natural(model, fitted.individual),
        "IWRES": (apart - fitted.individual) / spread,
        "CWRES": conditional,
        "NPDE": decorrelated,
    })  # fmt: skip


def _over_groups(
    fitted: _Fitted, apart: np.ndarray, spread: np.ndarray, simulated: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """CWRES and NPDE of each observation; without random effects each is a group of its own."""
    prepared, arms = fitted.objective.prepared, _every(fitted.objective.prepared)
    near = fitted.objective.near(fitted.x, fitted.effects)
    slope = near.by_effects(arms, fitted.x, fitted.effects, fitted.model, spread) * spread[:, np.newaxis]
    belongs = prepared.belongs(arms) if prepared.effects else np.arange(apart.size)
    conditional, decorrelated = np.full(apart.size, np.nan), np.full(apart.size, np.nan)
    for group in np.unique(belongs):
        own = np.flatnonzero((belongs == group) & np.isfinite(apart))
        if not own.size:
            continue
        z = np.nan_to_num(slope[own])
        shift = z @ fitted.effects[group] if prepared.effects else 0.0
        expected = fitted.individual[own] - shift
        conditional[own] = _whitened(apart[own] - expected, z @ z.T + np.diag(spread[own] ** 2))
        decorrelated[own] = npde(apart[own], simulated[:, own])
    return conditional, decorrelated


def _whitened(values: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Values times the symmetric inverse root of their covariance."""
    sizes, vectors = np.linalg.eigh(covariance)
    return vectors @ ((vectors.T @ values) / np.sqrt(np.maximum(sizes, SMALL * sizes.max())))


def npde(observed: np.ndarray, simulated: np.ndarray) -> np.ndarray:
    """Normalised prediction distribution errors of n observations, from (replicates, n) simulated ones."""
    mean, count = simulated.mean(axis=0), len(simulated)
    covariance = np.cov(simulated.T).reshape(mean.size, -1)
    sizes = np.maximum(np.diag(covariance), np.finfo(float).tiny)
    root = np.linalg.cholesky(covariance + SMALL * np.diag(sizes))
    alone = np.linalg.solve(root, (observed - mean))
    others = np.linalg.solve(root, (simulated - mean).T)
    share = ((others < alone[:, np.newaxis]).sum(axis=1) + 0.5) / (count + 1)
    return norm.ppf(share)


def _simulated(fitted: _Fitted, replicates: int, seed: int) -> np.ndarray:
    """Data sets of the fit on the scale of its errors, (replicates, observations), but for failed runs."""
    prepared, rng = fitted.objective.prepared, np.random.default_rng([seed, 11])
    arms, model = _every(prepared), fitted.model
    found = np.empty((replicates, fitted.individual.size))
    for row in found:
        effects = rng.standard_normal(fitted.effects.shape)
        predicted = fitted.objective.predict(arms, fitted.x, effects) if prepared.effects else None
        centre = fitted.typical if predicted is None else model.on_scale(predicted)
        row[:] = centre + model.spread(_natural(model, centre)) * rng.standard_normal(row.size)
    return found[np.isfinite(found).all(axis=1)]


def _shrinkage(fitted: _Fitted) -> pd.DataFrame:
    prepared = fitted.objective.prepared
    arms = _every(prepared)
    seen = prepared.joined(arms)
    spread = fitted.model.spread(_natural(fitted.model, fitted.individual))
    value = fitted.model.on_scale(np.where(seen.censored, 1.0, seen.value))
    residual = np.where(seen.censored, np.nan, (value - fitted.individual) / spread)
    rows = []
    if prepared.effects:
        root = prepared.factor(fitted.x)
        in_sd = fitted.effects @ root.T / np.sqrt((root**2).sum(axis=1))
        rows += [
            (e.name, "effect", 100 * (1 - in_sd[:, k].std(ddof=1))) for k, e in enumerate(prepared.effects)
        ]
    for place, error in enumerate(prepared.errors):
        own = residual[(seen.error == place) & np.isfinite(residual)]
        if own.size > 1:
            rows.append((error.observable, "error", 100 * (1 - own.std(ddof=1))))
    return pd.DataFrame(rows, columns=["name", "kind", "shrinkage"])


def _typical(fitted: _Fitted, curves: pd.DataFrame) -> pd.DataFrame:
    """Curves of the arms without random effects, at the times of other curves of theirs."""
    none = np.zeros_like(fitted.effects)
    frames = []
    for i, arm in enumerate(fitted.objective.prepared.arms):
        times = np.unique(curves.loc[curves["arm"] == arm.name, "time"].to_numpy(float))
        found = fitted.objective.curve(i, times, fitted.x, none)
        frames += [
            pd.DataFrame({"arm": arm.name, "observable": name, "time": times, "typical": found[:, k]})
            for k, name in enumerate(arm.observables)
        ]
    return pd.concat(frames, ignore_index=True)


def _predictive(fitted: _Fitted, simulated: np.ndarray) -> pd.DataFrame:
    """Percentiles of observed and simulated values by observable and interval of time.

    An observation below its limit counts as below every number there, in data and simulations alike, so
    that a percentile that falls among these is empty; `below` is their share, in percent.
    """
    prepared, model = fitted.objective.prepared, fitted.model
    arms = _every(prepared)
    seen = prepared.joined(arms)
    times = np.concatenate([prepared.arms[i].times[prepared.arms[i].time_index] for i in arms])
    natural = _natural(model, simulated)
    upper = seen.censored & np.isfinite(seen.limit)
    rows = []
    for place, error in enumerate(prepared.errors):
        own = seen.error == place
        limit = seen.limit[own & upper].max(initial=-np.inf)
        for interval in _intervals(times[own]):
            at = own & (times >= interval[0]) & (times <= interval[1])
            value = np.where(upper[at], -np.inf, seen.value[at])
            drawn = np.where(natural[:, at] < limit, -np.inf, natural[:, at])
            below = 100 * np.isinf(value).mean(), 100 * np.isinf(drawn).mean(axis=1)
            common = (
                error.observable,
                prepared.units[error.observable],
                float(np.median(times[at])),
                at.sum(),
            )
            shares = (below[0], *np.percentile(below[1], [2.5, 97.5]))
            for level in PERCENTILES:
                each = _percentile(drawn, level)
                ends = [float(_percentile(each, end)) for end in (2.5, 50.0, 97.5)]
                observed = float(_percentile(value, level))
                rows.append((*common, level, observed, *ends, *shares))
    columns = ["observable", "unit", "time", "count", "percentile", "observed", "low", "middle", "high",
               "below", "below_low", "below_high"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns).replace(-np.inf, np.nan)


def _percentile(values: np.ndarray, level: float) -> np.ndarray:
    """Percentile along the last axis of values of which some are -inf: one of them, or the middle of two.

    As numpy's averaged_inverted_cdf, which makes nothing of infinite values.
    """
    lower = np.percentile(values, level, axis=-1, method="inverted_cdf")
    upper = -np.percentile(-values, 100 - level, axis=-1, method="inverted_cdf")
    return (lower + upper) / 2


def _natural(model: Model, value: np.ndarray) -> np.ndarray:
    """Values from the scale of their error."""
    return np.where(model.logarithmic, np.exp(np.minimum(value, 700.0)), value)


def _intervals(times: np.ndarray) -> list[tuple[float, float]]:
    """Intervals of times, parted at the widest gaps (of their roots): nominal times stay whole."""
    each = np.unique(times)
    gaps = np.diff(np.sqrt(each))
    widest = np.sort(np.argsort(-gaps, kind="stable")[: BINS - 1])
    starts, ends = each[np.r_[0, widest + 1]], each[np.r_[widest, each.size - 1]]
    return list(zip(starts.tolist(), ends.tolist(), strict=True))

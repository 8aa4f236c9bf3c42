"""Predictions of a fit with their confidence band, and its residuals, as tables."""

from __future__ import annotations

import numpy as np
import pandas as pd

from harness.fitting.information import Uncertainty
from harness.fitting.likelihood import Model, residuals
from harness.fitting.objective import Objective
from harness.fitting.prepared import Observations

__all__ = ["prediction_table", "residual_table"]

POINTS = 81
"""Times of a curve."""

BEFORE = 1 - 1e-9
"""Just before a dose, in parts of its time: a curve is drawn to there, and on from the dose."""


def prediction_table(objective: Objective, x: np.ndarray, known: Uncertainty) -> pd.DataFrame:
    """Curves of every arm with pointwise 95 % bands of the typical prediction, by the delta method.

    The band is taken on the logarithm where the curve is positive throughout, and carries the uncertainty
    of the parameters, not the scatter of observations; random effects stay at their estimates.
    """
    prepared = objective.prepared
    effects = objective.effects(x)
    places = prepared.places("parameter")
    frames = []
    for i, arm in enumerate(prepared.arms):
        moments = np.array(
            [m for m in arm.regimen.moments() if 0 < m <= arm.times[-1]] if arm.regimen else []
        )
        even = np.linspace(0, arm.times[-1], POINTS)
        times = np.unique(np.concatenate([even, arm.times, moments * BEFORE, moments]))
        curves = objective.curve(i, times, x, effects)
        near = objective.near(x, effects, at={i: times})
        for k, name in enumerate(arm.observables):
            value = curves[:, k]
            positive = bool((value[times > 0] > 0).all())

            def level(
                at: np.ndarray,
                i: int = i,
                k: int = k,
                times: np.ndarray = times,
                positive: bool = positive,
                near: Objective = near,
            ) -> np.ndarray:
                curve = near.curve(i, times, at, effects)[:, k]
                return np.log(np.maximum(curve, 1e-300)) if positive else curve

            slope = np.zeros((times.size, x.size))
            slope[:, places] = np.nan_to_num(near.differences(level, x, places))
            reach = known.reach(slope)
            reach = np.minimum(reach, 700.0) if positive else reach
            low, high = (value * np.exp(s * reach) if positive else value + s * reach for s in (-1, 1))
            frames.append(
                pd.DataFrame(
                    {
                        "arm": arm.name,
                        "group": prepared.groups[arm.group] if arm.group >= 0 else "",
                        "observable": name,
                        "unit": prepared.units[name],
                        "time": times,
                        "predicted": value,
                        "low": low,
                        "high": high,
                    }
                )
            )
    return pd.concat(frames, ignore_index=True)


def residual_table(objective: Objective, x: np.ndarray) -> pd.DataFrame:
    """One row an observation: predicted, observed, and the residual in standard deviations.

    For a censored one `observed` is the limit, or the middle of two, and the residual the root of its
    deviance.
    """
    prepared = objective.prepared
    effects, natural = objective.effects(x), prepared.natural(x)
    frames = []
    for i, arm in enumerate(prepared.arms):
        predicted = objective.predict((i,), x, effects)
        first, _ = residuals(arm, Model.of(prepared, arm, natural), predicted)
        frames.append(
            pd.DataFrame(
                {
                    "arm": arm.name,
                    "observable": [prepared.errors[e].observable for e in arm.error],
                    "time": arm.times[arm.time_index],
                    "observed": _shown(arm),
                    "censored": arm.censored,
                    "predicted": predicted,
                    "residual": first,
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def _shown(seen: Observations) -> np.ndarray:
    """Where observations are drawn: at their value, or at the limit that they lie beyond."""
    between = np.where(seen.between, [seen.lower, seen.limit], 0.0).mean(axis=0)
    beyond = np.where(np.isfinite(seen.limit), seen.limit, seen.lower)
    return np.where(seen.between, between, np.where(seen.censored, beyond, seen.value))

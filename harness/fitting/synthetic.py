"""Synthetic observations: the model at known values, random effects and noise, where no table exists.

Promise: they come from the seed, the schedule and the truth alone, and say in their source that they are
synthetic.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from harness.analysis.observations import COLUMNS
from harness.errors import InputError
from harness.fitting.prepared import ErrorSizes, Prepared
from harness.simulation.engines import engine_of

__all__ = ["Schedule", "simulate_observations"]

Schedule = Mapping[str, Mapping[str, np.ndarray]]
"""Times of the observations by arm and observable, in the model's unit, all among the times of the arm."""


def simulate_observations(
    prepared: Prepared, schedule: Schedule, truth: np.ndarray, seed: int
) -> pd.DataFrame:
    """Draw one table of observations.

    Parameters
    ----------
    prepared
        The fit, without data.
    schedule
        What is observed, and when.
    truth
        Natural values of all coordinates: parameters, sizes of errors and omegas.
    seed
        Of random effects and noise; each arm and each group has a stream of its own.

    Raises
    ------
    InputError
        When the model cannot be run at the truth.
    """
    rows = []
    scaled = np.array([c.scaled(value) for c, value in zip(prepared.coordinates, truth, strict=True)])
    drawn = np.array([
        np.random.default_rng([seed, 0, group]).standard_normal(len(prepared.effects))
        for group in range(max(len(prepared.groups), 1))
    ])  # fmt: skip
    for place, arm in enumerate(prepared.arms):
        point = prepared.points((place,), scaled, drawn)[0]
        free = {c.name: c.natural(value) for c, value in zip(prepared.varied, point, strict=True)}
        settings = {name: float(value) for name, value in {**arm.fixed, **free}.items()}
        run = engine_of(arm.program).run(settings, arm.regimen, arm.times, arm.observables)
        if not np.isfinite(run.values).all():
            raise InputError(f"synthetic data, arm {arm.name}: the model fails at the truth: {run.reason}")
        values = run.at(arm.times)
        noise = np.random.default_rng([seed, 1, place]).standard_normal(values.shape)
        for k, name in enumerate(arm.observables):
            if name not in schedule[arm.name]:
                continue
            error = next(e for e in prepared.errors if e.observable == name)
            value = _with_noise(values[:, k], noise[:, k], error, truth)
            rows += [
                (
                    name,
                    arm.name,
                    t,
                    prepared.time_unit,
                    v,
                    prepared.units[name],
                    0.0,
                    f"synthetic, seed {seed}",
                )
                for t, v in zip(arm.times, value, strict=True)
                if t in schedule[arm.name][name]
            ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _with_noise(predicted: np.ndarray, noise: np.ndarray, error: ErrorSizes, truth: np.ndarray) -> np.ndarray:
    additive, relative = error.additive.at(truth), error.relative.at(truth)
    if error.logarithmic:
        return predicted * np.exp(relative * noise)
    return predicted + noise * np.sqrt(additive**2 + (relative * predicted) ** 2)

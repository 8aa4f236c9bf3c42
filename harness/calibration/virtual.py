"""Virtual patients of draws of a posterior, the same ones in every arm, and what trials of them would show.

Promise: the patients of a draw are the same in every arm, so that a difference between arms is one of arms. A
band over draws is of what is not known; one over trials holds also how trials differ and that they are small.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from harness.analysis.response import is_responder
from harness.calibration.declared import Calibration
from harness.calibration.drawn import draw_trials
from harness.calibration.observed import RESPONSE, class_of
from harness.calibration.simulated import patient_columns
from harness.simulation.design import Design
from harness.simulation.execute import Executor
from harness.simulation.regimen import Regimen
from harness.studies.assessed import assess
from harness.studies.outcome import Progress

__all__ = ["BANDS", "VirtualArms", "banded", "simulate_arms"]

MIDDLE = (5, 50, 95)
"""Percentiles of a band."""

TRIALS = 20
"""Trials that are drawn of each draw."""

BANDS = ("median", "low", "high", "trial_low", "trial_high")
"""Columns of a number in a table: the middle and the ends of the draws, and the ends of trials."""


@dataclass(frozen=True)
class VirtualArms:
    """Outcomes of shape (draws, arms, patients), NaN, or class -1, where a run failed.

    `classes` are those of a trial; `pfs` is in months; `more` has further endpoints by name.
    """

    classes: np.ndarray
    pfs: np.ndarray
    more: Mapping[str, np.ndarray]
    failed: int
    notes: tuple[str, ...]


def simulate_arms(
    declared: Calibration,
    name: str,
    draws: pd.DataFrame,
    patients: int,
    arms: Mapping[str, float] | Mapping[str, Regimen],
    rng: np.random.Generator,
    *,
    until: str,
    endpoints: tuple[str, ...] = (),
    engine: str,
    executor: Executor,
    progress: Progress | None = None,
) -> VirtualArms:
    """Simulate `patients` of each of `draws` in every one of `arms`, which are doses or regimens."""
    values = {parameter: draws[parameter].to_numpy() for parameter in draws}
    columns = patient_columns(declared, name, values, (len(draws), patients), rng)
    shape = (len(draws), len(arms), patients)
    table = {p: np.broadcast_to(array[:, None], shape).reshape(-1) for p, array in columns.items()}
    regimens = {arm: given for arm, given in arms.items() if isinstance(given, Regimen)}
    each = np.array(list(arms) if regimens else list(arms.values()))
    table["regimen" if regimens else "dose"] = np.broadcast_to(each[:, None], shape).reshape(-1)
    seen = assess(
        declared.candidate(name).model,
        Design(pd.DataFrame(table), drawn=tuple(columns)),
        until=until,
        changes=declared.changes(name),
        endpoints=endpoints,
        regimens=regimens,
        engine=engine,
        executor=executor,
        progress=progress,
    )
    more = {endpoint: values.reshape(shape) for endpoint, values in seen.more.items()}
    return VirtualArms(
        class_of(seen.category).reshape(shape), seen.pfs.reshape(shape), more, seen.failed, seen.notes
    )


def banded(
    declared: Calibration, found: VirtualArms, size: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Every number of each arm, (arms, :data:`BANDS`), trials being of `size` patients an arm.

    `orr` and `cr` (%), `pfs` (its median, months) and the median of each further endpoint; a further endpoint
    that is a response is the share of responders (%). The effect of a trial is one for all of its arms.
    """
    of = np.repeat(np.arange(len(found.classes)), TRIALS)
    effect = declared.block.trial_sd * rng.standard_normal(len(of))
    of_draws: dict[str, list[np.ndarray]] = {}
    of_trials: dict[str, list[np.ndarray]] = {}
    for arm in range(found.classes.shape[1]):
        classes = found.classes[:, arm]
        picked, reported = draw_trials(classes[of], effect, size, declared.lapse, rng)
        values = {"pfs": found.pfs[:, arm], **{n: v[:, arm] for n, v in found.more.items()}}
        drawn = {n: np.take_along_axis(v[of], picked, axis=1) for n, v in values.items()}
        for into, seen, rest in ((of_draws, classes, values), (of_trials, reported, drawn)):
            for name, number in _numbers(seen, rest).items():
                into.setdefault(name, []).append(number)
    return {
        name: np.array([_bands(*both) for both in zip(of_draws[name], of_trials[name], strict=True)])
        for name in of_draws
    }


def _numbers(classes: np.ndarray, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Numbers of each row of patients, (rows,)."""
    known = np.maximum((classes >= 0).sum(axis=1), 1)
    numbers = {
        "orr": 100 * ((classes >= 0) & (classes < RESPONSE)).sum(axis=1) / known,
        "cr": 100 * (classes == 0).sum(axis=1) / known,
    }
    for name, each in values.items():
        if name.startswith("response_at"):
            numbers[name] = 100 * is_responder(each).sum(axis=1) / known
        else:
            numbers[name] = np.sort(each, axis=1)[:, (each.shape[1] - 1) // 2]
    return numbers


def _bands(of_draws: np.ndarray, of_trials: np.ndarray) -> tuple[float, ...]:
    low, median, high = np.nanpercentile(of_draws, MIDDLE, method="closest_observation")
    ends = np.nanpercentile(of_trials, (MIDDLE[0], MIDDLE[-1]), method="closest_observation")
    return median, low, high, *ends

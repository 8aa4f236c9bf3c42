"""Rows of a design, each assessed as a patient of a trial: best response, and when progression came.

Promise: best response and progression are those that the model declares as its endpoints, and so those of
every other study; a row whose simulation failed has no category and no PFS, and is counted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.models.units import convert
from harness.simulation.design import Design
from harness.simulation.engines import AUTO
from harness.simulation.execute import Executor
from harness.simulation.plan import plan
from harness.simulation.regimen import Regimen
from harness.simulation.run import collect
from harness.studies.outcome import Progress, count_failed

__all__ = ["Assessed", "assess"]


@dataclass(frozen=True)
class Assessed:
    """What became of each row, in the order of the design.

    Attributes
    ----------
    category
        Number of the best response, 0 the best; NaN where the simulation failed.
    pfs
        Months to progression; infinite where none came before the end, NaN where the simulation failed.
    more
        Further endpoints that were asked for, by name, in the model's units.
    failed
        How many failed.
    notes
        What to know of the run.
    """

    category: np.ndarray
    pfs: np.ndarray
    more: Mapping[str, np.ndarray]
    failed: int
    notes: tuple[str, ...]
    engine: str


def assess(
    model: str,
    design: Design,
    *,
    until: str,
    changes: Mapping[str, str] | None = None,
    endpoints: tuple[str, ...] = (),
    regimens: Mapping[str, Regimen] | None = None,
    engine: str = AUTO,
    executor: Executor | None = None,
    progress: Progress | None = None,
) -> Assessed:
    """Simulate every row and read off best response, PFS and what else is asked for.

    `regimens` are those that a column `regimen` of the design names.

    Raises
    ------
    InputError
        When the design or a change does not fit the model.
    RunFailed
        When every row failed.
    """
    planned = plan(
        model,
        design,
        endpoints=["best_response", "PFS", *endpoints],
        until=until,
        changes=dict(changes or {}),
        regimens=dict(regimens or {}),
        engine=engine,
    )
    found = collect(planned, executor, progress)
    failed = count_failed(found.status, found.reason)
    good = found.status == "ok"
    month = convert(1.0, "month", planned.symbols.time_unit, "month")
    came = found.columns["PFS"] / month
    pfs = np.where(good, np.where(np.isnan(came), np.inf, came), np.nan)
    category = np.where(good, found.columns["best_response"], np.nan)
    more = {
        name: found.columns[call.name]
        for name, call in zip(endpoints, planned.study.endpoints[2:], strict=True)
    }
    return Assessed(category, pfs, more, failed, planned.notes, planned.study.engine)

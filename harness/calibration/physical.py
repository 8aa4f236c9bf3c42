"""Whether a calibrated candidate is possible: cells, copies of DNA, the shape of kinetics, early progression.

Promise: each check is one number with a published value beside it in the panel that scores it; none of them
enters a fit but those that priors name.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.stats import spearmanr

from harness.calibration.declared import Calibration
from harness.calibration.simulated import patient_columns
from harness.calibration.stored import OfPosterior
from harness.models.units import convert
from harness.simulation.design import Design
from harness.simulation.engines import AUTO
from harness.simulation.execute import Executor
from harness.simulation.plan import plan
from harness.simulation.run import collect
from harness.studies.outcome import EngineName, Outcome, Progress, Seed, count_failed

__all__ = ["CHECKS", "Physical"]

CHECKS = (
    "sd_ln_cmax",
    "tmax",
    "half_life",
    "above_most_copies",
    "cells_95",
    "first_progression",
    "cmax_by_burden",
    "median_cmax",
)
"""Numbers of each candidate; :meth:`Physical.run` says what they are."""

LATE = (180.0, 360.0)
"""Days between which the persistent phase is read off."""

MOST_COPIES = 1 / 6.6e-6
"""Diploid genomes in 1 ug of DNA, 6.6 pg each: copies/ug with one vector copy in every cell there is."""


class Physical(OfPosterior):
    """Virtual patients of each candidate, each with parameters of a draw of its posterior.

    Attributes
    ----------
    patients
        Of each, at either dose.
    dose, low
        Cells: of the kinetics, and of the first progression.
    """

    kind: Literal["physical"] = "physical"
    patients: int = Field(default=300, ge=10, le=100_000)
    dose: float = Field(default=450e6, ge=1)
    low: float = Field(default=50e6, ge=1)
    seed: Seed = 1
    engine: EngineName = AUTO

    def number_names(self) -> tuple[str, ...]:
        return (*(f"{check}_{name}" for name in self.names(self.read()) for check in CHECKS), "failed")

    def size(self) -> int:
        return 2 * self.patients * len(self.names(self.read()))

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        """Simulate and read off: table `checks`, one row a candidate, one column a check.

        `sd_ln_cmax`; `median_cmax` (copies/ug); `tmax` (days, median); `half_life` of the transgene between
        days 180 and 360 (days, median of those in whom it falls); `above_most_copies`, percent of
        patients above one copy in every genome; `cells_95`, 95th percentile of the highest number of CAR-T
        cells in the body; `first_progression` at the low dose (months); `cmax_by_burden`, rank correlation.
        """
        declared = self.read()
        rows: list[dict[str, float]] = []
        labels: list[tuple[str, str]] = []
        failed = 0
        notes: dict[str, None] = {}
        for name in self.names(declared):
            row, lost, said = self._check(declared, name, executor, progress)
            rows.append(row)
            labels.append((name, declared.candidate(name).label))
            failed += lost
            notes |= dict.fromkeys(said)
        table = pd.concat([pd.DataFrame(labels, columns=["candidate", "label"]), pd.DataFrame(rows)], axis=1)
        numbers = {
            f"{check}_{name}": row[check]
            for (name, _), row in zip(labels, rows, strict=True)
            for check in CHECKS
        }
        numbers["failed"] = float(failed)
        return Outcome(numbers, {"checks": table}, self.size(), failed, tuple(notes))

    def _check(
        self,
        declared: Calibration,
        name: str,
        executor: Executor,
        progress: Progress | None,
    ) -> tuple[dict[str, float], int, tuple[str, ...]]:
        rng = np.random.default_rng(self.seed)
        chosen = self.some_draws(declared, name, self.patients, rng)
        values = {parameter: chosen[parameter].to_numpy() for parameter in chosen}
        columns = patient_columns(declared, name, values, (self.patients,), rng)
        doses = np.repeat([self.dose, self.low], self.patients)
        table = pd.DataFrame(columns)
        planned = plan(
            declared.candidate(name).model,
            Design(pd.concat([table, table], ignore_index=True).assign(dose=doses)),
            endpoints=["Cmax", "Tmax", "PFS", "highest(cart_cells)", "highest(transgene, start=1)"],
            at=LATE,
            observables=["transgene"],
            until="14 months",
            changes=dict(declared.changes(name)),
            engine=self.engine,
        )
        found = collect(planned, executor, progress)
        lost = count_failed(found.status, found.reason)
        high = slice(0, self.patients)
        cmax, tmax = found.columns["Cmax"][high], found.columns["Tmax"][high]
        cells, copies = (found.columns[call.name][high] for call in planned.study.endpoints[3:])
        early, late = (found.columns[f"transgene_{day:g}"][high] for day in LATE)
        rate = np.log(early / late) / (LATE[1] - LATE[0])
        peaked = np.isfinite(cmax)
        spread = "Tumor_0" in table and peaked.sum() > 2
        month = convert(1.0, "month", planned.symbols.time_unit, "month")
        return (
            {
                "sd_ln_cmax": float(np.nanstd(np.log(cmax), ddof=1)),
                "median_cmax": float(np.nanmedian(cmax)),
                "tmax": float(np.nanmedian(tmax)),
                "half_life": float(np.nanmedian(np.log(2) / rate[rate > 0])) if (rate > 0).any() else np.nan,
                "above_most_copies": float(100 * np.nanmean(copies > MOST_COPIES)),
                "cells_95": float(np.nanpercentile(cells, 95)),
                "first_progression": float(np.nanmin(found.columns["PFS"][self.patients :]) / month),
                "cmax_by_burden": float(spearmanr(cmax[peaked], table["Tumor_0"][peaked])[0])
                if spread
                else np.nan,
            },
            lost,
            planned.notes,
        )

"""Whether a calibrated candidate is possible: cells, copies of DNA, the shape of kinetics, early progression.

Promise: each check is one number with a published value beside it in the panel that scores it; none of them
enters a fit but those that priors name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field
from scipy.stats import spearmanr

from harness.calibration.declared import Calibration
from harness.calibration.simulated import patient_columns
from harness.calibration.stored import OfPosterior
from harness.declarations import Seed
from harness.models.units import convert
from harness.simulation.design import Design
from harness.simulation.engines import AUTO
from harness.simulation.execute import Executor
from harness.simulation.plan import plan
from harness.simulation.run import collect
from harness.studies.outcome import EngineName, Outcome, Progress, count_failed

__all__ = ["CHECKS", "Physical"]

CHECKS = (
    "sd_ln_cmax",
    "tmax",
    "half_life",
    "above_most_copies",
    "above_most_copies_of_5",
    "cells_95",
    "first_progression",
    "cmax_by_burden",
    "median_cmax",
    "highest_in_blood",
    "highest_by_bridge",
)
"""Numbers of each candidate; :meth:`Physical.run` says what they are."""

LATE = (180.0, 360.0)
"""Days between which the persistent phase is read off."""

DNA = 6.6e-6
"""Micrograms of DNA in a diploid cell, 6.6 pg."""

MOST_COPIES = 1 / DNA
"""Diploid genomes in 1 ug of DNA: copies/ug with one vector copy in every cell there is."""

VECTOR_COPIES = (1.0, 2.0, 5.0)
WHITE_CELLS = (1000.0, 3000.0, 10_000.0)
"""Vector copies in a CAR-T cell, and white cells/uL beside them, that the bridge sweeps: assumed, since
neither is published with the model."""


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
        """Simulate and read off.

        Returns
        -------
        Outcome
            Table `checks`, one row a candidate: `sd_ln_cmax`; `median_cmax` (copies/ug); `tmax` (days,
            median); `half_life` of the transgene between days 180 and 360 (days, median of those in whom it
            falls); `above_most_copies`, percent of patients above one copy in every genome, and
            `above_most_copies_of_5` above five; `cells_95`, 95th percentile of the highest number of CAR-T
            cells in the body; `first_progression` at the low dose (months); `cmax_by_burden`, rank
            correlation, NaN without a spread of burden; `highest_in_blood` (cells/uL, median);
            `highest_by_bridge` (copies/ug), what those cells are with one vector copy each and 3000 white
            cells/uL beside them. Table `bridge` sweeps that: candidate, vector copies, white cells, `copies`
            by the bridge and `as_published` by TransC (copies/ug), and `above` (%), patients with more
            published copies than all genomes could carry.
        """
        declared = self.read()
        rows: list[dict[str, float]] = []
        bridges: list[pd.DataFrame] = []
        labels: list[tuple[str, str]] = []
        failed = 0
        notes: dict[str, None] = {}
        for name in self.names(declared):
            row, bridge, lost, said = self._check(declared, name, executor, progress)
            rows.append(row)
            bridges.append(bridge.assign(candidate=name))
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
        return Outcome(
            numbers, {"checks": table, "bridge": pd.concat(bridges)}, self.size(), failed, tuple(notes)
        )

    def _check(
        self,
        declared: Calibration,
        name: str,
        executor: Executor,
        progress: Progress | None,
    ) -> tuple[dict[str, float], pd.DataFrame, int, tuple[str, ...]]:
        rng = np.random.default_rng(self.seed)
        chosen = self.some_draws(declared, name, self.patients, rng)
        values = {parameter: chosen[parameter].to_numpy() for parameter in chosen}
        columns = patient_columns(declared, name, values, (self.patients,), rng)
        doses = np.repeat([self.dose, self.low], self.patients)
        table = pd.DataFrame(columns)
        planned = plan(
            declared.candidate(name).model,
            Design(pd.concat([table, table], ignore_index=True).assign(dose=doses), drawn=tuple(columns)),
            endpoints=[
                *("Cmax", "Tmax", "PFS", "highest(cart_cells)"),
                *("highest(transgene, start=1)", "highest(blood_cart, start=1)"),
            ],
            at=LATE,
            observables=["transgene"],
            until="14 months",
            changes=dict(declared.changes(name)),
            engine=self.engine,
        )
        found = collect(planned, executor, progress)
        lost = count_failed(found.status, found.reason)
        high = slice(0, self.patients)
        seen = {name: found.columns[name][high] for name in ("Cmax", "Tmax")}
        names = ("cells", "copies", "blood")
        for called, call in zip(names, planned.study.endpoints[3:], strict=True):
            seen[called] = found.columns[call.name][high]
        seen |= {f"day_{day:g}": found.columns[f"transgene_{day:g}"][high] for day in LATE}
        month = convert(1.0, "month", planned.symbols.time_unit, "month")
        seen["pfs_low"] = found.columns["PFS"][self.patients :] / month
        burden = columns.get("Tumor_0", np.ones(self.patients))
        return _checks(seen, burden), _bridge(seen), lost, planned.notes


def _checks(seen: Mapping[str, np.ndarray], burden: np.ndarray) -> dict[str, float]:
    """Every check, from what was seen of the patients, (patients,)."""
    cmax, peaked = seen["Cmax"], np.isfinite(seen["Cmax"])
    early, late = (seen[f"day_{day:g}"] for day in LATE)
    rate = np.log(early / late) / (LATE[1] - LATE[0])
    spread = np.ptp(burden) > 0 and peaked.sum() > 2
    return {
        "sd_ln_cmax": float(np.nanstd(np.log(cmax), ddof=1)),
        "tmax": float(np.nanmedian(seen["Tmax"])),
        "half_life": float(np.nanmedian(np.log(2) / rate[rate > 0])) if (rate > 0).any() else np.nan,
        "above_most_copies": _above(seen["copies"], 1),
        "above_most_copies_of_5": _above(seen["copies"], 5),
        "cells_95": float(np.nanpercentile(seen["cells"], 95)),
        "first_progression": float(np.nanmin(seen["pfs_low"])),
        "cmax_by_burden": float(spearmanr(cmax[peaked], burden[peaked])[0]) if spread else np.nan,
        "median_cmax": float(np.nanmedian(cmax)),
        "highest_in_blood": float(np.nanmedian(seen["blood"])),
        "highest_by_bridge": _bridged(seen["blood"], 1.0, 3000.0),
    }


def _bridge(seen: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """The bridge from cells to copies over what it assumes."""
    published = float(np.nanmedian(seen["copies"]))
    rows = [
        (n, white, _bridged(seen["blood"], n, white), published, _above(seen["copies"], n))
        for n in VECTOR_COPIES
        for white in WHITE_CELLS
    ]
    return pd.DataFrame(rows, columns=["vector_copies", "white_cells", "copies", "as_published", "above"])


def _above(copies: np.ndarray, vector_copies: float) -> float:
    """Percent of patients with more copies/ug than that many in every genome."""
    return float(100 * np.mean(copies[np.isfinite(copies)] > MOST_COPIES * vector_copies))


def _bridged(blood: np.ndarray, vector_copies: float, white_cells: float) -> float:
    """Copies/ug that the median of highest numbers in blood (cells/uL) is, in the DNA of all white cells."""
    cells = float(np.nanmedian(blood))
    return vector_copies * cells / ((cells + white_cells) * DNA)

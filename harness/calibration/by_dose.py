"""Response, PFS and Cmax by dose under the posterior of each candidate, and where the plateau begins.

Promise: the patients of a draw are the same at every dose, so that a difference between doses is one of dose.
A threshold is the dose at 90 % of the response at the highest dose; where every dose has that, it lies below.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from harness.analysis.response import is_responder
from harness.calibration.declared import Calibration
from harness.calibration.simulated import patient_columns
from harness.calibration.stored import OfPosterior
from harness.simulation.design import Design
from harness.simulation.engines import AUTO
from harness.simulation.execute import Executor
from harness.studies.assessed import assess
from harness.studies.outcome import EngineName, Outcome, Progress, Seed

__all__ = ["ByDose", "threshold"]

PLATEAU = 0.9
"""Share of the response at the highest dose that makes a threshold."""

MIDDLE = (5, 50, 95)


class ByDose(OfPosterior):
    """Each candidate over doses.

    Attributes
    ----------
    doses
        Cells, ascending.
    draws, patients
        Draws of the posterior, and virtual patients of each at every dose.
    """

    kind: Literal["by_dose"] = "by_dose"
    doses: tuple[float, ...]
    draws: int = Field(default=20, ge=2, le=1000)
    patients: int = Field(default=50, ge=10, le=100_000)
    until: str = "24 months"
    seed: Seed = 1
    engine: EngineName = AUTO

    @field_validator("doses")
    @classmethod
    def _doses_ascend(cls, doses: tuple[float, ...]) -> tuple[float, ...]:
        if len(doses) < 2 or min(doses) < 1 or any(b <= a for a, b in pairwise(doses)):
            raise ValueError("expected two or more doses of at least one cell, ascending")
        return doses

    def number_names(self) -> tuple[str, ...]:
        names = self.names(self.read())
        return (
            *(f"{number}_{name}" for name in names for number in ("rise", "threshold", "threshold_below")),
            "failed",
        )

    def size(self) -> int:
        return self.draws * self.patients * len(self.doses) * len(self.names(self.read()))

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        """Simulate and read off.

        Returns
        -------
        Outcome
            Table `by_dose`: candidate, outcome (orr and cr in percent; pfs, its median in months; cmax in
            copies/ug, median), dose, and median, low and high over draws, the middle 90 %; `thresholds`.
            Numbers of each candidate: `rise`, ORR of the highest dose less that of the lowest, in points;
            `threshold` (cells), the median over draws; `threshold_below`, percent of draws in which it
            lies below the lowest dose.
        """
        declared = self.read()
        tables, found, failed = [], [], 0
        numbers: dict[str, float] = {}
        notes: dict[str, None] = {}
        for name in self.names(declared):
            rates, lost, said = self._of(declared, name, executor, progress)
            failed += lost
            notes |= dict.fromkeys(said)
            label = declared.candidate(name).label
            for outcome, values in rates.items():
                for place, dose in enumerate(self.doses):
                    low, median, high = np.nanpercentile(
                        values[:, place], MIDDLE, method="closest_observation"
                    )
                    tables.append((name, label, outcome, dose, median, low, high))
            each = np.array([threshold(self.doses, orr) for orr in rates["orr"]])
            below = 100 * float((each <= self.doses[0]).mean())
            low, median, high = np.percentile(each, MIDDLE, method="closest_observation")
            found.append((name, label, median, low, high, below))
            numbers |= {
                f"rise_{name}": float(np.median(rates["orr"][:, -1] - rates["orr"][:, 0])),
                f"threshold_{name}": float(median),
                f"threshold_below_{name}": below,
            }
        columns = ["candidate", "label", "outcome", "dose", "median", "low", "high"]
        framed = {
            "by_dose": pd.DataFrame(tables, columns=columns),
            "thresholds": pd.DataFrame(
                found, columns=["candidate", "label", "median", "low", "high", "below_lowest"]
            ),
        }
        return Outcome({**numbers, "failed": float(failed)}, framed, self.size(), failed, tuple(notes))

    def _of(
        self, declared: Calibration, name: str, executor: Executor, progress: Progress | None
    ) -> tuple[dict[str, np.ndarray], int, tuple[str, ...]]:
        """Each outcome of a candidate, (draws, doses)."""
        draws = self.draws_of(declared, name)
        rng = np.random.default_rng(self.seed)
        chosen = draws.iloc[rng.choice(len(draws), self.draws, replace=self.draws > len(draws))]
        values = {parameter: chosen[parameter].to_numpy() for parameter in chosen}
        columns = patient_columns(declared, name, values, (self.draws, self.patients), rng)
        shape = (self.draws, self.patients, len(self.doses))
        table = {p: np.broadcast_to(array[..., None], shape).reshape(-1) for p, array in columns.items()}
        table["dose"] = np.broadcast_to(np.array(self.doses), shape).reshape(-1)
        seen = assess(
            declared.candidate(name).model,
            Design(pd.DataFrame(table)),
            until=self.until,
            changes=declared.changes(name),
            endpoints=("Cmax",),
            engine=self.engine,
            executor=executor,
            progress=progress,
        )
        category, pfs, cmax = (a.reshape(shape) for a in (seen.category, seen.pfs, seen.more["Cmax"]))
        known = np.maximum((~np.isnan(category)).sum(axis=1), 1)
        rates = {
            "orr": 100 * is_responder(np.where(np.isnan(category), np.inf, category)).sum(axis=1) / known,
            "cr": 100 * (category == 0).sum(axis=1) / known,
            "pfs": np.sort(pfs, axis=1)[:, (self.patients - 1) // 2],
            "cmax": np.nanmedian(cmax, axis=1),
        }
        return rates, seen.failed, seen.notes


def threshold(doses: tuple[float, ...], rates: np.ndarray) -> float:
    """Dose from which on a rate keeps `PLATEAU` of that at the highest dose, by ln dose between doses.

    The lowest dose where all have it.
    """
    short = np.flatnonzero(rates < PLATEAU * rates[-1])
    if not short.size:
        return float(doses[0])
    i = int(short[-1])
    share = (PLATEAU * rates[-1] - rates[i]) / (rates[i + 1] - rates[i])
    return float(np.exp(np.interp(share, (0, 1), np.log(doses[i : i + 2]))))

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

from harness.calibration.observed import RESPONSE
from harness.calibration.stored import OfPosterior
from harness.calibration.virtual import BANDS, banded, simulate_arms
from harness.declarations import Seed
from harness.simulation.engines import AUTO
from harness.simulation.execute import Executor
from harness.studies.outcome import EngineName, Outcome, Progress

__all__ = ["ByDose", "threshold"]

PLATEAU = 0.9
"""Share of the response at the highest dose that makes a threshold."""

FLAT = 5.0
"""Points of response over all doses below which nothing is a plateau to rise to."""

MIDDLE = (5, 50, 95)


class ByDose(OfPosterior):
    """Each candidate over doses.

    Attributes
    ----------
    doses
        Cells, ascending.
    draws, patients
        Draws of the posterior, and virtual patients of each at every dose.
    trial_size
        Patients at each dose of the trials that a band is of.
    """

    kind: Literal["by_dose"] = "by_dose"
    doses: tuple[float, ...]
    draws: int = Field(default=20, ge=2, le=1000)
    patients: int = Field(default=50, ge=10, le=100_000)
    trial_size: int = Field(default=30, ge=1, le=10_000)
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
            copies/ug, median), dose, median, `low` and `high`, the middle 90 % of the draws, `trial_low` and
            `trial_high`, that of trials of `trial_size` patients at each dose; `thresholds`, with the shares
            of draws in percent in which it lies below the lowest dose, and in which the response rises by
            less than `FLAT` points, so that there is none.
            Numbers of each candidate: `rise`, ORR of the highest dose less that of the lowest, in points;
            `threshold` (cells), the median over draws; `threshold_below`, percent of draws in which it
            lies below the lowest dose.
        """
        declared = self.read()
        tables, found, failed = [], [], 0
        numbers: dict[str, float] = {}
        notes: dict[str, None] = {}
        for name in self.names(declared):
            rng = np.random.default_rng(self.seed)
            seen = simulate_arms(
                declared,
                name,
                self.some_draws(declared, name, self.draws, rng),
                self.patients,
                {f"{dose:g}": dose for dose in self.doses},
                rng,
                until=self.until,
                endpoints=("Cmax",),
                engine=self.engine,
                executor=executor,
                progress=progress,
            )
            failed += seen.failed
            notes |= dict.fromkeys(seen.notes)
            label = declared.candidate(name).label
            for outcome, rows in banded(declared, seen, self.trial_size, rng).items():
                for dose, row in zip(self.doses, rows, strict=True):
                    tables.append((name, label, outcome.lower(), dose, *row))
            known = np.maximum((seen.classes >= 0).sum(axis=2), 1)
            orr = 100 * ((seen.classes >= 0) & (seen.classes < RESPONSE)).sum(axis=2) / known
            rise = orr[:, -1] - orr[:, 0]
            each = np.array([threshold(self.doses, rates) for rates in orr])
            below, flat = 100 * float((each <= self.doses[0]).mean()), 100 * float((rise < FLAT).mean())
            low, median, high = np.percentile(each, MIDDLE, method="closest_observation")
            found.append(
                (name, label, median, low, high, below, flat, *np.percentile(rise, MIDDLE)[[1, 0, 2]])
            )
            numbers |= {
                f"rise_{name}": float(np.median(rise)),
                f"threshold_{name}": float(median),
                f"threshold_below_{name}": below,
            }
        of_thresholds = ["median", "low", "high", "below_lowest", "flat", "rise", "rise_low", "rise_high"]
        framed = {
            "by_dose": pd.DataFrame(tables, columns=["candidate", "label", "outcome", "dose", *BANDS]),
            "thresholds": pd.DataFrame(found, columns=["candidate", "label", *of_thresholds]),
        }
        return Outcome({**numbers, "failed": float(failed)}, framed, self.size(), failed, tuple(notes))


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

"""Regimens under the posterior of each candidate, and what trials of them would say of the candidates.

Promise: the patients of a draw are the same under every regimen. A trial of a design is drawn from some draws
of a candidate and judged by others, so that no candidate knows the parameters it was drawn with; what counts
is the classes of response alone.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from harness.calibration.declared import Calibration
from harness.calibration.designs import EFFECTS, design_rows
from harness.calibration.drawn import class_chances
from harness.calibration.stored import OfPosterior
from harness.calibration.virtual import BANDS, VirtualArms, banded, simulate_arms
from harness.declarations import Seed
from harness.errors import unknown_name
from harness.models.catalog import load_card
from harness.models.units import convert
from harness.simulation.declared_regimens import DeclaredRegimen, declared_regimen
from harness.simulation.engines import AUTO
from harness.simulation.execute import Executor
from harness.studies.outcome import EngineName, Outcome, Progress
from harness.studies.virtual_patients import CHANGE

__all__ = ["Regimens"]


class Regimens(OfPosterior):
    """Each candidate under several regimens.

    Attributes
    ----------
    arms
        Regimens by name.
    months
        At which the share in response is read off, against baseline, whatever was before.
    draws, patients
        Draws of the posterior, and virtual patients of each under every regimen.
    trial_size
        Patients of an arm of the trials that a band is of.
    designs
        Trials that could decide between the candidates, by name: patients of each arm.
    trials
        How many are drawn of each design and candidate.
    """

    kind: Literal["regimens"] = "regimens"
    arms: dict[str, DeclaredRegimen]
    months: tuple[float, ...] = (12, 24)
    draws: int = Field(default=16, ge=4, le=1000)
    patients: int = Field(default=50, ge=10, le=100_000)
    trial_size: int = Field(default=30, ge=1, le=10_000)
    designs: dict[str, dict[str, int]] = {}
    trials: int = Field(default=200, ge=2, le=10_000)
    until: str = "25 months"
    seed: Seed = 1
    engine: EngineName = AUTO

    @model_validator(mode="after")
    def _designs_are_of_arms(self) -> Regimens:
        if not self.arms:
            raise ValueError("expected one arm or more")
        for name, design in self.designs.items():
            for arm, patients in design.items():
                if arm not in self.arms:
                    raise ValueError(f"designs: {name}: {unknown_name('arm', arm, self.arms)}")
                if patients < 1:
                    raise ValueError(f"designs: {name}: {arm}: {patients} patients")
        return self

    def number_names(self) -> tuple[str, ...]:
        names = self.names(self.read())
        return (*(f"orr_{arm}_{name}" for name in names for arm in self.arms), "failed")

    def size(self) -> int:
        return self.draws * self.patients * len(self.arms) * len(self.names(self.read()))

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        """Simulate and read off.

        Returns
        -------
        Outcome
            Tables: `regimens`, one row a candidate, arm and outcome (orr, cr and response_MONTH in percent;
            pfs, its median in months; cmax, median), with the bands of :func:`banded`; `designs`, one row a
            design, candidate that trials are drawn from and candidate that they are held against: the log
            evidence of the first over the second that is expected, and the share of trials (%) in which it
            is beyond that of 20 to 1.
        """
        declared = self.read()
        rows: list[tuple] = []
        chances: dict[str, np.ndarray] = {}
        numbers: dict[str, float] = {}
        notes: dict[str, None] = {}
        failed = 0
        for name in self.names(declared):
            rng = np.random.default_rng(self.seed)
            seen, calls = self._simulate(declared, name, rng, executor, progress)
            failed += seen.failed
            notes |= dict.fromkeys(seen.notes)
            label = declared.candidate(name).label
            for outcome, bands in banded(declared, seen, self.trial_size, rng).items():
                for arm, row in zip(self.arms, bands, strict=True):
                    rows.append((name, label, arm, calls.get(outcome, outcome), *row))
                    if outcome == "orr":
                        numbers[f"orr_{arm}_{name}"] = row[0]
            effects = declared.block.trial_sd * EFFECTS
            shape = seen.classes.shape[:2]
            of_effects = [class_chances(seen.classes, np.full(shape, e), declared.lapse) for e in effects]
            chances[name] = np.stack(of_effects)
        tables = {
            "regimens": pd.DataFrame(rows, columns=["candidate", "label", "arm", "outcome", *BANDS]),
            "designs": design_rows(
                {
                    name: {list(self.arms).index(arm): n for arm, n in design.items()}
                    for name, design in self.designs.items()
                },
                chances,
                {name: declared.candidate(name).label for name in chances},
                self.trials,
                self.seed,
            ),
        }
        return Outcome({**numbers, "failed": float(failed)}, tables, self.size(), failed, tuple(notes))

    def _simulate(
        self,
        declared: Calibration,
        name: str,
        rng: np.random.Generator,
        executor: Executor,
        progress: Progress | None,
    ) -> tuple[VirtualArms, dict[str, str]]:
        """What becomes of the patients of a candidate, and what each endpoint is called in the tables."""
        symbols = load_card(declared.candidate(name).model).symbols
        calls = {"Cmax": "cmax"}
        for month in self.months:
            day = convert(month, "month", "day", "month")  # what the endpoint asks for
            calls[f"response_at({CHANGE}, day={day!r})"] = f"response_{month:g}"
        seen = simulate_arms(
            declared,
            name,
            self.some_draws(declared, name, self.draws, rng),
            self.patients,
            {arm: declared_regimen(arm, given, symbols) for arm, given in self.arms.items()},
            rng,
            until=self.until,
            endpoints=tuple(calls),
            engine=self.engine,
            executor=executor,
            progress=progress,
        )
        return seen, calls

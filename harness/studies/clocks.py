"""Why a dose matters or does not: the delay of a typical patient by dose, and response under several spreads.

Promise: the same virtual patients at every dose of a case. What differs between cases stands in the
declaration alone: a model, values for everybody, and spreads over those of the published population.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from harness.analysis.response import is_responder
from harness.declarations import Declaration, Seed
from harness.errors import InputError
from harness.models.catalog import load_card
from harness.models.provenance import omegas_of
from harness.simulation.design import Design
from harness.simulation.engines import AUTO
from harness.simulation.execute import Executor
from harness.simulation.made_designs import grid, random_effects
from harness.simulation.plan import plan
from harness.simulation.run import collect
from harness.studies.assessed import assess
from harness.studies.outcome import EngineName, Outcome, Progress, StudyDeclaration

__all__ = ["ClockCase", "Clocks"]

LEAST = 1.0
"""Cells of the smallest dose that can be given."""


class ClockCase(Declaration):
    """One population: a model, values for everybody, spreads beside the published ones.

    `engraftment` is the omega of a log-normal factor of the dose: the share of the cells that take.
    """

    label: str
    model: str = "clinical"
    changes: dict[str, str] = {}
    omegas: dict[str, float] = {}
    engraftment: float = Field(default=0.0, ge=0, le=10)


class Clocks(StudyDeclaration):
    """A typical patient, and several populations, over doses.

    Attributes
    ----------
    doses
        Cells, ascending; both the delay and the responses are over all of them.
    cases
        Populations by name; the first is that of the typical patient.
    patients
        Virtual patients of each case at each dose.
    until
        End of the follow-up.
    """

    kind: Literal["clocks"]
    doses: tuple[float, ...]
    cases: dict[str, ClockCase]
    patients: int = Field(default=200, ge=1, le=100_000)
    until: str = "12 months"
    seed: Seed = 1
    engine: EngineName = AUTO

    @field_validator("doses")
    @classmethod
    def _doses_ascend(cls, doses: tuple[float, ...]) -> tuple[float, ...]:
        if len(doses) < 2 or min(doses) < LEAST or any(b <= a for a, b in pairwise(doses)):
            raise ValueError("expected two or more doses of at least one cell, ascending")
        return doses

    @field_validator("cases")
    @classmethod
    def _there_is_a_case(cls, cases: dict[str, ClockCase]) -> dict[str, ClockCase]:
        if not cases:
            raise ValueError("expected one case or more")
        return cases

    def number_names(self) -> tuple[str, ...]:
        return (
            "days_per_efold",
            "days_per_efold_expected",
            "cmax_fold",
            *(f"rise_{name}" for name in self.cases),
            "failed",
        )

    def size(self) -> int:
        return len(self.doses) * (1 + self.patients * len(self.cases))

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        """Simulate and read off.

        Returns
        -------
        Outcome
            Tables `typical`, one row a dose (Cmax, Tmax in the model's units), and `responses`, one row a
            case and dose: percent of responders. Numbers: `days_per_efold`, the fall of Tmax for e times the
            dose; `days_per_efold_expected`, one over the net rate of expansion; `cmax_fold`; `rise_CASE`, the
            ORR of the highest dose less that of the lowest, in points.
        """
        typical, notes = self._typical(executor, progress)
        rows, failed = [], 0
        for name, case in self.cases.items():
            found = assess(
                case.model,
                self._design(name, case),
                until=self.until,
                changes=case.changes,
                engine=self.engine,
                executor=executor,
                progress=progress,
            )
            failed += found.failed
            notes |= dict.fromkeys(found.notes)
            of_dose = found.category.reshape(self.patients, -1).T
            for dose, category in zip(self.doses, of_dose, strict=True):
                known = category[~np.isnan(category)]
                rows.append((name, case.label, dose, known.size, 100 * is_responder(known).mean()))
        responses = pd.DataFrame(rows, columns=["case", "label", "dose", "patients", "orr"])
        tables = {"typical": typical, "responses": responses}
        numbers = {**self._numbers(typical, responses), "failed": float(failed)}
        return Outcome(numbers, tables, self.size(), failed, tuple(notes))

    def _typical(self, executor: Executor, progress: Progress | None) -> tuple[pd.DataFrame, dict[str, None]]:
        case = next(iter(self.cases.values()))
        planned = plan(
            case.model, grid(dose=self.doses), endpoints=["Cmax", "Tmax"], changes=dict(case.changes)
        )
        found = collect(planned, executor, progress)
        table = {"dose": self.doses, "Cmax": found.columns["Cmax"], "Tmax": found.columns["Tmax"]}
        return pd.DataFrame(table), dict.fromkeys(planned.notes)

    def _design(self, name: str, case: ClockCase) -> Design:
        """The patients of a case, each at every dose, times what of it takes."""
        card = load_card(case.model)
        omegas = {**omegas_of(card), **case.omegas}
        for parameter in omegas:
            card.symbols.require_settable(parameter)
        if doubled := sorted(set(case.changes) & set(omegas)):
            raise InputError(f"cases: {name}: {', '.join(doubled)} is varied; it has no one value")
        typical = {parameter: card.symbols[parameter].value for parameter in omegas}
        design = random_effects(typical, omegas, self.patients, self.seed) * grid(dose=self.doses)
        random = np.random.default_rng([self.seed, len(omegas)])
        takes = np.exp(case.engraftment * random.standard_normal(self.patients))
        doses = np.maximum(design.table["dose"] * takes.repeat(len(self.doses)), LEAST)
        return replace(design, table=design.table.assign(dose=doses))

    def _numbers(self, typical: pd.DataFrame, responses: pd.DataFrame) -> dict[str, float]:
        symbols = load_card(next(iter(self.cases.values())).model).symbols
        net = symbols["K_exp_max"].value - symbols["K_21"].value
        slope = np.polyfit(np.log(typical["dose"]), typical["Tmax"], 1)[0]
        by_case = responses.set_index(["case", "dose"])["orr"]
        rises = {f"rise_{n}": by_case[n, self.doses[-1]] - by_case[n, self.doses[0]] for n in self.cases}
        return {
            "days_per_efold": -float(slope),
            "days_per_efold_expected": 1 / net,
            "cmax_fold": float(typical["Cmax"].max() / typical["Cmax"].min()),
            **rises,
        }

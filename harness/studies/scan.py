"""A scan: one model over a grid of parameters and a list of conditions, endpoints for each.

Promise: one row for every combination, in the order declared, whatever the executor; a run that failed is a
row with its status and NaN.
"""

from __future__ import annotations

import math
from typing import Literal

import pandas as pd

from harness.errors import unknown_name
from harness.models.catalog import Selection, select
from harness.models.provenance import omegas_of
from harness.simulation.engines import ROADRUNNER
from harness.simulation.execute import Executor
from harness.simulation.made_designs import grid, parse_axis
from harness.simulation.plan import Plan, plan
from harness.simulation.run import Summary, run
from harness.studies.outcome import EngineName, Outcome, Progress, StudyDeclaration, refuse_set_twice

__all__ = ["Scan"]


class Scan(StudyDeclaration):
    """Endpoints over a grid.

    `grid` holds axes as ``cart scan`` takes them (``0.5:20:log:25`` or ``1,2,5``); `changes` are set in
    every run, which `engine` runs as for every study. `deviations` moves parameters by so many of their
    omegas, those of ``parameters.csv``, on the logarithmic scale: -1 and 1 are the edges of a band. The table
    `runs` has the columns condition, one an axis, one an endpoint, status and reason.
    """

    kind: Literal["scan"] = "scan"
    model: str
    readings: tuple[str, ...] = ()
    conditions: tuple[str | None, ...] = (None,)
    grid: dict[str, str]
    endpoints: tuple[str, ...]
    changes: dict[str, str] = {}
    deviations: dict[str, float] = {}
    until: str | None = None
    engine: EngineName = ROADRUNNER

    def number_names(self) -> tuple[str, ...]:
        return ()

    def size(self) -> int:
        return sum(len(planned) for _, planned in self._plans())

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        tables, failed = [], 0
        notes: dict[str, None] = {}
        engines: dict[str, None] = {}
        for condition, planned in self._plans():
            notes |= dict.fromkeys(planned.notes)
            found = run(planned, executor, progress)
            engines[planned.study.engine] = None
            failed += sum(n for status, n in Summary.of(found).by_status.items() if status != "ok")
            table = found.to_dataframe().rename(columns=lambda name: name.removeprefix("design_"))
            tables.append(table.assign(condition=condition or ""))
        runs = pd.concat(tables, ignore_index=True)
        order = ["condition", *self.grid, *planned.study.column_names(), "status", "reason"]
        return Outcome({}, {"runs": runs[order]}, len(runs), failed, tuple(notes), engine=", ".join(engines))

    def _plans(self) -> list[tuple[str | None, Plan]]:
        return [(condition, self._plan(condition)) for condition in self.conditions]

    def _plan(self, condition: str | None) -> Plan:
        selection = select(self.model, self.readings, condition)
        symbols = selection.card.symbols
        axes = dict(parse_axis(f"{name}={text}", symbols) for name, text in self.grid.items())
        return plan(
            selection,
            grid(**axes),
            endpoints=self.endpoints,
            changes={**self.changes, **self._moved(selection)},
            until=self.until,
            engine=self.engine,
        )

    def _moved(self, selection: Selection) -> dict[str, float]:
        """Values of the parameters that are moved, in the model's units."""
        refuse_set_twice(self.deviations, self.grid)
        symbols, omegas = selection.card.symbols, omegas_of(selection.card)
        for name in self.deviations:
            if name not in omegas:
                raise unknown_name(f"omega in parameters.csv for {selection.card.id}", name, omegas)
        values = symbols.parse_all({**selection.changes, **self.changes})
        return {
            name: values.get(name, symbols[name].value) * math.exp(count * omegas[name])
            for name, count in self.deviations.items()
        }

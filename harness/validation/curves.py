"""Curves of a panel, and all that its measures read: curves, outcomes of studies, observations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from harness.analysis.observations import Observed, observed
from harness.declarations import Declaration
from harness.errors import InputError, RunFailed
from harness.models.card import ModelCard
from harness.models.catalog import load_card, select
from harness.models.symbols import SymbolTable
from harness.simulation.design import Design
from harness.simulation.plan import plan
from harness.simulation.run import run
from harness.simulation.simulate import default_observables, simulate
from harness.simulation.study import is_ok
from harness.studies.outcome import Outcome

__all__ = ["Curve", "Evidence", "NoData"]


class NoData(Exception):
    """The numbers that a measure compares with are not there yet."""


class Curve(Declaration):
    """One simulation, by name."""

    label: str
    model: str
    readings: tuple[str, ...] = ()
    condition: str | None = None
    doses: tuple[str, ...] | None = None
    changes: dict[str, str] = {}
    until: str | None = None
    times: str | None = None

    def simulate(self, also: Iterable[str] = (), **changed: object) -> xr.Dataset:
        """Run it with some fields changed, and read out further symbols."""
        declared = self.model_copy(update=changed)
        usual = default_observables(declared.card, declared.symbols)
        return simulate(
            declared.model,
            doses=declared.doses,
            changes=declared.changes,
            readings=declared.readings,
            condition=declared.condition,
            until=declared.until,
            times=declared.times,
            observables=[*usual, *(name for name in also if name not in usual)],
        )

    def endpoint(self, name: str) -> float:
        """An endpoint that its model declares, of a run as everywhere; NaN where it is none of that curve.

        Raises
        ------
        RunFailed
            When the run fails.
        """
        planned = plan(
            self.model,
            Design(pd.DataFrame(index=[0])),
            endpoints=[name],
            doses=self.doses,
            changes=self.changes,
            readings=self.readings,
            condition=self.condition,
            until=self.until,
        )
        found = run(planned)
        if not is_ok(str(found.status.item())):
            raise RunFailed(f"{self.label}: {found.reason.item()}")
        return float(found[name].item())

    @property
    def card(self) -> ModelCard:
        """The model that its readings choose."""
        return select(self.model, self.readings, self.condition).card

    @property
    def symbols(self) -> SymbolTable:
        """Symbols of that model."""
        return self.card.symbols

    def settings(self) -> dict[str, float]:
        """What its readings, condition and changes set, in the model's units."""
        chosen = select(self.model, self.readings, self.condition).changes
        return self.symbols.parse_all(chosen, self.changes)

    def with_readings(self, names: tuple[str, ...]) -> Curve:
        """The same curve under more readings: those that its model knows and that fit its own."""
        readings = readings_that_fit(self.model, self.readings, names, self.condition)
        return self.model_copy(update={"readings": readings})


def readings_that_fit(
    model: str, own: tuple[str, ...], more: tuple[str, ...], condition: str | None = None
) -> tuple[str, ...]:
    """A model's readings with those of `more` that it knows and that contradict none before them."""
    chosen = own
    for name in more:
        if name not in load_card(model).readings or name in chosen:
            continue
        try:
            select(model, (*chosen, name), condition)
        except InputError:
            continue
        chosen = (*chosen, name)
    return chosen


@dataclass(frozen=True)
class Evidence:
    """What a panel's measures read.

    `slots` names the arms of observations that may still be without numbers.
    """

    folder: Path
    declared: Mapping[str, Curve]
    curves: Mapping[str, xr.Dataset]
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    observations: pd.DataFrame | None = None
    slots: tuple[str, ...] = ()

    def observed(self, observable: str, arm: str) -> Observed:
        """Observations in the units of the panel's curves.

        Raises
        ------
        NoData
            When the arm is a slot that nobody has filled.
        """
        curve = next(curve for curve in self.curves.values() if observable in curve)
        units = curve[observable].attrs["units"], curve.time.attrs["units"]
        self.rows(observable, arm)
        return observed(self.observations, observable, arm, *units)

    def rows(self, observable: str, arm: str) -> pd.DataFrame:
        """Rows of the table of observations as they stand."""
        if self.observations is None:
            raise InputError(f"{self.folder.name}: the panel has no table of observations")
        table = self.observations
        rows = table[(table["arm"] == arm) & (table["observable"] == observable)]
        if rows.empty and arm in self.slots:
            raise NoData
        return rows

    def at(self, curve: str, observable: str, times: np.ndarray) -> np.ndarray:
        """Values of a curve at given times, NaN outside it."""
        found = self.curves[curve]
        return np.interp(times, found.time, found[observable], left=np.nan, right=np.nan)

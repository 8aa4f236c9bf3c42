"""Arms on the same virtual patients: products or regimens, their simulations, and what becomes of patients.

Promise: patient i is the same in every arm; a change of a product multiplies what a patient has. An outcome
of an arm is one statistic of one number of each patient, so that patients can be drawn anew at no cost.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from harness.analysis.response import FIRST_VISIT, category, is_responder
from harness.analysis.survival import median_of_all
from harness.errors import InputError
from harness.models.attributes import outside
from harness.models.units import convert
from harness.simulation.declared_regimens import DeclaredRegimen, declared_regimen
from harness.simulation.design import Design
from harness.simulation.estimates import set_by
from harness.simulation.plan import Plan, plan
from harness.simulation.regimen import Regimen
from harness.simulation.study import HELD, REDOSES
from harness.simulation.times import parse_until
from harness.studies.outcome import refuse_set_twice
from harness.studies.virtual_patients import CHANGE, VirtualPatients

if TYPE_CHECKING:
    import xarray as xr

__all__ = [
    "NUMBERS",
    "OUTCOMES",
    "SHARES",
    "Arms",
    "ComparedArm",
    "interval",
    "outcome_of",
    "per_patient",
    "unit_of",
]

SHARES = ("orr", "cr", "orr_month", "orr_total")
"""Outcomes that are percentages of patients."""

MEDIANS = {"median_pfs": ("pfs", "progressed"), "median_pfs_last": ("pfs_last", "progressed_last")}
"""Columns of duration and event of an outcome that is a median of survival, in months."""

OUTCOMES = (*SHARES, *MEDIANS, "Cmax", "cells", "doses")
"""All of them: of responses the best to progression, a complete one, that at the month, the best whenever;
survival from day 0 and from the last infusion; Cmax as a geometric mean, cells and doses as means."""

COLUMNS = {
    "orr": "response",
    "cr": "complete",
    "orr_month": "response_month",
    "orr_total": "response_total",
}
"""Column of a patient that an outcome is read off, where it is not one of its own name."""

MIDDLE = (2.5, 97.5)
"""Percentiles of an interval."""

NUMBERS = (*COLUMNS.values(), *(name for pair in MEDIANS.values() for name in pair), "Cmax", "cells", "doses")
"""Columns of a patient that all outcomes are read off."""


class ComparedArm(DeclaredRegimen):
    """One arm: its regimen as everywhere, and what is other in its product (``K_off: 0.1x``)."""

    changes: dict[str, str] = {}


class Arms(VirtualPatients):
    """What studies of arms on the same patients declare alike.

    Attributes
    ----------
    arms
        By name, a plain word.
    patients
        Virtual patients, each in every arm.
    read_month
        When response is read off, beside the best response.
    first_visit, until
        Day from which response is assessed; end of follow-up.
    """

    arms: dict[str, ComparedArm] = Field(min_length=1)
    patients: int = Field(default=500, ge=10, le=100_000)
    read_month: float = Field(default=6.0, gt=0, allow_inf_nan=False)
    first_visit: float = Field(default=FIRST_VISIT, ge=0)
    until: str = "24 months"

    @field_validator("arms")
    @classmethod
    def _arms_have_plain_names(cls, arms: dict[str, ComparedArm]) -> dict[str, ComparedArm]:
        for name in arms:
            if not re.fullmatch(r"[A-Za-z]\w*", name):
                raise ValueError(f"'{name}' is not a plain word")
        return arms

    def changed(self) -> tuple[str, ...]:
        """Parameters that some arm changes."""
        return tuple(dict.fromkeys(name for arm in self.arms.values() for name in arm.changes))

    def set_in_all(self) -> tuple[str, ...]:
        """Parameters that every arm gives a value of its own, whatever the model's is."""
        each = [set_by(arm.changes) for arm in self.arms.values()]
        return tuple(name for name in each[0] if all(name in others for others in each))

    def plan_of(self, patients: Design, more: tuple[str, ...] = ()) -> Plan:
        """The simulations of patients, arm by arm; `more` are further endpoints to read off.

        Raises
        ------
        InputError
            When what is declared does not fit the model.
        """
        symbols = self.symbols()
        fixed = symbols.parse_all(self._selection().changes, self.changes)
        if self.read_month * self.month() > parse_until(self.until, symbols.time_unit):
            raise InputError(f"read_month: month {self.read_month:g} lies after the end, {self.until}")
        first = self.in_time(self.first_visit, "first_visit")
        day = convert(self.read_month, "month", "day", "read_month")  # what the endpoint asks for
        changed = self.changed()
        refuse_set_twice(self.changes, self.set_in_all())
        table, parts = symbols.at(fixed), []
        told = [outside(symbols, name, value) for name, value in fixed.items()]
        for name, arm in self.arms.items():
            part = patients.table.copy()
            for symbol in changed:
                typical = table[symbol].value
                value = table.parse(symbol, arm.changes[symbol]) if symbol in arm.changes else typical
                told.append(outside(symbols, symbol, value) if symbol in arm.changes else "")
                part[symbol] = part[symbol] * (value / typical) if symbol in part else value
            parts.append(part.assign(regimen=name))
        planned = plan(
            self.model,
            replace(patients, table=pd.concat(parts, ignore_index=True)),
            endpoints=[
                "Cmax",
                f"best_response({CHANGE}, first_visit={first!r}, rule={self.rule})",
                f"response_at({CHANGE}, day={day!r})",
                f"progression_time({CHANGE}, rule={self.rule})",
                f"lowest({CHANGE}, start={first!r})",
                f"progression_after_last_dose({CHANGE}, rule={self.rule})",
                f"last_dose({CHANGE})",
                *more,
            ],
            regimens=self.regimens(),
            until=self.until,
            changes=self.changes,
            readings=self.chosen_readings(),
            engine=self.engine,
        )
        return replace(planned, notes=(*planned.notes, *dict.fromkeys(filter(None, told))))

    def regimens(self) -> dict[str, Regimen]:
        """Regimen of each arm."""
        symbols = self.symbols()
        return {
            name: declared_regimen(
                name, DeclaredRegimen(doses=arm.doses, redosing=arm.redosing, hold=arm.hold), symbols
            )
            for name, arm in self.arms.items()
        }

    def runs(self, planned: Plan, found: xr.Dataset) -> pd.DataFrame:
        """One row an arm and patient of the plan; times in months."""
        patients = len(planned) // len(self.arms)
        calls = [call.name for call in planned.study.endpoints]
        cmax, best, later, progressed, lowest, after, last = (found[call].to_numpy() for call in calls[:7])
        event, event_last = np.isfinite(progressed), np.isfinite(after)
        end = parse_until(self.until, self.symbols().time_unit)
        given = self._given(planned, found)
        return pd.DataFrame(
            {
                "arm": np.repeat(list(self.arms), patients),
                "patient": np.tile(np.arange(patients), len(self.arms)),
                "response": is_responder(best),
                "complete": best == 0,
                "response_month": is_responder(later),
                "pfs": np.where(event, progressed, end) / self.month(),
                "progressed": event,
                "response_total": is_responder(category(lowest)),
                "pfs_last": np.where(event_last, after, end - last) / self.month(),
                "progressed_last": event_last,
                "Cmax": cmax,
                **given,
                "status": found.status.to_numpy(),
                "reason": found.reason.to_numpy(),
            }
        )

    def _given(self, planned: Plan, found: xr.Dataset) -> dict[str, np.ndarray]:
        """What each row was given: cells, doses, and the days on which a rule gave one or held one."""
        patients = len(planned) // len(self.arms)
        said = {name: found[name].to_numpy() for name in (*REDOSES, *HELD) if name in found}
        days = {name: said.get(name, np.full(len(planned), "", object)) for name in (REDOSES[1], HELD[1])}
        dose, end = self._dose(planned), planned.study.end
        got = list(zip(dose.tolist(), *days.values(), strict=True))
        cells, doses = np.zeros(len(planned)), np.zeros(len(planned))
        for place, each in enumerate(self.regimens().values()):
            rows = range(place * patients, (place + 1) * patients)
            given = {key: _amounts(each, end, *key) for key in {got[row] for row in rows}}
            for row in rows:
                cells[row], doses[row] = sum(given[got[row]]), len(given[got[row]])
        return {"cells": cells, "doses": doses, **days}

    def _dose(self, planned: Plan) -> np.ndarray:
        """Dose that the multiples of each row are of."""
        declared = self._selection().card.dose
        if declared is None or declared.parameter not in planned.design.names:
            return np.full(len(planned), planned.study.default_dose)
        return planned.design.values([declared.parameter])[:, 0]

    def idle_rules(self, runs: pd.DataFrame) -> tuple[str, ...]:
        """A note on each arm with a rule that did nothing to anybody, as one whose level is never reached."""
        said = []
        for name, arm in self.arms.items():
            own = runs[runs["arm"] == name]
            for rule, column, did in ((arm.redosing, REDOSES[1], "gave"), (arm.hold, HELD[1], "held")):
                if rule is not None and not own[column].astype(bool).any():
                    said.append(f"arm {name}: its rule {did} no dose of anybody")
        return tuple(said)

    def redrawn(self, count: int, times: int, stream: int) -> np.ndarray:
        """Places of `count` patients that are drawn anew, shape (times, count)."""
        return np.random.default_rng([self.seed, stream]).integers(count, size=(times, count))


def _amounts(regimen: Regimen, end: float, dose: float, redose_days: str, held_days: str) -> list[float]:
    """Cells by `end` of each dose that a run of such a dose got, with days of what a rule gave or held."""
    redosed, held = ([float(day) for day in text.split()] for text in (redose_days, held_days))
    return [
        each.amount * (min(1.0, (end - each.time) / each.duration) if each.duration else 1.0)
        for each in regimen.absolute(dose).given(redosed, held)
    ]


def unit_of(outcome: str, planned: Plan) -> str:
    """Unit of an outcome of an arm."""
    own = {"Cmax": planned.unit("Cmax"), "cells": "cells", "doses": "dimensionless"}
    return {**dict.fromkeys(SHARES, "percent"), **dict.fromkeys(MEDIANS, "month"), **own}[outcome]


def interval(values: np.ndarray) -> tuple[float, float]:
    """Middle 95 % of an outcome over patients drawn anew; its ends are values of it, so may be infinite."""
    low, high = np.percentile(values, MIDDLE, method="closest_observation").tolist()
    return low, high


def per_patient(outcome: str, runs: Mapping[str, np.ndarray] | pd.DataFrame) -> np.ndarray:
    """The number of each patient that an outcome is a statistic of, from columns of :meth:`Arms.runs`.

    Durations without progression are infinite, exposures as logarithms, NaN where there is none.
    """
    if outcome in MEDIANS:
        duration, event = (runs[name] for name in MEDIANS[outcome])
        return np.where(event, duration, np.inf)
    values = np.asarray(runs[COLUMNS.get(outcome, outcome)], float)
    if outcome == "Cmax":
        return np.log(np.where(np.isfinite(values) & (values > 0), values, np.nan))
    return 100 * values if outcome in SHARES else values


def outcome_of(outcome: str, values: np.ndarray) -> np.ndarray:
    """An outcome of the patients in the last axis of numbers of :func:`per_patient`."""
    if outcome in MEDIANS:
        return median_of_all(values)
    if outcome == "Cmax":
        known = np.isfinite(values)
        with np.errstate(invalid="ignore"):  # nobody of an arm without cells has one
            return np.exp(np.where(known, values, 0.0).sum(axis=-1) / known.sum(axis=-1))
    return values.mean(axis=-1)

"""Products or regimens compared on the same virtual patients, and the trial that would tell them apart.

Promise: patient i is the same in every arm, so that a difference between arms is one of product or regimen;
its interval comes from drawing patients anew, together in all arms. The power is that of a trial whose arms
have patients of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from harness.analysis.power import Power, log_rank_power, share_power
from harness.analysis.response import FIRST_VISIT, is_responder
from harness.analysis.survival import median_of_all
from harness.errors import InputError, RunFailed
from harness.simulation.design import Design
from harness.simulation.execute import Executor
from harness.simulation.plan import Plan, plan
from harness.simulation.regimen import DeclaredRegimen, Regimen, declared_regimen
from harness.simulation.run import run
from harness.simulation.study import REDOSES, is_ok
from harness.simulation.times import parse_until
from harness.studies.outcome import Outcome, Progress, by_group, count_failed, refuse_set_twice
from harness.studies.virtual_patients import CHANGE, VirtualPatients

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Compare", "ComparedArm"]

SHARES = ("orr", "cr", "orr_month")
"""Outcomes that are percentages of patients."""

OUTCOMES = (*SHARES, "median_pfs", "Cmax", "cells")
"""All of them: the median in months, Cmax as a geometric mean, cells as a mean."""

MIDDLE = (2.5, 97.5)
"""Percentiles of an interval."""


class ComparedArm(DeclaredRegimen):
    """One arm: its regimen as everywhere, and what is other in its product (``K_off: 0.1x``)."""

    changes: dict[str, str] = {}


class Compare(VirtualPatients):
    """Arms on the same patients.

    Attributes
    ----------
    arms
        By name, a plain word; two or more, the first the one that the others are compared with.
    patients
        Virtual patients, each in every arm.
    read_month
        When response is read off, beside the best response.
    first_visit, until
        Day from which response is assessed; end of follow-up.
    draws
        How often patients are drawn anew for an interval.
    sizes, trials
        Patients an arm for which the power of a trial against the first arm is worked out, and how many
        trials are drawn for each.
    """

    kind: Literal["compare"] = "compare"
    arms: dict[str, ComparedArm]
    patients: int = Field(default=500, ge=10, le=100_000)
    read_month: float = Field(default=6.0, gt=0, allow_inf_nan=False)
    first_visit: float = Field(default=FIRST_VISIT, ge=0)
    until: str = "24 months"
    draws: int = Field(default=1000, ge=100, le=100_000)
    sizes: tuple[int, ...] = ()
    trials: int = Field(default=500, ge=1, le=100_000)

    @field_validator("arms")
    @classmethod
    def _arms_can_be_compared(cls, arms: dict[str, ComparedArm]) -> dict[str, ComparedArm]:
        if len(arms) < 2:
            raise ValueError("two arms or more; the first is the one to compare with")
        for name in arms:
            if not re.fullmatch(r"[A-Za-z]\w*", name):
                raise ValueError(f"'{name}' is not a plain word")
        return arms

    @field_validator("sizes")
    @classmethod
    def _sizes_are_sizes(cls, sizes: tuple[int, ...]) -> tuple[int, ...]:
        if not all(2 <= size <= 10_000 for size in sizes) or len(set(sizes)) < len(sizes):
            raise ValueError("patients an arm: from 2 to 10000, each once")
        return tuple(sorted(sizes))

    def number_names(self) -> tuple[str, ...]:
        others = list(self.arms)[1:]
        return (
            *(f"{outcome}_{arm}" for arm in self.arms for outcome in OUTCOMES),
            *(
                f"difference_{outcome}_{arm}{end}"
                for arm in others
                for outcome in OUTCOMES
                for end in ("", "_low", "_high")
            ),
            *(
                f"power_{what}_{size}_{arm}"
                for arm in others
                for size in self.sizes
                for what in ("orr", "pfs")
            ),
            "failed",
        )

    def size(self) -> int:
        return self.patients * len(self.arms)

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        """Simulate all arms, and compare.

        Returns
        -------
        Outcome
            Tables: `runs`, one row an arm and patient; `arms`, each outcome by arm, with its unit;
            `differences`, each arm less the first (Cmax: over it), with its 95 % interval over the patients;
            `power`, in percent, by arm and patients an arm.
        """
        planned = self.plan()
        found = run(planned, executor, progress)
        status, reason = found.status.to_numpy(), found.reason.to_numpy()
        failed = count_failed(status, reason)
        good = np.array([is_ok(each) for each in status]).reshape(len(self.arms), -1).all(axis=0)
        if good.sum() < 10:
            raise RunFailed(f"{good.sum()} patients were simulated in every arm; at least 10 are needed")
        runs = self._runs(planned, found)
        values = {
            name: runs[name].to_numpy().reshape(len(self.arms), -1)[:, good]
            for name in ("response", "complete", "response_month", "pfs", "progressed", "Cmax", "cells")
        }
        compared = self._compared(values)
        units = {"median_pfs": "month", "Cmax": planned.unit("Cmax"), "cells": "cells"}
        units |= dict.fromkeys(SHARES, "percent")
        compared["arms"]["unit"] = compared["arms"]["outcome"].map(units)
        tables = {"runs": runs, **compared, "power": pd.DataFrame(list(self._power(values)))}
        notes = list(planned.notes)
        if failed:
            notes.append(
                f"{failed} of {self.size()} simulations failed; {(~good).sum()} patients are in no number"
            )
        engine = planned.study.engine
        return Outcome(
            self._numbers(tables, failed), tables, self.size(), failed, tuple(notes), engine=engine
        )

    def of_patients(self, tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], np.ndarray]:
        table = tables["runs"]
        return by_group(table, "arm", table["status"].map(is_ok), ["response", "complete", "pfs"], ["Cmax"])

    def plan(self) -> Plan:
        """The simulations: arm by arm, each with the same patients."""
        symbols = self.symbols()
        patients = self.patients_design(self.patients).table
        fixed = symbols.parse_all(self._selection().changes, self.changes)
        if self.read_month * self.month() > parse_until(self.until, symbols.time_unit):
            raise InputError(f"read_month: month {self.read_month:g} lies after the end, {self.until}")
        changed = self.changed()
        refuse_set_twice(self.changes, changed)
        table, parts = symbols.at(fixed), []
        for name, arm in self.arms.items():
            part = patients.copy()
            for symbol in changed:
                typical = table[symbol].value
                value = table.parse(symbol, arm.changes[symbol]) if symbol in arm.changes else typical
                part[symbol] = part[symbol] * (value / typical) if symbol in part else value
            parts.append(part.assign(regimen=name))
        return plan(
            self.model,
            Design(pd.concat(parts, ignore_index=True)),
            endpoints=[
                "Cmax",
                f"best_response({CHANGE}, first_visit={self.first_visit!r}, rule={self.rule})",
                f"response_at({CHANGE}, day={self.read_month * self.month()!r})",
                f"progression_time({CHANGE}, rule={self.rule})",
            ],
            regimens=self._regimens(),
            until=self.until,
            changes=self.changes,
            readings=self.chosen_readings(),
            engine=self.engine,
        )

    def changed(self) -> tuple[str, ...]:
        """Parameters that some arm changes."""
        return tuple(dict.fromkeys(name for arm in self.arms.values() for name in arm.changes))

    def _regimens(self) -> dict[str, Regimen]:
        symbols = self.symbols()
        return {
            name: declared_regimen(name, DeclaredRegimen(doses=arm.doses, redosing=arm.redosing), symbols)
            for name, arm in self.arms.items()
        }

    def _runs(self, planned: Plan, found: xr.Dataset) -> pd.DataFrame:
        """One row an arm and patient; times in months."""
        calls = [call.name for call in planned.study.endpoints]
        cmax, best, later, progressed = (found[call].to_numpy() for call in calls)
        event = np.isfinite(progressed)
        end = parse_until(self.until, self.symbols().time_unit)
        again = found[REDOSES[0]].to_numpy() if REDOSES[0] in found else np.zeros(len(cmax))
        regimens = [each.absolute(planned.study.default_dose) for each in self._regimens().values()]
        given = [sum(dose.amount for dose in each.doses) for each in regimens]
        more = [each.redosing.amount if each.redosing else 0.0 for each in regimens]
        return pd.DataFrame(
            {
                "arm": np.repeat(list(self.arms), self.patients),
                "patient": np.tile(np.arange(self.patients), len(self.arms)),
                "response": is_responder(best),
                "complete": best == 0,
                "response_month": is_responder(later),
                "pfs": np.where(event, progressed, end) / self.month(),
                "progressed": event,
                "Cmax": cmax,
                "cells": np.repeat(given, self.patients) + again * np.repeat(more, self.patients),
                "status": found.status.to_numpy(),
                "reason": found.reason.to_numpy(),
            }
        )

    def _compared(self, values: Mapping[str, np.ndarray]) -> dict[str, pd.DataFrame]:
        """Tables of the arms and of their differences from the first."""
        count = values["pfs"].shape[1]
        draws = np.random.default_rng([self.seed, 3]).integers(count, size=(self.draws, count))
        here, drawn = self._outcomes(values, np.arange(count)[np.newaxis]), self._outcomes(values, draws)
        arms, differences = [], []
        for place, arm in enumerate(self.arms):
            for name in OUTCOMES:
                value = float(here[name][place, 0])
                arms.append({"arm": arm, "outcome": name, "value": value, **_interval(drawn[name][place])})
                if place:
                    found = float(_apart(name, here[name][place], here[name][0])[0])
                    apart = _apart(name, drawn[name][place], drawn[name][0])
                    differences.append({"arm": arm, "outcome": name, "difference": found, **_interval(apart)})
        return {"arms": pd.DataFrame(arms), "differences": pd.DataFrame(differences)}

    def _outcomes(self, values: Mapping[str, np.ndarray], who: np.ndarray) -> dict[str, np.ndarray]:
        """Each outcome, shape (arms, draws), of patients by their places, (draws, patients)."""
        durations = np.where(values["progressed"], values["pfs"], np.inf)
        found = {
            "orr": 100 * values["response"][:, who].mean(axis=-1),
            "cr": 100 * values["complete"][:, who].mean(axis=-1),
            "orr_month": 100 * values["response_month"][:, who].mean(axis=-1),
            "median_pfs": median_of_all(durations[:, who]),
            "cells": values["cells"][:, who].mean(axis=-1),
        }
        with np.errstate(divide="ignore"):
            logs = np.log(np.where(np.isfinite(values["Cmax"]), values["Cmax"], np.nan))
        return found | {"Cmax": np.exp(np.nanmean(logs[:, who], axis=-1))}

    def _power(self, values: Mapping[str, np.ndarray]) -> Iterator[dict[str, object]]:
        for place, arm in enumerate(self.arms):
            for size in self.sizes if place else ():
                response = values["response"]
                first, second = ((values["pfs"][i], values["progressed"][i]) for i in (0, place))
                found: dict[str, Power] = {
                    "orr": share_power(response[0], response[place], size, self.trials, self.seed),
                    "pfs": log_rank_power(first, second, size, self.trials, self.seed),
                }
                for what, power in found.items():
                    percent = {name: 100 * value for name, value in power._asdict().items()}
                    yield {"arm": arm, "patients": size, "outcome": what, **percent}

    def _numbers(self, tables: Mapping[str, pd.DataFrame], failed: int) -> dict[str, float]:
        numbers = {f"{row.outcome}_{row.arm}": float(row.value) for row in tables["arms"].itertuples()}
        for row in tables["differences"].itertuples():
            for end, value in (("", row.difference), ("_low", row.low), ("_high", row.high)):
                numbers[f"difference_{row.outcome}_{row.arm}{end}"] = float(value)
        for row in tables["power"].itertuples():
            numbers[f"power_{row.outcome}_{row.patients}_{row.arm}"] = float(row.power)
        return numbers | {"failed": float(failed)}


def _apart(outcome: str, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """How far two arms are apart: Cmax as a ratio, all else as a difference; 0 where neither is reached."""
    if outcome == "Cmax":
        return one / other
    with np.errstate(invalid="ignore"):
        return np.where(one == other, 0.0, one - other)


def _interval(values: np.ndarray) -> dict[str, float]:
    low, high = np.percentile(values, MIDDLE, method="closest_observation").tolist()
    return {"low": low, "high": high}

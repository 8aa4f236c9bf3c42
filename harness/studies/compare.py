"""Products or regimens compared on the same virtual patients, and the trial that would tell them apart.

Promise: patient i is the same in every arm, so that a difference between arms is one of product or regimen;
its interval comes from drawing patients anew, together in all arms. The power is that of a trial whose arms
have patients of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from pydantic import Field, field_validator

from harness.analysis.power import Power, log_rank_power, share_power
from harness.errors import RunFailed
from harness.simulation.plan import Plan
from harness.simulation.study import is_ok
from harness.studies.arms import (
    NUMBERS,
    OUTCOMES,
    Arms,
    ComparedArm,
    interval,
    outcome_of,
    per_patient,
    unit_of,
)
from harness.studies.outcome import Outcome, by_group, count_failed

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Compare"]


class Compare(Arms):
    """Arms on the same patients, the first the one that the others are compared with.

    Attributes
    ----------
    draws
        How often patients are drawn anew for an interval.
    sizes, trials
        Patients an arm for which the power of a trial against the first arm is worked out, and how many
        trials are drawn for each.
    """

    kind: Literal["compare"] = "compare"
    draws: int = Field(default=1000, ge=100, le=100_000)
    sizes: tuple[int, ...] = ()
    trials: int = Field(default=500, ge=1, le=100_000)

    @field_validator("arms")
    @classmethod
    def _arms_can_be_compared(cls, arms: dict[str, ComparedArm]) -> dict[str, ComparedArm]:
        if len(arms) < 2:
            raise ValueError("two arms or more; the first is the one to compare with")
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

    def read_off(self, planned: Plan, found: xr.Dataset) -> Outcome:
        """The arms, compared.

        Returns
        -------
        Outcome
            Tables: `runs`, one row an arm and patient; `arms`, each outcome by arm, with its unit;
            `differences`, each arm less the first (Cmax: over it), with its 95 % interval over the patients;
            `power`, in percent, by arm and patients an arm.
        """
        status, reason = found.status.to_numpy(), found.reason.to_numpy()
        failed = count_failed(status, reason)
        good = np.array([is_ok(each) for each in status]).reshape(len(self.arms), -1).all(axis=0)
        if good.sum() < 10:
            raise RunFailed(f"{good.sum()} patients were simulated in every arm; at least 10 are needed")
        runs = self.runs(planned, found)
        values = {name: runs[name].to_numpy().reshape(len(self.arms), -1)[:, good] for name in NUMBERS}
        compared = self._compared(values)
        compared["arms"]["unit"] = [unit_of(name, planned) for name in compared["arms"]["outcome"]]
        tables = {"runs": runs, **compared, "power": pd.DataFrame(list(self._power(values)))}
        notes = list(planned.notes)
        if failed:
            notes.append(
                f"{failed} of {self.size()} simulations failed; {(~good).sum()} patients are in no number"
            )
        notes += self._without_exposure(values)
        engine = planned.study.engine
        return Outcome(
            self._numbers(tables, failed),
            tables,
            self.size(),
            failed,
            (*notes, *self.idle_rules(runs)),
            engine=engine,
        )

    def of_patients(self, tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], np.ndarray]:
        table = tables["runs"]
        return by_group(table, "arm", table["status"].map(is_ok), ["response", "complete", "pfs"], ["Cmax"])

    def plan(self) -> Plan:
        """The simulations: arm by arm, each with the same patients."""
        return self.plan_of(self.patients_design(self.patients))

    def _compared(self, values: Mapping[str, np.ndarray]) -> dict[str, pd.DataFrame]:
        """Tables of the arms and of their differences from the first."""
        count = values["pfs"].shape[1]
        draws = self.redrawn(count, self.draws, 3)
        numbers = {name: per_patient(name, values) for name in OUTCOMES}
        arms, differences = [], []
        for place, arm in enumerate(self.arms):
            for name in OUTCOMES:
                here, first, about = numbers[name][place], numbers[name][0], {"arm": arm, "outcome": name}
                value, drawn = float(outcome_of(name, here)), outcome_of(name, here[draws])
                arms.append({**about, "value": value, **_interval(drawn)})
                if place:
                    found, apart = float(_apart(name, here, first)), _apart(name, here[draws], first[draws])
                    differences.append({**about, "difference": found, **_interval(apart)})
        return {"arms": pd.DataFrame(arms), "differences": pd.DataFrame(differences)}

    def _without_exposure(self, values: Mapping[str, np.ndarray]) -> Iterator[str]:
        """Notes on arms in which some patients have no Cmax."""
        known = np.isfinite(per_patient("Cmax", values))
        for arm, count in zip(self.arms, (~known).sum(axis=-1).tolist(), strict=True):
            if count:
                of_all = f"{count} of {known.shape[-1]} patients"
                yield f"{of_all} have no Cmax in arm {arm}, and no part in its mean and ratio"

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
    """How far two arms are apart, of numbers of the same patients in the last axis.

    Cmax as a ratio, of those who have one in both; all else as a difference, 0 where neither is reached.
    """
    if outcome == "Cmax":
        return outcome_of(outcome, one - other)
    here, there = outcome_of(outcome, one), outcome_of(outcome, other)
    with np.errstate(invalid="ignore"):
        return np.where(here == there, 0.0, here - there)


def _interval(values: np.ndarray) -> dict[str, float]:
    low, high = interval(values)
    return {"low": low, "high": high}

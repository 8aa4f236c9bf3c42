"""Exposure and response among virtual patients: what follows the level of cells, and what only seems to.

Promise: each association stands beside the same one with burden and dose held, where they differ between the
patients, so that a cause that both share is seen. An estimate that the patients do not determine is NaN with
a reason. The estimators are those of statsmodels (logistic) and lifelines (Cox).
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
import pandas as pd
from pydantic import Field, field_validator
from scipy.stats import spearmanr

from harness.analysis.response import FIRST_VISIT, is_responder
from harness.analysis.shares import wilson
from harness.analysis.survival import kaplan_meier
from harness.errors import RunFailed
from harness.simulation.plan import Plan, plan
from harness.simulation.study import is_ok
from harness.simulation.times import parse_until
from harness.studies.outcome import Outcome, by_group, count_failed
from harness.studies.virtual_patients import CHANGE, VirtualPatients

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["ExposureResponse"]

BURDEN = "Tumor_0"
"""Parameter that burden is: tumour cells at the start."""

QUARTILES = 4
FEWEST = 10
"""Patients below which nothing is estimated."""

ADJUSTED = {"crude": (), "burden": ("burden",), "burden and dose": ("burden", "dose")}
"""What is held, by name."""


class Association(NamedTuple):
    """A ratio with its 95 % interval and p; NaN with a reason where the patients do not determine it."""

    estimate: float = np.nan
    low: float = np.nan
    high: float = np.nan
    p: float = np.nan
    reason: str = ""


class ExposureResponse(VirtualPatients):
    """Response and progression against exposure.

    Attributes
    ----------
    patients, doses
        How many virtual patients get each dose, and the doses (CAR+ T cells); different ones, since estimates
        take patients for independent.
    exposures
        Endpoints of the model that are positive, by a plain name: ``day_90: value_at(transgene, at=90)``. The
        first is drawn.
    first_visit
        Day from which response is assessed.
    until
        End of follow-up.
    """

    kind: Literal["exposure"] = "exposure"
    patients: int = Field(default=500, ge=1, le=100_000)
    doses: tuple[float, ...] = (150e6, 450e6)
    exposures: dict[str, str] = {"Cmax": "Cmax", "AUC28": "AUC28", "day_90": "value_at(transgene, at=90)"}
    first_visit: float = Field(default=FIRST_VISIT, ge=0)
    until: str = "48 months"

    @field_validator("doses")
    @classmethod
    def _doses_are_distinct(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if not values or not all(0 < dose < np.inf for dose in values) or len(set(values)) < len(values):
            raise ValueError("one or more positive numbers of cells, each once")
        return tuple(sorted(values))

    @field_validator("exposures")
    @classmethod
    def _names_are_plain(cls, values: dict[str, str]) -> dict[str, str]:
        taken = {"burden", "dose", "response", "complete", "pfs", "progressed", "status", "reason"}
        for name in values:
            if not re.fullmatch(r"[A-Za-z]\w*", name) or name in taken:
                raise ValueError(f"'{name}' is no plain word, or names something else here")
        if not values:
            raise ValueError("one or more endpoints by name")
        return values

    def number_names(self) -> tuple[str, ...]:
        held = [name.replace(" ", "_") for name in ADJUSTED]
        ratios = ("or_response", "or_complete", "hr")
        return (
            *(f"{ratio}_{name}_{how}" for ratio in ratios for name in self.exposures for how in held),
            *(f"rho_{name}_{with_}" for name in self.exposures for with_ in ("burden", "dose")),
            "failed",
        )

    def size(self) -> int:
        return self.patients * len(self.doses)

    def read_off(self, planned: Plan, found: xr.Dataset) -> Outcome:
        """The associations, estimated.

        Returns
        -------
        Outcome
            Tables: `runs`, one row a patient; `associations`, odds ratios of response and of complete
            response and hazard ratios of progression by e-fold exposure, crude and with burden and dose held,
            each with its 95 % interval, p and, where it is NaN, why; `quartiles`, percent of responders by
            quartile of each exposure; `survival`, Kaplan-Meier by quartile of the first exposure, in months;
            `confounding`, rank correlations of exposures with burden and dose.
        """
        status, reason = found.status.to_numpy(), found.reason.to_numpy()
        failed = count_failed(status, reason)
        runs = self._runs(planned, found)
        good = runs[[is_ok(each) for each in status]]
        positive = (good[list(self.exposures)] > 0).all(axis=1)
        if positive.sum() < FEWEST:
            raise RunFailed(f"{positive.sum()} patients have an exposure; at least {FEWEST} are needed")
        notes = list(planned.notes)
        if failed:
            notes.append(f"{failed} of {self.size()} simulations failed and are in no estimate")
        if not positive.all():
            notes.append(
                f"{(~positive).sum()} patients whose cells never expand have no exposure and are left out"
            )
        known = good[positive].reset_index(drop=True)
        tables = {
            "runs": runs,
            "associations": pd.DataFrame(list(self._associations(known))),
            "quartiles": pd.DataFrame(list(self._quartiles(known, self._units(planned)))),
            "survival": self._survival(known),
            "confounding": pd.DataFrame(list(self._confounding(known))),
        }
        engine = planned.study.engine
        return Outcome(
            self._numbers(tables, failed), tables, self.size(), failed, tuple(notes), engine=engine
        )

    def of_patients(self, tables: Mapping[str, pd.DataFrame]) -> dict[tuple[str, str], np.ndarray]:
        table = tables["runs"]
        known = table["status"].map(is_ok)
        return by_group(table, "dose", known, ["response", "complete", "pfs"], list(self.exposures))

    def plan(self) -> Plan:
        """The simulations: dose by dose, each with patients of its own."""
        first = self.in_time(self.first_visit, "first_visit")
        patients = self.patients_design(self.size(), given=("dose",))
        table = patients.table.assign(dose=np.repeat(self.doses, self.patients))
        return plan(
            self.model,
            replace(patients, table=table),
            endpoints=[
                *self.exposures.values(),
                f"best_response({CHANGE}, first_visit={first!r}, rule={self.rule})",
                f"progression_time({CHANGE}, rule={self.rule})",
            ],
            until=self.until,
            changes=self.changes,
            readings=self.chosen_readings(),
            engine=self.engine,
        )

    def _runs(self, planned: Plan, found: xr.Dataset) -> pd.DataFrame:
        """One row a patient; times in months."""
        calls = [call.name for call in planned.study.endpoints]
        values = {name: found[call].to_numpy() for name, call in zip(self.exposures, calls, strict=False)}
        best, progressed = (found[call].to_numpy() for call in calls[len(values) :])
        event = np.isfinite(progressed)
        burden = planned.design.table.get(BURDEN, self._held(BURDEN))
        return planned.design.table.assign(
            burden=burden,
            **values,
            response=is_responder(best),
            complete=best == 0,
            pfs=np.where(event, progressed, self._end()) / self.month(),
            progressed=event,
            status=found.status.to_numpy(),
            reason=found.reason.to_numpy(),
        )

    def _held(self, name: str) -> float:
        """Value that a parameter has for everybody; NaN in a model without it."""
        symbols = self.symbols()
        fixed = symbols.parse_all(self._selection().changes, self.changes)
        return fixed.get(name, symbols[name].value if name in symbols else np.nan)

    def _end(self) -> float:
        return parse_until(self.until, self.symbols().time_unit)

    def _associations(self, known: pd.DataFrame) -> Iterator[dict[str, object]]:
        pfs, progressed = known["pfs"].to_numpy(), known["progressed"].to_numpy(bool)
        for exposure in self.exposures:
            for held, columns in ADJUSTED.items():
                used = np.log(known[[exposure, *columns]].to_numpy(float))
                still = [
                    name
                    for name, spread in zip((exposure, *columns), np.ptp(used, axis=0), strict=True)
                    if not spread > 0
                ]
                for outcome in ("response", "complete", "progression"):
                    if still:
                        found = Association(reason=f"{still[0]} is the same for everybody")
                    elif outcome == "progression":
                        found = _hazard_ratio(used, pfs, progressed)
                    else:
                        found = _odds_ratio(used, known[outcome].to_numpy(bool))
                    kind = "hazard" if outcome == "progression" else "odds"
                    yield {
                        "outcome": outcome,
                        "ratio": kind,
                        "exposure": exposure,
                        "held": held,
                        **found._asdict(),
                    }

    def _units(self, planned: Plan) -> dict[str, str]:
        """Units of the exposures."""
        calls = [call.name for call in planned.study.endpoints]
        return {name: planned.unit(call) for name, call in zip(self.exposures, calls, strict=False)}

    def _quartiles(self, known: pd.DataFrame, units: Mapping[str, str]) -> Iterator[dict[str, object]]:
        for exposure in self.exposures:
            place = _quartile(known[exposure])
            for quartile in range(QUARTILES):
                group = known[place == quartile]
                if not len(group):
                    continue
                for outcome in ("response", "complete"):
                    count = int(group[outcome].sum())
                    low, high = wilson(count, len(group))
                    yield {
                        "exposure": exposure,
                        "quartile": quartile + 1,
                        "median": float(group[exposure].median()),
                        "unit": units[exposure],
                        "outcome": outcome,
                        "patients": len(group),
                        "percent": 100 * count / len(group),
                        "low": 100 * low,
                        "high": 100 * high,
                    }

    def _survival(self, known: pd.DataFrame) -> pd.DataFrame:
        place = _quartile(known[next(iter(self.exposures))])
        curves = [
            kaplan_meier(group["pfs"].to_numpy(), group["progressed"].to_numpy()).assign(
                quartile=quartile + 1
            )
            for quartile, group in known.groupby(place)
        ]
        return pd.concat(curves, ignore_index=True)

    def _confounding(self, known: pd.DataFrame) -> Iterator[dict[str, object]]:
        for exposure in self.exposures:
            for with_ in ("burden", "dose"):
                moves = known[with_].nunique() > 1
                rho = float(spearmanr(known[exposure], known[with_]).statistic) if moves else np.nan
                yield {"exposure": exposure, "with": with_, "rank correlation": rho}

    def _numbers(self, tables: Mapping[str, pd.DataFrame], failed: int) -> dict[str, float]:
        short = {"response": "or_response", "complete": "or_complete", "progression": "hr"}
        numbers = {
            f"{short[row.outcome]}_{row.exposure}_{row.held.replace(' ', '_')}": float(row.estimate)
            for row in tables["associations"].itertuples()
        }
        for row in tables["confounding"].itertuples(index=False):
            numbers[f"rho_{row[0]}_{row[1]}"] = float(row[2])
        return numbers | {"failed": float(failed)}


def _quartile(values: pd.Series) -> np.ndarray:
    """Quartile of each value, from 0; equal values are in one."""
    edges = np.quantile(values, np.arange(1, QUARTILES) / QUARTILES)
    return np.searchsorted(edges, values.to_numpy(), side="left")


def _odds_ratio(logarithms: np.ndarray, outcome: np.ndarray) -> Association:
    """Odds ratio by e-fold of the first column, (n, columns), with its 95 % interval and p; or why not."""
    import statsmodels.api as sm
    from statsmodels.tools.sm_exceptions import PerfectSeparationError

    if outcome.all() or not outcome.any():
        return Association(reason="all patients have the same outcome")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            fitted = sm.Logit(outcome.astype(float), sm.add_constant(logarithms)).fit(disp=0)
        except (Warning, PerfectSeparationError, np.linalg.LinAlgError) as error:
            return Association(reason=f"the patients do not determine it: {str(error).splitlines()[0]}")
    ends = fitted.conf_int()[1]
    estimate, low, high = np.exp([fitted.params[1], *ends]).tolist()
    return Association(estimate, low, high, float(fitted.pvalues[1]))


def _hazard_ratio(logarithms: np.ndarray, time: np.ndarray, event: np.ndarray) -> Association:
    """Hazard ratio by e-fold of the first column, with its 95 % interval and p; or why not."""
    from lifelines import CoxPHFitter
    from lifelines.exceptions import ConvergenceError, ConvergenceWarning

    if not event.any():
        return Association(reason="nobody progressed")
    table = pd.DataFrame(logarithms, columns=[f"x{i}" for i in range(logarithms.shape[1])])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        try:
            fitted = CoxPHFitter().fit(table.assign(time=time, event=event), "time", "event").summary.iloc[0]
        except (ConvergenceWarning, ConvergenceError) as error:
            return Association(reason=f"the patients do not determine it: {str(error).splitlines()[0]}")
    low, high = (float(fitted[f"exp(coef) {end} 95%"]) for end in ("lower", "upper"))
    return Association(float(fitted["exp(coef)"]), low, high, float(fitted["p"]))

"""A map: dose by tumour burden, after Figure 4, with the numbers that its statements rest on.

Promise: every cell of the grid is a row of the table, blank where there is no early peak, with its status
where the simulation failed. The burden axis is in percent of plasma cells and becomes tumour cells through
one table, the field `conversion` of :class:`Burden`, which a user can replace.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import Field, model_validator

from harness.analysis.surface import largest_row_step, main_effects, rank_trend, share_rising
from harness.declarations import Declaration, Seed
from harness.errors import InputError
from harness.models.card import ModelCard
from harness.models.catalog import select
from harness.models.symbols import SymbolTable
from harness.simulation.declared_regimens import DeclaredRegimen, declared_regimen
from harness.simulation.design import Design
from harness.simulation.draws import ParameterDraws, choose_draws
from harness.simulation.engines import AUTO
from harness.simulation.made_designs import grid, parse_axis
from harness.simulation.plan import Plan, plan
from harness.simulation.study import is_ok
from harness.studies.outcome import EngineName, Outcome, count_failed, refuse_set_twice
from harness.studies.planned import PlannedStudy

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["PANELS", "Burden", "Map"]

PANELS = ("Cmax", "Tmax", "sBCMA_fall", "M_fall")
"""Columns of the table that are drawn, in the order of Figure 4."""

WEEKS = (13.5, 21.5)
"""The article's two to three weeks, to the nearest day."""

ENDPOINTS = ("Cmax", "Tmax", "sBCMA_nadir", "M_nadir")

DRAWS = 32
"""Draws of a posterior that each cell is the median over."""

TOLERANCE = 0.01
"""Points of percent below which a fall that has saturated is not called less."""


class Burden(Declaration):
    """The burden axis: percent of plasma cells, and what that is in the model.

    Attributes
    ----------
    parameter
        Parameter of the model that the burden sets.
    low, high, points
        Axis in percent, in even steps.
    conversion
        Percent to a value of the parameter: one pair, in proportion to it, or several, joined by straight
        lines. The article's own is not public; by default 50 % is 2.5e9 cells/L, the burden of its other
        figures.
    """

    parameter: str = "Tumor_0"
    low: float = Field(default=5.0, ge=0)
    high: float = Field(default=95.0, le=100)
    points: int = Field(default=40, ge=2, le=1000)
    conversion: dict[float, str] = {50: "2.5e9 cells/L"}

    @model_validator(mode="after")
    def _covers_the_axis(self) -> Burden:
        if not self.low < self.high:
            raise ValueError(f"low must be below high, not {self.low:g} and {self.high:g}")
        known = sorted(self.conversion)
        if not known or known[0] < 0 or (len(known) == 1 and known[0] == 0):
            raise ValueError("conversion needs one percentage above 0, or several")
        if len(known) > 1 and not (known[0] <= self.low and self.high <= known[-1]):
            raise ValueError(f"conversion must cover {self.low:g} to {self.high:g} percent")
        return self

    def percent(self) -> np.ndarray:
        """The axis."""
        return np.linspace(self.low, self.high, self.points)

    def values(self, symbols: SymbolTable) -> np.ndarray:
        """The axis as values of the parameter, in the model's unit.

        Raises
        ------
        InputError
            When a value of the conversion does not fit the parameter, or the values do not rise.
        """
        known = sorted(self.conversion)
        values = np.array([symbols.parse(self.parameter, self.conversion[percent]) for percent in known])
        if not (np.diff(values) > 0).all() or not values[-1] > 0:
            raise InputError(f"burden: the conversion to {self.parameter} must rise with the percentage")
        if len(known) == 1:
            with np.errstate(over="ignore"):  # the design tells what is beyond all numbers
                return self.percent() * (values[0] / known[0])
        return np.interp(self.percent(), known, values)


class Map(PlannedStudy):
    """Dose by burden, with Cmax, Tmax and the falls of both biomarkers.

    Attributes
    ----------
    dose
        Dose axis, ``low:high:log:count`` or a list, in cells.
    burden
        Burden axis.
    regimen
        How each dose is given, in multiples of it; by default at once.
    endpoints
        More columns of the table, such as ``response_at(M_protein_change, day=180)``.
    until
        End of every run, over which a fall is the deepest; the longest follow-up of the article by default.
    posterior
        Draws in place of one typical patient, as for virtual patients: each cell is the median over
        `DRAWS` of them.
    curves, times
        Whether the outcome has the curves of the observables of every run, and at which times; by default
        at those that the model declares. No number depends on them.
    engine
        What runs the simulations: by default the kernel where there are enough of them, else RoadRunner.
    """

    DECLARED: ClassVar[tuple[str, ...]] = ("maps", "points", "points_dose", "points_burden")

    kind: Literal["map"] = "map"
    model: str = "clinical"
    readings: tuple[str, ...] = ()
    condition: str | None = None
    changes: dict[str, str] = {}
    dose: str = "50e6:800e6:log:40"
    burden: Burden = Burden()
    regimen: DeclaredRegimen | None = None
    endpoints: tuple[str, ...] = ()
    until: str = "21 months"
    posterior: str | None = None
    seed: Seed = 1
    curves: bool = False
    times: str | None = None
    engine: EngineName = AUTO

    def number_names(self) -> tuple[str, ...]:
        falls = (
            "rising_share", "slope_low", "slope_high", "slope_ratio",
            "dose_effect_low", "dose_effect_high", "dose_effect_ratio",
        )  # fmt: skip
        return (
            "Cmax_share_burden", "Cmax_share_dose", "Cmax_share_ratio", "Cmax_interaction",
            "Tmax_largest_rise_with_dose", "Tmax_earliest", "Tmax_latest", "Tmax_in_2_to_3_weeks",
            "Tmax_latest_where_highest", "Tmax_in_2_to_3_weeks_where_highest", "Tmax_burden_trend",
            "Tmax_fall_to_minimum", "Tmax_rise_from_minimum", "Tmax_burden_of_minimum",
            *(f"{fall}_{name}" for fall in ("sBCMA_fall", "M_fall") for name in falls),
            "maps", "points", "points_dose", "points_burden", "blank", "relapse_higher", "failed",
        )  # fmt: skip

    def size(self) -> int:
        return len(self.on_reference().plan())  # what runs it is decided when it runs: a kernel takes seconds

    def read_off(self, planned: Plan, found: xr.Dataset) -> Outcome:
        failed = count_failed(found["status"].to_numpy(), found["reason"].to_numpy())
        dose = next(iter(planned.design.table.columns))
        every = self._every()
        shape = (len(planned) // every // self.burden.points, self.burden.points)
        cells = planned.design.table.iloc[::every].reset_index(drop=True)
        status = found["status"].to_numpy()
        told, ran = _worst(status, every), np.array([is_ok(each) for each in status])
        peaked = ran & np.isfinite(found["Cmax"].to_numpy())
        early = _half_of(peaked, ran, every)

        def peak(name: str) -> np.ndarray:
            return np.where(early, _middle(found[name].to_numpy(), peaked, every), np.nan)

        def fall(name: str) -> np.ndarray:
            return -_middle(found[name].to_numpy(), ran, every)

        table = pd.DataFrame(
            {
                dose: cells[dose],
                "burden_percent": np.tile(self.burden.percent(), shape[0]),
                self.burden.parameter: cells[self.burden.parameter],
                "status": status[told],
                "Cmax": peak("Cmax"),
                "Tmax": peak("Tmax"),
                "Tmax_of_run": _middle(found[_highest_of_run(self._card())[1]].to_numpy(), ran, every),
                "sBCMA_fall": fall("sBCMA_nadir"),
                "M_fall": fall("M_nadir"),
                **{name: _middle(found[name].to_numpy(), ran, every) for name in self._more(planned)},
                "reason": found["reason"].to_numpy()[told],
            }
        )
        numbers = _numbers(table, shape, _latest_peak(self._card()))
        shown = {
            "dose": dose,
            "more": self._more(planned),
            "units": {name: planned.unit(name) for name in ("Cmax", "Tmax")},
        }
        notes = (*planned.notes, *self._notes(numbers, (dose, self.burden.parameter)))
        curves, engine = (found if self.curves else None), planned.study.engine
        return Outcome(numbers, {"map": table}, len(planned), failed, notes, shown, engine, curves)

    def _more(self, planned: Plan) -> list[str]:
        """Columns of the endpoints that were asked for."""
        return [call.name for call in planned.study.endpoints[len(ENDPOINTS) + 1 :]]

    def _card(self) -> ModelCard:
        return select(self.model, self._chosen()[0], self.condition).card

    def _chosen(self) -> tuple[tuple[str, ...], ParameterDraws | None]:
        """Readings, those of the posterior among them, and its draws."""
        if self.posterior is None:
            return self.readings, None
        return choose_draws(self.model, self.readings, self.posterior)

    def _every(self) -> int:
        """Runs of one cell."""
        return 1 if self.posterior is None else DRAWS

    def _cells(self, axes: dict[str, np.ndarray]) -> Design:
        """Every cell; with a posterior, every cell with each of the draws."""
        _, draws = self._chosen()
        if draws is None:
            return grid(**axes)
        refuse_set_twice(self.changes, draws.parameters)
        taken = draws.take(DRAWS, self.seed)[[name for name in draws.parameters if name not in axes]]
        return grid(**axes) * Design(taken)

    def plan(self) -> Plan:
        """The simulations: dose by dose, burden by burden, each with every draw of the posterior."""
        card = self._card()
        missing = [name for name in ENDPOINTS if name not in card.endpoints]
        if missing or card.dose is None:
            raise InputError(f"map: model {card.id} declares no {', '.join(missing) or 'dose'}")
        symbols = card.symbols
        _, doses = parse_axis(f"{card.dose.parameter}={self.dose}", symbols)
        axes = {card.dose.parameter: doses, self.burden.parameter: self.burden.values(symbols)}
        if len(axes) < 2 or len(doses) < 2 or not (np.diff(doses) > 0).all():
            raise InputError(
                "map: the dose axis is two rising doses or more, and the burden another parameter"
            )
        refuse_set_twice(self.changes, axes)
        return plan(
            self.model,
            self._cells(axes),
            endpoints=[*ENDPOINTS, _highest_of_run(card)[0], *self.endpoints],
            trajectories=self.curves,
            times=self.times,
            until=self.until,
            doses=None if self.regimen is None else declared_regimen("", self.regimen, symbols),
            changes=self.changes,
            readings=self._chosen()[0],
            condition=self.condition,
            engine=self.engine,
        )

    def _notes(self, numbers: dict[str, float], axes: tuple[str, ...]) -> tuple[str, ...]:
        known = sorted(self.burden.conversion.items())
        conversion = ", ".join(f"{percent:g} % = {value}" for percent, value in known)
        joined = "in proportion" if len(known) == 1 else "joined by straight lines"
        notes = [
            f"Burden in percent of plasma cells is {self.burden.parameter} by {conversion}, {joined}; the "
            "article's conversion is not public.",
            f"{numbers['blank']:g} of {numbers['points']:g} cells have no early peak and are blank; in "
            f"{numbers['relapse_higher']:g} the transgene at a relapse, by {self.until}, is higher than the "
            "early peak.",
        ]
        _, draws = self._chosen()
        if draws is not None:
            given = [name for name in axes if name in draws.table]
            notes += [f"{name} of the draws has no part: it is an axis of the map." for name in given]
            notes.append(
                f"Each cell is the median of {DRAWS} typical patients, each of a draw of the posterior; Cmax "
                "and Tmax are of those with an early peak, blank where fewer than half have one."
            )
        if numbers["failed"]:
            failed = f"{numbers['failed']:g} simulations failed; their cells are blank and count nowhere."
            some = f"{numbers['failed']:g} cells have draws that failed; each is the middle of the others."
            notes.append(failed if draws is None else some)
        return tuple(notes)


def _middle(values: np.ndarray, of: np.ndarray, every: int) -> np.ndarray:
    """The middle one of the values in each `every` that are counted (`of`); NaN where none is, NaN last.

    NaN sorts as what is never reached; a peak that is not there is none of that, and not to be counted.
    """
    counted = np.where(of, values, np.nan).reshape(-1, every)
    count = of.reshape(-1, every).sum(axis=1)
    place = np.maximum(count - 1, 0) // 2
    return np.sort(counted, axis=1)[np.arange(len(count)), place]


def _half_of(some: np.ndarray, of: np.ndarray, every: int) -> np.ndarray:
    """Whether, of each `every`, more than half of those that are counted are so, or the one there is."""
    many, count = (each.reshape(-1, every).sum(axis=1) for each in (some, of))
    return many >= np.maximum((count + 1) // 2, 1)


def _worst(status: np.ndarray, every: int) -> np.ndarray:
    """Place of the first failed run of each `every`, or of the first."""
    bad = np.array([not is_ok(each) for each in status]).reshape(-1, every)
    return np.arange(0, len(status), every) + bad.argmax(axis=1)


def _highest_of_run(card: ModelCard) -> tuple[str, str]:
    """Call and column of the time of the highest peak after day 1 of the whole run."""
    observable = card.endpoints["Tmax"].observable
    return f"peak_time({observable}, after=1)", f"peak_time_{observable}_after_1"


def _latest_peak(card: ModelCard) -> float:
    """Time after which a peak is not the early one."""
    return float(card.endpoints["Tmax"].options.get("before", np.inf))


def _numbers(table: pd.DataFrame, shape: tuple[int, int], late: float) -> dict[str, float]:
    """All numbers of a map; its rows are doses by burdens, the burden varying faster."""
    field = {name: table[name].to_numpy(float).reshape(shape) for name in (*PANELS, "Tmax_of_run")}
    percent = table["burden_percent"].to_numpy()[: shape[1]]
    ok = np.array([is_ok(status) for status in table["status"]]).reshape(shape)
    early = np.isfinite(field["Tmax"])
    highest = early & (field["Tmax_of_run"] <= late)
    by_dose, by_burden = main_effects(np.log(field["Cmax"]))
    numbers = {
        "Cmax_share_burden": by_burden,
        "Cmax_share_dose": by_dose,
        "Cmax_share_ratio": by_burden / by_dose if by_dose > 0 else np.nan,
        "Cmax_interaction": 1 - by_burden - by_dose,
        **_peaks(field["Tmax"], highest, percent),
    }
    for fall in ("sBCMA_fall", "M_fall"):
        numbers |= {f"{fall}_{name}": value for name, value in _saturation(field[fall], percent).items()}
    return numbers | {
        "maps": float(sum(np.isfinite(field[name]).any() for name in PANELS)),
        "points": float(table.shape[0]),
        "points_dose": float(shape[0]),
        "points_burden": float(shape[1]),
        "blank": float((ok & ~early).sum()),
        "relapse_higher": float((early & ~highest).sum()),
        "failed": float((~ok).sum()),
    }


def _peaks(tmax: np.ndarray, highest: np.ndarray, percent: np.ndarray) -> dict[str, float]:
    """Where Tmax lies, and how it moves with dose and burden."""
    low, high = WEEKS
    inside = (tmax >= low) & (tmax <= high)
    mean = np.where(np.isfinite(tmax).all(axis=0), tmax.mean(axis=0), np.nan)
    known = np.flatnonzero(np.isfinite(mean))
    bottom = known[mean[known].argmin()] if known.size else 0
    some = np.isfinite(tmax).any()
    return {
        "Tmax_largest_rise_with_dose": largest_row_step(tmax),
        "Tmax_earliest": float(np.nanmin(tmax)) if some else np.nan,
        "Tmax_latest": float(np.nanmax(tmax)) if some else np.nan,
        "Tmax_in_2_to_3_weeks": float(inside[np.isfinite(tmax)].mean()) if some else np.nan,
        "Tmax_latest_where_highest": float(tmax[highest].max()) if highest.any() else np.nan,
        "Tmax_in_2_to_3_weeks_where_highest": float(inside[highest].mean()) if highest.any() else np.nan,
        "Tmax_burden_trend": rank_trend(tmax),
        "Tmax_fall_to_minimum": float(mean[known[0]] - mean[bottom]) if known.size else np.nan,
        "Tmax_rise_from_minimum": float(mean[known[-1]] - mean[bottom]) if known.size else np.nan,
        "Tmax_burden_of_minimum": float(percent[bottom]) if known.size else np.nan,
    }


def _saturation(fall: np.ndarray, percent: np.ndarray) -> dict[str, float]:
    """How a fall rises with burden, in the first and last quarter of the axis, and with dose at its ends."""
    quarter = max((percent.size - 1) // 4, 1)
    slopes = np.diff(fall[:, [0, quarter, -1 - quarter, -1]].mean(axis=0))[[0, 2]] / (
        percent[quarter] - percent[0]
    )
    dose_effect = np.ptp(fall, axis=0)
    return {
        "rising_share": share_rising(fall, TOLERANCE),
        "slope_low": float(slopes[0]),
        "slope_high": float(slopes[1]),
        "slope_ratio": float(slopes[1] / slopes[0]) if slopes[0] else np.nan,
        "dose_effect_low": float(dose_effect[0]),
        "dose_effect_high": float(dose_effect[-1]),
        "dose_effect_ratio": float(dose_effect[0] / dose_effect[-1]) if dose_effect[-1] else np.inf,
    }

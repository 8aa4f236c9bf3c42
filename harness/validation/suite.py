"""The suite: simulate the curves of a panel, measure its targets, and say which are met.

Promise: a verdict follows from the score and the threshold alone. Whether it is the expected one is told
beside it, never put in its place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from harness.analysis import endpoints
from harness.analysis.observations import Observed, observed, read_observations
from harness.errors import InputError, unknown_name
from harness.models.catalog import ModelCard, load_card, select
from harness.models.symbols import SymbolTable, read_symbols
from harness.models.units import convert
from harness.simulation.simulate import simulate
from harness.validation import metrics
from harness.validation.spec import (
    Arithmetic,
    Cases,
    Comparison,
    Curve,
    DataEndpoint,
    PanelSpec,
    Quantity,
    Residual,
    Target,
    curves_of,
    read_panel,
)

__all__ = ["PanelResult", "Score", "Verdict", "run_panel"]


class Verdict(StrEnum):
    """What a score says about its target."""

    MET = "met"
    NOT_MET = "not met"
    NOT_REPRODUCIBLE = "not reproducible from the published specification"
    SHOWN = "shown"
    FAILED = "the simulation failed"


@dataclass(frozen=True)
class Score:
    """The score of one target. `holds` is False when the verdict is not the expected one."""

    target: Target
    value: float
    verdict: Verdict
    holds: bool


@dataclass(frozen=True)
class PanelResult:
    """All that a panel yields: its curves, its observations and its scores."""

    spec: PanelSpec
    curves: dict[str, xr.Dataset]
    observations: pd.DataFrame | None
    scores: list[Score] = field(default_factory=list)

    def observed(self, observable: str, arm: str) -> Observed:
        """Observations in the units of the panel's curves."""
        if self.observations is None:
            raise InputError(f"panel {self.spec.panel} has no table of observations")
        curve = next(c for c in self.curves.values() if observable in c)
        units = curve[observable].attrs["units"], curve.time.attrs["units"]
        return observed(self.observations, observable, arm, *units)


def run_panel(name: str) -> PanelResult:
    """Simulate and score one panel.

    Raises
    ------
    InputError
        When the specification or a table of it is missing or broken.
    """
    spec = read_panel(name)
    _require_symbols(spec)
    table = read_observations(spec.folder / spec.observations) if spec.observations else None
    curves = {curve: _simulate(declared) for curve, declared in spec.curves.items()}
    result = PanelResult(spec, curves, table)
    return PanelResult(spec, curves, table, [_score(result, target) for target in spec.targets])


def _require_symbols(spec: PanelSpec) -> None:
    """Every observable that is drawn or measured is a symbol of the model of its curve."""
    read = [(curve, axes.observable) for axes in spec.axes for curve in axes.curves]
    for target in spec.targets:
        match target.measure:
            case Comparison(of=of, over=over):
                read += [(of.curve, of.observable), (over.curve, over.observable)]
            case Arithmetic() as measure:
                for model in filter(None, (measure.model, measure.over_model)):
                    if measure.parameter not in (symbols := read_symbols(load_card(model).sbml_path())):
                        raise unknown_name(f"parameter in {model}", measure.parameter, symbols)
            case DataEndpoint():
                pass
            case measure:
                read.append((measure.curve, measure.observable))
    for curve, observable in read:
        symbols = read_symbols(_card_of(spec.curves[curve]).sbml_path())
        if observable not in symbols:
            raise InputError(f"{spec.panel}/spec.yaml: {unknown_name('observable', observable, symbols)}")


def _card_of(curve: Curve) -> ModelCard:
    return select(curve.model, curve.readings, curve.condition).card


def _simulate(curve: Curve, **changed: object) -> xr.Dataset:
    declared = curve.model_copy(update=changed)
    return simulate(
        declared.model,
        doses=declared.doses,
        changes=declared.changes,
        readings=declared.readings,
        condition=declared.condition,
        until=declared.until,
        times=declared.times,
    )


def _score(result: PanelResult, target: Target) -> Score:
    value = _measure(result, target)
    if any(result.curves[curve].attrs["status"] != "ok" for curve in curves_of(target.measure)):
        return Score(target, math.nan, Verdict.FAILED, holds=False)
    if target.threshold is None:
        return Score(target, value, Verdict.SHOWN, holds=math.isfinite(value))
    if math.isnan(value):  # no score is no evidence, not even of a target that is not expected to be met
        return Score(target, value, Verdict.NOT_MET, holds=False)
    low, high = target.threshold.bounds()
    met = low <= value <= high
    if met:
        verdict = Verdict.MET
    else:
        verdict = Verdict.NOT_REPRODUCIBLE if target.expected == "not met" else Verdict.NOT_MET
    return Score(target, value, verdict, holds=met == (target.expected == "met"))


def _measure(result: PanelResult, target: Target) -> float:
    measure = target.measure
    match measure:
        case Residual():
            return _residual(result, measure)
        case DataEndpoint():
            data = result.observed(measure.observable, measure.arm)
            return _endpoint(data.time, data.value, measure)
        case Comparison():
            return _quantity(result, measure.of) / _quantity(result, measure.over)
        case Cases():
            return _cases(result, measure)
        case Arithmetic():
            return _arithmetic(measure)
        case _:
            return _quantity(result, measure)


def _residual(result: PanelResult, measure: Residual) -> float:
    curve = result.curves[measure.curve]
    data = result.observed(measure.observable, measure.arm)
    inside = (data.time >= measure.start) & (data.time <= measure.stop)
    predicted = np.interp(data.time[inside], curve.time, curve[measure.observable], left=np.nan, right=np.nan)
    return getattr(metrics, measure.metric)(predicted, data.value[inside])


def _quantity(result: PanelResult, quantity: Quantity) -> float:
    curve = result.curves[quantity.curve]
    return _endpoint(curve.time.to_numpy(), curve[quantity.observable].to_numpy(), quantity)


def _endpoint(time: np.ndarray, value: np.ndarray, wanted: Quantity | Cases | DataEndpoint) -> float:
    match wanted.endpoint:
        case "value":
            found = endpoints.value_at(time, value, wanted.at)
        case "peak_height" | "peak_time":
            found = getattr(endpoints, wanted.endpoint)(time, value, wanted.after)
        case "fall_time":
            found = endpoints.fall_time(time, value, wanted.share)
        case name:
            found = getattr(endpoints, name)(time, value, wanted.start, wanted.stop)
    return float(found)


def _cases(result: PanelResult, measure: Cases) -> float:
    """Largest error of the endpoint over the rows of the table."""
    curve = result.spec.curves[measure.curve]
    symbols = read_symbols(_card_of(curve).sbml_path())
    table = _read_cases(result.spec.folder / measure.table, measure.expected, symbols)
    set_by = [c for c in table.columns if c in symbols and c != "dose"]
    errors = []
    for row in table.to_dict("records"):
        dataset = _simulate(
            curve,
            condition=row.get("condition", curve.condition),
            readings=(row["reading"],) if "reading" in row else curve.readings,
            doses=(repr(row["dose"]),) if "dose" in row else curve.doses,
            changes={**curve.changes, **{name: repr(row[name]) for name in set_by}},
            times=measure.times,
        )
        value = _endpoint(dataset.time.to_numpy(), dataset[measure.observable].to_numpy(), measure)
        error = abs(value - row[measure.expected])
        errors.append(error / abs(row[measure.expected]) if measure.error == "relative" else error)
    return float(np.max(errors))


def _read_cases(path: Path, expected: str, symbols: SymbolTable) -> pd.DataFrame:
    """Read a table of cases; every column but the sources and the expected values sets something.

    Columns that hold values expected by another target are those whose name is no symbol but is listed
    in the file's first comment line, ``# expected: NAME, NAME``.
    """
    try:
        with path.open(encoding="utf-8") as file:
            first = file.readline()
        table = pd.read_csv(path, comment="#")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}") from None
    declared = [name.strip() for name in first.removeprefix("# expected:").split(",")]
    if not first.startswith("# expected:") or expected not in declared:
        raise InputError(
            f"{path}:1: the first line must be '# expected: ' and the columns of expected values"
        )
    for column in declared:
        if column not in table.columns:
            raise InputError(f"{path}:2: column missing: {column}")
        if not np.isfinite(pd.to_numeric(table[column], errors="coerce")).all():
            raise InputError(f"{path}: {column}: every row needs a number")
    for column in table.columns:
        if column not in ("condition", "reading", "dose", "source", *declared) and column not in symbols:
            raise InputError(f"{path}:2: {unknown_name('symbol', column, symbols)}")
    if table.empty or table.isna().any(axis=None):
        raise InputError(f"{path}: no rows, or an empty cell")
    return table.drop(columns=[name for name in declared if name != expected])


def _arithmetic(measure: Arithmetic) -> float:
    symbol = read_symbols(load_card(measure.model).sbml_path())[measure.parameter]
    match measure.kind:
        case "parameter_value":
            return convert(symbol.value, symbol.unit, measure.unit, symbol.id)
        case "half_life_of_rate":
            return np.log(2) / convert(symbol.value, symbol.unit, f"1/{measure.unit}", symbol.id)
        case "total_transit":
            return measure.count * convert(symbol.value, symbol.unit, measure.unit, symbol.id)
        case _:
            other = read_symbols(load_card(measure.over_model).sbml_path())[measure.parameter]
            return symbol.value / convert(other.value, other.unit, symbol.unit, symbol.id)

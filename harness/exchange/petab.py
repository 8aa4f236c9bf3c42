"""PEtab problems (version 1): model, conditions, observables, measurements and parameters of each scale.

Promise: every folder passes PEtab's own lint, and holds the values simulated at the nominal point.
Measurements are observed data where there are any; elsewhere they are those simulated values, and say so in
every row.
"""

from __future__ import annotations

import itertools
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import yaml
from petab import v1
from petab.v2.petab1to2 import petab1to2
from pydantic import RootModel

from harness.analysis.observations import observed, read_observations
from harness.declarations import Declaration, read_declaration
from harness.errors import InputError, unknown_name
from harness.exchange.use import Use, use_of
from harness.models.card import repository
from harness.models.provenance import read_parameters
from harness.models.symbols import Kind

__all__ = ["problem_names", "write_own_problem", "write_problem"]

BOUNDS = 100.0
"""Parameters are searched between their nominal value over this and times this."""

OWN_TIMES, OWN_NOISE = 20, 0.05
"""Of a template of a model of one's own: times, and the noise over the largest value of an observable."""


class Measured(Declaration):
    """An observable, the scale its error is normal on, and that error's standard deviation on it."""

    scale: Literal["lin", "log10"]
    noise: float | None = None


class Condition(Declaration):
    """What differs in one condition: a row of the model's table, and values."""

    condition: str | None = None
    changes: dict[str, str] = {}


class Problem(Declaration):
    """What the problem of one scale holds."""

    model: str
    conditions: dict[str, Condition]
    vary: dict[str, tuple[float, ...]] = {}
    observables: dict[str, Measured]
    observations: str | None = None
    times: tuple[float, ...] = ()


class _Problems(RootModel[dict[str, Problem]]):
    """The file of them, by scale."""


@dataclass(frozen=True)
class ConditionUse:
    """One condition, its arm in the data, and the use of the model in it."""

    name: str
    arm: str
    use: Use


@cache
def _problems() -> dict[str, Problem]:
    return read_declaration(Path(__file__).parent / "petab.yaml", _Problems).root


def problem_names() -> tuple[str, ...]:
    """Scales that have a PEtab problem."""
    return tuple(_problems())


def write_problem(scale: str, folder: Path) -> Path:
    """Write the problem of one scale to a folder; return its YAML file.

    Raises
    ------
    InputError
        When there is no problem of that scale, or PEtab's lint finds a fault in it.
    """
    if scale not in _problems():
        raise unknown_name("PEtab problem", scale, _problems())
    problem = _problems()[scale]
    # In alphabetical order: pyPESTO 0.7 pairs the rows of this table with conditions that PEtab has sorted.
    uses = sorted(_uses(problem), key=lambda each: each.name)
    model = uses[0].use.card.sbml_path().read_text("utf-8")
    return _write(problem, uses, model, _conditions(uses), _parameters(problem), folder)


def write_own_problem(use: Use, folder: Path) -> Path:
    """Write a template for a model of no scale of this project; return its YAML file.

    One condition, its observables simulated at the nominal point at even times, with a placeholder of a
    noise, and each parameter above 0 that may be set. What is changed and dosed stands in the model's file.

    Raises
    ------
    InputError
        When it has nothing to read out or to estimate, or PEtab's lint finds a fault in it.
    """
    times = np.linspace(0, use.until, OWN_TIMES + 1)[1:]
    expected = use.expected(times, tuple(use.read_outs)).drop(columns="time")
    sizes = {name: float(np.abs(values).max()) for name, values in expected.items()}
    measured = {
        str(name): Measured(scale="lin", noise=OWN_NOISE * size) for name, size in sizes.items() if size > 0
    }
    parameters = (n for n in use.symbols.offered() if use.symbols[n].kind is Kind.PARAMETER)
    offered = (name for name in parameters if not name.startswith("init_"))
    values = {name: use.changes.get(name, use.symbols[name].value) for name in offered}
    estimated = {name: value for name, value in values.items() if value > 0}
    if not measured or not estimated:
        raise InputError(f"{use.card.id}: PEtab needs something above 0 to read out, and to estimate")
    problem = Problem(
        model=use.card.id, conditions={"as_it_is": Condition()}, observables=measured, times=tuple(times)
    )
    uses = [ConditionUse("as_it_is", "as_it_is", use)]
    conditions = pd.DataFrame({"conditionId": ["as_it_is"]})
    rows = [_parameter(name, value) for name, value in estimated.items()]
    return _write(problem, uses, use.sbml(), conditions, pd.DataFrame(rows), folder)


def _write(
    problem: Problem,
    uses: list[ConditionUse],
    model: str,
    conditions: pd.DataFrame,
    parameters: pd.DataFrame,
    folder: Path,
) -> Path:
    """Write the files of a problem, and the same as version 2 beside; return the YAML file of version 1."""
    measurements = pd.DataFrame(_measurements(problem, uses))
    simulated = measurements.rename(columns={"measurement": "simulation"})
    simulated["simulation"] = _simulated(uses, measurements, tuple(problem.observables))
    if problem.observations is None:
        measurements["measurement"] = simulated["simulation"]
    tables = {
        "conditions": conditions,
        "observables": _observables(problem),
        "measurements": measurements,
        "simulated": simulated,
        "parameters": parameters,
        "visualization": _visualization(problem),
    }
    for name, table in tables.items():
        table.to_csv(folder / f"{name}.tsv", sep="\t", index=False)
    (folder / "model.xml").write_text(model, encoding="utf-8")
    path = folder / "problem.yaml"
    path.write_text(_index(), encoding="utf-8")
    _require_clean(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what version 1 left open, which is said in the docs
        petab1to2(path, folder / "v2")
    return path


def _uses(problem: Problem) -> Iterator[ConditionUse]:
    for name, declared in problem.conditions.items():
        for values in itertools.product(*problem.vary.values()):
            varied = dict(zip(problem.vary, values, strict=True))
            label = "_".join([name, *(f"{k}_{v:g}".replace(".", "p") for k, v in varied.items())])
            changes: dict[str, str | float] = {**declared.changes, **varied}
            yield ConditionUse(
                label, name, use_of(problem.model, condition=declared.condition, changes=changes)
            )


def _conditions(uses: list[ConditionUse]) -> pd.DataFrame:
    return pd.DataFrame([{"conditionId": each.name, **each.use.changes} for each in uses])


def _observables(problem: Problem) -> pd.DataFrame:
    rows = [
        {
            "observableId": _observable(name),
            "observableName": name,
            "observableFormula": name,
            "observableTransformation": measured.scale,
            "noiseFormula": f"noiseParameter1_{_observable(name)}",
            "noiseDistribution": "normal",
        }
        for name, measured in problem.observables.items()
    ]
    return pd.DataFrame(rows)


def _observable(name: str) -> str:
    return f"observed_{name}"


def _measurements(problem: Problem, uses: list[ConditionUse]) -> Iterator[dict[str, object]]:
    """Rows of the table of measurements; NaN where they are to be simulated."""
    if problem.observations is not None:
        table = read_observations(repository() / "validation" / problem.observations / "observed.csv")
    for each, (name, measured) in itertools.product(uses, problem.observables.items()):
        if problem.observations is None:
            times = np.array(problem.times)
            values, errors = np.full(len(times), np.nan), np.full(len(times), measured.noise)
            source = "simulated_at_the_nominal_point"
        else:
            units = each.use.symbols[name].unit, each.use.symbols.time_unit
            data = observed(table, name, each.arm, *units)
            times, values, errors = data.time, data.value, data.error
            source = f"observed_{problem.observations}"
        for time, value, error in zip(times, values, errors, strict=True):
            yield {
                "observableId": _observable(name), "simulationConditionId": each.name, "measurement": value,
                "time": time, "noiseParameters": error, "datasetId": source,
            }  # fmt: skip


def _simulated(
    uses: list[ConditionUse], measurements: pd.DataFrame, observables: tuple[str, ...]
) -> np.ndarray:
    """Value of the model at each row of the measurements, at the nominal point."""
    found = np.full(len(measurements), np.nan)
    for each in uses:
        rows = (measurements.simulationConditionId == each.name).to_numpy()
        times = np.unique(measurements.time[rows])
        table = each.use.expected(times, observables).set_index("time")
        for row in np.flatnonzero(rows):
            name = measurements.observableId[row].removeprefix("observed_")
            found[row] = table.loc[measurements.time[row], name]
    return found


def _parameters(problem: Problem) -> pd.DataFrame:
    """Parameters that the article estimated, on a logarithmic scale, around their nominal values."""
    rows = [
        _parameter(row.id, row.value)
        for row in read_parameters()
        if row.scale == problem.model and row.status == "estimated"
    ]
    return pd.DataFrame(rows)


def _parameter(name: str, value: float) -> dict[str, object]:
    return {
        "parameterId": name,
        "parameterScale": "log10",
        "lowerBound": float(f"{value / BOUNDS:.6g}"),
        "upperBound": float(f"{value * BOUNDS:.6g}"),
        "nominalValue": value,
        "estimate": 1,
    }


def _visualization(problem: Problem) -> pd.DataFrame:
    """One plot an observable, over time."""
    rows = [
        {
            "plotId": f"plot_{name}", "plotName": name, "plotTypeSimulation": "LinePlot",
            "plotTypeData": "provided", "xValues": "time", "yValues": _observable(name),
        }
        for name in problem.observables
    ]  # fmt: skip
    return pd.DataFrame(rows)


def _index() -> str:
    files = {
        "sbml_files": ["model.xml"],
        "condition_files": ["conditions.tsv"],
        "observable_files": ["observables.tsv"],
        "measurement_files": ["measurements.tsv"],
        "visualization_files": ["visualization.tsv"],
    }
    index = {"format_version": 1, "parameter_file": "parameters.tsv", "problems": [files]}
    return yaml.safe_dump(index, sort_keys=False)


class _Heard(logging.Handler):
    """Takes down what is logged."""

    def __init__(self, said: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._said = said

    def emit(self, record: logging.LogRecord) -> None:
        """Take down one message."""
        self._said.append(record.getMessage())


def _require_clean(path: Path) -> None:
    """Refuse a problem in which PEtab's lint finds a fault."""
    said: list[str] = []
    handler = _Heard(said)
    log = logging.getLogger("petab")
    log.addHandler(handler)
    try:
        broken = v1.lint_problem(v1.Problem.from_yaml(path))
    finally:
        log.removeHandler(handler)
    if broken or said:
        raise InputError(f"{path}: PEtab's lint: {' '.join(' '.join(said).split()) or 'found a fault'}")

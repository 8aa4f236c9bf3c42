"""A PEtab problem (version 1) as a prepared fit, so that the same code fits it.

Promise: the objective is twice the negative log-likelihood that PEtab defines. What is not supported
(preequilibration, observable parameters, noise other than normal or log-normal with one parameter or number)
is refused in one line.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import libsbml
import numpy as np
import pandas as pd

from harness.errors import InputError
from harness.fitting.prepared import ArmData, Coordinate, ErrorSizes, Prepared, Size
from harness.models.catalog import SolverSettings
from harness.simulation.program import Program

if TYPE_CHECKING:
    from petab.v1 import Problem

__all__ = ["prepare_petab"]


def prepare_petab(path: Path, starts: int = 16, seed: int = 1) -> Prepared:
    """Read a PEtab problem from its YAML file.

    Raises
    ------
    InputError
        When the optional package petab is missing, the problem cannot be read, or uses what is not
        supported.
    """
    try:
        from petab.v1 import Problem
    except ImportError:
        raise InputError("petab is not installed; install cart-pkpd[exchange]") from None
    try:
        problem = Problem.from_yaml(str(path))
    except Exception as error:  # petab raises many kinds for a broken problem
        raise InputError(f"{path}: is no PEtab problem: {' '.join(str(error).split())[:200]}") from None
    _require_supported(path, problem)
    if not np.isfinite(pd.to_numeric(problem.measurement_df["measurement"], errors="coerce")).all():
        raise InputError(f"{path}: a measurement is not a number")
    sbml = _with_observables(Path(problem.model.rel_path and path.parent / problem.model.rel_path), problem)
    noises = {name: _noise(path, problem, name) for name in problem.observable_df.index}
    coordinates = tuple(_coordinate(name, row, noises) for name, row in _free(problem).iterrows())
    errors = tuple(_error(name, problem, noises[name], coordinates) for name in problem.observable_df.index)
    arms = tuple(
        _arm(str(condition), rows, problem, sbml)
        for condition, rows in problem.measurement_df.groupby("simulationConditionId", sort=False)
    )
    text = problem.measurement_df.to_csv()
    return Prepared(
        title=path.stem,
        coordinates=coordinates,
        arms=arms,
        errors=errors,
        units=dict.fromkeys(problem.observable_df.index, "dimensionless"),
        time_unit="dimensionless",
        checksum=hashlib.sha256(text.encode()).hexdigest(),
        starts=starts,
        seed=seed,
    )


def _free(problem: Problem) -> pd.DataFrame:
    return problem.parameter_df[problem.parameter_df["estimate"] == 1]


def _require_supported(path: Path, problem: Problem) -> None:
    for column in ("preequilibrationConditionId", "observableParameters"):
        given = problem.measurement_df.get(column)
        if given is not None and (given.notna() & (given.astype(str) != "")).any():
            raise InputError(f"{path}: {column} is not supported")
    for column, allowed in (("observableTransformation", {"lin", "log"}), ("noiseDistribution", {"normal"})):
        given = problem.observable_df.get(column)
        other = set() if given is None else set(given.dropna()) - allowed
        if other:
            raise InputError(f"{path}: {column} {', '.join(sorted(other))} is not supported")


def _with_observables(path: Path, problem: Problem) -> str:
    """The SBML with every observable as a parameter under an assignment rule."""
    document = libsbml.readSBMLFromFile(str(path))
    model = document.getModel()
    if model is None:
        raise InputError(f"{path}: missing, or no model in it")
    for name, formula in problem.observable_df["observableFormula"].items():
        parameter = model.createParameter()
        parameter.setId(name)
        parameter.setConstant(False)
        rule = model.createAssignmentRule()
        rule.setVariable(name)
        rule.setMath(libsbml.parseL3Formula(str(formula)))
    return libsbml.writeSBMLToString(document)


def _noise(path: Path, problem: Problem, name: str) -> str:
    """The number or the parameter that is the standard deviation of an observable."""
    formula = str(problem.observable_df["noiseFormula"][name])
    rows = problem.measurement_df["observableId"] == name
    if formula == f"noiseParameter1_{name}":
        given = problem.measurement_df.loc[rows, "noiseParameters"].astype(str).unique()
        if len(given) > 1:
            raise InputError(f"{path}: {name}: more than one noise parameter is not supported")
        formula = given[0]
    if formula not in problem.parameter_df.index and not _is_number(formula):
        raise InputError(f"{path}: {name}: noise '{formula}' is neither a number nor a parameter")
    return formula


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _coordinate(name: str, row: pd.Series, noises: dict[str, str]) -> Coordinate:
    log = row["parameterScale"] != "lin"
    low, high, nominal = (float(row[column]) for column in ("lowerBound", "upperBound", "nominalValue"))
    kind = "error" if name in noises.values() else "parameter"
    start = float(np.sqrt(low * high)) if log else (low + high) / 2
    return Coordinate(name, "dimensionless", kind, log, low, high, start, nominal)


def _error(name: str, problem: Problem, noise: str, coordinates: tuple[Coordinate, ...]) -> ErrorSizes:
    places = [coordinate.name for coordinate in coordinates]
    if noise in places:
        size = Size(place=places.index(noise))
    elif _is_number(noise):
        size = Size(float(noise))
    else:
        size = Size(float(problem.parameter_df["nominalValue"][noise]))
    transformation = problem.observable_df.get("observableTransformation")
    if transformation is not None and transformation[name] == "log":
        return ErrorSizes(name, True, Size(), size, 1.0)
    rows = problem.measurement_df["observableId"] == name
    largest = float(problem.measurement_df.loc[rows, "measurement"].abs().max())
    return ErrorSizes(name, False, size, Size(), largest or 1.0)


def _arm(condition: str, rows: pd.DataFrame, problem: Problem, sbml: str) -> ArmData:
    settings = SolverSettings(absolute_tolerance_default=1e-12)
    every = list(problem.observable_df.index)
    times, index = np.unique(rows["time"].to_numpy(float), return_inverse=True)
    place = np.array([every.index(name) for name in rows["observableId"]])
    given = problem.condition_df.loc[condition].drop("conditionName", errors="ignore")
    fixed = problem.parameter_df["nominalValue"][problem.parameter_df["estimate"] != 1]
    return ArmData(
        name=condition,
        group=-1,
        program=Program(problem.model.model_id, sbml, sbml, None, settings),
        fixed={str(name): float(value) for name, value in {**fixed, **given}.items()},
        regimen=None,
        times=times,
        observables=tuple(every),
        time_index=index,
        observable_index=place,
        error=place,
        value=rows["measurement"].to_numpy(float),
        censored=np.zeros(len(rows), bool),
        limit=np.full(len(rows), -np.inf),
    )

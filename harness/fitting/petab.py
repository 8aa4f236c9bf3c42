"""A PEtab problem (version 1) as a prepared fit, so that the same code fits it.

Promise: the objective is twice the negative log-likelihood that PEtab defines. What is not supported
(preequilibration, observable parameters, noise other than normal or log-normal with one parameter or number)
is refused in one line. The model is made ready and tried out as any model of a user's own.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import libsbml
import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from harness.declarations import read_declaration
from harness.errors import InputError, unknown_name
from harness.fitting.prepared import ArmData, Coordinate, ErrorSizes, Prepared, Size
from harness.models.apart import apart
from harness.models.imported import OwnSolver
from harness.models.own_file import Normalised
from harness.reading import inside, parse_number, read_text, to_numbers
from harness.simulation.program import Program
from harness.simulation.trial import try_out

if TYPE_CHECKING:
    from petab.v1 import Problem

__all__ = ["prepare_petab"]

POINTS = 201
"""Times, from 0 to the last measurement, at which the trial of the model is looked at."""


def prepare_petab(path: Path, starts: int = 16, seed: int = 1) -> Prepared:
    """Read a PEtab problem from its YAML file.

    Raises
    ------
    InputError
        When the optional package petab is missing, the problem cannot be read, or uses what is not
        supported.
    """
    problem, model = _read(path)
    program = _program(model, problem)
    noises = {name: _noise(path, problem, name) for name in problem.observable_df.index}
    coordinates = tuple(_coordinate(name, row, noises) for name, row in _free(problem).iterrows())
    errors = tuple(_error(name, problem, noises[name], coordinates) for name in problem.observable_df.index)
    arms = tuple(
        _arm(str(condition), rows, problem, program)
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


class _Files(BaseModel):
    """The files of one part of a problem."""

    condition_files: tuple[str, ...]
    measurement_files: tuple[str, ...]
    observable_files: tuple[str, ...]
    sbml_files: tuple[str, ...] = Field(min_length=1, max_length=1)


class _Manifest(BaseModel):
    """The YAML file of a problem; what is not named here is left to petab."""

    parameter_file: str | tuple[str, ...]
    problems: tuple[_Files, ...] = Field(min_length=1, max_length=1)


def _read(path: Path) -> tuple[Problem, Path]:
    """A problem that petab finds no fault with, and the file of its model.

    Only files of its own folder are read: the YAML could name any, or an address in the net.
    """
    try:
        from petab.v1 import Problem, lint
    except ImportError:
        raise InputError("petab is not installed; install cart-pkpd[exchange]") from None
    manifest = read_declaration(path, _Manifest)
    parameters, files = manifest.parameter_file, manifest.problems[0]
    tables = (
        *((parameters,) if isinstance(parameters, str) else parameters),
        *files.condition_files, *files.measurement_files, *files.observable_files,
    )  # fmt: skip
    for name in tables:
        read_text(inside(path.parent, name, path))
    model = inside(path.parent, files.sbml_files[0], path)  # it may end the process that reads it
    apart("harness.models.own_file:require_readable", str(model), model, read_text(model))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of cells that would be dropped
            problem = Problem.from_yaml(str(path))
            lint.check_condition_df(problem.condition_df)
            lint.check_observable_df(problem.observable_df)
            lint.check_measurement_df(problem.measurement_df, problem.observable_df)
            lint.check_parameter_df(problem.parameter_df)
            lint.check_parameter_bounds(problem.parameter_df)
    except Exception as error:  # petab raises many kinds for a broken problem
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path}: is no PEtab problem: {said}") from None
    _require_supported(path, problem)
    _require_numbers(path, problem)
    return problem, model


def _require_numbers(path: Path, problem: Problem) -> None:
    """What is read as a number is one, and finite."""
    measured, declared = problem.measurement_df, problem.parameter_df
    free = declared["estimate"] == 1
    if not free.any():
        raise InputError(f"{path}: no parameter is estimated")
    columns = {
        "a measurement": measured["measurement"], "a time": measured["time"],
        "a lower bound": declared["lowerBound"][free], "an upper bound": declared["upperBound"][free],
        "a nominal value": declared.get("nominalValue", pd.Series(np.nan, declared.index)),
    }  # fmt: skip
    for name, values in columns.items():
        if not np.isfinite(to_numbers(values)).all():
            raise InputError(f"{path}: {name} is not a finite number")
    if (to_numbers(measured["time"]) < 0).any():
        raise InputError(f"{path}: a time is negative")
    for condition in measured["simulationConditionId"].unique():
        if condition not in problem.condition_df.index:
            raise unknown_name(f"condition in {path}", str(condition), map(str, problem.condition_df.index))
    for name, values in problem.condition_df.drop(columns="conditionName", errors="ignore").items():
        if not np.isfinite(to_numbers(values)).all():
            raise InputError(f"{path}: condition table: {name}: only finite numbers are supported")


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
            raise InputError(f"{path}: {column} {', '.join(sorted(map(str, other)))} is not supported")
    priors = problem.parameter_df.get("objectivePriorType", pd.Series(dtype=str))
    if priors.notna().any():
        raise InputError(f"{path}: objectivePriorType is not supported")


def _program(path: Path, problem: Problem) -> Program:
    """The model with the observables in it, made ready and tried out at the nominal values."""
    text = _with_observables(path, problem)
    made: Normalised = apart("harness.models.own_file:normalise", str(path), path, text)
    program = Program(problem.model.model_id, made.sbml, made.sbml, None, OwnSolver())
    measured = problem.measurement_df["time"].to_numpy(float)
    times = np.union1d(measured, np.linspace(0, measured.max() or 1.0, POINTS))
    return replace(program, **vars(try_out(program, times, list(problem.observable_df.index))))


def _with_observables(path: Path, problem: Problem) -> str:
    """The SBML with what the problem sets, and every observable as a parameter under an assignment rule."""
    document = libsbml.readSBMLFromFile(str(path))
    model = document.getModel()
    for name, value in _given(problem).items():
        _set(path, model, name, value)
    for name, formula in problem.observable_df["observableFormula"].items():
        tree = libsbml.parseL3Formula(str(formula))
        if tree is None:
            raise InputError(f"{path}: observable {name}: '{formula}' is no formula")
        if model.getElementBySId(str(name)) is not None:
            raise InputError(f"{path}: observable {name}: the model has this name already")
        for symbol in _symbols(tree):
            if model.getElementBySId(symbol) is None:
                raise InputError(f"{path}: observable {name}: the model has no {symbol}")
        parameter = model.createParameter()
        parameter.setId(name)
        parameter.setConstant(False)
        rule = model.createAssignmentRule()
        rule.setVariable(name)
        rule.setMath(tree)
    return libsbml.writeSBMLToString(document)


def _given(problem: Problem) -> dict[str, float]:
    """What the problem sets in the model: parameters at their nominal values, and the first condition."""
    nominal = problem.parameter_df["nominalValue"][_in_model(problem)]
    condition = problem.condition_df.drop(columns="conditionName", errors="ignore").iloc[0]
    return {str(name): float(value) for name, value in (*nominal.items(), *condition.items())}


def _set(path: Path, model: libsbml.Model, name: str, value: float) -> None:
    """Set a parameter, a size or the start of a state, whatever the model itself would start it with."""
    element = model.getElementBySId(name)
    if element is None:
        raise InputError(f"{path}: has no {name}, which the problem sets")
    rule = model.getRuleByVariable(name)
    if rule is not None and rule.isAssignment():
        raise InputError(f"{path}: {name} follows from a rule; the problem cannot set it")
    model.removeInitialAssignment(name)
    match element:
        case libsbml.Parameter():
            element.setValue(value)
        case libsbml.Compartment():
            element.setSize(value)
        case libsbml.Species() if element.getHasOnlySubstanceUnits():
            element.setInitialAmount(value)
        case libsbml.Species():
            element.setInitialConcentration(value)
        case _:
            raise InputError(f"{path}: {name}, which the problem sets, is no parameter, size or state")


def _in_model(problem: Problem) -> list[str]:
    """Parameters that have to be in the model: all but those that are only noise."""
    noise = set(problem.observable_df["noiseFormula"].astype(str))
    noise |= set(problem.measurement_df.get("noiseParameters", pd.Series(dtype=str)).astype(str))
    return [name for name in problem.parameter_df.index if name not in noise]


def _symbols(tree: libsbml.ASTNode) -> Iterator[str]:
    """Names in a formula."""
    if tree.isName() and tree.getName() not in ("time", "avogadro"):
        yield tree.getName()
    for place in range(tree.getNumChildren()):
        yield from _symbols(tree.getChild(place))


def _noise(path: Path, problem: Problem, name: str) -> str:
    """The number or the parameter that is the standard deviation of an observable."""
    formula = str(problem.observable_df["noiseFormula"][name])
    rows = problem.measurement_df["observableId"] == name
    if formula == f"noiseParameter1_{name}":
        given = problem.measurement_df.get("noiseParameters", pd.Series(dtype=str))[rows].astype(str).unique()
        if len(given) != 1:
            raise InputError(f"{path}: {name}: needs one noise parameter; {len(given)} are not supported")
        formula = given[0]
    if formula not in problem.parameter_df.index and not _is_number(formula):
        raise InputError(f"{path}: {name}: noise '{formula}' is neither a number nor a parameter")
    return formula


def _is_number(text: str) -> bool:
    return 0 < parse_number(text) < math.inf


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


def _arm(condition: str, rows: pd.DataFrame, problem: Problem, program: Program) -> ArmData:
    every = list(problem.observable_df.index)
    times, index = np.unique(rows["time"].to_numpy(float), return_inverse=True)
    place = np.array([every.index(name) for name in rows["observableId"]])
    given = problem.condition_df.loc[condition].drop("conditionName", errors="ignore")
    declared = problem.parameter_df.loc[_in_model(problem)]
    fixed = declared["nominalValue"][declared["estimate"] != 1]
    return ArmData(
        name=condition,
        group=-1,
        program=program,
        fixed={_settable(program, str(n)): float(value) for n, value in {**fixed, **given}.items()},
        regimen=None,
        times=times,
        observables=tuple(every),
        time_index=index,
        observable_index=place,
        error=place,
        value=rows["measurement"].to_numpy(float),
        censored=np.zeros(len(rows), bool),
        lower=np.full(len(rows), -np.inf),
        limit=np.full(len(rows), -np.inf),
        own=np.zeros(len(rows)),
    )


def _settable(program: Program, name: str) -> str:
    """What sets a parameter or the start of a state."""
    start = f"init_{name}"
    return start if f'<parameter id="{start}"' in program.plain_sbml else name

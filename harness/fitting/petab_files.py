"""The files of a PEtab problem, of version 1 or 2, read and checked.

Promise: only files of the problem's own folder are read; what petab finds a fault with, and what this project
does not support, is refused in one line that names the feature.
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from harness.declarations import read_declaration
from harness.errors import InputError, unknown_name
from harness.fitting.petab_two import Manifest2, in_version_1
from harness.models.apart import apart
from harness.reading import inside, read_text, to_numbers

if TYPE_CHECKING:
    from petab.v1 import Problem

__all__ = ["conditions_of", "files_of", "read_petab", "texts_of"]


class _Files(BaseModel):
    """The files of one part of a problem."""

    condition_files: tuple[str, ...]
    measurement_files: tuple[str, ...]
    observable_files: tuple[str, ...]
    sbml_files: tuple[str, ...] = Field(min_length=1, max_length=1)


class _Version(BaseModel):
    format_version: str | int | float


class _Manifest(BaseModel):
    """The YAML file of a problem of version 1; what is not named here is left to petab."""

    parameter_file: str | tuple[str, ...]
    problems: tuple[_Files, ...] = Field(min_length=1, max_length=1)

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables."""
        parameters, files = self.parameter_file, self.problems[0]
        return (
            *((parameters,) if isinstance(parameters, str) else parameters),
            *files.condition_files, *files.measurement_files, *files.observable_files,
        )  # fmt: skip

    @property
    def model(self) -> str:
        """Name of the file of the model."""
        return self.problems[0].sbml_files[0]


def _manifest(path: Path) -> _Manifest | Manifest2:
    version = str(read_declaration(path, _Version).format_version)
    if re.fullmatch(r"1(\.0)*", version):
        return read_declaration(path, _Manifest)
    if re.fullmatch(r"2(\.0)*", version):
        return read_declaration(path, Manifest2)
    raise InputError(f"{path}: PEtab version {version} is not supported; 1 and 2 are")


def files_of(path: Path) -> tuple[Path, ...]:
    """The YAML file of a problem, its tables and its model."""
    manifest = _manifest(path)
    return path, *(inside(path.parent, name, path) for name in (*manifest.tables, manifest.model))


def read_petab(path: Path) -> tuple[Problem, Path]:
    """A problem that petab finds no fault with, in the words of version 1, and the file of its model.

    Raises
    ------
    InputError
        When the optional package petab is missing, a file is, or is outside the folder (the YAML could name
        any, or an address in the net), or the problem is broken or uses what is not supported.
    """
    try:
        from petab.v1 import Problem, lint
    except ImportError:
        raise InputError("petab is not installed; install cart-pkpd[exchange]") from None
    manifest = _manifest(path)
    for name in manifest.tables:
        read_text(inside(path.parent, name, path))
    model = inside(path.parent, manifest.model, path)  # it may end the process that reads it
    apart("harness.models.own_file:require_readable", str(model), model, read_text(model))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", pd.errors.ParserWarning)  # of cells that would be dropped
            if isinstance(manifest, Manifest2):
                problem = in_version_1(path, manifest)
            else:
                problem = Problem.from_yaml(str(path))
            lint.check_condition_df(problem.condition_df)
            lint.check_observable_df(problem.observable_df)
            lint.check_measurement_df(problem.measurement_df, problem.observable_df)
            lint.check_parameter_df(problem.parameter_df)
            lint.check_parameter_bounds(problem.parameter_df)
    except InputError:
        raise
    except Exception as error:  # petab raises many kinds for a broken problem
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path}: is no PEtab problem: {said}") from None
    _require_supported(path, problem)
    _require_numbers(path, problem)
    return problem, model


def conditions_of(problem: Problem) -> pd.DataFrame:
    """What each condition sets: a number, the name of a parameter, or NaN for what the model has."""
    table: pd.DataFrame = problem.condition_df.drop(columns="conditionName", errors="ignore")
    return table


def texts_of(table: pd.DataFrame, column: str) -> pd.Series:
    """A column as texts, empty where it is not there."""
    given = table.get(column, pd.Series("", table.index))
    return given.where(given.notna(), "").astype(str)


def _require_numbers(path: Path, problem: Problem) -> None:
    """What is read as a number is one, and finite."""
    measured, declared = problem.measurement_df, problem.parameter_df
    free = declared["estimate"] == 1
    if not free.any():
        raise InputError(f"{path}: no parameter is estimated")
    if np.isposinf(to_numbers(measured["time"])).any():
        raise InputError(f"{path}: a time is not a finite number: steady states are not supported")
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
    logs = free & (declared["parameterScale"] != "lin")
    if (to_numbers(declared["lowerBound"][logs]) <= 0).any():
        raise InputError(f"{path}: a lower bound on a logarithmic scale must be positive")
    before = texts_of(measured, "preequilibrationConditionId")
    for condition in {*measured["simulationConditionId"], *before[before != ""]}:
        if condition not in problem.condition_df.index:
            raise unknown_name(f"condition in {path}", str(condition), map(str, problem.condition_df.index))
    for name, values in conditions_of(problem).items():
        given = values[values.notna() & (values.astype(str) != "")]
        numbers = to_numbers(given)
        for value, number in zip(given, numbers, strict=True):
            if not np.isfinite(number) and not _names_in(str(value)) <= set(declared.index):
                said = f"'{value}' is neither a finite number nor a parameter, nor a formula of parameters"
                raise InputError(f"{path}: condition table: {name}: {said}")


def _names_in(formula: str) -> set[str]:
    """Names in a formula; the text itself where it is none."""
    from petab.v1.math import sympify_petab

    try:
        return {str(symbol) for symbol in sympify_petab(formula).free_symbols}
    except Exception:  # it raises many kinds for what is no formula
        return {formula}


def _require_supported(path: Path, problem: Problem) -> None:
    allowed = {
        "observableTransformation": {"", "lin", "log", "log10"},
        "noiseDistribution": {"", "normal"},
    }
    for column, known in allowed.items():
        other = set(texts_of(problem.observable_df, column)) - known
        if other:
            raise InputError(f"{path}: {column} {', '.join(sorted(other))} is not supported")

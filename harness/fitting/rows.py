"""Which rows of a table of observations a fit uses, and for which arm.

Promise: every row is observed in one arm of the fit, or left out because the problem says so; a row that is
neither, such as one with a misspelt name, is refused in one line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from harness.analysis.observations import COLUMNS, LIMITS
from harness.errors import InputError, unknown_name
from harness.fitting.arms import LaidOut
from harness.fitting.problem import FitProblem
from harness.models.symbols import SymbolTable

__all__ = ["Shared", "share"]


@dataclass(frozen=True)
class Shared:
    """Rows of the table by arm of the fit; `left_out` counts the others, by arm and observable."""

    rows: Mapping[str, pd.DataFrame]
    left_out: Mapping[str, int] = field(default_factory=dict)


def share(laid: LaidOut, symbols: SymbolTable, fixed: Mapping[str, Mapping[str, float]]) -> Shared:
    """Share the rows of a table among the arms of a fit; there is none without a table.

    A row is of the arm that observes its arm of the table and its observable, and that has its values of the
    parameters which are columns. It is left out when the problem ignores its arm or observable, or when the
    observables of that arm are given and it is another that the problem declares.

    Parameters
    ----------
    fixed
        What each arm sets, in the model's units.

    Raises
    ------
    InputError
        When the table is broken, a row is of no arm or of two, what is ignored is not there or is fitted, or
        an arm has no row.
    """
    problem, path, table = laid.problem, laid.path, laid.table
    if path is None:
        return Shared({})
    parameters = [column for column in table.columns if column not in (*COLUMNS, *LIMITS)]
    for name in parameters:
        symbols.require_settable(name)
        if name in problem.parameters:
            raise InputError(f"{name}: is free, and a column of {path.name}; one of them")
    _require_ignored(problem, path, table)
    owners = pd.Series("", index=table.index)
    out = table["arm"].isin(problem.ignore) | table["observable"].isin(problem.ignore)
    for name, arm in problem.arms.items():
        its = table["arm"] == (arm.observed or name)
        for parameter in parameters:
            value = fixed[name].get(parameter, symbols[parameter].value)
            its &= np.isclose(table[parameter], value, rtol=1e-9, atol=0.0)
        wanted = its & table["observable"].isin(arm.observables or problem.observables)
        twice = table.index[wanted & (owners != "")]
        if len(twice):
            raise InputError(f"{path}: row {twice[0] + 1}: is of arm {owners[twice[0]]} and of arm {name}")
        owners[wanted] = name
        out |= its & ~wanted & table["observable"].isin(problem.observables)
    lost = table.index[(owners == "") & ~out]
    if len(lost):
        wrong = _why_lost(problem, table.loc[lost[0]], parameters)
        raise InputError(f"{path}: row {lost[0] + 1}: {wrong}; ignore: names what is left out")
    for name in problem.arms:
        if not (owners == name).any():
            raise InputError(f"arm {name}: no row of {path.name} is of it")
    left_out = Counter((table["arm"] + " " + table["observable"])[owners == ""])
    left_out.update({reason: len(rows) for reason, rows in laid.ignored.items()})
    return Shared({name: table[owners == name] for name in problem.arms}, dict(left_out))


def _require_ignored(problem: FitProblem, path: Path, table: pd.DataFrame) -> None:
    there = {*table["arm"], *table["observable"]}
    fitted = {*problem.observables, *(arm.observed or name for name, arm in problem.arms.items())}
    for name in problem.ignore:
        if name not in there:
            raise InputError(f"ignore: {unknown_name(f'arm or observable in {path.name}', name, there)}")
        if name in fitted:
            raise InputError(f"ignore: {name} is fitted; one of them")


def _why_lost(problem: FitProblem, row: pd.Series, parameters: list[str]) -> str:
    """Why a row is of no arm."""
    sources = {arm.observed or name for name, arm in problem.arms.items()}
    if row["arm"] not in sources:
        return str(unknown_name("arm of the fit", row["arm"], sources))
    if row["observable"] not in problem.observables:
        return str(unknown_name("observable of the fit", row["observable"], problem.observables))
    values = ", ".join(f"{name} {row[name]:g}" for name in parameters)
    return f"no arm of the fit observes {row['arm']} at {values}"

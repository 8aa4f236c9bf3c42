"""Observed numbers: a table with value, unit, arm, source and reading error.

Promise: every value comes with its unit and source, and is converted to the unit asked for or refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from harness.errors import InputError, unknown_name
from harness.models.units import convert
from harness.reading import read_texts, to_numbers

__all__ = ["COLUMNS", "Columns", "Observed", "in_unit", "observed", "read_observations"]

Columns = dict[str, Literal["parameter", "remark"]]
"""What further columns of a table are, as the file that names the table declares it.

A parameter of the model has the value at which a row was observed, in the model's unit; a remark is not read.
"""

COLUMNS = ("observable", "arm", "time", "time_unit", "value", "unit", "reading_error", "source")


@dataclass(frozen=True)
class Observed:
    """Observations of one observable in one arm: arrays of the same shape, time ascending."""

    time: np.ndarray
    value: np.ndarray
    error: np.ndarray


def read_observations(path: Path, further: Columns | None = None) -> pd.DataFrame:
    """Read a table of observations, whose columns beyond the usual ones are declared in `further`.

    Returns
    -------
    pandas.DataFrame
        The usual columns and one for each parameter, which is a number as `time` and `value` are.

    Raises
    ------
    InputError
        With file and row, when a column is missing or unknown, a number is none, a unit or source is empty.
    """
    further = further or {}
    for name in set(further) & set(COLUMNS):
        raise InputError(f"columns: {name} is a column of every table of observations")
    table = read_texts(path, (*COLUMNS, *further))
    table = table.drop(columns=[name for name, what in further.items() if what == "remark"])
    for column in ("time", "value", "reading_error", *table.columns.difference(COLUMNS)):
        numbers = to_numbers(table[column])
        bad = table.index[~np.isfinite(numbers)]
        if len(bad):
            raise InputError(f"{path}: row {bad[0] + 1}: {column} '{table[column][bad[0]]}' is not a number")
        table[column] = numbers
    for column in ("observable", "arm", "time_unit", "unit", "source"):
        bad = table.index[table[column] == ""]
        if len(bad):
            raise InputError(f"{path}: row {bad[0] + 1}: {column} is empty")
    return table


def observed(table: pd.DataFrame, observable: str, arm: str, unit: str, time_unit: str) -> Observed:
    """Observations of one observable in one arm, in the units asked for."""
    if arm not in set(table["arm"]):
        raise unknown_name("arm", arm, set(table["arm"]))
    rows = table[(table["arm"] == arm) & (table["observable"] == observable)]
    if rows.empty:
        raise unknown_name(f"observable in arm {arm}", observable, set(table["observable"]))

    what = f"{observable}, {arm}"
    time = in_unit(rows, "time", time_unit, what)
    order = np.argsort(time, kind="stable")
    return Observed(
        time[order],
        in_unit(rows, "value", unit, what)[order],
        in_unit(rows, "reading_error", unit, what)[order],
    )


def in_unit(rows: pd.DataFrame, column: str, unit: str, what: str) -> np.ndarray:
    """A column of a table of observations (`time`, `value` or `reading_error`) in `unit`, shape (rows,)."""
    given = rows["time_unit" if column == "time" else "unit"]
    return np.array([convert(value, u, unit, what) for value, u in zip(rows[column], given, strict=True)])

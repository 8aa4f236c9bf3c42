"""Observed numbers: a table with value, unit and arm, and what is known of them besides.

Promise: every value comes with its unit, and is converted to the unit asked for or refused. Those that
figures are scored against have a source and a reading error too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from harness.errors import InputError, unknown_name
from harness.models.units import convert
from harness.reading import parse_number, read_texts, to_numbers

__all__ = [
    "CENSORED",
    "COLUMNS",
    "LIMITS",
    "Columns",
    "Observed",
    "censored_between",
    "in_unit",
    "observed",
    "read_measurements",
    "read_observations",
]

Columns = dict[str, Literal["parameter", "condition", "remark"]]
"""What further columns of a table are, as the file that names the table declares it.

A parameter of the model has the value at which a row was observed, in the model's unit; so has a condition,
which makes an arm of its own for each value. A remark is not read.
"""

COLUMNS = ("observable", "arm", "time", "time_unit", "value", "unit", "reading_error", "source")

KNOWN_OF = ("reading_error", "source")
"""Columns that a table of measurements may lack: 0 and empty then."""

CENSORED = ("left", "right", "interval")
"""What the column `censored` can say of a row: below its value, above it, between it and that of `limit`."""

LIMITS = ("lower", "upper")
"""Columns that a table has once it is read: what a censored value lies between, NaN for others."""


@dataclass(frozen=True)
class Observed:
    """Observations of one observable in one arm: arrays of the same shape, time ascending.

    `row` has their places in the table.
    """

    time: np.ndarray
    value: np.ndarray
    error: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    row: np.ndarray


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
    table = _read(path, read_texts(path, (*COLUMNS, *(further or {}))), further or {})
    _require_filled(path, table, ["source"])
    return table.drop(columns=list(LIMITS))


def read_measurements(path: Path, further: Columns | None = None) -> pd.DataFrame:
    """Read a table with what a fit needs: it may lack `reading_error` and `source`, and may be censored.

    Returns
    -------
    pandas.DataFrame
        The usual columns, one for each parameter, and those of `LIMITS`.

    Raises
    ------
    InputError
        As :func:`read_observations`, and when a flag or a limit makes no sense.
    """
    needed = [name for name in COLUMNS if name not in KNOWN_OF]
    table = read_texts(path, (*needed, *(further or {})), (*KNOWN_OF, "censored", "limit"))
    return _read(path, table, further or {})


def _read(path: Path, table: pd.DataFrame, further: Columns) -> pd.DataFrame:
    for name in set(further) & {*COLUMNS, *LIMITS, "censored", "limit"}:
        raise InputError(f"columns: {name} is a column of every table of observations")
    table = table.drop(columns=[name for name, what in further.items() if what == "remark"])
    absent = dict.fromkeys([name for name in ("source", "censored", "limit") if name not in table], "")
    table = table.assign(**absent)
    if "reading_error" not in table:
        table["reading_error"] = "0"
    for column in (
        "time",
        "value",
        "reading_error",
        *(n for n, what in further.items() if what != "remark"),
    ):
        numbers = to_numbers(table[column])
        bad = table.index[~np.isfinite(numbers)]
        if len(bad):
            raise InputError(f"{path}: row {bad[0] + 1}: {column} '{table[column][bad[0]]}' is not a number")
        table[column] = numbers
    _require_filled(path, table, ["observable", "arm", "time_unit", "unit"])
    limits = [_limits(path, row) for row in table.itertuples()]
    table[list(LIMITS)] = np.array(limits, float).reshape(-1, 2)
    return table.drop(columns=["censored", "limit"])


def _require_filled(path: Path, table: pd.DataFrame, columns: list[str]) -> None:
    for column in columns:
        bad = table.index[table[column] == ""]
        if len(bad):
            raise InputError(f"{path}: row {bad[0] + 1}: {column} is empty")


def _limits(path: Path, row: Any) -> tuple[float, float]:
    """What the value of a row with its texts `censored` and `limit` lies between."""
    limit = parse_number(row.limit) if row.limit else None
    said = "" if row.censored == "0" else row.censored
    try:
        if said not in ("", *CENSORED):
            raise InputError(f"censored '{said}': must be {', '.join(CENSORED)} or empty")
        return censored_between(said, row.value, limit)
    except InputError as error:
        raise InputError(f"{path}: row {row.Index + 1}: {error}") from None


def censored_between(said: str, value: float, limit: float | None) -> tuple[float, float]:
    """What a value lies between: one of `CENSORED`, or empty, with the other limit where there is one.

    Raises
    ------
    InputError
        When the limit does not go with the rest.
    """
    if limit is not None and not np.isfinite(limit):
        raise InputError("limit is not a number")
    if not said:
        if limit is not None:
            raise InputError("has a limit and is not censored; leave one out")
        return np.nan, np.nan
    if said == "interval" and (limit is None or limit == value):
        raise InputError("is censored to an interval and needs its other end, another number, as limit")
    if said == "left" and limit is not None and not limit < value:
        raise InputError(f"is censored below {value:g}, so that its lower limit cannot be {limit:g}")
    if said == "right" and limit is not None and not limit > value:
        raise InputError(f"is censored above {value:g}, so that its upper limit cannot be {limit:g}")
    other = {"left": -np.inf, "right": np.inf}.get(said, np.nan) if limit is None else limit
    return min(value, other), max(value, other)


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
    lower, upper = (
        in_unit(rows, name, unit, what)[order] if name in rows else np.full(time.size, np.nan)
        for name in LIMITS
    )
    return Observed(
        time[order],
        in_unit(rows, "value", unit, what)[order],
        in_unit(rows, "reading_error", unit, what)[order],
        lower,
        upper,
        rows.index.to_numpy()[order],
    )


def in_unit(rows: pd.DataFrame, column: str, unit: str, what: str) -> np.ndarray:
    """A column of a table of observations (`time`, `value`, ...) in `unit`, shape (rows,)."""
    given = rows["time_unit" if column == "time" else "unit"]
    return np.array([
        convert(value, u, unit, what) if np.isfinite(value) else value
        for value, u in zip(rows[column], given, strict=True)
    ])  # fmt: skip

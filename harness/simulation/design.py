"""Designs: a table with one row a run, whose columns are parameters, `dose`, `days` or `regimen`.

Promise: a scan, a population and a sensitivity sample are the same thing, a design, made, or read from a
file. Nothing here knows a model; :meth:`Design.checked` holds a design against one, before anything runs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import InputError, unknown_name
from harness.models.symbols import SymbolTable
from harness.models.units import convert
from harness.offered import offered
from harness.reading import WORKBOOKS, read_texts, require_file, to_numbers
from harness.shown import in_lines, listed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MOST", "Design", "of_columns", "read_design"]

SPECIAL = ("days", "regimen", "run")
"""Columns that are no parameter: the end of a run, the name of its regimen, and a label, which is ignored."""


MOST = 10_000_000
"""Rows of a grid or a file: more than any machine here runs in a day."""


@offered
@dataclass(frozen=True, init=False, repr=False)
class Design:
    """A table of runs; `units` names the unit of a column where it is not the model's own.

    A column such as ``K_el_e@28`` is the value of a parameter from that time on. `drawn` are columns that
    chance gave: a value there that the model cannot have fails its own run; in any other it is refused.

    `a * b` has every row of `a` with every row of `b`, which varies faster; it raises
    :class:`~harness.errors.InputError` when they share a column.
    """

    table: pd.DataFrame
    units: Mapping[str, str]
    drawn: tuple[str, ...]

    def __init__(
        self,
        table: pd.DataFrame | None = None,
        units: Mapping[str, str] | None = None,
        drawn: Sequence[str] = (),
    ) -> None:
        """A design of a table; without one, of one run without columns.

        Raises
        ------
        InputError
            When `units` or `drawn` name a column that is not there.
        """
        if table is not None:
            object.__setattr__(self, "table", table)
        object.__setattr__(self, "units", units or {})
        object.__setattr__(self, "drawn", tuple(drawn))
        self._require((*self.units, *self.drawn))

    def __getattr__(self, name: str) -> pd.DataFrame:
        """The table of one run, made when it is asked for: pandas takes longer to load than a run."""
        if name != "table":
            raise AttributeError(name)
        import pandas as pd

        object.__setattr__(self, "table", pd.DataFrame(index=[0]))
        return self.table

    def __len__(self) -> int:
        return len(self.table) if "table" in vars(self) else 1

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.table.columns) if "table" in vars(self) else ()

    def values(self, names: Sequence[str]) -> np.ndarray:
        """Numbers of some columns, shape (runs, columns).

        Raises
        ------
        InputError
            When one is not there.
        """
        self._require(names)
        return self.table[list(names)].to_numpy(float) if names else np.empty((len(self), 0))

    def __repr__(self) -> str:
        columns = [f"{name} [{self.units[name]}]" if name in self.units else name for name in self.names]
        return in_lines(f"Design: {len(self)} runs", columns=listed(columns), first=listed(self._first()))

    def _require(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.names:
                raise unknown_name("column of the design", name, self.names)

    def _first(self) -> list[str]:
        """Values of the first run."""
        rows = self.table.head(1).to_dict("records")
        told = {n: f"{v:g}" if isinstance(v, float) else v for row in rows for n, v in row.items()}
        return [f"{name}={value}" for name, value in told.items()]

    def __mul__(self, other: Design) -> Design:
        shared = sorted(set(self.table.columns) & set(other.table.columns))
        if shared:
            raise InputError(f"design: both factors have the column {', '.join(shared)}")
        table = self.table.merge(other.table, how="cross")
        return Design(table, {**self.units, **other.units}, self.drawn + other.drawn)

    def checked(self, symbols: SymbolTable, regimens: Sequence[str] = ()) -> Design:
        """The same design in the units of a model.

        Raises
        ------
        InputError
            One line, when there is no row, a column is unknown or cannot be set, a value is missing, not
            a finite number or one that its parameter cannot have, a unit does not convert, or a regimen is
            unknown.
        """
        if not len(self):
            raise InputError("design: no rows")
        if "table" not in vars(self):
            return self
        doubled = self.table.columns[self.table.columns.duplicated()]
        if len(doubled):
            raise InputError(f"design: column {doubled[0]} is given twice")
        columns = {}
        for name in self.table.columns:
            values = self.table[name]
            if name == "regimen":
                columns[name] = _named(values, regimens)
            elif name == "days":
                columns[name] = self._numbers(name, "day", symbols.time_unit, values)
                _refuse(name, values, columns[name] <= 0, "must be positive")
            elif name != "run":
                columns[name] = self._parameter(name, values, symbols)
        return replace(of_columns(columns, len(self)), drawn=self.drawn)

    def beyond(self, symbols: SymbolTable) -> dict[int, str]:
        """Rows of a checked design that were drawn where the model has no value, each with what is wrong."""
        found: dict[int, str] = {}
        names = [name for name in self.names if name in self.drawn and name not in SPECIAL]
        for name, values in zip(names, self.values(names).T, strict=True):
            symbol = symbols[name.partition("@")[0]]
            if symbol.within is not None:
                for row in np.flatnonzero(symbol.within.beyond(values)).tolist():
                    found.setdefault(row, f"{name}: {symbol.must}, not {values[row]:g} {symbol.unit}")
        return found

    def _parameter(self, name: str, values: pd.Series, symbols: SymbolTable) -> np.ndarray:
        symbol = symbols.require_settable(name.partition("@")[0], also=SPECIAL)
        numbers = self._numbers(name, symbol.unit, symbol.unit, values)
        if symbol.within is not None and name not in self.drawn:
            must = f"{symbol.must} {self.units[name]}" if name in self.units else symbol.must
            _refuse(name, values, symbol.within.beyond(numbers), must)
        return numbers

    def _numbers(self, name: str, default: str, unit: str, values: pd.Series) -> np.ndarray:
        numbers = to_numbers(values)
        _refuse(name, values, ~np.isfinite(numbers), "is not a finite number")
        given = self.units.get(name, default)
        return numbers if given == unit else numbers * convert(1.0, given, unit, f"design: column {name}")


def _refuse(name: str, values: pd.Series, bad: np.ndarray, why: str) -> None:
    if bad.any():
        import pandas as pd

        row = int(np.flatnonzero(bad)[0])
        value = values.iloc[row]
        empty = value is None or (isinstance(value, str) and not value) or value is pd.NA or value is pd.NaT
        shown = "empty" if empty or (isinstance(value, float) and math.isnan(value)) else f"'{value}'"
        more = f" (and {bad.sum() - 1} more rows)" if bad.sum() > 1 else ""
        raise InputError(f"design: row {row}, column {name}: {shown} {why}{more}")


def _named(values: pd.Series, regimens: Sequence[str]) -> np.ndarray:
    """Names of regimens; a whole number is the name that it is written as."""
    import pandas as pd

    names = [str(name) if isinstance(name, str | Integral) else name for name in values]
    for row, name in enumerate(names):
        if not name if isinstance(name, str) else pd.isna(name):
            raise InputError(
                f"design: row {row}, column regimen: is empty; name one of {', '.join(regimens)}"
            )
        if not isinstance(name, str) or name not in regimens:
            raise InputError(f"design: row {row}: {unknown_name('regimen', str(name), regimens)}")
    return np.array(names, object)


def of_columns(columns: Mapping[str, Sequence | np.ndarray], count: int) -> Design:
    """A design of so many rows, of values by column."""
    import pandas as pd

    return Design(pd.DataFrame(columns, index=range(count)))


def read_design(path: str | Path) -> Design:
    """Read a design from csv, a workbook or parquet. A column may be named with its unit: ``K_12 [1/hour]``.

    Raises
    ------
    InputError
        When the file is missing, is not of its format, or is truncated.
    """
    path = Path(path)
    readers = {**dict.fromkeys((".csv", *WORKBOOKS), _read_csv), ".parquet": _read_parquet}
    if path.suffix.lower() not in readers:
        raise InputError(f"{path}: a design is a .csv, .xlsx or .parquet file")
    table = readers[path.suffix.lower()](require_file(path))
    names, units = {}, {}
    for column in table.columns:
        found = re.fullmatch(r"\s*(\w+(?:@[^@\[\]]+?)?)\s*(?:\[(.+)\])?\s*", str(column))
        if found is None:
            raise InputError(f"{path}: column '{column}' is no name, with or without [unit]")
        names[column] = found[1]
        if found[2]:
            units[found[1]] = found[2].strip()
    return Design(table.rename(columns=names), units)


def _read_csv(path: Path) -> pd.DataFrame:
    return read_texts(path, (), None)


def _read_parquet(path: Path) -> pd.DataFrame:
    """Every column of the file, those that pandas would take for an index too.

    A column of an extension type (periods, intervals, truths as bytes) is refused: what it is stored as are
    whole numbers or texts, which are not what it says.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with path.open("rb") as stream:  # pyarrow leaves a file open that it cannot read
            file = pq.ParquetFile(stream)
            if file.metadata.num_rows > MOST:
                raise InputError(f"{path}: {file.metadata.num_rows} rows; at most {MOST} are allowed")
            rows = file.read()
        for field in rows.schema:
            unknown = (field.metadata or {}).get(b"ARROW:extension:name", b"").decode()  # to this process
            known = isinstance(field.type, pa.BaseExtensionType) and field.type.extension_name
            if known or unknown:
                raise InputError(f"{path}: column {field.name} is of the type {known or unknown}, no numbers")
        table = rows.to_pandas(ignore_metadata=True)
    except InputError:
        raise
    except Exception as error:  # pyarrow raises many kinds for a broken file
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())[:200]}") from None
    return table.drop(columns=[c for c in table.columns if str(c).startswith("__index_level_")])

"""Designs: a table with one row a run, whose columns are parameters, `dose`, `days` or `regimen`.

Promise: a scan, a population and a sensitivity sample are the same thing, a design. Rows keep their place:
row i of a random design depends on the seed and on i alone, whatever the number of rows. Nothing here
knows a model; :meth:`Design.checked` holds a design against one, before anything runs.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.declarations import Seed
from harness.errors import InputError, unknown_name
from harness.models.symbols import SymbolTable
from harness.models.units import convert
from harness.offered import offered
from harness.reading import WORKBOOKS, read_texts, require_file, to_numbers
from harness.shown import in_lines, listed

if TYPE_CHECKING:
    import pandas as pd
    from scipy.stats import qmc

__all__ = [
    "Design",
    "grid",
    "latin_hypercube",
    "parse_axis",
    "random_effects",
    "read_design",
    "single",
    "sobol",
]

SPECIAL = ("days", "regimen", "run")
"""Columns that are no parameter: the end of a run, the name of its regimen, and a label, which is ignored."""

FEW = 10_000
"""Rows of random effects whose deviates are kept: less than a megabyte."""

MOST = 10_000_000
"""Rows of a grid: more than any machine here runs in a day."""


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
        return replace(_of_columns(columns, len(self)), drawn=self.drawn)

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


def single(**values: float) -> Design:
    """A design of one run, with or without columns, in the model's units."""
    return _of_columns({name: [value] for name, value in values.items()}, 1) if values else Design()


def _of_columns(columns: Mapping[str, Sequence | np.ndarray], count: int) -> Design:
    import pandas as pd

    return Design(pd.DataFrame(columns, index=range(count)))


def grid(**axes: Sequence[float] | np.ndarray) -> Design:
    """All combinations of the values of each axis, in the model's units; the last axis varies fastest.

    Raises
    ------
    InputError
        When there is no axis, one has no points, or there are more than ten million combinations.
    """
    for name, values in axes.items():
        if len(values) == 0:
            raise InputError(f"grid: axis {name} has no points")
    if not axes:
        raise InputError("grid: no axes")
    rows = math.prod(len(values) for values in axes.values())
    if rows > MOST:
        raise InputError(f"grid: {rows} combinations; at most {MOST} are allowed")
    import pandas as pd

    index = pd.MultiIndex.from_product([np.asarray(v, float) for v in axes.values()], names=list(axes))
    return Design(index.to_frame(index=False))


def latin_hypercube(
    ranges: Mapping[str, tuple[float, float]], count: int, seed: Seed, log: bool = False
) -> Design:
    """Latin hypercube sample of `count` rows within (low, high) of each column, evenly or in logarithms.

    The ends are in the model's units; the same seed gives the same rows.

    Raises
    ------
    InputError
        When a range is empty, or not positive for logarithms, or no row is asked for.
    """
    from scipy.stats import qmc  # takes longer to load than a model to run

    return _sampled(qmc.LatinHypercube(len(ranges), rng=seed), ranges, count, log)


def sobol(ranges: Mapping[str, tuple[float, float]], count: int, seed: Seed, log: bool = False) -> Design:
    """Scrambled Sobol sample of `count` rows, a power of two, as :func:`latin_hypercube` takes its ranges.

    Raises
    ------
    InputError
        When `count` is no power of two, which would lose the balance of the sample, or a range is empty, or
        not positive for logarithms.
    """
    if count & (count - 1):
        raise InputError(f"sobol: {count} is not a power of two")
    from scipy.stats import qmc

    return _sampled(qmc.Sobol(len(ranges), rng=seed), ranges, count, log)


def _sampled(
    sampler: qmc.QMCEngine, ranges: Mapping[str, tuple[float, float]], count: int, log: bool
) -> Design:
    if count < 1:
        raise InputError(f"design: {count} rows asked for; at least one is needed")
    low, high = (np.array([ends[i] for ends in ranges.values()], float) for i in (0, 1))
    for name, (a, b) in ranges.items():
        if not (np.isfinite(a) and np.isfinite(b) and a < b) or (log and a <= 0):
            raise InputError(
                f"design: column {name}: range {a:g} to {b:g} is empty, or not positive for logarithms"
            )
    if log:
        low, high = np.log(low), np.log(high)
    points = low + (high - low) * sampler.random(count)
    return _of_columns(dict(zip(ranges, (np.exp(points) if log else points).T, strict=True)), count)


def random_effects(
    typical: Mapping[str, float | np.ndarray],
    omega: Mapping[str, float | np.ndarray],
    count: int,
    seed: Seed,
) -> Design:
    """Log-normal random effects: typical * exp(omega * z), z standard normal, independent between columns.

    Row i comes from a stream of its own, keyed by the seed and i. Typical values are in the model's units,
    each omega is a standard deviation of the logarithm; both are one number for all rows, or one a row.

    Raises
    ------
    InputError
        When an omega has no typical value, is negative or not finite, or no row is asked for.
    """
    missing = sorted(set(omega) - set(typical))
    if missing:
        raise InputError(f"random effects: no typical value for {', '.join(missing)}")
    if count < 1:
        raise InputError(f"design: {count} rows asked for; at least one is needed")
    if any(not (np.isfinite(w) & (np.asarray(w) >= 0)).all() for w in omega.values()):
        raise InputError("random effects: omega must be finite and not negative")
    z = (_drawn_once if count <= FEW else _standard_normal)(seed, count, len(omega))
    with np.errstate(over="ignore"):  # what is beyond all numbers is told with its row
        columns = {
            name: typical[name] * np.exp(z[:, i] * spread) for i, (name, spread) in enumerate(omega.items())
        }
    return replace(_of_columns(columns, count), drawn=tuple(columns))


def _standard_normal(seed: int, count: int, columns: int) -> np.ndarray:
    """Normal deviates, shape (count, columns), each row from its own stream."""
    streams = (np.random.Generator(np.random.Philox(key=[seed, i])) for i in range(count))
    return np.array([stream.standard_normal(columns) for stream in streams])


_drawn_once = lru_cache(maxsize=4)(_standard_normal)
"""The same, kept: at every draw of the parameters a study has the same patients."""


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
        file = pq.ParquetFile(path)
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


def parse_axis(text: str, symbols: SymbolTable) -> tuple[str, np.ndarray]:
    """Read an axis: ``dose=50e6:800e6:log:40``, ``K_12=0.5:3:linear:6``, ``tau=1,2,3 day``.

    Raises
    ------
    InputError
        When the name is unknown, a number is none, or the axis has no points.
    """
    name, equals, rest = (part.strip() for part in text.partition("="))
    if not (equals and name and rest):
        raise InputError(
            f"grid '{text}': write NAME=low:high:log:count, NAME=low:high:linear:count or NAME=a,b,c"
        )
    symbols.require_settable(name)
    if ":" not in rest:
        return name, np.array([symbols.parse(name, value) for value in _with_unit(rest)])
    parts = rest.split(":")
    if len(parts) != 4 or parts[2].strip() not in ("log", "linear"):
        raise InputError(f"grid '{text}': a range is low:high:log:count or low:high:linear:count")
    low, high = symbols.parse(name, parts[0]), symbols.parse(name, parts[1])
    count = re.fullmatch(r"\s*([0-9]{1,12})\s*", parts[3])
    if count is None or not 1 <= int(count[1]) <= MOST:
        raise InputError(f"grid '{text}': the number of points must be at least 1 and at most {MOST}")
    if parts[2].strip() == "linear":
        return name, np.linspace(low, high, int(count[1]))
    if low <= 0 or high <= 0:
        raise InputError(f"grid '{text}': a logarithmic range must be positive")
    return name, np.geomspace(low, high, int(count[1]))


def _with_unit(text: str) -> list[str]:
    """Values of a list; a unit behind the last one holds for all."""
    values = [value.strip() for value in text.split(",")]
    unit = re.sub(r"^[+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?", "", values[-1]).strip()
    return [value if value.endswith(unit) else f"{value} {unit}" for value in values]

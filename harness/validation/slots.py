"""Digitised points into a table of observations: a slot of a panel, or the table of a fit.

Promise: what is there stays as it is, and the table is written whole or not at all, once it can be read.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.analysis.digitised import Series, read_digitised
from harness.analysis.observations import COLUMNS, Columns, read_measurements
from harness.errors import InputError, unknown_name
from harness.files import write_whole
from harness.models.units import convert, parse_factor, parse_quantity
from harness.reading import read_text, read_texts
from harness.validation.spec import PanelSpec

__all__ = ["FigureAxes", "add_rows", "placed", "put_in_panel", "put_in_table"]

TIME = "time"


@dataclass(frozen=True)
class FigureAxes:
    """What the axes of a figure are.

    Attributes
    ----------
    observable
        What y is, for series that do not say it themselves.
    unit, x_unit
        Units of y, and of x where that is the time; those of the panel's model by default.
    x
        `time`, or the parameter that each point was observed at.
    at
        When everything was observed, 'VALUE UNIT', where x is a parameter.
    error
        Reading error: a number of the unit, or part of each value as `0.05x`; without it one pixel.
    source
        What is said of each point.
    """

    observable: str | None = None
    unit: str | None = None
    x: str = TIME
    x_unit: str | None = None
    at: str | None = None
    error: str | None = None
    source: str = "digitised"


def put_in_panel(file: Path, spec: PanelSpec, mapping: Sequence[str], axes: FigureAxes) -> list[str]:
    """Put the points of a file into the table of a panel; return what was done, in lines.

    Raises
    ------
    InputError
        When the file, a series, an arm, a unit or the table with the points makes no sense.
    """
    if spec.observations is None:
        raise InputError(f"panel {spec.panel}: has no table of observations")
    series = read_digitised(file)
    where = placed(series, mapping, axes.observable, sorted(spec.arms()))
    rows = []
    for each in series:
        if each.name in where:
            of = _in_units_of(spec, where[each.name][0], axes)
            rows += list(_rows(each, *where[each.name], replace(of, source=f"{spec.figure}, {axes.source}")))

    def read(candidate: Path) -> int:
        found = spec.model_copy(update={"observations": str(candidate)}).observed()
        return 0 if found is None else len(found)

    path = spec.folder / spec.observations
    return [*_told(series, where), f"{path}: {add_rows(path, rows, read)} rows"]


def put_in_table(file: Path, path: Path, mapping: Sequence[str], axes: FigureAxes) -> list[str]:
    """Put the points of a file into a table of measurements, as :func:`put_in_panel`."""
    series = read_digitised(file)
    where = placed(series, mapping, axes.observable, None)
    if axes.unit is None or (axes.x == TIME and axes.x_unit is None):
        raise InputError("unit, x-unit: say the units of both axes; no panel knows them here")
    rows = [row for each in series if each.name in where for row in _rows(each, *where[each.name], axes)]
    further: Columns = {} if axes.x == TIME else {axes.x: "parameter"}
    count = add_rows(path, rows, lambda candidate: len(read_measurements(candidate, further)))
    return [*_told(series, where), f"{path}: {count} rows"]


def _told(series: Sequence[Series], where: Mapping[str, tuple[str, str]]) -> list[str]:
    told = {name: " of ".join(target) for name, target in where.items()}
    return [f"{each.name}: {each.x.size} points, {told.get(each.name, 'left out')}" for each in series]


def _in_units_of(spec: PanelSpec, observable: str, axes: FigureAxes) -> FigureAxes:
    """The axes with units that the model of the panel can be held against; its own by default."""
    tables = [curve.symbols for curve in spec.curves.values() if observable in curve.symbols]
    if not tables:
        raise unknown_name("observable of the panel", observable, spec.observables())
    own, time = tables[0][observable].unit, tables[0].time_unit
    found = replace(axes, unit=axes.unit or own, x_unit=axes.x_unit or time)
    for given, wanted in ((found.unit, own), (found.x_unit, time)):
        convert(1.0, str(given), wanted, "axis")
    return found


def placed(
    series: Sequence[Series], mapping: Sequence[str], observable: str | None, arms: Sequence[str] | None
) -> dict[str, tuple[str, str]]:
    """Observable and arm of each series, from texts 'SERIES=ARM' or 'SERIES=OBSERVABLE/ARM'.

    A series that is not mapped and has the name of an arm is of it; one without points is left out, and one
    that nothing is said of behind the equals sign.

    Raises
    ------
    InputError
        When a series is not there, is not mapped, or has no observable, or all are left out.
    """
    names = [each.name for each in series]
    given: dict[str, str] = {}
    for text in mapping:
        which, equals, what = text.rpartition("=")
        if not equals:
            raise InputError(f"map '{text}': write SERIES=ARM, and SERIES= for one to leave out")
        if which not in names:
            raise unknown_name("series in the file", which, names)
        given[which] = what.strip()
    found = {}
    for each in series:
        if not each.x.size:
            continue
        name = each.name
        own = name if arms is None or name in arms else None
        target = given.get(name, own)
        if target is None:
            hint = f"--map '{name}=ARM', or '{name}=' to leave it out; arms: {', '.join(arms or ())}"
            raise InputError(f"series '{name}' is not mapped; {hint}")
        of, slash, arm = target.rpartition("/")
        if target and not (slash or observable):
            raise InputError(f"series '{name}': of which observable? --observable, or SERIES=OBSERVABLE/ARM")
        if target:
            found[name] = (of if slash else str(observable)), arm
    if not found:
        raise InputError("every series is left out")
    return found


def _rows(each: Series, observable: str, arm: str, axes: FigureAxes) -> Iterator[dict[str, str]]:
    """Rows of a table of observations, by column."""
    if axes.x != TIME and not axes.at:
        raise InputError(f"x is {axes.x}: when was it observed? --at '4 hour'")
    time, _, time_unit = (axes.at or "").strip().partition(" ")
    for x, y, x_pixel, y_pixel in zip(each.x, each.y, each.x_pixel, each.y_pixel, strict=True):
        row = {
            "observable": observable,
            "arm": arm,
            "value": f"{y:.6g}",
            "unit": str(axes.unit),
            "reading_error": f"{_error(each.name, y, y_pixel, axes):.3g}",
            "source": axes.source,
        }
        if axes.x == TIME:
            at = 0.0 if -x_pixel <= x < 0 else x  # of a point on the axis, as near as can be read
            if at < 0:
                raise InputError(f"series '{each.name}': a point at {x:g} {axes.x_unit}, before the start")
            yield {**row, "time": f"{at:.6g}", "time_unit": str(axes.x_unit)}
        else:
            yield {**row, axes.x: f"{x:.6g}", "time": time, "time_unit": time_unit}


def _error(name: str, value: float, pixel: float, axes: FigureAxes) -> float:
    if axes.error is None:
        if np.isnan(pixel):
            raise InputError(
                f"series '{name}': a csv knows no pixels; say the reading error, --error 5 or 0.05x"
            )
        return pixel
    factor = parse_factor(axes.error, "percent", "error")  # 5 % could be of the value or of the whole
    found = parse_quantity(axes.error, str(axes.unit), "error") if factor is None else factor * abs(value)
    if found < 0:
        raise InputError(f"error: must not be negative, not {axes.error}")
    return found


def add_rows(path: Path, rows: Sequence[Mapping[str, str]], read: Callable[[Path], int]) -> int:
    """Add rows to a table of observations, which is made where there is none; return how many it has then.

    Parameters
    ----------
    read
        What reads the table, refuses a broken one, and returns its number of rows.

    Raises
    ------
    InputError
        When the table has rows of that observable and arm already, or cannot be read with the new ones.
    """
    columns, text = _columns(path, rows)
    if path.exists():
        there = read_texts(path, (), None)
        for of in dict.fromkeys((row["observable"], row["arm"]) for row in rows):
            count = int(((there["observable"] == of[0]) & (there["arm"] == of[1])).sum())
            if count:
                raise InputError(f"{path}: has {count} rows of {of[0]}, {of[1]} already; take them out first")
    added = io.StringIO()
    writer = csv.DictWriter(added, columns, lineterminator="\n", restval="")
    writer.writerows(rows)
    text = text + "\n" * (not text.endswith("\n")) + added.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        candidate = Path(folder) / path.name
        candidate.write_text(text, encoding="utf-8")
        try:
            count = read(candidate)
        except InputError as error:
            raise InputError(str(error).replace(str(candidate), str(path))) from None
    write_whole(path, lambda file: file.write_text(text, encoding="utf-8"))
    return count


def _columns(path: Path, rows: Sequence[Mapping[str, str]]) -> tuple[list[str], str]:
    """Columns of a table, in its order, and its text; those of the rows for one that is to be made."""
    if not path.exists():
        columns = [*COLUMNS, *(name for name in rows[0] if name not in COLUMNS)]
        return columns, ",".join(columns) + "\n"
    columns = list(read_texts(path, (), None))
    for name in rows[0]:
        if name not in columns:
            raise unknown_name(f"column in {path}", name, columns)
    return columns, read_text(path)

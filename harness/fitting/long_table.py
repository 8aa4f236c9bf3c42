"""Long clinical tables, with the columns of NONMEM and Monolix: one row a dose or a measurement.

Promise: every row is a dose, a measurement, or left out for a reason that is told; a cell that makes no sense
is refused with its row and column, and with what would be right. Subjects become arms, doses regimens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from harness.analysis.observations import COLUMNS, LIMITS, censored_between
from harness.declarations import Declaration
from harness.errors import InputError, unknown_name
from harness.fitting.covariates import Covariate
from harness.fitting.long_cells import REMARK, LongCells, Standard
from harness.models.card import DoseTarget
from harness.models.symbols import SymbolTable
from harness.models.units import convert
from harness.reading import parse_number
from harness.simulation.regimen import Dose, parse_dose

__all__ = ["Laid", "LongSubject", "LongTable", "read_long_table"]

OF_DOSES = ("RATE", "TINF", "ADDL", "II", "SS")
MOST_DOSES = 10_000


class LongTable(Declaration):
    """A table with one row a dose or a measurement, and what its cells mean.

    Attributes
    ----------
    time, amount
        Units of `TIME`, `II` and `TINF`, and of `AMT`; those of the model by default.
    columns
        Headings of the file by what they are: one of the usual names, in any case, or `remark`.
    observables
        What is measured under each value of `DVID`, or of `CMT` where there is no DVID: `NAME` or
        `NAME UNIT`, or `ignore`. Without it all measurements are of the one observable that the problem has.
    parameters
        Columns that set a parameter of the model for a subject: `NAME` or `NAME UNIT`.
    group
        The column that says what the random effects of a subject belong to; each to itself by default.
    doses
        What every subject gets, where the table has no `AMT`.
    """

    file: str
    time: str | None = None
    amount: str | None = None
    columns: dict[str, Standard | Literal["remark"]] = {}
    observables: dict[str, str] = {}
    parameters: dict[str, str] = {}
    group: str = "ID"
    doses: tuple[str, ...] | None = None


@dataclass(frozen=True)
class LongSubject:
    """One subject: doses in the model's units, parameters as 'VALUE UNIT', group, covariates over time."""

    doses: tuple[str, ...] | None
    changes: dict[str, str]
    group: str
    covariates: dict[str, dict[float, str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Laid:
    """A long table as subjects and a table of observations; `ignored` has the rows by reason."""

    subjects: Mapping[str, LongSubject]
    table: pd.DataFrame
    ignored: Mapping[str, list[int]]


def read_long_table(
    declared: LongTable,
    folder: Path,
    observables: Sequence[str],
    symbols: SymbolTable,
    dosed: DoseTarget | None,
    covariates: Mapping[str, Sequence[Covariate]] | None = None,
) -> Laid:
    """Read a long table.

    Parameters
    ----------
    folder
        Where the name of its file starts.
    observables
        Those of the problem.
    dosed
        What a dose of the model goes into.
    covariates
        Columns that are covariates, with how each acts.

    Raises
    ------
    InputError
        With file, row and column.
    """
    return _Reading(declared, folder / declared.file, observables, symbols, dosed, covariates or {}).laid()


class _Reading:
    """One reading of one file."""

    def __init__(
        self,
        declared: LongTable,
        path: Path,
        observables: Sequence[str],
        symbols: SymbolTable,
        dosed: DoseTarget | None,
        covariates: Mapping[str, Sequence[Covariate]],
    ) -> None:
        self.declared, self.observables, self.symbols = declared, observables, symbols
        self.dosed, self.covariates = dosed, covariates
        self.time_unit = declared.time or symbols.time_unit
        convert(1.0, self.time_unit, symbols.time_unit, "table.time")
        own = {*declared.parameters, *covariates}
        self.cells = LongCells(path, declared.columns, own, declared.group)
        self.ignored: dict[str, list[int]] = {}

    def laid(self) -> Laid:
        """Subjects and observations of the file."""
        self._require_together()
        self._require_order()
        doses: dict[str, list[Dose]] = {name: [] for name in dict.fromkeys(self.cells.table["ID"])}
        rows: dict[int, tuple] = {}
        compartments: dict[str, int] = {}
        for row in self.cells.rows:
            reason = self._reason_to_ignore(row)
            if reason:
                self.ignored.setdefault(reason, []).append(row + 1)
            elif self._is_dose(row):
                compartments.setdefault(self.cells.text(row, "CMT"), row)
                doses[self.cells.text(row, "ID")] += self._doses(row)
            else:
                rows[row] = self._observation(row)
        if len(compartments) > 1:
            before, row = next(iter(compartments)), list(compartments.values())[1]
            raise self.cells.wrong(row, "CMT", f"doses go into '{before}' before; the model doses one pool")
        if not rows:
            raise InputError(f"{self.cells.path}: holds no measurement")
        table = pd.DataFrame(list(rows.values()), [*rows], [*COLUMNS, *LIMITS])
        subjects = {name: self._subject(name, given) for name, given in doses.items()}
        return Laid(subjects, table, self.ignored)

    def _require_together(self) -> None:
        """Rows of a subject stand together: NONMEM would take a name that comes again for another subject.

        Names that are one number, 7 and 7.0, are one subject elsewhere, and two here: which is meant?
        """
        seen: set[str] = set()
        spelt: dict[str, str] = {}
        last = None
        for row in self.cells.rows:
            name = self.cells.text(row, "ID")
            if not name:
                raise self.cells.wrong(row, "ID", "must name the subject")
            if name != last and name in seen:
                raise self.cells.wrong(
                    row, "ID", "comes again after other subjects; put its rows together, or give another name"
                )
            before = spelt.setdefault(_plain(name), name)
            if before != name:
                raise self.cells.wrong(row, "ID", f"is the same number as '{before}' above; write both alike")
            seen.add(name)
            last = name

    def _require_order(self) -> None:
        """Time goes on from dose to dose, and down the rows of what is measured: where it goes back, another
        subject begins, or a row is in the wrong place. A sample that stands above a dose of its time was
        taken before it; one below, with it.
        """
        latest: dict[str, float] = {}
        seen: dict[float, int] = {}
        last = None
        for row in self.cells.rows:
            name = self.cells.text(row, "ID")
            if name != last:
                last, latest, seen = name, {}, {}
            if self._reason_to_ignore(row):
                continue
            time, dose = self._time(row), self._is_dose(row)
            what = "" if dose else self.cells.text(row, "DVID") or self.cells.text(row, "CMT")
            before = max(latest.values(), default=0.0) if dose else latest.get(what, 0.0)
            if time < before:
                said = f"lies before a row above it, at {before:g}; put rows in order, or is it another ID?"
                raise self.cells.wrong(row, "TIME", said)
            if dose and time in seen:
                said = (
                    "a dose of the same time stands below; a sample before it needs an earlier time, or MDV 1"
                )
                raise self.cells.wrong(seen[time], "TIME", said)
            if not dose:
                seen.setdefault(time, row)
            latest[what] = time

    def _reason_to_ignore(self, row: int) -> str:
        """Why a row is neither a dose nor a measurement; empty for one that is."""
        if self.cells.text(row, REMARK):
            return "marked as remarks in C"
        event = self.cells.whole(row, "EVID", (0, 1, 2, 3, 4))
        if event in (3, 4):
            raise self.cells.wrong(
                row, "EVID", "resets the subject, which is not supported; make it another ID"
            )
        if event == 2:
            return "other events (EVID 2)"
        missing = self.cells.whole(row, "MDV", (0, 1))
        if self._is_dose(row):
            value = self.cells.number(row, "DV")
            if missing == 0 or value not in (None, 0.0):
                column = "MDV" if missing == 0 else "DV"
                raise self.cells.wrong(row, column, "stands on a dose; give the measurement a row of its own")
            if self.cells.number(row, "CENS"):
                raise self.cells.wrong(
                    row, "CENS", "is of a measurement, and this is a dose; leave it . or 0"
                )
            return "" if self.cells.number(row, "AMT") else "doses of nothing"
        if missing == 1:
            return "without a value (MDV 1)"
        return "" if self._observable(row)[0] else "of observables to ignore"

    def _is_dose(self, row: int) -> bool:
        amount = self.cells.number(row, "AMT")
        event = self.cells.whole(row, "EVID", (0, 1, 2, 3, 4))
        if event == 1 and amount is None:
            raise self.cells.wrong(row, "AMT", "must be a number where EVID is 1")
        if event == 0 and amount:
            raise self.cells.wrong(row, "AMT", "must be . or 0 where EVID is 0")
        return event == 1 if event is not None else bool(amount)

    def _doses(self, row: int) -> Iterator[Dose]:
        """The dose of a row, with those that it says to repeat."""
        if self.dosed is None:
            raise self.cells.wrong(row, "AMT", f"model {self.symbols.model} takes no dose")
        if self.cells.number(row, "SS"):
            raise self.cells.wrong(row, "SS", "steady states are not supported; give the doses before it")
        amount, duration = self.cells.number(row, "AMT") or 0.0, self._duration(row)
        if amount < 0:
            raise self.cells.wrong(row, "AMT", "must not be negative")
        count, every = self.cells.whole(row, "ADDL"), self.cells.number(row, "II")
        if every and count is None:
            raise self.cells.wrong(row, "II", "repeats nothing without ADDL; say how many doses more")
        if count and not every:
            raise self.cells.wrong(row, "II", "must be the positive time between the doses of ADDL")
        if count is not None and not 0 <= count <= MOST_DOSES:
            raise self.cells.wrong(row, "ADDL", f"must be a whole number from 0 to {MOST_DOSES}")
        if every is not None and every < 0:
            raise self.cells.wrong(row, "II", "must not be negative")
        unit = self.symbols[self.dosed.parameter].unit
        if self.declared.amount:
            amount = convert(amount, self.declared.amount, unit, "table.amount")
        for number in range((count or 0) + 1):
            time = self._in_time(self._time(row) + number * (every or 0.0))
            try:
                yield parse_dose(Dose(time, amount, self._in_time(duration)), unit)
            except InputError as error:
                raise InputError(f"{self.cells.path}: row {row + 1}: {error}") from None

    def _duration(self, row: int) -> float:
        rate, over = self.cells.number(row, "RATE"), self.cells.number(row, "TINF")
        if rate is not None and rate < 0:
            raise self.cells.wrong(row, "RATE", "asks for a rate that a model estimates; give a number, or 0")
        if over is not None and over < 0:
            raise self.cells.wrong(row, "TINF", "must not be negative")
        if rate and over:
            raise self.cells.wrong(row, "TINF", "says what RATE says; leave one of them 0")
        return (self.cells.number(row, "AMT") or 0.0) / rate if rate else over or 0.0

    def _observation(self, row: int) -> tuple:
        """A row of a table of observations."""
        name, unit = self._observable(row)
        value = self.cells.number(row, "DV")
        if value is None:
            raise self.cells.wrong(row, "DV", "must be a number, or MDV 1 where nothing was measured")
        for column in OF_DOSES:
            if self.cells.number(row, column):
                said = "is of a dose, and this is a measurement; leave it . or 0, or give an AMT"
                raise self.cells.wrong(row, column, said)
        said = {None: "", 0: "", 1: "left", -1: "right"}[self.cells.whole(row, "CENS", (-1, 0, 1))]
        limit = self.cells.number(row, "LIMIT")
        try:
            between = censored_between(said, value, limit if said else None)
        except InputError as error:
            raise self.cells.wrong(row, "LIMIT", str(error)) from None
        time = self._in_time(self._time(row))
        return name, self.cells.text(row, "ID"), time, self.symbols.time_unit, value, unit, 0.0, "", *between

    def _observable(self, row: int) -> tuple[str, str]:
        """Name and unit of what a row measures; empty for what is to be ignored."""
        mapped = {_plain(key): value for key, value in self.declared.observables.items()}
        if not mapped:
            if len(self.observables) > 1:
                raise InputError(
                    f"{self.cells.path}: table: observables: says which DVID is which observable"
                )
            return self._named(f"observables.{self.observables[0]}", self.observables[0], self.observables)
        column = "DVID" if "DVID" in self.cells else "CMT"
        if column not in self.cells:
            raise InputError(
                f"{self.cells.path}: column missing: DVID or CMT, which table: observables: is about"
            )
        said = _plain(self.cells.text(row, column))
        if said not in mapped:
            raise self.cells.wrong(row, column, f"is none of table: observables: {', '.join(mapped)}")
        if mapped[said] == "ignore":
            return "", ""
        return self._named(f"observables.{said}", mapped[said], self.observables)

    def _named(self, where: str, text: str, among: Sequence[str]) -> tuple[str, str]:
        """Name and unit of a text such as 'transgene copies/ug', the unit of the model by default."""
        name, _, unit = text.partition(" ")
        if name not in among:
            raise InputError(f"table.{where}: {unknown_name('observable of the fit', name, among)}")
        if name not in self.symbols:
            raise self.symbols.unknown("observable", name, self.symbols)
        own = self.symbols[name].unit
        unit = unit.strip() or own
        convert(1.0, unit, own, f"table.{where}: {name}")
        return name, unit

    def _subject(self, name: str, given: list[Dose]) -> LongSubject:
        rows = self.cells.rows[self.cells.table["ID"] == name]
        changes = {}
        for column, text in self.declared.parameters.items():
            parameter, _, unit = text.partition(" ")
            own = self.symbols.require_settable(parameter).unit
            convert(1.0, unit.strip() or own, own, f"table.parameters.{column}: {parameter}")
            value = self._constant(rows, column)
            if not np.isfinite(parse_number(value)):
                raise self.cells.wrong(rows[0], column, f"must be a number: it is the value of {parameter}")
            changes[parameter] = f"{value} {unit}".strip()
        covariates = {column: self._course(rows, column) for column in self.covariates}
        if "AMT" in self.cells:
            if self.declared.doses is not None:
                raise InputError(f"{self.cells.path}: table.doses: goes with a table without AMT")
            doses = tuple(map(str, given)) if self.dosed else None
        else:
            doses = self.declared.doses if self.declared.doses is not None or not self.dosed else ()
        return LongSubject(doses, changes, self._constant(rows, self.declared.group), covariates)

    def _constant(self, rows: pd.Index, column: str) -> str:
        """The one text that a column has for a subject."""
        first = self.cells.text(rows[0], column)
        for row in rows:
            if self.cells.text(row, column) != first:
                raise self.cells.wrong(row, column, f"changes within the subject, from '{first}'; it may not")
        if not first:
            raise self.cells.wrong(rows[0], column, "must not be empty")
        return first

    def _course(self, rows: pd.Index, column: str) -> dict[float, str]:
        """Values of a covariate by the time from which on each holds; an empty cell changes nothing."""
        found: dict[float, str] = {}
        last = ""
        for row in rows:
            value = self.cells.text(row, column)
            if not value and not last:
                raise self.cells.wrong(row, column, "must not be empty on the first row of a subject")
            fault = next(filter(None, (each.fault(value) for each in self.covariates[column])), "")
            if value and fault:
                raise self.cells.wrong(row, column, fault)
            if value and value != last:
                time = self._in_time(self._time(row)) if found else 0.0
                if time in found:
                    raise self.cells.wrong(row, column, f"is another at the same time, '{found[time]}'")
                found[time] = last = value
        return found

    def _time(self, row: int) -> float:
        time = self.cells.number(row, "TIME")
        if time is None or not np.isfinite(time):
            raise self.cells.wrong(
                row, "TIME", f"must be a number of {self.time_unit}, from the start of the run"
            )
        if time < 0:
            raise self.cells.wrong(row, "TIME", "lies before the start of the run, time 0")
        return time

    def _in_time(self, value: float) -> float:
        return convert(value, self.time_unit, self.symbols.time_unit, "table.time")


def _plain(text: str) -> str:
    """A value of DVID as it is compared: 1.0 and 01 are 1."""
    number = parse_number(text)
    return f"{number:g}" if np.isfinite(number) else text

"""The result of a fit: numbers and tables with what they were computed from, as JSON that reloads.

Promise: a result that is read back equals the one that was saved. A number that does not exist (an open end
of an interval, an error that is not determined) is null in the file and NaN in Python.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

import pandas as pd
from pydantic import ValidationError, model_validator

from harness.declarations import Declaration
from harness.errors import InputError, unknown_name
from harness.faults import describe
from harness.files import write_whole
from harness.offered import offered
from harness.reading import read_text
from harness.shown import in_lines, listed

__all__ = ["FitResult", "as_columns", "plain_numbers", "read_result"]

Cell = float | int | bool | str | None

T = TypeVar("T")


@offered
class FitResult(Declaration):
    """What a fit found, and from what.

    Attributes
    ----------
    problem
        The declared problem, when it was one.
    checksum
        SHA-256 of the observations as fitted.
    engine
        What ran the simulations; its versions are among `versions`.
    synthetic
        Why the data are synthetic; empty when they are real.
    rows
        How many observations are used, how many of these are censored, and how many rows are left out.
    numbers
        Scalars by name; see :func:`harness.fitting.tables.number_names`.
    tables
        Columns by name, by table; :meth:`table` gives them as data frames.
    notes
        Sentences that a reader of the numbers must know.
    """

    title: str
    problem: dict
    checksum: str
    seed: int
    engine: str = ""
    time_unit: str
    versions: dict[str, str]
    synthetic: str
    rows: dict[str, int] = {}
    runs: int
    failed: int
    numbers: dict[str, float | None]
    tables: dict[str, dict[str, list[Cell]]]
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _columns_are_of_one_length(self) -> FitResult:
        for name, columns in self.tables.items():
            if len({len(column) for column in columns.values()}) > 1:
                raise ValueError(f"table {name} has columns of several lengths")
        return self

    def __repr__(self) -> str:
        parameters = self.tables.get("estimates", {}).get("parameter", [])
        numbers = [f"{name}={value:.6g}" for name, value in self.numbers.items() if value is not None]
        return in_lines(
            f"FitResult: {self.title}",
            data=listed(f"{count} {kind}" for kind, count in self.rows.items()),
            synthetic=self.synthetic,
            coordinates=listed(parameters),
            numbers=listed(numbers, most=4),
            tables=listed(self.tables),
            runs=f"{self.runs}, {self.failed} failed",
            notes=listed(self.notes, most=1),
        )

    def table(self, name: str) -> pd.DataFrame:
        """One table."""
        if name not in self.tables:
            raise unknown_name("table of the fit", name, self.tables)
        frame = pd.DataFrame(self.tables[name])
        return frame.where(frame.notna(), float("nan")).infer_objects()

    def number(self, name: str) -> float:
        """One number, NaN where it does not exist."""
        if name not in self.numbers:
            raise unknown_name("number of the fit", name, self.numbers)
        value = self.numbers[name]
        return float("nan") if value is None else value

    def save(self, path: str | Path) -> None:
        """Write it as JSON, whole or not at all."""
        text = json.dumps(self.model_dump(mode="json"), indent=1, allow_nan=False) + "\n"
        write_whole(Path(path), lambda p: p.write_text(text, encoding="utf-8"))


def read_result(path: str | Path) -> FitResult:
    """Read the result of a fit, as :meth:`FitResult.save` wrote it.

    Raises
    ------
    InputError
        When the file is missing or is no result of a fit.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; run the fit first")
    text = read_text(path)
    try:
        return FitResult.model_validate(json.loads(text))
    except (RecursionError, ValueError) as error:
        said = describe(error, FitResult) if isinstance(error, ValidationError) else str(error)
        raise InputError(f"{path}: is no result of a fit: {said}") from None


def as_columns(frame: pd.DataFrame) -> dict[str, list[Cell]]:
    """A table as plain lists, a number that is not finite as None."""
    return {str(name): [_plain(value) for value in frame[name].tolist()] for name in frame}


def _plain(value: T) -> T | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plain_numbers(numbers: Mapping[str, float]) -> dict[str, float | None]:
    """Numbers with None for those that are not finite."""
    return {name: _plain(float(value)) for name, value in numbers.items()}

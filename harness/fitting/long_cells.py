"""Cells of a long table under its usual names, those of NONMEM and Monolix.

Promise: every column has a meaning that was said, and every cell is read as what it is asked for, or refused
with its file, row and column.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd

from harness.errors import InputError, unknown_name
from harness.reading import WORKBOOKS, parse_number, parse_texts, read_text, read_texts

__all__ = ["REMARK", "STANDARD", "LongCells", "Standard"]

Standard = Literal[
    "ID",
    "TIME",
    "DV",
    "AMT",
    "RATE",
    "TINF",
    "EVID",
    "CMT",
    "DVID",
    "MDV",
    "CENS",
    "LIMIT",
    "II",
    "ADDL",
    "SS",
]
STANDARD: tuple[str, ...] = get_args(Standard)
NEEDED = ("ID", "TIME", "DV")
REMARK = "C"
"""Column of NONMEM whose rows with anything in it are remarks."""

NOTHING = ("", ".", "NA")


class LongCells:
    """The cells of one file.

    Parameters
    ----------
    path
        The file, whose columns may be parted by blanks, and whose heading may begin with #.
    meanings
        Headings of the file by what they are: one of the usual names, or `remark`.
    own, group
        Columns that the problem names, and the one of its groups, which keep their names.

    Attributes
    ----------
    table
        The texts, the usual columns under their usual names.

    Raises
    ------
    InputError
        When a column is missing, is given twice, or has no meaning.
    """

    def __init__(self, path: Path, meanings: Mapping[str, str], own: set[str], group: str) -> None:
        self.path = path
        table = _read(path)
        for name in (*meanings, *own, group):
            if name not in table and name.upper() not in STANDARD:
                raise InputError(f"{path}: {unknown_name('column', name, table.columns)}")
        names, unknown = {}, []
        for heading in table:
            said = meanings.get(heading, heading.upper())
            if said in (*STANDARD, REMARK):
                names[heading] = said
            elif said == "remark":
                table = table.drop(columns=heading)
            elif heading not in {*own, group}:
                unknown.append(heading)
        if "" in unknown:
            raise InputError(f"{path}: a column without a heading; is there a comma too many in each row?")
        if unknown:
            wanted = "a usual name or remark under columns, or under parameters, covariates or group"
            raise InputError(f"{path}: column {', '.join(unknown)}: say in table what it is, {wanted}")
        twice = [n for n in STANDARD if list(names.values()).count(n) > 1]
        if twice:
            raise InputError(f"{path}: column {twice[0]} is given twice; name one of them a remark")
        # A column may be a usual one and a covariate too.
        copies = {n: table[n] for n in own | {group} if n in names}
        self.table = table.rename(columns=names).assign(**copies)
        missing = [name for name in NEEDED if name not in self.table]
        if missing:
            raise InputError(f"{path}: column missing: {', '.join(missing)}; columns: names them")

    def __contains__(self, column: str) -> bool:
        return column in self.table

    @property
    def rows(self) -> pd.Index:
        """Places of the rows, from 0."""
        return self.table.index

    def text(self, row: int, column: str) -> str:
        """A cell without what stands for nothing; empty where there is no such column."""
        if column not in self.table:
            return ""
        text = str(self.table.at[row, column])
        return "" if text in NOTHING else text

    def number(self, row: int, column: str) -> float | None:
        """A cell as a number; None for nothing."""
        text = self.text(row, column)
        if not text:
            return None
        number = parse_number(text)
        if not np.isfinite(number):
            hint = ", with the hours as a number" if column == "TIME" and ":" in text else ""
            raise self.wrong(row, column, f"must be a number, or . for nothing{hint}")
        return number

    def whole(self, row: int, column: str, among: Sequence[int] = ()) -> int | None:
        """A cell as a whole number, one of `among` where that is given; None for nothing."""
        number = self.number(row, column)
        if number is None:
            return None
        if number != int(number) or (among and int(number) not in among):
            wanted = f"one of {', '.join(map(str, among))}" if among else "a whole number"
            raise self.wrong(row, column, f"must be {wanted}, or . for nothing")
        return int(number)

    def wrong(self, row: int, column: str, said: str) -> InputError:
        """What is to be raised of a cell."""
        text = self.table.at[row, column] if column in self.table else ""
        return InputError(f"{self.path}: row {row + 1}: {column} '{text}': {said}")


def _read(path: Path) -> pd.DataFrame:
    """Cells of a file whose columns may be parted by blanks, and whose heading may begin with #."""
    if path.suffix.lower() in WORKBOOKS:
        return read_texts(path, (), None).rename(columns=lambda heading: heading.lstrip("# "))
    lines = read_text(path).lstrip("\n").splitlines() or [""]
    heading = re.match(r"#?\s*(\w.*)", lines[0])
    if heading:
        lines[0] = heading[1]
    if not re.search("[,;\t]", lines[0]):
        lines = [",".join(line.split()) for line in lines]
    table = parse_texts(path, "\n".join(lines) + "\n", (), None)
    _require_whole(path, lines, len(table.columns))
    return table


def _require_whole(path: Path, lines: list[str], wanted: int) -> None:
    """A row that ends early may have lost more than empty cells: the file may be cut short."""
    mark = next((mark for mark in ",;\t" if mark in lines[0]), ",")
    written = (line for line in lines[1:] if line.strip() and not line.lstrip().startswith("#"))
    for number, row in enumerate(csv.reader(written, delimiter=mark, skipinitialspace=True), start=1):
        if len(row) < wanted:
            said = f"has {len(row)} cells of {wanted}; write . for nothing, or is the file cut short?"
            raise InputError(f"{path}: row {number}: {said}")

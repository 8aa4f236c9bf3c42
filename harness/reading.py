"""Files and texts as a user gives them: read whole, or refused in one line.

Promise: only a regular file is read, so that reading ends; a text is UTF-8 without control characters; a
table has no column that nobody knows; a number is one decimal numeral and nothing else. A table is a csv,
with commas, or with semicolons or tabulators and then perhaps decimal commas; or a workbook (.xlsx).
"""

from __future__ import annotations

import io
import math
import re
import stat
from collections.abc import Sequence
from decimal import Decimal
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InputError, unknown_name
from harness.workbooks import read_workbook

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = [
    "BLANK",
    "NUMBER",
    "WORKBOOKS",
    "inside",
    "parse_number",
    "parse_texts",
    "read_text",
    "read_texts",
    "require_file",
    "require_plain",
    "to_numbers",
]

NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
"""A decimal numeral as a regular expression."""

BLANK = " \t\r\n"
"""What may stand around a number or a name; other space is part of it, and then it is none."""

WORKBOOKS = (".xlsx", ".xlsm")

_DECIMAL_COMMA = re.compile(r"([+-]?[0-9]*),([0-9]+(?:[eE][+-]?[0-9]+)?)")

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def require_file(path: Path) -> Path:
    """Refuse what is no regular file: a device or a pipe may never end.

    Raises
    ------
    InputError
        When there is none, or it is a folder, a device or a pipe.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except ValueError:
        raise InputError(f"{path}: no file has a null character in its name") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    if stat.S_ISDIR(mode):
        raise InputError(f"{path}: is a folder, no file")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path}: is a device or a pipe, which may never end; give a file")
    return path


def inside(folder: Path, location: str, manifest: Path) -> Path:
    """The file of a folder at a location that a manifest names, such as ``./model.xml``.

    Raises
    ------
    InputError
        When it leads out of the folder: an absolute path, ``..``, or an address in the net.
    """
    steps = location.replace("\\", "/").split("/")
    if not location or not steps[0] or ".." in steps or ":" in location:
        raise InputError(f"{manifest}: names '{location}', which is no place in its own folder")
    return folder / location


def read_text(path: Path) -> str:
    """Content of a text file.

    Raises
    ------
    InputError
        When it is no regular file, cannot be read, is no UTF-8, or has a control character in it.
    """
    try:
        text = require_file(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        said = f"byte {error.start + 1} is no text in UTF-8; save the file as UTF-8"
        raise InputError(f"{path}: cannot be read: {said}") from None
    require_plain(text, path)
    return text


def require_plain(text: str, where: object) -> None:
    """Refuse a text with a control character in it, other than tabulators and ends of lines."""
    found = _CONTROL.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        raise InputError(f"{where}:{line}: has the control character U+{ord(found[0]):04X} in it")


def parse_number(text: str) -> float:
    """The number that a text is, with blanks around it; NaN where it is none."""
    numeral = text.strip(BLANK)
    return float(numeral) if re.fullmatch(NUMBER, numeral) else math.nan


def to_numbers(values: pd.Series) -> np.ndarray:
    """Numbers of a column, shape (rows,); NaN where a cell is none.

    Dates, durations, complex numbers, true and false are no numbers, whatever they are stored as.
    """
    import numpy as np

    if values.dtype.kind in "iuf":
        return values.to_numpy(float, na_value=np.nan)
    return np.array([_number(value) for value in values], float)


def _number(value: object) -> float:
    if isinstance(value, str):
        return parse_number(value)
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return math.nan
    try:
        return float(value)
    except (OverflowError, ValueError):  # of a whole number beyond all floats, of a signalling NaN
        return math.nan


def read_texts(path: Path, columns: Sequence[str], optional: Sequence[str] | None = ()) -> pd.DataFrame:
    """Read a table as text, cell by cell, without the blanks around a cell; what follows a # is a remark.

    Cells that a row lacks at its end are empty.

    Parameters
    ----------
    columns
        Those that have to be there.
    optional
        Those that may be there; None for any, whose names the caller holds against what it knows.

    Raises
    ------
    InputError
        When the file is missing or broken, a row is longer than the heading, or a column is missing, unknown
        or given twice.
    """
    if path.suffix.lower() in WORKBOOKS:
        import pandas as pd

        rows = pd.DataFrame(read_workbook(require_file(path)))
        require_plain("\n".join(rows.to_numpy().ravel()), path)
        return _with_heading(path, rows, columns, optional)
    return parse_texts(path, read_text(path), columns, optional)


def parse_texts(
    path: Path, text: str, columns: Sequence[str], optional: Sequence[str] | None = ()
) -> pd.DataFrame:
    """The same of the text of a csv that is read already; `path` is for errors."""
    import pandas as pd

    separator = _separator(text)
    if not text.strip():
        raise InputError(f"{path}: cannot be read: there is nothing in it")
    try:
        rows = pd.read_csv(
            io.StringIO(text), header=None, dtype=str, keep_default_na=False, comment="#",
            skipinitialspace=True, sep=separator,
        )  # fmt: skip
    except ValueError as error:
        said = " ".join(str(error).split()).removeprefix("Error tokenizing data. C error: ")
        raise InputError(f"{path}: cannot be read: {said}") from None
    rows = rows.apply(lambda column: column.str.strip(BLANK))
    return _with_heading(path, rows if separator == "," else _with_points(path, rows), columns, optional)


def _separator(text: str) -> str:
    """What stands between the names of the first line: a semicolon or a tabulator where there is no comma."""
    lines = (line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    heading = next(lines, "")
    return next((mark for mark in ",;\t" if mark in heading), ",")


def _with_points(path: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """The same cells with decimal points in place of decimal commas, where these are used throughout."""
    cells = rows.to_numpy()
    commas = [[bool(_DECIMAL_COMMA.fullmatch(cell)) for cell in row] for row in cells]
    if not any(map(any, commas)):
        return rows
    for number, row in enumerate(cells):
        for name, cell in zip(cells[0], row, strict=True):
            if "." in cell and re.fullmatch(NUMBER, cell):
                raise InputError(
                    f"{path}: row {number}: {name} '{cell}' has a decimal point, where others have a comma"
                )
    return rows.apply(
        lambda column: column.map(
            lambda cell: _DECIMAL_COMMA.sub(r"\1.\2", cell) if _DECIMAL_COMMA.fullmatch(cell) else cell
        )
    )


def _with_heading(
    path: Path, rows: pd.DataFrame, columns: Sequence[str], optional: Sequence[str] | None
) -> pd.DataFrame:
    """Rows under the names that stand in the first of them."""
    names = list(rows.iloc[0])
    _require_columns(path, names, columns, optional)
    return rows.iloc[1:].set_axis(names, axis=1).reset_index(drop=True)


def _require_columns(
    path: Path, names: Sequence[str], columns: Sequence[str], optional: Sequence[str] | None
) -> None:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise InputError(f"{path}: column {', '.join(doubled)} is given twice")
    wrong = []
    if optional is not None:
        known = [*columns, *optional]
        wrong += [str(unknown_name("column", name, known)) for name in names if name not in known][:1]
    missing = [column for column in columns if column not in names]
    if missing:
        wrong.append(f"column missing: {', '.join(missing)}; wanted are {', '.join(columns)}")
    if wrong:
        raise InputError(f"{path}: {'; '.join(wrong)}")

"""The cells of an Excel workbook, as texts.

Promise: one sheet is read, the only one with anything in it; a cell is the text of its value, a number as
short as it can be said. No formula is computed, no macro run.
"""

from __future__ import annotations

import datetime
import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

from harness.errors import InputError

__all__ = ["read_workbook"]

MOST = 100_000_000
"""Bytes of a workbook when it is unpacked."""

MOST_CELLS = 5_000_000


def read_workbook(path: Path) -> list[list[str]]:
    """Rows of a workbook, each as long as the longest; rows without a value are left out.

    Raises
    ------
    InputError
        When the optional package openpyxl is missing, the file is no workbook, too large or empty, several
        sheets have something in them, or a formula has no value in the file.
    """
    try:
        import openpyxl
    except ImportError:
        raise InputError(
            f"{path}: openpyxl is not installed; install cart-pkpd[tables], or save as csv"
        ) from None
    try:
        whole = path.read_bytes()  # openpyxl leaves a file open that it cannot read
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            if sum(part.file_size for part in archive.infolist()) > MOST:
                raise InputError(f"{path}: has more than {MOST // 1_000_000} MB unpacked")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and validations, which have no part in values
            values, formulas = (
                openpyxl.load_workbook(io.BytesIO(whole), data_only=only) for only in (True, False)
            )
            return _texts(path, values, formulas)
    except InputError:
        raise
    except Exception as error:  # openpyxl raises many kinds for a broken file
        said = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(f"{path}: is no workbook that can be read: {said}") from None


def _texts(path: Path, values: Any, formulas: Any) -> list[list[str]]:
    sheets = {sheet.title: sheet for sheet in values.worksheets}
    if any(sheet.max_row * sheet.max_column > MOST_CELLS for sheet in sheets.values()):
        raise InputError(f"{path}: has more than {MOST_CELLS} cells")
    # Seen by their formulas: a row of formulas that nobody has computed would else be none.
    filled = [name for name in sheets if any(map(_has_values, formulas[name].iter_rows()))]
    if len(filled) != 1:
        said = f"several sheets have values: {', '.join(filled)}; leave one" if filled else "is empty"
        raise InputError(f"{path}: {said}")
    rows = []
    for cells, written in zip(sheets[filled[0]].iter_rows(), formulas[filled[0]].iter_rows(), strict=True):
        if not _has_values(written):
            continue
        for cell, formula in zip(cells, written, strict=True):
            if cell.value is None and formula.value is not None:
                wrong = f"cell {cell.coordinate} has a formula and no value"
                raise InputError(f"{path}: {wrong}; save it again where it is computed")
        rows.append([_text(cell.value) for cell in cells])
    return rows


def _has_values(cells: Any) -> bool:
    return any(cell.value is not None for cell in cells)


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return str(value)

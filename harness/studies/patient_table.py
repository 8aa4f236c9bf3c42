"""Tables of patients: a dose, the category of the best response, and how many patients share them.

Promise: a table is read whole or refused in one line that names its row; every category is one that the
bounds of response hold, and every count a whole number.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from harness.analysis.response import category_names, criteria
from harness.errors import InputError, unknown_name
from harness.reading import read_texts, to_numbers

__all__ = ["read_patients"]

COLUMNS = ("dose", "category", "n")

MOST = 100_000
"""Patients of a table: more than any trial."""


def read_patients(path: Path, remarks: Sequence[str] = ()) -> pd.DataFrame:
    """Read a csv with the columns `dose` (cells), `category` and `n` (patients), and perhaps `source`.

    `remarks` are further columns, which are not read.

    Returns
    -------
    pandas.DataFrame
        One row a patient, by ascending dose and then from the worst category to the best: `patient`, from
        1; `dose`; `reported`, as in the file; `category`, that by M-protein.

    Raises
    ------
    InputError
        When the file or a column is missing, a column is unknown, or a dose, category or count is none.
    """
    table = read_texts(path, COLUMNS, ("source", *remarks))
    same = criteria().same_by_m_protein
    for row, name in enumerate(table["category"], start=1):
        if name not in category_names() and name not in same:
            raise InputError(
                f"{path}: row {row}: {unknown_name('category', name, [*category_names(), *same])}"
            )
    dose = _numbers(path, table["dose"], "dose", "must be a number of at least one cell", 1.0)
    count = _numbers(path, table["n"], "n", "must be a whole number of patients, 0 or more", 0.0)
    if count.sum() < 1:
        raise InputError(f"{path}: no patients")
    if count.sum() > MOST:
        raise InputError(f"{path}: {count.sum():g} patients; at most {MOST} are allowed")
    found = pd.DataFrame({"dose": dose, "reported": table["category"]})
    found["category"] = found["reported"].replace(same)
    found["rank"] = [-category_names().index(name) for name in found["category"]]
    found = found.loc[found.index.repeat(count.astype(int))]
    found = found.sort_values(["dose", "rank", "reported"], kind="stable", ignore_index=True)
    found.insert(0, "patient", np.arange(1, len(found) + 1))
    return found.drop(columns="rank")


def _numbers(path: Path, values: pd.Series, name: str, wanted: str, least: float) -> np.ndarray:
    """A column as finite numbers of at least `least`; whole ones where they count."""
    numbers = to_numbers(values)
    bad = ~np.isfinite(numbers) | (numbers < least)
    if name == "n":
        bad |= numbers != np.floor(numbers)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(f"{path}: row {row + 1}: {name} '{values.iloc[row]}' {wanted}")
    return numbers

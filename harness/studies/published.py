"""Published outcomes of trials, and what a population predicts for trials of their size.

Promise: a prediction is that of trials drawn from the population, dose by dose with as many patients as the
trial had, so its interval holds the chance of a small trial. Nothing is fitted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError, ValidationInfo, field_validator, model_validator

from harness.analysis.survival import median_of_all
from harness.declarations import Declaration
from harness.errors import InputError
from harness.faults import describe
from harness.reading import read_texts

__all__ = ["Drawn", "Published", "predict", "read_published"]

LEVEL = (2.5, 97.5)
"""Percentiles of a prediction interval."""

ROUNDING = {"orr": 0.5, "cr": 0.5, "median_pfs": 0.05}
"""What can be predicted, and by how much rounding may have moved the published value."""


class Published(Declaration):
    """One row of a table of trial outcomes; percent and months, with the source."""

    name: str
    trial: str
    arms: dict[float, int]
    n: int
    orr: float | None
    cr: float | None
    median_pfs: float | None
    pfs_low: float | None
    pfs_high: float | None
    median_dor: float | None
    dor_low: float | None
    dor_high: float | None
    source: str

    @field_validator("arms", mode="before")
    @classmethod
    def _arms_of_text(cls, text: str) -> dict[str, str]:
        pairs = [arm.split("=") for arm in text.split()]
        if any(len(pair) != 2 for pair in pairs):
            raise ValueError(f"'{text}': write CELLS=PATIENTS for each dose, such as 150e6=8 450e6=19")
        return dict(pairs)

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object, info: ValidationInfo) -> object:
        return None if value == "" and info.field_name not in ("arms", "source") else value

    @field_validator("source")
    @classmethod
    def _source_is_given(cls, value: str) -> str:
        if not value:
            raise ValueError("a source is needed")
        return value

    @model_validator(mode="after")
    def _arms_make_the_trial(self) -> Published:
        if self.arms and sum(self.arms.values()) != self.n:
            raise ValueError(f"the arms have {sum(self.arms.values())} patients together, n is {self.n}")
        return self

    def outcomes(self) -> dict[str, float]:
        """What was published of what can be predicted: percent, and the median in months."""
        found = {name: getattr(self, name) for name in ROUNDING}
        return {name: value for name, value in found.items() if value is not None}


@dataclass(frozen=True)
class Drawn:
    """What trials are drawn from, at one dose: one entry a virtual patient that was simulated well.

    `orr`, `cr`: whether it has a response, a complete one; `median_pfs`: its PFS in months, infinite where
    it does not progress.
    """

    orr: np.ndarray
    cr: np.ndarray
    median_pfs: np.ndarray


def read_published(path: Path) -> tuple[Published, ...]:
    """Rows of a table of trial outcomes; what follows a # is a remark.

    Raises
    ------
    InputError
        When the file is missing, a column is unknown, a row is broken, or a name is given twice.
    """
    rows: dict[str, Published] = {}
    for row, cells in enumerate(read_texts(path, tuple(Published.model_fields)).to_dict("records"), start=1):
        try:
            found = Published.model_validate(cells)
        except ValidationError as error:
            raise InputError(f"{path}: row {row}: {describe(error, Published)}") from None
        if found.name in rows:
            raise InputError(f"{path}: row {row}: name: {found.name} is given twice")
        rows[found.name] = found
    if not rows:
        raise InputError(f"{path}: no rows")
    return tuple(rows.values())


def predict(
    published: tuple[Published, ...], drawn: Mapping[float, Drawn], trials: int, seed: int
) -> pd.DataFrame:
    """What `trials` drawn trials of the size of each published one give.

    Returns
    -------
    pandas.DataFrame
        One row an outcome that was published with its arms: `name`, `trial`, `arms`, `n`, `outcome` (orr, cr
        in percent, median_pfs in months), `observed`, `predicted` (median of the drawn trials), `low`, `high`
        (the middle 95 % of them), and `inside`, whether the observed value, as rounded, lies there.
    """
    rows = []
    for place, row in enumerate(published):
        random = np.random.default_rng([seed, place])
        parts = {
            dose: random.integers(drawn[dose].orr.size, size=(trials, n)) for dose, n in row.arms.items()
        }
        for outcome, observed in row.outcomes().items() if row.arms else ():
            values = np.concatenate([getattr(drawn[d], outcome)[i] for d, i in parts.items()], axis=1)
            found = median_of_all(values) if outcome == "median_pfs" else 100 * values.mean(axis=1)
            low, middle, high = np.percentile(found, [LEVEL[0], 50, LEVEL[1]], method="closest_observation")
            arms = " ".join(f"{dose / 1e6:g}e6={n}" for dose, n in row.arms.items())
            inside = low <= observed + ROUNDING[outcome] and observed - ROUNDING[outcome] <= high
            rows.append(
                (row.name, row.trial, arms, row.n, outcome, observed, middle, low, high, bool(inside))
            )
    columns = ["name", "trial", "arms", "n", "outcome", "observed", "predicted", "low", "high", "inside"]
    return pd.DataFrame(rows, columns=columns)

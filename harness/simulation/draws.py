"""Draws of parameters that a calibration or a sampler left: rows with weights, read from a file.

Promise: a row is one point of a posterior, whole, so that parameters go together as they were found to; a
column that is no parameter of the model, or its spread, is refused. Which row is taken depends on the seed
and on the place alone, whatever the number of rows that are asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import InputError
from harness.models.card import repository
from harness.models.catalog import load_card, select
from harness.models.limits import NOT_NEGATIVE
from harness.models.symbols import SymbolTable
from harness.reading import read_texts, to_numbers

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["OMEGA", "ParameterDraws", "choose_draws", "read_parameter_draws"]

OMEGA = "omega_"
"""Before the name of a parameter: the standard deviation of its log-normal random effect."""

WEIGHT = "weight"
"""Column of what each row counts for; without it all count alike."""

STREAM = 1 << 63
"""Keeps the choice of rows apart from the random effects of patients, whose streams are their numbers."""


@dataclass(frozen=True)
class ParameterDraws:
    """Rows of parameters, in the model's units, and of ``omega_PARAMETER``; `weights` sum to 1."""

    table: pd.DataFrame
    weights: np.ndarray

    @property
    def parameters(self) -> tuple[str, ...]:
        """What has a value of its own in each row."""
        return tuple(name for name in self.table if not name.startswith(OMEGA))

    @property
    def spreads(self) -> tuple[str, ...]:
        """Parameters whose spread has."""
        return tuple(name.removeprefix(OMEGA) for name in self.table if name.startswith(OMEGA))

    def take(self, count: int, seed: int) -> pd.DataFrame:
        """As many rows, each with the probability that its weight says, one after the other."""
        random = np.random.Generator(np.random.Philox(key=[seed, STREAM]))
        ends = np.cumsum(self.weights)
        places = np.searchsorted(ends / ends[-1], random.random(count), side="right")
        return self.table.iloc[np.minimum(places, len(ends) - 1)].reset_index(drop=True)


def read_parameter_draws(path: Path, symbols: SymbolTable) -> ParameterDraws:
    """Draws of a .csv: one row a draw, a column a parameter or ``omega_PARAMETER``, and `weight`, if any.

    Raises
    ------
    InputError
        When the file is missing, has no row, a cell that is no number, a column that is no parameter of the
        model, a value that it cannot have, or a spread or a weight that is negative.
    """
    texts = read_texts(path, (), None)
    for name in texts:
        if name != WEIGHT:
            try:
                symbols.require_settable(name.removeprefix(OMEGA))
            except InputError as error:
                raise InputError(f"{path}: column {name}: {error}") from None
    import pandas as pd

    table = pd.DataFrame({name: to_numbers(texts[name]) for name in texts})
    for name, column in table.items():
        plain = name == WEIGHT or str(name).startswith(OMEGA)
        within = NOT_NEGATIVE if plain else symbols[str(name)].within
        bad = ~np.isfinite(column)
        if within is not None:
            bad |= within.beyond(column.to_numpy())
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            why = within.said if within is not None and np.isfinite(column[row]) else "is no finite number"
            raise InputError(f"{path}: row {row + 1}: {name}: '{texts[name][row]}' {why}")
    weights = table.pop(WEIGHT).to_numpy() if WEIGHT in table else np.ones(len(table))
    if table.empty or not weights.sum() > 0:
        raise InputError(f"{path}: holds no draw; expected a row a draw, with a column a parameter")
    return ParameterDraws(table, weights / weights.sum())


def choose_draws(
    model: str, readings: tuple[str, ...], posterior: str
) -> tuple[tuple[str, ...], ParameterDraws]:
    """Readings and draws that a posterior means: the name of a reading that has one stored, or a .csv.

    A reading is chosen with its posterior; a file is of the model with the readings that are given.

    Raises
    ------
    InputError
        When there is neither, or the draws do not fit the model.
    """
    if posterior.lower().endswith(".csv"):
        return readings, read_parameter_draws(Path(posterior), select(model, readings).card.symbols)
    stored = {name: each.posterior for name, each in load_card(model).readings.items() if each.posterior}
    if posterior not in stored:
        known = ", ".join(stored) or "none"
        raise InputError(
            f"posterior: '{posterior}' is neither a .csv file nor a reading of {model} that has one ({known})"
        )
    readings = tuple(dict.fromkeys((*readings, posterior)))
    path = repository() / "validation" / stored[posterior]
    return readings, read_parameter_draws(path, select(model, readings).card.symbols)

"""The folder that a calibration writes: its posterior, read again only for the same data and model.

Promise: a posterior of another declaration, table or model is refused in one line, never used.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from harness.calibration.declared import Calibration, OfCandidates
from harness.calibration.simulated import identity
from harness.errors import InputError, unknown_name
from harness.models.card import repository
from harness.models.catalog import load_card
from harness.reading import read_texts
from harness.simulation.draws import read_parameter_draws

__all__ = ["STORED", "OfPosterior", "draws_table", "read_draws", "rests_on"]

STORED = "dose/calibrated"
"""Folder of the project's own calibration, within ``validation/``."""


def draws_table(name: str) -> str:
    """Name of the table with the draws of a candidate, and of its file."""
    return f"draws_{name}"


def rests_on(declared: Calibration, name: str) -> str:
    """What a posterior rests on, as a hash: model and priors of the candidate, and what it is fitted to."""
    table = (repository() / "validation" / declared.responses).read_bytes()
    fitted = {"medians": declared.medians, "lapse": declared.lapse, "trial_sd": declared.block.trial_sd}
    text = identity(declared, name) + repr(fitted) + hashlib.sha256(table).hexdigest()
    return hashlib.sha256(text.encode()).hexdigest()


def read_draws(declared: Calibration, name: str, folder: Path) -> pd.DataFrame:
    """Equally weighted draws of the posterior of a candidate: one row a draw, one column a parameter.

    What the candidate fixes is not among them; one without parameters has a single row.

    Raises
    ------
    InputError
        When the folder holds none, or one of other data or another model.
    """
    declared.candidate(name)
    stamps = read_texts(folder / "comparison.csv", ("candidate", "rests_on"), None)
    by_name = dict(zip(stamps["candidate"], stamps["rests_on"], strict=True))
    if name not in by_name:
        raise unknown_name(f"candidate in {folder}", name, by_name)
    if by_name[name] != rests_on(declared, name):
        raise InputError(
            f"{folder}: the posterior of {name} is of other data, priors or another model; calibrate again"
        )
    if not declared.priors(name):
        return pd.DataFrame(index=range(1))
    symbols = load_card(declared.candidate(name).model).symbols
    draws = read_parameter_draws(folder / f"{draws_table(name)}.csv", symbols)
    return draws.table.drop(columns=list(declared.changes(name)), errors="ignore")


class OfPosterior(OfCandidates):
    """Base of studies of posteriors; `calibrated` is the folder that the calibration wrote, as `declared`."""

    calibrated: str = STORED

    def inputs(self) -> tuple[Path, ...]:
        folder = repository() / "validation"
        return (folder / self.declared, folder / self.calibrated / "comparison.csv")

    def draws_of(self, declared: Calibration, name: str) -> pd.DataFrame:
        """Draws of the posterior of a candidate."""
        return read_draws(declared, name, repository() / "validation" / self.calibrated)

    def some_draws(
        self, declared: Calibration, name: str, count: int, rng: np.random.Generator
    ) -> pd.DataFrame:
        """As many of the draws, each at most once where there are enough."""
        draws = self.draws_of(declared, name)
        return draws.iloc[rng.choice(len(draws), count, replace=count > len(draws))]

"""The folder that a calibration writes: its posterior, read again only for the same data and model.

Promise: a posterior of another declaration, table or model is refused in one line, never used.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd

from harness.calibration.declared import Calibration, OfCandidates
from harness.calibration.simulated import identity
from harness.errors import InputError, unknown_name
from harness.models.card import repository
from harness.reading import read_texts, to_numbers

__all__ = ["STORED", "OfPosterior", "read_draws", "rests_on"]

STORED = "dose/calibrated"
"""Folder of the project's own calibration, within ``validation/``."""


def rests_on(declared: Calibration, name: str) -> str:
    """What a posterior rests on, as a hash: model and priors of the candidate, and what it is fitted to."""
    table = (repository() / "validation" / declared.responses).read_bytes()
    fitted = {"medians": declared.medians, "lapse": declared.lapse, "trial_sd": declared.block.trial_sd}
    text = identity(declared, name) + repr(fitted) + hashlib.sha256(table).hexdigest()
    return hashlib.sha256(text.encode()).hexdigest()


def read_draws(declared: Calibration, name: str, folder: Path) -> pd.DataFrame:
    """Equally weighted draws of the posterior of a candidate: one row a draw, one column a parameter.

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
    table = read_texts(folder / "draws.csv", ("candidate", "draw", "parameter", "value"), None)
    own = table[table["candidate"] == name]
    own = own.assign(value=to_numbers(own["value"]), draw=to_numbers(own["draw"]))
    return own.pivot(index="draw", columns="parameter", values="value").sort_index()


class OfPosterior(OfCandidates):
    """Base of studies of posteriors; `calibrated` is the folder that the calibration wrote, as `declared`."""

    calibrated: str = STORED

    def inputs(self) -> tuple[Path, ...]:
        folder = repository() / "validation"
        return (folder / self.declared, folder / self.calibrated / "draws.csv")

    def draws_of(self, declared: Calibration, name: str) -> pd.DataFrame:
        """Draws of the posterior of a candidate."""
        return read_draws(declared, name, repository() / "validation" / self.calibrated)

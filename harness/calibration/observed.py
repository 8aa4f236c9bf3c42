"""What a calibration is held against: patients by dose and best response, and a trial that is not fitted.

Promise: classes are those that a trial reports: complete, very good partial, partial, stable (with minor
responses, which the trial does not list) and progressive. Tables are read as other studies read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.analysis.response import category_names, criteria
from harness.calibration.declared import Calibration
from harness.errors import InputError
from harness.models.card import repository
from harness.studies.patient_table import read_patients
from harness.studies.published import Published, read_published

__all__ = [
    "CLASSES",
    "RESPONSE",
    "ObservedResponses",
    "Predicted",
    "PredictedMedian",
    "class_of",
    "read_blind",
    "read_blind_medians",
    "read_observed",
]

CLASSES = ("CR", "VGPR", "PR", "SD", "PD")
SAME = {"MR": "SD"}
"""A minor response is stable disease where a table does not list it."""

RESPONSE = sum(name in criteria().responders for name in CLASSES)
"""How many of the classes, the first ones, are responses."""


def class_of(category: np.ndarray) -> np.ndarray:
    """Number of the class of a category by its number; -1 where that is NaN."""
    places = np.array([CLASSES.index(SAME.get(name, name)) for name in category_names()])
    known = ~np.isnan(category)
    return np.where(known, places[np.where(known, category, 0).astype(int)], -1)


@dataclass(frozen=True)
class ObservedResponses:
    """Patients by dose and class.

    `counts` has shape (doses, classes), in the order of `doses`.
    """

    doses: tuple[float, ...]
    counts: np.ndarray

    def without(self, dose: float) -> ObservedResponses:
        """The same without one cohort."""
        kept = [i for i, each in enumerate(self.doses) if each != dose]
        return ObservedResponses(tuple(self.doses[i] for i in kept), self.counts[kept])

    def only(self, dose: float) -> ObservedResponses:
        """One cohort alone."""
        return ObservedResponses((dose,), self.counts[[self.doses.index(dose)]])


@dataclass(frozen=True)
class Predicted:
    """One arm that is predicted: its dose, patients, and how many had a complete and any response."""

    name: str
    dose: float
    n: int
    cr: int
    orr: int

    @property
    def counts(self) -> np.ndarray:
        """Complete response, another response, none."""
        return np.array([self.cr, self.orr - self.cr, self.n - self.orr])


@dataclass(frozen=True)
class PredictedMedian:
    """A median of PFS (months) that is predicted, of as many patients at each dose."""

    name: str
    arms: dict[float, int]
    median: float


def read_observed(declared: Calibration) -> ObservedResponses:
    """The patients that candidates are fitted to.

    Raises
    ------
    InputError
        When the table is broken, or has a dose that is not simulated.
    """
    path = _within(declared.responses)
    table = read_patients(path, declared.remarks)
    doses = tuple(sorted(map(float, table["dose"].unique())))
    if beyond := sorted(set(doses) - set(declared.doses)):
        raise InputError(f"{path}: dose {beyond[0]:g} is none of the doses of the calibration; add it")
    names = table["category"].replace(SAME)
    counts = [[int(((table["dose"] == d) & (names == c)).sum()) for c in CLASSES] for d in doses]
    return ObservedResponses(doses, np.array(counts))


def read_blind(declared: Calibration) -> tuple[Predicted, ...]:
    """Arms of the trial that is predicted, one dose each; nothing of it enters a fit.

    Raises
    ------
    InputError
        When the table is broken, the trial has no such arm, or an arm has a dose that is not simulated.
    """
    path = _within(declared.blind)
    rows = _blind_rows(declared)
    arms = [row for row in rows if len(row.arms) == 1 and row.orr is not None and row.cr is not None]
    if not arms:
        raise InputError(f"{path}: trial {declared.blind_trial} has no arm with one dose, orr and cr")
    found = []
    for row in arms:
        (dose,) = row.arms
        if dose not in declared.doses:
            raise InputError(f"{path}: {row.name}: dose {dose:g} is none of the doses of the calibration")
        orr, cr = (round(row.n * percent / 100) for percent in (row.orr, row.cr) if percent is not None)
        found.append(Predicted(row.name, dose, row.n, cr, orr))
    return tuple(found)


def read_blind_medians(declared: Calibration) -> tuple[PredictedMedian, ...]:
    """Medians of PFS of the trial that is predicted, of arms at doses that are simulated."""
    return tuple(
        PredictedMedian(row.name, row.arms, row.median_pfs)
        for row in _blind_rows(declared)
        if row.median_pfs is not None and row.arms and set(row.arms) <= set(declared.doses)
    )


def _blind_rows(declared: Calibration) -> list[Published]:
    return [row for row in read_published(_within(declared.blind)) if row.trial == declared.blind_trial]


def _within(name: str) -> Path:
    return repository() / "validation" / name

"""A calibration as it is declared: candidates with their priors, what they are held against, sizes and seed.

Promise: all that decides what a calibration finds stands in one file, written before anything is scored, and
is
held against the models before anything runs. Every candidate is fitted to the same data with the same number
of simulations.
"""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field, field_validator, model_validator

from harness.declarations import Declaration, read_often
from harness.errors import InputError, unknown_name
from harness.models.card import ModelCard, repository
from harness.models.catalog import load_card, model_files
from harness.models.provenance import omegas_of
from harness.simulation.draws import OMEGA
from harness.studies.outcome import StudyDeclaration

__all__ = [
    "TRIAL",
    "Calibration",
    "Candidate",
    "CandidatePrior",
    "Median",
    "OfCandidates",
    "Sizes",
    "read_calibration",
    "spreads",
]

TRIAL = "trial"
"""The effect of a trial on response: a shift of all cumulative logits, a normal with mean 0."""


class CandidatePrior(Declaration):
    """A log-normal prior: median, in the model's unit, standard deviation of the logarithm, and source."""

    median: float = Field(gt=0)
    sd: float = Field(gt=0, le=5)
    source: str = Field(min_length=1)

    def value(self, z: np.ndarray) -> np.ndarray:
        """Values at standard normal `z`."""
        return self.median * np.exp(self.sd * np.asarray(z))


class Candidate(Declaration):
    """A mechanism: the model, what of it is fixed, priors of what is not.

    `block` says whether the common block goes with it: all but the published model have it.
    """

    label: str
    model: str = "clinical_clocks"
    changes: dict[str, str] = {}
    priors: dict[str, CandidatePrior] = {}
    block: bool = True


class Block(Declaration):
    """What all candidates have in common: fixed values, priors, and the spread of trials."""

    changes: dict[str, str] = {}
    priors: dict[str, CandidatePrior] = {}
    trial_sd: float = Field(gt=0, le=3)


class Median(Declaration):
    """A published median of progression-free survival (months), known to within `within`.

    `weights` are patients by dose: the mixture of doses that the `n` patients are taken to be.
    """

    weights: dict[float, float]
    n: int = Field(ge=1)
    median: float = Field(gt=0)
    within: float = Field(gt=0)
    source: str = Field(min_length=1)

    @property
    def bounds(self) -> tuple[float, float]:
        return max(self.median - self.within, 0.0), self.median + self.within

    @model_validator(mode="after")
    def _somebody_has_it(self) -> Median:
        if not self.weights or min(self.weights.values()) <= 0:
            raise ValueError("weights: give the patients at each dose")
        return self


Count = Annotated[int, Field(ge=1, le=1_000_000)]


class Sizes(Declaration):
    """How much is computed.

    `points` of the prior and then of a first posterior, each with `patients` virtual patients at every dose,
    teach the surface; `draws` of the prior are weighted on it. `fresh` are points of each round that follows,
    with `fresh_patients` each, drawn on the surface that all before them have taught. Rounds before the last
    teach and nothing else; the evidence is that of the last one alone.
    """

    points: Count
    patients: Count
    draws: Annotated[int, Field(ge=256, le=1 << 20)]
    fresh: Annotated[tuple[Count, ...], Field(min_length=1, max_length=20)]
    fresh_patients: Count

    @property
    def runs(self) -> int:
        """Simulations of a candidate at each dose."""
        return 2 * self.points * self.patients + sum(self.fresh) * self.fresh_patients


class Calibration(Declaration):
    """The whole file.

    Attributes
    ----------
    candidates, block
        What is compared, and what all have in common.
    responses
        Table of patients by dose and best response, within ``validation/``.
    remarks
        Further columns of it, not read.
    medians
        Published medians of PFS.
    blind, blind_trial
        Table of outcomes, within ``validation/``, and the trial in it that is predicted and never fitted.
    doses
        Cells at which patients are simulated: those of all tables.
    until
        End of the follow-up.
    lapse
        Share of patients whose reported category says nothing: it could be any.
    designs
        Trials that could decide between the candidates, by name: patients at each of the doses.
    sizes
        By name.
    """

    title: str
    seed: int = Field(ge=0, lt=2**32)
    block: Block
    candidates: dict[str, Candidate]
    responses: str
    remarks: tuple[str, ...] = ()
    medians: dict[str, Median]
    blind: str
    blind_trial: str
    doses: tuple[float, ...]
    until: str
    lapse: float = Field(gt=0, lt=0.5)
    designs: dict[str, dict[float, Count]] = {}
    sizes: dict[str, Sizes]

    @field_validator("doses")
    @classmethod
    def _doses_ascend(cls, doses: tuple[float, ...]) -> tuple[float, ...]:
        if len(doses) < 2 or min(doses) < 1 or any(b <= a for a, b in pairwise(doses)):
            raise ValueError("expected two or more doses of at least one cell, ascending")
        return doses

    @model_validator(mode="after")
    def _medians_are_at_doses(self) -> Calibration:
        for name, median in self.medians.items():
            if beyond := sorted(set(median.weights) - set(self.doses)):
                raise ValueError(f"medians: {name}: {beyond[0]:g} is none of the doses")
        return self

    @model_validator(mode="after")
    def _designs_are_at_doses(self) -> Calibration:
        for name, design in self.designs.items():
            if beyond := sorted(set(design) - set(self.doses)):
                raise ValueError(f"designs: {name}: {beyond[0]:g} is none of the doses")
        return self

    def priors(self, name: str) -> dict[str, CandidatePrior]:
        """Priors of a candidate by parameter, those of the block first."""
        candidate = self.candidate(name)
        return {**(self.block.priors if candidate.block else {}), **candidate.priors}

    def changes(self, name: str) -> dict[str, str]:
        """Values that a candidate fixes."""
        candidate = self.candidate(name)
        return {**(self.block.changes if candidate.block else {}), **candidate.changes}

    def candidate(self, name: str) -> Candidate:
        """A candidate by name.

        Raises
        ------
        InputError
            When there is none.
        """
        if name not in self.candidates:
            raise unknown_name("candidate", name, self.candidates)
        return self.candidates[name]

    def size(self, name: str) -> Sizes:
        """A size by name.

        Raises
        ------
        InputError
            When there is none.
        """
        if name not in self.sizes:
            raise unknown_name("size", name, self.sizes)
        return self.sizes[name]

    def require_fitting(self) -> None:
        """Hold every candidate against its model.

        Raises
        ------
        InputError
            One line, when a prior or a change does not fit the model.
        """
        for name in self.candidates:
            card = load_card(self.candidate(name).model)
            card.symbols.parse_all(self.changes(name))
            for parameter in self.priors(name):
                self._require_parameter(name, parameter, card)

    def _require_parameter(self, name: str, parameter: str, card: ModelCard) -> None:
        own = parameter.removeprefix(OMEGA)
        try:
            card.symbols.require_settable(own)
        except InputError as error:
            raise InputError(f"candidates: {name}: {parameter}: {error}") from None
        if parameter in self.changes(name):
            raise InputError(f"candidates: {name}: {parameter} has a prior and a fixed value; give one")


def read_calibration(path: Path) -> Calibration:
    """Read the file of a calibration and hold it against the models.

    Raises
    ------
    InputError
        In one line, when the file or a candidate is broken.
    """
    declared = read_often(path, Calibration)  # every target of a panel asks for it
    declared.require_fitting()
    return declared


class OfCandidates(StudyDeclaration):
    """Base of studies of a calibration's candidates.

    Attributes
    ----------
    declared
        File of the calibration, within ``validation/`` or by an absolute path.
    candidates
        Which of its candidates; all by default.
    """

    declared: str
    candidates: tuple[str, ...] = ()

    def read(self) -> Calibration:
        """The calibration.

        Raises
        ------
        InputError
            When the file is broken.
        """
        return read_calibration(repository() / "validation" / self.declared)

    def files_of_models(self) -> tuple[Path, ...]:
        """Files of the models of the candidates that are asked for."""
        declared = self.read()
        models = {declared.candidate(name).model: None for name in self.names(declared)}
        return tuple(path for model in models for path in model_files(model))

    def names(self, declared: Calibration) -> tuple[str, ...]:
        """Names of the candidates that are asked for.

        Raises
        ------
        InputError
            When one is unknown.
        """
        for name in self.candidates:
            declared.candidate(name)
        return self.candidates or tuple(declared.candidates)


def spreads(card: ModelCard, values: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Omega of every random effect: those of the model, those of `values` over them."""
    given = {name.removeprefix(OMEGA): value for name, value in values.items() if name.startswith(OMEGA)}
    size = len(next(iter(values.values()))) if values else 1
    published = {
        name: np.full(size, omega) for name, omega in omegas_of(card).items() if math.isfinite(omega)
    }
    return {**published, **given}

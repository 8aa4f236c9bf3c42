"""Where each number comes from: parameters.csv, and the ontology terms that were looked up in terms.csv.

Promise: the tables are read as they stand, with file and row in every error; comparing them with the
models is the work of the checks.
"""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import ValidationError, field_validator

from harness.declarations import Declaration
from harness.errors import InputError
from harness.faults import describe
from harness.models.card import ModelCard, repository
from harness.reading import parse_texts, read_text, read_texts

__all__ = ["Parameter", "constants_of", "omegas_of", "parameters_of", "read_parameters", "read_terms"]


class Parameter(Declaration):
    """One row of parameters.csv: a value of one model, status, RSE in %, omega, its RSE in %, and source.

    `omega_assumed` is one that the authors assumed for their virtual patients, 50 % (Supporting Information,
    as reported), where Table 1 has none.
    """

    id: str
    scale: str
    value: float
    unit: str
    status: Literal["fixed", "estimated", "assumed", "input", "constant"]
    RSE: float | None
    omega: float | None
    omega_RSE: float | None
    omega_assumed: float | None
    source: str

    @field_validator("RSE", "omega", "omega_RSE", "omega_assumed", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("source")
    @classmethod
    def _source_is_given(cls, value: str) -> str:
        if not value:
            raise ValueError("a source is needed")
        return value


def read_parameters(path: Path | None = None) -> tuple[Parameter, ...]:
    """Rows of parameters.csv, as it is now; `scale` holds the name of the model."""
    path = path or repository() / "models_antimony" / "parameters.csv"
    return _parameters(path, read_text(path))


@lru_cache(maxsize=8)
def _parameters(path: Path, text: str) -> tuple[Parameter, ...]:
    rows = []
    table = parse_texts(path, text, tuple(Parameter.model_fields))
    for place, row in enumerate(table.to_dict("records"), start=1):
        try:
            rows.append(Parameter.model_validate(row))
        except ValidationError as error:
            raise InputError(f"{path}: row {place}: {describe(error, Parameter)}") from None
    return tuple(rows)


def parameters_of(card: ModelCard) -> dict[str, Parameter]:
    """Rows of one model, by id; those of an extension come over those of the models that it extends."""
    scales = [*(base.id for base in card.bases), card.id]
    return {row.id: row for scale in scales for row in read_parameters() if row.scale == scale}


def constants_of(card: ModelCard) -> tuple[str, ...]:
    """Ids of the constants of one model, which nobody has reason to set: its rows of that status.

    Every card asks for them: they are read without what reads tables, which takes as long as a simulation.
    """
    scales = {card.id, *(base.id for base in card.bases)}
    text = read_text(repository() / "models_antimony" / "parameters.csv")
    return tuple(name for scale, name in _constants(text) if scale in scales)


@lru_cache(maxsize=8)
def _constants(text: str) -> tuple[tuple[str, str], ...]:
    """Model and id of every constant."""
    rows = csv.DictReader(text.splitlines())
    return tuple((row["scale"], row["id"]) for row in rows if row["status"] == "constant")


def omegas_of(card: ModelCard) -> dict[str, float]:
    """Omegas of a model by parameter: those of Table 1 in its order, then those assumed, by name."""
    rows = parameters_of(card)
    published = {name: row.omega for name, row in rows.items() if row.omega}
    assumed = {name: row.omega_assumed for name, row in sorted(rows.items()) if row.omega_assumed}
    return {**published, **assumed}


def read_terms(path: Path | None = None) -> dict[str, str]:
    """Ontology terms that were looked up: term to label."""
    path = path or repository() / "models_antimony" / "terms.csv"
    return dict(read_texts(path, ("term", "label"), ("verified_in",))[["term", "label"]].to_numpy())

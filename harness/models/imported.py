"""A user's own model: any SBML or Antimony file, made ready for the same commands as those of the catalogue.

Promise: :func:`import_model` gives a card whose SBML means the same as the user's file (see
harness.models.own_file), made in a process apart, because a file can end the process that reads it.

A file NAME.yaml beside NAME.xml or NAME.ant may declare, in the schema of the catalogue's cards and with
every field optional, what is dosed, read out and solved as logarithms.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from functools import cache, lru_cache
from pathlib import Path

import libsbml
from pydantic import Field, PrivateAttr

from harness.declarations import read_declaration
from harness.errors import InputError
from harness.models.apart import apart
from harness.models.card import Lowest, ModelCard, SolverSettings, Tolerance
from harness.models.card_faults import card_faults
from harness.models.compile import as_l3v1
from harness.models.own_file import Normalised
from harness.models.solver_form import to_solver_form
from harness.reading import read_text, require_file

__all__ = ["UserModel", "import_model"]

NAMES_FILES = re.compile(r"\bimport\b|ExternalModelDefinition")
LARGEST = 50_000_000  # bytes; the largest models of BioModels have a tenth of it


class OwnSolver(SolverSettings):
    """How a user's own model is integrated: what the card leaves open follows from what the model reaches."""

    absolute_tolerance_default: Tolerance | None = None
    lowest_amount: Lowest | None = None


class UserModel(ModelCard):
    """The card of a model outside the catalogue; `id` names it anywhere: its path as given, or its name."""

    id: str = ""
    title: str = ""
    scale: str = "own"
    figure: str = ""
    until: float = Field(default=100.0, gt=0)
    observables: tuple[str, ...] = ()
    plot: tuple[str, ...] = ()
    endpoint_times: str = ""
    extends: None = None
    solver: OwnSolver = OwnSolver()
    _file: str = PrivateAttr("")
    _sbml: str = PrivateAttr("")

    @property
    def antimony_path(self) -> Path:
        """The user's file, beside which stands what the card names."""
        return Path(self._file)

    def sbml_path(self, version: str = "l3v2") -> Path:
        """Path of the file as it is run, made from the user's; its L3V1 twin is made when asked for."""
        if version != "l3v1":
            return Path(self._sbml)
        path = self.antimony_path
        return _keep(path.stem, as_l3v1(libsbml.readSBMLFromFile(self._sbml), path))

    def sbml_paths(self) -> dict[str, Path]:
        """The one file."""
        return {"l3v2": self.sbml_path()}


def import_model(name: str, path: Path | None = None) -> UserModel:
    """Make a user's file ready; `name` is its path, unless that is given beside it.

    Raises
    ------
    InputError
        When the file is missing, is no SBML or Antimony, or has what is not supported (delays, algebraic
        rules, fast reactions, random numbers, packages other than comp, flux balance without kinetics).
    """
    path = Path(name) if path is None else path
    found = _normalised(path)
    model = libsbml.readSBMLFromString(found.sbml).getModel()
    beside = path.with_suffix(".yaml")
    card = read_declaration(beside, UserModel) if os.path.lexists(beside) else UserModel()
    if card.id not in ("", path.stem):
        raise InputError(f"{beside}: id is {card.id}, the file's name says {path.stem}")
    settled = {
        "id": name,
        "title": card.title or found.title,
        "observables": card.observables or found.changing,
        "endpoint_times": card.endpoint_times or f"0:{card.until:g}:{card.until / 200:g}",
    }
    card = card.model_copy(update=settled)
    for fault in card_faults(card, model):
        raise InputError(f"{beside}: {fault}")
    try:
        to_solver_form(found.sbml, card.solver.logarithms)
    except ValueError as error:
        raise InputError(f"{beside}: logarithms: {error}") from None
    card = card.model_copy(update={"plot": card.plot or card.observables[:3]})
    card._file, card._sbml = str(path), str(_keep(path.stem, found.sbml))
    return card


def _normalised(path: Path) -> Normalised:
    """The file as it is run; made once for the same text, unless that names other files."""
    text = _read(path)
    make = _made if NAMES_FILES.search(text) else _made_once
    return make(path, text)


def _made(path: Path, text: str) -> Normalised:
    made: Normalised = apart("harness.models.own_file:normalise", str(path), path, text)
    return made


_made_once = lru_cache(maxsize=16)(_made)


def _read(path: Path) -> str:
    if require_file(path).stat().st_size > LARGEST:
        raise InputError(f"{path}: has more than {LARGEST // 1_000_000} MB")
    return read_text(path)


@cache
def _folder() -> tempfile.TemporaryDirectory:
    """Where imported models lie while this process runs."""
    return tempfile.TemporaryDirectory(prefix="cart-models-")


def _keep(stem: str, text: str) -> Path:
    """The SBML of an imported model as a file that is named by its content."""
    path = Path(_folder().name) / f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:16]}.xml"
    path.write_text(text, encoding="utf-8")
    return path

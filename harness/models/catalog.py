"""The catalogue: which models exist, and which of their readings and conditions a run takes.

Promise: a model is what ``models_antimony/NAME.yaml`` declares beside ``NAME.ant`` and the SBML built from
it. An extension declares which model it extends, and is run as that one. Models of other articles are in
``models_antimony/library``, are read as a user's own file is, and go by their name too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, model_validator

from harness.declarations import Declaration, declare, read_often
from harness.errors import InputError, unknown_name
from harness.former import current
from harness.models.card import DoseTarget, ModelCard, Reading, Tolerance, is_path, repository
from harness.models.limits import Limits
from harness.models.provenance import constants_of
from harness.reading import read_texts

__all__ = [
    "Selection",
    "conditions",
    "library_names",
    "load_card",
    "model_files",
    "model_names",
    "select",
]


class Extension(Declaration):
    """Card of a model that extends another: its own name; how it is run is declared by that other.

    `dose` says which parts of the dose target are other than in that other, or are added to it; `logarithms`
    are pools of its own that are integrated as logarithms too; `in_file` those of its exported form, where
    they are other; `relative_tolerance` is its own where that of the other lets too much pass; `limits` those
    of its own parameters. Readings are not taken over: they are of the article, and an extension goes beyond
    it.
    """

    id: str
    extends: str
    title: str
    figure: str
    dose: dict[Literal["parameter", "species", "clock"], str] = {}
    logarithms: tuple[str, ...] = ()
    in_file: tuple[str, ...] | None = None
    relative_tolerance: Tolerance | None = None
    limits: dict[str, Limits] = {}

    @model_validator(mode="after")
    def _extends_another(self) -> Extension:
        if self.extends == self.id:
            raise ValueError("a model cannot extend itself")
        return self

    def card(self, base: ModelCard) -> ModelCard:
        """The whole card, of the model that it extends and its own lines."""
        inherited: dict[str, str] = base.dose.model_dump() if base.dose else {}
        target = inherited | {str(name): value for name, value in self.dose.items()}
        dose = declare(DoseTarget, **target) if target else None
        own = self.model_dump(exclude={"logarithms", "in_file", "relative_tolerance"})
        solver = base.solver.with_logarithms(self.logarithms) if self.logarithms else base.solver
        settings = {"in_file": self.in_file, "relative_tolerance": self.relative_tolerance}
        solver = solver.model_copy(update={n: value for n, value in settings.items() if value is not None})
        limits = {**base.limits, **self.limits}
        card = base.model_copy(
            update={**own, "dose": dose, "solver": solver, "limits": limits, "readings": {}}
        )
        card._bases = (*base.bases, base)
        return card


class _Peek(BaseModel):
    """What tells the two forms of a card apart."""

    extends: str | None = None


@dataclass(frozen=True)
class Selection:
    """A model with the changes that the chosen readings and condition make: id to 'value unit'."""

    card: ModelCard
    changes: dict[str, str] = field(default_factory=dict)
    readings: tuple[str, ...] = ()
    condition: str | None = None


def model_names() -> tuple[str, ...]:
    """Names of all models, in alphabetical order."""
    return tuple(sorted(path.stem for path in (repository() / "models_antimony").glob("*.yaml")))


def library_names() -> tuple[str, ...]:
    """Names of the models of other articles, in alphabetical order."""
    return tuple(sorted(path.stem for path in _library().glob("*.yaml")))


def _library() -> Path:
    return repository() / "models_antimony" / "library"


def model_files(name: str) -> tuple[Path, ...]:
    """Files that a model is read from, a user's own with its card beside it; none for a name that is none."""
    if is_path(name):
        return Path(name), Path(name).with_suffix(".yaml")
    if name in library_names():
        return _library() / f"{name}.ant", _library() / f"{name}.yaml"
    if name not in model_names():
        return ()
    card = load_card(name)
    return card.antimony_path, card.antimony_path.with_suffix(".yaml"), *card.sbml_paths().values()


def load_card(name: str) -> ModelCard:
    """Read what a model declares: one of the catalogue by name, or a user's own by the path of its file.

    Raises
    ------
    InputError
        When there is no such model, or its declaration is broken.
    """
    if name.lower().endswith((".omex", ".sedml")):
        raise InputError(f"{name}: is no model but holds one: cart simulate runs it; unpack it for the rest")
    if not (is_path(name) or name in library_names()):
        return _load_card(name)
    from harness.models.imported import import_model  # what reads files of users is heavy to import

    return import_model(name, None if is_path(name) else _library() / f"{name}.ant")


def _load_card(name: str) -> ModelCard:
    name = current("model", name)
    if name not in model_names():
        raise unknown_name("model", name, (*model_names(), *library_names()))
    path = repository() / "models_antimony" / f"{name}.yaml"
    extended = read_often(path, _Peek).extends
    if extended is None:
        card = read_often(path, ModelCard)
    else:
        extension = read_often(path, Extension)
        card = extension.card(load_card(extended))
    if card.id != name:
        raise InputError(f"{path}: id is {card.id}, the file's name says {name}")
    card._constants = constants_of(card)
    return card


def select(name: str | Path, readings: str | Sequence[str] = (), condition: str | None = None) -> Selection:
    """Choose a model, any of its readings, and one of its conditions (such as a cell line).

    Raises
    ------
    InputError
        When a name is unknown, or two readings name different files or set the same symbol differently.
    """
    card = load_card(str(name))
    readings = (readings,) if isinstance(readings, str) else readings
    readings = [current("reading", name) for name in readings]
    files = {reading.model for reading in (_reading(card, r) for r in readings) if reading.model}
    if len(files) > 1:
        raise InputError(f"readings {', '.join(readings)} name different models: {', '.join(sorted(files))}")
    target = load_card(files.pop()) if files else card
    changes: dict[str, str] = {}
    if condition is not None:
        changes.update(_condition(target, condition))
    for chosen in readings:
        reading = _reading(card, chosen)
        if reading.model is None and target is not card and card not in target.bases:
            reading = _reading(target, chosen)
        values = dict(_reading(target, reading.reading).set) if reading.reading else dict(reading.set)
        for symbol, value in values.items():
            if changes.get(symbol, value) != value:
                raise InputError(f"readings {', '.join(readings)} set {symbol} to different values")
            changes[symbol] = value
    return Selection(target, changes, tuple(readings), condition)


def _reading(card: ModelCard, name: str) -> Reading:
    if name not in card.readings:
        raise unknown_name(f"reading of {card.id}", name, card.readings)
    return card.readings[name]


def _condition(card: ModelCard, name: str) -> dict[str, str]:
    table = conditions(card)
    if not table:
        raise InputError(f"model {card.id} has no table of conditions")
    if name not in table:
        raise unknown_name(f"condition of {card.id}", name, table)
    return table[name]


def conditions(card: ModelCard) -> dict[str, dict[str, str]]:
    """Table of conditions of a model: name to the values it sets, each 'value unit'; empty without one.

    The second row of the file holds the unit of each column; the column `source` is prose. Every other column
    is set, so that one which the model does not have is refused where a condition is chosen.
    """
    if card.conditions is None:
        return {}
    path = card.antimony_path.parent / card.conditions
    table = read_texts(path, ("condition",), None)
    if len(table) < 2 or table["condition"].duplicated().any():
        raise InputError(f"{path}: holds no condition, or one twice; its second row names the units")
    units, *rows = table.to_dict("records")
    symbols = [column for column in units if column not in ("condition", "source")]
    return {row["condition"]: {s: f"{row[s]} {units[s]}" for s in symbols} for row in rows}

"""The catalogue: which models exist, where their files are, and what each declares about how it is run.

Promise: a model is what ``models_antimony/NAME.yaml`` declares beside ``NAME.ant`` and the SBML built from
it. An extension declares which model it extends, and is run as that one. Nothing particular to a model (what
is dosed, which states are solved as logarithms, their tolerances, its observables, its readings) stands in
code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, model_validator

from harness.declarations import Declaration, declare, read_often
from harness.errors import InputError, unknown_name
from harness.models.symbols import SymbolTable, read_symbols
from harness.reading import read_texts

__all__ = [
    "DeclaredEndpoint",
    "DoseTarget",
    "ModelCard",
    "Reading",
    "Selection",
    "SolverSettings",
    "conditions",
    "load_card",
    "model_files",
    "model_names",
    "repository",
    "select",
]


@cache
def repository() -> Path:
    """Folder that holds models_antimony, sbml and validation: the checkout, or the installed copy."""
    package = Path(__file__).resolve().parents[1]
    for root in (package.parent, package / "data"):
        if (root / "models_antimony").is_dir():
            return root
    raise InputError(f"the model files are missing beside {package}; reinstall cart-pkpd")


class DoseTarget(Declaration):
    """What a dose changes: `parameter` holds the dose at time 0, `species` receives it, now or later.

    `clock`, in a model that needs one, is the parameter that holds the time at which the last dose started:
    0 at the start of a run, then the time of each bolus and of each start of an infusion, whether or not
    others still run. A dose of nothing does not count. Only doses set it.
    """

    parameter: str
    species: str
    clock: str | None = None


Tolerance = Annotated[float, Field(gt=0, le=1e-2)]
"""A tolerance of the error control; above a hundredth it controls nothing."""

Lowest = Annotated[float, Field(le=0, allow_inf_nan=True)]
"""An amount that is still no failure; minus infinity lets every one pass."""


class SolverSettings(Declaration):
    """How the states are integrated: which as logarithms, and with which error control.

    Absolute tolerances are in the unit of the state (dimensionless for a logarithm). States that are not
    named take `absolute_tolerance_default`, far below one cell. Where it or `lowest_amount` is None, a share
    of what the state reaches takes its place (harness.simulation.accuracy). A run that fails is tried once
    more with `more_logarithms` beside the others: slower, and sturdier where those states all but vanish. An
    amount below `lowest_amount` is a failure.
    """

    logarithms: tuple[str, ...] = ()
    more_logarithms: tuple[str, ...] = ()
    relative_tolerance: Tolerance = 1e-7
    absolute_tolerance: dict[str, Tolerance] = {}
    absolute_tolerance_default: Tolerance | None = 1e-30
    absolute_tolerance_logarithm: Tolerance = 1e-9
    lowest_amount: Lowest | None = -1e-6


class Reading(Declaration):
    """A named way to read the article: values to set, or another file (and a reading of that file)."""

    ledger: str
    statement: str
    set: dict[str, str] = {}
    model: str | None = None
    reading: str | None = None


class DeclaredEndpoint(Declaration):
    """An endpoint by name: a function of harness.analysis.library, its observable and its options."""

    function: str
    observable: str
    options: dict[str, float | str] = {}


Item = Literal["item", "cell", "copy", "complex", "molecule"]
"""What is counted in items, of ``units.COUNTED``."""


class ModelCard(Declaration):
    """Everything declared about one model.

    `item` is what it counts in items, and `other_items` what some of its symbols count instead; their units
    say so, wherever they are shown.
    """

    id: str
    title: str
    scale: str
    figure: str
    until: float = Field(gt=0)
    observables: tuple[str, ...]
    plot: tuple[str, ...]
    endpoints: dict[str, DeclaredEndpoint] = {}
    endpoint_times: str
    dose: DoseTarget | None = None
    item: Item = "item"
    other_items: dict[str, Item] = {}
    extends: str | None = None
    conditions: str | None = None
    solver: SolverSettings = SolverSettings()
    readings: dict[str, Reading] = {}

    @property
    def antimony_path(self) -> Path:
        return repository() / "models_antimony" / f"{self.id}.ant"

    @property
    def symbols(self) -> SymbolTable:
        """Symbols of the model."""
        clock = self.dose.clock if self.dose else None
        return read_symbols(self.sbml_path(), clock, self.item, self.other_items)

    @property
    def bases(self) -> tuple[ModelCard, ...]:
        """Models that this one extends, the first of them first; none for a model of its own."""
        if self.extends is None:
            return ()
        base = load_card(self.extends)
        return (*base.bases, base)

    def sbml_path(self, version: str = "l3v2") -> Path:
        """Path of the built SBML, `version` l3v2, l3v1 or solver."""
        suffix = "" if version == "l3v2" else f"_{version}"
        return repository() / "sbml" / f"{self.id}{suffix}.xml"

    def sbml_paths(self) -> dict[str, Path]:
        """Path of each built file; the solver form only where the model has pools to solve as logarithms."""
        versions = ("l3v2", "l3v1", "solver") if self.solver.logarithms else ("l3v2", "l3v1")
        return {version: self.sbml_path(version) for version in versions}


class Extension(Declaration):
    """Card of a model that extends another: its own name; how it is run is declared by that other.

    `dose` says which parts of the dose target are other than in that other, or are added to it. Readings are
    not taken over: they are of the article, and an extension goes beyond it.
    """

    id: str
    extends: str
    title: str
    figure: str
    dose: dict[Literal["parameter", "species", "clock"], str] = {}

    @model_validator(mode="after")
    def _extends_another(self) -> Extension:
        if self.extends == self.id:
            raise ValueError("a model cannot extend itself")
        return self

    def card(self) -> ModelCard:
        """The whole card."""
        base = load_card(self.extends)
        target = {**(base.dose.model_dump() if base.dose else {}), **self.dose}
        dose = declare(DoseTarget, **target) if target else None
        return base.model_copy(update={**self.model_dump(), "dose": dose, "readings": {}})


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


def model_files(name: str) -> tuple[Path, ...]:
    """Files that a model is read from, a user's own with its card beside it; none for a name that is none."""
    from harness.models.imported import is_path

    if is_path(name):
        return Path(name), Path(name).with_suffix(".yaml")
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
    from harness.models.imported import import_model, is_path

    return import_model(name) if is_path(name) else _load_card(name)


def _load_card(name: str) -> ModelCard:
    if name not in model_names():
        raise unknown_name("model", name, model_names())
    path = repository() / "models_antimony" / f"{name}.yaml"
    if read_often(path, _Peek).extends is None:
        card = read_often(path, ModelCard)
    else:
        card = read_often(path, Extension).card()
    if card.id != name:
        raise InputError(f"{path}: id is {card.id}, the file's name says {name}")
    return card


def select(name: str, readings: str | Sequence[str] = (), condition: str | None = None) -> Selection:
    """Choose a model, any of its readings, and one of its conditions (such as a cell line).

    Raises
    ------
    InputError
        When a name is unknown, or two readings name different files or set the same symbol differently.
    """
    card = load_card(name)
    readings = (readings,) if isinstance(readings, str) else readings
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

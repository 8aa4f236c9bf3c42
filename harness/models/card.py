"""What a card is: all that a model declares about its run, and where its files are.

Promise: nothing particular to a model (what is dosed, which states are solved as logarithms, their
tolerances, its observables, its readings) stands in code; a card holds it, checked field by field.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from harness.declarations import Declaration
from harness.errors import InputError
from harness.models.limits import Limits
from harness.models.symbols import SymbolTable, read_symbols

__all__ = [
    "SUFFIXES",
    "DeclaredEndpoint",
    "DoseTarget",
    "Lowest",
    "ModelCard",
    "Reading",
    "SolverSettings",
    "Tolerance",
    "is_path",
    "repository",
]

SUFFIXES = (".xml", ".sbml", ".ant")
"""Of files that hold a user's own model."""


@cache
def repository() -> Path:
    """Folder that holds models_antimony, sbml and validation: the checkout, or the installed copy."""
    package = Path(__file__).resolve().parents[1]
    for root in (package.parent, package / "data"):
        if (root / "models_antimony").is_dir():
            return root
    raise InputError(f"the model files are missing beside {package}; reinstall cart-pkpd")


def is_path(name: str) -> bool:
    """Whether a name means a file rather than a model of the catalogue."""
    return name.lower().endswith(SUFFIXES)


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


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class SolverSettings(Declaration):
    """How the states are integrated: which as logarithms, and with which error control.

    Absolute tolerances are in the unit of the state (dimensionless for a logarithm). States that are not
    named take `absolute_tolerance_default`, far below one cell. Where it or `lowest_amount` is None, a share
    of what the state reaches takes its place (harness.simulation.accuracy). The exported solver form has the
    logarithms `in_file` alone, by default all of them. How far the pool `regrows` has grown again says
    whether a run is to be integrated more accurately (harness.simulation.regrowth); it is looked at every
    `look_every` of the model's time, or, without that, 48 times in a run. No step of CVODE is longer than
    `longest_step`. An amount below `lowest_amount` is a failure. `floors` are sizes of observables, in their
    units, that an error is held against where the value itself is smaller.
    """

    logarithms: tuple[str, ...] = ()
    in_file: tuple[str, ...] | None = None
    regrows: str | None = None
    look_every: Positive | None = None
    longest_step: Positive | None = None
    relative_tolerance: Tolerance = 1e-7
    absolute_tolerance: dict[str, Tolerance] = {}
    absolute_tolerance_default: Tolerance | None = 1e-30
    absolute_tolerance_logarithm: Tolerance = 1e-9
    lowest_amount: Lowest | None = -1e-6
    floors: dict[str, Positive] = {}

    @model_validator(mode="after")
    def _check(self) -> SolverSettings:
        doubled = sorted({name for name in self.logarithms if self.logarithms.count(name) > 1})
        if doubled:  # libRoadRunner ends the process where two rules give one species
            raise ValueError(f"logarithms: {doubled[0]} is named twice")
        return self

    @property
    def exported_logarithms(self) -> tuple[str, ...]:
        """Pools that the exported solver form has as logarithms."""
        return self.logarithms if self.in_file is None else self.in_file

    def with_logarithms(self, more: tuple[str, ...]) -> SolverSettings:
        """These settings with more pools as logarithms; the exported form stays as it is."""
        in_file = self.exported_logarithms
        return self.model_copy(update={"logarithms": (*self.logarithms, *more), "in_file": in_file})


class Reading(Declaration):
    """A named way to read the article: values to set, another file (and a reading of that file), or both.

    `posterior` is a table of draws of parameters that studies of virtual patients can take in place of the
    values, a path within ``validation/``.
    """

    ledger: str
    statement: str
    set: dict[str, str] = {}
    model: str | None = None
    reading: str | None = None
    posterior: str | None = None


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
    say so, wherever they are shown. `limits` are values that a symbol can have at all, in its unit; without
    them a volume is positive, and what is not negative in the model cannot turn so.
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
    limits: dict[str, Limits] = {}
    extends: str | None = None
    conditions: str | None = None
    solver: SolverSettings = SolverSettings()
    readings: dict[str, Reading] = {}
    _bases: tuple[ModelCard, ...] = PrivateAttr(())
    _constants: tuple[str, ...] = PrivateAttr(())

    @property
    def antimony_path(self) -> Path:
        return repository() / "models_antimony" / f"{self.id}.ant"

    @property
    def symbols(self) -> SymbolTable:
        """Symbols of the model."""
        clock = self.dose.clock if self.dose else None
        found = read_symbols(self.sbml_path(), clock, self.item, self.other_items)
        limited = {name: replace(found[name], limits=limits) for name, limits in self.limits.items()}
        return replace(
            found,
            symbols={**found.symbols, **limited},
            constants=self._constants,
            dosed=self.dose.parameter if self.dose else "",
        )

    @property
    def bases(self) -> tuple[ModelCard, ...]:
        """Models that this one extends, the first of them first; none for a model of its own."""
        return self._bases

    def sbml_path(self, version: str = "l3v2") -> Path:
        """Path of the built SBML, `version` l3v2, l3v1 or solver."""
        suffix = "" if version == "l3v2" else f"_{version}"
        return repository() / "sbml" / f"{self.id}{suffix}.xml"

    def sbml_paths(self) -> dict[str, Path]:
        """Path of each built file; the solver form only where the model has pools to solve as logarithms."""
        versions = ("l3v2", "l3v1", "solver") if self.solver.exported_logarithms else ("l3v2", "l3v1")
        return {version: self.sbml_path(version) for version in versions}

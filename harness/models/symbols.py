"""The symbols of a model, read from its SBML: what may be set, what may be read out, and in which unit.

Promise: a name that reaches the engine stands in this table, so a misspelt one is never accepted.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from pathlib import Path

import libsbml

from harness.errors import InputError, unknown_name
from harness.models.limits import NOT_NEGATIVE, POSITIVE, Limits
from harness.models.meaning import nearest
from harness.models.units import counting, is_conversion, parse_factor, parse_quantity, unit_of

__all__ = ["Kind", "Symbol", "SymbolTable", "description", "read_symbols"]


class Kind(StrEnum):
    """What a symbol is in the model."""

    COMPARTMENT = "compartment"
    PARAMETER = "parameter"
    SPECIES = "species"
    STATE = "state"  # a parameter under a rate rule
    FLUX = "flux"  # the rate of a reaction
    STOICHIOMETRY = "stoichiometry"  # of a species in a reaction, where it has an id
    RULE = "rule"  # given by an assignment rule: a rate, a ratio, an observable
    CLOCK = "clock"  # a parameter that holds the time of the last dose


@dataclass(frozen=True)
class Symbol:
    """One symbol: `value` is what the file declares, NaN where a rule or an initial assignment gives it.

    `limits` are those that the card declares.
    """

    id: str
    name: str
    unit: str
    kind: Kind
    value: float
    limits: Limits | None = None

    @property
    def settable(self) -> bool:
        """Whether a user may give it a value: parameters and compartments that no rule decides."""
        return self.kind in (Kind.PARAMETER, Kind.COMPARTMENT)

    @property
    def said(self) -> str:
        """What it is, in words."""
        return f"{self.name} volume" if self.is_volume else self.name

    @property
    def within(self) -> Limits | None:
        """What it can be at all: as declared; else a volume is positive, and nothing turns negative."""
        if self.limits is not None:
            return self.limits
        if self.is_volume:
            return POSITIVE
        return NOT_NEGATIVE if self.value >= 0 else None

    @property
    def must(self) -> str:
        """What its value must be, in words; nothing where it can be any number."""
        said = self.within.said if self.within is not None else ""
        return f"a volume {said}" if self.is_volume and said else said

    @property
    def is_volume(self) -> bool:
        """Whether it is the size of a compartment."""
        return self.kind is Kind.COMPARTMENT


@dataclass(frozen=True)
class SymbolTable(Mapping[str, Symbol]):
    """All symbols of one model, by id, in the order of the file; `time_unit` in pint's syntax.

    `constants` are ids of those that nobody has reason to set, such as a guard against 0/0; `dosed` is the
    parameter that holds the dose, where there is one.
    """

    model: str
    time_unit: str
    symbols: dict[str, Symbol]
    constants: tuple[str, ...] = ()
    dosed: str = ""

    @property
    def amount_unit(self) -> str:
        """Unit of what is given: cells, where no dose is declared."""
        return self.symbols[self.dosed].unit if self.dosed in self.symbols else "cells"

    def __getitem__(self, name: str) -> Symbol:
        if name not in self.symbols:
            raise self.unknown("symbol", name, self.symbols)
        return self.symbols[name]

    def __contains__(self, name: object) -> bool:
        return name in self.symbols

    def __iter__(self) -> Iterator[str]:
        return iter(self.symbols)

    def __len__(self) -> int:
        return len(self.symbols)

    def settable(self) -> list[str]:
        """Ids of those that a user may set."""
        return [symbol.id for symbol in self.symbols.values() if symbol.settable]

    def offered(self) -> list[str]:
        """Ids of those that a user has reason to set: no constants of the model or of its units."""
        return [name for name in self.settable() if not self.is_constant(name)]

    def is_constant(self, name: str) -> bool:
        """Whether a symbol is declared a constant, or only turns one unit into another."""
        symbol = self.symbols[name]
        return name in self.constants or (symbol.settable and is_conversion(symbol.value, symbol.unit))

    def unknown(self, kind: str, name: str, among: Iterable[str], also: Iterable[str] = ()) -> InputError:
        """Error for a name that is none of some symbols, nor `also`: the nearest, by what they mean too.

        Constants are not among those that it names.
        """
        meanings = {known: self.symbols[known].said for known in among if not self.is_constant(known)}
        return unknown_name(f"{kind} in {self.model}", name, [*meanings, *also], nearest(name, meanings))

    def require_settable(self, name: str, also: Iterable[str] = ()) -> Symbol:
        """Symbol by id, refused when a user may not set it; `also` are names that are known beside them."""
        symbol = self.symbols.get(name)
        if symbol is None or symbol.kind is Kind.FLUX:
            raise self.unknown("parameter", name, self.offered(), also)
        if symbol.kind is Kind.CLOCK:
            raise InputError(f"{name} is the time of the last dose of {self.model}: only doses set it")
        if not symbol.settable:
            raise InputError(f"{name} is a {symbol.kind} of {self.model}: the model computes it")
        return symbol

    def parse(self, name: str, text: str | float) -> float:
        """Value of a settable symbol in the model's unit, from a number, 'VALUE UNIT', '10x' or '+20 %'.

        The last two are of the value that the table holds.

        Raises
        ------
        InputError
            When the symbol is unknown or not to be set, the text is no number, the unit does not
            convert, the value is outside its limits, or there is none for a change to be of.
        """
        symbol = self.require_settable(name)
        factor = parse_factor(str(text), symbol.unit, name)
        if factor is not None and math.isnan(symbol.value):
            raise InputError(f"{name}: '{text}' is of a value that {self.model} works out; give a number")
        value = parse_quantity(str(text), symbol.unit, name) if factor is None else factor * symbol.value
        if not math.isfinite(value):
            raise InputError(f"{name}: '{text}' is not a finite number")
        if symbol.within is not None and symbol.within.excludes(value):
            raise InputError(f"{name}: {symbol.must}, not {value:g} {symbol.unit}")
        return value

    def parse_all(self, *changes: Mapping[str, str | float]) -> dict[str, float]:
        """Values of several symbols in the model's units; later ones go over earlier ones and are of them."""
        values: dict[str, float] = {}
        for given in changes:
            table = self.at(values)
            values |= {name: table.parse(name, text) for name, text in given.items()}
        return values

    def at(self, values: Mapping[str, float]) -> SymbolTable:
        """The same symbols with other values of some."""
        changed = {name: replace(self[name], value=value) for name, value in values.items()}
        return replace(self, symbols={**self.symbols, **changed})


def read_symbols(
    path: Path, clock: str | None = None, item: str = "item", other_items: Mapping[str, str] | None = None
) -> SymbolTable:
    """The symbols of an SBML file, as it is now.

    Parameters
    ----------
    clock
        The parameter with the time of the last dose.
    item, other_items
        What an item is, in the units of all symbols and of some: names of ``units.COUNTED``.

    Raises
    ------
    InputError
        When the file is missing, no model is in it, the clock is no parameter in the unit of time that
        starts at 0, or there is no symbol that `other_items` names.
    """
    try:
        table = _symbols(path.read_text(encoding="utf-8"), item, tuple((other_items or {}).items()))
    except (OSError, UnicodeDecodeError):
        table = None
    if table is None:
        raise InputError(f"{path}: missing, or no model in it; run: cart build")
    return table if clock is None else _with_clock(table, clock)


@lru_cache(maxsize=64)
def _symbols(sbml: str, item: str, others: tuple[tuple[str, str], ...]) -> SymbolTable | None:
    """Symbols of a model, kept by its text; None when there is no model in it."""
    model = libsbml.readSBMLFromString(sbml).getModel()
    if model is None:
        return None
    symbols = {
        s.id: s for s in (*_compartments(model), *_species(model), *_parameters(model), *_fluxes(model))
    }
    of_symbol = dict(others)
    for name in of_symbol:
        if name not in symbols:
            raise unknown_name(f"symbol in {model.getId()}", name, symbols)
    counted = {
        name: replace(symbol, unit=counting(symbol.unit, of_symbol.get(name, item)))
        for name, symbol in symbols.items()
    }
    return SymbolTable(model.getId(), unit_of(model, model.getTimeUnits()), counted)


def _with_clock(table: SymbolTable, clock: str) -> SymbolTable:
    """The same symbols, one of them a clock."""
    symbol = table.symbols.get(clock)
    if symbol is None or symbol.kind is not Kind.PARAMETER or symbol.value != 0:
        raise InputError(f"{table.model}: the clock {clock} must be a parameter with the value 0")
    if symbol.unit != table.time_unit:
        raise InputError(f"{table.model}: the clock {clock} must be in {table.time_unit}, not {symbol.unit}")
    return replace(table, symbols={**table.symbols, clock: replace(symbol, kind=Kind.CLOCK)})


def _compartments(model: libsbml.Model) -> Iterator[Symbol]:
    for element in model.getListOfCompartments():
        unit = unit_of(model, element.getUnits() or model.getVolumeUnits())
        kind = _kind(model, element, Kind.COMPARTMENT)
        yield Symbol(element.getId(), description(element), unit, kind, element.getSize())


def _kind(model: libsbml.Model, element: libsbml.SBase, without: Kind) -> Kind:
    """Kind of a compartment or a parameter, by its rule; `without` one, that."""
    rule = model.getRuleByVariable(element.getId())
    if rule is None:
        return without
    return Kind.STATE if rule.isRate() else Kind.RULE


def _species(model: libsbml.Model) -> Iterator[Symbol]:
    for element in model.getListOfSpecies():
        unit = unit_of(model, element.getSubstanceUnits() or model.getSubstanceUnits())
        yield Symbol(element.getId(), description(element), unit, Kind.SPECIES, element.getInitialAmount())


def _parameters(model: libsbml.Model) -> Iterator[Symbol]:
    for element in model.getListOfParameters():
        kind = _kind(model, element, Kind.PARAMETER)
        unit = unit_of(model, element.getUnits())
        yield Symbol(element.getId(), description(element), unit, kind, element.getValue())


def _fluxes(model: libsbml.Model) -> Iterator[Symbol]:
    extent, time = (unit_of(model, unit) for unit in (model.getExtentUnits(), model.getTimeUnits()))
    for element in model.getListOfReactions():
        unit = f"{extent}/{time}" if extent and time else ""
        yield Symbol(element.getId(), description(element), unit, Kind.FLUX, math.nan)
        for reference in (*element.getListOfReactants(), *element.getListOfProducts()):
            if reference.isSetId():
                about = reference.getId(), description(reference)
                yield Symbol(*about, "dimensionless", Kind.STOICHIOMETRY, reference.getStoichiometry())


def description(element: libsbml.SBase) -> str:
    """Description of an element: its notes as plain text, or its name when it has no notes."""
    text = " ".join(re.sub(r"<[^>]+>", " ", element.getNotesString()).split())
    return html.unescape(text) or element.getName()

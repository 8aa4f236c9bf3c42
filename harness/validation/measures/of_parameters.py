"""Measures of parameters alone: arithmetic that the article does in its text."""

from __future__ import annotations

import math
import tokenize
from collections.abc import Mapping
from typing import Any, Literal

import pint
from pydantic import field_validator

from harness.errors import InputError, unknown_name
from harness.models.catalog import select
from harness.models.units import parse_quantity, registry
from harness.studies.outcome import StudyDeclaration
from harness.validation.curves import Curve, Evidence
from harness.validation.measures.base import Measure

__all__ = ["Formula"]


class Formula(Measure):
    """A formula of parameters with their units, such as ``ln2 / K`` with K = clinical.K_exp_max.

    `symbols` gives each name as MODEL.PARAMETER or MODEL.READING.PARAMETER; `ln2` is known. It can be held
    against a statement of the article, which its table may contradict; not against itself, and not where a
    reading sets the parameter so that the statement holds.
    """

    kind: Literal["formula"]
    formula: str
    symbols: dict[str, str]
    unit: str

    @field_validator("symbols")
    @classmethod
    def _places_have_a_form(cls, value: dict[str, str]) -> dict[str, str]:
        for place in value.values():
            if place.count(".") not in (1, 2):
                raise ValueError(f"'{place}': write MODEL.PARAMETER or MODEL.READING.PARAMETER")
        return value

    def check(self, curves: Mapping[str, Curve], studies: Mapping[str, StudyDeclaration]) -> None:  # noqa: ARG002 - one form of all measures
        self._value()

    def fixed_by(self, evidence: str, studies: Mapping[str, StudyDeclaration]) -> str:  # noqa: ARG002 - one form of all measures
        if evidence != "text":
            return "it is arithmetic of parameters, held against no statement of the article"
        if any(place.count(".") == 2 for place in self.symbols.values()):
            return "the reading sets the parameter so that the statement holds"
        return ""

    def score(self, evidence: Evidence) -> float:  # noqa: ARG002 - one form of all measures
        return self._value()

    def _value(self) -> float:
        known: dict[str, Any] = {name: _parameter(place) for name, place in self.symbols.items()}
        try:
            found = registry().parse_expression(self.formula, ln2=math.log(2), **known)
            return float(registry().Quantity(found).to(self.unit).magnitude)
        except pint.UndefinedUnitError as error:
            names = error.unit_names
            name = names if isinstance(names, str) else names[0]
            raise unknown_name("symbol of the formula", name, [*known, "ln2"]) from None
        except (pint.PintError, TypeError, ValueError, tokenize.TokenError) as error:
            raise InputError(f"formula '{self.formula}': {' '.join(str(error).split())}") from None


def _parameter(place: str) -> pint.Quantity:
    model, *reading, name = place.split(".")
    selection = select(model, reading)
    symbol = selection.card.symbols[name]
    value = symbol.value
    if name in selection.changes:
        value = parse_quantity(selection.changes[name], symbol.unit, name)
    return registry().Quantity(value, symbol.unit)

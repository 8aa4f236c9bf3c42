"""Attributes of product and patient that a decision may ask about: a parameter each, with a sensible range.

Promise: attributes.csv as it stands, whose sources say where a range is a choice; a value outside of it is
told, never refused.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError, model_validator

from harness.declarations import Declaration
from harness.errors import InputError
from harness.faults import describe
from harness.models.card import repository
from harness.models.symbols import SymbolTable
from harness.models.units import convert
from harness.reading import parse_texts, read_text

__all__ = ["Attribute", "attributes", "outside"]


class Attribute(Declaration):
    """One row of attributes.csv: what it is and of whom, its parameter, and the ends of its range."""

    attribute: str
    of: str
    parameter: str
    low: float
    high: float
    unit: str
    source: str

    @model_validator(mode="after")
    def _has_a_range_and_a_source(self) -> Attribute:
        if not (0 <= self.low < self.high and self.source):
            raise ValueError("a range from low to high, none of them negative, and its source")
        return self


def attributes() -> dict[str, Attribute]:
    """Rows of attributes.csv by parameter, as it is now."""
    path = repository() / "models_antimony" / "attributes.csv"
    return _attributes(path, read_text(path))


@lru_cache(maxsize=8)
def _attributes(path: Path, text: str) -> dict[str, Attribute]:
    found = {}
    for place, row in enumerate(parse_texts(path, text, tuple(Attribute.model_fields)).to_dict("records"), 1):
        try:
            one = Attribute.model_validate(row)
        except ValidationError as error:
            raise InputError(f"{path}: row {place}: {describe(error, Attribute)}") from None
        found[one.parameter] = one
    return found


def outside(symbols: SymbolTable, name: str, value: float) -> str:
    """What to say of a value, in the unit of a model, outside the range of its attribute; or nothing."""
    known = attributes().get(name)
    if known is None:
        return ""
    low, high = (convert(end, known.unit, symbols[name].unit, name) for end in (known.low, known.high))
    if low * (1 - 1e-9) <= value <= high * (1 + 1e-9):
        return ""
    return (
        f"{name}: {value:.4g} {symbols[name].unit} is outside {low:.4g} to {high:.4g}, the range of "
        f"{known.attribute} ({known.source})"
    )

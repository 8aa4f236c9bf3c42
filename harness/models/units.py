"""Units at the border: what a user writes, and what an SBML file declares, as pint units.

Promise: a value given with a unit is converted to the model's unit or refused; a value without one is in
the model's unit already. Cells, complexes and transgene copies are counted in `item`, a dimension of its own
with the aliases in `COUNTED`; a model declares which of them it counts, and its units say so. Molecules per
cell are item/item, dimensionless; ``670 1/cell`` is accepted for them.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING

import libsbml

from harness.errors import InputError
from harness.reading import BLANK, NUMBER

if TYPE_CHECKING:
    import pint

__all__ = [
    "COUNTED",
    "convert",
    "counting",
    "is_conversion",
    "parse_factor",
    "parse_quantity",
    "readable",
    "registry",
    "require_time_unit",
    "require_unit",
    "unit_of",
]

COUNTED = {"item": "item", "cell": "cells", "copy": "copies", "complex": "complexes", "molecule": "molecules"}
"""What an item can be, one and several of them."""

_QUANTITY = re.compile(rf"[{BLANK}]*({NUMBER})[{BLANK}]*(.*)", re.DOTALL)
_CHANGE = re.compile(
    rf"[{BLANK}]*(?:({NUMBER})[{BLANK}]*x|(?=[+-])({NUMBER})[{BLANK}]*(?:%|percent))[{BLANK}]*"
)
_SHORT = {"litre": "L", "gram": "g", "second": "s", "metre": "m", "mole": "mol", "item": "item"}


@cache
def registry() -> pint.UnitRegistry:
    """The one unit registry of the project, which takes half a second: only what converts asks for it."""
    import pint

    units: pint.UnitRegistry = pint.UnitRegistry()
    names = dict.fromkeys(name for pair in COUNTED.items() for name in pair)
    units.define(f"item = [item] = {' = '.join(names)}")
    return units


def counting(unit: str, what: str) -> str:
    """The unit where an item is one of `COUNTED`: ``cells/uL`` for ``item/uL``, ``1/cell`` for ``1/item``."""
    return re.sub(r"(/?)\bitem\b", lambda m: m[1] + (what if m[1] else COUNTED[what]), unit)


def readable(unit: str) -> str:
    """A unit as figures print it."""
    for plain, shown in (("^3", "³"), ("**2", "²"), ("percent", "%"), ("*", "·"), ("ug", "µg"), ("uL", "µL")):
        unit = unit.replace(plain, shown)
    return unit


def parse_quantity(text: str, unit: str, what: str) -> float:
    """Read 'VALUE' or 'VALUE UNIT' and return the value in `unit`.

    Parameters
    ----------
    text
        Such as ``20.304``, ``0.846 1/hour`` or ``2.5e6 cells/mL``.
    unit
        Unit of the model, in pint's syntax.
    what
        What is being set, for the error line.

    Raises
    ------
    InputError
        When there is no finite number, the unit is unknown, or it does not convert to `unit`.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        wanted = f"with or without a unit (here {unit})" if unit else "and here it has no unit"
        raise InputError(f"{what}: '{text}' is not a number, {wanted}")
    value, given = float(match[1]), match[2].strip(BLANK)
    if not math.isfinite(value):
        raise InputError(f"{what}: '{text}' is not a finite number")
    return convert(value, given, unit, what) if given else value


def counts(unit: str) -> bool:
    """Whether a unit counts what comes whole: items, cells, copies."""
    return unit in {*COUNTED, *COUNTED.values()}


def parse_factor(text: str, unit: str, what: str) -> float | None:
    """Read a change as the factor that it is: ``10x`` as 10, ``+20 %`` as 1.2; None for what is no change.

    Raises
    ------
    InputError
        When the factor is negative or not finite, or a percentage could be the value itself, because the
        unit is percent.
    """
    match = _CHANGE.fullmatch(text)
    if match is None:
        return None
    if match[2] and unit == "percent":
        raise InputError(f"{what}: '{text}' may be a value or a change; write it without a sign, or as 1.2x")
    factor = float(match[1]) if match[1] else 1 + float(match[2]) / 100
    if not 0 <= factor < math.inf:
        raise InputError(f"{what}: '{text}' must be finite, and not negative")
    return factor


def convert(value: float, given: str, unit: str, what: str) -> float:
    """Convert `value` from the unit `given` to `unit`; a leading slash reads as one over it."""
    if given == unit:
        return value
    from pint import DimensionalityError

    units = registry()
    source = _parsed(given)
    if source is None:
        raise InputError(f"{what}: '{given}' is not a unit; the model uses {unit or 'none'}")
    if unit == "dimensionless" and source == units.Unit("1/item"):
        return value
    try:
        converted = float(units.Quantity(value, source).to(unit).magnitude)
    except DimensionalityError:
        wanted = unit or "a number without unit, which it is in the model"
        raise InputError(f"{what}: {given} does not convert to {wanted}") from None
    if not math.isfinite(converted):
        raise InputError(f"{what}: {value:g} {given} is not a finite number of {unit}")
    return converted


def _parsed(text: str) -> pint.Unit | None:
    """The unit that a text is."""
    try:
        return registry().Unit(_plain(text))
    except Exception:  # pint raises many kinds for a text that is no unit
        return None


def require_unit(text: str) -> str:
    """The same text, unless it is no unit, which is an InputError."""
    if _parsed(text) is None:
        raise InputError(f"'{text}' is not a unit")
    return text


def require_time_unit(text: str) -> str:
    """As :func:`require_unit`, of time."""
    unit = _parsed(text)
    if unit is None or not unit.is_compatible_with("day"):
        raise InputError(f"'{text}' is not a unit of time")
    return text


def is_conversion(value: float, unit: str) -> bool:
    """Whether a number only turns one unit into another, as 86400 s/day or the items in a mole do."""
    if "/" not in unit:
        return False
    units = registry()
    try:
        given = units.Quantity(value, _plain(unit))
    except Exception:  # pint raises many kinds for a text that is no unit
        return False
    per_mole = given.check(units.Unit("item/mol").dimensionality)
    return per_mole or (given.dimensionless and math.isclose(given.to("").magnitude, 1, rel_tol=1e-9))


_UNIT = re.compile(r"[\w %°·⁰¹²³⁴-⁹⁻*/^().+-]*")
_POWER = re.compile(r"(?:\^|\*\*) *[+-]?[0-9]{1,2}(?:\.[0-9]+)?(?![0-9.⁰¹²³⁴-⁹⁻])(?! *(?:\^|\*\*))")


def _plain(unit: str) -> str:
    """A unit for pint, which works out powers of numbers, however large, and skips hidden characters."""
    rest = _POWER.sub("", unit)
    if len(unit) > 200 or not _UNIT.fullmatch(unit) or "^" in rest or "**" in rest:
        raise ValueError
    if any(float(number) != 1 for number in re.findall(r"(?<![\w.])[0-9.]+", rest)):
        raise ValueError
    return "1" + unit if unit.startswith("/") else unit


def unit_of(model: libsbml.Model, unit_id: str) -> str:
    """Unit of an SBML model, by its id, in pint's syntax (such as ``1/day`` or ``L/mol/s``)."""
    definition = model.getUnitDefinition(unit_id)
    if definition is None:
        return _SHORT.get(unit_id, unit_id)
    parts = [_factor(definition.getUnit(i)) for i in range(definition.getNumUnits())]
    parts = [(name, power) for name, power in parts if name]
    above = [name + (f"^{power:g}" if power != 1 else "") for name, power in parts if power > 0]
    below = [name + (f"^{-power:g}" if power != -1 else "") for name, power in parts if power < 0]
    return "/".join(["*".join(above) or "1", *below]) if parts else "dimensionless"


_NAMED = {
    ("second", 60.0): "min",
    ("second", 3600.0): "hour",
    ("second", 86400.0): "day",
    ("dimensionless", 0.01): "percent",
    ("metre", 1e-3): "mm",
    ("litre", 1e-3): "mL",
    ("litre", 1e-6): "uL",
    ("gram", 1e-3): "mg",
    ("gram", 1e-6): "ug",
    ("gram", 1e-9): "ng",
    ("gram", 1e-12): "pg",
}


def _factor(unit: libsbml.Unit) -> tuple[str, float]:
    """Name and exponent of one factor of a unit definition, with its scale in the name."""
    kind = libsbml.UnitKind_toString(unit.getKind())
    exponent = unit.getExponentAsDouble()
    size = unit.getMultiplier() * 10.0 ** unit.getScale()
    for (named, factor), name in _NAMED.items():
        if kind == named and math.isclose(size, factor, rel_tol=1e-9):
            return name, exponent
    if kind == "dimensionless" and size == 1.0:
        return "", exponent
    short = _SHORT.get(kind, kind)
    return (short if size == 1.0 else f"({size:g}*{short})"), exponent

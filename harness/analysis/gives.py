"""The unit of what an endpoint gives, which stands with its function.

Promise: a function whose unit nobody knows is no endpoint; what it gives is never printed with another unit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from harness.errors import InputError
from harness.models.units import registry

__all__ = ["gives", "unit_given"]

F = TypeVar("F", bound=Callable)


def gives(unit: str, of: str = "") -> Callable[[F], F]:
    """Decorator that says in which unit a function gives its result, such as ``1/{time}``.

    `of` is the unit of the only curves that it means something of: a change in percent. Of a curve without a
    unit nobody knows.

    ``{value}`` and ``{time}`` are the units of the curve that it is given. On a function of one's own,
    ``function.unit = "day"`` does the same; there the curves are several, and ``{time}`` alone is known.
    """

    def with_unit(function: F) -> F:
        vars(function).update({"unit": unit, "of": of} if of else {"unit": unit})
        return function

    return with_unit


def unit_given(what: str, function: Callable, **known: str) -> str:
    """Unit of what a function gives, in pint's syntax; `known` are the units of ``{value}`` and ``{time}``.

    Raises
    ------
    InputError
        When the function says none, or one that is no unit; `what` names it.
    """
    declared = getattr(function, "unit", None)
    if not isinstance(declared, str):
        raise InputError(
            f"endpoint {what}: nothing says in which unit its result is; give the function one, such as"
            f" {function.__name__}.unit = 'day', or 'dimensionless'"
        )
    try:
        unit = declared.format(**{name: unit or "dimensionless" for name, unit in known.items()})
        registry().Unit(unit)
    except Exception:  # a field that is not known, or one of the many kinds that pint raises
        places = " and ".join(f"{{{name}}}" for name in known)
        raise InputError(f"endpoint {what}: its unit '{declared}' is no unit; it may hold {places}") from None
    return unit

"""Pools that can only fall: what is given once, and taken up or decays.

Promise: a species of :func:`only_fall` is made by no reaction, set by no rule and no event, and the rate of
each reaction that takes from it is a formula of itself and of constants that keeps its sign. Once it has all
but vanished it never comes back, but by a dose.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from harness.errors import InputError
from harness.models.mathml import TIME, Expression, read_math, tag

__all__ = ["only_fall"]

SIGNLESS = ("plus", "times", "divide", "power", "exp", "number", "name")


def only_fall(sbml: str) -> frozenset[str]:
    """Ids of the species of a model that can only fall."""
    model = next(child for child in ElementTree.fromstring(sbml) if tag(child) == "model")
    species = {element.get("id", "") for element in _all(model, "listOfSpecies")}
    given = {rule.get("variable", "") for rule in _all(model, "listOfRules")}
    given |= {element.get("variable", "") for element in _all(model, "listOfEvents", "eventAssignment")}
    moving, found = species | given | {TIME}, species - given
    for reaction in _all(model, "listOfReactions"):
        made, taken = (_references(reaction, side) for side in ("listOfProducts", "listOfReactants"))
        found -= {reference.get("species", "") for reference in made}
        for reference in taken:
            name = reference.get("species", "")
            if name in found and (
                reference.get("id") in moving or not _keeps_sign(reaction, moving - {name})
            ):
                found.discard(name)
    return frozenset(found)


def _all(model: ElementTree.Element, what: str, inner: str = "") -> Iterator[ElementTree.Element]:
    """Elements of a list of the model, or those of one tag within them."""
    for child in model:
        if tag(child) == what:
            yield from (e for e in child.iter() if tag(e) == inner) if inner else child


def _references(reaction: ElementTree.Element, side: str) -> list[ElementTree.Element]:
    return [element for child in reaction if tag(child) == side for element in child]


def _keeps_sign(reaction: ElementTree.Element, moving: set[str]) -> bool:
    """Whether the rate of a reaction has one sign for every amount, and nothing of `moving` in it."""
    math = next((e for e in reaction.iter() if tag(e) == "math"), None)
    try:
        return math is not None and _is_signless(read_math(math), moving)
    except InputError:
        return False


def _is_signless(formula: Expression, moving: set[str]) -> bool:
    if formula.operator == "name":
        return formula.value not in moving
    if formula.operator == "number":
        return float(formula.value) >= 0
    return formula.operator in SIGNLESS and all(_is_signless(part, moving) for part in formula.arguments)

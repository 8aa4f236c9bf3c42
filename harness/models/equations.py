"""The equations of a model, read from its SBML text: values at the start, formulas, rates, events in time.

Promise: what :func:`read_equations` returns is the model's mathematics and nothing else: a state for what
reactions or rate rules change, in the meaning that SBML gives its id (an amount, or a concentration). What it
cannot hold is refused in one line, never left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree import ElementTree

from harness.errors import InputError
from harness.models.mathml import Expression, attribute, names, read_math, tag

__all__ = ["Equations", "TimedEvent", "read_equations"]


@dataclass(frozen=True)
class TimedEvent:
    """At `time`, a formula of constants, each id takes the value of its formula; all are read before."""

    time: Expression
    assignments: Mapping[str, Expression]


@dataclass(frozen=True)
class Equations:
    """The mathematics of one model.

    Attributes
    ----------
    constants
        Values that never change, by id.
    initial
        Formula of each state at time 0, of the constants, of other initial values and of `formulas`.
    formulas
        What assignment rules give, in an order in which each needs only those before it.
    rates
        Rate of change of each state per time unit of the model, in the order of the file; 0 for what only an
        initial assignment or an event sets.
    events
        What happens at given times.
    species
        Ids of species.
    volumes
        Compartment of each of those whose id means a concentration.
    """

    model: str
    constants: Mapping[str, float]
    initial: Mapping[str, Expression]
    formulas: Mapping[str, Expression]
    rates: Mapping[str, Expression]
    events: tuple[TimedEvent, ...] = ()
    species: frozenset[str] = frozenset()
    volumes: Mapping[str, str] = field(default_factory=dict)

    def at_start(self) -> dict[str, Expression]:
        """Initial values in terms of constants alone."""
        needed = {**self.formulas, **self.initial}

        def expand(expression: Expression) -> Expression:
            if expression.operator == "name" and expression.value in needed:
                return expand(needed[str(expression.value)])
            return Expression(expression.operator, tuple(map(expand, expression.arguments)), expression.value)

        return {name: expand(formula) for name, formula in self.initial.items()}


def read_equations(sbml: str) -> Equations:
    """Read the equations of an SBML text, Level 2 or 3.

    Raises
    ------
    InputError
        When the text is no SBML, or the model has what plain equations cannot hold (function definitions,
        algebraic rules, events that do not happen at a given time, compartments that change).
    """
    try:
        root = ElementTree.fromstring(sbml)
    except ElementTree.ParseError as error:
        raise InputError(f"not SBML: {error}") from None
    model = next((child for child in root if tag(child) == "model"), None)
    if tag(root) != "sbml" or model is None:
        raise InputError("not SBML: no model in it")
    return _Reader(model).equations()


class _Reader:
    """Reads one model element."""

    def __init__(self, model: ElementTree.Element) -> None:
        self._model = model
        self._id = model.get("id", "model")
        if any(tag(rule) == "algebraicRule" for rule in self._list("Rules")):
            raise InputError(f"{self._id}: an algebraic rule cannot be written as plain equations")
        self._rules = {attribute(rule, "variable"): rule for rule in self._list("Rules")}
        for what in ("FunctionDefinitions", "Constraints"):
            if any(True for _ in self._list(what)):
                raise InputError(f"{self._id}: list of {what} cannot be written as plain equations")

    def equations(self) -> Equations:
        given = {attribute(element, "symbol"): _math(element) for element in self._list("InitialAssignments")}
        events = tuple(self._event(element) for element in self._list("Events"))
        formulas = {v: _math(rule) for v, rule in self._rules.items() if tag(rule) == "assignmentRule"}
        steady = {name for event in events for name in event.assignments} | set(given)
        rates = self._rates(steady - formulas.keys())
        values = dict(self._values())
        missing = [name for name, value in values.items() if value is None and name not in given | formulas]
        if missing:
            raise InputError(f"{self._id}: {', '.join(missing)} has no value")
        known = {name: value for name, value in values.items() if value is not None}
        initial = {name: given[name] if name in given else _number(known[name]) for name in rates}
        constants = {n: v for n, v in known.items() if n not in formulas and n not in rates}
        species = frozenset(attribute(element, "id") for element in self._list("Species"))
        volumes = {
            attribute(element, "id"): attribute(element, "compartment")
            for element in self._list("Species")
            if element.get("hasOnlySubstanceUnits") != "true"
        }
        return Equations(self._id, constants, initial, _ordered(formulas), rates, events, species, volumes)

    def _list(self, what: str) -> Iterator[ElementTree.Element]:
        for child in self._model:
            if tag(child) == f"listOf{what}":
                yield from child

    def _values(self) -> Iterator[tuple[str, float | None]]:
        """Declared value of every symbol, in its own meaning; None where there is none."""
        sizes = {}
        for element in self._list("Compartments"):
            name = attribute(element, "id")
            if name in self._rules:
                raise InputError(f"{self._id}: compartment {name} changes, which plain equations do not hold")
            size = element.get("size")
            sizes[name] = 1.0 if size is None else float(size)
            if not sizes[name] > 0:
                raise InputError(f"{self._id}: compartment {name} has the size {size}; it must be above 0")
            yield name, sizes[name]
        for element in self._list("Species"):
            name, volume = attribute(element, "id"), sizes[attribute(element, "compartment")]
            is_amount = element.get("hasOnlySubstanceUnits") == "true"
            amount, concentration = element.get("initialAmount"), element.get("initialConcentration")
            if amount is not None:
                yield name, float(amount) / (1.0 if is_amount else volume)
            elif concentration is not None:
                yield name, float(concentration) * (volume if is_amount else 1.0)
            else:
                yield name, None
        for element in self._list("Parameters"):
            value = element.get("value")
            yield attribute(element, "id"), None if value is None else float(value)

    def _rates(self, steady: set[str]) -> dict[str, Expression]:
        terms: dict[str, list[tuple[float, Expression]]] = {}
        fixed = {s.get("id") for s in self._list("Species") if s.get("boundaryCondition") == "true"}
        fixed |= {s.get("id") for s in self._list("Species") if s.get("constant") == "true"}
        for reaction in self._list("Reactions"):
            law = next((child for child in reaction if tag(child) == "kineticLaw"), None)
            if law is None:
                raise InputError(f"{self._id}: reaction {reaction.get('id')} has no kinetic law")
            if any(
                tag(child) in ("listOfParameters", "listOfLocalParameters") and len(child) for child in law
            ):
                raise InputError(f"{self._id}: reaction {reaction.get('id')} has parameters of its own")
            formula = _math(law)
            for name, stoichiometry in _participants(reaction):
                if name not in fixed:
                    terms.setdefault(name, []).append((stoichiometry, formula))
        rates = {}
        for element in self._list("Species"):
            name = attribute(element, "id")
            if name in terms:
                rate = _sum(terms[name])
                if element.get("hasOnlySubstanceUnits") != "true":
                    volume = Expression("name", value=attribute(element, "compartment"))
                    rate = Expression("divide", (rate, volume))
                rates[name] = rate
        rates |= {v: _math(rule) for v, rule in self._rules.items() if tag(rule) == "rateRule"}
        return rates | {name: _number(0.0) for name in sorted(steady - rates.keys())}

    def _event(self, element: ElementTree.Element) -> TimedEvent:
        children = {tag(child): child for child in element}
        trigger = _math(children["trigger"])
        timed = trigger.operator == "geq" and trigger.arguments[0].value == "time"
        if not timed or "delay" in children or "priority" in children:
            raise InputError(f"{self._id}: event {element.get('id')} does not happen at a given time")
        given = children["listOfEventAssignments"]
        assignments = {attribute(child, "variable"): _math(child) for child in given}
        return TimedEvent(trigger.arguments[1], assignments)


def _math(element: ElementTree.Element) -> Expression:
    return read_math(next(child for child in element if tag(child) == "math"))


def _number(value: float) -> Expression:
    return Expression("number", value=value)


def _participants(reaction: ElementTree.Element) -> Iterator[tuple[str, float]]:
    """Net stoichiometry of each species of a reaction."""
    net: dict[str, float] = {}
    for child in reaction:
        sign = {"listOfProducts": 1.0, "listOfReactants": -1.0}.get(tag(child), 0.0)
        for reference in child if sign else ():
            if any(tag(inner) == "stoichiometryMath" for inner in reference):
                raise InputError(f"reaction {reaction.get('id')}: its stoichiometry is a formula")
            name = attribute(reference, "species")
            net[name] = net.get(name, 0.0) + sign * float(reference.get("stoichiometry", "1"))
    return ((name, value) for name, value in net.items() if value)


def _sum(terms: Iterable[tuple[float, Expression]]) -> Expression:
    """Sum of kinetic laws by their stoichiometry, a loss as a subtraction."""
    (first, law), *others = terms
    found = _times(abs(first), law) if first > 0 else Expression("minus", (_times(abs(first), law),))
    for stoichiometry, law in others:
        sign = "plus" if stoichiometry > 0 else "minus"
        found = Expression(sign, (found, _times(abs(stoichiometry), law)))
    return found


def _times(size: float, law: Expression) -> Expression:
    return law if size == 1 else Expression("times", (_number(size), law))


def _ordered(formulas: Mapping[str, Expression]) -> dict[str, Expression]:
    """The same formulas, each after those that it reads."""
    ordered: dict[str, Expression] = {}
    waiting = dict(formulas)
    while waiting:
        ready = [name for name, f in waiting.items() if not any(n in waiting for n in names(f))]
        if not ready:
            raise InputError(f"the formulas of {', '.join(waiting)} go round in a circle")
        for name in ready:
            ordered[name] = waiting.pop(name)
    return ordered

"""Formulas as one graph: each value worked out once, and differentiated exactly.

Promise: two formulas that say the same share a node, nodes stand in an order in which each needs only those
before it, and a derivative is a formula that is finite wherever the model itself is smooth: a quotient is
differentiated through its own value, a power not through a division by its base.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.errors import InputError
from harness.models.mathml import COMPARISONS, LOGIC, Expression

__all__ = ["Graph", "Node"]

POWER_SLOPE = "power_slope"
"""Operator of e*x^(e - 1), which is 0 where the power has no finite slope: at 0, for an exponent below 1."""
LOG_OF_BASE = "log_of_base"
"""Operator of ln(x), and 0 for x = 0: what a power needs that is differentiated by its exponent."""


@dataclass(frozen=True)
class Node:
    """An operator and the places of its arguments; `number` and `name` hold a value and an id."""

    operator: str
    arguments: tuple[int, ...] = ()
    value: float | str = ""


class Graph:
    """Formulas of some names, the others being given from outside.

    Parameters
    ----------
    formulas
        What a name stands for, in any order; a name without a formula is a leaf.
    """

    def __init__(self, formulas: Mapping[str, Expression]) -> None:
        self.nodes: list[Node] = []
        self._places: dict[Node, int] = {}
        self._formulas = formulas
        self._named: dict[str, int] = {}
        self._slopes: dict[tuple[int, str], int] = {}
        self._leaves: list[frozenset[str]] = []

    def name(self, name: str) -> int:
        """Place of a name: of its formula, or of the leaf."""
        if name not in self._named:
            formula = self._formulas.get(name)
            self._named[name] = self._node("name", value=name) if formula is None else self.add(formula)
        return self._named[name]

    def add(self, formula: Expression) -> int:
        """Place of a formula."""
        if formula.operator == "name":
            return self.name(str(formula.value))
        if formula.operator == "number":
            return self.number(float(formula.value))
        arguments = [self.add(argument) for argument in formula.arguments]
        if formula.operator in ("plus", "times") or (formula.operator in LOGIC and len(arguments) > 2):
            return self._chain(formula.operator, arguments)
        return self.apply(formula.operator, *arguments)

    def number(self, value: float) -> int:
        return self._node("number", value=float(value))

    def leaves(self, place: int) -> frozenset[str]:
        """Names that a node depends on, time among them."""
        return self._leaves[place]

    def needed(self, places: Iterable[int]) -> list[int]:
        """Nodes that some nodes need, themselves included, each after those that it needs."""
        found: set[int] = set()
        waiting = list(places)
        while waiting:
            place = waiting.pop()
            if place not in found:
                found.add(place)
                waiting += self.nodes[place].arguments
        return sorted(found)

    def is_number(self, place: int, value: float) -> bool:
        node = self.nodes[place]
        return node.operator == "number" and node.value == value

    def apply(self, operator: str, *arguments: int) -> int:
        """Place of an operation, left out where one of its arguments is a 0 or 1 that makes it needless."""
        simple = getattr(self, f"_{operator}", None)
        found = simple(*arguments) if simple else None
        return self._node(operator, arguments) if found is None else found

    def slope(self, place: int, leaf: str) -> int:
        """Place of the derivative of a node by a leaf.

        Raises
        ------
        InputError
            When a function has no derivative here.
        """
        if leaf not in self._leaves[place]:
            return self.number(0.0)
        key = place, leaf
        if key not in self._slopes:
            self._slopes[key] = self._differentiate(self.nodes[place], place, leaf)
        return self._slopes[key]

    def _node(self, operator: str, arguments: tuple[int, ...] = (), value: float | str = "") -> int:
        node = Node(operator, arguments, value)
        if node not in self._places:
            self._places[node] = len(self.nodes)
            self.nodes.append(node)
            own = frozenset({str(value)}) if operator == "name" else frozenset()
            self._leaves.append(own.union(*(self._leaves[a] for a in arguments)))
        return self._places[node]

    def _chain(self, operator: str, arguments: list[int]) -> int:
        """An operation on any number of arguments, as one on two at a time from the left."""
        if not arguments:
            return self.number(0.0 if operator == "plus" else 1.0)
        found = arguments[0]
        for argument in arguments[1:]:
            found = self.apply(operator, found, argument)
        return found

    def _plus(self, a: int, b: int) -> int | None:
        return b if self.is_number(a, 0) else a if self.is_number(b, 0) else None

    def _minus(self, a: int, b: int | None = None) -> int | None:
        if b is None:
            node = self.nodes[a]
            if node.operator == "number":
                return self.number(-float(node.value))
            return node.arguments[0] if node.operator == "minus" and len(node.arguments) == 1 else None
        if self.is_number(a, 0):
            return self.apply("minus", b)
        return a if self.is_number(b, 0) else None

    def _times(self, a: int, b: int) -> int | None:
        if self.is_number(a, 0) or self.is_number(b, 0):
            return self.number(0.0)
        return b if self.is_number(a, 1) else a if self.is_number(b, 1) else None

    def _divide(self, a: int, b: int) -> int | None:
        return a if self.is_number(b, 1) or self.is_number(a, 0) else None

    def _power(self, a: int, b: int) -> int | None:
        return a if self.is_number(b, 1) else None

    def _if(self, condition: int, a: int, b: int) -> int | None:  # noqa: ARG002 - found by its name
        return a if a == b else None

    def _differentiate(self, node: Node, place: int, leaf: str) -> int:
        operator, arguments = node.operator, node.arguments
        if operator == "name":
            return self.number(1.0)
        if operator in COMPARISONS or operator in LOGIC or operator in ("floor", "ceiling"):
            return self.number(0.0)
        slopes = [self.slope(argument, leaf) for argument in arguments]
        if operator in ("plus", "minus"):
            return self.apply(operator, *slopes)
        if operator == "times":
            a, b = arguments
            return self.apply("plus", self.apply("times", slopes[0], b), self.apply("times", a, slopes[1]))
        if operator == "divide":  # (a/b)' = (a' - (a/b) b')/b: the value is shared, and nothing is squared
            lost = self.apply("times", place, slopes[1])
            return self.apply("divide", self.apply("minus", slopes[0], lost), arguments[1])
        if operator == "if":
            return self.apply("if", arguments[0], slopes[1], slopes[2])
        if operator == "power":
            return self._slope_of_power(place, *arguments, *slopes)
        return self.apply("times", self._slope_of_function(operator, place, *arguments), slopes[0])

    def _slope_of_power(self, place: int, base: int, exponent: int, by_base: int, by_exponent: int) -> int:
        through_base = self.apply("times", self.apply(POWER_SLOPE, base, exponent), by_base)
        logarithm = self.apply("times", place, self.apply(LOG_OF_BASE, base))
        return self.apply("plus", through_base, self.apply("times", logarithm, by_exponent))

    def _slope_of_function(self, function: str, place: int, argument: int) -> int:
        def one_and(sign: str, of: int) -> int:
            return self.apply(sign, self.number(1.0), self.apply("times", of, of))

        inverse = "divide", self.number(1.0)
        match function:
            case "exp":
                return place
            case "ln":
                return self.apply(*inverse, argument)
            case "abs":
                zero, one = self.number(0.0), self.number(1.0)
                return self.apply("if", self.apply("geq", argument, zero), one, self.number(-1.0))
            case "sin":
                return self.apply("cos", argument)
            case "cos":
                return self.apply("minus", self.apply("sin", argument))
            case "tan":
                return one_and("plus", place)
            case "arcsin" | "arccos":
                root = self.apply("power", one_and("minus", argument), self.number(0.5))
                found = self.apply(*inverse, root)
                return found if function == "arcsin" else self.apply("minus", found)
            case "arctan":
                return self.apply(*inverse, one_and("plus", argument))
            case "sinh":
                return self.apply("cosh", argument)
            case "cosh":
                return self.apply("sinh", argument)
            case "tanh":
                return one_and("minus", place)
        raise InputError(f"mathematics: {function} has no derivative here")

"""Nodes of a graph of formulas as lines of a kernel.

Promise: a node is worked out once, before what reads it; what follows from the parameters alone is kept in an
array, and an exponential of a sum of logarithms is a product of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.models.graph import LOG_OF_BASE, POWER_SLOPE, Graph
from harness.models.mathml import NUMBA, Expression, write

__all__ = ["Printer", "function_text"]

TINY = 1e-290
"""Amounts below this are no numbers to divide by: digits are lost below 1e-308."""


class Printer:
    """Writes nodes of a graph as lines; what depends on parameters alone is kept in an array.

    Parameters
    ----------
    given
        Text of each leaf.
    store
        Array of what depends on parameters alone; empty to work everything out in place.
    places
        Every node that a function will need.
    logarithms
        Leaves whose exponentials are worked out once each, and those of their sums and differences from
        them, wherever what is divided by is a number: exponentials are most of what the rates cost.
    """

    def __init__(
        self,
        graph: Graph,
        given: Mapping[str, str],
        store: str,
        places: Sequence[int],
        logarithms: frozenset[str] = frozenset(),
    ) -> None:
        self._graph, self._given, self._store = graph, given, store
        self._exponents = self._sums_of(logarithms)
        self._kept: dict[int, int] = {}
        if store:
            outer = [place for place in graph.needed(places) if not self._steady(place)]
            read = {a for place in outer for a in graph.nodes[place].arguments} | set(places)
            for place in sorted(read):
                if self._steady(place) and graph.nodes[place].operator != "number":
                    self._kept[place] = len(self._kept)

    @property
    def kept(self) -> int:
        """How many values are kept."""
        return len(self._kept)

    def value(self, place: int) -> str:
        """Text that reads a node."""
        node = self._graph.nodes[place]
        if node.operator == "number":
            return repr(float(node.value))
        if place in self._kept:
            return f"z[{self._store} + {self._kept[place]}]"
        return self._given[str(node.value)] if node.operator == "name" else f"v{place}"

    def prepare(self, name: str) -> str:
        """Function that fills the array of what is kept."""
        kept, self._kept = self._kept, {}
        lines = [f"z[{self._store} + {i}] = {self.value(place)}" for place, i in kept.items()]
        text = self.function(f"{name}(z)", list(kept), lines)
        self._kept = kept
        return text

    def function(
        self,
        head: str,
        places: Sequence[int],
        stores: Sequence[str],
        last: str = "",
        first: Sequence[str] = (),
    ) -> str:
        """A function that works out some nodes and then stores them."""
        lines, logarithms, exponentials = list(first), set(), set()
        for place in self._needed(places):
            node = self._graph.nodes[place]
            if node.operator == "exp" and node.arguments[0] in self._exponents:
                for leaf in self._exponents[node.arguments[0]]:
                    if leaf not in exponentials:
                        exponentials.add(leaf)
                        lines.append(f"e{leaf} = exp({self.value(leaf)})")
            if node.operator in ("power", POWER_SLOPE, LOG_OF_BASE):
                base = node.arguments[0]
                if self._whole(place) is None and base not in logarithms:
                    logarithms.add(base)
                    lines.append(f"l{base} = log({self.value(base)})")
            lines.append(f"v{place} = {self._operation(place)}")
        return function_text(head, [*lines, *stores, *([last] if last else [])] or ["pass"])

    def _steady(self, place: int) -> bool:
        return all(self._given[leaf].startswith("z[PARAMETERS") for leaf in self._graph.leaves(place))

    def _needed(self, places: Sequence[int]) -> list[int]:
        """Nodes to be worked out, not beyond those that are kept."""
        found: set[int] = set()
        waiting = list(places)
        while waiting:
            place = waiting.pop()
            node = self._graph.nodes[place]
            if place in found or place in self._kept or node.operator in ("name", "number"):
                continue
            found.add(place)
            waiting += node.arguments
        return sorted(found)

    def _sums_of(self, leaves: frozenset[str]) -> dict[int, dict[int, int]]:
        """Nodes that are sums and differences of some leaves; of each, how often every leaf counts."""
        found: dict[int, dict[int, int]] = {}
        for place, node in enumerate(self._graph.nodes):
            if node.operator == "name" and node.value in leaves:
                found[place] = {place: 1}
            elif node.operator in ("plus", "minus") and all(a in found for a in node.arguments):
                total: dict[int, int] = {}
                for i, argument in enumerate(node.arguments):
                    sign = -1 if node.operator == "minus" and i == len(node.arguments) - 1 else 1
                    for leaf, times in found[argument].items():
                        total[leaf] = total.get(leaf, 0) + sign * times
                found[place] = total
        return found

    def _whole(self, place: int) -> int | None:
        """Exponent of a power that is a small whole number."""
        node = self._graph.nodes[place]
        exponent = self._graph.nodes[node.arguments[1]] if node.operator == "power" else None
        if exponent is not None and exponent.operator == "number" and exponent.value in (2.0, 3.0, 4.0):
            return int(exponent.value)
        return None

    def _operation(self, place: int) -> str:
        node = self._graph.nodes[place]
        whole = self._whole(place)
        if whole is not None:
            return "*".join([self.value(node.arguments[0])] * whole)
        if node.operator in ("power", POWER_SLOPE):
            base, exponent = node.arguments
            return f"{node.operator}({self.value(base)}, l{base}, {self.value(exponent)})"
        if node.operator == "exp" and node.arguments[0] in self._exponents:
            counts = self._exponents[node.arguments[0]]
            below = [f"e{leaf}" for leaf, times in counts.items() for _ in range(-times)]
            above = [f"e{leaf}" for leaf, times in counts.items() for _ in range(times)]
            product = "*".join(above) or "1.0"
            if not below:
                return product
            divisor = "*".join(below)
            return f"{product}/({divisor}) if {divisor} > {TINY!r} else exp({self.value(node.arguments[0])})"
        if node.operator == LOG_OF_BASE:
            base = node.arguments[0]
            return f"l{base} if {self.value(base)} > 0.0 else 0.0"
        arguments = tuple(Expression("name", value=self.value(a)) for a in node.arguments)
        return write(Expression(node.operator, arguments), NUMBA)


def function_text(head: str, lines: Sequence[str]) -> str:
    """A compiled function of some lines."""
    return f"@compiled\ndef {head}:\n" + "".join(f"    {line}\n" for line in lines) + "\n\n"

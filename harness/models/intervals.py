"""Formulas over intervals: between which bounds a formula stays while time runs through an interval.

Promise: the bounds that :class:`Bounds` gives hold what the formula takes anywhere in the interval, up to
rounding, for many intervals at once. A truth is 0 or 1, and its bounds are both where it is not the same
throughout. A formula without a value somewhere in an interval has no bounds there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from types import MappingProxyType

import numpy as np

from harness.models.mathml import COMPARISONS, TIME, Expression

__all__ = ["Bounds"]

Pair = tuple[np.ndarray, np.ndarray]
"""Lower and upper bounds, one an interval."""


class Bounds:
    """Bounds of formulas over intervals of time.

    Parameters
    ----------
    low, high
        Ends of the intervals, shape (n,).
    values
        Values that stay as they are, by id.
    formulas
        What other ids stand for.
    ranges
        Ends of what further values lie between, by id.
    """

    def __init__(
        self,
        low: np.ndarray,
        high: np.ndarray,
        values: Mapping[str, float],
        formulas: Mapping[str, Expression],
        ranges: Mapping[str, tuple[float, float]] = MappingProxyType({}),
    ) -> None:
        self._named: dict[str, Pair] = {TIME: (low, high)}
        self._values = values
        self._formulas = formulas
        for name, (least, most) in ranges.items():
            self._named[name] = (np.full(low.shape, least), np.full(low.shape, most))

    def of(self, formula: Expression) -> Pair:
        """Bounds of a formula, shape (n,) each; infinite where there are none."""
        if formula.operator == "name":
            return self._name(str(formula.value))
        if formula.operator == "number":
            return self._constant(float(formula.value))
        with np.errstate(all="ignore"):
            low, high = self._apply(formula.operator, [self.of(a) for a in formula.arguments])
        unknown = np.isnan(low) | np.isnan(high)
        return np.where(unknown, -np.inf, low), np.where(unknown, np.inf, high)

    def _name(self, name: str) -> Pair:
        if name not in self._named:
            formula = self._formulas.get(name)
            self._named[name] = self._constant(self._values[name]) if formula is None else self.of(formula)
        return self._named[name]

    def _constant(self, value: float) -> Pair:
        array = np.full(self._named[TIME][0].shape, value)
        return array, array

    def _apply(self, operator: str, given: list[Pair]) -> Pair:
        if operator in ("plus", "times"):
            found = self._constant(0.0 if operator == "plus" else 1.0)
            for pair in given:
                found = _plus(found, pair) if operator == "plus" else _times(found, pair)
            return found
        if operator in COMPARISONS:
            return self._chain(operator, given)
        if operator == "minus" and len(given) == 1:
            return -given[0][1], -given[0][0]
        if operator == "if":
            return _choice(*given)
        return APPLIED[operator](*given)

    def _chain(self, operator: str, given: list[Pair]) -> Pair:
        """A comparison of two formulas or more, each with the next."""
        found = self._constant(1.0)
        for left, right in pairwise(given):
            found = _all(found, COMPARED[operator](left, right))
        return found


def _plus(a: Pair, b: Pair) -> Pair:
    return a[0] + b[0], a[1] + b[1]


def _minus(a: Pair, b: Pair) -> Pair:
    return a[0] - b[1], a[1] - b[0]


def _times(a: Pair, b: Pair) -> Pair:
    return _hull(a[0] * b[0], a[0] * b[1], a[1] * b[0], a[1] * b[1])


def _divide(a: Pair, b: Pair) -> Pair:
    low, high = _hull(a[0] / b[0], a[0] / b[1], a[1] / b[0], a[1] / b[1])
    pole = (b[0] <= 0) & (b[1] >= 0)
    return np.where(pole, np.nan, low), np.where(pole, np.nan, high)


def _power(a: Pair, b: Pair) -> Pair:
    """A power: of a base that is not negative, or with a whole exponent."""
    low, high = _hull(a[0] ** b[0], a[0] ** b[1], a[1] ** b[0], a[1] ** b[1])
    through = (a[0] < 0) & (a[1] > 0)
    whole = (b[0] == b[1]) & (b[0] == np.round(b[0])) & (b[0] > 0)
    low = np.where(through, np.where(whole, np.minimum(low, 0.0), np.nan), low)
    return low, np.where((a[0] <= 0) & (b[0] <= 0) & (a[1] >= 0), np.nan, high)


def _hull(*corners: np.ndarray) -> Pair:
    return np.min(corners, axis=0), np.max(corners, axis=0)


def _choice(condition: Pair, yes: Pair, no: Pair) -> Pair:
    low = np.where(condition[0] > 0, yes[0], np.where(condition[1] <= 0, no[0], np.minimum(yes[0], no[0])))
    high = np.where(condition[0] > 0, yes[1], np.where(condition[1] <= 0, no[1], np.maximum(yes[1], no[1])))
    return low, high


def _all(*given: Pair) -> Pair:
    truths = [(low > 0, high > 0) for low, high in map(_truth, given)]
    return np.all([t[0] for t in truths], axis=0) * 1.0, np.all([t[1] for t in truths], axis=0) * 1.0


def _any(*given: Pair) -> Pair:
    return _not(_all(*map(_not, given)))


def _not(a: Pair) -> Pair:
    low, high = _truth(a)
    return 1.0 - high, 1.0 - low


def _truth(a: Pair) -> Pair:
    """Bounds of a number as a truth, which 0 alone is not."""
    without = (a[0] > 0) | (a[1] < 0)
    return without * 1.0, ((a[0] != 0) | (a[1] != 0)) * 1.0


def _less(a: Pair, b: Pair) -> Pair:
    return (a[1] < b[0]) * 1.0, (a[0] < b[1]) * 1.0


def _equal(a: Pair, b: Pair) -> Pair:
    same = (a[0] == a[1]) & (b[0] == b[1]) & (a[0] == b[0])
    return same * 1.0, ((a[0] <= b[1]) & (b[0] <= a[1])) * 1.0


def _absolute(a: Pair) -> Pair:
    low, high = np.abs(a[0]), np.abs(a[1])
    return np.where((a[0] < 0) & (a[1] > 0), 0.0, np.minimum(low, high)), np.maximum(low, high)


def _wave(function: Callable[[np.ndarray], np.ndarray], top: float) -> Callable[[Pair], Pair]:
    """Sine or cosine: 1 at its tops, a whole turn apart, and -1 half a turn behind each."""

    def bounds(a: Pair) -> Pair:
        low, high = _hull(function(a[0]), function(a[1]))
        turn = 2 * np.pi
        reached = [np.ceil((a[0] - at) / turn) * turn + at <= a[1] for at in (top, top + np.pi)]
        return np.where(reached[1], -1.0, low), np.where(reached[0], 1.0, high)

    return bounds


_sine, _cosine = _wave(np.sin, np.pi / 2), _wave(np.cos, 0.0)


def _tangent(a: Pair) -> Pair:
    """The tangent, which rises between two poles."""
    low, high = np.tan(a[0]), np.tan(a[1])
    pole = np.ceil(a[0] / np.pi - 0.5) <= a[1] / np.pi - 0.5
    return np.where(pole, np.nan, low), np.where(pole, np.nan, high)


def _bowl(a: Pair) -> Pair:
    low, high = _absolute(a)
    return np.cosh(low), np.cosh(high)


def _rising(function: Callable[[np.ndarray], np.ndarray]) -> Callable[[Pair], Pair]:
    return lambda a: (function(a[0]), function(a[1]))


COMPARED: Mapping[str, Callable[[Pair, Pair], Pair]] = {
    "lt": _less,
    "gt": lambda a, b: _less(b, a),
    "leq": lambda a, b: _not(_less(b, a)),
    "geq": lambda a, b: _not(_less(a, b)),
    "eq": _equal,
    "neq": lambda a, b: _not(_equal(a, b)),
}
RISING = {
    "exp": np.exp, "ln": np.log, "floor": np.floor, "ceiling": np.ceil, "arcsin": np.arcsin,
    "arctan": np.arctan, "sinh": np.sinh, "tanh": np.tanh,
}  # fmt: skip
APPLIED: Mapping[str, Callable[..., Pair]] = {
    "minus": _minus,
    "divide": _divide,
    "power": _power,
    "and": _all,
    "or": _any,
    "not": _not,
    "abs": _absolute,
    "sin": _sine,
    "cos": _cosine,
    "tan": _tangent,
    "arccos": lambda a: (np.arccos(a[1]), np.arccos(a[0])),
    "cosh": _bowl,
    **{name: _rising(function) for name, function in RISING.items()},
}

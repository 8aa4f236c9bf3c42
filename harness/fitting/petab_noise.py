"""Noise of a PEtab problem: formulas as sizes of errors.

Promise: the standard deviation is that of the formula, whatever the parameters are, or the formula is refused
in one line. With y the observable and a, b sums of products of numbers and parameters it can be a, b y,
a + b y, or the root of a^2 + b^2 y^2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from harness.errors import InputError
from harness.fitting.petab_files import texts_of
from harness.fitting.petab_model import place_names
from harness.fitting.prepared import ErrorSizes
from harness.fitting.sizes import Size

if TYPE_CHECKING:
    from petab.v1 import Problem

__all__ = ["LN_10", "Noise", "noises_of"]

LN_10 = float(np.log(10))

Terms = tuple[tuple[float, tuple[str, ...]], ...]
"""A sum of products of a number and parameters, which may stand there more than once."""


@dataclass(frozen=True)
class Noise:
    """The standard deviation of an observable: `additive`, `relative` times the observable, or both; with
    `straight` their sum, else the root of the sum of their squares. `unit` is 1, or ln 10 of a decadic scale.
    """

    observable: str
    logarithmic: bool
    additive: Terms
    relative: Terms
    straight: bool
    unit: float
    reference: float

    @property
    def parameters(self) -> set[str]:
        """Parameters of the problem that have a part in it."""
        return {name for _, names in (*self.additive, *self.relative) for name in names}

    def sizes(self, places: Sequence[str], given: Mapping[str, float]) -> ErrorSizes:
        """As sizes of the coordinates at their places, and of what is given."""
        additive, relative = (
            _size(terms, self.unit, places, given) for terms in (self.additive, self.relative)
        )
        if self.logarithmic:
            additive, relative = Size(), additive
        return ErrorSizes(
            self.observable, self.logarithmic, additive, relative, self.reference, self.straight
        )


def noises_of(path: Path, problem: Problem) -> dict[tuple[str, str], Noise]:
    """Noise of each observable, by its name and noise parameters as the rows have them.

    Raises
    ------
    InputError
        When a formula is none of those that are understood, or its parameters differ by condition.
    """
    measured = problem.measurement_df
    every = pd.DataFrame({"of": measured["observableId"], "given": texts_of(measured, "noiseParameters")})
    found = {}
    for row in every.drop_duplicates().itertuples():
        formula = str(problem.observable_df["noiseFormula"][row.of])
        filled = place_names(path, formula, f"noiseParameter{{}}_{row.of}", row.given)
        found[str(row.of), row.given] = _noise(path, problem, str(row.of), filled)
    return found


def _noise(path: Path, problem: Problem, name: str, formula: str) -> Noise:
    what = f"{path}: {name}: noise '{formula}'"
    seen = str(problem.observable_df["observableFormula"][name])
    additive, relative, straight = _parts(what, re.sub(rf"\b{name}\b", f"({seen})", formula), seen)
    transformation = texts_of(problem.observable_df, "observableTransformation")[name]
    logarithmic = transformation in ("log", "log10")
    if relative and logarithmic:
        raise InputError(f"{what} of the observable on a logarithmic scale")
    largest = (
        problem.measurement_df["measurement"][problem.measurement_df["observableId"] == name].abs().max()
    )
    noise = Noise(
        name, logarithmic, additive, relative, straight,
        LN_10 if transformation == "log10" else 1.0, 1.0 if logarithmic else float(largest) or 1.0,
    )  # fmt: skip
    declared = problem.parameter_df
    for parameter in sorted(noise.parameters):
        if parameter not in declared.index:
            raise InputError(f"{what} holds {parameter}, which is no parameter; {UNDERSTOOD}")
        if parameter in problem.condition_df.columns:
            raise InputError(f"{what} differs by condition, which is not supported")
    nominal = declared["nominalValue"].astype(float).to_dict()
    sizes = noise.sizes((), nominal)
    parts = [size.at(np.empty(0)) for size in (sizes.additive, sizes.relative)]
    if not (min(parts) >= 0 and 0 < max(parts) < np.inf):
        raise InputError(f"{what} must be positive")
    return noise


UNDERSTOOD = "a, b y, a + b y and sqrt(a^2 + b^2 y^2) are understood, with a and b of numbers and parameters"


def _parts(what: str, formula: str, observable: str) -> tuple[Terms, Terms, bool]:
    """What is added, what is times the observable, and whether these are added up as they are."""
    import sympy
    from petab.v1.math import sympify_petab

    try:
        read, seen = (sympy.nsimplify(sympify_petab(each), rational=True) for each in (formula, observable))
    except Exception:  # it raises many kinds for what is no formula
        raise InputError(f"{what} is no formula") from None
    positive = {symbol: sympy.Symbol(str(symbol), positive=True) for symbol in read.free_symbols}
    y = sympy.Symbol("y", positive=True)
    of_y = read.subs(seen, y) if seen.free_symbols else read
    if (
        of_y.free_symbols & seen.free_symbols
        and not (read / seen).simplify().free_symbols & seen.free_symbols
    ):
        of_y = (read / seen).simplify() * y
    of_y = of_y.subs(positive)
    straight = not (of_y.is_Pow and of_y.exp == sympy.Rational(1, 2))
    try:
        powers = sympy.Poly(sympy.expand(of_y if straight else of_y.base), y).all_coeffs()[::-1]
        if len(powers) > (2 if straight else 3) or not (straight or len(powers) < 2 or powers[1] == 0):
            raise ValueError(formula)
        parts = [*powers, 0, 0][:2] if straight else [sympy.sqrt(part) for part in [*powers, 0, 0][:3:2]]
        additive, relative = (_terms(sympy.expand(part)) for part in parts)
    except (sympy.PolynomialError, ValueError):
        raise InputError(f"{what} is not supported; {UNDERSTOOD}") from None
    return additive, relative, straight and bool(additive and relative)


def _terms(part: Any) -> Terms:
    """A sum of products.

    Raises
    ------
    ValueError
        When it is none.
    """
    import sympy

    found = []
    for term in sympy.Add.make_args(part):
        factor, rest = term.as_coeff_Mul()
        number = float(factor)
        names: list[str] = []
        for base, exponent in rest.as_powers_dict().items():
            if base.is_Symbol and exponent.is_Integer and exponent > 0:
                names += [str(base)] * int(exponent)
            elif (base**exponent).is_number:
                number *= float(base**exponent)
            else:
                raise ValueError(str(part))
        if number:
            found.append((number, tuple(names)))
    return tuple(found)


def _size(terms: Terms, unit: float, places: Sequence[str], given: Mapping[str, float]) -> Size:
    sizes = []
    for number, names in terms:
        factor = unit * number * float(np.prod([given[name] for name in names if name not in places]))
        own = tuple(places.index(name) for name in names if name in places)
        sizes.append(Size(place=own[0], factor=factor, times=own[1:]) if own else Size(factor))
    if not sizes:
        return Size()
    first, *others = sizes
    return Size(first.value, first.place, first.factor, first.times, tuple(others))

"""Covariates on parameters, and parameters that change with time, subject by subject.

Promise: a parameter P with covariates is P (WT/reference)^b, P (1 + b (AGE - reference)), or P b for a level
of a category, the same in every engine and export, because the model itself is rewritten so
(harness.models.individual). What changes with time holds from its time on, and the integration stops there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from pydantic import Field, model_validator

from harness.declarations import Declaration
from harness.errors import InputError
from harness.fitting.prepared import Coordinate
from harness.models.individual import change_time, course_value, with_courses, with_factors
from harness.models.solver_form import to_solver_form
from harness.models.symbols import SymbolTable
from harness.models.units import parse_quantity
from harness.reading import parse_number
from harness.simulation.program import Program

__all__ = ["Coefficient", "Course", "Covariate", "Covariates", "coefficient_coordinates", "individualised"]

Course = dict[str, str]
"""What holds from each time on, as 'VALUE UNIT' by 'TIME UNIT'; the first is from 0 on."""


class Coefficient(Declaration):
    """A coefficient to estimate between bounds; without effect at the start unless that is given."""

    low: float
    high: float
    start: float | None = None

    @model_validator(mode="after")
    def _its_bounds_hold_its_start(self) -> Coefficient:
        if not self.low < self.high:
            raise ValueError(f"bounds {self.low:g} to {self.high:g} are empty")
        return self


class Covariate(Declaration):
    """How one covariate acts on one parameter: an exponent, a slope, or a factor for each other level.

    A coefficient is a number that is given, or has bounds. `reference` is the value, or level, at which there
    is no effect.
    """

    reference: str
    power: Coefficient | float | None = None
    linear: Coefficient | float | None = None
    factors: dict[str, Coefficient | float] = Field(default={}, min_length=0)

    @model_validator(mode="after")
    def _acts_in_one_way(self) -> Covariate:
        if sum((self.power is not None, self.linear is not None, bool(self.factors))) != 1:
            raise ValueError("a covariate acts by power, linear or factors; give one of them")
        number = parse_number(self.reference)
        if not self.factors and not math.isfinite(number):
            raise ValueError(f"reference '{self.reference}' is not a number")
        if self.power is not None and number <= 0:
            raise ValueError("reference: must be positive for a power")
        for level, factor in self.factors.items():
            lowest = factor.low if isinstance(factor, Coefficient) else factor
            if lowest <= 0:
                raise ValueError(f"factor of {level}: must be positive")
            if level == self.reference or not re.fullmatch(r"\w+", level):
                raise ValueError(
                    f"level {level}: is the reference, or has other signs than letters and digits"
                )
        return self

    def coefficients(self, name: str) -> dict[str, Coefficient | float]:
        """Coefficients by their names, which begin with those of parameter and covariate."""
        if self.factors:
            return {f"{name}_{level}": factor for level, factor in self.factors.items()}
        given = self.linear if self.power is None else self.power
        return {} if given is None else {name: given}

    def formula(self, covariate: str, name: str) -> str:
        """The factor of the parameter, as a formula."""
        if self.factors:
            return " * ".join(f"{name}_{level}^{covariate}_{level}" for level in self.factors)
        if self.power is not None:
            return f"({covariate}/{self.reference})^{name}"
        return f"(1 + {name} * ({covariate} - ({self.reference})))"

    def fault(self, text: str) -> str:
        """What is wrong with a value of the covariate; empty for one that can be."""
        if self.factors:
            known = (self.reference, *self.factors)
            return "" if text in known else f"is none of its levels: {', '.join(known)}"
        value = parse_number(text)
        if math.isfinite(value) and (self.power is None or value > 0):
            return ""
        return f"must be a {'positive ' * (self.power is not None)}number"

    def quantities(self, covariate: str, text: str) -> dict[str, float]:
        """What the model knows the value of a covariate by: itself, or 1 for its level and 0 for others."""
        fault = self.fault(text)
        if fault:
            raise InputError(f"{covariate} '{text}': {fault}")
        if self.factors:
            return {f"{covariate}_{level}": float(level == text) for level in self.factors}
        return {covariate: parse_number(text)}


Covariates = dict[str, dict[str, Covariate]]
"""Covariates of each parameter, by name."""


def coefficient_coordinates(covariates: Covariates) -> tuple[Coordinate, ...]:
    """Coordinates of the coefficients that are estimated, in their order.

    Raises
    ------
    InputError
        When one starts outside its bounds.
    """
    found = []
    for parameter, name, covariate in _each(covariates):
        neutral = 1.0 if covariate.factors else 0.0
        for coefficient, given in covariate.coefficients(f"{parameter}_{name}").items():
            if isinstance(given, Coefficient):
                start = neutral if given.start is None else given.start
                if not given.low <= start <= given.high:
                    raise InputError(
                        f"{coefficient}: starts at {start:g}, outside {given.low:g} to {given.high:g}"
                    )
                log = bool(covariate.factors)
                found.append(
                    Coordinate(
                        coefficient, "dimensionless", "parameter", log, given.low, given.high, start, neutral
                    )
                )
    return tuple(found)


def individualised(
    program: Program,
    symbols: SymbolTable,
    covariates: Covariates,
    courses: Mapping[str, tuple[Mapping[str, str | Course], Mapping[str, Course]]],
    fixed: Mapping[str, Mapping[str, float]],
    free: Sequence[str],
) -> tuple[Program, dict[str, dict[str, float]]]:
    """A model in which arms differ by covariates and by what changes with time, and what each arm sets in it.

    Parameters
    ----------
    courses
        Covariates of each arm, and those of its parameters that change with time.
    fixed
        What each arm sets otherwise, in the model's units.
    free
        Parameters that are fitted.

    Raises
    ------
    InputError
        When a name, a time or a value makes no sense, or an arm lacks a covariate.
    """
    values = {
        arm: {**_covariates_of(arm, of, covariates, symbols), **_over_time(arm, over, symbols, free)}
        for arm, (of, over) in courses.items()
    }
    names = {name: None for given in values.values() for name in given}
    _require_somebody(covariates, values)
    if not names and not covariates:
        return program, {arm: dict(given) for arm, given in fixed.items()}
    for arm, given in values.items():
        for name in names:
            if name not in given:
                given[name] = {0.0: fixed[arm].get(name, symbols[name].value)}
    changes = {name: max(len(given[name]) for given in values.values()) - 1 for name in names}
    changing = {name: count for name, count in changes.items() if count}
    given_coefficients = {
        name: float(value)
        for parameter, covariate, of in _each(covariates)
        for name, value in of.coefficients(f"{parameter}_{covariate}").items()
        if not isinstance(value, Coefficient)
    }
    try:
        over = {name for _, others in courses.values() for name in others}
        plain = _with_factors(program.plain_sbml, covariates, [name for name in names if name not in over])
        plain = with_courses(plain, changing)
        program = replace(
            program, plain_sbml=plain, solver_sbml=to_solver_form(plain, program.solver.logarithms)
        )
    except ValueError as error:
        raise InputError(f"covariates: {error}") from None
    return program, {
        arm: {
            **{name: value for name, value in fixed[arm].items() if name not in names},
            **given_coefficients,
            **_settings(given, changing),
        }
        for arm, given in values.items()
    }


def _require_somebody(
    covariates: Covariates, values: Mapping[str, Mapping[str, Mapping[float, float]]]
) -> None:
    """A factor is estimated from those who have its level."""
    for parameter, name, covariate in _each(covariates):
        for level, factor in covariate.factors.items():
            there = (value for given in values.values() for value in given[f"{name}_{level}"].values())
            if isinstance(factor, Coefficient) and not any(there):
                said = f"no arm has {name} {level}, whose factor is to be estimated; give a number"
                raise InputError(f"covariates.{parameter}: {said}")


def _with_factors(sbml: str, covariates: Covariates, quantities: Sequence[str]) -> str:
    formulas = {
        parameter: " * ".join(of.formula(name, f"{parameter}_{name}") for name, of in given.items())
        for parameter, given in covariates.items()
    }
    new = dict.fromkeys(quantities, 1.0)
    for parameter, name, of in _each(covariates):
        neutral = 1.0 if of.factors else 0.0
        new |= dict.fromkeys(of.coefficients(f"{parameter}_{name}"), neutral)
    return with_factors(sbml, formulas, new)


def _each(covariates: Covariates) -> Iterator[tuple[str, str, Covariate]]:
    for parameter, given in covariates.items():
        for name, covariate in given.items():
            yield parameter, name, covariate


def _covariates_of(
    arm: str, given: Mapping[str, str | Course], covariates: Covariates, symbols: SymbolTable
) -> dict[str, dict[float, float]]:
    """Values over time of what the model knows the covariates of an arm by."""
    known = {name for _, name, _ in _each(covariates)}
    for name in given:
        if name not in known:
            raise InputError(f"arm {arm}: covariate {name} acts on no parameter; covariates: says on which")
    found: dict[str, dict[float, float]] = {}
    for _, name, covariate in _each(covariates):
        if name not in given:
            raise InputError(f"arm {arm}: has no {name}, which is a covariate")
        said = given[name]
        course = _in_time(f"arm {arm}: {name}", said if isinstance(said, dict) else {"0": said}, symbols)
        try:
            for time, text in course.items():
                for quantity, value in covariate.quantities(name, text).items():
                    found.setdefault(quantity, {})[time] = value
        except InputError as error:
            raise InputError(f"arm {arm}: {error}") from None
    return found


def _over_time(
    arm: str, given: Mapping[str, Course], symbols: SymbolTable, free: Sequence[str]
) -> dict[str, dict[float, float]]:
    """Values over time of parameters of the model, in its units."""
    found = {}
    for name, course in given.items():
        if name in free:
            raise InputError(f"arm {arm}: {name} is free and changes with time; one of them")
        symbols.require_settable(name)
        timed = _in_time(f"arm {arm}: {name}", course, symbols)
        found[name] = {time: symbols.parse(name, text) for time, text in timed.items()}
    return found


def _in_time(what: str, course: Course, symbols: SymbolTable) -> dict[float, str]:
    """A course by times in the unit of the model, ascending from 0 on."""
    found = {parse_quantity(time, symbols.time_unit, f"{what}, time"): text for time, text in course.items()}
    if len(found) < len(course):
        raise InputError(f"{what}: has two values at one time")
    if min(found, default=1.0) != 0:
        raise InputError(f"{what}: needs a value from time 0 on, and none before")
    return dict(sorted(found.items()))


def _settings(values: Mapping[str, Mapping[float, float]], changing: Mapping[str, int]) -> dict[str, float]:
    """What an arm sets: a value as it is, or those of a course with the times of its changes."""
    found = {}
    for name, course in values.items():
        every = list(course.values())
        if name not in changing:
            found[name] = every[0]
            continue
        for place in range(changing[name] + 1):
            found[course_value(name, place)] = every[min(place, len(every) - 1)]
        found |= {change_time(name, place): time for place, time in enumerate(course) if place}
    return found

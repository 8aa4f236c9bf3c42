"""Parameters that change with time in a design: columns such as ``K_el_e@28``, the value from that time on.

Promise: the integration stops exactly at the changes, because the model itself is rewritten so
(harness.models.individual); one model serves all runs of the design.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from harness.analysis.moments import SAME
from harness.errors import InputError
from harness.models.individual import change_time, course_value, with_courses
from harness.models.solver_form import to_solver_form
from harness.models.symbols import SymbolTable
from harness.models.units import parse_quantity
from harness.simulation.program import Program

__all__ = ["OverTime", "over_time_of"]


@dataclass(frozen=True)
class OverTime:
    """A program, the names in it of the columns of a design, and what all runs set in it."""

    program: Program
    names: tuple[str, ...]
    fixed: Mapping[str, float]


def over_time_of(
    program: Program, columns: Sequence[str], fixed: Mapping[str, float], symbols: SymbolTable, end: float
) -> OverTime:
    """The program of a design with such columns, of runs to `end`; what is given where there are none.

    Raises
    ------
    InputError
        When a time is none, is not after the start, lies after the end, or is given twice; or what changes is
        a dose or is worked out by the model.
    """
    times: dict[str, dict[float, str]] = {}
    for column in columns:
        name, at, text = column.partition("@")
        if at:
            time = parse_quantity(text, symbols.time_unit, f"design: column {column}, time")
            if time <= 0 or time in times.setdefault(name, {}):
                raise InputError(
                    f"design: column {column}: the time must be after 0, and none of another column"
                )
            if time > end * (1 + SAME):
                said = f"{time:g} lies after the end, {end:g} {symbols.time_unit}".rstrip()
                raise InputError(f"design: column {column}: {said}")
            times[name][time] = column
    if not times:
        return OverTime(program, tuple(columns), fixed)
    if program.dose is not None and program.dose.parameter in times:
        raise InputError(
            f"design: {program.dose.parameter} is given, not changed with time; regimens give doses"
        )
    names, values = {}, dict(fixed)
    for name, courses in times.items():
        values[course_value(name, 0)] = values.pop(name, symbols[name].value)
        names[name] = course_value(name, 0)
        for place, time in enumerate(sorted(courses), start=1):
            names[courses[time]] = course_value(name, place)
            values[change_time(name, place)] = time
    try:
        plain = with_courses(program.plain_sbml, {name: len(courses) for name, courses in times.items()})
    except ValueError as error:
        raise InputError(f"design: {error}") from None
    program = replace(program, plain_sbml=plain, solver_sbml=to_solver_form(plain, program.solver.logarithms))
    return OverTime(program, tuple(names.get(column, column) for column in columns), values)

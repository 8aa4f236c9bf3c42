"""The right-hand side of a model in the syntax of other languages, and its independent solution by scipy.

Promise: every text is written from the same :class:`~harness.models.equations.Equations`, line by line, so
that they can be compared term by term; none passes through libSBML, Antimony or a simulator.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.integrate import solve_ivp

from harness.models.card import DoseTarget
from harness.models.equations import Equations
from harness.models.mathml import PYTHON, RXODE2, Dialect, Expression, names, write
from harness.simulation.regimen import Dose

__all__ = ["lines", "python_text", "rxode2_text", "solve", "start_lines"]


def python_text(equations: Equations) -> str:
    """A Python module: `initial()` gives the states at 0, `rhs(time, states)` their rates.

    `formulas(time, states)` gives the values of all assignment rules, by id. At each of `moments()`, in
    order, something happens, a dose for one: `after(time, states)` gives the states that follow.
    """
    spell = PYTHON.name
    states = ", ".join(map(spell, equations.rates))
    formulas = lines(equations.formulas, PYTHON, "    {0} = {1}")
    body = f"    {states}, = states\n{formulas}"
    start = start_lines(equations, PYTHON, "    {0} = {1}")
    rates = lines(equations.rates, PYTHON, "        {1},  # {0}")
    listing = ", ".join(f'"{name}": {spell(name)}' for name in equations.formulas)
    return (
        f'"""Right-hand side of the model {equations.model}."""\n\n'
        "from math import acos, asin, atan, ceil, cos, cosh, exp, floor, log, sin, sinh, tan, tanh\n\n"
        + "".join(f"{spell(name)} = {value!r}\n" for name, value in equations.constants.items())
        + f"STATES = {list(equations.rates)!r}\n\n\n"
        f"def initial(time=0.0):\n{start}    return [{states}]\n\n\n"
        f"def formulas(time, states):\n{body}    return {{{listing}}}\n\n\n"
        f"def rhs(time, states):\n{body}    return [\n{rates}    ]\n\n\n" + _python_events(equations, body)
    )


def _python_events(equations: Equations, body: str) -> str:
    """When something happens, and the states after it; every formula is read before any value changes."""
    moments = [write(event.time, PYTHON) for event in equations.events]
    states = list(equations.rates)
    changed = "".join(
        f"    if time == {moment}:\n"
        + "".join(
            f"        given[{states.index(name)}] = {write(formula, PYTHON)}  # {name}\n"
            for name, formula in event.assignments.items()
        )
        for moment, event in zip(moments, equations.events, strict=True)
    )
    return (
        f"def moments():\n    return sorted({{{', '.join(moments)}}})\n\n\n"
        f"def after(time, states):\n{body if changed else ''}    given = [*states]\n"
        f"{changed}    return given\n"
    )


def rxode2_text(equations: Equations, doses: Sequence[Dose] = (), target: DoseTarget | None = None) -> str:
    """A model of rxode2 and nlmixr2, as text: parameters, start, formulas, then the differential equations.

    `doses` that the start does not hold go into an event table behind it. A clock is a compartment then, and
    each later dose replaces what it holds (evid 5) by its time. Events of the equations are not written.
    """
    if target and doses and target.clock:
        equations = _as_state(equations, target.clock)
    constants = "".join(f"  {name} = {value!r}\n" for name, value in equations.constants.items())
    start = equations.at_start()
    initial = lines({n: start[n] for n in equations.rates}, RXODE2, "  {0}(0) = {1}")
    formulas = lines(equations.formulas, RXODE2, "  {0} = {1}")
    states = lines(equations.rates, RXODE2, "  d/dt({0}) = {1}")
    given = "".join(_event_rows(dose, target) for dose in doses if target)
    events = f"\nevents <- et(){given}\n" if doses else ""
    return f"{equations.model} <- rxode2({{\n{constants}{initial}{formulas}{states}}})\n{events}"


def _event_rows(dose: Dose, target: DoseTarget) -> str:
    """Rows of an event table: the clock, where there is one, and the cells."""
    over = f"dur = {dose.duration!r}, " if dose.duration else ""
    row = f' |>\n  et(amt = {dose.amount!r}, time = {dose.time!r}, {over}cmt = "{target.species}")'
    if not target.clock or dose.time == 0:
        return row
    return f' |>\n  et(amt = {dose.time!r}, time = {dose.time!r}, evid = 5, cmt = "{target.clock}"){row}'


def _as_state(equations: Equations, name: str) -> Equations:
    """The same equations, with a constant as a state that they do not change."""
    constants = dict(equations.constants)
    start, still = (Expression("number", value=value) for value in (constants.pop(name), 0.0))
    return replace(
        equations,
        constants=constants,
        initial={**equations.initial, name: start},
        rates={**equations.rates, name: still},
    )


def lines(formulas: Mapping[str, Expression], dialect: Dialect, form: str) -> str:
    """One line an id: its name and its formula in a dialect, put into `form`."""
    return "".join(form.format(dialect.name(n), write(f, dialect)) + "\n" for n, f in formulas.items())


def start_lines(equations: Equations, dialect: Dialect, form: str) -> str:
    """Lines that give initial values, and the formulas between that they need, in a working order."""
    needed = {**equations.initial, **equations.formulas}
    done: set[str] = set()
    ordered: dict[str, Expression] = {}

    def visit(name: str) -> None:
        if name in done or name not in needed:
            return
        done.add(name)
        for read in names(needed[name]):
            visit(read)
        ordered[name] = needed[name]

    for name in equations.initial:
        visit(name)
    return lines(ordered, dialect, form)


def solve(
    equations: Equations,
    times: np.ndarray,
    observables: Sequence[str],
    relative_tolerance: float = 1e-10,
    absolute_tolerance: float = 1e-18,
) -> np.ndarray:
    """Integrate the right-hand side with scipy's LSODA, in pieces from event to event.

    Parameters
    ----------
    times
        Output times, ascending, from 0 or later; shape (n,). A value at the time of an event is the one
        after it.
    observables
        Ids of states, formulas or constants; k of them.

    Returns
    -------
    numpy.ndarray
        Shape (n, k); NaN from where the integration failed on.
    """
    return _solved(
        python_text(equations), times.tobytes(), tuple(observables), relative_tolerance, absolute_tolerance
    ).copy()


@lru_cache(maxsize=1)
def _solved(
    text: str,
    output: bytes,
    observables: tuple[str, ...],
    relative_tolerance: float,
    absolute_tolerance: float,
) -> np.ndarray:
    """The same from the text of a module; kept, because files of two levels of SBML give the same one."""
    module: dict[str, Any] = {}
    exec(text, module)
    times = np.frombuffer(output)
    stops = sorted({0.0, *(t for t in module["moments"]() if t <= times[-1]), float(times[-1])})
    rows = np.full((len(times), len(observables)), math.nan)
    state = np.array(module["initial"](), float)
    for stop, following in pairwise([*stops, math.inf]):
        state = np.array(module["after"](stop, state), float)
        last = not math.isfinite(following)
        inside = (times >= stop) & (times < following)
        if last:
            rows[inside] = _read(module, stop, state, observables)
            return rows
        grid = np.unique([stop, *times[inside], following])
        found = solve_ivp(
            partial(_rates, module["rhs"]), (stop, following), state, "LSODA", grid,
            rtol=relative_tolerance, atol=absolute_tolerance,
        )  # fmt: skip
        if not found.success:
            return rows
        for row in np.flatnonzero(inside):
            place = int(np.searchsorted(grid, times[row]))
            rows[row] = _read(module, times[row], found.y[:, place], observables)
        state = found.y[:, -1]
    return rows


def _rates(
    rhs: Callable[[float, Any], list[float]], time: float, states: np.ndarray
) -> np.ndarray | list[float]:
    """Rates at a point, worked out with Python's own numbers, which is faster, to the same bits.

    Where these raise, or turn complex, numpy's are infinite or no number, and an integrator can step back.
    """
    try:
        return np.array(rhs(time, states.tolist()), float)
    except (ArithmeticError, TypeError, ValueError):
        return rhs(time, states)


def _read(module: dict[str, Any], time: float, state: np.ndarray, observables: Sequence[str]) -> list[float]:
    values = dict(zip(module["STATES"], state, strict=True)) | module["formulas"](time, state)
    return [values[name] if name in values else module[PYTHON.name(name)] for name in observables]

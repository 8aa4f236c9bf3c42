"""A model for a browser: its kernel as JavaScript, and what a run of it has to be told.

Promise: what is told is what the harness itself runs by: values, tolerances, places, when rates switch. What
a page cannot express is refused in one line that names it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from harness.errors import InputError
from harness.models.equations import read_equations
from harness.models.graph import Graph
from harness.models.mathml import COMPARISONS, NUMBA, PYTHON, TIME, Expression, write
from harness.models.switches import Switches
from harness.simulation.kernel.javascript import javascript
from harness.simulation.kernel.kernel import FAR, SAID
from harness.simulation.kernel.text import Layout
from harness.simulation.kernel.written import FINER, FLOOR, Written, write_kernel
from harness.simulation.program import Program

__all__ = ["Facts", "kernel_script", "run_facts"]

Facts = dict[str, Any]
"""What is told to a page, as JSON."""

CLOSER = 0.2
"""Tolerance over that of the kernel: sliders reach further than patients, and a page runs one at a time."""
AGREE = 1e-3
"""A run of many steps is made again more finely, and once more, until two differ by no more than this."""
FLOOR_OF_SIGNED = 1e-3
"""Of a curve that passes through 0, such as a change: differences are of this share of its largest value."""

OFFERED = ("integrate", "crossings", "CROSSINGS", "PARAMETERS", "ROOM")
"""What a kernel offers to the rest of the page."""


def kernel_script(program: Program) -> tuple[str, Written]:
    """JavaScript that makes an object with the functions of a kernel, and what it was written from.

    Raises
    ------
    InputError
        When the kernel cannot express the model, or the times at which its rates switch are no formulas.
    """
    for event in read_equations(program.plain_sbml).events:
        sets = ", ".join(event.assignments)
        raise InputError(f"{program.model}: an event sets {sets} at a given time, and a page has no events")
    written = write_kernel(program)
    text = javascript(written.text + _crossings(program.model, program.switches, written.layout))
    return f"(() => {{\n{text}return {{ {', '.join(OFFERED)} }};\n}})()", written


def _crossings(model: str, switches: Switches, layout: Layout) -> str:
    """A function of what is 0 where rates switch, each linear in time, so that two values give its root."""
    graph = Graph(switches.formulas)
    places = {name: f"z[PARAMETERS + {i}]" for i, name in enumerate(layout.parameters)} | {TIME: "t"}
    dialect = replace(NUMBA, name=places.__getitem__)
    lines = [f"CROSSINGS = {len(switches.atoms)}\n\n\ndef crossings(t, z, found):\n"]
    for i, atom in enumerate(switches.atoms):
        over = _difference(atom) if atom.operator in COMPARISONS else None
        if atom.operator == "abs":
            over = atom.arguments[0]
        if over is None or TIME in graph.leaves(graph.slope(graph.add(over), TIME)):
            shown = write(atom, PYTHON)
            raise InputError(f"{model}: a page cannot work out the times at which {shown} switches")
        lines.append(f"    found[{i}] = {write(_written_out(over, switches), dialect)}\n")
    return "".join(lines) + "    pass\n"


def _difference(comparison: Expression) -> Expression:
    return Expression("minus", comparison.arguments)


def _written_out(formula: Expression, switches: Switches) -> Expression:
    """A formula without the names of others."""
    if formula.operator == "name" and formula.value in switches.formulas:
        return _written_out(switches.formulas[str(formula.value)], switches)
    arguments = tuple(_written_out(argument, switches) for argument in formula.arguments)
    return replace(formula, arguments=arguments)


def run_facts(written: Written) -> Facts:
    """What `runModel` of course.js takes of a model."""
    program, layout = written.program, written.layout
    names = [*layout.symbols, *(name for name in layout.parameters if name not in layout.symbols)]
    tolerance = CLOSER * written.tolerance
    dose = program.dose
    return {
        "parameters": list(layout.parameters),
        "defaults": written.defaults[:-1].tolist(),
        "places": {name: layout.place(name) for name in names},
        "dose": {"place": layout.parameters.index(dose.parameter)} if dose else None,
        "clock": written.clock,
        "controls": [_control(written, share * tolerance) for share in (1.0, FINER, FINER**2)],
        "agree": AGREE,
        "floor": FLOOR,
        "floor_of_signed": FLOOR_OF_SIGNED,
        "grown": FAR,
        "floors": dict(program.solver.floors),
        "said": {str(code): said for code, said in SAID.items()},
    }


def _control(written: Written, tolerance: float) -> Facts:
    absolute, counts, lowest = written.control(tolerance)
    return {
        "tolerance": tolerance,
        "many": min(written.many(tolerance), 1e300),
        "absolute": absolute.tolist(),
        "counts": counts.tolist(),
        "lowest": np.maximum(lowest, -1e300).tolist(),
    }

"""A kernel before anything compiles it: text, what stands where, values of the file, error control.

Promise: whatever runs the text, numba here or a browser elsewhere, takes the tolerances from here.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from harness.errors import InputError
from harness.models.equations import read_equations
from harness.simulation.accuracy import Accuracy
from harness.simulation.kernel.text import Layout, kernel_text
from harness.simulation.program import Program

__all__ = ["AGREE", "FINER", "FLOOR", "LOOSER", "MANY", "ORDER", "Control", "Written", "write_kernel"]

LOOSER = 50.0
"""The kernel's relative tolerance over that of the program, which is for CVODE: the largest error of the two
methods is then about the same (docs/engine.md has the measurement)."""
SHARE = 1e-20
"""Absolute tolerance over what a state reaches, where a card gives none: a step is held to its relative
error, so that a run that stays far below that is as accurate."""
OF_LOGARITHMS = 3.0
"""Tolerance of a logarithm, which is a relative one of its amount, over that of the other states."""
MANY, ORDER = 440, 5
"""Steps at the kernel's own tolerance, for a run and each of its doses, from which errors may have grown.
And the order of the method: a finer tolerance takes more for the same course."""
FINER, AGREE, FLOOR = 1e-2, 1e-4, 1e-6
"""Such a run is made again at this share of the tolerance, and at the square of it when any value differs by
more than that: of the value, or of its declared floor, or of this share of the largest one. Where the two
finer ones differ by as much, it is the engine's."""

Control = tuple[np.ndarray, np.ndarray, np.ndarray]
"""By state: absolute tolerance, whether the relative one counts its size (1 or 0), and lowest value."""


@dataclass(frozen=True)
class Written:
    """The kernel of a program as text.

    Attributes
    ----------
    text, layout
        Python, and where things stand in its arrays.
    defaults
        Values of the parameters in the file, in the order of the layout, and no infusion.
    species
        States that are species.
    """

    program: Program
    text: str
    layout: Layout
    defaults: np.ndarray
    species: frozenset[str]

    @property
    def tolerance(self) -> float:
        """Relative tolerance of the kernel."""
        return LOOSER * self.program.solver.relative_tolerance

    @property
    def clock(self) -> int:
        """Place of the parameter that doses set to their time; -1 for none."""
        clock = self.program.dose.clock if self.program.dose else None
        return self.layout.parameters.index(clock) if clock else -1

    def many(self, tolerance: float) -> float:
        """Steps of a run at a tolerance, and for each of its doses, from which errors may have grown."""
        if self.program.solver.regrows is None and not self.program.reach:
            return np.inf
        return MANY * max(self.tolerance / tolerance, 1.0) ** (1 / ORDER)

    def control(self, tolerance: float) -> Control:
        """Error control of the states at a relative tolerance."""
        program, states = self.program, self.layout.states
        accuracy = Accuracy(program.solver, tolerance, program.reach, frozenset(program.signed), SHARE)
        logged = np.array([name in self.layout.logarithms for name in states])
        started = set(states) if program.reach else set()  # what only an initial assignment gives, too
        still = (program.set_by_events | started) - program.reach.keys()  # no rate, and so no error
        absolute = [1.0 if name in still else accuracy.absolute(name) for name in states]
        # The relative tolerance of a logarithm does not grow with it: it is its amount that is accurate.
        tolerances = np.where(logged, (OF_LOGARITHMS - 1) * tolerance, absolute)
        lowest = [accuracy.lowest(n) if n in self.species else -np.inf for n in states]
        return tolerances, np.where(logged, 0.0, 1.0), np.array(lowest)


def write_kernel(program: Program) -> Written:
    """Write the kernel of a program.

    Raises
    ------
    InputError
        When the kernel cannot express the model.
    """
    plain, solved = read_equations(program.plain_sbml), read_equations(program.solver_sbml)
    text, layout = kernel_text(plain, solved, program.solver.logarithms, program.dosed)
    beyond = [name for name in program.switches.names if name not in layout.parameters]
    if beyond:
        raise InputError(f"{program.model}: when its rates switch depends on {beyond[0]}")
    return Written(program, text, layout, np.array([*plain.constants.values(), 0.0]), plain.species)

"""What is written for each model beside the stepper: names, places and meaning.

Promise: the stepper uses these names and no others of a model; :mod:`harness.simulation.kernel.text` writes
all of them. Nothing here runs: in the compiled text the import of this module is left out.

All numbers of a run stand in one array `z`, each kind from a place of its own on, which is known when the
text is compiled: no function has arrays to hand on, which costs more than what is done with them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from harness.simulation.kernel.tableau import GAMMA, H

__all__ = [
    "AMOUNTS", "BY_TIME", "COUNTS_SIZE", "DENSE", "EDGES", "END", "EVENTS", "FACTORS", "GAMMA",
    "JACOBIAN", "LIVE",
    "LOGARITHMS", "LOGGED", "LOWEST", "NEEDED", "NEEDS", "PARAMETERS", "PREPARED", "RATES", "READ_OUT",
    "ROOM", "SETTLED", "STAGES", "STATE", "STATES", "SUPPLIES", "SYMBOLS", "TOLERANCE", "VALUES",
    "H", "begin", "compiled", "entry", "exact", "factor", "give", "happen", "observe", "prepare", "settle",
    "slopes", "supplies", "take_stages",
]  # fmt: skip

STATES = LOGARITHMS = VALUES = SYMBOLS = EVENTS = ROOM = 0
"""How many: states, logarithms among them, parameters and the rate of infusion, read-outs, events, numbers in
all."""
PARAMETERS = PREPARED = SETTLED = 0
"""Parameters; what follows from them alone, for the rates and for what is read out."""
STATE = END = AMOUNTS = 0
"""States, some as logarithms; where a step ends; the states as amounts."""
RATES = BY_TIME = JACOBIAN = FACTORS = STAGES = DENSE = 0
"""Rates, their slopes by time, entries of their Jacobian, factors of the matrix; stages; dense solution."""
EDGES = 0
"""Where a stretch without a stop begins and ends, a trifle inside: rates may switch at its very edges."""
READ_OUT = SUPPLIES = LIVE = NEEDED = 0
"""Read-outs; net rate into each pool that is solved as a logarithm, and whether it holds anything; whether
what is read out needs a state."""
TOLERANCE = COUNTS_SIZE = LOWEST = 0
"""Absolute tolerance, whether the relative one counts the size of the state, lowest amount; by state."""
LOGGED = np.zeros(0, int)
"""Place of each state among the logarithms, -1 for one that is none."""
NEEDS = np.zeros((0, 0), bool)
"""Which states a read-out needs, (symbols, states)."""

Array = np.ndarray


def compiled(function: Callable) -> Callable:
    """Mark a function as part of the kernel; in the compiled text, compile it."""
    return function


def exact(function: Callable) -> Callable:
    """Mark a function that must round as Python does; in the compiled text, compile it so."""
    return function


def entry(function: Callable) -> Callable:
    """Mark the function that is called from outside; in the compiled text, compile it and keep it on disk."""
    return function


def prepare(z: Array) -> None:
    """What the rates need of the parameters alone."""


def settle(z: Array) -> None:
    """What the read-outs need of the parameters alone."""


def begin(z: Array) -> None:
    """Amounts at time 0."""


def give(amount: float, z: Array) -> None:
    """Add cells to the amount of the dosed pool."""


def happen(t: float, z: Array) -> None:
    """Set the amounts that events of the model set at t."""


def slopes(t: float, z: Array) -> None:
    """Rates, the entries of their Jacobian, and their slopes by time, from the states."""


def factor(g: float, z: Array) -> None:
    """Factors of g*identity - Jacobian."""


def take_stages(t: float, h: float, z: Array) -> None:
    """All stages of one step from t, and where it ends; the matrix is factored for h."""


def observe(t: float, z: Array) -> None:
    """Read-outs (states, then formulas) from the amounts."""


def supplies(t: float, z: Array) -> None:
    """Net rate into each pool that is solved as a logarithm, from the amounts."""

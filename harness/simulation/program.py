"""A program: all that an engine needs to run one model, as plain data that travels between processes.

Promise: compiling a program derives the solver form from the exchange SBML by code; the file itself is
only read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from harness.errors import InputError
from harness.models.catalog import DoseTarget, ModelCard, SolverSettings, load_card
from harness.models.solver_form import to_solver_form

__all__ = ["Program", "load_program"]


@dataclass(frozen=True)
class Program:
    """SBML as exchanged and as solved, what is dosed, and the error control."""

    model: str
    plain_sbml: str
    solver_sbml: str
    dose: DoseTarget | None
    solver: SolverSettings


def make_program(card: ModelCard) -> Program:
    """Compile the program of a model from its built SBML."""
    path = card.sbml_path()
    if not path.is_file():
        raise InputError(f"{path} is missing; run: cart build")
    plain = path.read_text(encoding="utf-8")
    return Program(
        model=card.id,
        plain_sbml=plain,
        solver_sbml=to_solver_form(plain, card.solver.logarithms),
        dose=card.dose,
        solver=card.solver,
    )


@cache
def load_program(model: str) -> Program:
    """Program of a model of the catalogue."""
    return make_program(load_card(model))

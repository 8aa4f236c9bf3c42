"""Programs of models, made from what their files hold now.

Promise: the program of a model of the catalogue needs nothing but its files; one of a user's own model whose
card leaves tolerances open is tried out first.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from harness.errors import InputError
from harness.models.card import ModelCard
from harness.models.catalog import load_card
from harness.models.solver_form import to_solver_form
from harness.simulation.program import Program
from harness.simulation.times import parse_times
from harness.simulation.trial import try_out

__all__ = ["load_program", "make_program"]


def make_program(card: ModelCard) -> Program:
    """Compile the program of a model from its built SBML, as it is now; one of a user's own is tried out."""
    path = card.sbml_path()
    if not path.is_file():
        raise InputError(f"{path} is missing; run: cart build")
    plain = path.read_text(encoding="utf-8")
    program = Program(
        model=card.id,
        plain_sbml=plain,
        solver_sbml=_solver_form(plain, card.solver.logarithms),
        dose=card.dose,
        solver=card.solver,
    )
    if None not in (card.solver.absolute_tolerance_default, card.solver.lowest_amount):
        return program
    times = parse_times(card.endpoint_times, card.symbols.time_unit)
    return replace(program, **vars(try_out(program, times, card.observables)))


def load_program(model: str) -> Program:
    """Program of a model, by name or path, from what its files hold now."""
    return make_program(load_card(model))


_solver_form = lru_cache(maxsize=32)(to_solver_form)

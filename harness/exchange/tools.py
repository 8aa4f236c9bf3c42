"""The tools that run the exported SBML: each a function of the text, the times and the observables.

Promise: a tool gets the file and nothing else; shape (times, observables) comes back, or :class:`ToolFailed`.
"""

from __future__ import annotations

import locale
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import roadrunner

from harness.exchange.rhs import solve
from harness.models.equations import read_equations
from harness.simulation.form import quiet

__all__ = ["TOOLS", "USUAL", "ToolFailed", "run_tool"]

RELATIVE, ABSOLUTE = 1e-10, 1e-18


class ToolFailed(Exception):
    """A tool gave up; the text says why."""


def libroadrunner(sbml: str, times: np.ndarray, observables: Sequence[str]) -> np.ndarray:
    """The file in libRoadRunner, states as the file has them."""
    return _simulate(roadrunner.RoadRunner(sbml), times, observables)


def tellurium(sbml: str, times: np.ndarray, observables: Sequence[str]) -> np.ndarray:
    """The file as tellurium loads it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own dependencies, at import
        import tellurium as te

        return _simulate(te.loadSBMLModel(sbml), times, observables)


def _simulate(model: roadrunner.RoadRunner, times: np.ndarray, observables: Sequence[str]) -> np.ndarray:
    model.integrator.relative_tolerance = RELATIVE
    states = model.model.getNumFloatingSpecies() + model.model.getNumRateRules()
    model.integrator.absolute_tolerance = [ABSOLUTE] * states  # a scalar would be scaled by the state
    model.selections = list(observables)
    with quiet():
        return np.array(model.simulate(times=times.tolist()))


@contextmanager
def locale_kept() -> Iterator[None]:
    """The locale as it is: COPASI, imported, sets it to C, and what programs print would be read by that."""
    kept = locale.setlocale(locale.LC_ALL)
    try:
        yield
    finally:
        locale.setlocale(locale.LC_ALL, kept)


def copasi(sbml: str, times: np.ndarray, observables: Sequence[str]) -> np.ndarray:
    """The file in COPASI, through basico."""
    with locale_kept():
        import basico

    model = basico.import_sbml(sbml)
    try:
        table = basico.run_time_course_with_output(
            [f"Values[{observable}]" for observable in observables], values=times.tolist(), start_time=0,
            use_initial_values=True, method="deterministic", r_tol=RELATIVE, a_tol=ABSOLUTE, model=model,
        )  # fmt: skip
    finally:
        basico.remove_datamodel(model)
    return table.to_numpy()


def scipy(sbml: str, times: np.ndarray, observables: Sequence[str]) -> np.ndarray:
    """A right-hand side written from the file, integrated by scipy."""
    return solve(read_equations(sbml), times, observables, RELATIVE, ABSOLUTE)


def amici(sbml: str, times: np.ndarray, observables: Sequence[str]) -> np.ndarray:
    """The file compiled by AMICI."""
    from amici.sim.sundials import run_simulation

    from harness.exchange.compiled import compiled_model

    model = compiled_model(sbml)
    model.set_timepoints(times)
    solver = model.create_solver()
    solver.set_relative_tolerance(RELATIVE)
    solver.set_absolute_tolerance(ABSOLUTE)
    found = run_simulation(model, solver)
    ids = list(model.get_observable_ids())
    return np.array(found.y)[:, [ids.index(f"y{observable}") for observable in observables]]


TOOLS: dict[str, Callable[[str, np.ndarray, Sequence[str]], np.ndarray]] = {
    tool.__name__: tool for tool in (libroadrunner, copasi, tellurium, scipy, amici)
}
USUAL = tuple(name for name in TOOLS if name != amici.__name__)
"""The tools that an installation of this project has; AMICI needs a compiler."""


def run_tool(name: str, sbml: str, times: np.ndarray, observables: Sequence[str]) -> np.ndarray:
    """Run one tool on a file.

    Raises
    ------
    ToolFailed
        When it raises, gives another shape, or gives a value that is not finite.
    """
    try:
        found = TOOLS[name](sbml, times, observables)
    except Exception as error:  # whatever another program raises
        raise ToolFailed(" ".join(f"{type(error).__name__}: {error}".split())[:200]) from None
    if found.shape != (len(times), len(observables)):
        raise ToolFailed(f"gave {found.shape[0]} rows of {len(times)}")
    if not np.isfinite(found).all():
        raise ToolFailed(f"{observables[int(np.argwhere(~np.isfinite(found))[0, 1])]} is not finite")
    return found

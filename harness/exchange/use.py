"""One use of a model: the model, the values that differ from its file, and its regimen, checked together.

Promise: what is exported of a use and what the engine expects of it come from the same checked values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import libsbml
import numpy as np
import pandas as pd

from harness.errors import RunFailed
from harness.exchange.dosed import dosed_sbml
from harness.models.card import ModelCard
from harness.models.catalog import select
from harness.models.symbols import SymbolTable
from harness.simulation.draws import choose_draws
from harness.simulation.engine import Engine
from harness.simulation.made_designs import single
from harness.simulation.plan import plan
from harness.simulation.programs import make_program
from harness.simulation.regimen import Regimen
from harness.simulation.trajectory import Status

__all__ = ["DrawnFrom", "Use", "plain_id", "use_of"]


READ_OUT = ("parameter", "species", "compartment", "reaction")
"""Elements of SBML that every exchange format can name; a stoichiometry is none."""


@dataclass(frozen=True)
class DrawnFrom:
    """The posterior that virtual patients of a use are drawn from, as it was asked for.

    `model`, `readings` and `changes` are those it was asked of; the use has them and what comes with it.
    """

    posterior: str
    model: str
    readings: tuple[str, ...]
    changes: Mapping[str, str | float]


@dataclass(frozen=True)
class Use:
    """One use of a model to `until`; `regimen` is in absolute amounts, None for the model's own dose.

    `drawn` says what its virtual patients are drawn from, where that is no published variability.
    """

    card: ModelCard
    changes: Mapping[str, float]
    regimen: Regimen | None
    until: float
    notes: tuple[str, ...] = ()
    drawn: DrawnFrom | None = None

    @property
    def symbols(self) -> SymbolTable:
        """Symbols of the model."""
        return self.card.symbols

    @property
    def read_outs(self) -> dict[str, str]:
        """Observables that every tool reads alike, each with the element of SBML that it is.

        Of a species whose id means a concentration that is its concentration, not its amount.
        """
        model = libsbml.readSBMLFromString(self.sbml()).getModel()
        found = {}
        for observable in self.card.observables:
            concentration = f"conc_{observable}"
            name = concentration if model.getElementBySId(concentration) is not None else observable
            element = model.getElementBySId(name)
            if element is not None and element.getElementName() in READ_OUT:
                found[name] = element.getElementName()
        return found

    def sbml(self, version: str = "l3v2") -> str:
        """The use as one SBML text: l3v2, l3v1 or solver."""
        return dosed_sbml(self.card, self.changes, self.regimen, version)

    def expected(self, times: np.ndarray, observables: Sequence[str] | None = None) -> pd.DataFrame:
        """Time and the declared observables, or others, by the engine at a relative tolerance of 1e-10.

        Raises
        ------
        RunFailed
            When the run fails; an export has no expected numbers then.
        """
        engine = Engine(make_program(self.card), relative_tolerance=1e-10)
        observables = self.card.observables if observables is None else observables
        run = engine.run(self.changes, self.regimen, times, observables)
        if run.status is not Status.OK:
            raise RunFailed(f"{self.card.id}: the simulation failed: {run.status}: {run.reason}")
        table = pd.DataFrame(run.at(times), columns=list(observables))
        table.insert(0, "time", times)
        return table


def use_of(
    model: str,
    *,
    doses: str | Iterable[str] | Regimen | None = None,
    changes: Mapping[str, str | float] | None = None,
    readings: str | Sequence[str] = (),
    condition: str | None = None,
    until: str | float | None = None,
    posterior: str | None = None,
) -> Use:
    """Check a use of a model; the arguments are those of :func:`~harness.simulation.simulate.simulate`.

    `posterior` is the name of a reading with stored draws, which is then chosen too, or a .csv of draws.

    Raises
    ------
    InputError
        One line, when anything given is wrong.
    """
    chosen = (readings,) if isinstance(readings, str) and readings else tuple(readings)
    drawn = None
    if posterior is not None:
        drawn = DrawnFrom(posterior, model, chosen, dict(changes or {}))
        chosen, _ = choose_draws(model, chosen, posterior)
    selection = select(model, chosen, condition)
    planned = plan(selection, single(), trajectories=True, doses=doses, changes=changes, until=until)
    study = planned.study
    values = dict(study.fixed)
    given = study.regimen
    if given is not None:
        given = given.absolute(values.pop(study.program.target.parameter, study.default_dose))
    return Use(selection.card, values, given, study.end, planned.notes, drawn)


def plain_id(name: str) -> str:
    """A name as an id that SBML, SED-ML and PEtab accept."""
    found = re.sub(r"\W+", "_", name)
    return found if re.match(r"[A-Za-z_]", found) else f"_{found}"

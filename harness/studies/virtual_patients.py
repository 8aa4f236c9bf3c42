"""Virtual patients: the published variability, as a design that every study of them shares.

Promise: patient i has the same random effects at every dose, in every model that has the parameters, and
whatever the number of patients; another spread of one parameter leaves the others as they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from pydantic import field_validator

from harness.analysis.response import RULE
from harness.declarations import Seed
from harness.errors import InputError
from harness.models.catalog import Selection, select
from harness.models.provenance import omegas_of
from harness.models.symbols import SymbolTable
from harness.models.units import convert
from harness.simulation.design import Design
from harness.simulation.draws import OMEGA, choose_draws
from harness.simulation.engines import AUTO
from harness.simulation.made_designs import random_effects
from harness.studies.outcome import EngineName, ProgressionRule, refuse_set_twice
from harness.studies.planned import PlannedStudy

__all__ = ["CHANGE", "MOST", "VirtualPatients"]

CHANGE = "M_protein_change"
"""Observable that response is read off."""

MOST = 1_000_000
"""Virtual patients of a study: their trajectories are held in memory."""


WIDEST = 10.0
"""The largest omega that is declared: patients one standard deviation apart are 22 000-fold apart, and a
percentage is above. What is drawn of an omega that an estimate left open may be larger."""


class VirtualPatients(PlannedStudy):
    """What studies of virtual patients declare alike.

    Attributes
    ----------
    model, readings, changes
        The model, its readings, and values that are other for everybody.
    omegas
        Standard deviations of log-normal random effects, over those published and assumed, which are in
        ``parameters.csv``, or beside them: ``Tumor_0: 0.8`` gives burden a distribution, ``K_12: 0`` takes
        that of K_12 away. A model of one's own has those alone.
    posterior
        Parameters that are not the same for everybody: the name of a reading with stored draws, which is then
        chosen too, or a .csv of draws (:mod:`harness.simulation.draws`). Patients of one trial share a draw,
        those of a population have one each. Spreads among the draws are in place of the published ones.
    seed
        Of the random effects and of the draws that are taken.
    rule
        Rule of progression, of ``response.yaml`` (ledger D18): it ends what counts as best response, and a
        trial. By default the one that the file names.
    engine
        What runs the simulations: by default the kernel where there are enough of them, else RoadRunner.
    """

    model: str = "clinical"
    readings: tuple[str, ...] = ()
    changes: dict[str, str] = {}
    omegas: dict[str, float] = {}
    posterior: str | None = None
    seed: Seed = 1
    rule: ProgressionRule = RULE
    engine: EngineName = AUTO

    @field_validator("omegas")
    @classmethod
    def _omegas_are_of_logarithms(cls, omegas: dict[str, float]) -> dict[str, float]:
        for name, given in omegas.items():
            if given > WIDEST:
                said = "it is a standard deviation of the logarithm, 0.3 for about 30 %"
                raise ValueError(f"{name}: {given:g} is more than {WIDEST:g}; {said}")
        return omegas

    def symbols(self) -> SymbolTable:
        """Symbols of the model, which must have a change of M-protein."""
        symbols = self._selection().card.symbols
        if CHANGE not in symbols:
            raise InputError(f"model {self.model} has no {CHANGE} to read response off")
        return symbols

    def month(self) -> float:
        """A month, a twelfth of 365.25 days, in the model's time unit."""
        return convert(1.0, "month", self.symbols().time_unit, "month")

    def in_time(self, days: float, what: str) -> float:
        """So many days in the model's time unit; `what` says what they are."""
        return convert(days, "day", self.symbols().time_unit, what)

    def patients_design(self, count: int, together: int = 1, given: tuple[str, ...] = ()) -> Design:
        """Parameters of the first `count` patients, one row each; `together` of them share a draw.

        `given` is what the study itself gives each run, such as its dose; nothing else may say it.
        A patient who is drawn where the model has no value is a run that fails, not an error of the study.
        """
        card, symbols = self._selection().card, self.symbols()
        drawn = self._of_draws(count, together)
        spreads = {name.removeprefix(OMEGA): drawn[name] for name in drawn if name.startswith(OMEGA)}
        omegas: dict[str, float | np.ndarray] = {**omegas_of(card), **spreads, **self.omegas}
        for name in omegas:
            symbols.require_settable(name)
        refuse_set_twice(self.changes, [*drawn, *given])
        refuse_set_twice(self.omegas, given, "omegas")
        refuse_set_twice([name.removeprefix(OMEGA) for name in drawn], given, "posterior")
        fixed = symbols.parse_all(self._selection().changes, self.changes)
        typical = {name: drawn.get(name, fixed.get(name, symbols[name].value)) for name in omegas}
        patients = random_effects(typical, omegas, count, self.seed)
        alike = {name: drawn[name] for name in drawn if not name.startswith(OMEGA) and name not in omegas}
        return replace(patients, table=patients.table.assign(**alike), drawn=(*patients.drawn, *alike))

    def _of_draws(self, count: int, together: int) -> dict[str, np.ndarray]:
        """Columns of the posterior for each of `count` patients; none without one."""
        if self.posterior is None:
            return {}
        _, draws = choose_draws(self.model, self.readings, self.posterior)
        taken = draws.take(-(-count // together), self.seed)
        return {name: np.repeat(taken[name].to_numpy(), together)[:count] for name in taken}

    def chosen_readings(self) -> tuple[str, ...]:
        """Those that are given, and the one that comes with the posterior."""
        if self.posterior is None:
            return self.readings
        return choose_draws(self.model, self.readings, self.posterior)[0]

    def _selection(self) -> Selection:
        return select(self.model, self.chosen_readings())

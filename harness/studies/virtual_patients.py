"""Virtual patients: the published variability, as a design that every study of them shares.

Promise: patient i has the same random effects at every dose, in every model that has the parameters, and
whatever the number of patients; another spread of one parameter leaves the others as they are.
"""

from __future__ import annotations

from harness.analysis.response import RULE
from harness.errors import InputError
from harness.models.catalog import Selection, select
from harness.models.provenance import omegas_of
from harness.models.symbols import SymbolTable
from harness.models.units import convert
from harness.simulation.design import Design, random_effects
from harness.simulation.engines import AUTO
from harness.studies.outcome import EngineName, ProgressionRule, Seed, StudyDeclaration

__all__ = ["CHANGE", "MOST", "VirtualPatients"]

CHANGE = "M_protein_change"
"""Observable that response is read off."""

MOST = 1_000_000
"""Virtual patients of a study: their trajectories are held in memory."""


class VirtualPatients(StudyDeclaration):
    """What studies of virtual patients declare alike.

    Attributes
    ----------
    model, readings, changes
        The model, its readings, and values that are other for everybody.
    omegas
        Standard deviations of log-normal random effects, over those published and assumed, which are in
        ``parameters.csv``, or beside them: ``Tumor_0: 0.8`` gives burden a distribution, ``K_12: 0`` takes
        that of K_12 away. A model of one's own has those alone.
    seed
        Of the random effects.
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
    seed: Seed = 1
    rule: ProgressionRule = RULE
    engine: EngineName = AUTO

    def symbols(self) -> SymbolTable:
        """Symbols of the model, which must have a change of M-protein."""
        symbols = self._selection().card.symbols
        if CHANGE not in symbols:
            raise InputError(f"model {self.model} has no {CHANGE} to read response off")
        return symbols

    def month(self) -> float:
        """A month, a twelfth of 365.25 days, in the model's time unit."""
        return convert(1.0, "month", self.symbols().time_unit, "month")

    def patients_design(self, count: int) -> Design:
        """The random effects of the first `count` patients, one row each."""
        selection, symbols = self._selection(), self.symbols()
        omegas = {**omegas_of(selection.card), **self.omegas}
        for name in omegas:
            symbols.require_settable(name)
        fixed = symbols.parse_all(selection.changes, self.changes)
        typical = {name: fixed.get(name, symbols[name].value) for name in omegas}
        return random_effects(typical, omegas, count, self.seed)

    def _selection(self) -> Selection:
        return select(self.model, self.readings)

"""A program: all that an engine needs to run one model, as plain data that travels between processes.

Promise: compiling a program derives the solver form from the exchange SBML by code; the file itself is
only read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from harness.identity import content_of
from harness.models.card import DoseTarget, SolverSettings
from harness.models.falling import only_fall
from harness.models.solver_form import add_infusion, to_solver_form
from harness.models.switches import Switches, find_switches
from harness.shown import in_lines, listed
from harness.simulation.regimen import Regimen

__all__ = ["Program"]


@dataclass(frozen=True)
class Program:
    """SBML as exchanged and as solved, what is dosed, and the error control.

    `reach`, `signed` and `doubts` are what the trial of a user's own model has found (see
    harness.simulation.trial); those of the catalogue need none.
    """

    model: str
    plain_sbml: str
    solver_sbml: str
    dose: DoseTarget | None
    solver: SolverSettings
    reach: Mapping[str, float] = field(default_factory=dict)
    signed: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return in_lines(
            f"Program: {self.model}",
            dosed=self.dosed,
            logarithms=listed(self.solver.logarithms),
            doubts=listed(self.doubts, most=1),
        )

    @cached_property
    def key(self) -> str:
        """A name for the program that is the same for the same content, within this process."""
        return content_of(self)

    @property
    def switches(self) -> Switches:
        """What switches by time in the rates of the model."""
        return find_switches(self.plain_sbml)

    @cached_property
    def set_by_events(self) -> frozenset[str]:
        """Ids that events of the model set."""
        return frozenset(re.findall(r'<eventAssignment[^>]*\bvariable="(\w+)"', self.plain_sbml))

    @cached_property
    def only_fall(self) -> frozenset[str]:
        """Species that never come back once they have vanished, but by a dose."""
        return only_fall(self.plain_sbml)

    @property
    def delays(self) -> bool:
        """Whether an event of the model may wait."""
        return "<delay" in self.plain_sbml

    @property
    def target(self) -> DoseTarget:
        """What a dose changes.

        Raises
        ------
        ValueError
            When the model takes none.
        """
        if self.dose is None:
            raise ValueError(f"model {self.model} takes no dose")
        return self.dose

    @property
    def dosed(self) -> str:
        """Species that doses go into; empty for a model that takes none."""
        return self.dose.species if self.dose else ""

    def with_first_dose(self, values: Mapping[str, float], regimen: Regimen | None) -> dict[str, float]:
        """Values with the bolus at time 0 of a regimen among them; without one, the values as they are."""
        if regimen is None:
            return dict(values)
        return {**values, self.target.parameter: sum(dose.amount for dose in regimen.at_start)}

    @property
    def infusion_rate(self) -> str:
        """Id of the parameter that the form with an infusion has: cells per time unit into the dosed pool."""
        return f"infusion_rate_{self.target.species}"

    def sbml(self, logarithms: tuple[str, ...], infusion: bool) -> str:
        """SBML to run: with some pools as logarithms, with or without an inflow into the dosed pool."""
        if not infusion and logarithms == self.solver.logarithms:
            return self.solver_sbml
        plain = self.plain_sbml
        if infusion:
            plain = add_infusion(plain, self.target.species, self.infusion_rate)
        return to_solver_form(plain, logarithms) if logarithms else plain

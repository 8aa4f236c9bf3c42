"""What a study of the patients of a trial declares.

Promise: an omega is positive, and each random effect is given once.
"""

from __future__ import annotations

from typing import ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from harness.analysis.response import FIRST_VISIT, RULE
from harness.declarations import Seed
from harness.simulation.engines import AUTO
from harness.studies.outcome import EngineName, ProgressionRule, StudyDeclaration

__all__ = ["PatientsDeclaration"]


class PatientsDeclaration(StudyDeclaration):
    """The fields of :class:`harness.studies.patients.Patients`, which says what each of them is."""

    DECLARED: ClassVar[tuple[str, ...]] = ("patients", "responders", "nonresponders")

    kind: Literal["patients"] = "patients"
    model: str = "clinical"
    readings: tuple[str, ...] = ()
    table: str = "fig5/crb401_best_response.csv"
    remarks: tuple[str, ...] = ("bcma",)
    published: dict[str, str] = {"low": "crb401_50", "high": "crb401_escalation"}
    effects: dict[str, float | None] = dict.fromkeys(("K_exp_max", "K_kill_max", "gamma_m", "gamma_b"))
    more_effects: dict[str, float | None] = {
        **dict.fromkeys(("K_12", "K_21", "K_el_e", "K_el_m")),
        "Tumor_0": 0.5,
    }
    first_visit: float = Field(default=FIRST_VISIT, ge=0)
    rule: ProgressionRule = RULE
    until: str = "36 months"
    split: float = Field(default=150e6, gt=0)
    draws: int = Field(default=400, ge=1, le=100_000)
    engine: EngineName = AUTO
    seed: Seed = 1

    @field_validator("effects", "more_effects")
    @classmethod
    def _an_omega_is_positive(cls, value: dict[str, float | None]) -> dict[str, float | None]:
        for name, omega in value.items():
            if omega is not None and not 0 < omega < np.inf:
                raise ValueError(f"omega of {name} must be positive, not {omega:g}")
        return value

    @model_validator(mode="after")
    def _effects_are_given_once(self) -> PatientsDeclaration:
        if not self.effects:
            raise ValueError("effects: none given")
        doubled = sorted(set(self.effects) & set(self.more_effects))
        if doubled:
            raise ValueError(f"more_effects: {', '.join(doubled)} is among effects already")
        return self

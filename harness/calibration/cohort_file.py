"""A cohort that a person holds data of, as it is declared: arms, days, and what was observed.

Promise: what no such cohort can have shown is told in one line, before anything runs: a percentage that so
many patients do not make, numbers that are at odds, a day beyond the follow-up, and, once the model is known,
a value that its observable cannot have.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

from pydantic import Field, field_validator, model_validator

from harness.analysis.response import FIRST_VISIT
from harness.declarations import Declaration, read_declaration
from harness.errors import InputError, unknown_name
from harness.models.attainable import attainable
from harness.models.card import ModelCard
from harness.models.equations import read_equations
from harness.models.limits import POSITIVE
from harness.models.units import convert, parse_quantity
from harness.reading import read_text
from harness.simulation.declared_regimens import DeclaredRegimen

__all__ = ["ALL", "Arm", "Cohort", "is_share", "read_cohort", "require_attainable"]

ALL = "all arms"
"""Name of the rows of all of them."""


class Arm(DeclaredRegimen):
    """One arm: how many patients, and their doses, ``[150e6]`` or ``[50e6, 100e6@3]``.

    `observed` are numbers to score, all optional: orr, cr (percent), orr_DAY, median_pfs, pfs_MONTH (percent
    free of progression), OBSERVABLE_DAY (median over patients), highest_OBSERVABLE, ratio_OBSERVABLE_DAY,
    ratio_highest_OBSERVABLE (responders over others).
    """

    patients: int = Field(ge=1, le=10_000)
    observed: dict[str, float] = {}


class Cohort(Declaration):
    """A cohort that a person holds data of.

    Attributes
    ----------
    arms
        By name.
    observables
        Days at which each is read out.
    response_days
        Days at which response is read off against baseline, beside the best response.
    progression_months
        Months at which the share free of progression is read off.
    until
        End of the follow-up.
    observed
        Numbers of all arms together to score: orr, cr, median_pfs, pfs_MONTH.
    """

    title: str = ""
    arms: dict[str, Arm]
    observed: dict[str, float] = {}
    observables: dict[str, tuple[float, ...]] = {}
    response_days: tuple[float, ...] = ()
    progression_months: tuple[float, ...] = ()
    until: str = "12 months"

    @field_validator("arms")
    @classmethod
    def _there_is_an_arm(cls, arms: dict[str, Arm]) -> dict[str, Arm]:
        if not arms:
            raise ValueError("expected one arm or more")
        if ALL in arms:
            raise ValueError(f"'{ALL}' is the name of the rows of all of them; give another")
        return arms

    @model_validator(mode="after")
    def _observed_numbers_are_predicted(self) -> Cohort:
        known = self.predicted()
        for name, arm in self.arms.items():
            for number in arm.observed:
                if number not in known:
                    raise ValueError(f"arms: {name}: {unknown_name('number', number, known)}")
        for number in self.observed:
            if number not in self.of_all():
                raise ValueError(f"observed: {unknown_name('number of all arms', number, self.of_all())}")
        return self

    @model_validator(mode="after")
    def _days_are_within_the_follow_up(self) -> Cohort:
        days = parse_quantity(self.until, "day", "until")
        if days < FIRST_VISIT:
            raise ValueError(f"until: {days:g} days end before the first visit, day {FIRST_VISIT:g}")
        months = self._months()
        asked = [("response_days", self.response_days, "day", days)]
        asked += [("progression_months", self.progression_months, "month", months)]
        asked += [(f"observables: {name}", each, "day", days) for name, each in self.observables.items()]
        for where, times, unit, until in asked:
            for time in times:
                if not 0 <= time <= until:
                    raise ValueError(f"{where}: {time:g} is not between 0 and until, {until:g} {unit}s")
            if len(set(times)) < len(times):
                raise ValueError(f"{where}: a time stands twice")
        return self

    @model_validator(mode="after")
    def _numbers_can_be_observed(self) -> Cohort:
        every = sum(arm.patients for arm in self.arms.values())
        given = [(name, arm.observed, arm.patients) for name, arm in self.arms.items()]
        for where, observed, patients in (*given, (ALL, self.observed, every)):
            for number, value in observed.items():
                if reason := _impossible(number, value, patients):
                    raise ValueError(f"{where}: {number}: {reason}")
            if reason := self._at_odds(observed):
                raise ValueError(f"{where}: {reason}")
        return self

    def _months(self) -> float:
        """The end of the follow-up; without a unit it is in days, as everywhere."""
        return convert(parse_quantity(self.until, "day", "until"), "day", "month", "until")

    def _at_odds(self, observed: Mapping[str, float]) -> str:
        """Why no cohort can have these numbers together within the follow-up; empty where one can."""
        if observed.get("cr", 0.0) > observed.get("orr", 100.0):
            return f"cr, {observed['cr']:g} percent, is above orr, {observed['orr']:g} percent"
        months = sorted(month for month in self.progression_months if f"pfs_{month:g}" in observed)
        for early, late in pairwise(f"pfs_{month:g}" for month in months):
            if observed[late] > observed[early]:
                return f"{late}, {observed[late]:g} percent, is above {early}, {observed[early]:g} percent"
        until = self._months()
        if observed.get("median_pfs", 0.0) > until:
            return f"median_pfs: {observed['median_pfs']:g} is beyond until, {until:g} months"
        return ""

    def of_all(self) -> tuple[str, ...]:
        """Names of the numbers of all arms together."""
        return ("orr", "cr", "median_pfs", *(f"pfs_{month:g}" for month in self.progression_months))

    def predicted(self) -> tuple[str, ...]:
        """Names of all numbers that a prediction gives for an arm."""
        of_curves = [number for name in self.observables for number in self.numbers_of(name)]
        return (
            "orr",
            "cr",
            "median_pfs",
            *(f"orr_{day:g}" for day in self.response_days),
            *(f"pfs_{month:g}" for month in self.progression_months),
            *of_curves,
            *(f"ratio_{number}" for number in of_curves),
        )

    def numbers_of(self, observable: str) -> list[str]:
        """Names of the medians of an observable: of each day, and of its highest value."""
        return [*(f"{observable}_{day:g}" for day in self.observables[observable]), f"highest_{observable}"]


def is_share(number: str) -> bool:
    """Whether a number is a percentage of the patients."""
    return number in ("orr", "cr") or number.startswith(("orr_", "pfs_"))


def _impossible(number: str, value: float, patients: int) -> str:
    """Why no cohort of so many patients can have a number; empty where one can."""
    if is_share(number):
        if not 0 <= value <= 100:
            return f"{value:g} is no percentage"
        count = value * patients / 100
        # A published percentage is rounded; progression is estimated with patients who left, and is no count.
        if not number.startswith("pfs_") and abs(count - round(count)) > patients / 200 + 1e-6:
            return f"{value:g} percent of {patients} patients is {count:g}, no whole number"
    elif number == "median_pfs" and value <= 0:
        return f"expected a positive number, not {value:g}"
    return ""


def read_cohort(path: Path) -> Cohort:
    """Read the file of a cohort.

    Raises
    ------
    InputError
        In one line, with file and field.
    """
    return read_declaration(path, Cohort)


def require_attainable(path: str, cohort: Cohort, card: ModelCard) -> None:
    """Refuse an observable that a model does not have, and what was observed that it can never reach.

    Raises
    ------
    InputError
        With file, arm and number.
    """
    for name in cohort.observables:
        if name not in card.symbols:
            raise InputError(f"{path}: {card.symbols.unknown('observable', name, card.symbols)}")
    limits = attainable(read_equations(read_text(card.sbml_path())), cohort.observables)
    for name, within in limits.items():
        asked = dict.fromkeys(cohort.numbers_of(name), within)
        if within.least is not None and within.least >= 0:
            asked |= {f"ratio_{number}": POSITIVE for number in asked}
        for where, arm in cohort.arms.items():
            for number, limit in asked.items():
                if number in arm.observed and limit.excludes(arm.observed[number]):
                    raise InputError(f"{path}: {where}: {number}: {limit.said}, not {arm.observed[number]:g}")

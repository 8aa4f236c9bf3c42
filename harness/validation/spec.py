"""The declarative form of a panel: which curves and studies are run, what is drawn, which targets are scored.

Promise: a panel is a folder of ``validation/`` with a ``spec.yaml`` of this schema and the tables it names;
thresholds stand there, before anything is scored.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import field_validator, model_validator

from harness.analysis.observations import Columns, read_observations
from harness.declarations import Declaration, FieldError, read_declaration
from harness.errors import InputError, unknown_name
from harness.former import current
from harness.models.card import repository
from harness.validation.curves import Curve
from harness.validation.ledger import read_ledger
from harness.validation.measures import AnyMeasure
from harness.validation.studies import AnyStudy
from harness.validation.thresholds import Threshold, read_claims

__all__ = ["Axes", "PanelSpec", "ScanAxes", "Target", "every_panel", "panel_names", "read_panel"]


class Target(Declaration):
    """One scored statement. Without a threshold the number is shown, not judged.

    `pending` says, in place of a measure, what must be computed first. `expected` says beforehand what comes
    of it. A target that is ``not reproducible`` tests the specification as it is published, or every way to
    read it that the ledger row scores. One that is ``not met by this reading`` tests a reading, a definition
    or an addition that is this project's own, beside others in the same row.
    """

    id: str
    claim: str
    statement: str
    evidence: Literal["data", "text", "golden", "internal"]
    measure: AnyMeasure | None = None
    pending: str | None = None
    unit: str
    threshold: Threshold | None = None
    expected: Literal["met", "not reproducible", "not met by this reading"] = "met"
    ledger: str | None = None

    @field_validator("ledger")
    @classmethod
    def _the_ledger_has_the_row(cls, value: str | None) -> str | None:
        if value is not None and value not in read_ledger():
            raise ValueError(str(unknown_name("row in the ledger", value, read_ledger())))
        return value

    @model_validator(mode="after")
    def _is_whole(self) -> Target:
        if (self.measure is None) == (self.pending is None):
            raise ValueError("give either a measure or, under pending, what must be computed first")
        if self.expected != "met":
            if self.threshold is None:
                raise ValueError(f"without a threshold a number is shown; it cannot be {self.expected}")
            if not self.ledger:
                raise ValueError("a target that is not expected to be met names its ledger row")
            if self.expected == "not met by this reading" and len(read_ledger()[self.ledger].scored) < 2:
                raise ValueError(f"{self.ledger} scores no other reading beside this one")
        return self

    @model_validator(mode="after")
    def _the_threshold_is_that_of_the_claim_or_says_why(self) -> Target:
        fixed = read_claims().get(self.claim)
        asked = self.threshold
        if fixed is not None and asked is not None and asked not in fixed and not asked.because:
            raise ValueError(
                f"claim {self.claim} does not ask for {self.threshold}; say why under threshold.because"
            )
        return self


class Axes(Declaration):
    """One set of axes of the panel's figure: curves over time, and observations."""

    title: str
    observable: str
    curves: tuple[str, ...]
    arms: dict[str, str] = {}  # arm of the observations to its label
    label: str
    scale: Literal["linear", "log"] = "linear"
    low: float | None = None
    high: float | None = None
    until: float | None = None
    inset_until: float | None = None
    scored_against: str


class ScanLine(Declaration):
    """One line over a scan: a study and its name in the legend; `band` are the studies of its edges."""

    study: str
    label: str
    band: tuple[str, str] | None = None


class ScanAxes(Declaration):
    """Axes over one axis of scans, one small plot for each condition, with observations by that axis."""

    title: str
    x: str
    x_label: str
    x_scale: Literal["linear", "log"] = "log"
    y: str
    y_label: str
    observable: str  # of the observations, which carry a column `x` and whose arm is the condition
    unit: str  # of y and of the observations drawn
    low: float | None = None
    high: float | None = None
    conditions: tuple[str, ...]
    lines: tuple[ScanLine, ...]
    scored_against: str


class PanelSpec(Declaration):
    """One panel of the article, or one trial."""

    panel: str
    place: int  # in lists of panels, ascending
    title: str
    figure: str
    source: str
    summary: str
    observations: str | None = None
    columns: Columns = {}  # of the table of observations, beyond those that every one has
    slots: tuple[str, ...] = ()  # arms of observations that may still be without numbers
    curves: dict[str, Curve] = {}
    studies: dict[str, AnyStudy] = {}
    axes: tuple[Axes, ...] = ()
    scan_axes: ScanAxes | None = None
    targets: tuple[Target, ...]

    @model_validator(mode="after")
    def _names_are_known(self) -> PanelSpec:
        names_of = cache(
            lambda study: self.studies[study].number_names()
        )  # of many numbers of one study once
        for place, target in enumerate(self.targets):
            if target.measure is not None:
                try:
                    target.measure.check(self.curves, self.studies)
                    for study, number in target.measure.numbers():
                        if number not in names_of(study):
                            raise unknown_name(f"number of study {study}", number, names_of(study))
                except InputError as error:
                    raise FieldError(("targets", place, "measure"), f"{target.id}: {error}") from None
                if target.threshold and (why := target.measure.fixed_by(target.evidence, self.studies)):
                    raise FieldError(
                        ("targets", place, "threshold"),
                        f"{target.id} cannot fail: {why}; show it without one",
                    )
        for place, axes in enumerate(self.axes):
            self._check_axes(("axes", place), axes)
        for line in self.scan_axes.lines if self.scan_axes else ():
            for study in (line.study, *(line.band or ())):
                if study not in self.studies:
                    raise FieldError(("scan_axes", "lines"), unknown_name("study", study, self.studies))
        ids = [target.id for target in self.targets]
        for place, name in enumerate(ids):
            if name in ids[:place]:
                raise FieldError(("targets", place), f"target id given twice: {name}")
        return self

    def _check_axes(self, location: tuple[str | int, ...], axes: Axes) -> None:
        for curve in axes.curves:
            if curve not in self.curves:
                raise FieldError(location, unknown_name("curve", curve, self.curves))
            if axes.observable not in (symbols := self.curves[curve].symbols):
                wrong = unknown_name(f"observable of curve {curve}", axes.observable, symbols)
                raise FieldError((*location, "observable"), wrong)

    @property
    def folder(self) -> Path:
        return repository() / "validation" / self.panel

    def observed(self) -> pd.DataFrame | None:
        """The table of observations; None where the panel names none.

        Raises
        ------
        InputError
            When the table is broken, or a row has an arm or an observable that nothing in the panel names.
        """
        if self.observations is None:
            return None
        path = self.folder / self.observations
        table = read_observations(path, self.columns)
        for column, names in (("arm", self.arms()), ("observable", self.observables())):
            for row, name in enumerate(table[column], start=1):
                if name not in names:
                    raise InputError(
                        f"{path}: row {row}: {unknown_name(f'{column} of the panel', name, names)}"
                    )
        return table

    def _readers(self) -> list[object]:
        """All that may read the table of observations."""
        return [*(target.measure for target in self.targets), *self.axes, self.scan_axes]

    def arms(self) -> set[str]:
        """Arms of the table that are drawn, scored or still empty; a condition of the model is one."""
        arms = self._named("arm")
        many = [getattr(reader, name, ()) for reader in self._readers() for name in ("arms", "conditions")]
        return arms.union(self.slots, *many)

    def observables(self) -> set[str]:
        """Observables that are drawn or scored."""
        return self._named("observable")

    def _named(self, field: str) -> set[str]:
        """What the readers have under a field."""
        named = (getattr(reader, field, None) for reader in self._readers())
        return {name for name in named if name is not None}


def panel_names() -> tuple[str, ...]:
    """Names of all panels, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in (repository() / "validation").glob("*/spec.yaml")))


def every_panel() -> list[PanelSpec]:
    """All panels, in the order of the article."""
    return sorted((read_panel(name) for name in panel_names()), key=lambda panel: panel.place)


def read_panel(name: str) -> PanelSpec:
    """Read the specification of one panel.

    Raises
    ------
    InputError
        When there is no such panel, or the file does not follow the schema (file, line and field).
    """
    name = current("panel", name)
    if name not in panel_names():
        raise unknown_name("panel", name, panel_names())
    path = repository() / "validation" / name / "spec.yaml"
    spec = read_declaration(path, PanelSpec)
    if spec.panel != name:
        raise InputError(f"{path}:1: panel is {spec.panel}, the folder's name says {name}")
    return spec

"""The declarative form of a panel: which curves are simulated, what is drawn, and which targets are scored.

Promise: a panel is a folder of ``validation/`` with a ``spec.yaml`` of this schema and the tables it names;
thresholds stand there, before anything is scored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from harness.declarations import Declaration, read_declaration
from harness.errors import InputError, unknown_name
from harness.models.catalog import repository
from harness.validation.ledger import read_ledger

__all__ = [
    "Arithmetic",
    "Axes",
    "Cases",
    "Comparison",
    "Curve",
    "Endpoint",
    "PanelSpec",
    "Quantity",
    "Residual",
    "Target",
    "Threshold",
    "curves_of",
    "panel_names",
    "read_panel",
]


class Curve(Declaration):
    """One simulation, by name."""

    label: str
    model: str
    readings: tuple[str, ...] = ()
    condition: str | None = None
    doses: tuple[str, ...] | None = None
    changes: dict[str, str] = {}
    until: str | None = None
    times: str | None = None


class Quantity(Declaration):
    """One endpoint of one observable of one curve. Times are in the model's time unit."""

    curve: str
    observable: str
    endpoint: Literal[
        "value", "peak_height", "peak_time", "half_life", "lowest", "highest", "fold_fall", "fall_time"
    ]
    at: float | None = None
    after: float = 0.0
    start: float = 0.0
    stop: float = float("inf")
    share: float = 0.5

    @model_validator(mode="after")
    def _a_value_has_a_time(self) -> Quantity:
        if (self.endpoint == "value") != (self.at is not None):
            raise ValueError("at goes with the endpoint value, and only with it")
        return self


class Residual(Declaration):
    """Distance of a curve from the observations of one arm."""

    kind: Literal["residual"]
    metric: Literal["rmse", "log_rmse", "largest_fold"]
    curve: str
    observable: str
    arm: str
    start: float = 0.0
    stop: float = float("inf")


class Endpoint(Quantity):
    """One endpoint of a curve."""

    kind: Literal["endpoint"]


class DataEndpoint(Declaration):
    """The same endpoint of the observations themselves, for comparison."""

    kind: Literal["data_endpoint"]
    endpoint: Literal["peak_height", "peak_time", "half_life", "growth_rate"]
    observable: str
    arm: str
    after: float = 0.0
    start: float = 0.0
    stop: float = float("inf")


class Comparison(Declaration):
    """One endpoint over another."""

    kind: Literal["ratio"]
    of: Quantity
    over: Quantity


class Cases(Declaration):
    """A table of simulations with the value expected of each; the largest error over all rows.

    The first line of the table is ``# expected: `` and the columns that hold expected values. The other
    columns are `condition`, `reading`, `dose`, `source` and symbols of the model, in its units.
    """

    kind: Literal["cases"]
    table: str
    expected: str
    error: Literal["absolute", "relative"]
    curve: str
    observable: str
    endpoint: Literal["value", "peak_height", "peak_time", "lowest", "highest"]
    at: float | None = None
    after: float = 0.0
    start: float = 0.0
    stop: float = float("inf")
    times: str


class Arithmetic(Declaration):
    """A number worked out from the parameters alone, as the article does in its text."""

    kind: Literal["parameter_value", "half_life_of_rate", "total_transit", "parameter_ratio"]
    model: str
    parameter: str
    unit: str = "dimensionless"
    count: int = 1
    over_model: str | None = None

    @model_validator(mode="after")
    def _a_ratio_has_two_models(self) -> Arithmetic:
        if (self.kind == "parameter_ratio") != (self.over_model is not None):
            raise ValueError("over_model goes with parameter_ratio, and only with it")
        return self


Measure = Annotated[
    Residual | Endpoint | DataEndpoint | Comparison | Cases | Arithmetic, Field(discriminator="kind")
]


class Threshold(Declaration):
    """The condition a score must meet: a bound, two bounds, or a value and how near it must be."""

    at_least: float | None = None
    at_most: float | None = None
    near: float | None = None
    within: float | None = None
    within_percent: float | None = None

    @model_validator(mode="after")
    def _says_one_thing(self) -> Threshold:
        bounds = self.at_least is not None or self.at_most is not None
        if (self.near is not None) == bounds:
            raise ValueError("give at_least and/or at_most, or near with within or within_percent")
        if self.near is not None and (self.within is None) == (self.within_percent is None):
            raise ValueError("near needs either within or within_percent")
        return self

    def bounds(self) -> tuple[float, float]:
        """Lowest and highest score that meet it."""
        if self.near is not None:
            width = self.within if self.within is not None else abs(self.near) * self.within_percent / 100
            return self.near - width, self.near + width
        low = self.at_least if self.at_least is not None else float("-inf")
        high = self.at_most if self.at_most is not None else float("inf")
        return low, high

    def __str__(self) -> str:
        if self.near is not None:
            width = f"{self.within:g}" if self.within is not None else f"{self.within_percent:g} %"
            return f"{self.near:g} ± {width}"
        parts = [f"≥ {self.at_least:g}"] if self.at_least is not None else []
        parts += [f"≤ {self.at_most:g}"] if self.at_most is not None else []
        return " and ".join(parts)


class Target(Declaration):
    """One scored statement. Without a threshold the number is shown, not judged."""

    id: str
    claim: str
    statement: str
    evidence: Literal["data", "text", "golden", "internal"]
    measure: Measure
    unit: str
    threshold: Threshold | None = None
    expected: Literal["met", "not met"] = "met"
    ledger: str | None = None

    @field_validator("ledger")
    @classmethod
    def _the_ledger_has_the_row(cls, value: str | None) -> str | None:
        if value is not None and value not in read_ledger():
            raise ValueError(str(unknown_name("row in the ledger", value, read_ledger())))
        return value

    @model_validator(mode="after")
    def _a_failure_has_a_reason(self) -> Target:
        if self.expected == "not met" and not self.ledger:
            raise ValueError("a target that is not expected to be met names its ledger row")
        return self


class Axes(Declaration):
    """One set of axes of the panel's figure."""

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


class PanelSpec(Declaration):
    """One panel of the article, or one trial."""

    panel: str
    title: str
    figure: str
    source: str
    summary: str
    observations: str | None = None
    curves: dict[str, Curve]
    axes: tuple[Axes, ...] = ()
    targets: tuple[Target, ...]

    @model_validator(mode="after")
    def _names_are_known(self) -> PanelSpec:
        for target in self.targets:
            for curve in curves_of(target.measure):
                if curve not in self.curves:
                    raise ValueError(str(unknown_name(f"curve for target {target.id}", curve, self.curves)))
        for axes in self.axes:
            for curve in axes.curves:
                if curve not in self.curves:
                    raise ValueError(str(unknown_name(f"curve for axes {axes.title}", curve, self.curves)))
        ids = [target.id for target in self.targets]
        doubled = {name for name in ids if ids.count(name) > 1}
        if doubled:
            raise ValueError(f"target id given twice: {', '.join(sorted(doubled))}")
        return self

    @property
    def folder(self) -> Path:
        return repository() / "validation" / self.panel


def curves_of(measure: Measure) -> list[str]:
    """Names of the curves that a measure reads."""
    match measure:
        case Comparison():
            return [measure.of.curve, measure.over.curve]
        case Arithmetic() | DataEndpoint():
            return []
        case _:
            return [measure.curve]


def panel_names() -> tuple[str, ...]:
    """Names of all panels, in alphabetical order."""
    return tuple(sorted(path.parent.name for path in (repository() / "validation").glob("*/spec.yaml")))


def read_panel(name: str) -> PanelSpec:
    """Read the specification of one panel.

    Raises
    ------
    InputError
        When there is no such panel, or the file does not follow the schema (file, line and field).
    """
    if name not in panel_names():
        raise unknown_name("panel", name, panel_names())
    path = repository() / "validation" / name / "spec.yaml"
    spec = read_declaration(path, PanelSpec)
    if spec.panel != name:
        raise InputError(f"{path}:1: panel is {spec.panel}, the folder's name says {name}")
    return spec

"""Measures of single curves: distance from observations, endpoints, their ratios and crossings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from pydantic import model_validator

from harness.analysis import metrics
from harness.analysis.library import FUNCTIONS, require_options
from harness.analysis.points import POINTS
from harness.declarations import Declaration
from harness.errors import unknown_name
from harness.studies.outcome import StudyDeclaration
from harness.validation.curves import Curve, Evidence
from harness.validation.measures.base import Measure

__all__ = ["Comparison", "Crossing", "DataEndpoint", "Endpoint", "Quantity", "Residual", "read_endpoint"]

Name = Literal[
    "value_at", "peak_height", "peak_time", "half_life", "growth_rate", "lowest", "highest", "fold_fall",
    "fall_time", "highest_point", "lowest_point", "regressed_rate", "regressed_half_life",
]  # fmt: skip
READ = {**FUNCTIONS, **POINTS}
"""Functions of curves, and of points as they stand."""


class Options(Declaration):
    """Options of an endpoint, in the model's time unit; each endpoint takes its own."""

    endpoint: Name
    at: float | None = None
    after: float | None = None
    before: float | None = None
    start: float | None = None
    stop: float | None = None
    share: float | None = None

    @model_validator(mode="after")
    def _options_fit(self) -> Options:
        self.require_fit()
        return self

    def require_fit(self) -> None:
        """Hold the options against the function of the endpoint."""
        require_options(self.endpoint, READ[self.endpoint], self.options())

    def options(self) -> dict[str, float]:
        """Those that are given."""
        given = {name: getattr(self, name) for name in Options.model_fields if name != "endpoint"}
        return {name: value for name, value in given.items() if value is not None}


def read_endpoint(time: ArrayLike, value: ArrayLike, wanted: Options) -> float:
    """Read an endpoint off one curve."""
    return float(READ[wanted.endpoint](np.asarray(time), np.asarray(value), **wanted.options()))


class Quantity(Options):
    """One endpoint of one observable of one curve; or one that the curve's model declares, by name alone."""

    endpoint: str  # type: ignore[assignment]  # any name here: that of an endpoint of the model too
    curve: str
    observable: str | None = None

    def require_fit(self) -> None:
        functions = get_args(Name)
        if self.observable is not None:
            if self.endpoint not in functions:
                raise ValueError(str(unknown_name("endpoint function", self.endpoint, functions)))
            super().require_fit()
        elif self.endpoint in functions:
            raise ValueError(f"{self.endpoint} needs an observable")
        elif self.options():
            raise ValueError(f"{self.endpoint} is an endpoint of the model, with options of its own")

    def reads(self) -> tuple[tuple[str, str], ...]:
        """The curve and the observable; none for an endpoint of the model, which has a run of its own."""
        return () if self.observable is None else ((self.curve, self.observable),)

    def require_declared(self, curves: Mapping[str, Curve]) -> None:
        """Refuse a curve that is not there, and an endpoint that its model does not declare."""
        if self.curve not in curves:
            raise unknown_name("curve", self.curve, curves)
        declared = curves[self.curve].card.endpoints
        if self.observable is None and self.endpoint not in declared:
            raise unknown_name(f"endpoint of curve {self.curve}", self.endpoint, (*declared, *get_args(Name)))

    def of(self, evidence: Evidence) -> float:
        """Its value."""
        if self.observable is None:
            return evidence.declared[self.curve].endpoint(self.endpoint)
        curve = evidence.curves[self.curve]
        return read_endpoint(curve.time, curve[self.observable], self)


class Residual(Measure):
    """Distance of a curve from the observations of one arm."""

    kind: Literal["residual"]
    metric: Literal[
        "rmse", "log_rmse", "largest_fold", "geometric_fold", "share_within_fold", "rank_agreement"
    ]
    curve: str
    observable: str
    arm: str
    start: float = 0.0
    stop: float = float("inf")

    def reads(self) -> tuple[tuple[str, str], ...]:
        return ((self.curve, self.observable),)

    def score(self, evidence: Evidence) -> float:
        data = evidence.observed(self.observable, self.arm)
        inside = (data.time >= self.start) & (data.time <= self.stop)
        predicted = evidence.at(self.curve, self.observable, data.time[inside])
        return getattr(metrics, self.metric)(predicted, data.value[inside])


class Endpoint(Quantity, Measure):
    """One endpoint of a curve."""

    kind: Literal["endpoint"]

    def check(self, curves: Mapping[str, Curve], studies: Mapping[str, StudyDeclaration]) -> None:
        self.require_declared(curves)
        super().check(curves, studies)

    def score(self, evidence: Evidence) -> float:
        return self.of(evidence)


class DataEndpoint(Options, Measure):
    """An endpoint of the observations themselves, for comparison: of points, with nothing between them."""

    kind: Literal["data_endpoint"]
    observable: str
    arm: str

    @model_validator(mode="after")
    def _of_points(self) -> DataEndpoint:
        if self.endpoint not in POINTS:
            raise ValueError(f"observations are points; their endpoints are {', '.join(POINTS)}")
        return self

    def fixed_by(self, evidence: str, studies: Mapping[str, StudyDeclaration]) -> str:  # noqa: ARG002 - one form of all measures
        return "it is of the observations alone"

    def score(self, evidence: Evidence) -> float:
        data = evidence.observed(self.observable, self.arm)
        return read_endpoint(data.time, data.value, self)


class Comparison(Measure):
    """One endpoint over another."""

    kind: Literal["ratio"]
    of: Quantity
    over: Quantity

    def reads(self) -> tuple[tuple[str, str], ...]:
        return (*self.of.reads(), *self.over.reads())

    def check(self, curves: Mapping[str, Curve], studies: Mapping[str, StudyDeclaration]) -> None:
        self.of.require_declared(curves)
        self.over.require_declared(curves)
        super().check(curves, studies)

    def score(self, evidence: Evidence) -> float:
        return self.of.of(evidence) / self.over.of(evidence)


class Crossing(Measure):
    """Value of one observable where another of the same curve first crosses a level."""

    kind: Literal["crossing"]
    curve: str
    observable: str
    where: str
    level: float

    def reads(self) -> tuple[tuple[str, str], ...]:
        return ((self.curve, self.observable), (self.curve, self.where))

    def score(self, evidence: Evidence) -> float:
        curve = evidence.curves[self.curve]
        x, y = curve[self.where].to_numpy() - self.level, curve[self.observable].to_numpy()
        crossed = np.flatnonzero((x[:-1] < 0) != (x[1:] < 0))
        if not crossed.size:
            return float("nan")
        i = crossed[0]
        return float(y[i] + (y[i + 1] - y[i]) * x[i] / (x[i] - x[i + 1]))

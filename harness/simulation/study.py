"""A study: a model to be run over a design, validated, as plain data that travels to any worker.

Promise: a study, a chunk of its rows and what became of them hold all that is needed, and run nothing;
harness.simulation.chunks does.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from harness.analysis.curves import as_change, as_share
from harness.analysis.library import FUNCTIONS
from harness.analysis.moments import SAME, jumps, nearly_in, with_moments
from harness.errors import InputError
from harness.identity import key_of
from harness.shown import in_lines, listed
from harness.simulation.engines import ROADRUNNER
from harness.simulation.own_code import called, load
from harness.simulation.program import Program
from harness.simulation.regimen import Redosing, Regimen
from harness.simulation.trajectory import Status

__all__ = ["HELD", "REDOSES", "Chunk", "ChunkResult", "EndpointCall", "Study", "is_ok"]

REDOSES = ("redoses", "redose_days")
"""Columns of the results of a rule that may dose again: how many doses it gave, and when."""

HELD = ("held", "held_days")
"""Columns of the results of a rule that may hold a planned dose: how many it held, and when."""


@dataclass(frozen=True)
class EndpointCall:
    """One endpoint: a function of harness.analysis.library of one observable, or a user's own.

    A user's function has the import path ``module:function`` and takes `time`, shape (n,), and a mapping
    of observables to values, shape (runs, n); it returns one number a run; `text` is what it is made of, as
    :mod:`harness.simulation.own_code` tells it. A call has arrays of its own: none changes what another sees.
    """

    name: str
    function: str
    unit: str
    observable: str = ""
    options: Mapping[str, float | str] = field(default_factory=dict)
    text: str = ""

    @property
    def of_values(self) -> bool:
        """Whether it is a value of its observable, rather than a time, a rate or an area."""
        return getattr(self.load(), "unit", "") == "{value}"

    def load(self) -> Callable[..., np.ndarray]:
        """The function itself.

        Raises
        ------
        InputError
            When a user's function is not there, or not the one that was planned.
        """
        return load(self.function, self.text) if ":" in self.function else FUNCTIONS[self.function]

    def __call__(self, time: np.ndarray, values: Mapping[str, np.ndarray], doses: np.ndarray) -> np.ndarray:
        """The endpoint of every run; `doses`, start and end of each, (m, 2), for a function that asks."""
        if not self.observable:
            return self._of_user(_own_copy(time), {name: _own_copy(array) for name, array in values.items()})
        function: Callable[..., np.ndarray] = self.load()
        options: dict[str, object] = dict(self.options)
        if "doses" in inspect.signature(function).parameters:
            options["doses"] = doses
        value = values[self.observable]
        if not (self.of_values and self.unit == "percent"):
            return function(_own_copy(time), _own_copy(value), **options)
        # A value of what falls below 0 percent is that of a change, whichever function of values it is.
        change = np.any(value < 0, axis=-1, keepdims=True)
        read = np.where(change, as_share(value), value)
        found = function(_own_copy(time), _own_copy(read), **options)
        return np.where(change[..., 0], as_change(found), found)

    def _of_user(self, time: np.ndarray, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """What a user's function gives, held against what is wanted."""
        runs = next(iter(values.values())).shape[:1]
        function = self.load()
        found = called(self.function, lambda: np.asarray(function(time, values)))
        if found.dtype.kind not in "biuf":  # a complex number would lose a part, a text is none
            raise InputError(f"endpoint {self.function}: gives {found.dtype}, which are no real numbers")
        if found.shape != runs:
            raise InputError(
                f"endpoint {self.function}: gives shape {found.shape}, not one number a run {runs}"
            )
        return found.astype(float)


def _own_copy(array: np.ndarray) -> np.ndarray:
    """A copy that is not to be written to: whoever does so is told, and changes nothing that another sees."""
    copied = np.array(array)
    copied.flags.writeable = False
    return copied


@dataclass(frozen=True)
class Study:
    """What is the same for every run.

    Attributes
    ----------
    program
        The model.
    columns
        Parameters that the design sets, in the order of a chunk's columns.
    fixed
        Parameters set in every run, under those of the design.
    regimen
        Regimen of every run, unless a row names its own; None gives the model's own dose.
    regimens
        Regimens that rows name.
    end
        End of a run that gives no days of its own; endpoints see nothing after it.
    observables
        What is read out.
    endpoint_times
        Times that endpoints are read off, ascending, counted from the start and again from every later dose,
        with the moments of doses and the end of a run.
    times
        Times at which trajectories are kept, ascending; empty when none are. No endpoint depends on them.
    endpoints, at, at_observables
        What becomes of a run: endpoints, and values of observables at given times.
    moving
        Names of the endpoints that are read off finer times until they stand still.
    engine
        What runs it, of :mod:`harness.simulation.engines`.
    """

    program: Program
    columns: tuple[str, ...]
    fixed: Mapping[str, float]
    regimen: Regimen | None
    regimens: Mapping[str, Regimen]
    end: float
    observables: tuple[str, ...]
    endpoint_times: np.ndarray
    times: np.ndarray
    endpoints: tuple[EndpointCall, ...] = ()
    at: tuple[float, ...] = ()
    at_observables: tuple[str, ...] = ()
    default_dose: float = 0.0
    moving: tuple[str, ...] = ()
    engine: str = ROADRUNNER

    def __repr__(self) -> str:
        return in_lines(
            f"Study: {self.program.model} to {self.end:g}",
            engine=self.engine,
            columns=listed(self.columns),
            observables=listed(self.observables),
            results=listed(self.column_names()),
        )

    @property
    def keep(self) -> bool:
        """Whether trajectories are kept."""
        return self.times.size > 0

    @property
    def reads(self) -> bool:
        """Whether anything is read off the runs."""
        return bool(self.endpoints or self.at)

    @property
    def rules(self) -> tuple[Redosing, ...]:
        """Rules that may dose a run again."""
        return tuple(given.redosing for given in self._regimens() if given.redosing)

    @property
    def holds(self) -> bool:
        """Whether a rule may hold a planned dose."""
        return any(given.hold for given in self._regimens())

    def column_names(self) -> list[str]:
        """Columns of the results: endpoints, then each observable at each time, then what rules gave."""
        at = [f"{observable}_{time:g}" for observable in self.at_observables for time in self.at]
        ruled = [*(REDOSES if self.rules else ()), *(HELD if self.holds else ())]
        return [call.name for call in self.endpoints] + at + ruled

    def kept_times(self) -> np.ndarray:
        """Times of rows that are kept: `times`; moments of regimens and visits of rules, twice."""
        return self._kept_times

    @cached_property
    def _kept_times(self) -> np.ndarray:
        if not self.keep:
            return self.times
        visits = [rule.visits(self.times[-1]) for rule in self.rules]
        moments = np.concatenate([self._moments(), *visits])
        low, high = max(self.times[0], np.finfo(float).tiny), self.times[-1] * (1 + SAME)
        return with_moments(self.times, moments[(moments >= low) & (moments <= high)])

    def shown_rows(self, redoses: Iterable[float]) -> np.ndarray:
        """Which of them mean something, given when rules dosed: a visit without a dose is no moment."""
        kept, given = self.kept_times(), np.union1d(self._moments(), [*redoses])
        shown = nearly_in(kept, np.union1d(self.times, given))
        before = jumps(kept)
        shown[before] = nearly_in(kept[before + 1], given)
        return shown

    def _moments(self) -> np.ndarray:
        """Moments of all regimens, whatever the run."""
        return np.array([moment for given in self._regimens() for moment in given.moments()], float)

    def _regimens(self) -> list[Regimen]:
        return [given for given in (self.regimen, *self.regimens.values()) if given is not None]

    def key(self) -> str:
        """A name for the study that is the same for the same content, in any process."""
        return key_of(self)


@dataclass(frozen=True)
class Chunk:
    """Some consecutive rows of a design: `values` is (rows, columns), `days` (rows,) or None.

    `beyond` are rows that are not run, since the model cannot have a value of theirs, each with which.
    """

    start: int
    values: np.ndarray
    days: np.ndarray | None = None
    regimens: tuple[str, ...] | None = None
    beyond: Mapping[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.values)

    def rows(self, which: np.ndarray) -> Chunk:
        """Some of its rows, by their places."""
        return Chunk(
            self.start,
            self.values[which],
            None if self.days is None else self.days[which],
            None if self.regimens is None else tuple(self.regimens[row] for row in which),
            {place: self.beyond[row] for place, row in enumerate(which.tolist()) if row in self.beyond},
        )


@dataclass(frozen=True)
class ChunkResult:
    """What became of a chunk, row by row.

    Status and reason; one array a column, in the order of :meth:`Study.column_names`; when a rule dosed; and
    if they are kept, trajectories at :meth:`Study.kept_times`, shape (rows, times, observables).
    """

    start: int
    status: list[str]
    reason: list[str]
    columns: dict[str, np.ndarray]
    redoses: list[tuple[float, ...]]
    trajectories: np.ndarray = field(default_factory=lambda: np.empty((0, 0, 0)))

    def __len__(self) -> int:
        return len(self.status)


def is_ok(status: str) -> bool:
    """Whether a row of results is a run that ended well."""
    return status == Status.OK

"""A study: a model to be run over a design, validated, as plain data that travels to any worker.

Promise: :func:`run_chunk` is the one function that every executor calls. Its result depends on the study
and on the rows of the chunk alone, so it is bitwise the same in any order, chunk or process.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from harness.analysis.library import FUNCTIONS
from harness.errors import InputError
from harness.identity import key_of
from harness.simulation.engine import Engine, Status
from harness.simulation.own_code import called, load
from harness.simulation.program import Program
from harness.simulation.regimen import Regimen

__all__ = ["Chunk", "ChunkResult", "EndpointCall", "Study", "engine_of", "run_chunk"]


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

    def load(self) -> Callable[..., np.ndarray]:
        """The function itself.

        Raises
        ------
        InputError
            When a user's function is not there, or not the one that was planned.
        """
        return load(self.function, self.text) if ":" in self.function else FUNCTIONS[self.function]

    def __call__(self, time: np.ndarray, values: Mapping[str, np.ndarray]) -> np.ndarray:
        if self.observable:
            return self.load()(_own_copy(time), _own_copy(values[self.observable]), **self.options)
        return self._of_user(_own_copy(time), {name: _own_copy(array) for name, array in values.items()})

    def _of_user(self, time: np.ndarray, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """What a user's function gives, held against what is wanted."""
        runs = next(iter(values.values())).shape[:1]
        function = self.load()
        found = called(self.function, lambda: np.asarray(function(time, values), float))
        if found.shape != runs:
            raise InputError(
                f"endpoint {self.function}: gives shape {found.shape}, not one number a run {runs}"
            )
        return found


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
        Regimens that rows can name.
    times
        Output times of a run, ascending.
    observables
        What is read out.
    endpoints, at, at_observables
        What becomes of it: endpoints, and values of observables at given times.
    keep
        Whether trajectories are returned too.
    """

    program: Program
    columns: tuple[str, ...]
    fixed: Mapping[str, float]
    regimen: Regimen | None
    regimens: Mapping[str, Regimen]
    times: np.ndarray
    observables: tuple[str, ...]
    endpoints: tuple[EndpointCall, ...] = ()
    at: tuple[float, ...] = ()
    at_observables: tuple[str, ...] = ()
    keep: bool = False
    default_dose: float = 0.0

    def column_names(self) -> list[str]:
        """Columns of the results: endpoints, then each observable at each time."""
        at = [f"{observable}_{time:g}" for observable in self.at_observables for time in self.at]
        return [call.name for call in self.endpoints] + at

    def key(self) -> str:
        """A name for the study that is the same for the same content, in any process."""
        return key_of(self)


@dataclass(frozen=True)
class Chunk:
    """Some consecutive rows of a design: `values` is (rows, columns), `days` (rows,) or None."""

    start: int
    values: np.ndarray
    days: np.ndarray | None = None
    regimens: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.values)


@dataclass(frozen=True)
class ChunkResult:
    """What became of a chunk, row by row: status, reason, one array a column, and trajectories if kept."""

    start: int
    status: list[str]
    reason: list[str]
    columns: dict[str, np.ndarray]
    trajectories: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.status)


def run_chunk(study: Study, chunk: Chunk) -> ChunkResult:
    """Run the rows of a chunk."""
    engine = engine_of(study.program)
    runs = len(chunk)
    status, reason = [""] * runs, [""] * runs
    kept = np.full((runs, len(study.times), len(study.observables)), np.nan) if study.keep else None
    columns = {name: np.full(runs, np.nan) for name in study.column_names()}
    for rows, times in _same_times(study, chunk):
        values = np.full((len(rows), len(times), len(study.observables)), np.nan)
        for place, row in enumerate(rows):
            settings, regimen = _settings(study, chunk, row)
            run = engine.run(settings, regimen, times, study.observables)
            values[place] = run.values
            status[row], reason[row] = str(run.status), run.reason
        _read_off(study, columns, rows, times, values)
        if kept is not None:
            kept[rows[:, np.newaxis], np.flatnonzero(np.isin(study.times, times))] = values[
                :, np.isin(times, study.times)
            ]
    return ChunkResult(chunk.start, status, reason, columns, kept)


def _same_times(study: Study, chunk: Chunk) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows of a chunk that share their output times, and those times: to the end of each run."""
    if chunk.days is None:
        return [(np.arange(len(chunk)), study.times)]
    groups = []
    for days in np.unique(chunk.days):
        times = np.append(study.times[study.times < days * (1 - 1e-12)], days)
        groups.append((np.flatnonzero(chunk.days == days), times))
    return groups


def _settings(study: Study, chunk: Chunk, row: int) -> tuple[dict[str, float], Regimen | None]:
    """Parameters of one row, and its regimen in absolute amounts."""
    settings = {**study.fixed, **dict(zip(study.columns, chunk.values[row].tolist(), strict=True))}
    regimen = study.regimens[chunk.regimens[row]] if chunk.regimens else study.regimen
    if regimen is None:
        return settings, None
    dose = settings.pop(study.program.dose.parameter, study.default_dose)
    return settings, regimen.absolute(dose)


def _read_off(
    study: Study,
    columns: dict[str, np.ndarray],
    rows: np.ndarray,
    times: np.ndarray,
    values: np.ndarray,
) -> None:
    """Endpoints and values at given times of some rows, into their columns; NaN for a run that failed."""
    failed = ~np.isfinite(values).all(axis=(1, 2))
    by_name = {name: values[:, :, i] for i, name in enumerate(study.observables)}
    for call in study.endpoints:
        columns[call.name][rows] = np.where(failed, np.nan, call(times, by_name))
    for observable in study.at_observables:
        for time in study.at:
            if time <= times[-1] * (1 + 1e-12):
                place = int(np.argmin(np.abs(times - time)))
                columns[f"{observable}_{time:g}"][rows] = by_name[observable][:, place]


_ENGINES: OrderedDict[str, Engine] = OrderedDict()


def engine_of(program: Program) -> Engine:
    """Engine of a program, compiled once a process and kept while it is among the last few used."""
    key = program.key
    if key not in _ENGINES:
        _ENGINES[key] = Engine(program)
        while len(_ENGINES) > 4:
            _ENGINES.popitem(last=False)
    _ENGINES.move_to_end(key)
    return _ENGINES[key]


def is_ok(status: str) -> bool:
    """Whether a row of results is a run that ended well."""
    return status == Status.OK

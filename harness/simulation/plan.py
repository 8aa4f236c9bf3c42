"""The plan of a study: a model, a design and what is wanted of it, checked before anything runs.

Promise: a plan that was made runs; whatever is wrong with a name, unit, number, time or file is told in one
line by :func:`plan`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.errors import InputError, unknown_name
from harness.models.catalog import Selection, select
from harness.models.symbols import SymbolTable
from harness.offered import offered
from harness.shown import in_lines, listed
from harness.simulation.chunks import run_rows
from harness.simulation.declared_regimens import require_watched
from harness.simulation.design import Design
from harness.simulation.engines import (
    AUTO,
    KERNEL,
    ROADRUNNER,
    difference,
    least_sizes,
    require_engine,
    usable,
)
from harness.simulation.over_time import over_time_of
from harness.simulation.planned_doses import (
    default_dose,
    notes_on_doses,
    notes_on_ends,
    notes_on_infusions,
    notes_on_own_amounts,
    planned_regimen,
    require_course,
    require_whole,
    require_whole_multiples,
)
from harness.simulation.planned_endpoints import (
    endpoint_call,
    moving_ones,
    notes_beyond_the_end,
    observables_of,
)
from harness.simulation.planned_times import (
    end_of_runs,
    given_times,
    own_times,
    read_out_times,
    shown_times,
)
from harness.simulation.programs import make_program
from harness.simulation.regimen import Dose, Regimen, regimen
from harness.simulation.study import HELD, REDOSES, Chunk, Study
from harness.simulation.trajectory import Trajectory

__all__ = [
    "CHUNK_OF_KERNEL",
    "ENOUGH",
    "NOT_SHOWN",
    "ByBoth",
    "Plan",
    "decide_engine",
    "plan",
    "run_by",
    "run_by_both",
    "sample_size",
]

CHUNK = 64
"""Runs a task: enough that starting one costs nothing, few enough to share out evenly."""

CHUNK_OF_KERNEL = 1024
"""The same for the kernel, whose runs cost a fifth and whose chunks have a start of their own."""

ENOUGH = 512
"""Runs that repay the start of the kernel: with its compiled text at hand that takes as long as 400 to 500
runs by RoadRunner save. Whether the text is at hand has no part in it: the same study has the same engine."""

SAMPLE = 16
"""Rows, or one in a thousand, on which the kernel is held against the reference before a study."""

ByBoth = tuple[list[Trajectory], list[Trajectory]]
"""The same rows by RoadRunner and by the kernel."""

NOT_SHOWN = (
    "times: nothing is shown at them; endpoints are read off the model's own times, and --out x.nc keeps "
    "trajectories"
)

NOT_READ = (
    "observables: nothing reads them; name times to read them out at (at), or keep trajectories (--out x.nc)"
)


@offered
@dataclass(frozen=True)
class Plan:
    """A checked study and its design, ready for any executor.

    `shown` are columns of the design that a streamed file repeats; `notes` sentences on what was given that
    whoever gave it must know. `columns` are those of the design that the columns of the study stand for,
    where these have other names.
    """

    study: Study
    design: Design
    symbols: SymbolTable
    shown: tuple[str, ...] = ()
    chunk: int = CHUNK
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.design)

    def __repr__(self) -> str:
        study = self.study
        return in_lines(
            f"Plan: {len(self)} runs of {study.program.model} to {study.end:g} {self.symbols.time_unit}",
            engine=study.engine,
            design=listed(self.design.names),
            doses="the model's own" if study.regimen is None else study.regimen,
            changes=listed(f"{name}={value:g}" for name, value in study.fixed.items()),
            results=listed(study.column_names()),
            trajectories=listed(study.observables) if study.keep else "",
            notes=listed(self.notes, most=1),
        )

    def chunks(self) -> Iterator[Chunk]:
        """Consecutive rows of the design."""
        design = self.design
        values = design.values(self.columns or self.study.columns)
        days = design.values(["days"])[:, 0] if "days" in design.names else None
        regimens = design.table["regimen"].to_numpy(object) if "regimen" in design.names else None
        beyond = design.beyond(self.symbols)
        for start in range(0, len(design), self.chunk):
            rows = slice(start, start + self.chunk)
            yield Chunk(
                start,
                values[rows],
                None if days is None else days[rows],
                None if regimens is None else tuple(regimens[rows]),
                {row - start: why for row, why in beyond.items() if start <= row < start + self.chunk},
            )

    def sample(self) -> np.ndarray:
        """Rows, drawn with a fixed seed, that two engines are held against each other on."""
        return np.sort(np.random.default_rng(0).choice(len(self), sample_size(len(self)), replace=False))

    def rows(self, which: np.ndarray) -> Chunk:
        """Some rows of the design, by their places, as one chunk."""
        table = self.design.table.iloc[which]
        return next(replace(self, design=replace(self.design, table=table), chunk=len(which)).chunks())

    def unit(self, column: str) -> str:
        """Unit of a column of the results."""
        for call in self.study.endpoints:
            if call.name == column:
                return call.unit
        if column in self.shown:
            return self.symbols[column.partition("@")[0]].unit
        for names in (REDOSES, HELD):
            if column in names:
                return dict(zip(names, ("dimensionless", self.symbols.time_unit), strict=True))[column]
        return self.symbols[column.rpartition("_")[0]].unit


def plan(
    model: str | Path | Selection,
    design: Design,
    *,
    endpoints: Sequence[str] | None = None,
    at: str | Sequence[float] | np.ndarray = (),
    observables: str | Sequence[str] | None = None,
    trajectories: bool = False,
    times: str | Sequence[float] | np.ndarray | None = None,
    until: str | float | None = None,
    doses: str | float | Dose | Regimen | Iterable[str | float | Dose] | None = None,
    regimens: Mapping[str, Regimen] | None = None,
    changes: Mapping[str, str | float] | None = None,
    readings: str | Sequence[str] = (),
    condition: str | None = None,
    shown: Sequence[str] = (),
    engine: str = ROADRUNNER,
) -> Plan:
    """Check a study against its model, before anything runs.

    Parameters
    ----------
    model, readings, condition, changes
        As for :func:`~harness.simulation.simulate.simulate`; the design goes over all of them. What
        :func:`~harness.models.catalog.select` has chosen already stands for model, readings and condition.
    design
        One row a run; columns are parameters, `dose`, `days` (the end of the run) or `regimen` (a name).
    endpoints
        Names that the model declares (``Cmax``), calls such as ``lowest(tumor_volume, start=5)`` or import
        paths ``module:function``; by default all that the model declares, or none with `trajectories`.
    at
        Times at which each of `observables` is read out, into columns such as ``transgene_28``.
    observables
        What is read out at those times, or kept, or handed to a function of an import path; by default what
        the model declares.
    trajectories
        Whether every run is kept, at `times` and at the moments of doses.
    times
        Numbers or a text such as ``0:360:1``; by default those that the model declares for endpoints. They
        change no endpoint: those are read off the model's own times.
    until
        End of the runs, in place of the column `days`; by default the model's own, or the latest of `at`.
        When nothing but trajectories is wanted, the latest of `times`.
    shown
        Columns of the design that a streamed file repeats.
    doses, regimens
        One regimen for all runs, and those that the column `regimen` can name.
    engine
        ``roadrunner``, the reference; ``kernel``, compiled for the model; or ``auto``, the kernel from
        `ENOUGH` runs on. Where the kernel cannot be used, or does not have the numbers of the reference on
        a sample of the design, RoadRunner runs the study, and a note says why.

    Raises
    ------
    InputError
        One line, when anything given is wrong.
    """
    if isinstance(model, Selection) and (readings or condition):
        raise InputError("readings and condition stand in the selection already")
    selection = model if isinstance(model, Selection) else select(model, readings, condition)
    card = selection.card
    symbols = card.symbols
    fixed = symbols.parse_all(selection.changes, changes or {})
    checked = design.checked(symbols, tuple(regimens or {}))
    require_whole(card, symbols, checked, fixed)
    columns = tuple(c for c in checked.names if c not in ("days", "regimen"))
    read_out = observables_of(card, symbols, observables)
    asked = read_out_times(at, symbols)
    if endpoints is None:
        endpoints = () if trajectories else tuple(card.endpoints)
    calls = tuple(endpoint_call(text, card, symbols) for text in endpoints)
    if not (calls or asked or trajectories):
        raise InputError("nothing to compute: name endpoints, times to read out at, or keep the trajectories")
    grid = given_times(times, symbols)
    end = end_of_runs(checked, until, card, symbols, asked, grid, exact=not (calls or asked))
    read = dict.fromkeys(call.observable for call in calls if call.observable)
    if asked or trajectories or any(":" in call.function for call in calls):
        read |= dict.fromkeys(read_out)
    elif observables is not None:
        raise InputError(NOT_READ)
    given = planned_regimen(card, symbols, doses, checked, fixed)
    for name, regime in {"": given, **(regimens or {})}.items():
        if regime is not None:
            regimen(regime, symbols.time_unit, symbols.amount_unit)
            for rule in (regime.redosing, regime.hold):
                if rule:
                    require_watched(name, rule.observable, symbols)
        require_course(name, regime, end, symbols)
    if regimens and "regimen" not in checked.names:
        raise InputError("regimens: no row names one; the column regimen of the design does")
    own = own_times(card, symbols, end)
    usual = default_dose(card, symbols, fixed)
    require_whole_multiples(card, symbols, checked, {"": given, **(regimens or {})}, usual)
    over_time = over_time_of(make_program(card), columns, fixed, symbols, end)
    study = Study(
        program=over_time.program,
        columns=over_time.names,
        fixed={name: value for name, value in over_time.fixed.items() if name not in over_time.names},
        regimen=given,
        regimens={name: each for name, each in (regimens or {}).items() if name in _named(checked)},
        end=end,
        observables=tuple(read),
        endpoint_times=own if calls else np.array([]),
        times=shown_times(grid, own, asked) if trajectories else np.array([]),
        endpoints=calls,
        at=asked,
        at_observables=read_out if asked else (),
        default_dose=usual,
        moving=moving_ones(card, endpoints, calls),
    )
    for name in shown:
        if name not in checked.names:
            raise unknown_name("column of the design to show", name, checked.names)
    _require_distinct([*shown, *study.column_names()])
    notes = (
        *study.program.doubts,
        *notes_on_doses(card, study, checked),
        *notes_on_ends(study, checked, symbols.time_unit),
        *notes_on_infusions(study, checked, symbols.time_unit),
        *notes_on_own_amounts(card, checked, fixed, regimens or {}),
        *notes_beyond_the_end([call for call in calls if call.name in study.moving], end, symbols.time_unit),
    )
    if grid is not None and not trajectories:
        notes += (NOT_SHOWN,)
    chunk = _even(len(checked))
    planned = Plan(study, checked, symbols, tuple(shown), chunk=chunk, notes=notes, columns=columns)
    return _with_engine(planned, require_engine(engine))


def _with_engine(planned: Plan, asked: str) -> Plan:
    """The plan with the engine that is to run it, for all runs; the first note says which and why."""
    engine, said = decide_engine(planned, asked, len(planned), lambda: run_by_both(planned, planned.sample()))
    return run_by(replace(planned, notes=(*said, *planned.notes)), engine)


def decide_engine(
    planned: Plan, asked: str, runs: int, sampled: Callable[[], ByBoth]
) -> tuple[str, tuple[str, ...]]:
    """The engine of a study, for all of its `runs`, and what there is to say of the choice.

    Parameters
    ----------
    planned
        The study, or one of several that differ in values alone and are to have one engine.
    asked
        The engine that was asked for.
    sampled
        Gives a sample of all runs, :func:`sample_size` of them, by both engines; called when it decides.
    """
    study = planned.study
    if asked == ROADRUNNER:
        return ROADRUNNER, ()
    if asked == AUTO and runs < ENOUGH:
        why = f"the start of the kernel repays itself from {ENOUGH} runs on, and these are {runs}"
    else:
        why = usable(study.program, [*study.columns, *study.fixed], study.observables)
    if not why:
        least = least_sizes(study.program, {name: planned.symbols[name].unit for name in study.observables})
        why = difference(*sampled(), study.observables, least)
        why = why and f"on a sample of the design, {why} between kernel and RoadRunner"
    if why:
        return ROADRUNNER, (f"runs on RoadRunner: {why}",)
    return KERNEL, (f"runs on the kernel, compiled for {study.program.model}",)


def sample_size(runs: int) -> int:
    """How many of so many runs two engines are held against each other on."""
    return min(max(SAMPLE, runs // 1000), runs)


def run_by_both(planned: Plan, rows: np.ndarray) -> ByBoth:
    """Some rows of a plan, by their places."""
    chunk = planned.rows(rows)
    return run_rows(planned.study, chunk, ROADRUNNER), run_rows(planned.study, chunk, KERNEL)


def run_by(planned: Plan, engine: str) -> Plan:
    """The same plan, run by an engine that was decided already for all that it is a part of."""
    if engine != KERNEL:
        return planned
    chunk = min(CHUNK_OF_KERNEL, max(CHUNK, -(-len(planned) // 16)))
    return replace(planned, study=replace(planned.study, engine=KERNEL), chunk=chunk)


def _even(runs: int) -> int:
    """Runs a task: many runs are a multiple of four tasks, so that no core of two or four waits for one."""
    return CHUNK if runs <= 8 * CHUNK else -(-runs // (4 * -(-runs // (4 * CHUNK))))


def _named(design: Design) -> set[str]:
    """Regimens that rows name."""
    return set(design.table["regimen"]) if "regimen" in design.names else set()


def _require_distinct(names: Sequence[str]) -> None:
    """No two columns of the results share a name."""
    every = ["run", "status", "reason", "engine", *names]
    doubled = sorted({name for name in every if every.count(name) > 1})
    if doubled:
        raise InputError(f"the results would have two columns {', '.join(doubled)}")

"""Run a model over a design: everything checked first, then the same path for one run or a hundred thousand.

Promise: :func:`run` returns labelled results; :func:`stream` writes one row a run to a file in constant
memory and can go on after an interruption. Both give the same numbers, bit for bit, on any executor. A run
that failed is NaN with its status and reason.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from harness.analysis import endpoints as library
from harness.errors import InputError, unknown_name
from harness.models.catalog import DeclaredEndpoint, ModelCard, select
from harness.models.symbols import SymbolTable, read_symbols
from harness.simulation.design import Design
from harness.simulation.execute import Executor, Serial
from harness.simulation.parts import Parts
from harness.simulation.program import load_program
from harness.simulation.regimen import Dose, Regimen, regimen
from harness.simulation.study import Chunk, ChunkResult, EndpointCall, Study, run_chunk
from harness.simulation.times import parse_times, parse_until

__all__ = ["Plan", "Summary", "plan", "run", "stream"]

CHUNK = 64
"""Runs a task: enough that starting one costs nothing, few enough to share out evenly."""


@dataclass(frozen=True)
class Plan:
    """A checked study and its design, ready for any executor.

    `shown` are columns of the design that a streamed file repeats.
    """

    study: Study
    design: Design
    symbols: SymbolTable
    shown: tuple[str, ...] = ()
    chunk: int = CHUNK

    def __len__(self) -> int:
        return len(self.design)

    def chunks(self) -> Iterator[Chunk]:
        """Consecutive rows of the design."""
        table = self.design.table
        values = table[list(self.study.columns)].to_numpy(float)
        days = table["days"].to_numpy(float) if "days" in table else None
        regimens = table["regimen"].to_numpy(object) if "regimen" in table else None
        for start in range(0, len(table), self.chunk):
            rows = slice(start, start + self.chunk)
            yield Chunk(
                start,
                values[rows],
                None if days is None else days[rows],
                None if regimens is None else tuple(regimens[rows]),
            )

    def unit(self, column: str) -> str:
        """Unit of a column of the results."""
        for call in self.study.endpoints:
            if call.name == column:
                return call.unit
        return self.symbols[column.rpartition("_")[0]].unit


def plan(
    model: str,
    design: Design,
    *,
    endpoints: Sequence[str] | None = None,
    at: str | Sequence[float] = (),
    observables: Sequence[str] | None = None,
    trajectories: bool = False,
    times: str | Sequence[float] | None = None,
    until: str | float | None = None,
    doses: str | float | Dose | Regimen | Iterable[str | float | Dose] | None = None,
    regimens: Mapping[str, Regimen] | None = None,
    changes: Mapping[str, str | float] | None = None,
    readings: str | Sequence[str] = (),
    condition: str | None = None,
    shown: Sequence[str] = (),
) -> Plan:
    """Check a study against its model, before anything runs.

    Parameters
    ----------
    model, readings, condition, changes
        As for :func:`~harness.simulation.simulate.simulate`; the design goes over all of them.
    design
        One row a run; columns are parameters, `dose`, `days` (the end of the run) or `regimen` (a name).
    endpoints
        Names that the model declares (``Cmax``), calls such as ``lowest(tumor_volume, start=5)`` or import
        paths ``module:function``; by default all that the model declares, or none with `trajectories`.
    at
        Times at which each of `observables` is read out, into columns such as ``transgene_28``.
    observables
        What is read out at those times, or kept; by default what the model declares.
    trajectories
        Whether every run is kept at all output times.
    times, until
        Output times; by default those that the model declares for endpoints, to `until` or the longest
        `days`.
    shown
        Columns of the design that a streamed file repeats.
    doses, regimens
        One regimen for all runs, and those that the column `regimen` can name.

    Raises
    ------
    InputError
        One line, when anything given is wrong.
    """
    selection = select(model, readings, condition)
    card = selection.card
    symbols = read_symbols(card.sbml_path())
    fixed = symbols.parse_all({**selection.changes, **(changes or {})})
    checked = design.checked(symbols, tuple(regimens or {}))
    columns = tuple(c for c in checked.table.columns if c not in ("days", "regimen"))
    read_out = _observables(card, symbols, observables)
    asked = _at(at, symbols)
    if endpoints is None:
        endpoints = () if trajectories else tuple(card.endpoints)
    calls = tuple(_endpoint(text, card, symbols) for text in endpoints)
    if not (calls or asked or trajectories):
        raise InputError("nothing to compute: name endpoints, times to read out at, or keep the trajectories")
    end = _end(checked, until, card, symbols, asked)
    read = dict.fromkeys(call.observable for call in calls if call.observable)
    if asked or trajectories or any(":" in call.function for call in calls):
        read |= dict.fromkeys(read_out)
    given = _regimen(card, symbols, doses, checked, fixed, end)
    study = Study(
        program=load_program(card.id),
        columns=columns,
        fixed={name: value for name, value in fixed.items() if name not in columns},
        regimen=given,
        regimens=dict(regimens or {}),
        times=_times(times, card, symbols, end, asked),
        observables=tuple(read),
        endpoints=calls,
        at=asked,
        at_observables=read_out if asked else (),
        keep=trajectories,
        default_dose=_default_dose(card, symbols, fixed),
    )
    return Plan(study, checked, symbols, tuple(shown))


def run(
    planned: Plan,
    executor: Executor | None = None,
    progress: Callable[[int], object] | None = None,
) -> xr.Dataset:
    """Run a plan and return labelled results.

    Returns
    -------
    xarray.Dataset
        Dimension ``run`` (and ``time`` with trajectories); one variable an observable, endpoint or read-out,
        with ``units``; ``status`` and ``reason`` per run.
    """
    results = (executor or Serial()).map(partial(run_chunk, planned.study), planned.chunks())
    found: list[ChunkResult] = []
    for result in results:
        found.append(result)
        if progress:
            progress(len(result))
    found.sort(key=lambda result: result.start)
    data = {
        "status": ("run", np.concatenate([np.array(r.status, dtype=object) for r in found])),
        "reason": ("run", np.concatenate([np.array(r.reason, dtype=object) for r in found])),
    }
    for name in found[0].columns:
        values = np.concatenate([result.columns[name] for result in found])
        data[name] = ("run", values, {"units": planned.unit(name)})
    coords: dict[str, object] = {"run": np.arange(len(planned))}
    if planned.study.keep:
        kept = np.concatenate([result.trajectories for result in found])
        coords["time"] = ("time", planned.study.times, {"units": planned.symbols.time_unit})
        for i, name in enumerate(planned.study.observables):
            symbol = planned.symbols[name]
            data[name] = (("run", "time"), kept[:, :, i], {"units": symbol.unit, "long_name": symbol.name})
    for name in planned.design.table.columns:
        coords[f"design_{name}"] = ("run", planned.design.table[name].to_numpy())
    return xr.Dataset(data, coords, {"model": planned.study.program.model})


@dataclass(frozen=True)
class Summary:
    """How the runs of a study ended: number of runs by status."""

    runs: int
    by_status: dict[str, int]

    @classmethod
    def of(cls, results: xr.Dataset) -> Summary:
        """Summary of labelled results."""
        statuses, counts = np.unique(results["status"].to_numpy().astype(str), return_counts=True)
        return cls(results.sizes["run"], dict(zip(statuses.tolist(), counts.tolist(), strict=True)))

    def __str__(self) -> str:
        parts = [f"{count} {status}" for status, count in sorted(self.by_status.items(), key=lambda s: -s[1])]
        return f"{self.runs} runs: {', '.join(parts)}"


def stream(
    planned: Plan,
    out: Path,
    executor: Executor | None = None,
    progress: Callable[[int], object] | None = None,
    resume: bool = False,
) -> Summary:
    """Run a plan and write one row a run to a csv or parquet file, in the order of the design.

    Finished chunks are kept beside the file until it is complete, so that an interrupted run goes on with
    `resume`. Memory does not grow with the number of runs.

    Raises
    ------
    InputError
        When the file cannot be written, or unfinished work is there and `resume` is not given, or belongs
        to another study.
    """
    if planned.study.keep:
        raise InputError("trajectories are kept in memory; write them as .nc")
    parts = Parts(out, planned, resume)
    waiting = (chunk for chunk in planned.chunks() if not parts.has(chunk.start))
    if progress:
        progress(sum(len(chunk) for chunk in planned.chunks() if parts.has(chunk.start)))
    for result in (executor or Serial()).map(partial(run_chunk, planned.study), waiting):
        parts.add(result)
        if progress:
            progress(len(result))
    return Summary(len(planned), parts.merge())


def _observables(card: ModelCard, symbols: SymbolTable, wanted: Sequence[str] | None) -> tuple[str, ...]:
    if wanted is None:
        return card.observables
    for name in wanted:
        if name not in symbols:
            raise unknown_name(f"observable in {card.id}", name, symbols)
    return tuple(dict.fromkeys(wanted))


def _at(at: str | Sequence[float], symbols: SymbolTable) -> tuple[float, ...]:
    if isinstance(at, str):
        return tuple(parse_times(at, symbols.time_unit).tolist())
    times = np.asarray(at, float)
    if not np.isfinite(times).all() or (times < 0).any():
        raise InputError("at: expected finite, non-negative times")
    return tuple(np.unique(times).tolist())


def _endpoint(text: str, card: ModelCard, symbols: SymbolTable) -> EndpointCall:
    """Endpoint by the name that a model declares, as a call, or by the import path of a function."""
    text = text.strip()
    if text in card.endpoints:
        return _checked_call(text, card.endpoints[text], symbols)
    if re.fullmatch(r"[\w.]+:\w+", text):
        call = EndpointCall(text.partition(":")[2], text, "")
        try:
            call.load()
        except (ImportError, AttributeError) as error:
            raise InputError(f"endpoint {text}: cannot be imported: {error}") from None
        return call
    match = re.fullmatch(r"(\w+)\(\s*(\w+)\s*((?:,\s*\w+\s*=\s*[^,=]+)*)\)", text)
    if match is None:
        raise unknown_name(f"endpoint of {card.id}", text, [*card.endpoints, *library.__all__])
    options = dict(part.split("=") for part in match[3].split(",") if part.strip())
    try:
        numbers = {name.strip(): float(value) for name, value in options.items()}
    except ValueError:
        raise InputError(f"endpoint {text}: an option is no number") from None
    declared = DeclaredEndpoint(function=match[1], observable=match[2], **{"options": numbers})
    return _checked_call(re.sub(r"[^\w.]+", "_", text).strip("_"), declared, symbols)


def _checked_call(name: str, declared: DeclaredEndpoint, symbols: SymbolTable) -> EndpointCall:
    if declared.function not in library.__all__:
        raise unknown_name("endpoint function", declared.function, library.__all__)
    if declared.observable not in symbols:
        raise unknown_name(f"observable in {symbols.model}", declared.observable, symbols)
    accepted = inspect.signature(getattr(library, declared.function)).parameters
    options = [option for option in accepted if option not in ("time", "value")]
    for option in declared.options:
        if option not in options:
            raise unknown_name(f"option of {declared.function}", option, options)
    for option in options:
        if accepted[option].default is inspect.Parameter.empty and option not in declared.options:
            raise InputError(f"endpoint {name}: {declared.function} needs {option}")
    unit, time = symbols[declared.observable].unit, symbols.time_unit
    units = {
        "peak_time": time, "half_life": time, "time_above": time, "fall_time": time,
        "area": f"{unit}*{time}", "growth_rate": f"1/{time}", "fold_fall": "dimensionless",
    }  # fmt: skip
    return EndpointCall(
        name,
        declared.function,
        units.get(declared.function, unit),
        declared.observable,
        dict(declared.options),
    )


def _end(
    design: Design, until: str | float | None, card: ModelCard, symbols: SymbolTable, at: tuple[float, ...]
) -> float:
    if "days" in design.table:
        if until is not None:
            raise InputError("give the end once: as the column days or as until, not both")
        return float(design.table["days"].max())
    if until is not None:
        end = parse_until(until, symbols.time_unit)
        if at and max(at) > end:
            raise InputError(f"at: {max(at):g} lies after until = {end:g} {symbols.time_unit}")
        return end
    return max([card.until, *at])


def _times(
    times: str | Sequence[float] | None,
    card: ModelCard,
    symbols: SymbolTable,
    end: float,
    at: tuple[float, ...],
) -> np.ndarray:
    if times is None:
        grid = parse_times(card.endpoint_times, symbols.time_unit)
    else:
        grid = parse_times(times, symbols.time_unit) if isinstance(times, str) else np.asarray(times, float)
        if not np.isfinite(grid).all() or (grid < 0).any() or not grid.size:
            raise InputError("times: expected finite, non-negative numbers")
    grid = np.unique(np.concatenate([[0.0], grid, at, [end]]))
    grid = grid[grid <= end]
    return grid[np.diff(grid, prepend=-1.0) > 1e-9 * end]


def _regimen(
    card: ModelCard,
    symbols: SymbolTable,
    doses: str | float | Dose | Regimen | Iterable[str | float | Dose] | None,
    design: Design,
    fixed: Mapping[str, float],
    end: float,
) -> Regimen | None:
    if doses is None:
        if "regimen" in design.table and card.dose is None:
            raise InputError(f"model {card.id} takes no dose")
        return None
    if card.dose is None:
        raise InputError(f"model {card.id} takes no dose")
    if "regimen" in design.table:
        raise InputError("give the regimen once: as doses or as the column regimen, not both")
    given = regimen(doses, symbols.time_unit)
    relative = any(dose.relative for dose in given.doses)
    if (card.dose.parameter in design.table or card.dose.parameter in fixed) and not relative:
        raise InputError(f"give the dose once: as doses or as {card.dose.parameter}, not both")
    for dose in given.doses:
        if dose.time > end:
            raise InputError(f"dose at {dose.time:g} lies after the end, {end:g} {symbols.time_unit}")
    return given


def _default_dose(card: ModelCard, symbols: SymbolTable, fixed: Mapping[str, float]) -> float:
    """Dose that relative amounts refer to where a row gives none."""
    if card.dose is None:
        return 0.0
    return fixed.get(card.dose.parameter, symbols[card.dose.parameter].value)

"""Commands that run a model over a design: scan over a grid, run over a table."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.completion import complete_setting
from harness.cli.endings import show_beside
from harness.cli.options import (
    At,
    Changes,
    Condition,
    Doses,
    Endpoints,
    Engine,
    From,
    Model,
    Observables,
    Plot,
    Readings,
    Regimen,
    Regimens,
    Results,
    Scheduler,
    Times,
    Uncertainty,
    Until,
    Workers,
    parse_changes,
    split_all,
)
from harness.cli.studies import doses_of, is_of_curves, say, say_damaged, taken

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    import xarray as xr

    from harness.simulation.design import Design
    from harness.simulation.execute import Executor
    from harness.simulation.plan import Plan
    from harness.simulation.run import Summary

__all__ = ["run", "scan"]

SHOWN = 40
"""Runs that the terminal is shown."""

Resume = Annotated[bool, typer.Option("--resume", help="Go on with an interrupted run.")]


def scan(
    model: Model,
    grid: Annotated[
        list[str],
        typer.Option(
            metavar="ID=AXIS",
            help="Axis: dose=50e6:800e6:log:40, K_12=1:3:linear:5 or tau=1,2 day. Repeatable.",
            autocompletion=complete_setting,
        ),
    ],
    endpoint: Endpoints = None,
    at: At = None,
    observable: Observables = None,
    dose: Doses = None,
    regimens: Regimens = None,
    regimen: Regimen = None,
    set_: Changes = None,
    from_: From = None,
    uncertainty: Uncertainty = None,
    reading: Readings = None,
    condition: Condition = None,
    until: Until = None,
    times: Times = None,
    out: Results = None,
    plot: Plot = None,
    engine: Engine = "roadrunner",
    workers: Workers = None,
    scheduler: Scheduler = None,
    resume: Resume = False,
) -> None:
    """Run a model over a grid of parameters, and read endpoints off."""
    from harness.errors import InputError
    from harness.files import PICTURES, check_path
    from harness.models.catalog import model_files, select
    from harness.simulation.made_designs import grid as make_grid
    from harness.simulation.made_designs import parse_axis

    selection = select(model, reading or (), condition)
    symbols = selection.card.symbols
    symbols = symbols.at(symbols.parse_all(selection.changes))  # what a change such as 2x is of
    axes = dict(parse_axis(text, symbols) for text in grid)
    if len(axes) < len(grid):
        raise InputError("grid: an axis is given twice")
    if plot is not None:
        check_path(plot, PICTURES, model_files(model))
        if len(axes) > 2:
            raise InputError("plot: a picture shows one or two axes")
    planned, drawn = _plans(
        model,
        make_grid(**axes),
        out,
        regimens=regimens,
        regimen=regimen,
        shown=tuple(axes),
        endpoint=endpoint,
        at=at,
        observable=observable,
        dose=dose,
        set_=set_,
        from_=from_,
        uncertainty=uncertainty,
        reading=reading,
        condition=condition,
        until=until,
        times=times,
        engine=engine,
    )
    _execute(planned, drawn, out, plot, tuple(axes), workers, scheduler, resume)


def run(
    model: Model,
    design: Annotated[
        Path,
        typer.Option(
            metavar="FILE", help="Table, .csv or .parquet: parameters, dose, days or regimen; one row a run."
        ),
    ],
    endpoint: Endpoints = None,
    at: At = None,
    observable: Observables = None,
    dose: Doses = None,
    regimens: Regimens = None,
    regimen: Regimen = None,
    set_: Changes = None,
    from_: From = None,
    uncertainty: Uncertainty = None,
    reading: Readings = None,
    condition: Condition = None,
    until: Until = None,
    times: Times = None,
    out: Results = None,
    engine: Engine = "roadrunner",
    workers: Workers = None,
    scheduler: Scheduler = None,
    resume: Resume = False,
) -> None:
    """Run a model over a table, and write one row a run in the same order."""
    from harness.simulation.design import read_design

    planned, drawn = _plans(
        model,
        read_design(design),
        out,
        regimens=regimens,
        regimen=regimen,
        inputs=[design],
        endpoint=endpoint,
        at=at,
        observable=observable,
        dose=dose,
        set_=set_,
        from_=from_,
        uncertainty=uncertainty,
        reading=reading,
        condition=condition,
        until=until,
        times=times,
        engine=engine,
    )
    _execute(planned, drawn, out, None, (), workers, scheduler, resume)


def _plans(
    model: str,
    design: Design,
    out: Path | None,
    *,
    endpoint: list[str] | None,
    at: str | None,
    observable: list[str] | None,
    dose: list[str] | None,
    set_: list[str] | None,
    from_: str | None,
    uncertainty: int | None,
    reading: list[str] | None,
    condition: str | None,
    until: str | None,
    times: str | None,
    engine: str,
    regimens: Path | None = None,
    regimen: str | None = None,
    shown: tuple[str, ...] = (),
    inputs: Sequence[Path] = (),
) -> tuple[Plan, Plan | None]:
    """The plan, and that of every run with every draw of what --from left open."""
    from harness.errors import InputError
    from harness.files import TABLES, check_path
    from harness.models.catalog import model_files, select
    from harness.simulation.declared_regimens import read_regimens
    from harness.simulation.plan import plan
    from harness.studies.outcome import refuse_set_twice

    if out is not None:
        check_path(out, TABLES, [*model_files(model), *inputs, *filter(None, [regimens])])
    changes = parse_changes(set_ or [])
    refuse_set_twice(changes, design.table.columns)
    selection = select(model, reading or (), condition)
    card = selection.card
    symbols, curves = card.symbols, is_of_curves(out)
    estimates = taken(from_, uncertainty, selection, changes, design.table.columns)
    if estimates is not None:
        estimates = estimates.under(changes)
    if uncertainty and curves:
        raise InputError("uncertainty: goes with a table; simulate writes the band of a curve")
    by_row = regimens if "regimen" in design.table and regimen is None else None
    make = partial(
        plan,
        model,
        endpoints=split_all(endpoint) if endpoint else tuple(card.endpoints) if curves else None,
        at=at or (),
        observables=split_all(observable),
        trajectories=curves,
        times=times,
        until=until,
        doses=dose if by_row else doses_of(symbols, regimens, regimen, dose),
        regimens=read_regimens(by_row, symbols) if by_row else None,
        readings=reading or (),
        condition=condition,
        shown=shown,
        engine=engine,
    )
    planned = make(design, changes={**changes, **(estimates.changes() if estimates else {})})
    if estimates is None or not uncertainty:
        return planned, None
    return planned, make(design * estimates.draws(uncertainty), changes=changes)


def _execute(
    planned: Plan,
    drawn: Plan | None,
    out: Path | None,
    plot: Path | None,
    axes: tuple[str, ...],
    workers: int | None,
    scheduler: str | None,
    resume: bool,
) -> None:
    from harness.cli.terminal import if_interrupted, progress_bar
    from harness.errors import InputError
    from harness.files import first_rows, write_dataset, write_table
    from harness.simulation.execute import choose_executor
    from harness.simulation.parts import Parts
    from harness.simulation.run import Summary
    from harness.simulation.run import run as run_plan

    streamed = out if out is not None and not is_of_curves(out) and drawn is None else None
    if resume and drawn is not None:
        raise InputError("resume: not with --uncertainty")
    if resume and streamed is None:
        raise InputError("resume: goes with --out to a .csv or .parquet file")
    executor = choose_executor(workers, scheduler)
    say(planned.notes)
    with progress_bar("runs", len(planned) + (len(drawn) if drawn else 0)) as progress:
        if drawn is not None:
            result, summary = _with_bands(planned, drawn, executor, progress)
            if out is not None:
                write_table(_by_run(result, planned.shown).assign(engine=planned.study.engine), out)
        elif streamed is not None:
            with if_interrupted(partial(Parts.left_beside, streamed, planned)):
                summary = _stream(planned, streamed, executor, progress, resume)
        else:
            result = run_plan(planned, executor, progress)
            summary = Summary.of(result)
            if out is not None:
                write_dataset(result, out)
    if plot is not None:
        from harness.figures.scan import write_scan
        from harness.files import read_table

        write_scan(read_table(streamed) if streamed else result.to_dataframe(), planned, axes, plot)
    table = first_rows(streamed, SHOWN) if streamed else _by_run(result, planned.shown)
    show_beside([out, plot], lambda: _print_rows(table, planned))
    say_damaged(summary.damaged, "chunks")
    say([str(summary)])
    if not summary.ok:
        raise typer.Exit(1)


def _stream(
    planned: Plan, out: Path, executor: Executor, progress: Callable[[int], object], resume: bool
) -> Summary:
    """Stream a plan; an error that stops it on the way says what is kept."""
    from harness.errors import InputError
    from harness.simulation.parts import Parts
    from harness.simulation.run import stream

    started: list[int] = []

    def advance(runs: int) -> None:
        started.append(runs)
        progress(runs)

    try:
        return stream(planned, out, executor, advance, resume)
    except InputError as error:
        if not started:
            raise
        raise InputError(f"{error}; stopped {Parts.left_beside(out, planned)}") from None


def _with_bands(
    planned: Plan, drawn: Plan, executor: Executor, progress: Callable[[int], object]
) -> tuple[xr.Dataset, Summary]:
    """Results with the middle 95 % of the draws beside each column, and how all runs ended."""
    import numpy as np

    from harness.simulation.estimates import middle
    from harness.simulation.run import Summary
    from harness.simulation.run import run as run_plan

    result, more = (run_plan(each, executor, progress) for each in (planned, drawn))
    for name in planned.study.column_names():
        if result[name].dtype.kind == "O":  # days of doses have no middle
            continue
        low, high = middle(more[name].to_numpy().reshape(len(planned), -1).T)
        for end, values in (("low", low), ("high", high)):
            result[f"{name}_{end}"] = ("run", np.asarray(values), result[name].attrs)
    count = len(drawn) // len(planned)
    say([f"columns _low and _high hold the middle 95 % of {count} draws"])
    ended, others = Summary.of(result), Summary.of(more)
    by_status = {name: ended.by_status.get(name, 0) + others.by_status.get(name, 0)
                 for name in {**ended.by_status, **others.by_status}}  # fmt: skip
    return result, replace(ended, runs=len(planned) + len(drawn), by_status=by_status)


def _by_run(result: xr.Dataset, shown: tuple[str, ...]) -> pd.DataFrame:
    """What a run has one number of, after the columns of the design that are shown; no trajectories."""
    import pandas as pd

    design = {name: result[f"design_{name}"].to_numpy() for name in shown}
    numbers = result.drop_vars([name for name, values in result.data_vars.items() if values.ndim > 1])
    table = numbers.drop_vars(set(numbers.coords) - {"run"}).to_dataframe().reset_index()
    return pd.concat([pd.DataFrame(design), table], axis=1)


def _without_end(name: str, planned: Plan) -> str:
    """The column that a column of the ends of a band belongs to."""
    shorter = name.removesuffix("_low").removesuffix("_high")
    return shorter if shorter in planned.study.column_names() else name


def _print_rows(table: pd.DataFrame, planned: Plan) -> None:
    from harness.cli.terminal import plain_table, print_table
    from harness.figures.labels import with_unit

    names = [name for name in table.select_dtypes("number") if name not in ("run", "reason")]
    heads = tuple(with_unit(name, planned.unit(_without_end(name, planned))) for name in names)
    shown = plain_table("run", "status", *heads, right=heads)
    for row in table.head(SHOWN).to_dict("records"):
        shown.add_row(str(row["run"]), row["status"], *(f"{row[name]:.5g}" for name in names))
    print_table(shown)
    if len(planned) > SHOWN:
        print(f"... and {len(planned) - SHOWN} more; --out writes them all")

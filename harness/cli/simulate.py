"""The command simulate: one run of one model, to the terminal, a file or a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.endings import show_beside
from harness.cli.options import (
    Changes,
    Condition,
    Doses,
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
from harness.cli.studies import doses_of, say, taken

if TYPE_CHECKING:
    from harness.simulation.simulate import Simulated

__all__ = ["simulate"]


Task = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Task of an archive (.omex) or a SED-ML file to run, with its changes, times and read-outs.",
    ),
]


def simulate(
    model: Model,
    task: Task = None,
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
    observable: Observables = None,
    out: Results = None,
    plot: Plot = None,
    engine: Engine = "roadrunner",
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Simulate a model once."""
    import numpy as np

    from harness.files import PICTURES, TABLES, check_path, write_dataset
    from harness.models.catalog import model_files, select

    inputs = list(model_files(model))
    if Path(model).suffix.lower() in (".omex", ".sedml") or task is not None:
        inputs.append(Path(model))
        model, times, observable = _of_task(model, task, until, times, observable)
    selection = select(
        model, reading or [], condition
    )  # a wrong name is told before what simulates is loaded
    from harness.simulation.execute import choose_executor
    from harness.simulation.simulate import simulate_once

    if out is not None:
        check_path(out, TABLES, [*inputs, *filter(None, [regimens])])
    if plot is not None:
        check_path(plot, PICTURES, inputs)
    changes = parse_changes(set_ or [])
    estimates = taken(from_, uncertainty, selection, changes, ())
    found = simulate_once(
        model,
        doses=doses_of(selection.card.symbols, regimens, regimen, dose),
        changes=changes,
        readings=reading or [],
        condition=condition,
        until=until,
        times=times,
        observables=split_all(observable),
        engine=engine,
        executor=choose_executor(workers, scheduler),
        estimates=estimates,
        uncertainty=uncertainty or 0,
    )
    say(filter(None, [found.attributes["notes"]]))
    if found.attributes["status"] != "ok":
        say([f"the simulation failed: {found.attributes['status']}: {found.attributes['reason']}"])
        raise typer.Exit(1)
    if not all(np.isfinite(values).all() for values in found.values.values()):
        say([found.attributes["reason"]])
    if out is not None:
        write_dataset(found.labelled(), out)
    if plot is not None:
        from harness.figures.profiles import write_profiles

        write_profiles(found.labelled(), plot)
    show_beside([out, plot], lambda: _print_summary(found))


def _of_task(
    path: str, task: str | None, until: str | None, times: str | None, observable: list[str] | None
) -> tuple[str, Any, list[str] | None]:
    """Model, times and observables of an archive or a task; what is given goes over what the task says."""
    from harness.archives.runnable import SUFFIXES, open_runnable
    from harness.errors import InputError

    if Path(path).suffix.lower() not in SUFFIXES:
        raise InputError(f"--task is of an archive (.omex) or a SED-ML file (.sedml), not of {path}")
    found = open_runnable(Path(path), task)
    say(found.notes)
    own = times is None and until is None
    return found.model, found.times if own else times, observable or list(found.observables) or None


def _print_summary(found: Simulated) -> None:
    import numpy as np

    from harness.cli.terminal import plain_table, print_table
    from harness.figures.labels import with_unit
    from harness.models.units import readable

    numbers = ("first", "lowest", "highest", with_unit("at", found.symbols.time_unit), "last")
    ends = ("last, low", "last, high") if found.low else ()
    table = plain_table("observable", "unit", *numbers, *ends, right=(*numbers, *ends))
    for name, array in found.values.items():
        known = np.isfinite(array)  # 0/0 is no number, and no lowest or highest one
        inside = array[known] if known.any() else np.full(1, np.nan)
        top = found.times[known][inside.argmax()] if known.any() else np.nan
        cells = [array[0], inside.min(), inside.max(), top, array[-1]]
        cells += [band[name][-1] for band in (found.low, found.high) if band]
        table.add_row(name, readable(found.symbols[name].unit), *(f"{cell:.4g}" for cell in cells))
    print_table(table)

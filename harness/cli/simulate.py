"""The command simulate: one run of one model, to the terminal, a file or a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

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


def simulate(
    model: Model,
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
    from harness.files import PICTURES, TABLES, check_path, write_dataset
    from harness.models.catalog import model_files, select

    selection = select(
        model, reading or [], condition
    )  # a wrong name is told before what simulates is loaded
    from harness.simulation.execute import choose_executor
    from harness.simulation.simulate import simulate_once

    if out is not None:
        check_path(out, TABLES, [*model_files(model), *filter(None, [regimens])])
    if plot is not None:
        check_path(plot, PICTURES, model_files(model))
    changes = parse_changes(set_ or [])
    estimates = taken(from_, uncertainty, selection, changes)
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
    if out is not None:
        write_dataset(found.labelled(), out)
    if plot is not None:
        from harness.figures.profiles import write_profiles

        write_profiles(found.labelled(), plot)
    show_beside([out, plot], lambda: _print_summary(found))


def _print_summary(found: Simulated) -> None:
    from harness.cli.terminal import plain_table, print_table
    from harness.figures.labels import with_unit
    from harness.models.units import readable

    numbers = ("first", "lowest", "highest", with_unit("at", found.symbols.time_unit), "last")
    ends = ("last, low", "last, high") if found.low else ()
    table = plain_table("observable", "unit", *numbers, *ends, right=(*numbers, *ends))
    for name, array in found.values.items():
        top = found.times[array.argmax()]
        cells = [array[0], array.min(), array.max(), top, array[-1]]
        cells += [band[name][-1] for band in (found.low, found.high) if band]
        table.add_row(name, readable(found.symbols[name].unit), *(f"{cell:.4g}" for cell in cells))
    print_table(table)

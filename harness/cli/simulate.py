"""The command simulate: one run of one model, to the terminal, a file or a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.endings import show_beside
from harness.cli.options import (
    Changes,
    Condition,
    Doses,
    Engine,
    Model,
    Plot,
    Readings,
    Regimen,
    Regimens,
    parse_changes,
)
from harness.cli.studies import doses_of, say

if TYPE_CHECKING:
    from harness.simulation.simulate import Simulated

__all__ = ["simulate"]


def simulate(
    model: Model,
    dose: Doses = None,
    regimens: Regimens = None,
    regimen: Regimen = None,
    set_: Changes = None,
    reading: Readings = None,
    condition: Condition = None,
    until: Annotated[str | None, typer.Option(help="End, in the model's time unit or with a unit.")] = None,
    times: Annotated[
        str | None, typer.Option(help="Output times: 0,1,7,28 or start:stop:step, or both with commas.")
    ] = None,
    observable: Annotated[
        list[str] | None,
        typer.Option(help="What to read out; all observables and states by default. Repeatable."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write: .csv, .parquet or .nc.")] = None,
    plot: Plot = None,
    engine: Engine = "roadrunner",
) -> None:
    """Simulate a model once."""
    from harness.files import PICTURES, TABLES, check_path, write_dataset
    from harness.models.catalog import model_files, select

    selection = select(
        model, reading or [], condition
    )  # a wrong name is told before what simulates is loaded
    from harness.simulation.simulate import simulate_once

    if out is not None:
        check_path(out, TABLES, [*model_files(model), *filter(None, [regimens])])
    if plot is not None:
        check_path(plot, PICTURES, model_files(model))
    found = simulate_once(
        model,
        doses=doses_of(selection.card.symbols, regimens, regimen, dose),
        changes=parse_changes(set_ or []),
        readings=reading or [],
        condition=condition,
        until=until,
        times=times,
        observables=observable,
        engine=engine,
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
    from harness.cli.terminal import console, plain_table

    unit = found.symbols.time_unit
    numbers = ("first", "lowest", "highest", f"at ({unit})" if unit else "at", "last")
    table = plain_table("observable", "unit", *numbers, right=numbers)
    for name, array in found.values.items():
        top = found.times[array.argmax()]
        cells = [array[0], array.min(), array.max(), top, array[-1]]
        table.add_row(name, found.symbols[name].unit, *(f"{cell:.4g}" for cell in cells))
    console().print(table)

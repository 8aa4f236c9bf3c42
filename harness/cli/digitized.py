"""The command that puts digitised points into a table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import complete_panel

__all__ = ["digitized"]


def digitized(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A project of WebPlotDigitizer, .json or .tar, or its .csv."),
    ],
    panel: Annotated[
        str | None,
        typer.Option(
            metavar="PANEL", help="Panel whose table gets the points.", autocompletion=complete_panel
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Table that gets them, .csv, made where there is none."),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="SERIES=ARM",
            help="Arm of a series, or OBSERVABLE/ARM; nothing behind = leaves it out. Repeatable.",
        ),
    ] = None,
    observable: Annotated[str | None, typer.Option(metavar="NAME", help="What the y axis shows.")] = None,
    unit: Annotated[
        str | None, typer.Option(metavar="UNIT", help="Unit of the y axis; that of the panel's model.")
    ] = None,
    x: Annotated[
        str, typer.Option(metavar="NAME", help="What the x axis shows: time, or a parameter.")
    ] = "time",
    x_unit: Annotated[
        str | None, typer.Option(metavar="UNIT", help="Unit of a time axis; that of the panel's model.")
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(metavar="'TIME UNIT'", help="When all was observed, where x is a parameter: '4 hour'."),
    ] = None,
    error: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="Reading error, of the unit, or 0.05x of each value; one pixel."),
    ] = None,
    source: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What is said of the points; the name of the file.")
    ] = None,
) -> None:
    """Put points that were read off a figure into the table of a panel, which is then scored, or of a fit."""
    from harness.errors import InputError
    from harness.files import check_path
    from harness.validation.slots import FigureAxes, put_in_panel, put_in_table
    from harness.validation.spec import read_panel

    axes = FigureAxes(observable, unit, x, x_unit, at, error, source or f"digitised, {file.name}")
    if panel is not None and out is None:
        said = put_in_panel(file, read_panel(panel), map_ or (), axes)
    elif out is not None and panel is None:
        said = put_in_table(file, check_path(out, (".csv",), [file]), map_ or (), axes)
    else:
        raise InputError("give --panel or --out, one of them")
    for line in said:
        print(line)

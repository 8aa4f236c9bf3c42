"""The command that says what was understood of a table of data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import complete_fit

__all__ = ["data"]


def data(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="A table, csv or xlsx, in place of that of the fit.")
    ],
    spec: Annotated[
        str,
        typer.Argument(
            metavar="FIT",
            help="A fit of validation/, such as fig2b/moving_volume, or a YAML file.",
            autocompletion=complete_fit,
        ),
    ],
) -> None:
    """Show what is understood of a table: arms, doses, observations, censored ones, and what is left out."""
    from harness.cli.terminal import plain_table, print_table
    from harness.fitting.problem import find_problem, read_problem
    from harness.fitting.understood import understood, with_file
    from harness.models.units import readable

    path = find_problem(spec)
    rows, said = understood(with_file(read_problem(path), path.parent, file), path.parent)
    shown = plain_table(*rows.columns, right=("observations", "first", "last"))
    for row in rows.itertuples(index=False):
        told = row._asdict() | {
            "unit": readable(row.unit),
            "first": f"{row.first:g}",
            "last": f"{row.last:g}",
        }
        shown.add_row(*map(str, told.values()))
    print_table(shown)
    for line in said:
        print(line)

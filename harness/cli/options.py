"""Options that several commands take, each declared once, and how their texts are read."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import complete_condition, complete_model, complete_parameter, complete_reading

__all__ = [
    "Changes",
    "Condition",
    "Doses",
    "Endpoints",
    "Engine",
    "Model",
    "Out",
    "Plot",
    "Readings",
    "Regimen",
    "Regimens",
    "Rule",
    "Scheduler",
    "Seed",
    "Workers",
    "parse_changes",
    "split_names",
]

Model = Annotated[
    str,
    typer.Argument(
        help="Name of a model (`cart models` lists them), or a path of your own: .xml, .sbml, .ant.",
        autocompletion=complete_model,
    ),
]
Doses = Annotated[
    list[str] | None,
    typer.Option(
        "--dose",
        help="Cells, at time 0 or later: 450e6, 150e6@28, 0.5x@28, '1e8 cells @ 4 weeks'. Repeatable.",
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="ID=VALUE",
        help="Parameter, with an optional unit: 'K_12=0.07 1/h', or a change: 10x, '+20 %'. Repeatable.",
        autocompletion=complete_parameter,
    ),
]
Readings = Annotated[
    list[str] | None,
    typer.Option(
        "--reading", help="Reading of the article, by name. Repeatable.", autocompletion=complete_reading
    ),
]
Condition = Annotated[
    str | None,
    typer.Option(help="Row of the model's table, such as a cell line.", autocompletion=complete_condition),
]
Rule = Annotated[
    str | None,
    typer.Option(
        help="Rule of progression (D18): nadir_25_and_5, the default of response.yaml, nadir_25, baseline_25."
    ),
]
Engine = Annotated[str, typer.Option(help="What runs it: roadrunner, kernel or auto (kernel for many runs).")]
Endpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--endpoint",
        "--endpoints",
        help="Cmax, 'lowest(tumor_volume, start=5)', 'response_at(M_protein_change, day=180)' or "
        "module:function; repeatable, or with commas. All that the model declares by default.",
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of everything that is drawn.")]
Out = Annotated[Path | None, typer.Option(help="Table to write: .csv or .parquet.")]
Plot = Annotated[Path | None, typer.Option(help="Picture to write: .png, .svg or .pdf.")]
Workers = Annotated[int | None, typer.Option(help="Processes; all cores by default, 1 for none.")]
Regimens = Annotated[
    Path | None, typer.Option(help="YAML file of regimens by name, for --regimen or a column `regimen`.")
]
Regimen = Annotated[
    str | None,
    typer.Option(help="The one of --regimens that every run gets; not needed where the file holds one."),
]
Scheduler = Annotated[str | None, typer.Option(help="Address of a dask scheduler, tcp://host:port.")]


def parse_changes(texts: list[str], option: str = "--set") -> dict[str, str]:
    """Values of an option that gives them by id."""
    from harness.errors import InputError
    from harness.reading import BLANK

    changes: dict[str, str] = {}
    for text in texts:
        name, equals, value = (part.strip(BLANK) for part in text.partition("="))
        if not (equals and name and value):
            raise InputError(f"{option} '{text}': write ID=VALUE, with an optional unit")
        if name in changes:
            raise InputError(f"{option} {name} is given twice")
        changes[name] = value
    return changes


def split_names(text: str) -> list[str]:
    """Names separated by commas, those inside parentheses left alone."""
    return [name.strip() for name in re.split(r",(?![^(]*\))", text) if name.strip()]

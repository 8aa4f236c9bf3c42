"""Options that several commands take, each declared once, and how their texts are read.

Promise: an option of one name means the same wherever it is, and is told in the same words. A command that
runs models has all that can mean something there; docs/running.md says which have not, and why.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import (
    complete_condition,
    complete_endpoint,
    complete_engine,
    complete_model,
    complete_observable,
    complete_omega,
    complete_reading,
    complete_regimen,
    complete_rule,
    complete_setting,
)

__all__ = [
    "At",
    "Changes",
    "Condition",
    "Doses",
    "Endpoints",
    "Engine",
    "From",
    "Model",
    "Observables",
    "Omegas",
    "OtherEngine",
    "Out",
    "PatientModel",
    "Plot",
    "Posterior",
    "Readings",
    "Regimen",
    "Regimens",
    "Results",
    "Rule",
    "Scheduler",
    "Seed",
    "Times",
    "Uncertainty",
    "Until",
    "Whole",
    "WholeOrCurves",
    "Workers",
    "parse_changes",
    "split_all",
    "split_names",
]

Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help="Name of a model (`cart models` lists them), or a path of your own: .xml, .sbml, .ant.",
        autocompletion=complete_model,
    ),
]
PatientModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="clinical, the default, or an extension of it, as `cart models` lists them.",
        autocompletion=complete_model,
    ),
]
Omegas = Annotated[
    list[str] | None,
    typer.Option(
        "--omega",
        metavar="ID=VALUE",
        help="Another spread: Tumor_0=0.8 gives burden one. Repeatable.",
        autocompletion=complete_omega,
    ),
]
Doses = Annotated[
    list[str] | None,
    typer.Option(
        "--dose",
        metavar="CELLS[@TIME]",
        help="Cells, at time 0 or later: 450e6, 150e6@28, 0.5x@28, '1e8 cells @ 4 weeks'. Repeatable.",
    ),
]
Regimens = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="YAML file of regimens by name, for --regimen or a column `regimen`."),
]
Regimen = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="The one of --regimens that every run gets; not needed where the file holds one.",
        autocompletion=complete_regimen,
    ),
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="ID=VALUE",
        help="Parameter, with an optional unit: 'K_12=0.07 1/h', or a change: 10x, '+20 %'. Repeatable.",
        autocompletion=complete_setting,
    ),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="RESULT[:ID,ID]",
        help="Estimates to take: result.json of a fit, parameters.csv, the article's with their RSE, or a "
        ".csv of draws; all, or those that are named. What is set or varied goes over them.",
    ),
]
Uncertainty = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="NUMBER",
        help="Draws of what the source of --from left open: ends of their middle 95 % beside each number.",
    ),
]
Readings = Annotated[
    list[str] | None,
    typer.Option(
        "--reading",
        metavar="NAME",
        help="Reading of the article, by name. Repeatable.",
        autocompletion=complete_reading,
    ),
]
Posterior = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Parameters from draws: a reading that has them stored, which is then chosen, or a .csv.",
        autocompletion=complete_reading,
    ),
]
Condition = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Row of the model's table, such as a cell line.",
        autocompletion=complete_condition,
    ),
]
Until = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="End of every run, in the model's time unit or with one: '1 year'."),
]
Times = Annotated[
    str | None,
    typer.Option(
        metavar="TIMES",
        help="Times of the curves that are written: 0,1,7,28 or start:stop:step, or both with commas. Of "
        "many runs --out x.nc has the curves. No endpoint depends on them.",
    ),
]
At = Annotated[
    str | None,
    typer.Option(metavar="TIMES", help="Times to read the observables out at: 1,7,28 or 0:360:30."),
]
Observables = Annotated[
    list[str] | None,
    typer.Option(
        "--observable",
        "--observables",
        metavar="NAME",
        help="What to read out; repeatable, or with commas. All that the model declares by default.",
        autocompletion=complete_observable,
    ),
]
Endpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--endpoint",
        "--endpoints",
        metavar="NAME",
        help="Cmax, 'lowest(tumor_volume, start=5)', 'response_at(M_protein_change, day=180)' or "
        "module:function; repeatable, or with commas. All that the model declares by default.",
        autocompletion=complete_endpoint,
    ),
]
Rule = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Rule of progression (D18): nadir_25_and_5, the default of response.yaml, nadir_25 or "
        "baseline_25.",
        autocompletion=complete_rule,
    ),
]
_ENGINE = typer.Option(
    metavar="NAME",
    help="What runs it: roadrunner, kernel or auto (kernel for many runs).",
    autocompletion=complete_engine,
)
Engine = Annotated[str, _ENGINE]
OtherEngine = Annotated[str | None, _ENGINE]
"""In place of the one that a file declares."""
Seed = Annotated[int | None, typer.Option(metavar="NUMBER", help="Seed of everything that is drawn.")]
Out = Annotated[Path | None, typer.Option(metavar="FILE", help="Table to write: .csv or .parquet.")]
Results = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="File to write: .csv or .parquet, a table; .nc, the curves too."),
]
Whole = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="PATH",
        help="Table to write, .csv or .parquet; or a folder, for the answer, all tables, the figure and the "
        "file that gives them again.",
    ),
]
WholeOrCurves = Annotated[
    Path | None,
    typer.Option(
        "--out",
        metavar="PATH",
        help="Table to write, .csv or .parquet, or .nc, the curves too; or a folder, for the answer, all "
        "tables, the figure and the file that gives them again.",
    ),
]
Plot = Annotated[Path | None, typer.Option(metavar="FILE", help="Picture to write: .png, .svg or .pdf.")]
Workers = Annotated[
    int | None,
    typer.Option(metavar="NUMBER", help="Processes; all cores by default, 1 for none. One run takes one."),
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="Address of a dask scheduler, tcp://host:port.")
]


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


def split_all(texts: list[str] | None) -> list[str] | None:
    """Names of an option that is repeatable, or takes several with commas; None when it is not given."""
    return [name for text in texts for name in split_names(text)] if texts else None


def split_names(text: str) -> list[str]:
    """Names separated by commas, those inside parentheses left alone."""
    return [name.strip() for name in re.split(r",(?![^(]*\))", text) if name.strip()]

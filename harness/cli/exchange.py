"""Commands that take the models elsewhere: export, explore and agree."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from harness.cli.completion import complete_format, complete_model, complete_of, complete_tool
from harness.cli.options import (
    Changes,
    Condition,
    Doses,
    Model,
    Out,
    Posterior,
    Readings,
    Regimen,
    Regimens,
    Scheduler,
    Until,
    Workers,
    parse_changes,
)
from harness.cli.studies import check_files, doses_of, run_study, say

if TYPE_CHECKING:
    from harness.exchange.use import Use

__all__ = ["agree", "explore", "export"]


def export(
    model: Model,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="NAME",
            autocompletion=complete_format,
            help="sbml-l3v2, sbml-l3v1, sbml-l2v4, sbml-solver, antimony, python, rxode2, matlab, latex, "
            "markdown, html, sedml, testsuite, omex, petab or biomodels.",
        ),
    ] = "sbml-l3v2",
    dose: Doses = None,
    regimens: Regimens = None,
    regimen: Regimen = None,
    set_: Changes = None,
    reading: Readings = None,
    condition: Condition = None,
    until: Until = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="PATH", help="File or new folder; by default the model's name, here."),
    ] = None,
) -> None:
    """Write a model in the format of another tool, with its values and doses in it."""
    given = {"changes": set_, "readings": reading, "condition": condition, "until": until}
    _write(_use(model, (regimens, regimen, dose), given), format_, out)


def _use(model: str, doses: tuple[Path | None, str | None, list[str] | None], given: dict[str, Any]) -> Use:
    """What a command was asked for, checked; `doses` are those of a file, its name there, and those given."""
    from harness.exchange.use import use_of
    from harness.models.catalog import select

    readings = given["readings"] or []
    symbols = select(model, readings, given["condition"]).card.symbols
    changes = parse_changes(given["changes"] or [])
    found = doses_of(symbols, *doses)
    return use_of(model, doses=found, **{**given, "readings": readings, "changes": changes})


def _write(use: Use, format_: str, out: Path | None) -> Path:
    """Write a use and say where; by default the name is that of the model."""
    from harness.archives.export import default_path, export

    say(use.notes)
    path = out or default_path(use, format_)
    export(use, format_, path)
    print(f"{format_}: {path}")
    return path


def explore(
    model: Model = "clinical",
    dose: Doses = None,
    regimens: Regimens = None,
    regimen: Regimen = None,
    set_: Changes = None,
    reading: Readings = None,
    condition: Condition = None,
    posterior: Posterior = None,
    until: Until = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Page to write: .html; by default the model's name, here."),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> None:
    """Write a page with sliders that simulates a model in the browser: one file, no network."""
    given = {"changes": set_, "readings": reading, "condition": condition, "until": until}
    use = _use(model, (regimens, regimen, dose), {**given, "posterior": posterior})
    path = _write(use, "html", out)
    if open_:
        import webbrowser

        webbrowser.open(path.resolve().as_uri())


def agree(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...", help="Models; all when none is named.", autocompletion=complete_model
        ),
    ] = None,
    tool: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="libroadrunner, copasi, tellurium, scipy, and amici where it is installed. Repeatable.",
            autocompletion=complete_tool,
        ),
    ] = None,
    readings: Annotated[
        str,
        typer.Option(
            metavar="WHICH",
            help="all, or default for the models as they stand.",
            autocompletion=complete_of("all", "default"),
        ),
    ] = "default",
    out: Out = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Run the files in other tools and compare: exit code 1 when a difference is over the tolerance."""
    from harness.cli.terminal import plain_table, print_table
    from harness.declarations import declare
    from harness.exchange.agreement import Agreement
    from harness.files import write_table
    from harness.models.catalog import model_files

    check_files(out, inputs=[path for name in models or () for path in model_files(name)])
    given = {"tools": tuple(tool)} if tool else {}
    study = declare(Agreement, kind="agreement", models=tuple(models or ()), readings=readings, **given)
    outcome = run_study(study, workers, scheduler, label="comparing")
    if out is not None:
        write_table(outcome.tables["agreement"], out)
    columns = ("tool", "model", "file", "over tolerance", "reading", "regimen", "observable", "time")
    table = plain_table(*columns, right=("over tolerance", "time"))
    for row in outcome.tables["largest"].itertuples():
        where = (row.reading, row.regimen, row.observable or row.reason, f"{row.time:.4g}")
        table.add_row(row.tool, row.model, row.file, f"{row.ratio:.3g}", *where)
    print_table(table)
    numbers = outcome.numbers
    print(
        f"{numbers['cases']} cases, {numbers['failed']} failed; "
        f"largest {numbers['largest_over_tolerance']:.3g} of the tolerance"
    )
    raise typer.Exit(int(not numbers["largest_over_tolerance"] <= 1))

"""The command that fits a declared problem."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.completion import complete_fit, complete_of
from harness.cli.options import Engine, Scheduler, Workers
from harness.cli.recorded import leave_record
from harness.cli.studies import say, say_damaged

if TYPE_CHECKING:
    from harness.fitting.prepared import Prepared
    from harness.fitting.result import FitResult

__all__ = ["fit"]


def fit(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="FIT",
            help="A fit of validation/, such as fig2b/moving_volume, or a YAML file.",
            autocompletion=complete_fit,
        ),
    ],
    starts: Annotated[
        int | None,
        typer.Option(min=1, metavar="NUMBER", help="Starts; those that the problem declares by default."),
    ] = None,
    profile: Annotated[
        bool,
        typer.Option(
            "--profile", help="Follow the profile likelihood of each parameter: gives the verdicts."
        ),
    ] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Folder for result.json, tables and figures.")
    ] = None,
    plots: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder for diagnostics: goodness of fit, individuals, predictive check, forest, tables.",
        ),
    ] = None,
    against: Annotated[
        list[Path] | None,
        typer.Option(metavar="RESULT", help="result.json of another fit of the same data. Repeatable."),
    ] = None,
    errors: Annotated[
        str,
        typer.Option(
            metavar="KIND",
            help="What errors are by: expected information, the observed Hessian, or a sandwich.",
            autocompletion=complete_of("expected", "observed", "sandwich"),
        ),
    ] = "expected",
    bootstrap: Annotated[
        int | None,
        typer.Option(min=2, metavar="NUMBER", help="Data sets that are drawn with replacement and fitted."),
    ] = None,
    uncertainty: Annotated[
        int | None,
        typer.Option(
            min=2,
            metavar="NUMBER",
            help="Draws of the values of fixed_from, each fitted: what they leave open goes into the errors.",
        ),
    ] = None,
    engine: Engine = "auto",
    workers: Workers = None,
    scheduler: Scheduler = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted fit.")] = False,
) -> None:
    """Fit a model to data, and say which parameters the data determine."""
    from contextlib import nullcontext

    from harness.cli.terminal import if_interrupted, progress_bar
    from harness.declarations import declare
    from harness.errors import InputError, unknown_name
    from harness.files import check_folder
    from harness.fitting.diagnostics import DIAGNOSTICS
    from harness.fitting.kept import kept_in
    from harness.fitting.resampled import KINDS, with_carried, with_errors
    from harness.fitting.resampled import bootstrap as resample
    from harness.fitting.result import read_result
    from harness.fitting.study import Fit
    from harness.fitting.tables import TABLES
    from harness.identity import key_of
    from harness.simulation.execute import choose_executor

    if errors not in KINDS:
        raise unknown_name("kind of errors", errors, KINDS)
    if resume and out is None:
        raise InputError("resume: goes with --out")
    study = declare(Fit, problem=spec, starts=starts, profile=profile, engine=engine)
    executor = choose_executor(workers, scheduler)
    size = study.size()  # checks the problem before a folder is made
    if out is not None:
        written = [f"{name}{suffix}" for name in TABLES for suffix in (".csv", ".png", ".svg")]
        check_folder(out, ["result.json", *written], study.inputs())
    if plots is not None:
        check_folder(plots, [f"{name}.csv" for name in (*DIAGNOSTICS, "comparison")], study.inputs())
    if uncertainty is not None and not study.declared.fixed_from:
        raise InputError("uncertainty: goes with fixed_from, which takes values from other results")
    others = {str(path): read_result(path) for path in against or ()}
    say(filter(None, [study.said]))
    with kept_in(out, key_of(study.prepared, profile), resume) if out else nullcontext() as kept:

        def left() -> str:
            return (
                f"with {kept.count} parts kept in {kept.folder}; --resume goes on with them" if kept else ""
            )

        with (
            progress_bar("tasks", size + (bootstrap or 0) + (uncertainty or 0)) as progress,
            if_interrupted(left),
        ):
            result = with_errors(study.prepared, study.result(executor, progress, kept), errors)
            if uncertainty is not None:
                folder = study.path.parent
                result = with_carried(
                    study.declared, folder, study.prepared, result, uncertainty, 1, executor, progress
                )
            if bootstrap is not None:
                result = resample(study.prepared, result, bootstrap, 1, executor, progress)
        if kept is not None and out is not None:
            _write(result, out)
            tables = [f"{name}.csv" for name in result.tables if len(result.table(name))]
            leave_record(out, study.inputs(), ["result.json", *tables])
            kept.clear()
            say_damaged(kept.damaged, "parts")
    _print(result)
    if plots is not None:
        _plot(study.prepared, result, plots)
    if others:
        _print_comparison({**others, "this fit": result}, plots)
    print(
        f"cart: {result.runs} runs: {result.runs - result.failed} ok, {result.failed} failed", file=sys.stderr
    )


def _write(result: FitResult, out: Path) -> None:
    from harness.figures.fit import write_figures
    from harness.files import write_table

    result.save(out / "result.json")
    for name in result.tables:
        table = result.table(name)
        if len(table):
            write_table(table, out / f"{name}.csv")
    write_figures(result, out)


def _plot(prepared: Prepared, result: FitResult, folder: Path) -> None:
    """Figures and tables of the diagnostics."""
    from harness.figures.diagnostics import write_diagnostics
    from harness.files import write_table
    from harness.fitting.diagnostics import DIAGNOSTICS, diagnose

    folder.mkdir(parents=True, exist_ok=True)
    found = diagnose(prepared, result)
    for name in DIAGNOSTICS:
        write_table(found.table(name), folder / f"{name}.csv")
    write_diagnostics(found, folder)
    for row in found.table("shrinkage").itertuples():
        print(f"shrinkage of the {row.kind} of {row.name}: {row.shrinkage:.1f} %")


def _print_comparison(results: dict[str, FitResult], folder: Path | None) -> None:
    """Fits of the same data, the lowest AIC first."""
    from harness.cli.terminal import plain_table, print_table
    from harness.files import write_table
    from harness.fitting.diagnostics import compare_fits

    table = compare_fits(results)
    heads = tuple(name for name in table if name != "fit")
    shown = plain_table("fit", *heads, right=heads)
    for _, row in table.iterrows():
        shown.add_row(row["fit"], *("-" if row[name] != row[name] else f"{row[name]:.5g}" for name in heads))
    print_table(shown)
    if folder is not None:
        write_table(table, folder / "comparison.csv")


def _print(result: FitResult) -> None:
    from harness.cli.terminal import plain_table, print_table
    from harness.figures.labels import with_unit
    from harness.models.units import readable

    rse = with_unit("RSE", "percent")
    columns = ("table_1", "estimate", rse, "low", "high", "profile low", "profile high")
    shown = plain_table("parameter", "unit", *columns, "verdict", right=columns)
    for row in result.table("estimates").itertuples():
        numbers = (row.table_1, row.estimate, row.rse, row.low, row.high, row.profile_low, row.profile_high)
        texts = ["-" if number != number else f"{number:.4g}" for number in numbers]
        shown.add_row(row.parameter, readable(row.unit), *texts, row.verdict)
    print_table(shown)
    rows = result.rows
    criteria = [f"{name} {result.number(name):.2f}" for name in ("objective", "AIC", "BIC")]
    print(
        f"{', '.join(criteria)}; at Table 1 {result.number('objective_table_1'):.2f}; "
        f"{rows['used']} observations, {rows['censored']} of them censored, {rows['left_out']} left out; "
        f"{result.number('starts_at_best'):.0f} of {result.number('starts'):.0f} starts at the best point"
    )
    for note in result.notes:
        print(note)

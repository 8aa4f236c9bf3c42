"""The command patients: individual fits of a table of patients, and the progression that follows."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.models import OptionInfo

from harness.cli.options import Engine, Readings, Rule, Scheduler, Seed, Until, Workers
from harness.cli.recorded import leave_record
from harness.cli.studies import check_files, run_study

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.axes import Axes

    from harness.studies.outcome import Outcome

__all__ = ["patients"]


def _picture(what: str) -> OptionInfo:
    return typer.Option(metavar="FILE", help=f"Picture: .png, .svg or .pdf: {what}.")


def patients(
    table: Annotated[
        Path | None,
        typer.Argument(
            metavar="[TABLE]", help="Your patients, .csv: dose, category, n. Those of CRB-401 by default."
        ),
    ] = None,
    first_visit: Annotated[
        float | None, typer.Option(metavar="DAY", help="Day from which response is assessed.")
    ] = None,
    rule: Rule = None,
    until: Until = None,
    split: Annotated[
        float | None, typer.Option(metavar="CELLS", help="Lowest dose of the arm with the higher dose.")
    ] = None,
    draws: Annotated[
        int | None, typer.Option(metavar="NUMBER", help="Draws of each distinct patient given the category.")
    ] = None,
    seed: Seed = None,
    reading: Readings = None,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Folder: one .csv a table.")] = None,
    plot: Annotated[Path | None, _picture("all patients")] = None,
    plot_examples: Annotated[Path | None, _picture("one of each category")] = None,
    plot_effects: Annotated[Path | None, _picture("sizes of the random effects")] = None,
    plot_progression: Annotated[Path | None, _picture("progression by dose")] = None,
    engine: Engine = "auto",
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Fit each patient of a table to dose and best response, and read progression off."""
    from harness.declarations import declare
    from harness.figures import patients as figures
    from harness.figures.style import write_figure
    from harness.files import check_folder
    from harness.studies.patients import TABLES, Patients

    pictures: dict[Callable[[Outcome], Axes | list[Axes]], Path | None] = {
        figures.draw_panels: plot, figures.draw_examples: plot_examples, figures.draw_effects: plot_effects,
        figures.draw_progression: plot_progression,
    }  # fmt: skip
    given: dict[str, object] = {
        "first_visit": first_visit, "until": until, "split": split, "draws": draws, "seed": seed,
        "rule": rule, "readings": reading, "engine": engine,
    }  # fmt: skip
    if table is not None:
        given |= {"table": str(table.absolute()), "published": {}, "remarks": ()}
    study = declare(Patients, **{name: value for name, value in given.items() if value is not None})
    check_files(pictures=pictures.values(), inputs=study.inputs())
    if out is not None:
        check_folder(out, [f"{name}.csv" for name in TABLES], study.inputs())
    outcome = run_study(study, workers, scheduler)
    if out is not None:
        _write_tables(outcome, out)
        leave_record(out, study.inputs(), [f"{name}.csv" for name in outcome.tables])
    for draw, path in pictures.items():
        if path is not None:
            write_figure(draw(outcome), path)
    _print(outcome)


def _write_tables(outcome: Outcome, folder: Path) -> None:
    from harness.files import write_table

    folder.mkdir(exist_ok=True)
    for name in outcome.tables:
        write_table(outcome.written(name), folder / f"{name}.csv")


def _print(outcome: Outcome) -> None:
    """Each distinct patient with its effects, then the medians of progression."""
    from harness.cli.terminal import plain_table, print_table
    from harness.figures.labels import DOSE, with_unit

    patients = outcome.tables["patients"]
    effects = list(patients.filter(like="_sd").columns.drop(["largest_sd", "distance_sd"]))
    names = [name.removesuffix("_sd") for name in effects]
    best, pfs_ = with_unit("best change", "percent"), with_unit("PFS", "month")
    numbers = (DOSE, "patients", best, *names, "distance", pfs_)
    shown = plain_table("category", *numbers, right=numbers)
    for _, same in patients.groupby(["dose", "category"], sort=False):
        row = same.iloc[0]
        sizes = [f"{row[name] + 0.0:+.2f}" for name in effects]
        reached = f"{row['change']:.1f}" + ("" if row["in_category"] else " (outside)")
        pfs = f"{row['pfs_' + row['rule']]:.1f}"
        distance = f"{row['distance_sd']:.2f}"
        shown.add_row(row["category"], f"{row['dose']:g}", str(len(same)), reached, *sizes, distance, pfs)
    print(f"fits: random effects in standard deviations, progression by {patients['rule'].iloc[0]}")
    print_table(shown)
    columns = ("patients", "median", "95 %", "draws", "95 % of the draws", "published")
    medians = plain_table("rule", "arm", *columns, right=columns)
    for row in outcome.tables["medians"].dropna(subset="median").to_dict("records"):
        ends = [f"{row[f'{of}lower']:.1f} to {row[f'{of}upper']:.1f}" for of in ("", "predicted_")]
        cells = [
            f"{row['median']:.1f}",
            ends[0],
            f"{row['predicted']:.1f}",
            ends[1],
            f"{row['published']:.1f}",
        ]
        medians.add_row(row["rule"], row["arm"], str(row["patients"]), *cells)
    print("\nmedian progression-free survival in months; inf: not reached")
    print_table(medians)

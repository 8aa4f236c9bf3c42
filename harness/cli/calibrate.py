"""Commands on dose dependence: calibrate, candidates fitted to one trial, and predict, any cohort by one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.options import Engine, Plot, Scheduler, Seed, Workers
from harness.cli.recorded import leave_record
from harness.cli.studies import check_files, run_study, say

if TYPE_CHECKING:
    from harness.calibration.study import Calibrate
    from harness.studies.outcome import Outcome

__all__ = ["calibrate", "predict"]

KEPT = "kept"
"""Folder of the simulations, within that of the results."""


def calibrate(
    file: Annotated[
        Path | None,
        typer.Argument(help="Candidates, priors, data, sizes, .yaml; the project's by default."),
    ] = None,
    size: Annotated[str, typer.Option(help="How much is computed: a size of the file.")] = "small",
    candidate: Annotated[
        list[str] | None, typer.Option(help="Which candidates; repeatable. All by default.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder: one .csv a table, and what was simulated, to go on with.")
    ] = None,
    plot: Plot = None,
    plot_comparison: Annotated[Path | None, typer.Option(help="Picture: evidence and prediction.")] = None,
    further: Annotated[
        bool,
        typer.Option("--further", help="Also all that follows from it, in folders and pictures of --out."),
    ] = False,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Fit mechanisms to one trial by simulation, compare them, and predict another."""
    from harness.calibration.study import Calibrate
    from harness.declarations import declare
    from harness.errors import InputError
    from harness.figures.calibration import draw_comparison, draw_responses
    from harness.figures.style import write_figure
    from harness.files import check_folder, write_table

    given = {"budget": size, "candidates": candidate or ()}
    given["declared"] = "dose/candidates.yaml" if file is None else str(file.absolute())
    if out is not None:
        given["kept"] = str((out / KEPT).absolute())
    if further and out is None:
        raise InputError("--further needs --out, the folder that it is written to")
    study = declare(Calibrate, **given)
    study.number_names()  # what is wrong with the file is told before anything is written
    pictures = {draw_responses: plot, draw_comparison: plot_comparison}
    check_files(pictures=pictures.values(), inputs=study.inputs())
    if out is not None:
        check_folder(out, [f"{name}.csv" for name in study.table_names()], study.inputs())
        out.mkdir(exist_ok=True)
    outcome = run_study(study, workers, scheduler)
    if out is not None:
        for name in outcome.tables:
            write_table(outcome.written(name), out / f"{name}.csv")
        leave_record(out, study.inputs(), [f"{name}.csv" for name in outcome.tables])
    if further and out is not None:
        pictures = {draw_responses: plot or out / "responses.png"}
        pictures[draw_comparison] = plot_comparison or out / "comparison.png"
    for draw, path in pictures.items():
        if path is not None:
            write_figure(draw(outcome), path)
    _print(outcome)
    if further and out is not None:
        _further(study, out.absolute(), workers, scheduler)


def _further(study: Calibrate, out: Path, workers: int | None, scheduler: str | None) -> None:
    """Answer what rests on the posteriors in `out`, each study in a folder of its own, unless it is kept."""
    from harness.calibration.further import FURTHER, further_studies, is_kept, keep
    from harness.figures.studies import draw_study
    from harness.figures.style import write_figure
    from harness.models.card import repository

    path = repository() / "validation" / FURTHER
    for name, each in further_studies(path, study.budget, out, study.declared, study.read()).items():
        if is_kept(each, out, out / name):
            say([f"{name}: as it was"])
            continue
        if (out / name).exists():
            say([f"{name}: of another declaration, posterior or version; answered again"])
        outcome = run_study(each, workers, scheduler, label=name)
        for i, drawing in enumerate(draw_study(name, each, outcome)):
            write_figure(drawing.axes, out / f"{name}{f'_{i}' if i else ''}.png")
        keep(each, outcome, out, out / name)


def predict(
    cohort: Annotated[Path, typer.Argument(help="Arms, days and observed numbers, .yaml.")],
    model: Annotated[str, typer.Option(help="Candidate, of a calibration.")] = "waning",
    out: Annotated[Path | None, typer.Option(help="Folder: one .csv a table.")] = None,
    calibrated: Annotated[
        Path | None, typer.Option(help="Folder that `cart calibrate` wrote; the project's own by default.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option(help="Its candidates, .yaml; the project's own by default.")
    ] = None,
    cohorts: Annotated[int, typer.Option(help="Cohorts that are drawn.")] = 100,
    seed: Seed = 1,
    engine: Engine = "auto",
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Predict a cohort by a calibrated candidate, and score the numbers that were observed."""
    from harness.calibration.cohort import TABLES, PredictCohort
    from harness.calibration.declared import read_calibration
    from harness.declarations import declare
    from harness.files import check_folder, write_table
    from harness.models.card import repository
    from harness.models.catalog import model_files

    given = {"cohort": str(cohort), "candidate": model, "cohorts": cohorts, "seed": seed, "engine": engine}
    if calibrated is not None:
        given["calibrated"] = str(calibrated.absolute())
    if file is not None:
        given["declared"] = str(file.absolute())
    study = declare(PredictCohort, **given)
    if out is not None:
        check_folder(out, [f"{name}.csv" for name in TABLES], study.inputs())
    outcome = run_study(study, workers, scheduler)
    if out is not None:
        out.mkdir(exist_ok=True)
        for name in TABLES:
            write_table(outcome.written(name), out / f"{name}.csv")
        of_model = read_calibration(repository() / "validation" / study.declared).candidate(model).model
        read = (*study.inputs(), *model_files(of_model))
        leave_record(out, read, [f"{name}.csv" for name in TABLES])
    _print_cohort(outcome)


def _print_cohort(outcome: Outcome) -> None:
    """Rates of each arm, and the scores of observed numbers."""
    from harness.cli.terminal import plain_table, print_table

    rates = plain_table("arm", "outcome", "median", "90 % of cohorts", right=("median", "90 % of cohorts"))
    for row in outcome.tables["rates"].to_dict("records"):
        ends = f"{row['low']:.4g} to {row['high']:.4g}"
        rates.add_row(row["arm"], row["outcome"], f"{row['median']:.4g}", ends)
    print_table(rates)
    if outcome.tables["scores"].empty:
        return
    right = ("observed", "90 % of cohorts", "fold", "log p")
    scores = plain_table("arm", "number", *right, "inside", right=right)
    for row in outcome.tables["scores"].to_dict("records"):
        numbers = [f"{row['observed']:.4g}", f"{row['low']:.4g} to {row['high']:.4g}"]
        numbers += [_or_nothing(row["fold"], ".2f"), _or_nothing(row["log_p"], ".1f")]
        scores.add_row(row["arm"], row["number"], *numbers, "yes" if row["inside"] else "no")
    print_table(scores)


def _or_nothing(value: float, digits: str) -> str:
    """A number as a cell of a table; a change that falls has no fold, and a rate alone a probability."""
    return "" if value != value else f"{value:{digits}}"


def _print(outcome: Outcome) -> None:
    """Evidence and prediction of each candidate and benchmark."""
    from harness.cli.terminal import plain_table, print_table

    numbers = ("numbers", "evidence, responses", "evidence, all", "draws that count", "blind trial, log p")
    shown = plain_table("candidate", *numbers, right=numbers)
    for row in outcome.tables["comparison"].to_dict("records"):
        every = _or_nothing(row["log_evidence"], ".1f")
        blind = f"{row['blind_log_p']:.1f} ± {row['blind_error']:.1f}"
        cells = [str(row["fitted"]), f"{row['log_evidence_responses']:.1f}", every, f"{row['effective']:.0f}"]
        shown.add_row(row["label"], *cells, blind)
    print_table(shown)

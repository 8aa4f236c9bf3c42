"""Commands that score the models against the article: validate, report and docs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli.completion import complete_panel
from harness.cli.options import Out, Scheduler, Workers
from harness.cli.studies import check_files, say
from harness.errors import InputError

if TYPE_CHECKING:
    from harness.validation.spec import PanelSpec
    from harness.validation.suite import PanelResult, Score

__all__ = ["docs", "report", "validate"]

Panels = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[PANEL]...", help="Panels; all when none is named.", autocompletion=complete_panel
    ),
]
Readings = Annotated[
    list[str] | None,
    typer.Option(
        "--reading",
        metavar="NAME",
        help="Run everything that knows this reading and names no other under it. Repeatable.",
    ),
]


def validate(
    panels: Panels = None,
    archive: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Compare the numbers that an archive (.omex) expects, instead."),
    ] = None,
    reading: Readings = None,
    out: Out = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Score the panels and print one table; exit code 1 when a target that should hold does not."""
    from harness.cli.terminal import task_progress
    from harness.files import write_table
    from harness.simulation.execute import choose_executor
    from harness.validation.suite import run_panels, tasks

    if archive is not None:
        if panels or reading:
            raise InputError("--archive has its own numbers; it goes with no panel and no --reading")
        raise typer.Exit(_compare(archive, out))
    check_files(out, inputs=_inputs())
    specs = _declared(panels, reading)
    executor = choose_executor(workers, scheduler)
    with task_progress("studies", tasks(specs), executor.workers) as progress:
        results = run_panels([spec.panel for spec in specs], reading or (), executor, progress)
    failed = _print_scores(results)
    if out is not None:
        from harness.validation.suite import score_table

        write_table(score_table(results), out)
    raise typer.Exit(failed)


def _compare(archive: Path, out: Path | None) -> int:
    """Print how the expected numbers of an archive compare; 1 when one is beyond its tolerance."""
    from harness.archives.expected import compare_archive
    from harness.cli.terminal import plain_table, print_table
    from harness.files import write_table

    check_files(out, inputs=[archive])
    found = compare_archive(archive)
    if out is not None:
        write_table(found, out)
    table = plain_table("curve", "observable", "over tolerance", "time", right=("over tolerance", "time"))
    for row in found.itertuples():
        table.add_row(row.curve, row.observable, f"{row.over_tolerance:.3g}", f"{row.time:.4g}")
    print_table(table)
    largest = found.over_tolerance.max()
    print(f"{len(found)} columns; largest {largest:.3g} of the tolerance")
    return int(not largest <= 1)


def report(
    out: Annotated[Path, typer.Option(metavar="FILE", help="The page to write.")] = Path("report.html"),
    panels: Panels = None,
    reading: Readings = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
) -> None:
    """Score the panels, print the table, and write one HTML page with the figures."""
    from harness.cli.terminal import task_progress
    from harness.files import check_path
    from harness.report.page import page_tasks, write_page
    from harness.simulation.execute import choose_executor
    from harness.validation.suite import run_panels, tasks

    check_path(out, (".html",), _inputs())
    executor = choose_executor(workers, scheduler)
    specs, under = _declared(panels, reading), tuple(reading or ())
    names, parts = [spec.panel for spec in specs], page_tasks(specs)
    with task_progress("studies", tasks(specs), executor.workers, sum(parts.values())) as progress:
        results = run_panels(names, under, executor, progress)
    failed = _print_scores(results)
    with task_progress("parts of the page", parts, executor.workers) as progress:
        write_page(results, out, under, executor, progress)
    print(f"report: {out}")
    raise typer.Exit(failed)


def docs(
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail when a generated page is stale.")
    ] = False,
) -> None:
    """Write the generated pages of docs/: schemas, thresholds, the comparison with other implementations."""
    from harness.report.docs import stale, write_docs

    if check:
        old = stale()
        for path in old:
            print(f"{path.name} is stale; run: cart docs")
        raise typer.Exit(1 if old else 0)
    for path in write_docs():
        print(f"{path.name}: written")


def _inputs() -> list[Path]:
    """Every file that a panel may read."""
    from harness.models.card import repository

    folders = ("validation", "models_antimony", "sbml")
    return [path for folder in folders for path in (repository() / folder).rglob("*") if path.is_file()]


def _declared(panels: list[str] | None, readings: list[str] | None) -> list[PanelSpec]:
    """Panels as they are to be run, in the order of the article; a broken one is told before any work."""
    from harness.validation.spec import panel_names, read_panel
    from harness.validation.suite import not_reached, under_readings

    declared = [read_panel(name) for name in dict.fromkeys(panels or panel_names())]
    say(line for spec in declared for line in not_reached(spec, readings or ()))
    return sorted((under_readings(spec, readings or ()) for spec in declared), key=lambda spec: spec.place)


def _print_scores(results: list[PanelResult]) -> int:
    """Print one row a target; the statements too where the terminal is wide enough."""
    from harness.cli.terminal import is_wide, plain_table, print_table
    from harness.models.units import readable
    from harness.validation.suite import Verdict

    table = plain_table("target", "evidence", "score", "threshold", "verdict", right=("score",))
    wide = is_wide()
    if wide:
        table.add_column("statement", overflow="fold")
    scores = [score for result in results for score in result.scores]
    for score in scores:
        target = score.target
        known = score.verdict not in (Verdict.NO_DATA, Verdict.PENDING)
        shown = f"{score.value:.4g} {readable(target.unit)}" if known else "-"
        row = [target.id, target.evidence, shown, str(target.threshold or "-"), _verdict(score)]
        table.add_row(*row, *([target.statement] if wide else []))
    print_table(table)
    counts = [f"{sum(s.verdict is v for s in scores)} {v}" for v in Verdict]
    print(f"{len(scores)} targets: {'; '.join(counts)}")
    return int(any(not score.holds for score in scores))


def _verdict(score: Score) -> str:
    from harness.validation.suite import Verdict

    text = str(score.verdict)
    if score.verdict in (Verdict.NOT_REPRODUCIBLE, Verdict.NOT_MET_BY_READING):
        text = f"{score.target.expected} ({score.target.ledger})"
    return text if score.holds else f"{text}  <- unexpected"

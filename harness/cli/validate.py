"""Commands that score the models against the article: validate and report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["report", "validate"]

Panels = Annotated[
    list[str] | None, typer.Argument(metavar="[PANEL]...", help="Panels; all when none is named.")
]


def validate(panels: Panels = None) -> None:
    """Score the panels and print one table; exit code 1 when a target that should hold does not."""
    results = _run(panels)
    raise typer.Exit(_print_scores(results))


def report(
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    panels: Panels = None,
) -> None:
    """Score the panels, print the table, and write one HTML page with the figures."""
    from harness.report.page import write_page
    from harness.simulation.files import check_path

    check_path(out, (".html",))
    results = _run(panels)
    failed = _print_scores(results)
    write_page(results, out)
    print(f"report: {out}")
    raise typer.Exit(failed)


def _run(panels: list[str] | None) -> list:
    from rich.console import Console
    from rich.progress import track

    from harness.validation.spec import panel_names, read_panel
    from harness.validation.suite import run_panel

    names = panels or panel_names()
    for name in names:
        read_panel(name)  # a broken specification is told before any work
    console = Console(stderr=True)
    steps = track(names, "scoring", console=console, transient=True, disable=not console.is_terminal)
    return [run_panel(name) for name in steps]


def _print_scores(results: list) -> int:
    """Print one row a target; the statements too where the terminal is wide enough."""
    from harness.cli.terminal import console, plain_table
    from harness.validation.suite import Verdict

    out = console()
    table = plain_table("target", "evidence", "score", "threshold", "verdict", right=("score",))
    wide = out.width >= 120
    if wide:
        table.add_column("statement", overflow="fold")
    scores = [score for result in results for score in result.scores]
    for score in scores:
        target = score.target
        verdict = str(score.verdict)
        if score.verdict is Verdict.NOT_REPRODUCIBLE:
            verdict = f"not reproducible ({target.ledger})"
        if not score.holds:
            verdict += "  <- unexpected"
        row = [
            target.id,
            target.evidence,
            f"{score.value:.4g} {target.unit}",
            str(target.threshold or "-"),
            verdict,
        ]
        table.add_row(*row, *([target.statement] if wide else []))
    out.print(table)
    counts = [f"{sum(s.verdict is v for s in scores)} {v}" for v in Verdict]
    print(f"{len(scores)} targets: {'; '.join(counts)}")
    return int(any(not score.holds for score in scores))

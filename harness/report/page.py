"""The report: one self-contained HTML page, scores first, then each panel, the checks and the parameters.

Promise: the page needs no network, reads in light and dark and in print, and its figures are SVG with text
alternatives.
"""

from __future__ import annotations

import platform
import subprocess
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.figures.panel import describe, draw_panel
from harness.figures.style import svg
from harness.models.catalog import load_card, model_names, repository
from harness.models.check import check_model
from harness.models.provenance import read_parameters
from harness.simulation.files import write_whole
from harness.validation.ledger import read_ledger
from harness.validation.suite import PanelResult, Verdict

__all__ = ["render_page", "write_page"]

PACKAGES = ("cart-pkpd", "libroadrunner", "antimony", "python-libsbml", "numpy", "scipy", "matplotlib")


def write_page(results: Sequence[PanelResult], path: Path) -> None:
    """Render the page to a file, whole or not at all."""
    page = render_page(results)
    write_whole(path, lambda p: p.write_text(page, encoding="utf-8"))


def render_page(results: Sequence[PanelResult]) -> str:
    """Render the page to text."""
    environment = Environment(
        loader=PackageLoader("harness.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["number"] = lambda value: f"{value:.4g}"
    scores = [score for result in results for score in result.scores]
    cards = [load_card(name) for name in model_names()]
    return environment.get_template("page.html").render(
        results=results,
        figures={r.spec.panel: svg(draw_panel(r), describe(r)) for r in results if r.spec.axes},
        counts={verdict: sum(score.verdict is verdict for score in scores) for verdict in Verdict},
        surprises=[score for score in scores if not score.holds],
        total=len(scores),
        checks={card.id: check_model(card) for card in cards},
        cards=cards,
        ledger=read_ledger(),
        parameters=[row for row in read_parameters() if row.status != "constant"],
        versions={"Python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        commit=_commit(),
    )


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _commit() -> str:
    """Commit of the checkout, with a mark when files differ from it; empty outside a checkout."""
    if not (repository() / ".git").exists():
        return ""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=10"],
            cwd=repository(),
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return described.stdout.strip()

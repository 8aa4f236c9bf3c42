"""The report: one self-contained HTML page, what holds in words, each panel with its scores, ledger, checks.

Promise: the page needs no network, reads in light and dark and in print, and its figures are SVG with text
alternatives.
"""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.figures.panel import describe, draw_panel, draw_residuals
from harness.figures.scan_panel import describe_scan, draw_scan_axes
from harness.figures.studies import draw_study
from harness.figures.style import svg
from harness.files import write_whole
from harness.models.card import ModelCard, repository
from harness.models.catalog import load_card, model_names
from harness.models.check import check_model
from harness.models.provenance import read_parameters
from harness.models.units import readable
from harness.report.credibility import factors, use_lines
from harness.report.model_card import card_entries
from harness.report.summary import BEYOND, sentences
from harness.simulation.execute import Executor, Serial
from harness.studies.outcome import Outcome, StudyDeclaration
from harness.validation.credibility import read_use
from harness.validation.ledger import read_ledger
from harness.validation.locked import GRADES, read_lock
from harness.validation.model_card import read_intended
from harness.validation.side_by_side import TaskProgress, nobody
from harness.validation.spec import PanelSpec
from harness.validation.suite import PanelResult, Verdict

__all__ = ["page_tasks", "render_page", "write_page"]

PACKAGES = (
    "cart-pkpd", "libroadrunner", "antimony", "python-libsbml", "numpy", "scipy", "pandas", "SALib",
    "lifelines", "matplotlib",
)  # fmt: skip

ROWS = 100
"""Longest table of a study that is printed on the page."""


@dataclass(frozen=True)
class Picture:
    """An SVG element with its title."""

    title: str
    svg: str


def write_page(
    results: Sequence[PanelResult],
    path: Path,
    readings: Sequence[str] = (),
    executor: Executor | None = None,
    progress: TaskProgress = nobody,
) -> None:
    """Render the page to a file, whole or not at all."""
    page = render_page(results, readings, executor, progress)
    write_whole(path, lambda p: p.write_text(page, encoding="utf-8"))


def render_page(
    results: Sequence[PanelResult],
    readings: Sequence[str] = (),
    executor: Executor | None = None,
    progress: TaskProgress = nobody,
) -> str:
    """Render the page to text; figures are drawn, and models checked, where `executor` has them done.

    `readings` are those that everything was run under; `progress` is told of each part, by the names of
    :func:`page_tasks`.
    """
    environment = Environment(
        loader=PackageLoader("harness.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {"number": _number, "apart": _apart, "readable": readable}
    scores = [score for result in results for score in result.scores]
    cards = [load_card(name) for name in model_names()]
    parts = _parts(results, cards)
    made = {}
    for key, part in (executor or Serial()).map(_made, parts.items()):
        made[key] = part
        progress(_name(key), 1.0)
    ledger, use, tables = read_ledger(), read_use(), read_lock()
    checks = {card.id: made["check", card.id] for card in cards}
    parameters = [row for row in read_parameters() if row.status != "constant"]
    return environment.get_template("page.html").render(
        results=results,
        readings=readings,
        figures={
            r.spec.panel: [p for key in parts if key[:2] == ("figures", r.spec.panel) for p in made[key]]
            for r in results
        },
        residuals={r.spec.panel: made["residuals", r.spec.panel] for r in results},
        tables={r.spec.panel: _tables(r) for r in results},
        studies={r.spec.panel: _studies(r) for r in results},
        counts={verdict: sum(score.verdict is verdict for score in scores) for verdict in Verdict},
        surprises=[score for score in scores if not score.holds],
        by_id={score.target.id: score for score in scores},
        total=len(scores),
        beyond=any(result.spec.figure.startswith(BEYOND) for result in results),
        evidence_kinds=("data", "text", "golden", "internal"),
        checks=checks,
        use=use_lines(use),
        entries=card_entries(results, cards, parameters, tables, read_intended()),
        locked=tables,
        grades=GRADES,
        factors=factors(results, checks, parameters, len(ledger), use),
        cards=cards,
        ledger=ledger,
        sentences=sentences(results, ledger),
        parameters=parameters,
        versions={"Python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
        commit=_commit(),
    )


Key = tuple[str, ...]

SECONDS_A_PART = 0.7
"""What a part of the page takes on one core, about."""


def page_tasks(specs: Iterable[PanelSpec]) -> dict[str, float]:
    """Parts of the page of some panels by a name, with about the seconds of each."""
    checks = [("check", model) for model in model_names()]
    return {_name(key): SECONDS_A_PART for key in (*(key for s in specs for key in _keys(s)), *checks)}


def _name(key: Key) -> str:
    kind, *of = key
    return f"{': '.join(of)}: {kind}"


def _keys(spec: PanelSpec) -> list[Key]:
    """Parts of the page that a panel has, in their order."""
    panel = spec.panel
    return [("figures", panel), *(("figures", panel, name) for name in spec.studies), ("residuals", panel)]


def _parts(results: Sequence[PanelResult], cards: Sequence[ModelCard]) -> dict[Key, Callable[[], Any]]:
    """What takes long on the page, each part apart from the others, in its order within a panel."""
    parts: dict[Key, Callable[[], Any]] = {}
    for result in results:
        panel, outcomes = result.spec.panel, result.evidence.outcomes
        parts["figures", panel] = partial(_figures_of_panel, result)
        for name, study in result.spec.studies.items():
            parts["figures", panel, name] = partial(_figures_of_study, name, study, outcomes[name])
        parts["residuals", panel] = partial(_residuals, result)
    return parts | {("check", card.id): partial(check_model, card) for card in cards}


def _made(part: tuple[Key, Callable[[], Any]]) -> tuple[Key, Any]:
    return part[0], part[1]()


def _number(value: object) -> str:
    """A number to four digits; anything else as it is, and nothing for what is missing."""
    if isinstance(value, float | np.floating):
        number = float(value)
        if np.isnan(number):
            return "–"
        return f"{number:.0f}" if 1e4 <= abs(number) < 1e6 else f"{number:.4g}"
    return "" if value is None else str(value)


def _apart(sentence: str, names: Iterable[str]) -> list[str]:
    """A sentence in parts, of which each name that it holds is one."""
    return re.split(rf"\b({'|'.join(map(re.escape, names))})\b", sentence)


def _figures_of_panel(result: PanelResult) -> list[Picture]:
    pictures = []
    if result.spec.axes:
        pictures.append(Picture("", svg(draw_panel(result), describe(result))))
    scan = result.spec.scan_axes
    if scan:
        drawn = svg(draw_scan_axes(result, scan), describe_scan(result, scan))
        pictures.append(Picture(scan.title, drawn))
    return pictures


def _figures_of_study(name: str, study: StudyDeclaration, outcome: Outcome) -> list[Picture]:
    return [
        Picture(drawing.title, svg(drawing.axes, drawing.description))
        for drawing in draw_study(name, study, outcome)
    ]


def _residuals(result: PanelResult) -> Picture | None:
    axes = draw_residuals(result)
    if not axes:
        return None
    return Picture("Residuals", svg(axes, f"{result.spec.figure}. Residuals of the curves over time."))


def _tables(result: PanelResult) -> dict[str, pd.DataFrame]:
    """Tables of the panel's studies that are short enough to read, by a title."""
    return {
        f"{study}: {name}": table
        for study, outcome in result.evidence.outcomes.items()
        for name, table in outcome.tables.items()
        if 0 < len(table) <= ROWS
    }


def _studies(result: PanelResult) -> list[tuple[str, Outcome, int | None]]:
    """Studies of a panel with their seeds."""
    return [
        (name, result.evidence.outcomes[name], getattr(study, "seed", None))
        for name, study in result.spec.studies.items()
    ]


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
            encoding="utf-8",
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return described.stdout.strip()

"""A page for each model: a diagram, its readings, parameters with sources, equations, and its explorer.

Promise: all of it is read from the SBML, the card and the table of parameters; nothing is written twice.
"""

from __future__ import annotations

import html
from pathlib import Path

import pandas as pd
from docutils.utils.math.latex2mathml import tex2mathml

from docs.site.compose import cell
from docs.site.diagram import draw_scheme, scheme_of
from harness.errors import InputError
from harness.exchange.listing import latex_lines, parameter_rows
from harness.exchange.use import Use, use_of
from harness.explorer.page import page_text
from harness.figures.style import svg
from harness.models.catalog import library_names, model_names
from harness.models.provenance import Parameter, read_parameters
from harness.models.units import readable

__all__ = ["every_model", "write_catalogue"]

GROUPS = {
    "rates": "Rates of change",
    "formulas": "Formulas",
    "initial": "At time 0",
    "events": "At given times",
}


def every_model() -> list[str]:
    """Models of the article, then those of others."""
    return [*model_names(), *library_names()]


def write_catalogue(root: Path, folder: Path) -> None:
    """Write a page for each model under `catalogue`, and its explorer under `explorers`."""
    for name in ("catalogue", "explorers"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for name in every_model():
        use = use_of(name)
        try:
            (folder / "explorers" / f"{name}.html").write_text(page_text(use), encoding="utf-8")
            button = 'class="sd-btn sd-btn-primary"'
            explored = f'<a {button} href="../explorers/{name}.html">Explore it with sliders</a>'
        except InputError as error:
            explored = f"It has no page with sliders: {html.escape(str(error))}"
        (folder / "catalogue" / f"{name}.md").write_text(_page(root, name, use, explored), encoding="utf-8")


def _page(root: Path, name: str, use: Use, explored: str) -> str:
    card, symbols = use.card, use.symbols
    names = {each: symbol.name for each, symbol in symbols.symbols.items()}
    said = f"Diagram of {name}: states by compartment, and what flows between them."
    picture = svg(draw_scheme(scheme_of(use.sbml()), names), said)
    lines = [
        f"# {name}: {card.title}",
        "",
        f"Time in {symbols.time_unit}; {card.figure}. What lies behind it is in",
        "[models](../models.md).",
        "",
        *_raw(f"<p>{explored}</p>"),
        "",
        f"    cart simulate {name}",
        "",
        *_raw(f'<div class="scheme">{picture}</div>'),
        "",
        "Solid arrows are flows; under a name stands what comes to (+) or goes from (−) it alone. A dashed",
        "arrow says that a state is in the rate of another.",
        "",
        *_readings(use),
        "## Parameters",
        "",
        *_parameters(root, use),
        "",
        "## Equations",
        "",
        *_equations(use),
    ]
    return "\n".join(lines) + "\n"


def _raw(text: str) -> list[str]:
    return ["```{raw} html", text, "```"]


def _readings(use: Use) -> list[str]:
    if not use.card.readings:
        return []
    rows = []
    for name, reading in use.card.readings.items():
        row = f"[{reading.ledger}](../ledger.md#{reading.ledger.lower()})"
        rows.append(f"| `{name}` | {cell(reading.statement)} | {row} |")
    return ["## Readings", "", "| `--reading` | what it is | ledger |", "|---|---|---|", *rows, ""]


def _parameters(root: Path, use: Use) -> list[str]:
    lines = ["| parameter | value | unit | meaning | source |", "|---|---|---|---|---|"]
    sources = _sources(root, use)
    for each, value, unit, meaning in parameter_rows(use):
        cells = (f"`{each}`", f"{value:.6g}", readable(unit), meaning, sources.get(each, ""))
        lines.append(f"| {' | '.join(map(cell, cells))} |")
    return lines


def _sources(root: Path, use: Use) -> dict[str, str]:
    """Source of each parameter, with its error and spread where the table has them."""
    if use.card.id in library_names():
        table = pd.read_csv(root / "models_antimony" / "library" / "parameters.csv")
        own = table[table["model"] == use.card.id]
        return {row.id: f"{row.source} (grade {row.grade})" for row in own.itertuples()}
    scales = [*(base.id for base in use.card.bases), use.card.id]
    rows = [row for scale in scales for row in read_parameters() if row.scale == scale]
    return {row.id: _told(row) for row in rows}


def _told(row: Parameter) -> str:
    more = [f"RSE {row.RSE:g} %"] if row.RSE is not None else []
    more += [f"omega {row.omega:g}"] if row.omega is not None else []
    more += [f"omega {row.omega_assumed:g}, assumed"] if row.omega_assumed is not None else []
    return "; ".join([row.source, *more])


def _equations(use: Use) -> list[str]:
    lines = []
    for group, title in GROUPS.items():
        said = latex_lines(use)[group]
        if said:
            rows = "\n".join(
                tex2mathml(each.replace("&", "", 1), as_block=True).replace("\n", "") for each in said
            )
            lines += [f"### {title}", "", *_raw(f'<div class="equations">{rows}</div>'), ""]
    return lines

"""What is reproduced, and the ledger: from the specifications of the panels and the stored scores.

Promise: no number here is written by hand. `validation/scores.csv` is what `make scores` wrote; a target that
is not in it, or asks for something else by now, is shown as one to be scored.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from harness.models.units import readable
from harness.validation.ledger import Discrepancy, read_ledger
from harness.validation.spec import PanelSpec, Target, panel_names, read_panel
from harness.validation.suite import Verdict

__all__ = ["all_panels", "ledger_page", "read_scores", "reproduced_page", "what_is_true"]

WAITING = "to be scored"
BEYOND = "Beyond"
"""How the figure of a panel begins that scores models beyond the article."""

COUNTED = (
    Verdict.MET,
    Verdict.NOT_REPRODUCIBLE,
    Verdict.NOT_MET_BY_READING,
    Verdict.NOT_MET,
    Verdict.NO_DATA,
)
"""Verdicts that the summary counts; what is only shown has no threshold."""


def all_panels() -> list[PanelSpec]:
    """The panels, in their order."""
    return sorted((read_panel(name) for name in panel_names()), key=lambda spec: spec.place)


def read_scores(root: Path) -> pd.DataFrame:
    """What was found of each target and its verdict; a row a target of now, by its id."""
    stored = pd.read_csv(root / "validation" / "scores.csv", keep_default_na=False).set_index("target")
    rows = [_row(spec, target, stored) for spec in all_panels() for target in spec.targets]
    return pd.DataFrame(rows).set_index("target")


def _row(spec: PanelSpec, target: Target, stored: pd.DataFrame) -> dict[str, str]:
    asked = str(target.threshold or "")
    row = {"target": target.id, "figure": spec.figure, "found": "", "verdict": WAITING}
    if target.id in stored.index:
        found = stored.loc[target.id]
        if (found["threshold"], found["statement"]) == (asked, target.statement):
            value = f"{float(found['score']):.4g}" if found["score"] else ""
            row |= {"found": f"{value} {readable(target.unit)}" if value else "", "verdict": found["verdict"]}
    return row


def what_is_true(scores: pd.DataFrame) -> str:
    """The verdicts on the figures of the article in a few sentences."""
    own = scores[~scores["figure"].str.startswith(BEYOND)]
    count = own["verdict"].value_counts()

    def of(verdict: str) -> int:
        return int(count.get(str(verdict), 0))

    judged = sum(of(verdict) for verdict in COUNTED[:4])
    said = [
        f"Of {judged} statements on the article with a threshold that was fixed beforehand,",
        f"{of(Verdict.MET)} are met;",
        f"{of(Verdict.NOT_REPRODUCIBLE)} cannot be reproduced from what is published,",
        f"{of(Verdict.NOT_MET_BY_READING)} are missed by one reading of it beside others,",
        f"and {of(Verdict.NOT_MET)} are missed without a reason.",
    ]
    if of(Verdict.NO_DATA):
        said.append(f"{of(Verdict.NO_DATA)} more wait for numbers that the article shows and does not print.")
    if of(WAITING):
        said.append(f"{of(WAITING)} are new and {WAITING}.")
    return " ".join(said)


def reproduced_page(scores: pd.DataFrame) -> str:
    """Every panel with its targets: what was asked, what was found, and the verdict."""
    panels = all_panels()
    lines = [
        "# What is reproduced",
        "",
        what_is_true(scores),
        "",
        "Generated from `validation/` and from the scores of the last whole run (`make scores`).",
        "`cart validate PANEL` scores a panel anew, and `cart report PANEL` draws its figures. Reasons are",
        "in the [ledger](ledger.md), thresholds that no claim fixes in [thresholds](thresholds.md).",
        "",
        "| figure | met | not reproducible | missed by a reading | missed | no data | shown |",
        "|---|---|---|---|---|---|---|",
    ]
    for spec in panels:
        verdicts = scores.loc[[target.id for target in spec.targets], "verdict"]
        cells = [str((verdicts == str(verdict)).sum()) for verdict in (*COUNTED, Verdict.SHOWN)]
        lines.append(f"| [{spec.figure}: {spec.title}](#{_anchor(spec)}) | {' | '.join(cells)} |")
    for spec in panels:
        lines += ["", f"({_anchor(spec)})=", f"## {spec.figure}: {spec.title}", "", _plain(spec.summary), ""]
        lines += [f"    cart validate {spec.panel}", ""]
        lines += _targets(spec.targets, scores)
    return "\n".join(lines) + "\n"


def _anchor(spec: PanelSpec) -> str:
    return f"panel-{spec.panel.lower()}"


def _targets(targets: Sequence[Target], scores: pd.DataFrame) -> list[str]:
    rows = ["| target | statement | asked | found | verdict |", "|---|---|---|---|---|"]
    for target in targets:
        score = scores.loc[target.id]
        asked = f"{target.threshold} {readable(target.unit)}" if target.threshold else "–"
        cells = (f"`{target.id}`", target.statement, asked, score["found"] or "–", _verdict(target, score))
        rows.append("| " + " | ".join(_plain(cell) for cell in cells) + " |")
    return rows


def _verdict(target: Target, score: pd.Series) -> str:
    row = f" ([{target.ledger}](ledger.md#{target.ledger.lower()}))" if target.ledger else ""
    return f"{score['verdict']}{row}"


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def ledger_page(scores: pd.DataFrame) -> str:
    """Each discrepancy: what disagrees, what is done, why, other ways, and what each scores."""
    lines = [
        "# The ledger",
        "",
        "Where the article, its table, its code and its figures disagree: what is done here, why, and how",
        "to read it another way.",
        "Generated from `validation/ledger.yaml` and the scores of the last whole run.",
    ]
    for name, row in read_ledger().items():
        lines += ["", f"## {name}", "", *_discrepancy(row, scores)]
    return "\n".join(lines) + "\n"


def _discrepancy(row: Discrepancy, scores: pd.DataFrame) -> list[str]:
    lines = [_plain(row.statement), "", f"**Here:** {_plain(row.choice)}. {_plain(row.reason)}", ""]
    for model, readings in row.readings.items():
        lines.append(f"- `{model}`: " + ", ".join(f"`--reading {reading}`" for reading in readings))
    if row.scored:
        lines += ["", "| way to read it | target | found | verdict |", "|---|---|---|---|"]
        for way, targets in row.scored.items():
            for target in targets:
                found = scores.loc[target]
                lines.append(f"| {_plain(way)} | `{target}` | {found['found'] or '–'} | {found['verdict']} |")
    return lines

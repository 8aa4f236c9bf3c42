"""What is reproduced, and the ledger: from the specifications of the panels and the stored scores.

Promise: no number here is written by hand. `validation/scores.csv` is what `make scores` wrote; a target that
is not in it, or asks for something else by now, is shown as one to be scored.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from docs.site.compose import cell
from harness.models.units import readable
from harness.report.summary import sentences
from harness.validation.ledger import Discrepancy, read_ledger
from harness.validation.spec import PanelSpec, Target, every_panel
from harness.validation.suite import Score, Verdict

__all__ = ["ledger_page", "read_scores", "reproduced_page", "what_is_true"]

WAITING = "to be scored"

ROW = r"\bD\d\d\b"
"""How a sentence names a row of the ledger."""

PAGE = re.compile(r"\bdocs/(\w+)\.md\b")
"""How a reason names a page."""

COUNTED = (
    Verdict.MET,
    Verdict.NOT_REPRODUCIBLE,
    Verdict.NOT_MET_BY_READING,
    Verdict.NOT_MET,
    Verdict.NO_DATA,
)
"""Verdicts in the order in which a panel counts them; what is only shown has no threshold."""


@dataclass(frozen=True)
class _Stored:
    """A panel and those of its scores that are stored."""

    spec: PanelSpec
    scores: list[Score]


def read_scores(root: Path) -> pd.DataFrame:
    """What was found of each target and its verdict; a row a target of now, by its id."""
    stored = pd.read_csv(root / "validation" / "scores.csv", keep_default_na=False).set_index("target")
    rows = [_row(spec, target, stored) for spec in every_panel() for target in spec.targets]
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
    """What became of the targets, in the words of the report: a list, with how many targets it leaves out."""
    waiting = int((scores["verdict"] == WAITING).sum())
    more = [f"{waiting} are new and {WAITING}."] if waiting else []
    said = map(cell, [*sentences(_stored(scores), read_ledger()), *more])
    return "\n".join(f"- {re.sub(ROW, _link_to_row, sentence)}" for sentence in said)


def _link_to_row(name: re.Match[str]) -> str:
    return f"[{name[0]}](ledger.md#{name[0].lower()})"


def _stored(scores: pd.DataFrame) -> list[_Stored]:
    """The panels with their scores, but for those that wait."""
    found = []
    for spec in every_panel():
        verdicts_of = scores.loc[[target.id for target in spec.targets], "verdict"]
        known = [
            Score(target, float("nan"), Verdict(verdict), holds=True)
            for target, verdict in zip(spec.targets, verdicts_of, strict=True)
            if verdict != WAITING
        ]
        found.append(_Stored(spec, known))
    return found


def reproduced_page(scores: pd.DataFrame) -> str:
    """Every panel with its targets: what was asked, what was found, and the verdict."""
    panels = every_panel()
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
        lines += ["", f"({_anchor(spec)})=", f"## {spec.figure}: {spec.title}", "", cell(spec.summary), ""]
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
        rows.append("| " + " | ".join(cell(each) for each in cells) + " |")
    return rows


def _verdict(target: Target, score: pd.Series) -> str:
    row = f" ([{target.ledger}](ledger.md#{target.ledger.lower()}))" if target.ledger else ""
    return f"{score['verdict']}{row}"


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
    topic = row.topic[:1].upper() + row.topic[1:]
    reason = PAGE.sub(r"[\1](\1.md)", cell(row.reason))
    lines = [
        f"**{cell(topic)}.** {cell(row.statement)}",
        "",
        f"**Here:** {cell(row.choice)}. {reason}",
        "",
    ]
    for model, readings in row.readings.items():
        lines.append(f"- `{model}`: " + ", ".join(f"`--reading {reading}`" for reading in readings))
    if row.scored:
        lines += ["", "| way to read it | target | found | verdict |", "|---|---|---|---|"]
        for way, targets in row.scored.items():
            for target in targets:
                found = scores.loc[target]
                lines.append(f"| {cell(way)} | `{target}` | {found['found'] or '–'} | {found['verdict']} |")
    return lines

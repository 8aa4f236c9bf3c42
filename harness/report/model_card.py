"""The model card: what the models are, what they are for, what not, and what was measured.

Promise: every number is counted from the scores, the tables and the cards of the models; what is in words
stands in one file. What models beyond the article do is not counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness.models.card import ModelCard
from harness.models.provenance import Parameter
from harness.report.summary import BEYOND, TESTED
from harness.validation.locked import LockedTable
from harness.validation.model_card import IntendedUse
from harness.validation.suite import PanelResult, Score, Verdict

__all__ = ["Entry", "card_entries"]

KINDS = {
    "data": "observed numbers",
    "text": "statements of the article",
    "golden": "independent implementations and tools",
    "internal": "properties that the equations must have",
}


@dataclass(frozen=True)
class Entry:
    """One entry of the card: its head, and sentences, each with the row of the ledger on it, or none."""

    head: str
    said: tuple[tuple[str, str], ...]


def card_entries(
    results: Sequence[PanelResult],
    cards: Sequence[ModelCard],
    parameters: Sequence[Parameter],
    tables: Mapping[str, LockedTable],
    use: IntendedUse,
) -> list[Entry]:
    """The card, in its order."""
    own = [s for r in results if not r.spec.figure.startswith(BEYOND) for s in r.scores]
    return [
        Entry("Models", _plain(f"{card.id}: {card.title}" for card in cards)),
        Entry("Intended use", _plain(use.intended)),
        Entry("Not intended", _plain(use.not_intended)),
        Entry("Limits", tuple((limit.said, limit.ledger) for limit in use.limits)),
        Entry("Measured", _plain(_measured(own))),
        Entry("Data", _plain(f"{table.source} ({table.grade})" for table in tables.values())),
        Entry("Parameters", _plain([_values(parameters)])),
    ]


def _plain(sentences: Iterable[str]) -> tuple[tuple[str, str], ...]:
    return tuple((sentence, "") for sentence in sentences)


def _measured(scores: Sequence[Score]) -> list[str]:
    """What was met by kind of evidence, and what was not, each verdict apart."""
    found = []
    for kind, said in KINDS.items():
        tested = [s for s in scores if s.target.evidence == kind and s.verdict in TESTED]
        if tested:
            met = sum(s.verdict is Verdict.MET for s in tested)
            found.append(f"Thresholds on {said}: {met} of {len(tested)} met.")
    for verdict in (Verdict.NOT_MET, Verdict.NOT_REPRODUCIBLE, Verdict.NOT_MET_BY_READING, Verdict.NO_DATA):
        count = sum(s.verdict is verdict for s in scores)
        found.append(f"{count} {verdict}.")
    return found


def _values(parameters: Sequence[Parameter]) -> str:
    estimated = [row for row in parameters if row.status == "estimated"]
    known = sum(row.RSE is not None for row in estimated)
    spread = sum(row.omega is not None for row in parameters)
    return (
        f"{len(parameters)} values, each with its source: {len(estimated)} estimated by the article,"
        f" {known} of them with a standard error; {spread} with a spread between patients."
    )

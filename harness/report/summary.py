"""What the scores say, in words: the sentences on the first screen of the report.

Promise: every sentence follows from the verdicts and from nothing else; with other scores it says something
else. "Not reproducible" and "not met by this reading" are counted apart, always.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from harness.validation.ledger import Discrepancy
from harness.validation.spec import PanelSpec
from harness.validation.suite import Score, Verdict

__all__ = ["BEYOND", "TESTED", "Scored", "sentences", "verdicts"]

TESTED = (Verdict.MET, Verdict.NOT_MET, Verdict.NOT_REPRODUCIBLE, Verdict.NOT_MET_BY_READING, Verdict.FAILED)
"""Verdicts of targets that have a threshold and a score."""

OWN = ("data", "text")
"""Evidence of the article itself."""

BEYOND = "Beyond"
"""How the figure of a panel begins that asks what other models could do."""

CAUSES = 3
"""How many rows of the ledger are named as causes."""


class Scored(Protocol):
    """A panel and its scores: of this run, or those that are stored."""

    @property
    def spec(self) -> PanelSpec: ...

    @property
    def scores(self) -> Sequence[Score]: ...


def sentences(results: Sequence[Scored], ledger: Mapping[str, Discrepancy]) -> list[str]:
    """What holds, what cannot, what is missed by a reading, what nobody can score, why, and who agrees.

    What models beyond the article do has a sentence of its own, and counts in none of the others.
    """
    scores = [score for result in _of_article(results) for score in result.scores]
    beyond = [result for result in results if result.spec.figure.startswith(BEYOND)]
    found = [*verdicts(results), _causes(scores, ledger), _agreement(scores), _beyond(beyond)]
    return [sentence for sentence in found if sentence]


def verdicts(results: Sequence[Scored]) -> list[str]:
    """The first of :func:`sentences`: what became of the targets of the article."""
    results = _of_article(results)
    found = [
        _holds(results),
        _missed(
            results,
            Verdict.NOT_REPRODUCIBLE,
            "cannot be had from the specification as it is published, by any reading",
        ),
        _missed(
            results,
            Verdict.NOT_MET_BY_READING,
            "is missed by a reading, a definition or an addition of this project",
        ),
        _unscored(results),
    ]
    return [sentence for sentence in found if sentence]


def _of_article(results: Sequence[Scored]) -> list[Scored]:
    return [result for result in results if not result.spec.figure.startswith(BEYOND)]


def _holds(results: Sequence[Scored]) -> str:
    tested = {
        result.spec.figure: [s for s in result.scores if s.target.evidence in OWN and s.verdict in TESTED]
        for result in results
    }
    met = {figure: sum(s.verdict is Verdict.MET for s in scores) for figure, scores in tested.items()}
    count, total = sum(met.values()), sum(map(len, tested.values()))
    if not total:
        return ""
    whole = [figure for figure, scores in tested.items() if scores and met[figure] == len(scores)]
    part = [f"{f} ({met[f]} of {len(s)})" for f, s in tested.items() if s and 0 < met[f] < len(s)]
    said = f"{count} of {total} thresholds that were set on data and statements of the article are met"
    if whole:
        said += f": all of {_listed(whole)}"
    if part:
        said += f"{'; ' if whole else ': '}in part {_listed(part)}"
    return f"{said}."


def _missed(results: Sequence[Scored], verdict: Verdict, said: str) -> str:
    counts = {
        result.spec.figure: sum(score.verdict is verdict for score in result.scores) for result in results
    }
    total = sum(counts.values())
    if not total:
        return ""
    where = _listed(f"{figure} ({count})" for figure, count in counts.items() if count)
    plural = said if total == 1 else said.replace("is missed", "are missed")
    return f"{total} {'target' if total == 1 else 'targets'} {plural}: {where}."


def _causes(scores: Iterable[Score], ledger: Mapping[str, Discrepancy]) -> str:
    missed = (Verdict.NOT_REPRODUCIBLE, Verdict.NOT_MET_BY_READING)
    rows = Counter(s.target.ledger for s in scores if s.verdict in missed and s.target.ledger)
    known = [(row, count) for row, count in rows.most_common(CAUSES) if row in ledger]
    if not known:
        return ""
    said = " ".join(f"{row} ({count}): {ledger[row].statement}" for row, count in known)
    return f"Most of what is missed has few causes, rows of the ledger. {said}"


def _unscored(results: Sequence[Scored]) -> str:
    counts = {
        result.spec.figure: sum(score.verdict is Verdict.NO_DATA for score in result.scores)
        for result in results
    }
    figures = [f"{figure} ({count})" for figure, count in counts.items() if count]
    if not figures:
        return ""
    said = f"Nobody can score {_listed(figures)} against observations: their numbers are not published"
    return f"{said}. A table with them is scored at the next run."


def _agreement(scores: Iterable[Score]) -> str:
    golden = [s for s in scores if s.target.evidence == "golden" and s.verdict in TESTED]
    if not golden:
        return ""
    met = sum(score.verdict is Verdict.MET for score in golden)
    return f"{met} of {len(golden)} numbers of independent implementations and other tools agree."


def _beyond(results: Sequence[Scored]) -> str:
    scores = [score for result in results for score in result.scores if score.verdict in TESTED]
    if not scores:
        return ""
    met = sum(score.verdict is Verdict.MET for score in scores)
    return (
        f"Of {len(scores)} thresholds on what models beyond the article do, {met} are met; none counts above."
    )


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last

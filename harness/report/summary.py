"""What the scores say, in words: five sentences, on the first screen of the report and of the site.

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

__all__ = ["BEYOND", "TESTED", "Scored", "sentences"]

TESTED = (Verdict.MET, Verdict.NOT_MET, Verdict.NOT_REPRODUCIBLE, Verdict.NOT_MET_BY_READING, Verdict.FAILED)
"""Verdicts of targets that have a threshold and a score."""

OWN = {"data": "observed numbers", "text": "statements"}
"""Evidence of the article itself, as a sentence calls it."""

BEYOND = "Beyond"
"""How the figure of a panel begins that asks what other models could do."""

CAUSES = 4
"""How many causes a sentence names, at most."""


class Scored(Protocol):
    """A panel and its scores: of this run, or those that are stored."""

    @property
    def spec(self) -> PanelSpec: ...

    @property
    def scores(self) -> Sequence[Score]: ...


def sentences(results: Sequence[Scored], ledger: Mapping[str, Discrepancy]) -> list[str]:
    """What holds, what cannot and why, what a reading misses and why, what nobody can score, what is beside.

    What models beyond the article do counts in the last alone. One without anything to say is left out.
    """
    article = [result for result in results if not result.spec.figure.startswith(BEYOND)]
    beyond = [result for result in results if result.spec.figure.startswith(BEYOND)]
    found = [
        _holds(article),
        _missed(
            article,
            ledger,
            Verdict.NOT_REPRODUCIBLE,
            "cannot be had from the specification as it is published",
        ),
        _missed(
            article,
            ledger,
            Verdict.NOT_MET_BY_READING,
            "is missed by a reading, a definition or an addition of this project",
        ),
        _unscored(article),
        _beside(article, beyond),
    ]
    return [sentence for sentence in found if sentence]


def _holds(results: Sequence[Scored]) -> str:
    own = {said: [s for s in _tested(results) if s.target.evidence == kind] for kind, said in OWN.items()}
    scores = [score for of_kind in own.values() for score in of_kind]
    if not scores:
        return ""
    kinds = _listed(f"{_met(of_kind)} on its {said}" for said, of_kind in own.items() if of_kind)
    panels = [(result.spec, [s for s in _tested([result]) if s.target.evidence in OWN]) for result in results]
    best = sorted((panel for panel in panels if _share(panel[1])), key=lambda panel: -_share(panel[1]))
    where = [f"{spec.figure}, {_within(spec.title)} ({_met(of_panel)})" for spec, of_panel in best]
    said = f"{_met(scores)} thresholds on what the article shows and says are met, {kinds}"
    return f"{said}: {'; '.join(where)}." if where else f"{said}."


def _missed(results: Sequence[Scored], ledger: Mapping[str, Discrepancy], verdict: Verdict, said: str) -> str:
    missed = [score for result in results for score in result.scores if score.verdict is verdict]
    if not missed:
        return ""
    rows = Counter(score.target.ledger for score in missed if score.target.ledger).most_common(CAUSES)
    causes = [f"{ledger[row].topic} ({count}, {row})" for row, count in rows]
    others = len(missed) - sum(count for _, count in rows)
    causes += [f"others ({others})"] if others else []
    several = f"are {said.removeprefix('is ')}" if said.startswith("is ") else said
    targets = f"1 target {said}" if len(missed) == 1 else f"{len(missed)} targets {several}"
    return f"{targets}: {_listed(causes)}; in {_listed(_with_counts(results, verdict))}."


def _unscored(results: Sequence[Scored]) -> str:
    figures = _with_counts(results, Verdict.NO_DATA)
    if not figures:
        return ""
    count = sum(score.verdict is Verdict.NO_DATA for result in results for score in result.scores)
    said = f"Nobody can score {count} {'target' if count == 1 else 'targets'} for want of data"
    figure = f"numbers of {_listed(figures)} are not published"
    return f"{said}: {figure}; a table with them is scored at the next run."


def _beside(article: Sequence[Scored], beyond: Sequence[Scored]) -> str:
    golden = [score for score in _tested(article) if score.target.evidence == "golden"]
    counts = [
        f"{_met(scores)} {said}"
        for scores, said in (
            (golden, "numbers of independent implementations and other tools agree"),
            (_tested(beyond), "thresholds on what models beyond the article do are met"),
        )
        if scores
    ]
    return f"Beside this, {_listed(counts)}." if counts else ""


def _tested(results: Iterable[Scored]) -> list[Score]:
    return [score for result in results for score in result.scores if score.verdict in TESTED]


def _share(scores: Sequence[Score]) -> float:
    """Share that is met, 0 of none."""
    return sum(score.verdict is Verdict.MET for score in scores) / max(len(scores), 1)


def _met(scores: Sequence[Score]) -> str:
    return f"{sum(score.verdict is Verdict.MET for score in scores)} of {len(scores)}"


def _with_counts(results: Sequence[Scored], verdict: Verdict) -> list[str]:
    """Figures that have a verdict, with how often."""
    counts = {result.spec.figure: sum(s.verdict is verdict for s in result.scores) for result in results}
    return [f"{figure} ({count})" for figure, count in counts.items() if count]


def _within(title: str) -> str:
    """A title as it stands within a sentence."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last

"""The first screen says in five sentences what the verdicts say, and something else when they are others."""

from collections import Counter
from dataclasses import replace

import pytest

from harness.report.summary import BEYOND, CAUSES, TESTED, sentences
from harness.validation.ledger import read_ledger
from harness.validation.suite import Verdict


@pytest.fixture
def results(of_article_and_beyond):
    return of_article_and_beyond


def with_verdict(results, verdict):
    return [replace(r, scores=[replace(s, verdict=verdict) for s in r.scores]) for r in results]


def scores_of(results, *verdicts):
    return [s for r in results for s in r.scores if s.verdict in verdicts]


def share(scores):
    return f"{sum(s.verdict is Verdict.MET for s in scores)} of {len(scores)}"


def test_numbers_are_those_of_the_scores(results):
    holds, lacking, missed, unscored, beside = sentences(results, read_ledger())
    article, beyond = results[:2], results[2:]
    tested = scores_of(article, *TESTED)
    seen, said, golden = ([s for s in tested if s.target.evidence == k] for k in ("data", "text", "golden"))
    assert holds.startswith(f"{share(seen + said)} thresholds")
    assert f"{share(seen)} on its observed numbers" in holds
    assert (
        f"Figure 2b, tumour growth inhibition and CAR-T cell expansion in the mouse ({share(seen + said)})"
        in holds
    )
    assert lacking.startswith(f"{len(scores_of(article, Verdict.NOT_REPRODUCIBLE))} targets cannot be had")
    assert missed.startswith(f"{len(scores_of(article, Verdict.NOT_MET_BY_READING))} targets are missed")
    assert unscored.startswith(f"Nobody can score {len(scores_of(article, Verdict.NO_DATA))} targets")
    assert "Figure 2a (3)" in unscored
    assert BEYOND not in "".join((holds, lacking, missed, unscored))
    assert f"{share(scores_of(beyond, *TESTED))} thresholds on what models beyond" in beside
    assert (f"{share(golden)} numbers of independent" in beside) == bool(golden)


def test_what_is_missed_has_its_causes_the_most_frequent_first(results):
    """As many rows of the ledger as fit, each with its topic and count; the rest is counted."""
    ledger, rows = read_ledger(), ["D17", "D01", "D08", "D07", "D22", "D23"]
    scores = [s for r in results[:2] for s in r.scores][:9]
    names = [rows[0]] * 3 + [rows[1]] * 2 + rows[2:]
    missed = [
        replace(
            s,
            verdict=Verdict.NOT_REPRODUCIBLE,
            target=s.target.model_copy(update={"ledger": n, "evidence": "text"}),
        )
        for s, n in zip(scores, names, strict=True)
    ]
    _, said = sentences([replace(results[0], scores=missed)], ledger)
    counts = Counter(names)
    named = [f"{ledger[row].topic} ({counts[row]}, {row})" for row in rows[:CAUSES]]
    assert f": {', '.join(named)} and others ({counts[rows[4]] + counts[rows[5]]}); in Figure 2a (9)." in said
    (_, one) = sentences([replace(results[0], scores=missed[:1])], ledger)
    assert one.startswith("1 target cannot be had from the specification as it is published")
    assert said.startswith("9 targets cannot be had from the specification as it is published")
    by_reading = [replace(s, verdict=Verdict.NOT_MET_BY_READING) for s in missed]
    (_, several), (_, one) = (sentences([replace(results[0], scores=by_reading[:n])], ledger) for n in (2, 1))
    assert several.startswith("2 targets are missed by a reading")
    assert one.startswith("1 target is missed by a reading")
    assert one.endswith(f": {ledger['D17'].topic} (1, D17); in Figure 2a (1).")


def test_other_verdicts_say_something_else(results):
    good = sentences(with_verdict(results[:2], Verdict.MET), read_ledger())
    golden = any(s.target.evidence == "golden" for r in results[:2] for s in r.scores)
    assert len(good) == 1 + golden
    own = [s for r in results[:2] for s in r.scores if s.target.evidence in ("data", "text")]
    assert good[0].startswith(f"{len(own)} of {len(own)} thresholds")
    bad = sentences(with_verdict(results[:2], Verdict.NOT_REPRODUCIBLE), read_ledger())
    assert bad[0].startswith(f"0 of {len(own)} thresholds")
    assert "Figure" not in bad[0]
    assert sentences(with_verdict(results[:2], Verdict.SHOWN), read_ledger()) == []

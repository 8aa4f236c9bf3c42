"""The first screen says what the verdicts say, and something else when they are others."""

from dataclasses import replace

import pytest

from harness.report.summary import sentences
from harness.validation.ledger import read_ledger
from harness.validation.suite import Verdict


@pytest.fixture
def results(of_article_and_beyond):
    return of_article_and_beyond


def with_verdict(results, verdict):
    return [replace(r, scores=[replace(s, verdict=verdict) for s in r.scores]) for r in results]


def test_numbers_are_those_of_the_scores(results):
    said = sentences(results, read_ledger())
    own = [s for r in results[:2] for s in r.scores if s.target.evidence in ("data", "text")]
    tested = [s for s in own if s.verdict not in (Verdict.SHOWN, Verdict.NO_DATA)]
    met = sum(s.verdict is Verdict.MET for s in tested)
    assert said[0].startswith(f"{met} of {len(tested)} thresholds")
    everything = [s for r in results[:2] for s in r.scores]
    lacking = sum(s.verdict is Verdict.NOT_REPRODUCIBLE for s in everything)
    assert said[1].startswith(f"{lacking} targets cannot be had")
    missed = sum(s.verdict is Verdict.NOT_MET_BY_READING for s in everything)
    assert said[2].startswith(f"{missed} targets are missed by a reading")
    assert "Figure 2a (3)" in said[3]
    assert "D01" in said[4]


def test_what_goes_beyond_the_article_counts_by_itself(results):
    said = sentences(results, read_ledger())
    assert "Beyond" not in said[0]
    assert said[-1].startswith("Of ")
    assert sentences(results[:2], read_ledger())[-1] != said[-1]


def test_other_verdicts_say_something_else(results):
    good = sentences(with_verdict(results[:2], Verdict.MET), read_ledger())
    assert len(good) == 1 + any(s.target.evidence == "golden" for r in results[:2] for s in r.scores)
    own = [r.spec.figure for r in results[:2] if any(s.target.evidence in ("data", "text") for s in r.scores)]
    assert f"all of {' and '.join(own)}" in good[0]
    bad = sentences(with_verdict(results[:2], Verdict.NOT_REPRODUCIBLE), read_ledger())
    assert bad[0].startswith("0 of")
    assert "in part" not in bad[0]
    assert sentences(with_verdict(results[:2], Verdict.SHOWN), read_ledger()) == []

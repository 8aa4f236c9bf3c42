"""The model card counts what the scores say, and its limits are rows of the ledger."""

from dataclasses import replace

import pytest

from harness.errors import InputError
from harness.models.catalog import load_card, model_names
from harness.models.provenance import read_parameters
from harness.report.model_card import card_entries
from harness.validation.ledger import read_ledger
from harness.validation.locked import read_lock
from harness.validation.model_card import read_intended
from harness.validation.suite import Verdict


def found(results):
    cards = [load_card(name) for name in model_names()]
    entries = card_entries(results, cards, read_parameters(), read_lock(), read_intended())
    return {entry.head: entry.said for entry in entries}


def counts(results):
    """Numbers that the card says of each verdict."""
    said = [sentence for sentence, _ in found(results)["Measured"]]
    return {v: int(line.split()[0]) for v in Verdict for line in said if line.partition(" ")[2] == f"{v}."}


def test_each_verdict_but_met_is_counted_apart_and_nothing_beyond_the_article(of_article_and_beyond):
    own = [s for r in of_article_and_beyond[:2] for s in r.scores]
    apart = (Verdict.NOT_MET, Verdict.NOT_REPRODUCIBLE, Verdict.NOT_MET_BY_READING, Verdict.NO_DATA)
    assert counts(of_article_and_beyond) == {v: sum(s.verdict is v for s in own) for v in apart}


def test_another_score_is_another_card(of_article_and_beyond):
    first = of_article_and_beyond[0]
    worse = replace(first, scores=[replace(s, verdict=Verdict.NOT_MET) for s in first.scores])
    assert counts([worse])[Verdict.NOT_MET] == len(first.scores)
    met = [said for said, _ in found([worse])["Measured"] if said.endswith(" met.") and " of " in said]
    assert met
    assert all(": 0 of " in said for said in met)


def test_models_tables_and_limits_are_all_there(of_article_and_beyond):
    entries = found(of_article_and_beyond)
    assert len(entries["Models"]) == len(model_names())
    assert len(entries["Data"]) == len(read_lock())
    assert {row for _, row in entries["Limits"]} <= set(read_ledger())


def test_a_limit_of_no_row_is_refused(tmp_path):
    path = tmp_path / "model_card.yaml"
    path.write_text("intended: []\nnot_intended: []\nlimits: [{said: something, ledger: D99}]\n")
    with pytest.raises(InputError, match="D99"):
        read_intended(path)

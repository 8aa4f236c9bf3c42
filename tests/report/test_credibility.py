"""Tables of credibility: what is counted is what the scores say, and what is the user's stays theirs."""

import pytest

from harness.errors import InputError
from harness.models.provenance import read_parameters
from harness.report.credibility import factors, use_lines
from harness.validation.credibility import ContextOfUse, read_use
from harness.validation.suite import Verdict


@pytest.fixture
def results(of_article_and_beyond):
    return of_article_and_beyond


def found(results, use=ContextOfUse()):  # noqa: B008 - nothing changes it
    return {line.factor: line for line in factors(results, {"clinical": []}, read_parameters(), 24, use)}


def test_there_are_thirteen_factors_and_only_the_users_are_open(results):
    lines = found(results)
    assert len(lines) == 13
    assert [name for name, line in lines.items() if not line.found] == [
        "quantities of interest",
        "relevance to the context of use",
    ]
    assert all(line.of_user == (not line.found) for line in lines.values())


def test_counts_are_those_of_the_scores(results):
    own = [s for r in results[:2] for s in r.scores]
    data = [
        s for s in own if s.target.evidence == "data" and s.verdict not in (Verdict.SHOWN, Verdict.NO_DATA)
    ]
    met = sum(s.verdict is Verdict.MET for s in data)
    said = found(results)["comparison of outputs"].found
    assert f"data: {met} of {len(data)} met" in said
    lacking = sum(s.verdict is Verdict.NOT_REPRODUCIBLE for s in own)
    assert f"{lacking} not reproducible" in said
    assert ("Figure 2b", "fig2b") in found(results)["comparison of outputs"].links


def test_what_goes_beyond_the_article_is_no_comparator(results):
    assert "Beyond" not in found(results)["what it is compared with"].found


def test_an_empty_file_leaves_the_use_open():
    assert all(not line.found for line in use_lines(read_use()))


def test_what_a_user_says_stands_in_the_tables(results, tmp_path):
    file = tmp_path / "use.yaml"
    file.write_text("question: which dose\nrelevance: same product, same patients\n", "utf-8")
    use = read_use(file)
    assert use_lines(use)[0].found == "which dose"
    assert found(results, use)["relevance to the context of use"].found == "same product, same patients"
    file.write_text("questoin: which dose\n", "utf-8")
    with pytest.raises(InputError, match="question"):
        read_use(file)

import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from harness.report.page import _number, page_tasks, render_page, write_page
from harness.simulation.execute import Processes
from harness.validation.ledger import read_ledger
from harness.validation.suite import Verdict, run_panel


@pytest.fixture(scope="module")
def results():
    return [run_panel(name) for name in ("fig2b", "fig3")]


@pytest.fixture(scope="module")
def page(results):
    return render_page(results)


def test_the_page_is_the_same_whoever_draws_its_figures(results, page):
    assert render_page(results, executor=Processes(2)) == page


class Tags(HTMLParser):
    """Collects tags, and what is opened and never closed."""

    VOID = frozenset({"meta", "br", "input", "link", "path", "use", "rect", "line", "image"})

    def __init__(self):
        super().__init__()
        self.open, self.links = [], []

    def handle_starttag(self, tag, attrs):
        self.links += [value for name, value in attrs if name in ("src", "href", "xlink:href") and value]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_the_page_is_well_formed_and_needs_no_network(page):
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert all(link.startswith(("#", "https://doi.org/")) for link in tags.links)


def test_every_target_of_the_panels_is_on_the_page(page, results):
    for result in results:
        for score in result.scores:
            assert f">{score.target.id}<" in page


def test_each_set_of_axes_says_what_it_was_scored_against(page, results):
    for result in results:
        for axes in result.spec.axes:
            assert f"<b>{axes.title}</b> scored against {axes.scored_against}." in page


def test_every_place_that_is_linked_is_on_the_page(page):
    places = set(re.findall(r'<(?:section|article) id="([^"]+)"', page))
    linked = set(re.findall(r'<a href="#([^"]+)"', page))
    assert linked <= places
    assert {"D01", "ledger", "glance", "fig3"} <= linked  # sentences and verdicts lead to rows of the ledger


def test_each_row_of_the_ledger_says_what_is_done_and_what_each_way_to_read_it_scores(page, results):
    known = {score.target.id: score for result in results for score in result.scores}
    entries = dict(re.findall(r'<article id="(D\d\d)">(.*?)</article>', page, re.DOTALL))
    assert list(entries) == list(read_ledger())
    for name, row in read_ledger().items():
        text = html.unescape(re.sub(r"<[^>]+>", "", entries[name]))
        assert row.topic[1:] in text
        assert row.choice in text
        for way, ids in row.scored.items():
            assert (f"<b>{html.escape(way)}</b>" in entries[name]) == any(id in known for id in ids)
            assert all(known[id].target.statement in text for id in ids if id in known)


def test_what_is_not_reproducible_and_what_is_not_met_are_never_one_number(page, results):
    counts = {said: number for number, said in re.findall(r"<li><b[^>]*>(\d+)</b>([^<]+)</li>", page)}
    scores = [score for result in results for score in result.scores]
    for verdict in (Verdict.NOT_REPRODUCIBLE, Verdict.NOT_MET, Verdict.NOT_MET_BY_READING):
        assert int(counts[str(verdict)]) == sum(score.verdict is verdict for score in scores)


def test_figures_have_text_alternatives(page):
    pictures = re.findall(r"<svg [^>]*>", page)
    assert len(pictures) == 3  # two panels, and the residuals of the one with data
    assert all('role="img" aria-label="Figure' in picture for picture in pictures)


def test_a_page_is_written_whole(tmp_path, results):
    write_page(results[:1], tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text("utf-8").rstrip().endswith("</html>")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.00012345, "0.0001234"),
        (3.14159, "3.142"),
        (-2.0, "-2"),
        (9999.6, "1e+04"),
        (12345.6, "12346"),
        (-123456.7, "-123457"),
        (999999.4, "999999"),
        (1e6, "1e+06"),
        (2.5e9, "2.5e+09"),
        (np.float32(0.5), "0.5"),
        (float("nan"), "–"),
        (float("inf"), "inf"),
        (None, ""),
        (7, "7"),
        ("SD", "SD"),
    ],
)
def test_a_number_of_the_page_has_four_digits(value, text):
    assert _number(value) == text


def test_each_score_stands_with_its_threshold_and_its_verdict(page, results):
    """The row of a target: its number, the unit, the threshold and the verdict, before its name."""
    for result in results:
        for score in result.scores:
            row = page[: page.index(f">{score.target.id}<")]
            cells = [re.sub(r"<[^>]+>", " ", c) for c in row[row.rindex("<tr") :].split("<td")]
            text = " ".join(" ".join(cells).split())
            if score.value == score.value:
                assert _number(score.value) in text, score.target.id
            assert str(score.verdict).partition(" from ")[0] in text


def test_each_part_of_the_page_is_told_once_by_the_name_it_was_announced_by(results):
    told = []
    render_page(results[:1], progress=lambda name, share: told.append((name, share)))
    announced = page_tasks([results[0].spec])
    assert sorted(told) == sorted((name, 1.0) for name in announced)
    assert min(announced.values()) > 0

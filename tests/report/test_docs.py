"""The generated pages of docs/ are those that the code and the suite give."""

import json

import pytest

from harness.declarations import read_declaration
from harness.errors import InputError
from harness.models.card import repository
from harness.report import docs
from harness.report.docs import Implementations, pages, stale, write_docs


def test_no_page_is_stale():
    assert stale() == []


def test_the_schema_knows_every_kind_of_measure_and_study():
    text = (repository() / "docs" / "schema" / "panel.json").read_text("utf-8")
    kinds = {
        d["properties"]["kind"]["const"]
        for d in json.loads(text)["$defs"].values()
        if "kind" in d["properties"]
    }
    assert {"residual", "endpoint", "cases", "rows", "number", "statistic", "formula", "scan"} <= kinds


def test_what_is_stale_is_written_and_nothing_else(tmp_path, monkeypatch):
    content = {tmp_path / "a.md": "new\n", tmp_path / "b" / "c.json": "{}\n"}
    (tmp_path / "a.md").write_text("old\n")
    monkeypatch.setattr(docs, "pages", lambda: content)
    assert write_docs() == list(content)
    assert write_docs() == []
    assert [path.read_text() for path in content] == ["new\n", "{}\n"]


def test_the_comparison_gives_every_topic_of_every_implementation():
    page = next(text for path, text in pages().items() if path.name == "comparison.md")
    declared = read_declaration(
        repository() / "validation" / "comparison" / "implementations.yaml", Implementations
    )
    for other in declared.implementations.values():
        assert set(other.has) <= set(declared.rows)
    assert all(f"| {title} |" in page for title in declared.rows.values())
    assert "| 37411 copies/ug | 37411 copies/ug | met" in page


def test_a_broken_declaration_is_told(tmp_path):
    path = tmp_path / "implementations.yaml"
    path.write_text("implementations: {x: {title: X}}\nhere: {}\nrows: {}\n")
    with pytest.raises(InputError, match=r"implementations\.x\.source: is missing"):
        read_declaration(path, Implementations)

"""The pages of the site, without building it: each is in its contents, and its links lead somewhere."""

import re

import pytest

from docs.site.compose import TUTORIALS, compose, listed_tutorials, pages_of_project
from harness.models.card import repository

ROOT = repository()
INDEX = (ROOT / "docs" / "index.md").read_text("utf-8")
LISTED = [
    name
    for block in re.findall(r"^```\{toctree\}\n(.*?)```", INDEX, re.M | re.S)
    for name in re.findall(r"^[\w/]+$", block, re.M)
]


def test_every_page_is_in_the_table_of_contents_once():
    pages = {str(to.with_suffix("")) for to in pages_of_project(ROOT).values()} - {"index"}
    assert pages <= set(LISTED)
    assert len(LISTED) == len(set(LISTED))


@pytest.mark.parametrize("name", listed_tutorials(ROOT))
def test_a_tutorial_begins_with_its_answer(name):
    text = (ROOT / "docs" / TUTORIALS / f"{name}.md").read_text("utf-8")
    assert re.search(r"^# .+\n\n\*\*The answer\.\*\* ", text, re.M)
    assert "```{code-cell} ipython3" in text


def test_every_link_of_a_page_leads_to_a_file_that_is_copied(tmp_path):
    pages = compose(ROOT, tmp_path)
    assert all((tmp_path / page).is_file() for page in pages)
    schema = (tmp_path / "fitting.md").read_text("utf-8")
    assert "](running.md" in schema or "](tables.md" in schema


def test_a_link_that_leads_nowhere_is_refused(tmp_path):
    docs = tmp_path / "docs"
    docs.mkdir()
    for name in ("CONTRIBUTING.md", "CHANGELOG.md"):
        (tmp_path / name).write_text("# A page\n")
    (docs / "page.md").write_text("# A page\n\n[one](../CHANGELOG.md) and\n\n    [code](gone.md)\n")
    compose(tmp_path, tmp_path / "out")
    assert "[one](changelog.md)" in (tmp_path / "out" / "page.md").read_text()
    (docs / "page.md").write_text("# A page\n\n[one](gone.md)\n")
    with pytest.raises(SystemExit, match=r"the link to docs/gone.md leads to no file"):
        compose(tmp_path, tmp_path / "out")


def test_a_link_alone_on_a_line_of_a_tutorial_becomes_a_cell_that_writes_the_file(tmp_path):
    folder = tmp_path / "docs" / TUTORIALS
    folder.mkdir(parents=True)
    for name in ("CONTRIBUTING.md", "CHANGELOG.md", "arms.yaml"):
        (tmp_path / name).write_text("# arms\n")
    (folder / "one.md").write_text("# One\n\n[`arms.yaml`](../../arms.yaml)\n")
    compose(tmp_path, tmp_path / "out")
    text = (tmp_path / "out" / TUTORIALS / "one.md").read_text()
    assert "%%writefile arms.yaml\n# arms\n```" in text
    assert "{nb-download}`one.ipynb`" in text

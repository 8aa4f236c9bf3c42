"""The pages of the site, without building it: each is in its contents, and its links lead somewhere."""

import re
from pathlib import Path, PurePosixPath

import libsbml
import pandas as pd
import pytest

from docs.site import commands, evidence, lines, shell
from docs.site.compose import TUTORIALS, compose, listed_tutorials, pages_of_project
from docs.site.diagram import scheme_of
from docs.site.links import dead_links
from docs.site.shell import Given, Typed, commands_of, refused_lines, steps_of
from harness.exchange.use import use_of
from harness.models.card import repository
from harness.report.summary import BEYOND, TESTED
from harness.validation.ledger import read_ledger
from harness.validation.spec import every_panel

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


def test_a_link_of_the_site_that_leads_to_no_file_or_no_place_is_told(tmp_path):
    (tmp_path / "a.html").write_text('<h1 id="one">A</h1><a href="b.html#two">b</a><a href="#one">a</a>')
    (tmp_path / "b.html").write_text(
        '<a href="gone.html">x</a><a href="a.html#no">y</a><a href="https://x.org">z</a>'
    )
    assert list(dead_links(tmp_path)) == ["a.html: b.html#two", "b.html: gone.html", "b.html: a.html#no"]


def test_every_command_line_of_the_pages_is_one_that_cart_takes():
    assert list(refused_lines(ROOT)) == []
    lines = [
        line for page in pages_of_project(ROOT) for line in commands_of((ROOT / page).read_text("utf-8"))
    ]
    assert len(lines) > 50


def test_a_command_line_that_cart_does_not_take_is_told(monkeypatch, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "    cart simulate clinical --dosis 1e8\n\n    cart simulat clinical\n    cart models  # all\n"
    )
    monkeypatch.setattr(shell, "pages_of_project", lambda _: [PurePosixPath("page.md")])
    (tmp_path / "README.md").write_text("# A page\n")
    told = list(refused_lines(tmp_path))
    assert [line.split(": ")[1] for line in told] == [
        "cart simulate clinical --dosis 1e8",
        "cart simulat clinical",
    ]


def test_the_reference_of_the_command_line_names_arguments_without_their_types():
    named = re.findall(r"^\| `([^`]+)` \|", commands.commands_page(), re.M)
    assert {"MODEL", "--dose CELLS[@TIME]"} <= set(named)
    assert not [name for name in named if "<" in name]


PAGE = """# A page

A table. With `doses.csv`, for example:

    dose
    1e8

```{code-cell} ipython3
:tags: [remove-output]

%%writefile more.csv
dose
2e8
```

a run is

    cart run clinical --design doses.csv \\
        --out runs.csv    # two rows
    python -c "print('#')"

"""


def test_a_page_gives_files_and_has_lines_typed_in_their_order():
    assert list(steps_of(PAGE)) == [
        Given("doses.csv", "dose\n1e8\n"),
        Given("more.csv", "dose\n2e8\n"),
        Typed(18, "cart run clinical --design doses.csv     --out runs.csv", "two rows"),
        Typed(20, "python -c \"print('#')\"", ""),
    ]


def test_a_block_after_a_sentence_that_names_no_file_is_none():
    assert not list(steps_of("Units are in `units.csv`. So it is:\n\n    dose\n"))
    assert not list(steps_of("Units are in `units.csv`.\n\n    dose\n"))


@pytest.fixture
def typed(tmp_path, monkeypatch):
    """Run a page of a project that has nothing in it; what went wrong, and the folder of the page."""
    for name in lines.COPIED:
        (tmp_path / "project" / name).mkdir(parents=True)
    page = tmp_path / "project" / "docs" / "page.md"
    (tmp_path / "project" / "harness" / "__init__.py").touch()
    monkeypatch.chdir(tmp_path)

    def run(text):
        page.write_text(text)
        return lines.run_pages(tmp_path / "project", [page], Path("lines")), tmp_path / "lines" / "page"

    return run


WORKS = """`word.txt`:

    one

Then

    mkdir made
    python -c "open('made/two', 'w').write(open('word.txt').read())"
    python -c "raise SystemExit(open('made/two').read() != 'one\\n')"
    python -P -c "import harness, os; raise SystemExit(harness.__path__ != [os.path.abspath('harness')])"
    python -c "raise SystemExit('not run')"  # hours
    python -c "raise SystemExit(1)"          # exit code 1: as it should
"""


def test_lines_of_a_page_are_run_with_what_it_gives_and_leave_nothing(typed):
    faults, folder = typed(WORKS)
    assert faults == []
    assert not folder.exists()


def test_a_line_that_fails_is_told_with_what_it_printed_and_ends_its_page(typed):
    faults, folder = typed("# A page\n\n    python -c \"raise SystemExit('gone')\"\n    mkdir after\n")
    assert faults == ["docs/page.md:3: python -c \"raise SystemExit('gone')\": exit code 1\ngone"]
    assert not (folder / "after").exists()


def test_a_line_that_takes_too_long_is_ended_and_told(typed, monkeypatch):
    monkeypatch.setattr(lines, "LONGEST", 0.5)
    faults, _ = typed('    python -c "import time; time.sleep(60)"\n')
    assert len(faults) == 1
    assert faults[0].endswith("it takes more than 0.5 seconds")


def test_a_cell_that_warns_is_told(tmp_path):
    (tmp_path / "said.html").write_text("<p>A FutureWarning: is told</p>")
    (tmp_path / "one.html").write_text(
        '<div class="output stderr highlight"><pre><span>/x.py:1: UserWarning: old</span>\n</pre></div>'
    )
    assert list(lines.pages_that_warn(tmp_path)) == ["one.html: a cell warns: /x.py:1: UserWarning: old"]


def test_a_line_that_warns_is_told(typed):
    faults, _ = typed("    python -W always -c \"import warnings; warnings.warn('old')\"\n")
    assert len(faults) == 1
    assert "it warns" in faults[0]


@pytest.fixture(scope="module")
def panels():
    """The panels, read once."""
    read = every_panel()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "every_panel", lambda: read)
        yield read


def test_what_is_reproduced_gives_every_target_and_every_row_of_the_ledger(panels):
    scores = evidence.read_scores(ROOT)
    page = evidence.reproduced_page(scores)
    targets = [target for spec in panels for target in spec.targets]
    assert all(f"| `{target.id}` |" in page for target in targets)
    ledger = evidence.ledger_page(scores)
    assert all(f"\n## {row}\n" in ledger for row in read_ledger())
    assert "[dose](dose.md)" in ledger
    assert "docs/" not in ledger + page
    assert all(line in page for line in evidence.what_is_true(scores).splitlines())


def test_the_first_page_says_of_stored_scores_what_the_report_says_of_its_own(panels):
    """The counts are those of the table; a verdict that changes, changes what is said."""
    scores = evidence.read_scores(ROOT)
    own = [t for s in panels if not s.figure.startswith(BEYOND) for t in s.targets]
    tested = [
        t for t in own if t.evidence in ("data", "text") and scores.loc[t.id, "verdict"] in map(str, TESTED)
    ]
    met = [t for t in tested if scores.loc[t.id, "verdict"] == "met"]
    assert evidence.what_is_true(scores).startswith(f"- {len(met)} of {len(tested)} thresholds")
    scores.loc[met[0].id, "verdict"] = "not met"
    assert evidence.what_is_true(scores).startswith(f"- {len(met) - 1} of {len(tested)} thresholds")
    scores.loc[met[0].id, "verdict"] = evidence.WAITING
    said = evidence.what_is_true(scores)
    assert said.startswith(f"- {len(met) - 1} of {len(tested) - 1} thresholds")
    assert said.endswith("1 are new and to be scored.")


def test_a_target_that_asks_for_something_else_than_was_scored_waits_for_its_score(tmp_path):
    (tmp_path / "validation").mkdir()
    stored = pd.read_csv(ROOT / "validation" / "scores.csv", keep_default_na=False)
    stored.assign(threshold="another").to_csv(tmp_path / "validation" / "scores.csv", index=False)
    assert set(evidence.read_scores(tmp_path)["verdict"]) == {"to be scored"}


def test_the_scheme_of_a_model_has_each_reaction_and_each_state():
    scheme = scheme_of(use_of("clinical").sbml())
    told = [*scheme.gains.values(), *scheme.losses.values(), *scheme.flows.values()]
    model = libsbml.readSBMLFromString(use_of("clinical").sbml()).getModel()
    assert {name for names in told for name in names} == {r.getId() for r in model.getListOfReactions()}
    assert scheme.columns["V_b"] == ["CARTe_b", "CARTm_b"]
    assert scheme.flows["CARTe_t", "CARTm_t"] == ["differentiation"]
    assert ("Tumor", "M_protein") in scheme.influences

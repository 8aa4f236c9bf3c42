"""Earlier names of public things: they work for one minor version, with a warning, then they are refused."""

from importlib.metadata import version

import pytest

import harness
from harness.cli.main import run
from harness.declarations import declare
from harness.errors import InputError
from harness.former import FORMER, Former, FormerName, current
from harness.models.catalog import load_card, select
from harness.simulation.made_designs import single
from harness.simulation.plan import plan
from harness.studies.map import Map
from harness.validation.spec import read_panel

NOW = ".".join(version("cart-pkpd").split(".")[:2])

USED = {
    ("name", "run_once"): ("simulate", lambda: harness.run_once is harness.simulate),
    ("model", "patient"): ("clinical", lambda: load_card("patient").id == "clinical"),
    ("reading", "by_code"): ("as_run", lambda: select("clinical", "by_code").readings == ("as_run",)),
    ("endpoint", "peak"): ("Cmax", lambda: plan("clinical", single(), endpoints=["peak"]).unit("Cmax") != ""),
    ("panel", "mice"): ("fig2b", lambda: read_panel("mice").panel == "fig2b"),
    ("field", "end"): ("until", lambda: declare(Map, end="9 months").until == "9 months"),
}


@pytest.fixture(params=[(NOW, True), ("0.0", False)], ids=["in its version", "in the next"])
def works(request, monkeypatch):
    """Whether earlier names still work, which depends on the version that brought the new ones."""
    since, still = request.param
    for (kind, old), (new, _) in USED.items():
        monkeypatch.setitem(FORMER, (kind, old), Former(new, since))
    monkeypatch.setitem(FORMER, ("option", "--draw"), Former("--plot", since))
    return still


@pytest.mark.parametrize("what", USED, ids=" ".join)
def test_an_earlier_name_works_with_a_warning_or_is_refused(works, what):
    new, means_the_same = USED[what]
    said = f"{what[0]} {what[1]} is {new} since version "
    if works:
        with pytest.warns(FormerName, match=said):
            assert means_the_same()
    else:
        with pytest.raises(InputError, match=said):
            means_the_same()


def test_a_command_tells_it_in_one_line(works, capfd, tmp_path):
    picture = tmp_path / "a.png"
    code = run(["simulate", "patient", "--until", "5", f"--draw={picture}"])
    out, err = capfd.readouterr()
    assert code == (0 if works else 2)
    assert picture.exists() is bool(out) is works
    lines = err.splitlines()
    assert lines[0].startswith("cart: option --draw is --plot since version ")
    if works:
        assert lines[1].startswith("cart: model patient is clinical since version ")
    assert len(lines) == 1 + works


@pytest.mark.filterwarnings("ignore::harness.former.FormerName")
def test_a_field_given_by_both_names_is_refused(works):
    with pytest.raises(InputError, match="end: no such field" if works else "field end is until"):
        declare(Map, end="9 months", until="9 months")


def test_a_name_that_has_always_been_it_is_itself():
    assert current("model", "clinical") == "clinical"


def test_what_stands_in_the_table_is_of_this_minor_version_or_the_last():
    major, minor = map(int, NOW.split("."))
    assert {former.since for former in FORMER.values()} <= {f"{major}.{minor}", f"{major}.{minor - 1}"}

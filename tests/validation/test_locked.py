"""Tables of the project are those that are locked, and a result of other tables or models is named."""

import shutil
from dataclasses import replace

import pandas as pd
import pytest

from harness.cli.main import run
from harness.models.card import repository
from harness.records import RECORD, digest, read_record
from harness.studies.outcome import Outcome
from harness.studies.patients import Patients
from harness.validation import locked
from harness.validation.locked import GRADES, State, lock, read_lock, standings, tables


def test_every_table_of_the_project_is_locked_and_every_result_has_its_command():
    """A result may be stale for a while: what is to be run is declared before it is run."""
    found = standings()
    results = {each.name for each in found if each.state in (State.FRESH, State.UNCHECKED, State.STALE)}
    assert [f"{each.name}: {each.why}" for each in found if not each.holds and each.name not in results] == []
    assert {each.name for each in found if each.state is State.AS_LOCKED} == set(read_lock()) == set(tables())
    pictures = {path.relative_to(repository()).as_posix() for path in (repository() / "docs").glob("*.png")}
    assert results == {"validation/dose/calibrated", "validation/scores.csv"} | pictures
    assert all(each.command for each in found if each.state in (State.UNCHECKED, State.STALE))


def test_an_empty_slot_has_no_grade_and_a_table_with_rows_has_one():
    for name, table in read_lock().items():
        text = (repository() / name).read_text("utf-8")
        rows = [line for line in text.splitlines() if line and not line.startswith("#")]
        assert (table.grade == "none") == (len(rows) == 1), name
        assert table.grade in GRADES
        assert table.source


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A copy of what is locked, its results of the tables and models beside them."""
    for folder in ("models_antimony", "sbml", "validation"):
        shutil.copytree(repository() / folder, tmp_path / folder)
    monkeypatch.setattr(locked, "repository", lambda: tmp_path)
    place = tmp_path / "validation" / "dose" / "calibrated"
    was = read_record(place)
    read = {name: digest(tmp_path / name) for name in was.read}
    written = {path.name: digest(path) for path in place.glob("*.csv")}
    replace(was, read=read, written=written).save(place)
    locked.record(tmp_path / SCORES)
    return tmp_path


SCORES = "validation/scores.csv"


def not_holding(found):
    return {each.name: each.state for each in found if not each.holds}


def test_a_table_that_is_another_is_named_and_so_is_each_result_of_it(project):
    path = project / "validation" / "trials" / "trial_outcomes.csv"
    path.write_text(path.read_text("utf-8").replace(",33,", ",34,"), encoding="utf-8")
    found = {each.name: each for each in standings()}
    assert not_holding(found.values()) == {
        "validation/trials/trial_outcomes.csv": State.CHANGED,
        "validation/dose/calibrated": State.STALE,
        SCORES: State.STALE,
    }
    stale = found["validation/dose/calibrated"]
    assert stale.why.startswith("validation/trials/trial_outcomes.csv differs")
    assert stale.command.startswith("cart calibrate ")


def test_a_slot_that_is_filled_is_named_until_it_is_locked(project):
    path = project / "validation" / "fig3" / "observed.csv"
    path.write_text(
        path.read_text("utf-8") + "transgene,450e6,14,day,1e4,copies/ug,1e3,me\n", encoding="utf-8"
    )
    assert not_holding(standings()) == {"validation/fig3/observed.csv": State.CHANGED, SCORES: State.STALE}
    assert lock() == ["validation/fig3/observed.csv"]
    assert not_holding(standings()) == {SCORES: State.STALE}
    locked.record(project / SCORES)
    assert not_holding(standings()) == {}
    assert lock() == []
    assert (project / locked.LOCK).read_text("utf-8").startswith("# Every table of data")


def test_a_table_that_nobody_wrote_down_or_that_is_gone_is_named(project):
    (project / "validation" / "fig3" / "mine.csv").write_text("x\n1\n")
    (project / "validation" / "fig3" / "golden.csv").unlink()
    assert not_holding(standings()) == {
        "validation/fig3/mine.csv": State.UNKNOWN,
        "validation/fig3/golden.csv": State.GONE,
        SCORES: State.STALE,
    }
    (scores,) = (each for each in standings() if each.name == SCORES)
    said = "validation/fig3/golden.csv is gone; validation/fig3/mine.csv is new"
    assert (scores.why, scores.command) == (said, "make scores")


def test_each_table_is_locked_in_its_own_place(project):
    """Two tables of one content have one digest: when one of them changes, the other keeps its own."""
    one, other = (project / "validation" / panel / "observed.csv" for panel in ("fig2a", "fig3"))
    other.write_bytes(one.read_bytes())
    assert lock() == ["validation/fig3/observed.csv"]
    other.write_text(other.read_text("utf-8") + "\n", encoding="utf-8")
    assert lock() == ["validation/fig3/observed.csv"]
    locked.record(project / SCORES)
    assert not_holding(standings()) == {}


def test_a_stored_file_is_recorded_when_it_was_made_and_is_stale_when_it_is_another(project, capsys):
    """The record is of what is there: it is the same again until something is another."""
    scores = project / SCORES
    first = (project / f"{SCORES}.made.json").read_text("utf-8")
    assert run(["status", "--record", str(scores)]) == 0
    assert "1 fresh" in capsys.readouterr().out
    assert (project / f"{SCORES}.made.json").read_text("utf-8") == first
    scores.write_text(scores.read_text("utf-8") + "\n", encoding="utf-8")
    assert run(["status", str(scores)]) == 1
    assert f"{SCORES}: stale: scores.csv differs; to make it anew: make scores" in capsys.readouterr().out
    scores.unlink()
    assert run(["status", "--record", str(scores)]) == 2
    assert "is not there; to make it: make scores" in capsys.readouterr().err
    assert run(["status", "--record", str(project / "validation" / "ledger.yaml")]) == 2
    assert "no result in validation/data.yaml" in capsys.readouterr().err


def test_a_pattern_of_what_a_result_reads_finds_something(project, capsys):
    shutil.rmtree(project / "validation" / "dose" / "calibrated")
    assert run(["status"]) == 2
    assert "validation/data.yaml: no file is like validation/dose/calibrated/*" in capsys.readouterr().err


def test_the_command_says_what_is_stale_and_how_to_renew_it(project, capsys):
    assert run(["status"]) == 0
    assert f"{len(tables())} as locked" in capsys.readouterr().out
    path = project / "models_antimony" / "clinical_clocks.ant"
    path.write_text(path.read_text("utf-8") + "\n", encoding="utf-8")
    assert run(["status"]) == 1
    out = capsys.readouterr().out
    assert "validation/dose/calibrated: stale: models_antimony/clinical_clocks.ant differs" in out
    assert "to make it anew: cart calibrate --size large" in out
    assert run(["status", str(project)]) == 2
    assert RECORD in capsys.readouterr().err


def test_a_command_that_writes_a_folder_leaves_a_record_by_which_it_is_found_stale(
    tmp_path, capsys, monkeypatch
):
    made = Outcome({}, {"patients": pd.DataFrame({"dose": [450e6]})})
    monkeypatch.setattr(Patients, "run", lambda *_: made)
    monkeypatch.setattr("harness.cli.patients._print", lambda _: None)
    table, out = tmp_path / "mine.csv", tmp_path / "out"
    table.write_text("dose,category,n\n450e6,PR,1\n")
    assert run(["patients", str(table), "--out", str(out)]) == 0
    assert run(["status", str(out)]) == 0
    assert "1 fresh" in capsys.readouterr().out
    table.write_text("dose,category,n\n450e6,SD,1\n")
    assert run(["status", str(out)]) == 1
    said = capsys.readouterr().out
    assert f"{out}: stale: {table} differs; to make it anew: cart patients {table}" in said

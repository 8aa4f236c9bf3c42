"""The commands of the page on translation, forward and back, run as they stand there."""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
import sys

import pandas as pd
import pytest

from harness.cli.main import run
from harness.fitting.result import read_result
from harness.fitting.study import Fit
from harness.models.card import repository


@pytest.fixture
def commands(tmp_path, monkeypatch):
    """The commands of the page, by the first word, in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "build").mkdir()
    (tmp_path / "examples").symlink_to(repository() / "examples")
    page = (repository() / "docs" / "translation.md").read_text(encoding="utf-8")
    lines = [shlex.split(line) for line in re.findall(r"^    (\S.*)$", page, re.MULTILINE)]
    return {line[0]: line[1:] for line in lines}


def test_the_assay_of_a_new_line_leads_to_a_mouse_and_to_patients(commands, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", commands["python"])
    runpy.run_path(commands["python"][0], run_name="__main__")
    folder = tmp_path / "build" / "forward"
    found = read_result(folder / "result.json")
    for name, truth in (("K_kill_max", 0.55), ("KC50", 4.0)):
        assert found.number(f"low_{name}") < truth < found.number(f"high_{name}")
    table = pd.read_csv(folder / "patients.csv")
    assert (table.low < table.value).all()
    assert (table.value < table.high).all()
    assert set(table.endpoint) == {"M_nadir", "Cmax"}
    mouse = pd.read_csv(folder / "mouse.csv")
    assert (mouse.high - mouse.low).max() > 10
    assert (folder / "forward.png").read_bytes().startswith(b"\x89PNG")


def test_the_line_is_that_of_the_assay_that_is_given(tmp_path, monkeypatch):
    shutil.copytree(repository() / "examples" / "forward", tmp_path, dirs_exist_ok=True)
    program, file = str(tmp_path / "forward.py"), tmp_path / "assay.yaml"
    text = file.read_text(encoding="utf-8")
    for old, new, wanted in (("'30000'", "'12000'", 12_000.0), ("Ag_tumor: '30000', ", "", None)):
        assert old in text
        file.write_text(text.replace(old, new), encoding="utf-8")
        if wanted:
            assert runpy.run_path(program)["density"](Fit(problem=str(file))) == wanted
    monkeypatch.setattr(sys, "argv", [program, str(tmp_path / "out"), str(file)])
    with pytest.raises(
        SystemExit, match=r"assay\.yaml: an assay of one line estimates KC50 and K_kill_max, and"
    ):
        runpy.run_path(program, run_name="__main__")


@pytest.mark.slow
def test_one_patient_leads_back_to_attributes_and_to_what_is_not_determined(commands, tmp_path):
    assert run(commands["cart"]) == 0
    found = read_result(tmp_path / "build" / "reverse" / "result.json").table("estimates")
    verdicts = found.set_index("parameter").verdict
    assert verdicts["P_m"] == "not determined"
    assert (verdicts[["K_kill_max", "gamma_m", "K_el_m"]] == "determined").all()
    mine = found.set_index("parameter").loc[["K_kill_max", "gamma_m", "K_el_m"]]
    truth = pd.Series({"K_kill_max": 0.45, "gamma_m": 0.26, "K_el_m": 0.3})
    assert ((mine.profile_low < truth) & (truth < mine.profile_high)).all()
    assert (tmp_path / "build" / "reverse_shown" / "forest.png").is_file()

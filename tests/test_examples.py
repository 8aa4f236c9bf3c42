"""The examples, and the Python lines of the README, run as they stand."""

import re
import runpy
import sys

import pytest

from harness.models.card import repository


def test_the_picture_of_the_readme_is_drawn(tmp_path, monkeypatch):
    picture = tmp_path / "overview.png"
    monkeypatch.setattr(sys, "argv", ["overview.py", str(picture)])
    runpy.run_path(str(repository() / "examples" / "overview.py"), run_name="__main__")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_products_of_the_library_are_drawn(tmp_path, monkeypatch, capsys):
    picture = tmp_path / "library.png"
    monkeypatch.setattr(sys, "argv", ["library.py", str(picture)])
    runpy.run_path(str(repository() / "examples" / "library.py"), run_name="__main__")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "tisagenlecleucel (Stein 2019): highest at day 9." in capsys.readouterr().out


@pytest.mark.slow
def test_the_pictures_of_the_page_on_dose_are_drawn(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["dose.py", str(tmp_path)])
    runpy.run_path(str(repository() / "examples" / "dose.py"), run_name="__main__")
    drawn = {path.stem for path in tmp_path.glob("*.png")}
    assert drawn == {"dose", "dose_clocks", "dose_designs"}
    assert "Tmax: 0.97 days later" in capsys.readouterr().out


def test_the_example_of_three_doses_runs(capsys):
    runpy.run_path(str(repository() / "examples" / "scan_by_hand.py"), run_name="__main__")
    assert capsys.readouterr().out.count("copies/ug") == 3


@pytest.mark.parametrize(
    "first", ["from harness import simulate", "from harness import grid, plan, random_effects, run"]
)
@pytest.mark.quick
def test_the_lines_of_the_readme_on_the_harness_run(first):
    readme = (repository() / "README.md").read_text("utf-8")
    lines = re.search(rf"```python\n({first}\n.*?)```", readme, re.DOTALL)[1]
    found = {}
    exec(lines, found)
    assert "result" in found or "results" in found


def test_the_lines_of_the_page_on_maps_and_sensitivity_run():
    page = (repository() / "docs" / "maps_and_sensitivity.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(blocks) == 2
    for lines in blocks:
        found = {}
        exec(lines, found)
        assert found["outcome"].failed == 0

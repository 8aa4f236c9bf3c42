"""Digitised points in the table of a panel or a fit: mapped, with units, and only if it can be read then."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest

from harness.analysis.observations import read_measurements
from harness.cli.main import run
from harness.errors import InputError
from harness.models.card import repository
from harness.validation.slots import FigureAxes, put_in_panel, put_in_table
from harness.validation.spec import read_panel

FIGURE = repository() / "examples" / "tables" / "figure.json"
CSV = "450e6,,elsewhere,\nX,Y,X,Y\n7,1200,1,2\n14,4e4,,\n"


@pytest.fixture
def fig3(tmp_path):
    """The panel, with a table that can be written to."""
    spec = read_panel("fig3")
    shutil.copy(spec.folder / "observed.csv", tmp_path / "observed.csv")
    return spec.model_copy(update={"observations": str(tmp_path / "observed.csv")})


@pytest.fixture
def points(tmp_path):
    path = tmp_path / "figure.csv"
    path.write_text(CSV)
    return path


def test_points_land_in_the_slots_of_a_panel(fig3, points):
    axes = FigureAxes(observable="transgene", error="0.1x", source="by hand")
    said = put_in_panel(points, fig3, ["elsewhere=M_protein_change/150e6"], axes)
    table = fig3.observed()
    assert said[:2] == [
        "450e6: 2 points, transgene of 450e6",
        "elsewhere: 1 points, M_protein_change of 150e6",
    ]
    assert table["value"].tolist() == [1200, 4e4, 2]
    assert table["reading_error"].tolist() == [120, 4000, 0.2]
    assert table["unit"].tolist() == ["copies/ug", "copies/ug", "percent"]
    assert set(table["source"]) == {f"{fig3.figure}, by hand"}
    text = (fig3.folder / fig3.observations).read_text()
    assert text.startswith("# An empty slot")
    with pytest.raises(InputError, match="has 2 rows of transgene, 450e6 already; take them out first"):
        put_in_panel(points, fig3, ["elsewhere="], axes)
    assert (fig3.folder / fig3.observations).read_text() == text


def test_a_panel_over_a_parameter_takes_its_values_from_the_x_axis(tmp_path, points):
    spec = read_panel("fig2a")
    shutil.copy(spec.folder / "observed.csv", tmp_path / "observed.csv")
    spec = spec.model_copy(update={"observations": str(tmp_path / "observed.csv")})
    axes = FigureAxes(observable="viability", x="ET_ratio", at="4 hour", error="2")
    put_in_panel(points, spec, ["450e6=JeKo", "elsewhere="], axes)
    table = spec.observed()
    assert table["ET_ratio"].tolist() == [7, 14]
    assert table[["time", "time_unit"]].drop_duplicates().to_numpy().tolist() == [[4, "hour"]]


WRONG = [
    ([], {}, "series 'elsewhere' is not mapped; --map 'elsewhere=ARM', or 'elsewhere=' to leave it out"),
    (["other=450e6"], {}, "no series in the file 'other'"),
    (["elsewhere"], {}, "map 'elsewhere': write SERIES=ARM"),
    (["elsewhere=", "450e6="], {}, "every series is left out"),
    (["elsewhere="], {"observable": None}, "series '450e6': of which observable?"),
    (["elsewhere="], {"observable": "tumor"}, "no observable of the panel 'tumor'"),
    (["elsewhere="], {"unit": "mg"}, "axis: mg does not convert to copies/ug"),
    (["elsewhere="], {"x_unit": "mg"}, "axis: mg does not convert to day"),
    (["elsewhere="], {"error": None}, "series '450e6': a csv knows no pixels; say the reading error"),
    (["elsewhere="], {"error": "-2"}, "error: must not be negative"),
    (["elsewhere="], {"x": "ET_ratio"}, "x is ET_ratio: when was it observed?"),
    (["elsewhere="], {"x": "ET_ratio", "at": "4 hour"}, "no column in "),
    (["elsewhere=45e6"], {}, "arm of the panel '45e6'"),
]


@pytest.mark.parametrize(("mapping", "changes", "said"), WRONG)
def test_what_makes_no_sense_is_told_and_nothing_written(fig3, points, mapping, changes, said):
    before = (fig3.folder / fig3.observations).read_text()
    axes = FigureAxes(**{"observable": "transgene", "error": "5", **changes})
    with pytest.raises(InputError, match=r"^[^\n]*$") as refused:
        put_in_panel(points, fig3, mapping, axes)
    assert said in str(refused.value)
    assert (fig3.folder / fig3.observations).read_text() == before


def test_a_time_is_not_before_the_start_but_for_a_pixel(tmp_path, fig3):
    path = tmp_path / "figure.csv"
    path.write_text("450e6,\nX,Y\n-3,10\n")
    with pytest.raises(InputError, match="a point at -3 day, before the start"):
        put_in_panel(path, fig3, [], FigureAxes(observable="transgene", error="5"))
    text = FIGURE.read_text().replace('"x": 102.7', '"x": 92.0').replace("7.062896710905945", "-0.346219")
    project = tmp_path / "figure.json"
    project.write_text(text)
    axes = FigureAxes(observable="transgene", unit="copies/ug", x_unit="day")
    put_in_table(project, tmp_path / "table.csv", ["legend="], axes)
    assert (read_measurements(tmp_path / "table.csv")["time"] >= 0).all()


def test_points_go_into_any_table(tmp_path, capfd):
    table = tmp_path / "table.csv"
    line = ["digitized", str(FIGURE), "--out", str(table), "--observable", "transgene", "--unit", "copies/ug"]
    line += ["--x-unit", "day"]
    assert run([*line, "--map", "legend=", "--map", "450 million="]) == 0
    assert run([*line, "--map", "legend=", "--map", "150 million=", "--map", "450 million=b"]) == 0
    assert "14 rows" in capfd.readouterr().out
    found = pd.read_csv(table)
    assert found.groupby("arm").size().to_dict() == {"150 million": 7, "b": 7}
    assert found["reading_error"].gt(0).all()
    assert run(["digitized", str(FIGURE), "--observable", "transgene"]) == 2
    assert run([*line[:4], "--observable", "transgene", "--map", "legend=x"]) == 2
    assert "say the units of both axes" in capfd.readouterr().err

"""Points of WebPlotDigitizer: as the file says, with the size of a pixel."""

from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest

from harness.analysis.digitised import read_digitised
from harness.errors import InputError


def project(points=((150, 250), (200, 150)), values=None, **axes):
    """A plot whose x runs from 0 to 10 over 100 pixels and y from 1 to 100 over 200, upwards."""
    calibration = [
        {"px": 100, "py": 300, "dx": "0", "dy": "1"},
        {"px": 200, "py": 300, "dx": "10", "dy": "1"},
        {"px": 100, "py": 300, "dx": "0", "dy": "1"},
        {"px": 100, "py": 100, "dx": "0", "dy": "100"},
    ]
    kind = {"name": "XY", "type": "XYAxes", "isLogX": False, "isLogY": True, "calibrationPoints": calibration}
    data = [{"x": x, "y": y} for x, y in points]
    for point, value in zip(data, values or (), strict=False):
        point["value"] = value
    return {"axesColl": [{**kind, **axes}], "datasetColl": [{"name": "one", "axesName": "XY", "data": data}]}


@pytest.fixture
def read(tmp_path):
    def make(content, name="figure.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return read_digitised(path)

    return make


def test_pixels_become_values_on_the_axes_and_a_pixel_is_the_error(read):
    (found,) = read(project())
    np.testing.assert_allclose(found.x, [5, 10])
    np.testing.assert_allclose(found.y, [10**0.5, 10**1.5])
    np.testing.assert_allclose(found.x_pixel, 0.1)
    np.testing.assert_allclose(found.y_pixel, found.y * np.sinh(np.log(10) / 100))
    (linear,) = read(project(isLogY=False))
    np.testing.assert_allclose(linear.y, [25.75, 75.25])
    np.testing.assert_allclose(linear.y_pixel, 99 / 200)


def test_a_figure_that_is_turned_gives_the_same_values(read):
    angle = np.radians(12)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = project(points=[(turn @ p).tolist() for p in ((150, 250), (200, 150))])
    for point in turned["axesColl"][0]["calibrationPoints"]:
        point["px"], point["py"] = (turn @ (point["px"], point["py"])).tolist()
    (found,), (straight,) = read(turned), read(project())
    np.testing.assert_allclose([found.x, found.y], [straight.x, straight.y], rtol=1e-9)


def test_axes_that_are_not_to_be_turned_are_those_of_the_picture(read):
    """The ends of the axes are clicked a few pixels aside, and WebPlotDigitizer is told to leave that out."""
    askew = project(noRotation=True)
    for point, (px, py) in zip(
        askew["axesColl"][0]["calibrationPoints"], [(0, 3), (0, -2), (4, 0), (-5, 0)], strict=True
    ):
        point["px"], point["py"] = point["px"] + px, point["py"] + py
    (found,), (straight,) = read(askew), read(project())
    np.testing.assert_allclose([found.x, found.y], [straight.x, straight.y], rtol=1e-9)


def test_values_that_the_project_has_are_taken(read):
    (found,) = read(project(values=[[5.2, 3.0], [9.9, 33.0]]))
    assert (found.x.tolist(), found.y.tolist()) == ([5.2, 9.9], [3.0, 33.0])


def test_a_project_may_lie_in_its_archive(read, tmp_path):
    with tarfile.open(tmp_path / "figure.tar", "w") as archive:
        text = json.dumps(project()).encode()
        info = tarfile.TarInfo("figure/wpd.json")
        info.size = len(text)
        archive.addfile(info, io.BytesIO(text))
    np.testing.assert_array_equal(read_digitised(tmp_path / "figure.tar")[0].x, read(project())[0].x)
    (tmp_path / "none.tar").write_bytes(b"no archive")
    with pytest.raises(InputError, match="cannot be read"):
        read_digitised(tmp_path / "none.tar")


def test_a_csv_has_pairs_of_columns_under_names(read):
    one, two = read("150e6,,sBCMA low,\nX,Y,X,Y\n1,20,2,-5\n3,40,,\n", "a.csv")
    assert (one.name, one.x.tolist(), one.y.tolist()) == ("150e6", [1, 3], [20, 40])
    assert (two.name, two.x.tolist(), two.y.tolist()) == ("sBCMA low", [2], [-5])
    assert np.isnan(one.y_pixel).all()
    (bare,) = read("1,20\n3,40\n", "a.csv")
    assert bare.y.tolist() == [20, 40]


WRONG = [
    ("a,\nX,Y\n1,two\n", "a.csv", "row 3: a: '1, two' is no point"),
    ("a,\nx,z\n1,2\n", "a.csv", "row 2: wanted are X and Y under each data set"),
    ("", "a.csv", "is empty"),
    ("a,,a,\nX,Y,X,Y\n1,2,3,4\n", "a.csv", "has two series with the name 'a'; rename one"),
    ("a,\nX,Y\n", "a.csv", "has no points"),
    ("a", "a.png", "give a project of WebPlotDigitizer, .json or .tar, or its .csv"),
    ("{", "a.json", "is no project of WebPlotDigitizer"),
    ({"axesColl": []}, "a.json", "is no project of WebPlotDigitizer"),
    (project(type="PolarAxes"), "a.json", "axes XY: are PolarAxes; wanted are XYAxes"),
    (
        project(calibrationPoints=project()["axesColl"][0]["calibrationPoints"][:1] * 4),
        "a.json",
        "are the same",
    ),
    (project(isLogX=True), "a.json", "a logarithmic axis is calibrated at a value that is not positive"),
    (project(points=((1e400, 1),)), "a.json", "has a point that is no number"),
    ("1,2,3,4\n5,6,7,8\n", "a.csv", "row 1: 4 columns without names; wanted are X and Y of one"),
    ("a,\nX,Y,X,Y\n1,2,3,4\n", "a.csv", "row 2: has more cells than row 1 names data sets for"),
    ("a,\nX,Y\n1,2\n1,2,3\n", "a.csv", "row 4: has more cells than row 1 names data sets for"),
    ("a;\nX;Y\n1,5;2,5\n", "a.csv", "has semicolons; wanted are commas and"),
    ({"wpd": {"version": [3, 8]}}, "a.json", "is a project of version 3 or older; open and save it with"),
    (project(name="other"), "a.json", "series one: its axes XY are none of the project's"),
    (project(values=[[50, 3.0], [9.9, 33.0]]), "a.json", "series one: point 1 lies 450 pixels from where"),
]


@pytest.mark.parametrize(("content", "name", "said"), WRONG)
def test_what_is_no_such_file_is_told_in_one_line(read, content, name, said):
    with pytest.raises(InputError, match=r"^[^\n]*$") as refused:
        read(content, name)
    assert said in str(refused.value)

import numpy as np
import pytest

from harness.analysis.observations import COLUMNS, observed, read_measurements, read_observations
from harness.errors import InputError
from harness.models.card import repository

ROW = "blood_cart,cart,2,day,12,cells/uL,5,a figure"


@pytest.fixture
def table(tmp_path):
    def write(*rows, columns=COLUMNS):
        path = tmp_path / "observed.csv"
        path.write_text("\n".join([",".join(columns), *rows]) + "\n")
        return path

    return write


def test_values_and_times_are_converted(table):
    data = read_observations(table(ROW, "blood_cart,cart,24,hour,3,cells/mm^3,1,a figure"))
    found = observed(data, "blood_cart", "cart", "item/uL", "day")
    assert found.time == pytest.approx([1, 2])
    assert found.value == pytest.approx([3, 12])
    assert found.error == pytest.approx([1, 5])


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("blood_cart,cart,2,day,many,cells/uL,5,a figure", "row 1: value 'many' is not a number"),
        ("blood_cart,cart,,day,12,cells/uL,5,a figure", "row 1: time '' is not a number"),
        ("blood_cart,cart,2,day,nan,cells/uL,5,a figure", "row 1: value 'nan' is not a number"),
        ("blood_cart,cart,2,day,12,,5,a figure", "row 1: unit is empty"),
        ("blood_cart,cart,2,day,12,cells/uL,5,", "row 1: source is empty"),
    ],
)
def test_a_broken_row_is_told(table, row, said):
    with pytest.raises(InputError) as caught:
        read_observations(table(row))
    assert said in str(caught.value)


def test_a_missing_column_or_file_is_told(table, tmp_path):
    with pytest.raises(InputError, match="column missing: source"):
        read_observations(table(ROW, columns=(*COLUMNS[:-1], "remark")))
    with pytest.raises(InputError, match="no such file"):
        read_observations(tmp_path / "absent.csv")


def test_a_unit_that_does_not_convert_and_an_unknown_arm_are_refused(table):
    data = read_observations(table(ROW.replace("cells/uL", "mg")))
    with pytest.raises(InputError, match="mg does not convert"):
        observed(data, "blood_cart", "cart", "item/uL", "day")
    with pytest.raises(InputError, match="no arm 'crat'; nearest: cart"):
        observed(data, "blood_cart", "crat", "item/uL", "day")
    with pytest.raises(InputError, match="no observable in arm cart"):
        observed(data, "tumor", "cart", "item/uL", "day")


def test_figure_2b_has_its_forty_points_with_sources():
    data = read_observations(repository() / "validation" / "fig2b" / "observed.csv")
    assert data.groupby(["observable", "arm"]).size().to_dict() == {
        ("blood_cart", "cart_5e6"): 10,
        ("blood_cart", "vehicle"): 10,
        ("tumor_volume", "cart_5e6"): 20,
        ("tumor_volume", "vehicle"): 10,
    }


LEAST = ("observable", "arm", "time", "time_unit", "value", "unit", "censored", "limit")


def test_a_table_for_a_fit_needs_neither_source_nor_reading_error(table):
    rows = [
        f"blood_cart,cart,{i},day,12,cells/uL,{said}" for i, said in enumerate((",", "left,", "interval,15"))
    ]
    found = observed(read_measurements(table(*rows, columns=LEAST)), "blood_cart", "cart", "item/uL", "day")
    np.testing.assert_equal(found.lower, [np.nan, -np.inf, 12])
    np.testing.assert_equal(found.upper, [np.nan, 12, 15])
    assert found.error.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("yes,", "row 1: censored 'yes': must be left, right, interval or empty"),
        (",3", "row 1: has a limit and is not censored"),
        ("interval,", "row 1: is censored to an interval and needs its other end"),
        ("left,13", "row 1: is censored below 12, so that its lower limit cannot be 13"),
        ("right,2", "row 1: is censored above 12, so that its upper limit cannot be 2"),
        ("left,low", "row 1: limit is not a number"),
    ],
)
def test_a_flag_that_makes_no_sense_is_told(table, said, wrong):
    with pytest.raises(InputError, match=wrong):
        read_measurements(table(f"blood_cart,cart,1,day,12,cells/uL,{said}", columns=LEAST))

"""What a user gives is read whole or refused in one line; a number is one decimal numeral, nothing else."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InputError
from harness.files import write_table
from harness.models.catalog import load_card, model_names
from harness.models.symbols import read_symbols
from harness.models.units import convert, parse_quantity
from harness.reading import parse_number, read_text, read_texts, to_numbers
from harness.simulation.design import Design, read_design

LAW = settings(derandomize=True, deadline=None, max_examples=100)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
UNITS = sorted(
    {s.unit for name in model_names() for s in read_symbols(load_card(name).sbml_path()).values()} - {""}
)
SAME = (("day", "hour", "week"), ("L", "mL", "uL"), ("1/day", "1/hour", "1/week", "1/min"))


def test_what_is_no_regular_file_is_refused_without_reading_it(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    (tmp_path / "folder.csv").mkdir()
    for name, said in (("pipe", "pipe"), ("zero", "device"), ("folder", "is a folder"), ("none", "no such")):
        for read in (read_text, read_design, lambda path: read_texts(path, ())):
            with pytest.raises(InputError, match=said):
                read(tmp_path / f"{name}.csv")
    with pytest.raises(InputError, match="null character in its name"):
        read_text(Path("a\0b"))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a,b\n1,4\x0050\n", r"table.csv:2: has the control character U\+0000"),
        (b"a,b\n1,2\n\x1b[2J,3\n", r"table.csv:3: has the control character U\+001B"),
        (b"a,c\n1,2\n", "no column 'c'; known: a, b, remark; column missing: b"),
        (b"a,b,remrak\n1,2,3\n", "no column 'remrak'; nearest: remark"),
        (b"a,b,a\n1,2,3\n", "column a is given twice"),
        (b"a,b\n1,2,3\n", "Expected 2 fields in line 2, saw 3"),
        (b"a,\xffb\n", "cannot be read: byte 3 is no text in UTF-8; save the file as UTF-8"),
        (b"\n", "cannot be read: there is nothing in it"),
        (b"# nothing\n", "cannot be read"),
    ],
)
@pytest.mark.quick
def test_a_table_that_is_wrong_is_told_in_one_line(tmp_path, content, said):
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        read_texts(path, ("a", "b"), ("remark",))
    assert str(caught.value).isprintable()


def test_a_cell_is_read_as_it_stands_without_the_blanks_around_it(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('\ufeffa , b\n# a remark\nNone , "x, # y" # told\n1,', encoding="utf-8")
    assert read_texts(path, ("a", "b")).to_numpy().tolist() == [["None", "x, # y"], ["1", ""]]


NO_NUMBERS = [
    "", " ", "4\x0050", "4\x00", "1e5\u200b", "\u200b1", "1\x1f", "1\x85", "\u00a01", "1_000", "1,5", "1e",
    "--1", "+-1", "0x10", "nan", "inf", "-Infinity", "１", "٣", "1 2", "True", "1+2j", "2020-01-01", "1 day",
    "1d5",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_only_looks_like_a_number_is_none_anywhere(text):
    assert np.isnan(parse_number(text))
    assert np.isnan(to_numbers(pd.Series([text], dtype=object))).all()
    with pytest.raises(InputError):
        parse_quantity(text, "", "x")


@pytest.mark.parametrize("hidden", ["\x00", "\x1f", "\x7f", "\x85", "\u00ad", "\u200b", "\u202e", "\ufeff"])
@pytest.mark.parametrize("form", ["{}1 day", "1{} day", "1 {}day", "1 day{}", "1 d{}ay"])
def test_a_hidden_character_makes_a_quantity_none(hidden, form):
    with pytest.raises(InputError) as caught:
        parse_quantity(form.format(hidden), "hour", "x")
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "unit", ["9**9**9**9", "day^9^9^9^9", "day^9⁹⁹⁹⁹⁹⁹⁹⁹⁹", "((9)^9)^9 day", "2 day", "day,"]
)
def test_a_unit_that_would_be_worked_out_for_ever_is_none(unit):
    with pytest.raises(InputError, match="is not a unit"):
        convert(1.0, unit, "hour", "x")


OTHER_THINGS = {
    "dates": pd.Series(pd.to_datetime(["2020-01-01"])),
    "zoned": pd.Series(pd.to_datetime(["2020-01-01"]).tz_localize("UTC")),
    "durations": pd.Series(pd.to_timedelta([3], unit="D")),
    "periods": pd.Series(pd.period_range("2020-01", periods=1)),
    "truths": pd.Series([True]),
    "maybe": pd.Series([True], dtype="boolean"),
    "complex": pd.Series([1 + 2j]),
    "objects": pd.Series([datetime.date(2020, 1, 1)], dtype=object),
    "object truths": pd.Series([True], dtype=object),
    "lists": pd.Series([[1.0]], dtype=object),
    "arrays": pd.Series([np.array([1.0, 2.0])], dtype=object),
    "bytes": pd.Series([b"1"], dtype=object),
    "huge": pd.Series([10**400], dtype=object),
    "categories": pd.Series(pd.to_datetime(["2020-01-01"])).astype("category"),
    "missing": pd.Series([None, pd.NA, pd.NaT, float("nan")], dtype=object),
}


@pytest.mark.parametrize("values", OTHER_THINGS.values(), ids=OTHER_THINGS)
def test_what_is_stored_beside_numbers_is_no_number(values):
    assert np.isnan(to_numbers(values)).all()
    with pytest.raises(InputError, match=r"row 0, column dose: .* is not a finite number"):
        Design(pd.DataFrame({"dose": values})).checked(read_symbols(load_card("clinical").sbml_path()))


@pytest.mark.parametrize("kind", ["dates", "zoned", "durations", "truths", "maybe", "objects", "lists"])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_column_of_dates_or_truths_in_a_file_is_no_dose(tmp_path, kind, suffix):
    path = tmp_path / f"design.{suffix}"
    table = pd.DataFrame({"dose": OTHER_THINGS[kind]})
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    with pytest.raises(InputError, match=r"row 0, column dose: .* is not a finite number"):
        read_design(path).checked(read_symbols(load_card("clinical").sbml_path()))


MEANT = {
    "pandas.period": pa.array(pd.Series(pd.period_range("2020-01-01", periods=1, freq="D"))),
    "pandas.interval": pa.array(pd.Series(pd.interval_range(0, 1))),
    "arrow.bool8": pa.array([1], pa.int8()),
    "a.price": pa.array([1.5]),
    "a.name": pa.array(["1.5"]),
}


@pytest.mark.parametrize("meant", MEANT)
def test_a_column_that_is_stored_as_numbers_and_means_something_else_is_refused(tmp_path, meant):
    """Also where this process does not know the type: then its name stands beside the numbers."""
    told = {"ARROW:extension:name": meant, "ARROW:extension:metadata": ""}
    known = isinstance(MEANT[meant].type, pa.ExtensionType)
    dose = pa.field("dose", MEANT[meant].type, metadata={} if known else told)
    table = pa.table([pa.array([1.0]), MEANT[meant]], schema=pa.schema([("K_12", pa.float64()), dose]))
    pq.write_table(table, tmp_path / "design.parquet")
    with pytest.raises(InputError, match=f"column dose is of the type {meant}, no numbers"):
        read_design(tmp_path / "design.parquet")


@given(FINITE)
@LAW
def test_a_number_that_is_written_reads_back_as_it_was(value):
    assert parse_number(repr(value)) == value
    assert parse_quantity(f" {value!r}\n", "", "x") == value
    assert to_numbers(pd.Series([repr(value), value], dtype=object)).tolist() == [value, value]


@given(FINITE, st.sampled_from(UNITS))
@LAW
def test_a_value_in_the_unit_that_a_model_shows_reads_back_as_it_was(value, unit):
    assert parse_quantity(f"{value!r} {unit}", unit, "x") == value


@given(st.floats(1e-200, 1e200), st.data())
@LAW
def test_a_unit_and_back_is_the_same_number(value, data):
    one, other = data.draw(
        st.sampled_from(SAME).flatmap(lambda units: st.tuples(*[st.sampled_from(units)] * 2))
    )
    assert convert(convert(value, one, other, "x"), other, one, "x") == pytest.approx(value, rel=1e-14)


@given(st.lists(st.floats(1.0, 1e300), min_size=1, max_size=5))
@settings(LAW, max_examples=30)
def test_a_design_that_is_written_reads_back_bit_for_bit(tmp_path_factory, values):
    symbols = read_symbols(load_card("clinical").sbml_path())
    for suffix in ("csv", "parquet"):
        path = tmp_path_factory.getbasetemp() / f"written.{suffix}"
        write_table(pd.DataFrame({"dose": values, "K_12": values}), path)
        assert read_design(path).checked(symbols).table["dose"].tolist() == values


def test_a_column_that_pandas_keeps_as_an_index_is_a_column(tmp_path):
    pd.DataFrame({"dose": [1e8], "K_12": [1.0]}).set_index("dose").to_parquet(tmp_path / "design.parquet")
    assert set(read_design(tmp_path / "design.parquet").table) == {"dose", "K_12"}


def test_a_regimen_may_be_named_like_a_number_or_like_nothing(tmp_path):
    symbols = read_symbols(load_card("clinical").sbml_path())
    (tmp_path / "design.csv").write_text("regimen\n1\nNone\nNA\n")
    names = ("1", "None", "NA")
    assert read_design(tmp_path / "design.csv").checked(symbols, names).table["regimen"].tolist() == [*names]


def test_a_table_with_semicolons_may_have_decimal_commas_throughout(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("a;b;c\n1,5;-,25e3;Figure 1, left\n2;3;1,x\n")
    cells = [["1.5", "-.25e3", "Figure 1, left"], ["2", "3", "1,x"]]
    assert read_texts(path, (), None).to_numpy().tolist() == cells
    path.write_text("a;b\n1,5;2\n3;2.5\n")
    with pytest.raises(InputError, match=r"row 2: b '2[.]5' has a decimal point, where others have a comma"):
        read_texts(path, (), None)
    path.write_text("a\tb\n1.5\t2\n")
    assert read_texts(path, ("a", "b")).to_numpy().tolist() == [["1.5", "2"]]


def test_a_workbook_is_a_table_too(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    path, book = tmp_path / "table.xlsx", openpyxl.Workbook()
    cells = [
        ["dose", "note", "at"],
        [1e8, None, 0.1],
        [None, None, None],
        [2, True, datetime.date(2020, 1, 2)],
    ]
    for row in cells:
        book.active.append(row)
    book.create_sheet("empty")
    book.save(path)
    found = read_texts(path, ("dose",), ("note", "at"))
    assert found.to_numpy().tolist() == [["100000000", "", "0.1"], ["2", "True", "2020-01-02T00:00:00"]]
    with pytest.raises(InputError, match="column missing: time"):
        read_texts(path, ("time",), None)
    assert list(read_design(path).table["dose"]) == ["100000000", "2"]
    book["empty"].append([0])
    book.save(path)
    with pytest.raises(InputError, match="several sheets have values: Sheet, empty; leave one"):
        read_texts(path, (), None)
    book.remove(book["empty"])
    book.active["A2"] = "=1+1"
    book.save(path)
    with pytest.raises(InputError, match="cell A2 has a formula and no value"):
        read_texts(path, (), None)
    book.active["A2"] = 1e8
    book.active.append(["=A2"])  # a row of nothing else
    book.save(path)
    with pytest.raises(InputError, match="cell A5 has a formula and no value"):
        read_texts(path, (), None)
    path.write_bytes(b"PK")
    with pytest.raises(InputError, match="is no workbook that can be read"):
        read_texts(path, (), None)
    openpyxl.Workbook().save(path)
    with pytest.raises(InputError, match="is empty"):
        read_texts(path, (), None)

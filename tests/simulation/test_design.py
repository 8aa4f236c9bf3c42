import pickle
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.errors import InputError
from harness.identity import key_of
from harness.models.catalog import load_card
from harness.models.symbols import read_symbols
from harness.simulation.design import Design, read_design
from harness.simulation.made_designs import grid, latin_hypercube, parse_axis, random_effects, single, sobol

RANGES = {"K_12": (0.5, 5.0), "K_21": (0.1, 1.0)}
TYPICAL = {"K_12": 1.71, "K_21": 0.176}
OMEGA = {"K_12": 0.5, "K_21": 0.3}


@pytest.fixture(scope="module")
def clinical():
    return read_symbols(load_card("clinical").sbml_path())


def test_a_grid_holds_all_combinations_the_last_axis_fastest():
    table = grid(dose=[1e8, 2e8], K_12=[1, 2, 3]).table
    assert table["dose"].tolist() == [1e8] * 3 + [2e8] * 3
    assert table["K_12"].tolist() == [1, 2, 3] * 2
    assert len(grid(a=[1], b=[1, 2], c=[1, 2, 3], d=[1, 2]).table) == 12


def test_designs_multiply():
    product = single(K_12=2.0) * grid(dose=[1e8, 2e8])
    assert product.table.to_dict("list") == {"K_12": [2.0, 2.0], "dose": [1e8, 2e8]}
    with pytest.raises(InputError, match="both factors have the column dose"):
        product * grid(dose=[1e8])


@pytest.mark.parametrize("sampler", [latin_hypercube, sobol])
@pytest.mark.parametrize("log", [False, True])
def test_samples_fill_their_ranges_and_repeat_with_the_seed(sampler, log):
    table = sampler(RANGES, 64, seed=3, log=log).table
    for name, (low, high) in RANGES.items():
        assert table[name].between(low, high).all()
        middle = np.sqrt(low * high) if log else (low + high) / 2
        assert (table[name] < middle).sum() == 32
    pd.testing.assert_frame_equal(table, sampler(RANGES, 64, seed=3, log=log).table)
    assert not table.equals(sampler(RANGES, 64, seed=4, log=log).table)


def test_random_effects_are_log_normal_about_the_typical_values():
    table = random_effects(TYPICAL, OMEGA, 4000, seed=1).table
    for name, omega in OMEGA.items():
        z = np.log(table[name] / TYPICAL[name]) / omega
        assert abs(z.mean()) < 0.05
        assert z.std() == pytest.approx(1, abs=0.03)
    assert abs(np.corrcoef(np.log(table.T))[0, 1]) < 0.05


def test_a_row_of_random_effects_depends_on_the_seed_and_its_place_alone():
    few, many = (random_effects(TYPICAL, OMEGA, n, seed=5).table for n in (10, 50))
    pd.testing.assert_frame_equal(few, many.head(10))
    assert not few.equals(random_effects(TYPICAL, OMEGA, 10, seed=6).table)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: grid(dose=[]), "axis dose has no points"),
        (lambda: grid(), "no axes"),
        (lambda: grid(a=range(5000), b=range(5000)), "25000000 combinations; at most"),
        (lambda: latin_hypercube(RANGES, 0, 1), "at least one is needed"),
        (lambda: latin_hypercube({"K_12": (2, 1)}, 4, 1), "range 2 to 1 is empty"),
        (lambda: latin_hypercube({"K_12": (0, 1)}, 4, 1, log=True), "not positive for logarithms"),
        (lambda: sobol(RANGES, 60, 1), "60 is not a power of two"),
        (lambda: random_effects(TYPICAL, {"K_13": 0.5}, 4, 1), "no typical value for K_13"),
        (lambda: random_effects(TYPICAL, {"K_12": -0.5}, 4, 1), "omega must be finite"),
        (lambda: random_effects(TYPICAL, OMEGA, 0, 1), "at least one is needed"),
    ],
)
def test_a_design_that_cannot_be_made_gives_one_clear_line(make, said):
    with pytest.raises(InputError, match=said):
        make()


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"K_13": [1]}, "no parameter in clinical 'K_13'; nearest: K_"),
        ({"transgene": [1]}, "transgene is a rule"),
        ({"K_12": [1, float("nan")]}, "row 1, column K_12: empty is not a finite number"),
        (
            {"K_12": [1, float("inf"), float("inf")]},
            r"row 1, column K_12: 'inf' is not a finite number \(and 1 more",
        ),
        ({"K_12": ["1", "fast"]}, "row 1, column K_12: 'fast' is not a finite number"),
        ({"K_12": [True, False]}, "row 0, column K_12: 'True' is not a finite number"),
        ({"V_b": [5, -1]}, "row 1, column V_b: '-1' a volume must be positive"),
        ({"V_b": [0]}, "column V_b: '0' a volume must be positive"),
        ({"K_12": [1], "days": [0]}, "column days: '0' must be positive"),
        ({"K_12": []}, "^design: no rows$"),
        ({}, "no rows"),
        ({"regimn": ["twice"]}, "no parameter in clinical 'regimn'; nearest: regimen"),
        ({"regimen": ["twcie"]}, "row 0: no regimen 'twcie'; nearest: twice"),
    ],
)
def test_a_design_is_held_against_the_model_before_anything_runs(clinical, columns, said):
    with pytest.raises(InputError, match=said):
        Design(pd.DataFrame(columns)).checked(clinical, ["twice"])


def test_a_column_twice_is_refused(clinical):
    table = pd.DataFrame([[1.0, 2.0]], columns=["K_12", "K_12"])
    with pytest.raises(InputError, match="column K_12 is given twice"):
        Design(table).checked(clinical)


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.quick
def test_a_file_is_read_with_units_in_its_heading(tmp_path, clinical, suffix):
    table = pd.DataFrame(
        {"dose": [1e8], "K_12 [1/hour]": [0.07], "V_b [mL]": [5000.0], "days [weeks]": [4.0]}
    )
    path = tmp_path / f"design.{suffix}"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    checked = read_design(path).checked(clinical).table
    assert checked.iloc[0].to_dict() == pytest.approx({"dose": 1e8, "K_12": 1.68, "V_b": 5, "days": 28})


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("absent.csv", None, "no such file"),
        ("design.xlsx", b"", "is no workbook that can be read"),
        ("design.ods", b"", "a .csv, .xlsx or .parquet file"),
        ("empty.csv", b"", "cannot be read"),
        ("broken.parquet", b"PAR1 and nothing", "cannot be read"),
        ("binary.csv", b"\xff\xfe\x00\x01", "cannot be read"),
        ("ragged.csv", b"a,b\n1,2\n1,2,3\n", "cannot be read"),
        ("long.csv", b"a,b\n1,2,3\n4,5,6\n", "cannot be read"),
        ("heading.csv", b"K_12 (1/h)\n1\n", "column 'K_12 \\(1/h\\)' is no name"),
    ],
)
def test_a_broken_file_gives_one_clear_line(tmp_path, name, content, said):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=said) as caught:
        read_design(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("dose=50e6:800e6:log:5", [50e6, 1e8, 2e8, 4e8, 8e8]),
        ("K_12=1:3:linear:3", [1, 2, 3]),
        ("K_12=1,2.5", [1, 2.5]),
        ("K_12=0.05,0.1 1/h", [1.2, 2.4]),
        ("K_12=1:1:linear:1", [1]),
    ],
)
def test_an_axis_is_read(clinical, text, values):
    name, found = parse_axis(text, clinical)
    assert name == text.partition("=")[0]
    np.testing.assert_allclose(found, values)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dose", "write NAME=low:high:log:count"),
        ("doze=1,2", "nearest: dose"),
        ("K_12=1:2:log", "a range is low:high"),
        ("K_12=1:2:lgo:3", "a range is low:high"),
        ("K_12=1:2:log:0", "at least 1"),
        ("K_12=1:2:log:many", "at least 1"),
        ("K_12=1:2:linear:1", "one point cannot be at both ends"),
        ("K_12=1:2:log:99999999999", "at most 10000000"),
        ("K_12=0:2:log:3", "must be positive"),
        ("K_12=a,b", "is not a number"),
        ("V_b=0,1", "a volume must be positive"),
    ],
)
def test_a_bad_axis_gives_one_clear_line(clinical, text, said):
    with pytest.raises(InputError, match=said):
        parse_axis(text, clinical)


def test_a_design_of_one_run_is_the_table_that_it_makes_when_it_is_asked_for():
    table = pd.DataFrame(index=[0])
    for make in (Design, single, lambda: pickle.loads(pickle.dumps(Design()))):
        before = (len(make()), make().names, make().values([]).shape, repr(make()))
        assert before == (1, (), (1, 0), repr(Design(table)))
        pd.testing.assert_frame_equal(make().table, table, check_column_type=False)
        assert key_of(make()) == key_of(Design(table))
        assert (make() * grid(dose=[1.0, 2.0])).table["dose"].tolist() == [1.0, 2.0]
        assert len(replace(make(), table=table.iloc[[]])) == 0
    assert single(dose=2.0).names == ("dose",)
    assert not hasattr(Design(), "tabel")

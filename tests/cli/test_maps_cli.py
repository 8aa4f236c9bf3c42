"""The commands map and sensitivity, as a user types them."""

import pandas as pd
import pytest

from harness.cli.main import run

SENSITIVITY = ("sensitivity", "clinical", "--parameters", "K_12,K_el_m=omega 0.3", "--at", "10,180")
WATCHED = ("--observable", "log(transgene)")


@pytest.fixture
def cart(capfd):
    """Run a command in this process; return exit code, standard output and standard error."""

    def call(*arguments):
        code = run([*arguments, "--workers", "1"])
        return code, *capfd.readouterr()

    return call


def test_map_writes_a_table_and_four_panels(cart, tmp_path):
    table, picture = tmp_path / "map.csv", tmp_path / "map.svg"
    code, out, err = cart(
        "map", "--points", "2", "--until", "60", "--out", str(table), "--plot", str(picture)
    )
    assert code == 0
    assert "Cmax_share_ratio: " in out
    assert len(pd.read_csv(table)) == 4
    assert picture.read_text(encoding="utf-8").count("<svg") == 1
    assert err.splitlines()[-1] == "cart: 4 runs, 0 failed"
    assert "50 % = 2.5e9 cells/L, in proportion" in err


def test_map_prints_its_numbers_and_takes_another_conversion(cart):
    arguments = ("--conversion", "5=1e8 cells/L", "--conversion", "95=1e9 cells/L")
    code, out, err = cart("map", "--points", "2", "--until", "60", *arguments)
    assert code == 0
    assert "Cmax_share_ratio: " in out
    assert "5 % = 1e8 cells/L, 95 % = 1e9 cells/L, joined by straight lines" in err


def test_map_reads_response_and_progression_at_a_day_too(cart, tmp_path):
    table = tmp_path / "map.csv"
    asked = "response_at(M_protein_change, day=50),progressed_by(M_protein_change, day=50)"
    code, out, _ = cart("map", "--points", "2", "--until", "60", "--endpoint", asked, "--out", str(table))
    assert code == 0
    assert "progressed_by_M_protein_change_day_50: 0 to 0" in out
    found = pd.read_csv(table)
    assert set(found["response_at_M_protein_change_day_50"]) <= set(range(6))
    assert list(found)[-4:-2] == [
        "response_at_M_protein_change_day_50",
        "progressed_by_M_protein_change_day_50",
    ]


def test_sensitivity_prints_indices_or_writes_them(cart, tmp_path):
    code, out, err = cart(*SENSITIVITY, *WATCHED, "--n", "16")
    assert code == 0
    first, last = err.splitlines()
    assert first.startswith("cart: runs on RoadRunner")
    assert last == "cart: 64 runs, 0 failed"
    assert "K_el_m" in out
    table, picture = tmp_path / "indices.parquet", tmp_path / "indices.png"
    files = ("--out", str(table), "--plot", str(picture), "--measure", "prcc")
    code, out, err = cart(*SENSITIVITY, *WATCHED, "--n", "16", *files)
    assert code == 0
    assert "K_el_m" in out
    assert list(pd.read_parquet(table)["parameter"]) == ["K_12", "K_el_m"] * 2
    assert picture.stat().st_size > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("map", "--points", "1"), "points: must be at least 2, not 1"),
        (("map", "--dose", "50e6"), "dose: write LOW:HIGH, not '50e6'"),
        (("map", "--burden", "95:5"), "low must be below high"),
        (("map", "--burden", "a:b"), "burden: 'a' is not a number"),
        (("map", "--conversion", "half=1e9"), "write PERCENT=VALUE"),
        (("map", "--conversion", "50=1e9 hours"), "hours does not convert"),
        (("map", "--conversion", "50=1e9", "--conversion", "50=2e9"), "each percentage once"),
        (("map", "--model", "xenograft"), "declares no"),
        (("map", "--parameter", "Tumour_0"), "nearest: Tumor_0"),
        (("map", "--out", "map.xls"), "the suffix must be one of .csv, .parquet, .nc"),
        (("map", "--plot", "absent/map.png"), "does not exist"),
        (("sensitivity", "clinical"), "Missing option"),
        ((*SENSITIVITY, *WATCHED, "--n", "100"), "not a power of two"),
        ((*SENSITIVITY, "--observable", "transgen"), "nearest: transgene"),
        ((*SENSITIVITY, *WATCHED, "--parameters", "K_12"), "K_12 is given twice"),
        ((*SENSITIVITY, *WATCHED, *WATCHED), "observables: log(transgene) is given twice"),
        ((*SENSITIVITY, *WATCHED, "--parameters", "R_m=lots"), "write NAME, NAME=20 percent"),
        ((*SENSITIVITY, *WATCHED, "--parameters", "R_m=200 percent"), "less than 100"),
        ((*SENSITIVITY, *WATCHED, "--parameters", "R_mm"), "nearest: R_m"),
        (
            (*SENSITIVITY, *WATCHED, "--failures", "ignore"),
            "failures: must be 'drop' or 'impute', not 'ignore'",
        ),
        ((*SENSITIVITY, *WATCHED, "--measure", "second"), "no index 'second'"),
        ((*SENSITIVITY, *WATCHED, "--seed", "-1"), "seed: must be at least 0, not -1"),
        ((*SENSITIVITY, *WATCHED, "--dose", "lots"), "'lots' is not a number"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(cart, arguments, said):
    code, out, err = cart(*arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("cart: ")
    assert err.count("\n") == 1

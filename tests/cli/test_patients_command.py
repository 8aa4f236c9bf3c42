"""The command patients, as a user types it."""

import pandas as pd
import pytest

from harness.cli.main import run


@pytest.fixture
def cart(capfd):
    """Run a command; return exit code, standard output and standard error."""

    def call(*arguments):
        code = run([str(argument) for argument in arguments])
        return code, *capfd.readouterr()

    return call


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "ours.csv"
    path.write_text("dose,category,n\n150e6,VGPR,2\n50e6,VGPR,1\n", encoding="utf-8")
    return path


def test_a_table_of_ones_own_is_fitted_written_and_drawn(cart, table, tmp_path):
    out, plot = tmp_path / "out", tmp_path / "fits.png"
    options = ["--draws", 5, "--until", "12 months", "--workers", 1, "--out", out, "--plot", plot]
    code, said, noted = cart("patients", table, *options)
    assert code == 0
    assert "VGPR" in said
    assert "Best response is the lowest change" in noted
    assert len(pd.read_csv(out / "patients.csv")) == 3
    assert {"medians.csv", "profiles.csv", "draws.csv"} <= {path.name for path in out.iterdir()}
    assert plot.stat().st_size > 10_000


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--draws", "0"], "draws: must be at least 1, not 0"),
        (["--until", "soon"], "'soon' is not a number"),
        (["--until", "1 day"], "must lie after the first visit"),
        (["--workers", "0"], "at least 1 and at most 1024, not 0"),
        (["--plot", "a.csv"], "the suffix must be one of"),
        (["--plot-effects", "absent/a.png"], "does not exist"),
        (["--out", "absent/out"], "folder absent does not exist"),
        (["--reading", "as_rum"], "nearest: as_run"),
        (["absent.csv"], "no such file"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(cart, table, options, said):
    given = options if options[0].endswith(".csv") else [table, *options]
    code, out, err = cart("patients", *given)
    assert (code, out) == (2, "")
    assert said in err
    assert err.startswith("cart: ")
    assert err.count("\n") == 1


def test_out_must_not_be_a_file(cart, table):
    code, _, err = cart("patients", table, "--out", table)
    assert code == 2
    assert "is there and no folder" in err

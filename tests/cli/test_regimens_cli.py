"""Regimens of a file, on every command that doses."""

import pandas as pd
import pytest

from harness.cli.main import run

FILE = "regimens:\n  split: {doses: [0.3x, 0.7x@3]}\n  once: {doses: [1x]}\n"
RUNS = {
    "simulate": ["simulate", "clinical", "--until", "10", "--set", "dose=1e8"],
    "scan": ["scan", "clinical", "--grid", "dose=1e8,2e8", "--until", "10", "--workers", "1"],
    "population": ["population", "--patients", "2", "--dose", "1e8", "--until", "9 months", "--month", "6",
                   "--workers", "1"],
    "map": ["map", "--points", "2", "--until", "30", "--workers", "1"],
    "sensitivity": ["sensitivity", "clinical", "--parameters", "K_12", "--observable", "transgene",
                    "--at", "10", "--n", "16", "--set", "dose=1e8", "--workers", "1"],
}  # fmt: skip


@pytest.fixture
def regimens(tmp_path):
    path = tmp_path / "regimens.yaml"
    path.write_text(FILE, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("name", RUNS)
def test_one_at_once_is_the_dose_and_another_is_not(capfd, tmp_path, regimens, name):
    tables = {}
    for chosen in ("", "once", "split"):
        out = tmp_path / f"of_{chosen}.csv"
        more = ["--regimens", regimens, "--regimen", chosen] if chosen else []
        assert run([*RUNS[name], *more, "--out", str(out)]) == 0, capfd.readouterr().err
        tables[chosen] = pd.read_csv(out)
    pd.testing.assert_frame_equal(tables[""], tables["once"])
    assert not tables["once"].equals(tables["split"])


@pytest.mark.parametrize("name", RUNS)
@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--regimens", "FILE"], "holds split, once; choose one with --regimen"),
        (["--regimens", "FILE", "--regimen", "splt"], "nearest: split"),
        (["--regimen", "split"], "regimen: goes with --regimens"),
        (["--regimens", "absent.yaml"], "absent.yaml: no such file"),
    ],
)
def test_a_regimen_that_cannot_be_chosen_is_one_line(capfd, regimens, name, more, said):
    assert run([*RUNS[name], *(regimens if word == "FILE" else word for word in more)]) == 2
    out, err = capfd.readouterr()
    assert said in err
    assert (out, err.count("\n")) == ("", 1)


def test_the_doses_are_given_once(capfd, regimens):
    assert run(["simulate", "clinical", "--dose", "1e8", "--regimens", regimens, "--regimen", "once"]) == 2
    assert "give the doses once" in capfd.readouterr().err


def test_the_only_regimen_of_a_file_needs_no_name(capfd, tmp_path):
    (tmp_path / "one.yaml").write_text("regimens:\n  split: {doses: [0.3x, 0.7x@3]}\n", encoding="utf-8")
    assert run(["simulate", "clinical", "--until", "10", "--regimens", str(tmp_path / "one.yaml")]) == 0
    assert "transgene" in capfd.readouterr().out


def test_a_table_without_the_column_takes_the_chosen_one_too(capfd, tmp_path, regimens):
    (tmp_path / "d.csv").write_text("dose\n1e8\n", encoding="utf-8")
    line = ["run", "clinical", "--design", str(tmp_path / "d.csv"), "--until", "30", "--regimens", regimens]
    assert run(line) == 2
    assert "choose one with --regimen" in capfd.readouterr().err
    assert run([*line, "--regimen", "split", "--endpoint", "Cmax"]) == 0


def test_a_rule_goes_with_draws_of_the_parameters(capfd, tmp_path):
    """The days on which a rule dosed have no middle; how often it did has one."""
    (tmp_path / "d.csv").write_text("K_g [1/day]\n0.008\n", encoding="utf-8")
    (tmp_path / "rule.yaml").write_text(
        "regimens:\n  again:\n    doses: [1x]\n    redosing: {amount: 1x, observable: M_protein, "
        "rise: 25 %, every: 28 days, start: 56 days}\n",
        encoding="utf-8",
    )
    out = tmp_path / "out.csv"
    line = ["run", "clinical", "--design", str(tmp_path / "d.csv"), "--regimens", str(tmp_path / "rule.yaml")]
    more = ["--endpoint", "Cmax", "--from", "parameters.csv:K_exp_max", "--uncertainty", "3"]
    assert run([*line, *more, "--out", str(out)]) == 0, capfd.readouterr().err
    found = pd.read_csv(out)
    assert {"redose_days", "redoses_low", "Cmax_high"} < set(found)
    assert list(found)[-1] == "engine"
    assert (found.engine == "roadrunner").all()


def test_an_export_holds_the_chosen_one(capfd, tmp_path, regimens):
    out = tmp_path / "split.xml"
    line = ["export", "clinical", "--regimens", regimens, "--regimen", "split", "--out", str(out)]
    assert run(line) == 0, capfd.readouterr().err
    assert "give_dose_2" in out.read_text("utf-8")


def test_a_population_takes_multiples_of_its_doses_alone(capfd, tmp_path):
    (tmp_path / "one.yaml").write_text("regimens:\n  fixed: {doses: [1e8]}\n", encoding="utf-8")
    assert run([*RUNS["population"], "--regimens", str(tmp_path / "one.yaml")]) == 2
    assert "give the dose once" in capfd.readouterr().err

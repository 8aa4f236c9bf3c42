"""The command fit, as a user types it."""

import json
import re

import pandas as pd
import pytest
import yaml

from harness.cli.main import run
from harness.fitting.result import FitResult
from harness.fitting.study import Fit

PROBLEM = {
    "title": "one line in a well",
    "model": "in_vitro",
    "condition": "Daudi",
    "synthetic": {"times": "1,2,4", "seed": 3, "reason": "a test."},
    "arms": {f"ratio_{i}": {"changes": {"ET_ratio": str(i)}} for i in (1, 3, 10)},
    "observables": {"viability": {"model": "log", "relative": {"start": "0.05"}}},
    "parameters": {"K_kill_max": {"low": "0.02 1/hour", "high": "5 1/hour", "start": "0.8 1/hour"}},
}


@pytest.fixture
def problem(tmp_path):
    path = tmp_path / "problem.yaml"
    path.write_text(yaml.safe_dump(PROBLEM), encoding="utf-8")
    return path


@pytest.fixture
def cart(capfd):
    """Run a command in this process; return exit code, standard output and standard error."""

    def call(*arguments):
        code = run([*map(str, arguments), "--workers", "1"])
        return code, *capfd.readouterr()

    return call


def rows(text):
    """The table of estimates, by parameter."""
    lines = [re.split(r"\s{2,}", line.strip()) for line in text.splitlines()]
    heads = next(line for line in lines if line[0] == "parameter")
    return {line[0]: dict(zip(heads, line, strict=True)) for line in lines if len(line) == len(heads)}


def test_a_fit_prints_what_it_writes(cart, problem, tmp_path):
    out = tmp_path / "out"
    code, text, said = cart("fit", problem, "--starts", "2", "--out", out)
    assert code == 0
    table = pd.read_csv(out / "estimates.csv").set_index("parameter")
    shown, found = rows(text)["K_kill_max"], table.loc["K_kill_max"]
    names = {"table_1": "table_1", "estimate": "estimate", "RSE (%)": "rse", "low": "low", "high": "high"}
    assert {head: shown[head] for head in names} == {h: f"{found[name]:.4g}" for h, name in names.items()}
    assert shown["profile low"] == shown["profile high"] == "-"
    assert (found["table_1"], shown["unit"]) == (pytest.approx(0.353), "1/hour")
    assert found["low"] < 0.353 < found["high"]
    kept = json.loads((out / "result.json").read_text(encoding="utf-8"))
    assert f"objective {kept['numbers']['objective']:.2f}" in text
    assert "9 observations, 0 of them censored, 0 left out; 2 of 2 starts at the best point" in text
    assert "Synthetic data: a test." in text
    assert f"cart: {kept['runs']} runs: {kept['runs']} ok, 0 failed\n" in said
    assert {"predictions.csv", "residuals.csv", "predictions.png", "result.json"} <= {
        p.name for p in out.iterdir()
    }


def test_each_number_stands_in_its_column(cart, problem, monkeypatch):
    row = {
        "parameter": "K_kill_max", "unit": "1/hour", "table_1": 1.5, "estimate": 2.5, "rse": 3.5, "low": 4.5,
        "high": 5.5, "profile_low": 6.5, "profile_high": 7.5, "verdict": "determined",
    }  # fmt: skip
    numbers = {
        "objective": -10.125, "AIC": 20.25, "BIC": 30.5, "objective_table_1": 40.75, "starts": 7,
        "starts_at_best": 5,
    }  # fmt: skip
    made = FitResult(
        title="", problem={}, checksum="", seed=1, time_unit="hour", versions={}, synthetic="", runs=20,
        failed=3, rows={"used": 11, "censored": 12, "left_out": 13}, numbers=numbers, notes=("A note.",),
        tables={"estimates": {name: [value] for name, value in row.items()}},
    )  # fmt: skip
    monkeypatch.setattr(Fit, "result", lambda *_: made)
    code, text, said = cart("fit", problem)
    assert code == 0
    assert rows(text)["K_kill_max"] == {
        "parameter": "K_kill_max", "unit": "1/hour", "table_1": "1.5", "estimate": "2.5", "RSE (%)": "3.5",
        "low": "4.5", "high": "5.5", "profile low": "6.5", "profile high": "7.5", "verdict": "determined",
    }  # fmt: skip
    assert text.splitlines()[-2:] == [
        "objective -10.12, AIC 20.25, BIC 30.50; at Table 1 40.75; 11 observations, 12 of them censored, "
        "13 left out; 5 of 7 starts at the best point",
        "A note.",
    ]
    assert said.endswith("cart: 20 runs: 17 ok, 3 failed\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--resume"], "resume: goes with --out"),
        (["--starts", "0"], "starts"),
        (["--engine", "kernels"], "nearest: kernel"),
        (["--out", "absent/out"], "folder absent does not exist"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(cart, problem, options, said):
    code, out, err = cart("fit", problem, *options)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


def test_a_problem_that_is_not_there_is_told_with_the_nearest(cart):
    code, _, err = cart("fit", "fig2b/moving_volum")
    assert code == 2
    assert "fig2b/moving_volume" in err

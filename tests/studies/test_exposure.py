"""Exposure and response: estimates against ones worked out another way, and what cannot be estimated."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import minimize

from harness.cli.main import run
from harness.declarations import declare
from harness.errors import InputError, RunFailed
from harness.simulation.execute import Processes, Serial
from harness.studies.exposure import ExposureResponse

FIELDS = {"patients": 40, "omegas": {"Tumor_0": 0.8}, "until": "24 months"}


@pytest.fixture(scope="module")
def small():
    return declare(ExposureResponse, **FIELDS).run(Serial())


def estimate(outcome, held="burden and dose", of="complete"):
    table = outcome.tables["associations"].set_index(["outcome", "exposure", "held"])
    return table.loc[of, "Cmax", held]


def test_it_has_the_numbers_that_it_names(small):
    assert set(small.numbers) == set(declare(ExposureResponse, **FIELDS).number_names())


def test_odds_are_those_of_the_greatest_likelihood(small):
    runs = small.tables["runs"].query("Cmax > 0 and AUC28 > 0 and day_90 > 0")
    x = np.column_stack([np.ones(len(runs)), np.log(runs[["Cmax", "burden", "dose"]].to_numpy())])
    x[:, 1:] -= x[:, 1:].mean(axis=0)
    y = runs["complete"].to_numpy(float)
    best = minimize(lambda b: np.logaddexp(0, x @ b).sum() - y @ (x @ b), np.zeros(4), tol=1e-10).x
    assert np.exp(best[1]) == pytest.approx(estimate(small).estimate, rel=1e-3)


def test_hazards_are_those_of_the_greatest_partial_likelihood(small):
    runs = small.tables["runs"].query("Cmax > 0 and AUC28 > 0 and day_90 > 0").sort_values("pfs")
    x, event = np.log(runs["Cmax"].to_numpy()), runs["progressed"].to_numpy()
    assert runs["pfs"][event].is_unique

    def loss(b):
        at_risk = np.logaddexp.accumulate((b * x)[::-1])[::-1]
        return -np.sum((b * x - at_risk)[event])

    best = minimize(loss, 0.0, tol=1e-10).x[0]
    found = estimate(small, "crude", "progression")
    assert np.exp(best) == pytest.approx(found.estimate, rel=1e-3)
    assert found.low < found.estimate < found.high


def test_quartiles_hold_everybody_once(small):
    known = small.tables["runs"].query("Cmax > 0 and AUC28 > 0 and day_90 > 0")
    for (_, outcome), rows in small.tables["quartiles"].groupby(["exposure", "outcome"]):
        assert rows.patients.sum() == len(known)
        assert (rows.percent * rows.patients).sum() / 100 == pytest.approx(known[outcome].sum())
        assert np.all(np.diff(rows["median"]) > 0)


def test_patients_of_two_doses_are_different_ones(small):
    runs = small.tables["runs"]
    assert runs.groupby("dose").size().tolist() == [40, 40]
    assert runs["K_exp_max"].is_unique


def test_what_is_the_same_for_everybody_is_not_held():
    found = declare(ExposureResponse, patients=20, doses=(450e6,), until="12 months").run(Serial())
    assert estimate(found, "burden").reason == "burden is the same for everybody"
    assert np.isnan(estimate(found, "burden and dose").estimate)
    assert np.isnan(found.numbers["rho_Cmax_burden"])
    responders = found.tables["runs"]["response"]
    crude = estimate(found, "crude", "response")
    assert (crude.reason == "all patients have the same outcome") == (responders.nunique() == 1)
    assert set(found.tables["quartiles"].query("exposure == 'Cmax'").unit) == {"copies/ug"}


def test_workers_change_no_bit(small):
    other = declare(ExposureResponse, **FIELDS).run(Processes(2))
    for name, table in small.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name], check_exact=True)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"doses": [0]}, "one or more positive numbers of cells"),
        ({"doses": [1e8, 1e8]}, "each once"),
        ({"exposures": {}}, "one or more endpoints by name"),
        ({"exposures": {"dose": "Cmax"}}, "'dose' is no plain word, or names something else"),
        ({"exposures": {"x": "Cmx"}}, "Cmx"),
        ({"changes": {"dose": "1e6"}}, "changes: dose is varied"),
        ({"omegas": {"dose": 0.5}}, "omegas: dose is varied"),
        ({"patients": 2, "doses": [1e8]}, "at least 10 are needed"),
    ],
)
def test_what_makes_no_sense_is_told(changed, says):
    with pytest.raises(RunFailed if "needed" in says else InputError, match=says):
        declare(ExposureResponse, **FIELDS | changed).run(Serial())


def test_the_command_prints_each_ratio(tmp_path, capsys):
    out = tmp_path / "runs.csv"
    told = [
        "exposure",
        "--patients",
        "20",
        "--omega",
        "Tumor_0=0.8",
        "--until",
        "12 months",
        "--out",
        str(out),
    ]
    assert run([*told, "--endpoint", "peak=Cmax"]) == 0
    shown = capsys.readouterr().out
    assert "rank correlation of peak with burden" in shown
    assert len(pd.read_csv(out)) == 40
    assert run(["exposure", "--endpoint", "Cmax"]) == 2
    assert "write NAME=CALL" in capsys.readouterr().err

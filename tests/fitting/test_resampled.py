"""Errors by the observed Hessian, by the sandwich, and by a bootstrap."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from harness.cli.main import run
from harness.errors import InputError
from harness.fitting.fit import fit
from harness.fitting.objective import Objective
from harness.fitting.prepare import prepare
from harness.fitting.problem import read_problem
from harness.fitting.resampled import bootstrap, estimates_of, with_carried, with_errors
from harness.simulation.estimate_sources import read_estimates

RICH = {
    "synthetic": {"times": "0.5,1,2,3,4,6", "seed": 4, "reason": "a test."},
    "observables": {"viability": {"model": "log", "relative": "0.05"}},
    "optimiser": {"starts": 1},
}


@pytest.fixture
def rich(prepared):
    """A fit of two parameters to 18 observations, and its result."""
    made = prepared(**RICH)
    return made, fit(made, profile=False)


def covariance(result, names):
    return result.table("covariance")[names].to_numpy(float)


def test_the_observed_hessian_is_that_of_differences_of_the_objective(rich):
    made, result = rich
    found = covariance(with_errors(made, result, "observed"), made.names)
    x, objective = estimates_of(made, result), Objective(made)
    step, eye = 0.02, np.eye(2)
    hessian = np.empty((2, 2))
    for i in range(2):
        for j in range(2):
            corners = [
                objective.penalised(x + step * (a * eye[i] + b * eye[j])) * a * b
                for a in (1, -1)
                for b in (1, -1)
            ]
            hessian[i, j] = sum(corners) / (4 * step**2)
    assert found == pytest.approx(np.linalg.inv(hessian / 2), rel=0.03)


def test_the_sandwich_has_the_scores_of_single_observations_between_two_inverses(rich):
    made, result = rich
    found = covariance(with_errors(made, result, "sandwich"), made.names)
    bread = covariance(with_errors(made, result, "observed"), made.names)
    x, arms = estimates_of(made, result), tuple(range(len(made.arms)))
    objective, none, step = Objective(made), np.zeros((1, 0)), 5e-3
    seen, slope = made.joined(arms).value, []
    for i in range(2):
        sides = [objective.predict(arms, x + s * step * np.eye(2)[i], none) for s in (1, -1)]
        slope.append((np.log(sides[0]) - np.log(sides[1])) / (2 * step))
    scores = (
        np.array(slope).T * ((np.log(objective.predict(arms, x, none)) - np.log(seen)) / 0.05**2)[:, None]
    )
    assert found == pytest.approx(bread @ (scores.T @ scores) @ bread, rel=0.02)


def test_where_the_model_is_right_all_errors_are_about_the_same_and_say_what_they_are_by(rich):
    made, result = rich
    expected = result.table("estimates").rse
    for kind, within in (("observed", 0.2), ("sandwich", 0.8)):
        other = with_errors(made, result, kind)
        assert other.table("estimates").rse.to_numpy() == pytest.approx(expected.to_numpy(), rel=within)
        assert other.number("rse_KC50") == other.table("estimates").set_index("parameter").rse["KC50"]
        assert kind in other.notes[-1]
        assert (other.table("estimates").estimate == result.table("estimates").estimate).all()
    assert with_errors(made, result, "expected") is result


def test_a_bootstrap_spreads_as_the_errors_say_and_is_what_is_drawn_from(rich, tmp_path):
    made, result = rich
    found = bootstrap(made, result, 12, seed=2)
    table, estimates = found.table("bootstrap"), found.table("estimates").set_index("parameter")
    assert len(table) == 12
    assert table["converged"].all()
    spread = 100 * np.log(table["K_kill_max"]).std()
    assert spread == pytest.approx(estimates.rse["K_kill_max"], rel=0.6)
    assert (estimates.bootstrap_low < estimates.bootstrap_high).all()
    again = bootstrap(made, result, 3, seed=2).table("bootstrap")
    assert again["KC50"].tolist() == table["KC50"][:3].tolist()
    found.save(tmp_path / "result.json")
    drawn = read_estimates(tmp_path / "result.json").draws(40).table
    assert set(drawn["KC50"]) <= set(table["KC50"])
    with pytest.raises(InputError, match="at least 2 data sets, not 1"):
        bootstrap(made, result, 1)


def test_groups_are_drawn_where_effects_are_theirs(prepared):
    lines = ("Daudi", "JeKo", "U266-B1")
    made = prepared(
        arms={line: {"condition": line, "group": line} for line in lines}, condition=None,
        effects={"K_kill_max": {"omega": "0.4"}}, optimiser={"starts": 1},
        parameters={"K_kill_max": {"low": "0.02", "high": "5", "start": "0.4"}},
        observables={"viability": {"model": "log", "relative": "0.05"}},
    )  # fmt: skip
    result = fit(made, profile=False)
    found = bootstrap(made, result, 2, seed=1)
    assert "groups drawn with replacement" in found.notes[-1]
    assert np.isfinite(with_errors(made, result, "sandwich").number("rse_K_kill_max"))


def test_the_command_takes_a_kind_of_errors_and_a_number_of_data_sets(written, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    written(**RICH)
    line = ["fit", "problem.yaml", "--engine", "roadrunner", "--workers", "1"]
    assert run([*line, "--errors", "observed", "--bootstrap", "2", "--out", "o"]) == 0, capfd.readouterr().err
    assert {"covariance.csv", "bootstrap.csv"} <= {path.name for path in (tmp_path / "o").iterdir()}
    assert "Errors by the observed Hessian" in capfd.readouterr().out
    assert run([*line, "--errors", "robust"]) == 2
    assert "no kind of errors 'robust'" in capfd.readouterr().err


def test_errors_hold_what_is_open_of_a_carried_value(written, tmp_path):
    """By the delta method: the estimate moves with the carried value, by so much for each of its errors."""
    error, value = 0.3, 2.24
    tables = {
        "estimates": {"parameter": ["hill_kill"], "estimate": [1.07], "unit": ["dimensionless"]},
        "covariance": {"parameter": ["hill_kill"], "hill_kill": [error**2]},
    }
    (tmp_path / "result.json").write_text(json.dumps({"tables": tables}), encoding="utf-8")
    path = written("next.yaml", **RICH, fixed_from={"result.json": ["hill_kill"]},
                   parameters={"KC50": {"low": "0.1", "high": "50", "start": str(value)}})  # fmt: skip
    problem = read_problem(path)
    alone = prepare(problem, tmp_path)
    first = fit(alone, profile=False)
    found = with_carried(problem, tmp_path, alone, first, 40, seed=1)
    higher = {"hill_kill": 1.07 * float(np.exp(error))}
    arms = tuple(replace(arm, fixed={**arm.fixed, **higher}) for arm in alone.arms)
    other = fit(replace(alone, arms=arms), profile=False)
    shift = np.log(other.number("estimate_KC50") / first.number("estimate_KC50"))
    expected = np.hypot(first.number("rse_KC50") / 100, shift)
    assert found.number("rse_KC50") / 100 == pytest.approx(expected, rel=0.25)
    assert found.number("rse_KC50") > 1.05 * first.number("rse_KC50")
    with pytest.raises(InputError, match="goes with fixed_from"):
        with_carried(problem.model_copy(update={"fixed_from": {}}), tmp_path, alone, first, 3)

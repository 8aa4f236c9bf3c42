"""Diagnostics of a fit: weighted residuals, shrinkage, simulated data, and models side by side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from harness.cli.main import run
from harness.errors import InputError
from harness.fitting.diagnostics import _percentile, compare_fits, diagnose, npde
from harness.fitting.fit import fit
from harness.fitting.objective import Objective

GROUPED = {
    "arms": {
        f"{line}_{ratio}": {"condition": line, "group": line, "changes": {"ET_ratio": ratio}}
        for line in ("Daudi", "JeKo", "U266-B1")
        for ratio in ("0.5", "3")
    },
    "condition": None,
    "observables": {"viability": {"model": "additive", "additive": {"start": "5 percent"}}},
    "parameters": {"K_kill_max": {"low": "0.02", "high": "5", "start": "0.4"}},
    "effects": {"K_kill_max": {"omega": "0.4"}},
    "optimiser": {"starts": 1},
}


@pytest.fixture
def grouped(prepared):
    """A fit with random effects, and its result."""
    made = prepared(**GROUPED)
    return made, fit(made, profile=False)


def test_conditional_residuals_are_whitened_by_the_covariance_of_their_group(grouped):
    """By hand: mean and covariance linearised around the effects, from differences of predictions."""
    made, result = grouped
    table = diagnose(made, result, replicates=60).table("diagnostics")
    objective = Objective(made)
    x = np.log(result.table("estimates")["estimate"].to_numpy(float))
    effects, size = objective.effects(x), np.exp(x[1])
    for g, group in enumerate(made.groups):
        arms = made.members(g)
        seen, step = made.joined(arms).value, np.zeros_like(effects)
        step[g] = 1e-2
        up, middle, down = (objective.predict(arms, x, effects + s * step) for s in (1, 0, -1))
        z = (up - down) / 2e-2
        covariance = np.outer(z, z) + size**2 * np.eye(z.size)
        values, vectors = np.linalg.eigh(covariance)
        expected = vectors @ (vectors.T @ (seen - middle + z * effects[g, 0]) / np.sqrt(values))
        mine = table[table["group"] == group]
        assert mine["CWRES"].to_numpy() == pytest.approx(expected, abs=5e-3)
        assert mine["IPRED"].to_numpy() == pytest.approx(middle, rel=1e-6)
        assert mine["IWRES"].to_numpy() == pytest.approx((seen - middle) / size, abs=1e-6)


def test_predictions_of_the_typical_have_no_effects_and_shrinkage_is_of_theirs(grouped):
    made, result = grouped
    found = diagnose(made, result, replicates=20)
    x = np.log(result.table("estimates")["estimate"].to_numpy(float))
    objective = Objective(made)
    none = np.zeros((3, 1))
    typical = objective.predict(tuple(range(len(made.arms))), x, none)
    table = found.table("diagnostics")
    assert table["PRED"].to_numpy() == pytest.approx(typical, rel=1e-6)
    curves = found.table("typical")
    both = table.merge(curves, on=["arm", "observable", "time"], how="left")
    assert both["typical"].to_numpy() == pytest.approx(typical, rel=1e-5)
    assert len(curves) == len(found.table("predictions"))
    shrinkage = found.table("shrinkage").set_index("name").shrinkage
    assert shrinkage["K_kill_max"] == pytest.approx(100 * (1 - objective.effects(x).std(ddof=1)), abs=0.1)
    assert set(found.tables) > set(result.tables)


def test_residuals_of_simulated_data_are_standard_normal_and_percentiles_hold_theirs(prepared):
    """The fit is of data that its own model made, at the truth."""
    many = {f"well_{i}": {"changes": {"ET_ratio": str(0.3 * 1.2**i)}} for i in range(20)}
    made = prepared(arms=many, observables={"viability": {"model": "log", "relative": "0.05"}},
                    optimiser={"starts": 1})  # fmt: skip
    found = diagnose(made, fit(made, profile=False), replicates=300)
    table = found.table("diagnostics")
    for name in ("CWRES", "NPDE", "IWRES"):
        assert table[name].mean() == pytest.approx(0, abs=0.3)
        assert table[name].std() == pytest.approx(1, abs=0.25)
    assert table["CWRES"].to_numpy() == pytest.approx(table["IWRES"].to_numpy(), abs=1e-6)
    check = found.table("vpc")
    inside = (check["low"] <= check["observed"]) & (check["observed"] <= check["high"])
    assert inside.mean() > 0.8
    assert sorted(check["percentile"].unique()) == [5, 50, 95]


def test_a_percentile_between_two_values_is_their_middle_and_empty_where_one_is_below_a_limit():
    values = np.random.default_rng(2).lognormal(size=(3, 40))
    for level in (2.5, 5.0, 50.0, 95.0):
        expected = np.percentile(values, level, axis=1, method="averaged_inverted_cdf")
        np.testing.assert_allclose(_percentile(values, level), expected)
    assert _percentile(np.array([900.0, 2100.0]), 50.0) == 1500
    assert [_percentile(np.array([-np.inf, 900.0]), level) for level in (5.0, 50.0, 95.0)] == [
        -np.inf,
        -np.inf,
        900,
    ]


@pytest.mark.parametrize("unit", [1.0, 1e-12, 1e12])
def test_prediction_errors_know_no_unit_and_two_observations_may_be_the_same(unit):
    random = np.random.default_rng(1)
    simulated, observed = random.normal(3, 1, (400, 3)), np.array([4.0, 2.0, 3.5])
    truth = npde(observed, simulated)
    assert npde(unit * observed, unit * simulated) == pytest.approx(truth)
    assert abs(truth[0] - 1) < 0.2
    twice = npde(unit * observed[[0, 0, 1]], unit * simulated[:, [0, 0, 1]])
    assert twice[0] == pytest.approx(truth[0], abs=1e-6)
    assert np.isfinite(twice).all()


def test_a_censored_observation_has_no_residual_and_is_a_share_in_the_check(prepared):
    made = prepared(
        observables={"viability": {"model": "log", "relative": "0.05", "lloq": "40 percent"}},
        optimiser={"starts": 1},
    )
    found = diagnose(made, fit(made, profile=False), replicates=50)
    table = found.table("diagnostics")
    below = table["censored"].astype(bool)
    assert below.any()
    assert table.loc[below, ["CWRES", "NPDE", "IWRES"]].isna().all().all()
    assert (table.loc[below, "observed"] == 40).all()
    check = found.table("vpc")
    assert check["below"].max() > 0
    assert (check["below_low"] <= check["below_high"]).all()
    assert check["observed"].dropna().min() >= 40


def test_fits_of_the_same_data_stand_side_by_side_and_others_do_not(prepared):
    both = prepared(optimiser={"starts": 1})
    one = replace(both, coordinates=both.coordinates)
    results = {"both": fit(both, profile=False), "again": fit(one, profile=False)}
    table = compare_fits(results)
    assert table["dAIC"].tolist() == [0, 0]
    assert {"-2LL", "AIC", "BIC", "K_kill_max"} <= set(table)
    other = prepared(synthetic={"times": "1,2", "seed": 9, "reason": "other."}, optimiser={"starts": 1})
    with pytest.raises(InputError, match="both, other: are of other observations"):
        compare_fits({"both": results["both"], "other": fit(other, profile=False)})
    with pytest.raises(InputError, match="is not of this fit"):
        diagnose(other, results["both"])


def test_the_command_writes_figures_and_tables_and_compares(written, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    written(optimiser={"starts": 1})
    line = ["fit", "problem.yaml", "--engine", "roadrunner", "--workers", "1"]
    assert run([*line, "--out", "first"]) == 0, capfd.readouterr().err
    assert run([*line, "--plots", "shown", "--against", "first/result.json"]) == 0, capfd.readouterr().err
    names = {path.name for path in (tmp_path / "shown").iterdir()}
    figures = {f"{n}.png" for n in ("goodness", "individuals", "predictive_check", "forest", "correlation")}
    assert names == {*figures, "diagnostics.csv", "shrinkage.csv", "typical.csv", "vpc.csv", "comparison.csv"}
    assert "this fit" in capfd.readouterr().out
    assert len(pd.read_csv(tmp_path / "shown" / "comparison.csv")) == 2

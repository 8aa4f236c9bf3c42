"""Estimates that are carried on: values, units, draws, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InputError
from harness.models.catalog import select
from harness.simulation.estimate_sources import estimates_for, estimates_from_tables, read_estimates
from harness.simulation.estimates import Estimates, middle
from harness.simulation.made_designs import grid
from harness.simulation.plan import plan
from harness.simulation.run import run
from harness.simulation.simulate import simulate

COVARIANCE = np.array([[0.04, 0.012], [0.012, 0.09]])


def tables(scales=("log", "log"), covariance=COVARIANCE, names=("K_kill_max", "K_exp_max")):
    """Tables of a result: two parameters, a spread and a size of an error."""
    every = [*names, f"omega_{names[0]}", "additive_M"]
    whole = np.zeros((4, 4))
    whole[:2, :2], whole[2, 2], whole[3, 3] = covariance, 0.01, 0.25
    return {
        "estimates": {
            "parameter": every, "kind": ["parameter", "parameter", "omega", "error"],
            "unit": ["1/hour", "1/day", "dimensionless", "percent"], "scale": [*scales, "log", "log"],
            "estimate": [0.01, 1.5, 0.4, 3.0],
        },
        "covariance": {"parameter": every, **{name: whole[:, i].tolist() for i, name in enumerate(every)}},
    }  # fmt: skip


@pytest.fixture
def result(tmp_path):
    """Write a result of a fit and return its path."""

    def write(**changes) -> str:
        path = tmp_path / "result.json"
        path.write_text(json.dumps({"tables": {**tables(), **changes}}), encoding="utf-8")
        return str(path)

    return write


def test_estimates_have_the_units_of_their_source_and_reach_the_model_in_its_own(result):
    found = read_estimates(result())
    assert found.changes() == {"K_kill_max": "0.01 1/hour", "K_exp_max": "1.5 1/day"}
    assert found.omegas() == {"K_kill_max": 0.4}
    by_hand = simulate("clinical", changes={"K_kill_max": 0.24, "K_exp_max": 1.5}, times=[0, 14, 60])
    carried = simulate("clinical", estimates=result(), times=[0, 14, 60])
    assert carried.transgene.to_numpy() == pytest.approx(by_hand.transgene.to_numpy(), rel=1e-9)


def test_a_change_is_of_the_estimate_and_a_value_is_in_its_place(result):
    times = {"times": [0, 14, 60]}
    by_hand = simulate("clinical", changes={"K_kill_max": "0.02 1/hour", "K_exp_max": 1.2}, **times)
    given_ = {"K_kill_max": "2x", "K_exp_max": 1.2}
    carried = simulate("clinical", estimates=result(), changes=given_, **times)
    assert carried.M_protein.to_numpy() == pytest.approx(by_hand.M_protein.to_numpy(), rel=1e-9)
    left = estimates_for(result(), select("clinical"), ["K_exp_max"])
    assert left.notes(spreads=True)[0].startswith("K_exp_max: set or varied, in place of the estimate of")


@settings(derandomize=True, deadline=None, max_examples=10)
@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_draws_under_a_change_are_the_changed_draws(first, second):
    changes = {"K_kill_max": f"{first!r}x", "K_exp_max": f"{second!r}x", "K_12": "1"}
    logs, linear = (
        estimates_from_tables(tables(scales), "a test", ["K_kill_max", "K_exp_max"])
        for scales in (("log", "log"), ("linear", "log"))
    )
    expected = logs.draws(50).table * [first, second]
    assert logs.under(changes).draws(50).table.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-9)
    assert linear.under(changes).covariance == pytest.approx(COVARIANCE * [[first**2, first], [first, 1]])


@settings(derandomize=True, deadline=None, max_examples=10)
@given(st.floats(0.05, 0.5), st.floats(0.05, 0.5), st.floats(-0.9, 0.9), st.booleans())
def test_draws_have_the_covariance_of_their_source_on_its_scale(first, second, correlation, log):
    covariance = np.array([[first**2, correlation * first * second], [0, second**2]])
    covariance[1, 0] = covariance[0, 1]
    found = Estimates("a test", ("a", "b"), ("", ""), np.array([2.0, 5.0]), np.array([log, log]), covariance)
    drawn = found.draws(4000, seed=3).table.to_numpy()
    on_scale = np.log(drawn) if log else drawn
    size = np.outer([first, second], [first, second])
    assert np.cov(on_scale.T) / size == pytest.approx(covariance / size, abs=0.1)
    assert on_scale.mean(axis=0) == pytest.approx(np.log([2, 5]) if log else [2, 5], abs=0.05)


def test_a_draw_is_the_same_for_a_seed_and_another_for_another(result):
    found = read_estimates(result())
    one, same, other = (found.draws(5, seed).table.to_numpy() for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.isclose(one, other).any()


def test_what_has_no_error_stays_at_its_estimate_and_is_named(result):
    content = tables()
    for name in ("K_exp_max", "parameter"):
        content["covariance"][name][1] = None if name != "parameter" else "K_exp_max"
    for name in ("K_kill_max", "omega_K_kill_max", "additive_M"):
        content["covariance"][name][1] = None
    content["covariance"]["K_exp_max"] = [None] * 4
    found = read_estimates(result(**content))
    assert found.held == ("K_exp_max",)
    assert "K_exp_max: without an error in" in found.notes(spreads=True)[0]
    assert (found.draws(4).table["K_exp_max"] == 1.5).all()
    assert found.draws(4).table["K_kill_max"].nunique() == 4


def test_what_cannot_be_negative_is_drawn_again(result):
    content = tables(scales=("linear", "linear"), covariance=np.diag([0.01**2, 1.0]))
    drawn = read_estimates(result(**content)).draws(500).table
    assert (drawn >= 0).all().all()


def test_rows_of_a_bootstrap_are_drawn_whole(result):
    rows = {"K_kill_max": [0.01, 0.02, 0.03], "K_exp_max": [1.0, 2.0, 3.0],
            "omega_K_kill_max": [0.4, 0.4, 0.4], "additive_M": [1, 1, 1]}  # fmt: skip
    drawn = read_estimates(result(bootstrap=rows)).draws(50).table
    assert drawn["K_exp_max"].to_numpy() == pytest.approx(100 * drawn["K_kill_max"].to_numpy())
    assert drawn["K_exp_max"].nunique() == 3


def test_draws_of_a_table_are_its_rows_by_weight_and_the_value_is_the_middle_one(tmp_path):
    path = tmp_path / "draws.csv"
    path.write_text("K_12,omega_K_12,weight\n1,0.1,1\n2,0.2,6\n3,0.3,3\n4,0.4,0\n", encoding="utf-8")
    found = read_estimates(path, select("clinical", (), None))
    assert found.changes() == {"K_12": "2.0 1/day"}
    assert found.omegas() == {"K_12": 0.2}
    assert not found.held
    drawn = np.array([each.values for each in found.each(400)])
    assert drawn[:, 1] == pytest.approx(drawn[:, 0] / 10)
    assert (drawn[:, 0] == 2).mean() == pytest.approx(0.6, abs=0.07)
    assert not (drawn[:, 0] == 4).any()
    assert read_estimates(f"{path}:omega_K_12", select("clinical", (), None)).names == ("omega_K_12",)
    with pytest.raises(InputError, match="name the model"):
        read_estimates(path)


def test_the_published_errors_are_drawn_around_the_values_of_the_chosen_model():
    waning = select("clinical", (), None)
    found = read_estimates("parameters.csv", waning)
    at = found.names.index("K_12")
    assert (found.values[at], found.units[at]) == (1.71, "1/day")
    drawn = found.some(["K_12"]).draws(4000).table["K_12"]
    assert np.log(drawn).std() == pytest.approx(np.sqrt(np.log1p(0.11**2)), rel=0.05)
    assert found.omegas()["K_exp_max"] == 0.22
    other = read_estimates("parameters.csv:KC50", select("in_vitro", (), "Daudi"))
    assert other.names == ("KC50",)


def test_draws_are_a_design_that_goes_with_any_other(result):
    drawn = read_estimates(result()).draws(3)
    found = run(plan("clinical", grid(dose=[1e8, 4e8]) * drawn, endpoints=["Cmax"]))
    assert found.sizes["run"] == 6
    assert found.design_K_kill_max.to_numpy()[:3] == pytest.approx(24 * drawn.table["K_kill_max"])


def test_the_band_of_a_simulation_holds_the_run_at_the_estimates(result):
    found = simulate("clinical", estimates=result(), uncertainty=40, times=[0, 14, 60])
    for name in ("transgene", "M_protein_change"):
        low, value, high = (found[f"{name}{end}"].to_numpy()[1:] for end in ("_low", "", "_high"))
        assert (low < value).all()
        assert (value < high).all()
    assert found.transgene_low.attrs["units"] == found.transgene.attrs["units"]
    assert "the middle 95 % of 40 draws of" in found.attrs["notes"]


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, np.inf, np.nan]), min_size=1, max_size=30))
def test_the_ends_of_draws_are_values_of_them_in_order(values):
    low, high = middle(np.array(values)[:, np.newaxis])[:, 0]
    known = [value for value in values if not np.isnan(value)]
    assert (low in known and high in known and low <= high) if known else np.isnan(low)


REFUSED = [
    ({}, "none.json", "none.json: no such file; run the fit first"),
    ({}, ":K_12", "no estimate in"),
    ({}, ":K_kill_max,K_exp_max,additive_M", "no parameter in clinical 'additive_M'"),
    (tables(names=("K_kill_max", "hill_kill")), "", ":K_kill_max,omega_K_kill_max takes what it has"),
    ({"covariance": {"parameter": ["a"], "a": [1.0]}}, "", "its covariance or bootstrap is not that of"),
    ({"estimates": [1, 2]}, "", "is no result of a fit"),
]


@pytest.mark.parametrize(("changes", "behind", "said"), REFUSED)
def test_a_source_that_does_not_fit_is_refused_in_one_line(result, changes, behind, said):
    source = behind if behind.endswith(".json") else result(**changes) + behind
    with pytest.raises(InputError, match=r"^[^\n]*$") as refused:
        estimates_for(source, select("clinical", (), None))
    assert said in str(refused.value)


def test_a_colon_in_a_path_is_no_list_of_names(result, tmp_path):
    found = tmp_path / "day 1:2" / "result.json"
    found.parent.mkdir()
    found.write_bytes(Path(result()).read_bytes())
    other = tmp_path / "result:K_12"
    other.write_bytes(found.read_bytes())
    for path in (found, other):
        every = estimates_for(str(path), select("clinical", (), None))
        assert (every.source, every.names) == (str(path), ("K_kill_max", "K_exp_max", "omega_K_kill_max"))
    one = estimates_for(f"{found}:K_exp_max", select("clinical", (), None))
    assert (one.source, one.names) == (str(found), ("K_exp_max",))


def test_draws_of_what_has_no_error_are_refused(result):
    content = {**tables(), "covariance": {}}
    found = read_estimates(result(**content))
    with pytest.raises(InputError, match="has no error of K_kill_max"):
        found.draws(10)
    with pytest.raises(InputError, match="from 1 to 100000 draws, not 0"):
        read_estimates(result()).draws(0)


def test_uncertainty_goes_with_estimates():
    with pytest.raises(InputError, match="uncertainty: goes with estimates"):
        simulate("clinical", uncertainty=3)

"""A user's own model: tolerances of its own scale, negative amounts, and what a tighter tolerance finds."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import lambertw

from harness.cli.main import run as cart
from harness.models.card import SolverSettings
from harness.simulation.accuracy import Accuracy
from harness.simulation.engine import Engine
from harness.simulation.made_designs import grid
from harness.simulation.plan import plan
from harness.simulation.programs import load_program
from harness.simulation.run import run
from harness.simulation.simulate import simulate

ELIMINATION = """model elimination()
  S = 1e-15; Vmax = 4e-16; Km = 2e-16
  S' = -Vmax*S/(Km + S)
  share := S/1e-15
end
"""
VANISHING = """model vanishing()
  species S; S = 1; k = 1; S -> ; k*S*piecewise(1, time < 50, -1)
end
"""


def left(time, start, vmax, km):
    """Michaelis-Menten elimination in closed form, with Lambert's W."""
    return float(km * lambertw(start / km * np.exp((start - vmax * time) / km)).real)


def test_amounts_in_mol_are_as_right_as_any(own):
    found = simulate(own(ELIMINATION), times=[0, 2, 4])
    assert found.attrs["status"] == "ok"
    assert found.attrs["notes"] == ""
    np.testing.assert_allclose(found.share, [1, 0.388891, 0.040633], atol=1e-6)


@settings(derandomize=True, deadline=None, max_examples=20)
@given(st.floats(-25, 25), st.floats(-1, 1))
def test_a_run_has_its_own_scale(tmp_path_factory, magnitude, ratio):
    """Far from the values in the file, whose scale the first tolerances have, a run is as right as there."""
    path = tmp_path_factory.getbasetemp() / "scaled.ant"
    path.write_text(ELIMINATION, encoding="utf-8")
    start, km = 10.0**magnitude, 10.0 ** (magnitude + ratio)
    found = simulate(
        str(path), times=[0, 1, 3], changes={"init_S": start, "Vmax": start, "Km": km}, observables=["S"]
    )
    assert found.attrs["status"] == "ok"
    np.testing.assert_allclose(found.S, [left(t, start, start, km) for t in (0, 1, 3)], rtol=1e-4)


def test_the_unit_of_a_model_changes_no_number(own):
    """The same reactions in mol and in cells: the same shares, to the tolerance."""
    text = "model m()\n species A, B; A = {0}; B = 0; A -> B; 2*{0}*A/({0}*1e-2 + A); B -> ; 3*B\nend\n"
    small, large = (simulate(own(text.format(size)), times=np.linspace(0, 3, 31)) for size in (1e-18, 1e12))
    for name in ("A", "B"):
        np.testing.assert_allclose(small[name] / 1e-18, large[name] / 1e12, rtol=1e-5, atol=1e-9)


def test_a_pool_that_vanishes_is_told_with_its_observable(own, capsys):
    path = own(VANISHING)
    program = load_program(path)
    assert len(program.doubts) == 1
    assert program.doubts[0].startswith("the numbers of this model are not sure: S at ")
    assert run(plan(path, grid(k=[0.1, 0.2]), endpoints=["last(S)"])).attrs["notes"] == program.doubts[0]
    assert cart(["scan", path, "--grid", "k=0.1,0.2", "--endpoint", "last(S)"]) == 0
    assert f"cart: {program.doubts[0]}" in capsys.readouterr().err.splitlines()


def test_a_pool_that_vanishes_is_right_as_a_logarithm_and_then_nothing_is_told(own):
    path = own(VANISHING.replace("species S", "substanceOnly species S"))
    own("solver: {logarithms: [S]}\n", "own.yaml")
    found = simulate(path, times=[0, 50, 100])
    assert found.attrs["notes"] == ""
    np.testing.assert_allclose(found.S, [1, np.exp(-50), 1], rtol=1e-4)


def test_a_model_is_tried_out_once(own, monkeypatch):
    path = own(ELIMINATION.replace("4e-16", "4.5e-16"))
    first = load_program(path)
    monkeypatch.setattr("harness.simulation.trial.Engine", None)
    assert load_program(path) == first


def test_an_amount_that_is_meant_to_be_negative_is_kept(own):
    path = own("model m()\n species S; S = 1; k = 0.3; S -> ; 0.1*S + k\nend\n")
    assert load_program(path).signed == ("S",)
    expected = 4 * np.exp(-0.1 * np.array([0, 10])) - 3
    found = simulate(path, times=[0, 10])
    np.testing.assert_allclose(found.S, expected, rtol=1e-5)
    assert found.attrs["reason"] == ""


def test_an_amount_that_is_negative_for_some_values_is_believed_when_a_tighter_run_agrees(own):
    path = own("model m()\n species S; S = 1; k = 0; S -> ; 0.1*S + k\nend\n")
    assert load_program(path).signed == ()
    found = simulate(path, times=[0, 10], changes={"k": 0.3})
    assert found.attrs["status"] == "ok"
    assert found.attrs["reason"].endswith("falls below 0 at a tighter tolerance, too: S")
    np.testing.assert_allclose(found.S, 4 * np.exp(-0.1 * np.array([0, 10])) - 3, rtol=1e-5)


STEADY = {
    "an amount": "substanceOnly species S; S -> ; k",
    "a concentration": "species S; S -> ; k",
    "a concentration in 2": "species S in C; C = 2; S -> ; k",
    "a rate rule": "S' = -k; species A; A = 1; A -> ; 0.1*A",
    "beside a decay": "substanceOnly species S, A; S -> ; k; A = 1; A -> ; 0.1*A",
}


@pytest.mark.parametrize("state", STEADY)
@pytest.mark.parametrize(("k", "changes"), [(1, {}), (0, {"k": 1})], ids=["of the file", "of other values"])
@settings(derandomize=True, deadline=None, max_examples=8)
@given(start=st.integers(1, 8), part=st.integers(1, 24))
def test_an_amount_that_passes_through_0_when_pools_are_looked_at_is_not_lost(
    tmp_path_factory, state, k, changes, start, part
):
    """A steady loss, S = start - time, of which 48 parts are looked at; 0 is reached at the end of one."""
    path = tmp_path_factory.getbasetemp() / "steady_loss.ant"
    path.write_text(f"model m()\n {STEADY[state]}; S = {start}; k = {k}\nend\n", encoding="utf-8")
    amount = start * (2 if "in C" in STEADY[state] else 1)
    end = 48 * amount / part
    found = simulate(str(path), times=[0, end], changes=changes)
    assert found.attrs["status"] == "ok"
    assert float(found.S[-1]) == pytest.approx(amount - end, rel=1e-5)


POLE = "model m()\n species S; S = 1; K = 1e-2; S -> ; S/(K + S)\nend\n"


def test_an_amount_that_is_negative_by_error_is_none(own):
    """Past the zero of a saturated loss lies its pole: a loose run steps over both, a tight one does not."""
    path = own(POLE)
    engine = Engine(load_program(path))
    ends = np.array([0.0, 100.0])
    loose = engine.integrate({"K": 1e-9}, None, ends, ["S"], engine.accuracy.with_signed(("S",)))
    assert loose.values[-1, 0] < -1
    found = simulate(path, times=ends, changes={"K": 1e-9})
    assert found.attrs["status"] == "ok"
    assert abs(float(found.S[-1])) < 1e-6


def test_runs_that_agree_about_an_amount_that_cannot_be_negative_are_not_believed(own):
    """Both runs step over a pole that near; the model takes nothing from nothing, so that it is no result."""
    path = own(POLE)
    failed = simulate(path, times=[0, 100], changes={"K": 1e-12})
    assert failed.attrs["status"] == "negative amount"


def test_what_a_model_takes_from_nothing_may_be_negative(own):
    species = "species A, B, C, D; A = 1; B = 1; C = 1; D = 1"
    reactions = "A -> B; 2*A - B; C -> ; 0.3; D -> ; D*C; at (time > 1): B = -1"
    engine = Engine(load_program(own(f"model m()\n {species}\n {reactions}\nend\n")))
    assert not engine.may_be_negative(["A"], {}, engine.accuracy.reach, 10.0)
    assert engine.may_be_negative(["C"], {}, engine.accuracy.reach, 10.0)
    assert not engine.may_be_negative(["D"], {}, engine.accuracy.reach, 10.0)
    assert engine.may_be_negative(["B"], {}, engine.accuracy.reach, 10.0)  # an event sets it


def test_two_runs_that_do_not_agree_about_a_negative_amount_decide_nothing():
    accuracy = Accuracy(SolverSettings(lowest_amount=None), 1e-7, {"S": 2.0, "P": 2.0}).with_signed(
        ("S", "P")
    )
    names, tight = ["x", "S", "P"], np.array([[-5, 2, 2], [-5, -1, 1e-9], [-5, -1.5, 0.0]])
    assert accuracy.meant_negative(names, tight, tight) == ("S",)
    assert accuracy.meant_negative(names, tight * (1 + 1e-4), tight) == ("S",)
    assert accuracy.meant_negative(names, tight * (1 + 1e-2), tight) is None


def test_what_a_card_says_of_tolerances_holds(own):
    path = own(ELIMINATION)
    own("solver: {absolute_tolerance: {S: 1.0e-12}}\n", "own.yaml")
    loose = simulate(path, times=[0, 4])
    assert abs(float(loose.share[-1]) - 0.040633) > 0.1  # far too loose for 1e-15, as it was asked for


COURSE = "piecewise(1, time < 10, -1, time < 20, 0)"
FALLS = f"""model m()
  compartment C = 1; substanceOnly species S in C; S = 1; a = 5
  S -> ; a/10*S*{COURSE}
end
"""
FALLS_BY_RULE = f"model m()\n S = 1; a = 5; S' = -a/10*S*{COURSE}\nend\n"


def test_a_run_whose_pool_vanishes_is_right_though_that_of_the_file_stays(own):
    """The pool falls to exp(-a), below all tolerances, and is 1 in the end."""
    design = grid(a=[5, 10, 15, 20, 25, 30, 34, 36, 40, 50, 100, 600])
    found = run(plan(own(FALLS), design, at=[10, 20], until=20))
    np.testing.assert_allclose(found.S_20, 1, rtol=1e-3)
    assert "S all but vanished: solved as a logarithm" in str(found.reason[-1].item())


def test_a_vanishing_pool_that_cannot_be_a_logarithm_is_told(own):
    found = run(plan(own(FALLS_BY_RULE), grid(a=[5, 10, 20, 30, 36, 40, 600]), at=[10, 20], until=20))
    right, told = np.abs(found.S_20 - 1) < 1e-3, found.status == "not accurate"
    assert (right.to_numpy() | told.to_numpy()).all()
    assert right[:3].all()
    assert told[-2:].all()
    said = "S all but vanished, and the rate of S says growth where no tolerance sees it"
    assert said in {str(reason) for reason in found.reason[-2:].values}


def test_a_pool_that_begins_empty_has_right_first_steps(own):
    """For round numbers the first Jacobian of CVODE may be rounding: 10 of 384 were off, by up to 11 %."""
    text = "model m()\n species S, P; S = 10; P = 0; k = 0.3; d = 0.1; S -> P; k*S; P -> ; d*P\nend\n"
    engine = Engine(load_program(own(text)))
    rates = product((0.1, 0.2, 0.3, 0.5, 0.7, 1.1), (0.15, 0.4, 0.6, 0.9))
    for (k, d), start, step in product(rates, (1, 2, 5, 10), (0.1, 0.25, 0.5, 1)):
        times = step * np.arange(4.0)
        # As for a pool that reaches half of what the other one starts from, whatever the start is here.
        accuracy = engine.accuracy.after({"S": start, "P": start / 2})
        found = engine.integrate({"k": k, "d": d, "init_S": start}, None, times, ["P"], accuracy).values[:, 0]
        expected = start * k / (d - k) * (np.exp(-k * times) - np.exp(-d * times))
        np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "times", [[0, 1e-6, 1], [0, 1e-11, 1], [0, 1e-7, 1e-6, 1], [0, 1.5e-7, 1], [0, 1e-7], [0, 1]]
)
def test_early_times_come_out_where_they_belong(own, times):
    path = own("model m()\n species S, P; S = 10; P = 0; S -> P; 0.3*S\nend\n")
    found = simulate(path, times=times)
    np.testing.assert_allclose(found.P, -10 * np.expm1(-0.3 * np.array(times)), rtol=1e-5, atol=1e-13)

"""Random effects of every kind: their spread, what they make of a parameter, their marginal likelihood."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import logsumexp

from harness.fitting.effects import EffectPlace, Pair, correlations, factor, moved
from harness.fitting.objective import Objective
from harness.fitting.sizes import Size

FEW = {
    "arms": {
        f"{line}_{ratio}": {"condition": line, "group": line, "changes": {"ET_ratio": ratio}}
        for line in ("Daudi", "JeKo")
        for ratio in ("0.3", "4")
    },
    "condition": None,
    "synthetic": {"times": "1,2,4", "seed": 5, "reason": "a test."},
    "observables": {"viability": {"model": "additive", "additive": "10 percent"}},
    "parameters": {"K_kill_max": {"low": "0.02", "high": "5", "start": "0.4"}},
}
KILL = {"omega": {"start": "0.3"}}
KINDS = {
    "log-normal": {"effects": {"K_kill_max": KILL}},
    "normal": {"effects": {"K_kill_max": {"omega": {"start": "0.1 1/hour"}, "distribution": "normal"}}},
    "logit": {
        "effects": {"K_kill_max": {**KILL, "distribution": "logit", "low": "0 1/hour", "high": "2 1/hour"}}
    },
    "of a fixed parameter": {"effects": {"KC50": {"omega": {"start": "0.2"}}}},
    "on a linear scale": {
        "parameters": {"K_kill_max": {"low": "0", "high": "5", "start": "0.4", "scale": "linear"}},
        "effects": {"K_kill_max": {"omega": {"start": "0.1 1/hour"}, "distribution": "normal"}},
    },
    "correlated": {
        "effects": {"K_kill_max": KILL, "KC50": {"omega": {"start": "0.2"}}},
        "correlated": [["KC50", "K_kill_max"]],
    },
}


@st.composite
def blocks(draw):
    """Effects, pairs of one block, and natural values of their coordinates: omegas, then correlations."""
    count = draw(st.integers(2, 4))
    pairs = [(i, j) for j in range(count) for i in range(j)]
    partial = draw(st.lists(st.floats(-0.99, 0.99), min_size=len(pairs), max_size=len(pairs)))
    omegas = draw(st.lists(st.floats(0.01, 3), min_size=count, max_size=count))
    effects = [EffectPlace(str(k), k, Size(place=k)) for k in range(count)]
    made = [Pair(i, j, Size(place=count + k)) for k, (i, j) in enumerate(pairs)]
    return effects, made, np.array([*omegas, *partial])


@settings(derandomize=True, deadline=None, max_examples=60)
@given(blocks())
def test_any_coordinates_give_a_covariance_with_the_omegas_and_the_first_correlation(block):
    effects, pairs, natural = block
    root = factor(effects, pairs, natural)
    assert np.allclose(root, np.tril(root))
    assert np.sqrt(np.diag(root @ root.T)) == pytest.approx(natural[: len(effects)], rel=1e-9)
    assert np.linalg.eigvalsh(correlations(root)).min() > 0
    assert correlations(root)[0, 1] == pytest.approx(natural[len(effects)], abs=1e-9)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.floats(0.01, 0.99), st.floats(-30, 30), st.booleans(), st.sampled_from(["log-normal", "logit"]))
def test_what_is_moved_stays_where_it_can_be_and_moves_with_its_effect(share, b, log, kind):
    effect = EffectPlace("a", 0, Size(1.0), kind, 2.0, 5.0)
    natural = 2 + 3 * share
    value = np.array([np.log(natural) if log else natural])
    steps = [moved(effect, log, value, np.array([shift])) for shift in (0.0, b)]
    zero, found = (float(np.exp(each[0]) if log else each[0]) for each in steps)
    assert zero == pytest.approx(natural, rel=1e-9)
    assert (found >= zero) == (b >= 0) or found == pytest.approx(zero)
    assert 2 <= found <= 5 if kind == "logit" else found > 0


def marginal(made, x: np.ndarray) -> float:
    """Minus twice the log-likelihood by summation over the one effect of each group."""
    objective, grid = Objective(made), np.linspace(-5, 5, 41)
    total = 0.0
    for group in range(len(made.groups)):
        arms = made.members(group)
        seen, found = made.joined(arms), []
        for u in grid:
            effects = np.zeros((len(made.groups), 1))
            effects[group] = u
            apart = stats.norm.logpdf(seen.value, objective.predict(arms, x, effects), 10.0).sum()
            found.append(apart + stats.norm.logpdf(u))
        total -= 2 * (logsumexp(found) + np.log(grid[1] - grid[0]))
    return total


@pytest.mark.parametrize("kind", [name for name in KINDS if name != "correlated"])
def test_a_marginal_likelihood_is_that_of_quadrature_where_effects_are_small(prepared, kind):
    """Predictions are then nearly linear in them, and Laplace's approximation nearly exact."""
    made = prepared(**{**FEW, **KINDS[kind]})
    x = made.start
    x[made.places("omega")] -= np.log(20)
    assert Objective(made).value(x) == pytest.approx(marginal(made, x), abs=0.005)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_are_differences_of_the_marginal_likelihood(prepared, kind):
    made = prepared(**{**FEW, **KINDS[kind]})
    x = made.start + np.where(np.isin(np.arange(made.start.size), made.places("correlation")), 0.3, 0.0)
    found = 2 * Objective(made).jacobian(x, np.arange(x.size)).T @ Objective(made).rows(x)
    for i, slope in enumerate(found):
        shift = 0.02 * made.coordinates[i].size(x[i]) * np.eye(x.size)[i]
        if made.coordinates[i].kind == "correlation":
            shift *= 5
        sides = [Objective(made).penalised(x + sign * shift) for sign in (1, -1)]
        assert slope * shift[i] == pytest.approx((sides[0] - sides[1]) / 2, rel=0.02, abs=2e-3)


def test_effects_of_a_fit_spread_as_its_coordinates_say(prepared):
    made = prepared(**{**FEW, **KINDS["correlated"]})
    x = made.start
    x[-1] = 0.8
    root = made.factor(x)
    assert made.names[-1] == "correlation_KC50_K_kill_max"
    assert correlations(root)[0, 1] == pytest.approx(0.8)
    omegas = {"K_kill_max": 0.3, "KC50": 0.2}
    assert np.sqrt((root**2).sum(axis=1)) == pytest.approx([omegas[e.name] for e in made.effects])


def test_no_number_depends_on_the_number_of_threads(prepared):
    made = replace(prepared(**{**FEW, **KINDS["correlated"]}), engine="kernel")
    one, two = (Objective(made, threads=count) for count in (1, 2))
    every = np.arange(made.start.size)
    assert one.rows(made.start).tolist() == two.rows(made.start).tolist()
    assert one.jacobian(made.start, every).tolist() == two.jacobian(made.start, every).tolist()
    assert one.runs == two.runs

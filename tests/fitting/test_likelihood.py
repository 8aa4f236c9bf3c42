from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.fitting.objective import Objective


def likelihood(prepared) -> float:
    """Minus twice the log-likelihood at the start, written out with scipy's densities."""
    x, objective = prepared.start, Objective(prepared)
    total = 0.0
    for i, arm in enumerate(prepared.arms):
        f, y = objective.predict((i,), x, objective.effects(x)), arm.value
        error = prepared.errors[0]
        natural = prepared.natural(x)
        a, b = error.additive.at(natural), error.relative.at(natural)
        if error.logarithmic:
            density, below = stats.lognorm(b, scale=f).logpdf(y), stats.lognorm(b, scale=f).logcdf(arm.limit)
        else:
            normal = stats.norm(f, np.hypot(a, b * f))
            density, below = normal.logpdf(y), normal.logcdf(arm.limit)
        total -= 2 * np.where(arm.censored, below, density).sum()
    return total


@pytest.mark.parametrize(
    "error",
    [
        {"model": "additive", "additive": {"start": "4 percent"}, "lloq": "45 percent"},
        {"model": "additive", "additive": "3 percent"},
        {"model": "proportional", "relative": {"start": "0.1"}, "lloq": "45 percent"},
        {"model": "combined", "additive": {"start": "2 percent"}, "relative": "0.1", "lloq": "45 percent"},
        {"model": "log", "relative": {"start": "0.1"}, "lloq": "45 percent"},
    ],
)
def test_the_objective_is_minus_twice_the_log_likelihood(prepared, error):
    made = prepared(observables={"viability": error})
    assert any(arm.censored.any() for arm in made.arms) == ("lloq" in error)
    assert Objective(made).value(made.start) == pytest.approx(likelihood(made), rel=1e-9)


def test_a_prior_is_in_what_is_minimised_and_not_in_the_likelihood(prepared):
    parameters = {"K_kill_max": {"low": "0.1", "high": "5", "prior": {"mean": "0.5", "sd": 0.2}}}
    made = prepared(parameters=parameters)
    objective = Objective(made)
    expected = (np.log(0.353 / 0.5) / 0.2) ** 2
    assert objective.penalised(made.start) - objective.value(made.start) == pytest.approx(expected, rel=1e-6)


def test_the_marginal_likelihood_of_one_effect_agrees_with_quadrature(prepared):
    arms = {
        f"{line}_{ratio}": {"condition": line, "group": line, "changes": {"ET_ratio": str(ratio)}}
        for line in ("Daudi", "JeKo")
        for ratio in (2, 8)
    }
    made = prepared(arms=arms, condition=None, effects={"K_kill_max": {"omega": {"start": "0.5"}}})
    objective, x = Objective(made), made.start
    nodes, width = np.linspace(-4, 4, 321, retstep=True)
    weights = stats.norm.pdf(nodes) * width
    total = 0.0
    for group in range(2):
        parts = []
        for u in nodes:
            effects = np.zeros((2, 1))
            effects[group] = u
            squares = sum(
                (np.log(arm.value / objective.predict((i,), x, effects)) ** 2).sum()
                for i, arm in enumerate(made.arms)
                if arm.group == group
            )
            parts.append(-squares / (2 * 0.05**2))
        count = sum(arm.value.size for arm in made.arms if arm.group == group)
        values = np.concatenate([arm.value for arm in made.arms if arm.group == group])
        top = max(parts)
        integral = np.log((weights * np.exp(np.array(parts) - top)).sum()) + top
        total -= 2 * (integral - count * np.log(0.05 * np.sqrt(2 * np.pi)) - np.log(values).sum())
    assert objective.value(x) == pytest.approx(total, abs=0.2)

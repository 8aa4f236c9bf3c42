from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.fitting.likelihood import Model, residuals
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


ERRORS = {
    "additive": ({"model": "additive", "additive": "4 percent"}, lambda f: stats.norm(f, 4)),
    "combined": (
        {"model": "combined", "additive": "2 percent", "relative": "0.1"},
        lambda f: stats.norm(f, np.hypot(2, 0.1 * f)),
    ),
    "log": ({"model": "log", "relative": "0.1"}, lambda f: stats.lognorm(0.1, scale=f)),
    "of its row": ({"model": "reading_error"}, lambda f: stats.norm(f, [4, 3, 5, 2, 4, 3])),
}
CENSORED_ROWS = [
    "viability,well,1,hour,60,percent,4,,",
    "viability,well,2,hour,45,percent,3,left,",
    "viability,well,2.5,hour,55,percent,5,right,",
    "viability,well,3,hour,20,percent,2,interval,60",
    "viability,well,3.5,hour,50,percent,4,left,30",
    "viability,well,4,hour,10,percent,3,right,70",
]


def censored_fit(prepared, tmp_path, error, rows=CENSORED_ROWS):
    head = "observable,arm,time,time_unit,value,unit,reading_error,censored,limit"
    (tmp_path / "data.csv").write_text("\n".join([head, *rows]) + "\n")
    fields = {"observations": "data.csv", "synthetic": None, "arms": {"well": {"changes": {"ET_ratio": "3"}}}}
    return prepared(**fields, observables={"viability": error})


@pytest.mark.parametrize("name", ERRORS)
def test_each_way_of_censoring_is_the_probability_of_what_is_known(prepared, tmp_path, name):
    error, distribution = ERRORS[name]
    made = censored_fit(prepared, tmp_path, error)
    objective = Objective(made)
    y = distribution(objective.predict((0,), made.start, objective.effects(made.start)))
    lower, upper = [0, 0, 0, 20, 30, 10], [0, 0, 0, 60, 50, 70]
    upper_tail = y.sf(lower) < 0.5  # in which differences of the other cancel
    within = np.where(upper_tail, y.sf(lower) - y.sf(upper), y.cdf(upper) - y.cdf(lower))
    expected = [y.logpdf([60] * 6)[0], y.logcdf([45] * 6)[1], y.logsf([55] * 6)[2], *np.log(within[3:])]
    assert made.rows == {"used": 6, "censored": 5, "left_out": 0}
    assert objective.value(made.start) == pytest.approx(-2 * sum(expected), rel=1e-9)


@pytest.mark.parametrize("name", ERRORS)
def test_a_narrow_interval_is_an_observation_in_all_but_its_width(prepared, tmp_path, name):
    """Its likelihood is the density times the width, and it tells as much of the parameters."""
    width = 1e-4
    rows = ["viability,well,1,hour,60,percent,4,,", "viability,well,4,hour,20,percent,4,,"]
    narrow = [
        f"viability,well,{t},hour,{y - width / 2},percent,4,interval,{y + width / 2}"
        for t, y in ((1, 60), (4, 20))
    ]
    error = ERRORS[name][0] if name != "of its row" else {"model": "reading_error"}
    seen, between = (Objective(censored_fit(prepared, tmp_path, error, which)) for which in (rows, narrow))
    x, free = seen.prepared.start, np.arange(2)
    assert between.value(x) == pytest.approx(seen.value(x) - 2 * 2 * np.log(width), abs=1e-5)
    jacobians = [each.jacobian(x, free) for each in (seen, between)]
    first, second = (j.T @ j for j in jacobians)
    np.testing.assert_allclose(first, second, rtol=1e-4)


def test_residuals_are_finite_however_far_a_prediction_is(prepared, tmp_path):
    made = censored_fit(prepared, tmp_path, ERRORS["additive"][0])
    arm = made.arms[0]
    for far in (-1e6, -1e3, 0.0, 1e3, 1e6):
        rows = residuals(arm, Model.of(made, arm, made.natural(made.start)), np.full(6, far))
        assert np.isfinite(rows).all()

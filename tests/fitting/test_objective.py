from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.fitting import simulations as module
from harness.fitting.objective import Objective
from harness.fitting.study import Fit
from harness.simulation.regimen import Dose, Regimen


def reference(prepared, x: np.ndarray, i: int) -> float:
    """Derivative of the objective at a tolerance of 1e-12, by Richardson extrapolation."""

    def central(step: float) -> float:
        shift = np.eye(x.size)[i] * step
        return (Objective(prepared).penalised(x + shift) - Objective(prepared).penalised(x - shift)) / (
            2 * step
        )

    return (4 * central(2e-3) - central(4e-3)) / 3


@pytest.mark.parametrize("name", ["fig2b/constant_volume", "fig2b/moving_volume"])
def test_gradients_agree_with_an_accurate_reference(name, monkeypatch):
    prepared = Fit(problem=name, engine="roadrunner").prepared
    x = prepared.start + 0.05 * np.sin(np.arange(prepared.start.size))
    every = np.arange(x.size)
    objective = Objective(prepared)
    found = 2 * objective.jacobian(x, every).T @ objective.rows(x)
    monkeypatch.setattr(module, "TOLERANCE", 1e-12)
    expected = np.array([reference(prepared, x, i) for i in every])
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=2e-3 * np.abs(expected).max())


def test_gradients_of_a_marginal_likelihood_agree_with_its_differences():
    prepared = Fit(problem="fig2a/synthetic", engine="roadrunner").prepared
    arms = tuple(arm for arm in prepared.arms if arm.group < 3)
    prepared = replace(prepared, arms=arms, groups=prepared.groups[:3])
    x = prepared.start + 0.1 * np.sin(np.arange(prepared.start.size))
    objective = Objective(prepared)
    found = 2 * objective.jacobian(x, np.arange(x.size)).T @ objective.rows(x)
    for i, slope in enumerate(found):
        shift = 0.02 * np.eye(x.size)[i]
        sides = [Objective(prepared).penalised(x + sign * shift) for sign in (1, -1)]
        assert slope == pytest.approx((sides[0] - sides[1]) / 0.04, rel=5e-3, abs=0.02)


def test_killing_of_low_hill_is_integrated_from_the_first_complex_on(monkeypatch):
    """At hill_kill 0.35 the rate of killing rises without bound in the first moment."""
    prepared = Fit(problem="fig2a/synthetic", engine="roadrunner").prepared
    point = {"K_kill_max": 3.7, "KC50": 4.29, "hill_kill": 0.353}
    x = np.array([np.log(point.get(c.name, c.start)) for c in prepared.coordinates])

    def predictions() -> np.ndarray:
        objective, none = Objective(prepared), np.zeros((len(prepared.groups), 1))
        return np.concatenate([objective.predict((i,), x, none) for i in range(len(prepared.arms))])

    found = predictions()
    monkeypatch.setattr(module, "TOLERANCE", 1e-12)
    np.testing.assert_allclose(found, predictions(), rtol=1e-4)


def test_a_run_that_fails_gives_large_finite_residuals_and_is_counted():
    prepared = Fit(problem="fig2b/moving_volume", engine="roadrunner").prepared
    arms = (
        replace(prepared.arms[0], fixed={"K_off": -1e30}, regimen=Regimen((Dose(0.0, 5e6),))),
        prepared.arms[1],
    )
    objective = Objective(replace(prepared, arms=arms))
    rows = objective.rows(prepared.start)
    assert objective.failed == 1
    assert np.isfinite(rows).all()
    assert (rows[: arms[0].value.size] == 1e3).all()

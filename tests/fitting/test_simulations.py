"""Simulations near a point: derivatives on the steps of one run are those of the model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.fitting.objective import Objective
from harness.fitting.prepare import prepare
from harness.fitting.problem import find_problem, read_problem
from harness.fitting.simulations import Near, Simulations
from harness.simulation.engines import engine_of


@pytest.fixture(scope="module")
def prepared():
    path = find_problem("fig3/synthetic")
    return replace(prepare(read_problem(path), path.parent), engine="kernel")


def exact(prepared, arm, point):
    """Observables at a tolerance of 2e-12."""
    simulations, data = Simulations(prepared), prepared.arms[arm]
    run = ({**data.fixed, **simulations._settings(arm, point)}, data.regimen)
    engine = engine_of(data.program, "kernel", 4e-14)
    return engine.run_many([run], [data.times], data.observables)[0].at(data.times)


def central(function, point, place, step):
    moved = np.where(np.arange(point.size) == place, step, 0.0)
    return (function(point + moved) - function(point - moved)) / (2 * step)


@pytest.fixture(scope="module")
def expansion(prepared):
    objective = Objective(prepared)
    point = objective.point(1, prepared.start + 0.1, np.full((4, 2), 0.3))
    by = tuple(range(point.size))
    return point, Simulations(prepared).expansion(1, prepared.arms[1].times, point, by, (0, 1))


def test_derivatives_of_observables_are_those_of_an_accurate_reference(prepared, expansion):
    point, found = expansion
    slopes = found.slopes.reshape(point.size, *found.values.shape)
    errors = []
    for place in range(point.size):
        truth = central(lambda p: exact(prepared, 1, p), point, place, 1e-3)
        size = np.maximum(np.abs(truth), 1e-2 * np.abs(found.values))
        errors.append(np.abs(slopes[place] - truth) / size)
        assert errors[-1].max() < 0.02
    assert np.median(errors) < 1e-3


def test_second_derivatives_are_those_of_an_accurate_reference(prepared, expansion):
    point, found = expansion
    curvature = found.curvature.reshape(point.size, point.size, *found.values.shape)
    errors = []
    for a, b in ((0, 0), (1, 0), (2, 1), (4, 0)):
        truth = central(lambda p, b=b: central(lambda q: exact(prepared, 1, q), p, b, 3e-3), point, a, 3e-3)
        size = np.maximum(np.abs(truth), 1e-1 * np.abs(found.values))
        errors.append(np.abs(2 * curvature[a, b] - truth) / size)
        assert (curvature[a, b] == curvature[b, a]).all()
    assert np.median(errors) < 5e-3
    assert np.max(errors) < 0.05


def test_near_a_point_simulations_are_those_of_runs_and_cost_none(prepared):
    objective, nothing = Objective(prepared), np.zeros((4, 2))
    near = objective.near(prepared.start, nothing, twice=True)
    assert isinstance(near.simulations, Near)
    assert near.near(prepared.start, nothing) is near
    made, every = objective.runs, tuple(range(len(prepared.arms)))
    moved = prepared.start + np.where(np.arange(prepared.start.size) < 2, 1e-2, 0.0)
    found = near.predict(every, moved, nothing)
    assert objective.runs == made
    assert found == pytest.approx(objective.predict(every, moved, nothing), rel=1e-3, abs=1e-3)
    assert found != pytest.approx(objective.predict(every, prepared.start, nothing), rel=1e-3, abs=1e-3)


def test_derivatives_of_a_fit_cost_a_run_for_each_parameter_and_one(prepared):
    plain = replace(prepared, effects=())
    objective, x = Objective(plain), plain.start
    objective.rows(x)
    made = objective.runs
    objective.jacobian(x, np.arange(x.size))
    assert objective.runs - made == len(plain.arms) * (1 + plain.places("parameter").size)


def test_derivatives_through_predictions_are_those_of_the_rows(prepared):
    plain = replace(prepared, effects=())
    objective, nothing, every = Objective(plain), np.zeros((4, 0)), np.arange(plain.start.size)
    near = objective.near(plain.start, nothing)
    truth = near.differences(lambda at: near._rows_at(at, nothing), plain.start, every)
    size = np.abs(truth).max(axis=0)
    assert (np.abs(objective.jacobian(plain.start, every) - truth) <= 1e-5 * size).all()


def test_derivatives_by_sizes_of_errors_alone_cost_no_run(prepared):
    plain = replace(prepared, effects=())
    objective, sizes = Objective(plain), plain.places("error")
    whole = objective.jacobian(plain.start, np.arange(plain.start.size))
    made = objective.runs
    found = objective.jacobian(plain.start, sizes)
    assert objective.runs - made <= len(plain.arms)
    assert found == pytest.approx(whole[:, sizes], rel=1e-9, abs=1e-9)


def test_gradients_of_a_marginal_likelihood_are_its_differences(prepared):
    arms = tuple(arm for arm in prepared.arms if arm.group < 2)
    made = replace(prepared, arms=arms, groups=prepared.groups[:2])
    x = made.start + 0.05 * np.sin(np.arange(made.start.size))
    objective = Objective(made)
    found = 2 * objective.jacobian(x, np.arange(x.size)).T @ objective.rows(x)
    truth = [central(Objective(made).penalised, x, place, 5e-3) for place in range(x.size)]
    assert found == pytest.approx(np.array(truth), rel=5e-3, abs=2e-2)


def test_where_the_engine_has_no_derivatives_runs_are_made(prepared):
    for made in (
        replace(prepared, engine="roadrunner"),
        replace(prepared, arms=tuple(replace(arm, fixed={"V_b": 0.0}) for arm in prepared.arms)),
    ):
        objective = Objective(made)
        assert objective.near(made.start, np.zeros((4, 2))) is objective
        assert objective.step > Near.step

"""Minimisation from one start: on bounds, and as near as is asked for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.fitting.objective import Objective
from harness.fitting.optimise import minimise


@pytest.fixture
def bounded(prepared):
    """A fit whose `K_kill_max` ends on its upper bound: the data have 0.353 of it."""
    made = prepared()
    return replace(
        made,
        coordinates=tuple(
            replace(c, high=0.25, start=0.2) if c.name == "K_kill_max" else c for c in made.coordinates
        ),
    )


def test_what_begins_on_a_bound_that_holds_it_ends_there_as_by_any_way(bounded):
    every, place = np.arange(bounded.start.size), bounded.names.index("K_kill_max")
    inside = minimise(Objective(bounded), bounded.start, every, "least_squares")
    again = inside.x.copy()
    again[place] = bounded.bounds[1][place]
    again[bounded.names.index("KC50")] += 0.3
    objective = Objective(bounded)
    found = minimise(objective, again, every, "least_squares")
    assert found.converged
    assert found.x[place] == bounded.bounds[1][place]
    assert found.value == pytest.approx(inside.value, abs=1e-3)
    assert found.x == pytest.approx(inside.x, abs=1e-3)


def test_what_begins_on_a_bound_that_the_objective_rises_to_leaves_it(prepared):
    made = prepared()
    every, place = np.arange(made.start.size), made.names.index("K_kill_max")
    best = minimise(Objective(made), made.start, every, "least_squares")
    for bound in made.bounds:
        start = made.start
        start[place] = bound[place]
        found = minimise(Objective(made), start, every, "least_squares")
        assert found.value == pytest.approx(best.value, abs=1e-3)


def test_a_minimum_is_as_near_as_is_asked_for(prepared):
    made = prepared()
    every, values, runs = np.arange(made.start.size), [], []
    for enough in (0.0, 0.5):
        objective = Objective(made)
        values.append(minimise(objective, made.start, every, "least_squares", enough=enough).value)
        runs.append(objective.runs)
    assert 0 <= values[1] - values[0] < 0.5
    assert runs[1] < runs[0]

"""Endpoints of many runs at once are those of each run alone, and what two of them ask for is found once."""

from types import SimpleNamespace

import numpy as np
import pytest

from harness.analysis import response
from harness.simulation import read_off
from harness.simulation.chunks import run_rows
from harness.simulation.made_designs import grid, random_effects
from harness.simulation.plan import plan
from harness.simulation.read_off import read_endpoints

PATIENTS = random_effects({"K_12": 1.71, "K_exp_max": 1.73}, {"K_12": 0.5, "K_exp_max": 0.3}, 6, seed=5)


@pytest.fixture(scope="module")
def runs():
    """A study, its rows and their trajectories."""
    planned = plan("clinical", PATIENTS * grid(dose=[0.0, 5e7]), until=400)
    chunk = next(planned.chunks())
    return planned.study, chunk, run_rows(planned.study, chunk)


@pytest.mark.parametrize("together", [1, 5])
def test_endpoints_do_not_depend_on_what_is_read_beside(runs, together, monkeypatch):
    study, chunk, trajectories = runs
    found, _ = read_endpoints(study, chunk, trajectories, run_rows)
    monkeypatch.setattr(read_off, "TOGETHER", together)
    apart, _ = read_endpoints(study, chunk, trajectories, run_rows)
    assert len(found) == len(study.endpoints)
    for name, values in found.items():
        np.testing.assert_array_equal(values, apart[name])


def test_progression_is_looked_for_once_for_all_endpoints(runs, monkeypatch):
    study, chunk, trajectories = runs
    honest, asked = response.first_reached, []

    def counted(*given):
        asked.append(given)
        return honest(*given)

    monkeypatch.setattr(response, "first_reached", counted)
    response._progression.cache_clear()
    assert {"best_response", "PFS"} <= {call.name for call in study.endpoints}
    read_endpoints(study, chunk, trajectories, run_rows)
    assert len(asked) == 2  # runs with a dose are read apart from those without


def test_what_is_kept_of_progression_is_nobodys_to_change():
    time, value = np.array([0.0, 10, 20]), np.array([0.0, -60, 40])
    first = response.progression_time(time, value)
    wanted = float(first)
    first += 1
    assert response.progression_time(time, value) == wanted
    assert response.progression_time(time, value, "baseline_25") != wanted


def test_a_change_is_nothing_beside_the_observable_that_it_is_of():
    """A small value that doubles has moved, however large what is read out beside."""
    calls = [SimpleNamespace(name=name, observable="x", of_values=True) for name in ("one", "other")]
    study = SimpleNamespace(endpoints=calls, observables=("y", "x"), moving=("one",))
    run = SimpleNamespace(values=np.array([[1e12, 1.0], [0.0, 0.5]]))
    before, after = ({"one": np.array([value])} for value in (1e-3, 2e-3))
    assert read_off._moves(study, before, after, [run]).tolist() == [[True]]
    assert read_off._moves(study, before, before, [run]).tolist() == [[False]]
    nothing = {"one": np.array([1e-3 * read_off.NOTHING])}
    assert read_off._moves(study, {"one": np.array([0.0])}, nothing, [run]).tolist() == [[False]]

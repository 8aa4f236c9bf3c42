"""libRoadRunner without the Python around it."""

from __future__ import annotations

import numpy as np
import pytest
import roadrunner

from harness.models.catalog import load_card
from harness.models.loading import load, simulate


def test_rows_are_those_of_its_own_simulate():
    sbml = load_card("clinical").sbml_path().read_text(encoding="utf-8")
    times = [0.0, 0.1, 2.0, 30.0]
    rows = []
    for run in (simulate, lambda engine, times: engine.simulate(times=times)):
        engine = load(sbml)
        engine.selections = ["time", "transgene", "Tumor"]
        first, then = run(engine, times), run(engine, [30.0, 31.0])  # which goes on
        rows.append(np.concatenate([first, then]))
    np.testing.assert_array_equal(*rows)


def test_an_integration_that_fails_raises():
    engine = roadrunner.RoadRunner(load_card("clinical").sbml_path().read_text(encoding="utf-8"))
    engine.integrator.maximum_num_steps = 3
    with pytest.raises(RuntimeError):
        simulate(engine, [0.0, 100.0])

"""Curves of a fit: they are drawn to a dose, and on from it."""

import numpy as np

from harness.fitting.objective import Objective
from harness.fitting.predictions import prediction_table

TWICE = {
    "model": "clinical",
    "condition": None,
    "synthetic": {"times": "7,28,60", "seed": 3, "reason": "a test."},
    "arms": {"twice": {"doses": ["150e6", "50e6@20"]}},
    "observables": {"transgene": {"model": "log", "relative": {"start": "0.05"}}},
    "parameters": {"K_exp_max": {"low": "1 1/day", "high": "3 1/day", "start": "1.73 1/day"}},
}


class Sure:
    """Uncertainty of nothing."""

    def reach(self, slope):
        return np.zeros(len(slope))


def test_a_curve_of_a_fit_jumps_at_a_dose(prepared):
    objective = Objective(prepared(**TWICE))
    table = prediction_table(objective, objective.prepared.start, Sure())
    here = table[(table["time"] > 19.99) & (table["time"] <= 20)]
    assert len(here) == 2
    before, after = here["predicted"]
    np.testing.assert_allclose(after - before, 0.002 * 50e6 / 5, rtol=1e-6)

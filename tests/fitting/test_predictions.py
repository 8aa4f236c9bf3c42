"""Curves of a fit: they are drawn to a dose, and on from it."""

import numpy as np

from harness.fitting.information import Uncertainty
from harness.fitting.objective import Objective
from harness.fitting.predictions import prediction_table, residual_table

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


def known(covariance):
    """What is known of coordinates with a covariance, none of them the size of an error."""
    count = len(covariance)
    return Uncertainty(
        error=np.sqrt(np.diag(covariance)), covariance=covariance, restricted=np.ones(count),
        sizes=np.array([], int), spent=np.array([], bool), by_sizes=np.zeros((0, count, count)),
        inflation=np.ones(count),
    )  # fmt: skip


def test_a_band_is_as_wide_as_95_percent_of_draws_of_the_parameters(prepared):
    """The transgene is in proportion to its copies a cell: ln of the curve has the error of ln TransC."""
    problem = prepared(**TWICE | {"parameters": {"TransC": {"low": "1e-4", "high": "0.1", "start": "0.002"}}})
    covariance = np.diag([0.3**2, 0.0])  # of ln TransC, and nothing of the size of the error
    table = prediction_table(Objective(problem), problem.start, known(covariance))
    inside = table[table["predicted"] > 0]
    width = np.exp(1.959964 * 0.3)
    np.testing.assert_allclose(inside["high"] / inside["predicted"], width, rtol=1e-4)
    np.testing.assert_allclose(inside["predicted"] / inside["low"], width, rtol=1e-4)


def test_a_residual_is_in_standard_deviations_of_the_error(prepared):
    problem = prepared(**TWICE)
    table = residual_table(Objective(problem), problem.start)
    np.testing.assert_allclose(
        np.abs(table["residual"]), np.abs(np.log(table["observed"] / table["predicted"])) / 0.05, rtol=1e-6
    )
    assert table["time"].tolist() == [7, 28, 60]

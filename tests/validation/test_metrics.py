import numpy as np
import pytest

from harness.validation.metrics import largest_fold, log_rmse, rmse


def test_rmse_is_the_root_of_the_mean_square():
    assert rmse(np.array([1.0, 5.0]), np.array([4.0, 1.0])) == pytest.approx(np.sqrt(12.5))


def test_log_rmse_and_fold_are_of_ratios():
    predicted, observed = np.array([2.0, 8.0]), np.array([4.0, 4.0])
    assert log_rmse(predicted, observed) == pytest.approx(np.log(2))
    assert largest_fold(np.array([1.0, 8.0]), observed) == pytest.approx(4)


@pytest.mark.parametrize("metric", [log_rmse, largest_fold])
def test_a_ratio_to_zero_is_not_a_number(metric):
    assert np.isnan(metric(np.array([1.0, 2.0]), np.array([0.0, 2.0])))

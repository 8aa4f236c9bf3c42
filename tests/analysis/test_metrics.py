import numpy as np
import pytest

from harness.analysis.metrics import (
    fold_range,
    geometric_fold,
    largest,
    largest_fold,
    largest_rise,
    log_rmse,
    over_tolerance,
    rank_agreement,
    rmse,
    share_inside,
    share_within_fold,
    smallest,
)

PREDICTED, OBSERVED = np.array([1.0, 8.0]), np.array([4.0, 4.0])


def test_rmse_is_the_root_of_the_mean_square():
    assert rmse(np.array([1.0, 5.0]), np.array([4.0, 1.0])) == pytest.approx(np.sqrt(12.5))


def test_metrics_of_ratios_do_not_depend_on_the_direction():
    assert log_rmse(np.array([2.0, 8.0]), OBSERVED) == pytest.approx(np.log(2))
    assert largest_fold(PREDICTED, OBSERVED) == pytest.approx(4)
    assert geometric_fold(PREDICTED, OBSERVED) == pytest.approx(np.exp((np.log(4) + np.log(2)) / 2))
    assert share_within_fold(PREDICTED, OBSERVED) == 0.5
    assert share_within_fold(PREDICTED, OBSERVED, fold=5) == 1


@pytest.mark.parametrize("metric", [log_rmse, largest_fold, geometric_fold, share_within_fold])
def test_a_ratio_to_zero_is_not_a_number(metric):
    assert np.isnan(metric(np.array([1.0, 2.0]), np.array([0.0, 2.0])))
    assert np.isnan(metric(np.array([1.0, np.nan]), np.array([1.0, 2.0])))


def test_a_band_covers_what_lies_on_its_edges_whichever_way_round_it_is():
    low, high, seen = np.zeros(4), np.ones(4), np.array([-0.1, 0, 1, 2])
    assert share_inside(low, high, seen) == share_inside(high, low, seen) == 0.5
    assert np.isnan(share_inside(low, high, np.array([0, 0, 0, np.nan])))


def test_rank_agreement_is_of_order_alone():
    assert rank_agreement(np.array([1, 2, 3]), np.array([1, 10, 1000])) == pytest.approx(1)
    assert rank_agreement(np.array([1, 2, 3]), np.array([3, 2, 1])) == pytest.approx(-1)
    assert np.isnan(rank_agreement(np.array([1, 2]), np.array([1, 2])))
    assert np.isnan(rank_agreement(np.ones(5), np.arange(5)))


def test_the_rule_of_tolerance_is_1_where_it_is_just_met_and_larger_beyond():
    found = over_tolerance(np.array([1.1, 10.0, 2.4]), np.array([1.0, 10.0, 2.0]), atol=0.05, rtol=0.05)
    assert found == pytest.approx([1, 0, 0.4 / 0.15])
    assert np.isnan(over_tolerance(np.array([np.nan]), np.array([1.0]), 0.05, 0.05)).all()


def test_columns_are_summed_up_and_nothing_is_hidden():
    values = np.array([3.0, 1.0, 1.5])
    assert fold_range(values) == 3
    assert np.isnan(fold_range(np.array([0.0, 1.0])))
    assert (largest(values), smallest(values), largest_rise(values)) == (3.0, 1.0, 0.5)
    broken = np.array([1.0, np.nan, 2.0])
    assert all(np.isnan(f(broken)) for f in (largest, smallest, largest_rise))

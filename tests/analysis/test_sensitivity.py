"""Indices against a function whose indices are known, with and without failures."""

import numpy as np
import pytest
from scipy.stats import pearsonr, spearmanr

from harness.analysis.sensitivity import (
    base_rows,
    prcc,
    prcc_interval,
    saltelli_sample,
    sobol_indices,
)
from harness.errors import InputError

N = 1024
TOTAL, FIRST = [0.5576, 0.4424, 0.2437], [0.3139, 0.4424, 0.0]  # Ishigami and Homma 1990, a = 7, b = 0.1


def ishigami(u):
    x = np.pi * (2 * u - 1)
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


@pytest.fixture(scope="module")
def points():
    return saltelli_sample(3, N, seed=1)


@pytest.mark.quick
def test_the_indices_of_a_known_function_are_found(points):
    found = sobol_indices(ishigami(points), 3)
    np.testing.assert_allclose(found.total, TOTAL, atol=0.03)
    np.testing.assert_allclose(found.first, FIRST, atol=0.04)
    assert (np.abs(found.total - TOTAL) < 2 * found.total_half).all()
    assert (found.total_half > 0).all()
    assert (found.blocks, found.failed) == (N, 0)


@pytest.mark.parametrize(("failures", "blocks", "near"), [("drop", N, 0.05), ("impute", N, 0.15)])
def test_scattered_failures_do_not_break_the_estimate(points, failures, blocks, near):
    y = ishigami(points)
    failed = np.random.default_rng(3).choice(y.size, 100, replace=False)
    y[failed] = np.nan
    found = sobol_indices(y, 3, failures)
    assert found.failed == 100
    lost = np.unique(failed // 5).size
    assert found.blocks == (blocks - lost if failures == "drop" else blocks)
    np.testing.assert_allclose(found.total, TOTAL, atol=near)


def test_dropping_leaves_the_estimate_of_the_blocks_that_remain(points):
    y = ishigami(points)
    y[::10] = np.nan  # the first row of every other block
    kept = y.reshape(N, 5)[1::2].ravel()
    np.testing.assert_array_equal(sobol_indices(y, 3).total, sobol_indices(kept, 3).total)


def test_there_are_no_indices_of_nothing(points):
    y = ishigami(points)
    for useless in (
        np.full_like(y, np.nan),
        np.full_like(y, 3.0),
        np.where(np.arange(y.size) < 50, y, np.nan),
    ):
        assert np.isnan(sobol_indices(useless, 3).total).all()
    assert np.isnan(sobol_indices(np.full_like(y, np.nan), 3, "impute").total).all()


def test_the_seed_decides_sample_and_interval(points):
    np.testing.assert_array_equal(saltelli_sample(3, N, seed=1), points)
    assert not np.array_equal(saltelli_sample(3, N, seed=2), points)
    y = ishigami(points)
    np.testing.assert_array_equal(
        sobol_indices(y, 3, seed=4).total_half, sobol_indices(y, 3, seed=4).total_half
    )
    assert not np.array_equal(sobol_indices(y, 3, seed=5).total_half, sobol_indices(y, 3, seed=4).total_half)


@pytest.mark.parametrize("n", [0, 8, 100])
def test_a_sample_out_of_balance_is_refused(n):
    with pytest.raises(InputError, match="not a power of two of at least 16"):
        saltelli_sample(3, n, seed=1)


def test_the_base_rows_are_independent_points(points):
    base = points[base_rows(3, N)]
    assert base.shape == (2 * N, 3)
    np.testing.assert_array_equal(base[0], points[0])
    np.testing.assert_array_equal(base[1], points[4])
    assert np.abs(np.corrcoef(base.T) - np.eye(3)).max() < 0.05


def test_partial_rank_correlation_holds_the_others_fixed():
    rng = np.random.default_rng(1)
    x = rng.random((800, 3))
    y = np.exp(5 * x[:, 0]) - 40 * x[:, 1] + rng.normal(0, 1, 800)
    found = prcc(x, y)
    assert found[0] > spearmanr(x[:, 0], y).statistic + 0.05
    assert found[1] < -0.7
    assert abs(found[2]) < 0.1
    np.testing.assert_array_equal(prcc(x, np.exp(y / 50)), found)  # of ranks alone
    low, high = prcc_interval(found, 800, 3)
    assert (low < found).all()
    assert (found < high).all()
    assert low[2] < 0 < high[2]


def test_partial_rank_correlation_with_failures_and_at_its_limits():
    x = np.random.default_rng(1).random((200, 2))
    y = x[:, 0] + 0.2 * x[:, 1] ** 2
    part = np.where(np.arange(200) % 5, y, np.nan)
    known = np.isfinite(part)
    np.testing.assert_array_equal(prcc(x, part), prcc(x[known], y[known]))
    assert prcc(x, x[:, 0]) == pytest.approx([1, 0])
    assert np.isnan(prcc(x, np.ones(200))).all()
    assert np.isnan(prcc(x[:4], y[:4])).all()


@pytest.mark.parametrize("r", [-0.9, -0.2, 0.0, 0.5, 0.97])
def test_the_interval_of_a_rank_correlation_is_that_of_scipy_where_nothing_is_held(r):
    """A sample with the correlation r, of which scipy knows the interval after Fisher."""
    x = np.tile([1.0, 1.0, -1.0, -1.0], 10)
    y = r * x + np.sqrt(1 - r**2) * np.tile([1.0, -1.0, 1.0, -1.0], 10)
    found = pearsonr(x, y)
    assert found.statistic == pytest.approx(r, abs=1e-12)
    for level in (0.9, 0.95):
        ends = np.concatenate(prcc_interval(np.array([r]), 40, 1, level))
        assert ends == pytest.approx(found.confidence_interval(level), abs=1e-9)


def test_each_parameter_that_is_held_costs_a_row_of_the_interval():
    r = np.array([0.5, -0.3])
    low, high = prcc_interval(r, 20, 3)  # 1.959964/sqrt(20 - 3 - 2) about atanh(0.5)
    assert (low[0], high[0]) == pytest.approx((0.0432, 0.7839), abs=1e-4)
    np.testing.assert_allclose(prcc_interval(r, 20, 3), prcc_interval(r, 18, 1))
    np.testing.assert_allclose(prcc_interval(np.array([1.0, -1.0]), 20, 3), [[1, -1], [1, -1]])

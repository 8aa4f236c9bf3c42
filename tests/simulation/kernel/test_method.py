"""The method of the kernel: its coefficients meet the conditions of its order, its elimination solves."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.simulation.kernel.elimination import plan_elimination
from harness.simulation.kernel.tableau import GAMMA, A, C, D, H, c


def classical():
    """alpha, Gamma and the weights of the method, without the transformation that its tableau is given in."""
    gamma = np.linalg.inv(np.eye(8) / GAMMA - C)
    return A @ gamma, gamma, (A[7] + np.eye(8)[7]) @ gamma, gamma


def conditions(alpha, beta, b):
    """Order of each condition, what the weights give, and what they must (Hairer and Wanner, IV.7)."""
    a, e = alpha.sum(axis=1), beta.sum(axis=1)
    return [
        (1, b.sum(), 1),
        (2, b @ e, 1 / 2),
        (3, b @ a**2, 1 / 3), (3, b @ beta @ e, 1 / 6),
        (4, b @ a**3, 1 / 4), (4, b @ (a * (alpha @ e)), 1 / 8), (4, b @ beta @ a**2, 1 / 12),
        (4, b @ beta @ beta @ e, 1 / 24),
        (5, b @ a**4, 1 / 5), (5, b @ (a**2 * (alpha @ e)), 1 / 10), (5, b @ (alpha @ e) ** 2, 1 / 20),
        (5, b @ (a * (alpha @ a**2)), 1 / 15), (5, b @ (a * (alpha @ (beta @ e))), 1 / 30),
        (5, b @ beta @ a**3, 1 / 20), (5, b @ beta @ (a * (alpha @ e)), 1 / 40),
        (5, b @ beta @ beta @ a**2, 1 / 60), (5, b @ beta @ beta @ beta @ e, 1 / 120),
    ]  # fmt: skip


def test_the_coefficients_meet_every_condition_of_order_5_and_no_other_time_is_used():
    alpha, gamma, b, _ = classical()
    assert alpha.sum(axis=1) == pytest.approx(c, abs=1e-12)
    assert gamma.sum(axis=1) == pytest.approx(D, abs=1e-12)
    for order, found, right in conditions(alpha, alpha + gamma, b):
        assert found == pytest.approx(right, abs=1e-12), order


def test_the_error_estimate_is_of_order_4_and_not_of_order_5():
    alpha, gamma, _, transformation = classical()
    b = A[7] @ transformation
    misses = dict.fromkeys(range(1, 6), 0.0)
    for order, found, right in conditions(alpha, alpha + gamma, b):
        misses[order] = max(misses[order], abs(found - right))
    assert max(misses[order] for order in (1, 2, 3, 4)) < 1e-12
    assert misses[5] > 1e-5


@pytest.mark.parametrize("share", [0.1, 0.37, 0.5, 0.82])
def test_the_dense_solution_is_of_order_4(share):
    alpha, gamma, _, transformation = classical()
    bend = H[0] + share * (H[1] + share * H[2])
    b = share * (A[7] + np.eye(8)[7] + (1 - share) * bend) @ transformation
    for order, found, right in conditions(alpha, alpha + gamma, b):
        if order <= 4:
            assert found == pytest.approx(right * share**order, abs=1e-11), order


@given(st.integers(1, 9).flatmap(lambda n: st.tuples(
    st.just(n), st.sets(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1))))))  # fmt: skip
@settings(derandomize=True, deadline=None, max_examples=100)
def test_elimination_over_its_entries_alone_gives_the_solution(matrix):
    size, pattern = matrix
    plan = plan_elimination(size, pattern)
    random = np.random.default_rng(len(pattern))
    full = np.zeros((size, size))
    for row, column in pattern:
        full[row, column] = random.normal()
    full += np.diag(3.0 * size * np.ones(size))
    left, b = full.copy(), random.normal(size=size)
    expected = np.linalg.solve(full, b)
    for pivot in plan.order:
        for row in plan.below(pivot):
            share = left[row, pivot] / left[pivot, pivot]
            for column in plan.right(pivot):
                left[row, column] -= share * left[pivot, column]
            b[row] -= share * b[pivot]
    for pivot in reversed(plan.order):
        b[pivot] = (b[pivot] - sum(left[pivot, k] * b[k] for k in plan.right(pivot))) / left[pivot, pivot]
    assert b == pytest.approx(expected, rel=1e-12)

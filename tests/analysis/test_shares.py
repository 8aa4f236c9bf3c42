"""Shares and their intervals, against scipy."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from harness.analysis.shares import wilson


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.integers(1, 3000), st.floats(0, 1), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_interval_is_that_of_scipy(of, share, level):
    count = round(share * of)
    band = binomtest(count, of).proportion_ci(level, method="wilson")
    assert wilson(count, of, level) == pytest.approx((band.low, band.high), rel=1e-12, abs=1e-15)


def test_none_and_all_of_them_are_ends():
    assert wilson(0, 12)[0] == 0.0
    assert wilson(12, 12)[1] == 1.0

"""Shares of a variance, held against laws whose parts are known."""

import numpy as np
import pytest

from harness.analysis.variance import variance_shares

A, B, C = 1.0, 2.0, 0.3
SHARE = A**2 / (A**2 + B**2 + (C * A * B) ** 2)
"""Of y = a theta + b z + c (a theta)(b z) with standard normal theta and z: a^2 against b^2 + (c a b)^2."""


def drawn(draws, patients, seed, same):
    random = np.random.default_rng(seed)
    theta = A * random.standard_normal((draws, 1))
    z = B * random.standard_normal((1 if same else draws, patients))
    return theta + z + C * theta * z


@pytest.mark.parametrize("same", [True, False], ids=["the same patients", "other patients"])
@pytest.mark.parametrize(("patients", "times"), [(4, 400), (100, 60)])
def test_shares_are_those_of_the_law_however_few_patients_a_draw_has(same, patients, times):
    """Without the correction, means over 4 other patients would double the share of the draws."""
    parts = [variance_shares(drawn(60, patients, seed, same)) for seed in range(times)]
    between = np.mean([found.sd_draws**2 for found in parts])
    within = np.mean([found.sd_patients**2 for found in parts])
    assert between / (between + within) == pytest.approx(SHARE, rel=0.12)
    assert within == pytest.approx(B**2 + (C * A * B) ** 2, rel=0.1)


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    found = [variance_shares(drawn(60, 60, seed, same=False)) for seed in range(100)]
    inside = np.mean([each.low <= SHARE <= each.high for each in found])
    assert 0.85 < inside <= 1.0


def test_only_one_part_has_all_of_it():
    random = np.random.default_rng(1)
    theta, z = random.standard_normal((50, 1)), random.standard_normal((1, 60))
    assert variance_shares(theta + np.zeros((50, 60))).share == 1.0
    alone = variance_shares(z + np.zeros((50, 60)))
    assert (alone.share, alone.low, alone.high) == (0.0, 0.0, 0.0)
    assert alone.sd_patients == pytest.approx(z.std(ddof=1))


def test_a_patient_who_is_not_known_in_some_draw_is_left_out():
    values = drawn(30, 40, 3, same=True)
    holed = values.copy()
    holed[4, 7] = np.nan
    assert variance_shares(holed) == variance_shares(np.delete(values, 7, axis=1))


@pytest.mark.parametrize(("shape", "value"), [((3, 4), 1.0), ((1, 4), 1.0), ((4, 1), 1.0), ((3, 3), np.nan)])
def test_what_does_not_vary_or_is_not_known_has_no_share(shape, value):
    assert all(np.isnan(variance_shares(np.full(shape, value))))

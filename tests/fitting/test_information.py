from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from harness.fitting.information import RISE, uncertainty
from harness.fitting.objective import Objective

RICH = {"viability": {"model": "log", "relative": "0.001"}}


def grouped(prepared, lines: tuple[str, ...], observables: dict = RICH):
    return prepared(
        arms={line: {"condition": line, "group": line} for line in lines}, condition=None,
        effects={"K_kill_max": {"omega": {"start": "0.5"}}},
        parameters={"K_kill_max": {"low": "0.02", "high": "5"}}, observables=observables,
    )  # fmt: skip


def test_one_size_over_n_values_and_p_parameters_has_n_minus_p_degrees_of_freedom(prepared):
    made = prepared()  # nine values, two parameters
    known = uncertainty(Objective(made), made.start)
    assert known.restricted == pytest.approx([1, 1, np.sqrt(9 / 7)], rel=1e-6)
    assert known.error[2] == pytest.approx(np.sqrt(1 / (2 * 7)), rel=1e-6)
    low, high = known.interval(made.start)
    assert (high - low)[:2] / 2 == pytest.approx(stats.t.ppf(0.975, 7) * known.error[:2], rel=1e-6)
    size = made.start[2] + np.log(np.sqrt(9 / 7))
    bounds = [size - 0.5 * np.log(stats.chi2.ppf(p, 7) / 7) for p in (0.975, 0.025)]
    assert [low[2], high[2]] == pytest.approx(bounds, rel=1e-6)


def test_a_given_size_gives_errors_of_that_size_and_normal_intervals(prepared):
    estimated = prepared()
    made = prepared(observables={"viability": {"model": "log", "relative": "0.05"}})
    known = uncertainty(Objective(made), made.start)
    wider = uncertainty(Objective(estimated), estimated.start)
    assert wider.error[:2] == pytest.approx(known.error * np.sqrt(9 / 7), rel=1e-6)
    low, high = known.interval(made.start)
    assert high - low == pytest.approx(2 * stats.norm.ppf(0.975) * known.error, rel=1e-6)


def test_the_mean_over_few_groups_has_the_error_and_the_t_interval_of_a_mean(prepared):
    made = grouped(prepared, ("Daudi", "JeKo", "U266-B1"))
    known = uncertainty(Objective(made), made.start)
    assert known.error[0] == pytest.approx(0.5 / np.sqrt(3 - 1), rel=0.01)
    assert known.restricted[1] == pytest.approx(np.sqrt(3 / 2), rel=0.01)
    low, high = known.interval(made.start)
    assert (high - low)[0] / 2 == pytest.approx(stats.t.ppf(0.975, 2) * known.error[0], rel=0.01)


def test_a_profile_is_followed_as_far_as_its_interval_reaches(prepared):
    made = prepared()
    known = uncertainty(Objective(made), made.start)
    assert known.rise(0) == pytest.approx(9 * np.log1p(stats.t.ppf(0.975, 7) ** 2 / 7), rel=1e-6)
    made = prepared(observables={"viability": {"model": "log", "relative": "0.05"}})
    assert uncertainty(Objective(made), made.start).rise(0) == pytest.approx(RISE, rel=1e-6)

"""Power by drawing trials, against closed forms."""

import numpy as np
import pytest
from scipy.stats import norm

from harness.analysis.power import log_rank_power, share_power
from harness.analysis.survival import log_rank

Z = norm.ppf(0.975)


@pytest.mark.parametrize(("first", "second", "size"), [(0.5, 0.7, 60), (0.2, 0.4, 90), (0.6, 0.6, 80)])
def test_two_proportions_have_the_power_of_the_normal_approximation(first, second, size):
    groups = [np.arange(1000) < 1000 * share for share in (first, second)]
    found = share_power(*groups, size, trials=4000, seed=1)
    mean = (first + second) / 2
    pooled = Z * np.sqrt(2 * mean * (1 - mean))
    apart, own = abs(first - second) * np.sqrt(size), np.sqrt(first * (1 - first) + second * (1 - second))
    right = norm.sf((pooled - apart) / own) + norm.sf((pooled + apart) / own)
    assert found.power == pytest.approx(right, abs=0.025)
    assert found.low < found.power < found.high


@pytest.mark.parametrize(("ratio", "size"), [(0.5, 40), (0.7, 80)])
def test_log_rank_has_the_power_of_schoenfeld(ratio, size):
    """Schoenfeld 1981: z = sqrt(events/4) |ln ratio|; censored at time 1.5."""
    random = np.random.default_rng(3)
    times = [random.exponential(1 / rate, 20_000) for rate in (1.0, ratio)]
    groups = [(np.minimum(time, 1.5), time < 1.5) for time in times]
    found = log_rank_power(*groups, size, trials=1500, seed=1)
    events = size * sum(events.mean() for _, events in groups)
    right = norm.sf(Z - np.sqrt(events / 4) * abs(np.log(ratio)))
    assert found.power == pytest.approx(right, abs=0.04)


def test_a_log_rank_of_one_trial_is_that_of_lifelines():
    random = np.random.default_rng(5)
    groups = [(random.exponential(1, 50).round(2) + 0.01, random.random(50) < 0.7) for _ in range(2)]
    draws = np.random.default_rng([1, 50, 0])
    chosen = [draws.integers(50, size=50) for _ in range(2)]
    arms = {
        str(k): (time[i], event[i]) for k, ((time, event), i) in enumerate(zip(groups, chosen, strict=True))
    }
    p = log_rank(arms).p_value
    assert log_rank_power(*groups, 50, 1, seed=1, level=p * 1.0001).power == 1
    assert log_rank_power(*groups, 50, 1, seed=1, level=p * 0.9999).power == 0


def test_without_an_event_or_a_difference_nothing_is_told_apart():
    nothing = np.ones(30), np.zeros(30, bool)
    assert log_rank_power(nothing, nothing, 10, 20, seed=1).power == 0
    assert share_power(np.ones(30, bool), np.ones(30, bool), 10, 20, seed=1).power == 0

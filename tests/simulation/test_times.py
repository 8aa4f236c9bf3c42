import numpy as np
import pytest

from harness.errors import InputError
from harness.simulation.times import default_times, parse_times, parse_until


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0,1,7", [0, 1, 7]),
        ("7,1,1,0", [0, 1, 7]),
        ("0:3:1", [0, 1, 2, 3]),
        ("0:1:0.25", [0, 0.25, 0.5, 0.75, 1]),
        ("0:1:0.3,5", [0, 0.3, 0.6, 0.9, 5]),
        ("24 hours,2", [1, 2]),
    ],
)
def test_times_are_read(text, expected):
    np.testing.assert_allclose(parse_times(text, "day"), expected)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "none given"),
        ("a", "'a' is not a number"),
        ("-1,2", "must not be negative"),
        ("0:10", "a range is start:stop:step"),
        ("0:10:0", "is empty"),
        ("10:0:1", "is empty"),
        ("0:1e9:1e-3", "at most 1000000"),
        ("0:1e300:1e-300", "at most 1000000"),
        ("3 L", "L does not convert to day"),
    ],
)
def test_bad_times_give_one_clear_line(text, said):
    with pytest.raises(InputError) as caught:
        parse_times(text, "day")
    assert said in str(caught.value)


def test_a_range_keeps_its_end_in_spite_of_rounding():
    assert parse_times("0:0.3:0.1", "day").size == 4
    assert parse_times("0:360:0.1", "day")[-1] == pytest.approx(360)


def test_until_takes_a_unit_and_must_be_positive():
    assert parse_until("2 weeks", "day") == pytest.approx(14)
    with pytest.raises(InputError, match="must be positive"):
        parse_until("0", "day")


def test_default_times_go_from_0_to_the_end():
    times = default_times(360.0)
    assert (times[0], times[-1]) == (0, 360)
    assert times[1] < 0.01


@pytest.mark.parametrize("until", [0.3, 4.0, 70.0, 120.0, 360.0, 640.0])
def test_no_two_times_are_the_same_but_for_rounding(until):
    assert np.diff(default_times(until)).min() > 1e-9 * until


def test_a_range_does_not_pass_its_end():
    assert parse_times("0:0.3:0.1", "day")[-1] == 0.3

"""The right-hand side that is written from the equations, as scipy is given it."""

import numpy as np
import pytest

from harness.exchange.rhs import _rates


@pytest.mark.parametrize(
    ("formula", "value", "expected"),
    [
        ("y**0.5", 4.0, 2.0),
        ("y**0.5", -1.0, np.nan),
        ("1/y", 0.0, np.inf),
        ("y**200.0", 1e10, np.inf),
    ],
)
def test_rates_beyond_all_numbers_are_told_apart_and_do_not_raise(formula, value, expected):
    rhs = eval(f"lambda time, states: [y := states[0], {formula}]")
    with np.errstate(all="ignore"):
        found = _rates(rhs, 0.0, np.array([value]))
    np.testing.assert_equal(np.array(found, float), [value, expected])

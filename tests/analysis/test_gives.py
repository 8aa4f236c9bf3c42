"""Units of endpoints: each function says its own, and its result scales with the curve as that unit says."""

import numpy as np
import pytest

from harness.analysis.gives import unit_given
from harness.analysis.library import FUNCTIONS
from harness.errors import InputError
from harness.models.units import registry

TIME = np.linspace(0.0, 20, 81)
HUMP = 3.0 + 50 * np.exp(-(((TIME - 8) / 4) ** 2))
M_PROTEIN = 100 * (0.1 + 0.9 * np.exp(-TIME / 2) + 0.03 * TIME) - 100
OPTIONS = {
    "value_at": {"at": 7.0}, "peak_height": {"after": 1.0}, "peak_time": {"after": 1.0},
    "area": {"stop": 15.0}, "time_above": {"level": 20.0}, "growth_rate": {"start": 2.0, "stop": 7.0},
    "half_life": {"start": 9.0, "stop": 14.0}, "doubling_time": {"start": 2.0, "stop": 7.0},
    "fold_fall": {"start": 8.0, "stop": 20.0}, "best_response": {"first_visit": 3.0},
    "response_at": {"day": 6.0}, "progressed_by": {"day": 12.0},
}  # fmt: skip
OF_RESPONSE = (
    "best_response", "progressed_by", "progression_after_last_dose", "progression_time", "response_at",
    "time_to_response",
)  # fmt: skip


def value_of(name, of_time, of_value):
    """An endpoint of the same curve in other units: `of_time` and `of_value` of them in one of before."""
    curve = M_PROTEIN if name in OF_RESPONSE else HUMP
    if name == "fall_time":
        curve = HUMP[::-1] - np.arange(81)
    scale = {"level": of_value}
    options = {key: value * scale.get(key, of_time) for key, value in OPTIONS.get(name, {}).items()}
    return float(FUNCTIONS[name](TIME * of_time, curve[np.newaxis] * of_value, **options)[0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_result_scales_with_the_curve_as_its_unit_says(name):
    unit = unit_given(name, FUNCTIONS[name], value="gram", time="second")
    powers = dict(registry().Unit(unit).dimensionality)
    first = value_of(name, 1.0, 1.0)
    assert np.isfinite(first)
    in_hours = value_of(name, 24.0, 1.0)
    assert in_hours == pytest.approx(first * 24.0 ** powers.get("[time]", 0), rel=1e-6)
    if name not in OF_RESPONSE:  # a change in percent has no other unit
        in_parts = value_of(name, 1.0, 1000.0)
        assert in_parts == pytest.approx(first * 1000.0 ** powers.get("[mass]", 0), rel=1e-6)


def test_a_function_of_the_library_without_a_unit_is_no_endpoint():
    with pytest.raises(InputError, match="endpoint mean: nothing says in which unit"):
        unit_given("mean", lambda time, value: value.mean(axis=-1), value="gram", time="day")  # noqa: ARG005 - as every endpoint

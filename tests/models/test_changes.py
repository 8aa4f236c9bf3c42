"""Values that are given as a change: 10x, +20 %."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InputError
from harness.models.catalog import load_card
from harness.simulation.simulate import simulate

SYMBOLS = load_card("clinical").symbols


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10x", 17.1),
        ("0.5 x", 0.855),
        ("0x", 0.0),
        ("+20 %", 2.052),
        ("+20%", 2.052),
        ("-50 percent", 0.855),
        ("-100 %", 0.0),
        ("1.71", 1.71),
        ("+3", 3.0),
        ("0.07125 1/hour", 1.71),
    ],
)
def test_a_change_is_of_the_value_that_the_model_has(text, value):
    assert SYMBOLS.parse("K_12", text) == pytest.approx(value, rel=1e-12)


@settings(derandomize=True, deadline=None, max_examples=50)
@given(factor=st.floats(1e-6, 1e6), name=st.sampled_from(["K_12", "V_b", "Tumor_0", "gamma_b"]))
def test_a_factor_and_its_percentage_are_the_same(factor, name):
    by_factor = SYMBOLS.parse(name, f"{factor!r}x")
    assert by_factor == pytest.approx(factor * SYMBOLS[name].value, rel=1e-15)
    percent = 100 * (factor - 1)
    assert SYMBOLS.parse(name, f"{percent:+.17f} %") == pytest.approx(by_factor, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("K_12", "-2x", "must be finite, and not negative"),
        ("K_12", "-150 %", "must be finite, and not negative"),
        ("K_12", "1e999x", "must be finite, and not negative"),
        ("K_12", "1e308x", "is not a finite number"),
        ("K_12", "20 %", "does not convert to 1/day"),
        ("V_b", "0x", "a volume must be positive"),
        ("all_of_it", "+20 %", "may be a value or a change"),
        ("K_12", "x", "is not a number"),
    ],
)
def test_what_is_no_change_is_one_line(name, text, said):
    changed = SYMBOLS.at({"K_12": 1e10}) if text == "1e308x" else SYMBOLS
    with pytest.raises(InputError, match=said):
        changed.parse(name, text)


def test_a_change_of_what_the_model_works_out_is_refused():
    with pytest.raises(InputError, match="works out; give a number"):
        SYMBOLS.at({"K_12": math.nan}).parse("K_12", "2x")


def test_a_change_goes_over_what_a_reading_sets():
    result = simulate(
        "clinical", readings="measured_density", changes={"Ag_tumor": "2x", "K_g": "+50 %"}, until=1
    )
    assert "Ag_tumor=1340" in result.attrs["changes"]
    assert "K_g=0.012" in result.attrs["changes"]

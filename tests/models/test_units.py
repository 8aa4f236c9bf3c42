"""Laws of units: any number in any unit is the same quantity in another, by factors that are known."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InputError
from harness.models.units import convert, parse_factor, parse_quantity, readable

law = settings(derandomize=True, deadline=None, max_examples=60)

FACTORS = {
    "time": {"s": 1, "min": 60, "h": 3600, "hour": 3600, "day": 86400, "week": 604800},
    "rate": {"1/s": 1, "1/h": 1 / 3600, "/h": 1 / 3600, "1/day": 1 / 86400, "day^-1": 1 / 86400},
    "volume": {"L": 1, "mL": 1e-3, "uL": 1e-6, "dL": 0.1, "cm^3": 1e-3, "mm**3": 1e-6, "m^3": 1e3},
    "mass": {"g": 1, "mg": 1e-3, "ug": 1e-6, "ng": 1e-9, "pg": 1e-12, "kg": 1e3},
    "number": {"cell": 1, "cells": 1, "item": 1, "copies": 1, "molecules": 1},
    "density": {"cells/L": 1, "cells/mL": 1e3, "1e0*cells/uL": 1e6, "item/mm^3": 1e6},
    "amount": {"g/L": 1, "mg/dL": 1e-2, "ug/mL": 1e-3, "ng/uL": 1e-3, "pg/pL": 1},
    "share": {"dimensionless": 1, "percent": 1e-2},
    "per mole": {"1/M/s": 1, "L/mol/s": 1, "1/uM/s": 1e6, "1/M/h": 1 / 3600, "mL/mol/s": 1e-3},
}  # fmt: skip


def units_of(kind):
    return st.sampled_from(sorted(FACTORS[kind]))


pairs = st.sampled_from(sorted(FACTORS)).flatmap(lambda k: st.tuples(st.just(k), units_of(k), units_of(k)))
numbers = st.floats(1e-6, 1e12).map(lambda x: float(f"{x:.12g}"))


def as_of_a_model(unit):
    """The same unit as a model has it: no slash in front, no number."""
    return {"/h": "1/h", "1e0*cells/uL": "cells/uL"}.get(unit, unit)


@law
@given(pairs, numbers, st.sampled_from(["", "-", "+"]))
def test_a_quantity_is_converted_by_the_known_factor_there_and_back(pair, number, sign):
    kind, unit, other = pair
    factor = FACTORS[kind][unit] / FACTORS[kind][other]
    value = float(f"{sign}{number!r}")
    found = parse_quantity(f"{sign}{number!r} {unit}", as_of_a_model(other), "it")
    assert found == pytest.approx(value * factor, rel=1e-9)
    assert convert(found, other, as_of_a_model(unit), "it") == pytest.approx(value, rel=1e-9)


@law
@given(st.sampled_from(sorted(FACTORS)), st.sampled_from(sorted(FACTORS)), numbers, st.data())
def test_units_of_different_kinds_do_not_convert(one, other, number, data):
    given_, wanted = (data.draw(st.sampled_from(sorted(FACTORS[kind]))) for kind in (one, other))
    if one == other or {one, other} == {"share", "number"}:
        return
    with pytest.raises(InputError, match="does not convert to"):
        parse_quantity(f"{number!r} {given_}", as_of_a_model(wanted), "it")


@law
@given(numbers, st.sampled_from(sorted({unit for units in FACTORS.values() for unit in units})))
def test_a_number_alone_is_in_the_unit_of_the_model(number, unit):
    assert parse_quantity(repr(number), unit, "it") == parse_quantity(f"  {number!r}  ", unit, "it") == number


@law
@given(numbers)
def test_a_change_is_the_factor_it_says(number):
    assert parse_factor(f"{number!r}x", "1/day", "it") == number
    assert parse_factor(f" {number!r} x ", "1/day", "it") == number
    assert parse_factor(f"+{number!r}%", "1/day", "it") == pytest.approx(1 + number / 100, rel=1e-12)
    assert parse_factor(f"{number!r}", "1/day", "it") is None
    fall = number % 100
    assert parse_factor(f"-{fall!r} percent", "1/day", "it") == pytest.approx(1 - fall / 100, rel=1e-9)


def test_what_is_counted_per_cell_has_no_unit():
    assert parse_quantity("670 1/cell", "dimensionless", "it") == 670
    assert parse_quantity("670 molecules/cell", "dimensionless", "it") == 670


@pytest.mark.parametrize(
    ("unit", "shown"),
    [
        ("mm^3", "mm³"),
        ("percent", "%"),
        ("copies/ug", "copies/µg"),
        ("cells/uL", "cells/µL"),
        ("mg*L", "mg·L"),
        ("1/day", "1/day"),
    ],
)
def test_a_unit_is_shown_as_print_has_it(unit, shown):
    assert readable(unit) == shown


@pytest.mark.parametrize("text", ["1e400", "nan", "inf", "1e306 week", "", "day", "1 day day^"])
def test_what_is_no_finite_number_is_refused(text):
    with pytest.raises(InputError):
        parse_quantity(text, "s", "it")

import math

import pytest

from harness.errors import InputError
from harness.models.catalog import load_card, model_names
from harness.models.symbols import Kind, read_symbols
from harness.models.units import counting, readable, registry


@pytest.fixture
def clinical():
    return load_card("clinical").symbols


@pytest.mark.parametrize("name", model_names())
@pytest.mark.quick
def test_every_unit_is_one_that_pint_knows(name):
    symbols = load_card(name).symbols
    assert symbols.time_unit == ("hour" if name == "in_vitro" else "day")
    for symbol in symbols.values():
        registry().Unit(symbol.unit)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("K_12", "1.5", 1.5),
        ("K_12", "0.07 1/h", 1.68),
        ("K_12", "0.07/h", 1.68),
        ("K_on", "7.103e4 1/M/s", 71030),
        ("Tumor_0", "2.5e6 cells/mL", 2.5e9),
        ("V_b", "5000 mL", 5),
        ("P_m", "12.1e-12 g/cell/day", 12.1),
        ("dose", "450e6 cells", 450e6),
        ("Ag_tumor", "670 1/cell", 670),
        ("K_12", 0.5, 0.5),
    ],
)
def test_a_value_is_converted_to_the_unit_of_the_model(clinical, name, text, value):
    assert clinical.parse(name, text) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("K_13", "1", "no parameter in clinical 'K_13'; nearest: K_"),
        ("k_12", "1", "nearest: K_12"),
        ("K_12", "fast", "'fast' is not a number"),
        ("K_12", "nan", "is not a number"),
        ("K_12", "1e999", "not a finite number"),
        ("K_12", "1 blorps", "'blorps' is not a unit"),
        ("K_12", "1 mL", "mL does not convert to 1/day"),
        ("dose", "3 dimensionless", "dimensionless does not convert to cells"),
        ("V_b", "0", "must be positive"),
        ("K_12", "-1", "must not be negative"),
        ("transgene", "5", "transgene is a rule of clinical"),
        ("Tumor", "5", "Tumor is a species of clinical"),
        ("M_protein", "5", "M_protein is a state of clinical"),
    ],
)
def test_a_bad_value_gives_one_clear_line(clinical, name, text, said):
    with pytest.raises(InputError) as caught:
        clinical.parse(name, text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_only_doses_set_a_clock():
    symbols = load_card("clinical_waning").symbols
    assert symbols["t_last_dose"].kind is Kind.CLOCK
    with pytest.raises(InputError, match="t_last_dose is the time of the last dose"):
        symbols.parse("t_last_dose", "5 day")


@pytest.mark.parametrize(
    ("clock", "said"),
    [
        ("no_such", "must be a parameter with the value 0"),
        ("CARTe_b", "must be a parameter with the value 0"),
        ("t_wane", "must be a parameter with the value 0"),
        ("zero", "must be in day, not dimensionless"),
    ],
)
def test_what_is_no_clock_is_refused(tmp_path, clock, said):
    path = tmp_path / "zero.xml"
    text = load_card("clinical_waning").sbml_path().read_text("utf-8")
    path.write_text(text.replace('id="h_wane" value="4"', 'id="zero" value="0"'), encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_symbols(path, clock)


def test_kinds_are_told_apart(clinical):
    kinds = {name: clinical[name].kind for name in ("V_b", "K_12", "Tumor", "M_protein", "transgene")}
    assert list(kinds.values()) == [Kind.COMPARTMENT, Kind.PARAMETER, Kind.SPECIES, Kind.STATE, Kind.RULE]
    assert math.isnan(clinical["transgene"].value)


def test_units_say_what_is_counted():
    symbols = load_card("clinical").symbols
    units = {
        name: symbols[name].unit for name in ("transgene", "blood_cart", "CARTe_b", "Cplx", "P_m", "K_12")
    }
    assert units == {
        "transgene": "copies/ug", "blood_cart": "cells/uL", "CARTe_b": "cells", "Cplx": "complexes",
        "P_m": "pg/cell/day", "K_12": "1/day",
    }  # fmt: skip


def test_whatever_is_counted_is_one_unit_in_what_is_written():
    for text in ("2e6 item/L", "2e6 cells/L", "2 cells/uL", "2e6 copies/L", "2e6 molecule/L"):
        assert load_card("clinical").symbols.parse("Tumor_0", text) == pytest.approx(2e6)
    with pytest.raises(InputError, match="1/L does not convert to cells/L"):
        load_card("clinical").symbols.parse("Tumor_0", "2e6 1/L")


def test_no_model_of_the_project_shows_items():
    for model in model_names():
        for symbol in load_card(model).symbols.values():
            assert "item" not in symbol.unit, (model, symbol.id)


def test_a_unit_counts_several_above_the_line_and_one_below():
    assert counting("item", "copy") == "copies"
    assert counting("item/uL*day", "cell") == "cells/uL*day"
    assert counting("pg/item/day", "cell") == "pg/cell/day"
    assert counting("1/item", "complex") == "1/complex"
    assert counting("mol", "cell") == "mol"
    assert readable("copies/ug*day") == "copies/µg·day"
    assert readable("mm^3") == "mm³"


def test_a_count_of_a_symbol_that_is_none_is_refused():
    with pytest.raises(InputError, match="no symbol in clinical 'transgen'; nearest: transgene"):
        read_symbols(load_card("clinical").sbml_path(), other_items={"transgen": "copy"})

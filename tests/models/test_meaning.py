"""Names that are near by meaning."""

import pytest

from harness.errors import InputError
from harness.models.catalog import load_card, model_names
from harness.models.meaning import nearest
from harness.models.provenance import read_parameters
from harness.models.units import is_conversion


@pytest.mark.parametrize(
    ("model", "asked", "first"),
    [
        ("clinical", "Ag_TAA", "Ag_tumor"),
        ("xenograft", "Ag_TAA", "Ag_tumor"),
        ("in_vitro", "Ag_TAA", "Ag_tumor"),
        ("clinical", "kill_rate", "K_kill_max"),
        ("clinical", "tumor_growth", "K_g"),
        ("clinical", "expansion_rate", "K_exp_max"),
        ("clinical", "marrow_volume", "V_bm"),
        ("clinical", "MProteinProduction", "P_m"),
        ("clinical", "EC50_kill", "KC50"),
        ("clinical", "tumor_burden", "Tumor_0"),
        ("xenograft", "delay", "tau"),
        ("clinical", "K12", "K_12"),
        ("clinical", "dos", "dose"),
    ],
)
def test_the_first_that_is_offered_means_the_same(model, asked, first):
    with pytest.raises(InputError, match=rf"nearest: {first}\b"):
        load_card(model).symbols.require_settable(asked)


def test_a_name_that_says_nothing_is_near_to_nothing():
    symbols = load_card("clinical").symbols
    assert nearest("zzz", {name: symbols[name].said for name in symbols}) == []


def test_an_observable_is_found_by_another_word_for_it():
    symbols = load_card("clinical").symbols
    assert "M_protein" in str(symbols.unknown("observable", "paraprotein", symbols))


@pytest.mark.parametrize("model", model_names())
def test_constants_that_turn_units_are_not_offered_and_all_else_is(model):
    symbols = load_card(model).symbols
    left = set(symbols.settable()) - set(symbols.offered())
    known = {row.id for row in read_parameters() if row.source == "unit conversion"} - {"all_of_it"} | {"N_A"}
    assert left == known & set(symbols)
    with pytest.raises(InputError) as told:
        symbols.require_settable("picograms_per_gram_xyz")
    assert "pg_per_g" not in str(told.value)


@pytest.mark.parametrize(
    ("value", "unit", "is_one"),
    [
        (86400, "s/day", True),
        (1000, "mm^3/mL", True),
        (6.02e23, "molecules/mol", True),
        (86000, "s/day", False),
        (1, "dimensionless", False),
        (1, "1/day", False),
        (2.0, "g/g", False),
        (1, "nonsense/day", False),
    ],
)
def test_a_conversion_is_one_in_two_units(value, unit, is_one):
    assert is_conversion(value, unit) is is_one

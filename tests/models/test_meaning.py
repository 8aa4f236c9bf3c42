"""Names that are near by meaning."""

import re

import pytest

from harness.errors import InputError
from harness.models.catalog import load_card, model_names
from harness.models.meaning import nearest
from harness.models.provenance import parameters_of
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
def test_parameters_are_offered_and_constants_are_in_no_message(model):
    card = load_card(model)
    symbols = card.symbols
    left = set(symbols.settable()) - set(symbols.offered())
    constant = {name for name, row in parameters_of(card).items() if row.status == "constant"}
    assert left == constant
    assert {"N_A", "no_cell"} <= constant
    for name in constant:
        for asked in (f"{name}_", name[:-1], f"x{name}"):
            for told in (
                symbols.unknown("parameter", asked, symbols.settable()),
                symbols.unknown("observable", asked, symbols),
            ):
                assert not set(re.findall(r"\w+", str(told).split("'")[-1])) & constant


def test_of_a_user_s_own_model_what_turns_units_is_not_offered(tmp_path):
    path = tmp_path / "own.ant"
    path.write_text(
        "model own()\n  unit per_mole = item/mole;\n  N_A = 6.02214076e23; N_A has per_mole;\n"
        "  k = 1; x = 1; x' = -k*x/N_A;\nend\n"
    )
    symbols = load_card(str(path)).symbols
    assert set(symbols.settable()) - set(symbols.offered()) == {"N_A"}


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

import pytest

from harness.errors import InputError
from harness.models.catalog import conditions, load_card, model_names, select
from harness.models.symbols import read_symbols


def test_the_four_models_are_there():
    assert model_names() == ("clinical", "in_vitro", "xenograft", "xenograft_constant_volume")


@pytest.mark.parametrize("name", model_names())
def test_every_reading_sets_known_symbols_in_convertible_units(name):
    for reading in load_card(name).readings:
        selection = select(name, [reading])
        read_symbols(selection.card.sbml_path()).parse_all(selection.changes)


def test_a_reading_may_be_another_file():
    assert select("xenograft", ["constant_volume"]).card.id == "xenograft_constant_volume"
    literal = select("xenograft", ["literal"])
    assert literal.card.id == "xenograft_constant_volume"
    assert literal.changes == {"K_12": "20304 1/day"}


def test_readings_combine():
    both = select("xenograft", ["literal", "as_run"])
    assert both.card.id == "xenograft_constant_volume"
    assert set(both.changes) == {"K_12", "K_on", "K_off"}


@pytest.mark.parametrize(
    ("model", "readings", "said"),
    [
        ("xenograft_constant_volume", ["literal", "decimal_comma"], "set K_12 to different values"),
        ("in_vitro", ["well_100uL", "well_200uL"], "set MV to different values"),
        ("xenograft", ["moving_volume", "literal"], "name different models"),
    ],
)
def test_readings_that_contradict_each_other_are_refused(model, readings, said):
    with pytest.raises(InputError, match=said):
        select(model, readings)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("clincal",), "no model 'clincal'; nearest: clinical"),
        (("clinical", ["as_ran"]), "no reading of clinical 'as_ran'; nearest: as_run"),
        (("in_vitro", [], "Jeko"), "nearest: JeKo"),
        (("clinical", [], "JeKo"), "has no table of conditions"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(arguments, said):
    with pytest.raises(InputError, match=said.replace("(", r"\(")):
        select(*arguments)


def test_the_six_cell_lines_carry_table_1():
    table = conditions(load_card("in_vitro"))
    assert list(table) == ["JeKo", "Daudi", "U266-B1", "NCI-H929", "RPMI-8226", "K562-BCMA"]
    assert table["K562-BCMA"] == {"DT_tumor": "47 hour", "Ag_tumor": "76942 dimensionless"}

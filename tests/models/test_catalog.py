import pytest

from harness.errors import InputError
from harness.models.card import DoseTarget
from harness.models.catalog import Extension, conditions, load_card, model_names, select
from harness.models.symbols import read_symbols


def test_the_models_of_the_article_and_their_extensions_are_there():
    extends = {name: load_card(name).extends for name in model_names()}
    assert extends == {
        "clinical": None,
        "clinical_clocks": "clinical",
        "clinical_divisions": "clinical_clocks",
        "clinical_extinction": "clinical",
        "clinical_printed": "clinical",
        "clinical_product": "clinical_clocks",
        "clinical_seed": "clinical",
        "clinical_waning": "clinical",
        "in_vitro": None,
        "xenograft": None,
        "xenograft_constant_volume": None,
    }


def test_an_extension_is_run_as_its_base_under_its_own_name():
    base, card = load_card("clinical"), load_card("clinical_waning")
    own = {"id", "extends", "title", "figure", "readings", "dose", "limits", "solver"}
    assert card.model_dump(exclude=own) == base.model_dump(exclude=own)
    assert card.solver == base.solver.model_copy(update={"relative_tolerance": 1.5e-8})
    assert load_card("clinical_seed").solver == base.solver
    assert card.dose == base.dose.model_copy(update={"clock": "t_last_dose"})
    assert {name: limits for name, limits in card.limits.items() if name != "t_wane"} == base.limits
    assert load_card("clinical_seed").dose == base.dose
    assert [found.id for found in card.bases] == ["clinical"]
    assert card.readings == {}


def test_an_extension_takes_the_readings_of_its_base_beside_its_own():
    selection = select("clinical", ["waning", "as_run"])
    assert selection.card.id == "clinical_waning"
    assert set(selection.changes) == {"K_on", "K_off"}


def test_an_extension_changes_its_dose_target_in_part():
    extension = Extension(id="x", extends="clinical", title="", figure="", dose={"species": "CARTe_t"})
    card = extension.card(load_card("clinical"))
    assert card.dose == DoseTarget(parameter="dose", species="CARTe_t")
    extension = Extension(id="x", extends="in_vitro", title="", figure="", dose={"species": "CART"})
    with pytest.raises(InputError, match="parameter: is missing"):
        extension.card(load_card("in_vitro"))
    with pytest.raises(ValueError, match="'parameter', 'species' or 'clock'"):
        Extension(id="x", extends="clinical", title="", figure="", dose={"clok": "t"})


def test_a_model_cannot_extend_itself():
    with pytest.raises(ValueError, match="cannot extend itself"):
        Extension(id="x", extends="x", title="", figure="")


READINGS = {
    ("clinical", "table_1"): {"K_on": 7.1e4, "K_off": 2.39e-3},
    ("clinical", "as_run"): {"K_on": 7.103e4, "K_off": 2.385e-3},
    ("clinical", "table_1_density"): {"Ag_tumor": 12590},
    ("clinical", "measured_density"): {"Ag_tumor": 670},
    **{("clinical", name): {} for name in ("killing_of_tumor", "killing_as_printed", "no_seed", "seed")},
    **{("clinical", name): {} for name in ("continuous", "extinction", "waning")},
    ("in_vitro", "well_100uL"): {"MV": 100},
    ("in_vitro", "well_200uL"): {"MV": 200},
    ("in_vitro", "table_1"): {"K_on": 7.1e4, "K_off": 2.39e-3},
    ("in_vitro", "as_run"): {"K_on": 7.103e4, "K_off": 2.385e-3},
    ("xenograft", "moving_volume"): {},
    ("xenograft", "constant_volume"): {"K_12": 20.304},
    ("xenograft", "literal"): {"K_12": 20304},
    ("xenograft", "literal_dense"): {"K_12": 20304, "D_tumor": 1e8},
    ("xenograft", "text_delay"): {"tau": 47.04},
    ("xenograft", "table_1"): {"K_on": 7.1e4, "K_off": 2.39e-3},
    ("xenograft", "as_run"): {"K_on": 7.103e4, "K_off": 2.385e-3},
    ("xenograft_constant_volume", "decimal_comma"): {"K_12": 20.304},
    ("xenograft_constant_volume", "literal"): {"K_12": 20304},
    ("xenograft_constant_volume", "literal_dense"): {"K_12": 20304, "D_tumor": 1e8},
    ("xenograft_constant_volume", "text_delay"): {"tau": 47.04},
    ("xenograft_constant_volume", "table_1"): {"K_on": 7.1e4, "K_off": 2.39e-3},
    ("xenograft_constant_volume", "as_run"): {"K_on": 7.103e4, "K_off": 2.385e-3},
}


def test_every_reading_sets_what_the_ledger_means():
    found = {}
    for model in model_names():
        for reading in set(load_card(model).readings) - {"calibrated"}:  # held by tests of calibrations
            selection = select(model, [reading])
            found[model, reading] = read_symbols(selection.card.sbml_path()).parse_all(selection.changes)
    assert found == READINGS


def test_the_default_readings_change_nothing():
    for model, reading in (
        ("clinical", "table_1"),
        ("clinical", "table_1_density"),
        ("in_vitro", "well_100uL"),
    ):
        symbols = read_symbols(load_card(model).sbml_path())
        assert {n: symbols[n].value for n in READINGS[model, reading]} == READINGS[model, reading]


def test_a_reading_may_be_another_file():
    assert select("xenograft", ["constant_volume"]).card.id == "xenograft_constant_volume"
    literal = select("xenograft", ["literal"])
    assert literal.card.id == "xenograft_constant_volume"
    assert literal.changes == {"K_12": "20304 1/day"}


def test_readings_combine():
    both = select("xenograft", ["literal", "as_run"])
    assert both.card.id == "xenograft_constant_volume"
    assert set(both.changes) == {"K_12", "K_on", "K_off"}
    assert select("clinical", "as_run") == select("clinical", ["as_run"])


@pytest.mark.parametrize(
    ("model", "readings", "said"),
    [
        ("xenograft_constant_volume", ["literal", "decimal_comma"], "set K_12 to different values"),
        ("in_vitro", ["well_100uL", "well_200uL"], "set MV to different values"),
        ("xenograft", ["moving_volume", "literal"], "name different models"),
        ("xenograft", ["constant_volume", "literal"], "set K_12 to different values"),
        ("clinical", ["table_1", "as_run"], "set K_on to different values"),
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


@pytest.mark.parametrize("name", ["study.omex", "folder/Task.SEDML"])
def test_what_holds_a_model_says_what_runs_it(name):
    with pytest.raises(InputError, match="is no model but holds one: cart simulate runs it"):
        load_card(name)

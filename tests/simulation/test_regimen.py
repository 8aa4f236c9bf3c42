import pandas as pd
import pytest

from harness.errors import InputError
from harness.models.catalog import load_card
from harness.models.symbols import read_symbols
from harness.simulation.declared_regimens import read_regimens
from harness.simulation.design import Design, read_design
from harness.simulation.plan import plan
from harness.simulation.regimen import Dose, Hold, Redosing, Regimen, parse_dose, regimen


@pytest.mark.parametrize(
    ("text", "dose"),
    [
        ("450e6", Dose(0, 450e6)),
        (450e6, Dose(0, 450e6)),
        ("150e6@28", Dose(28, 150e6)),
        ("1e8 cells @ 4 weeks", Dose(28, 1e8)),
        ("1e8@48 hours", Dose(2, 1e8)),
        ("0", Dose(0, 0)),
        ("1e8 for 2 hours", Dose(0, 1e8, 1 / 12)),
        ("1e8@7 for 0.5", Dose(7, 1e8, 0.5)),
        ("0.5x@28", Dose(28, 0.5, relative=True)),
    ],
)
def test_a_dose_is_read_with_its_time_and_units(text, dose):
    read = parse_dose(text)
    assert read.amount == pytest.approx(dose.amount)
    assert read.time == pytest.approx(dose.time)
    assert read.duration == pytest.approx(dose.duration)
    assert read.relative == dose.relative


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lots", "'lots' is not a number"),
        ("", "is not a number"),
        ("-5e6", "must not be negative"),
        ("1e-3", "0 or at least one cell"),
        ("5e6@-1", "time must not be negative"),
        ("5e6@", "'' is not a number"),
        ("5e6@soon", "'soon' is not a number"),
        ("5e6 mg", "mg does not convert to cells"),
        ("5e6@3 L", "L does not convert to day"),
        ("nan", "is not a number"),
        ("5e6@1@2", "is not a unit"),
        ("5e6 for a while", "'a while' is not a number"),
        ("5e6 for -1", "must not be negative"),
        ("5e6 for 1e-16", "too short for an infusion; without 'for'"),
        ("5e6@300 for 1e-8", "too short for an infusion"),
        ("twox", "is not a number"),
    ],
)
def test_a_bad_dose_gives_one_clear_line(text, said):
    with pytest.raises(InputError) as caught:
        parse_dose(text)
    assert said in str(caught.value)


def test_a_regimen_is_in_order_and_adds_up_doses_of_one_time():
    assert regimen(["1e8@28", "2e8", "3e8@28"]).doses == (Dose(0, 2e8), Dose(28, 4e8))
    assert regimen([]).doses == ()


def test_doses_of_a_kind_are_added_up_whatever_else_is_given_then():
    given = ["1e7@3", "5e7@3 for 2", "2e8@3", "1e7@3 for 2", "0.5x@3"]
    assert regimen(given).doses == (
        Dose(3, 0.5, relative=True), Dose(3, 6e7, 2.0), Dose(3, 2.1e8),
    )  # fmt: skip
    assert regimen(given).absolute(2e6).doses == (Dose(3, 6e7, 2.0), Dose(3, 2.11e8))


def test_a_number_of_a_regimen_is_shown_with_all_its_digits():
    assert str(regimen(["123456789@1.23456789", "0.5x for 2"])) == "0.5x@0 for 2, 123456789.0@1.23456789"


def test_what_is_given_at_the_start_and_later_is_all_that_is_given():
    given = regimen(["450e6", "0@0", "1e8@0 for 2 hours", "0@14", "150e6@28", "1e8@56 for 1 day"])
    assert [str(dose) for dose in given.at_start] == ["4.5e+08@0"]
    assert [(dose.time, dose.duration > 0) for dose in given.later] == [(0, True), (28, False), (56, True)]
    assert regimen("0").at_start == (Dose(0, 0),)
    assert regimen("0").later == ()


def test_relative_amounts_are_multiples_of_the_dose_of_the_run():
    given = Regimen((Dose(0, 1, relative=True), Dose(28, 0.5, relative=True), Dose(30, 1e6)))
    assert given.absolute(4e8).doses == (Dose(0, 4e8), Dose(28, 2e8), Dose(30, 1e6))
    rule = Redosing(2, "M_protein", 0.25, 28, 28, relative=True)
    assert Regimen((), rule).absolute(1e8).redosing.amount == 2e8


def test_what_is_counted_is_given_whole_and_what_is_weighed_in_any_part():
    for unit, other in (("mg", "500 ug"), ("dimensionless", "0.5"), ("L", "500 mL")):
        assert regimen(["0.5", f"{other}@2"], amount_unit=unit).doses == (Dose(0, 0.5), Dose(2, 0.5))
    for unit, said in (("cells", "cell"), ("item", "item"), ("copies", "copies")):
        for given in ("0.5", Dose(0, 0.5), regimen("0.5", amount_unit="mg")):
            with pytest.raises(InputError, match=f"a dose is 0 or at least one {said}$"):
                regimen(given, amount_unit=unit)


@pytest.fixture
def file(tmp_path):
    def write(text):
        path = tmp_path / "regimens.yaml"
        path.write_text(text)
        return path

    return write


@pytest.fixture
def clinical():
    return read_symbols(load_card("clinical").sbml_path())


REDOSING = """
regimens:
  once: {doses: ["150e6"]}
  at_relapse:
    doses: ["1x"]
    redosing: {amount: 0.5x, observable: M_protein, rise: 25 percent, every: 4 weeks, start: 56, at_most: 2}
"""


def test_regimens_are_read_from_a_file_with_units(file, clinical):
    found = read_regimens(file(REDOSING), clinical)
    assert found["once"].doses == (Dose(0, 150e6),)
    rule = found["at_relapse"].redosing
    assert (rule.rise, rule.every, rule.start, rule.at_most) == pytest.approx((0.25, 28, 56, 2))
    assert rule.relative
    assert rule.visits(112).tolist() == pytest.approx([56, 84, 112])


NAMES = ["1", "1.50", "007", "1e3", "None", "null", "yes", "NA", "nan", "2020-01-01", "a b"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_a_regimen_is_chosen_by_any_name(file, clinical, tmp_path, suffix):
    declared = "".join(f"  {name}: {{doses: ['{i + 1}e6']}}\n" for i, name in enumerate(NAMES))
    regimens = read_regimens(file(f"regimens:\n{declared}"), clinical)
    table, path = pd.DataFrame({"regimen": NAMES}), tmp_path / f"design.{suffix}"
    table.to_csv(path, index=False) if suffix == "csv" else table.to_parquet(path)
    chosen = read_design(path).checked(clinical, tuple(regimens)).table["regimen"]
    assert [regimens[name] for name in chosen] == [regimen(f"{i + 1}e6") for i in range(len(NAMES))]


def test_a_number_in_a_table_chooses_the_regimen_of_that_name(clinical):
    assert Design(pd.DataFrame({"regimen": [2, 1]})).checked(clinical, ["1", "2"]).table["regimen"][0] == "2"


@pytest.mark.parametrize("empty", [None, "", float("nan"), pd.NA])
def test_no_name_is_not_the_name_none(clinical, empty):
    with pytest.raises(InputError, match="row 1, column regimen: is empty; name one of None, nan"):
        Design(pd.DataFrame({"regimen": ["None", empty]})).checked(clinical, ["None", "nan"])


@pytest.mark.parametrize(
    ("given", "doses", "row"),
    [
        (regimen(["1x", "0.5x@7"]), [150e6, 1.5], "row 1: 0.5 of the dose of the run is 0.75 cells"),
        (
            Regimen((), Redosing(1e-9, "sBCMA", 1, 7, 7, relative=True)),
            [1e7, 1e9],
            "row 0: 1e-09 of the dose",
        ),
        (regimen(["1e300x"]), [1.0, 1e9], "row 1: 1e\\+300 of the dose of the run is inf cells"),
    ],
)
def test_a_multiple_that_is_no_dose_is_told_before_anything_runs(given, doses, row):
    table = pd.DataFrame({"dose": doses, "regimen": "a"})
    with pytest.raises(InputError, match=f"design: {row}.*; a dose is 0 or at least one cell, and finite"):
        plan("clinical", Design(table), regimens={"a": given, "unused": regimen(["1e-9x"])})
    plan("clinical", Design(table.assign(regimen="b")), regimens={"a": given, "b": regimen(["1x"])})


def test_the_dose_of_a_rule_is_at_least_one_cell():
    with pytest.raises(InputError, match="dose of the rule: a dose is 0 or at least one cell"):
        plan(
            "clinical",
            Design(pd.DataFrame({"dose": [1e8]})),
            regimens={"a": Regimen((), Redosing(0.5, "M_protein", 0.25, 28, 28))},
        )
    with pytest.raises(InputError, match=r"dose '0[.]5@0': a dose is 0 or at least one cell"):
        plan("clinical", Design(pd.DataFrame({"dose": [1e8]})), regimens={"a": Regimen((Dose(0, 0.5),))})


@pytest.mark.parametrize("name", ["''", "' '", "' a'"])
def test_a_name_that_no_table_can_hold_is_refused(file, clinical, name):
    with pytest.raises(InputError, match="is no name of a regimen"):
        read_regimens(file(f"regimens:\n  {name}: {{doses: [1x]}}\n"), clinical)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("M_protein", "M_protien", "nearest: M_protein"),
        ("M_protein", "K_12", "K_12 is constant"),
        ("25 percent", "-1", "must be positive"),
        ("4 weeks", "4 litres", "litres does not convert to day"),
        (
            "at_most: 2",
            "at_mots: 2",
            "at_mots: no such field; nearest: at_most; allowed: above, amount, at_most, below, every",
        ),
        ('"150e6"', '"lots"', "'lots' is not a number"),
        ("at_most: 2", "at_most: 0", "must be positive"),
    ],
)
def test_a_broken_file_of_regimens_gives_one_clear_line(file, clinical, old, new, said):
    path = file(REDOSING.replace(old, new))
    with pytest.raises(InputError) as caught:
        read_regimens(path, clinical)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_rule_is_written_with_its_rise_in_percent():
    rule = Redosing(2, "M_protein", 0.25, 28, 14, 3, relative=True)
    assert "2x when M_protein rises 25%" in str(Regimen((), rule))


def test_levels_are_written_as_what_they_ask_for():
    rule = Redosing(2, "transgene", 0, 28, 14, 3, relative=True, below=1000)
    said = str(Regimen((Dose(0, 1e8), Dose(3, 1e8)), rule, Hold("transgene", above=500)))
    assert said == "1e+08@0, 1e+08@3, 2x when transgene is below 1000, held when transgene is above 500"

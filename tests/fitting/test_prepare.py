from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from harness.analysis.observations import COLUMNS
from harness.errors import InputError
from harness.fitting.prepare import prepare
from harness.fitting.problem import find_problem, problem_names, read_problem
from harness.fitting.study import Fit

HEAD = ",".join(COLUMNS)


def table(tmp_path: Path, *rows: str) -> dict:
    """Fields of a problem that reads a table with the given rows."""
    (tmp_path / "data.csv").write_text("\n".join([HEAD, *rows]) + "\n", encoding="utf-8")
    return {"observations": "data.csv", "synthetic": None, "arms": {"well": {}}}


@pytest.mark.parametrize("name", problem_names())
def test_every_fit_of_the_repository_can_be_prepared(name):
    path = find_problem(name)
    prepared = prepare(read_problem(path), path.parent)
    assert prepared.observations > len(prepared.coordinates)
    assert Fit(problem=name).number_names()[-1] == f"verdict_{prepared.names[-1]}"


def test_a_measurement_is_converted_to_the_unit_of_the_model(prepared, tmp_path):
    fields = table(
        tmp_path,
        "viability,well,120,min,0.5,dimensionless,0,a test",
        "viability,well,4,hour,30,percent,0,a test",
    )
    arm = prepared(**fields).arms[0]
    np.testing.assert_allclose(arm.times, [2, 4])
    np.testing.assert_allclose(arm.value, [50, 30])


def test_values_below_the_limit_are_censored_there(prepared, tmp_path):
    fields = table(
        tmp_path, "viability,well,1,hour,0,percent,0,a test", "viability,well,4,hour,30,percent,0,a test"
    )
    errors = {"viability": {"model": "log", "relative": "0.1", "lloq": "5 percent"}}
    arm = prepared(**fields, observables=errors).arms[0]
    assert arm.censored.tolist() == [True, False]
    assert arm.limit[0] == 5


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("viability,well,1,hour,50,day,0,a test", "day does not convert to percent"),
        ("viability,well,1,mL,50,percent,0,a test", "mL does not convert to hour"),
        ("viability,well,1,hour,nan,percent,0,a test", "row 1: value 'nan' is not a number"),
        ("viability,well,1,hour,,percent,0,a test", "row 1: value '' is not a number"),
        ("viability,well,1,hour,0,percent,0,a test", "a log error needs positive values; declare lloq"),
        ("viability,well,-1,hour,50,percent,0,a test", "an observation at time -1, before the start"),
        ("viability,wel,1,hour,50,percent,0,a test", "row 1: no arm of the fit 'wel'; nearest: well"),
        (
            "viabilty,well,1,hour,50,percent,0,x",
            "row 1: no observable of the fit 'viabilty'; nearest: viability",
        ),
    ],
)
def test_a_wrong_table_is_refused_in_one_line(prepared, tmp_path, row, said):
    with pytest.raises(InputError, match=r"^[^\n]*$") as refused:
        prepared(**table(tmp_path, row))
    assert said in str(refused.value)


OF_PARAMETERS = [
    ("K_kill_max", "1 1/hour", "2 1/hour", "K_kill_max: starts at 0.353 1/hour, outside its bounds 1 to 2"),
    ("K_kill_max", "2", "1", "bounds 2 to 1 1/hour are empty"),
    ("K_kill_max", "0", "1", "not positive on a log scale"),
    ("K_kill", "0.1", "1", "no parameter in in_vitro 'K_kill'; nearest: "),
    ("k_kill", "0.1", "1", "k_kill is a rule of in_vitro"),
    ("ET_ratio", "0.1", "20", "arm ratio_1: ET_ratio is free and set"),
    ("KC50", "1 hour", "3", "KC50: hour does not convert to dimensionless"),
]


@pytest.mark.parametrize(("name", "low", "high", "said"), OF_PARAMETERS)
def test_a_wrong_parameter_is_refused_in_one_line(prepared, name, low, high, said):
    with pytest.raises(InputError, match=r"^[^\n]*$") as refused:
        prepared(parameters={name: {"low": low, "high": high}})
    assert said in str(refused.value)


GROUPED = {"arms": {"a": {"group": "a"}, "b": {"group": "b"}}}
OF_PROBLEMS = [
    ({"observables": {"viabilty": {"model": "log", "relative": "0.1"}}}, "nearest: viability"),
    ({"observables": {"viability": {"model": "log", "additive": "1"}}}, "has the size relative, no other"),
    ({"observables": {"viability": {"model": "additive", "additive": "1 hour"}}}, "does not convert to"),
    ({"observables": {"viability": {"model": "additive", "additive": "0"}}}, "must be positive, not 0"),
    ({"effects": {"K_kill_max": {"omega": "0.5"}}}, "with random effects every arm names its group"),
    ({"effects": {"MVX": {"omega": "0.5"}}, **GROUPED}, "no parameter in in_vitro 'MVX'"),
    ({"effects": {"KC50": {"omega": "1", "low": "0"}}, **GROUPED}, "low and high go with the distribution"),
    ({"effects": {"KC50": {"omega": "1 hour", "distribution": "normal"}}, **GROUPED}, "does not convert"),
    (
        {"effects": {"KC50": {"omega": "1", "distribution": "logit", "low": "2"}}, **GROUPED},
        "effects: KC50: low must be below high, not 2 and 1",
    ),
    ({"correlated": [["KC50", "MV"]]}, "no effect for correlated 'KC50'"),
    ({"effects": {"KC50": {"omega": "1"}}, "correlated": [["KC50"]], **GROUPED}, "two effects or more"),
    ({"effects": {"KC50": {"omega": "1"}}, "correlated": [["KC50", "KC50"]], **GROUPED}, "named twice"),
    ({"arms": {"a": {"doses": ["1e6"]}}}, "model in_vitro takes no dose"),
    ({"optimiser": {"loss": "huber"}}, "loss huber: viability needs an additive or log error, given"),
    ({"optimiser": {"loss": "huber", "method": "minimize"}}, "goes with method least_squares"),
    ({"observations": "data.csv"}, "give one of observations, table and synthetic"),
    ({"arms": {}}, "arms: synthetic data need one or more"),
    ({"synthetic": None, "observations": "none.csv"}, "none.csv: no such file"),
    ({"fixed_from": {"none.json": ["KC50"]}}, "none.json: no such file; run the fit first"),
    ({"synthetic": {"times": "1", "seed": 1, "reason": "", "truth": {"KC": "1"}}}, "for truth 'KC'"),
    ({"synthetic": {"times": "1", "seed": -1, "reason": ""}}, "seed: must be at least 0, not -1"),
    ({"synthetic": {"seed": 1, "reason": ""}}, "give times or design, a table; one of them"),
    ({"optimiser": {"seed": -1}}, "optimiser.seed: must be at least 0, not -1"),
    ({"ridge": ["KC50", "KC50"]}, "ridge: names KC50 twice"),
]


@pytest.mark.parametrize(("changes", "said"), OF_PROBLEMS)
def test_a_wrong_problem_is_refused_in_one_line(prepared, changes, said):
    with pytest.raises(InputError, match=r"^[^\n]*$") as refused:
        prepared(**changes)
    assert said in str(refused.value)


def test_a_fit_that_is_not_there_is_told_with_the_nearest():
    with pytest.raises(InputError, match=r"nearest: .*fig2b/moving_volume"):
        find_problem("fig2b/moving_volum")


def test_a_problem_like_another_takes_the_rest_from_it(written, tmp_path):
    other = written("other.yaml")
    (tmp_path / "variant.yaml").write_text("like: other.yaml\ntitle: at the bench\n", encoding="utf-8")
    variant, base = read_problem(tmp_path / "variant.yaml"), read_problem(other)
    assert variant == base.model_copy(update={"title": "at the bench"})


def test_a_problem_like_another_has_its_own_arms_and_a_table_in_place_of_a_design(written, tmp_path):
    written("other.yaml")
    text = "like: other.yaml\ntitle: x\nobservations: data.csv\narms: {well: {}}\ncondition: JeKo\n"
    (tmp_path / "variant.yaml").write_text(text, encoding="utf-8")
    variant = read_problem(tmp_path / "variant.yaml")
    assert (variant.observations, variant.synthetic) == ("data.csv", None)
    assert (tuple(variant.arms), variant.condition) == (("well",), "JeKo")


RESULT = {
    "title": "", "problem": {}, "checksum": "", "seed": 1, "time_unit": "hour", "versions": {},
    "synthetic": "", "runs": 1, "failed": 0, "numbers": {},
}  # fmt: skip

OF_RESULTS = [
    ({}, "result.json: has no table of estimates"),
    ({"parameter": ["KC50"]}, "its table of estimates lacks estimate, unit"),
    ({"parameter": ["KC50"], "estimate": [1, 2]}, "its table of estimates has columns of several lengths"),
    (
        {"parameter": ["KC50"], "estimate": [None], "unit": ["dimensionless"]},
        "its estimate of KC50 is no number, or there are several",
    ),
]


@pytest.mark.parametrize(("estimates", "said"), OF_RESULTS)
def test_a_broken_result_to_carry_values_from_is_refused_in_one_line(prepared, tmp_path, estimates, said):
    content = {**RESULT, "tables": {"estimates": estimates} if estimates else {}}
    (tmp_path / "result.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(InputError, match=r"^[^\n]*$") as refused:
        prepared(fixed_from={"result.json": ["KC50"]}, parameters={"K_kill_max": {"low": "0.1", "high": "5"}})
    assert said in str(refused.value)


def test_a_value_that_is_carried_is_not_given_otherwise(prepared, tmp_path):
    estimates = {"parameter": ["KC50"], "estimate": [2.0], "unit": ["dimensionless"]}
    for name in ("result.json", "other.json"):
        (tmp_path / name).write_text(json.dumps({**RESULT, "tables": {"estimates": estimates}}), "utf-8")
    free = {"K_kill_max": {"low": "0.1", "high": "5"}}
    one, two = {"result.json": ["KC50"]}, {"result.json": ["KC50"], "other.json": ["KC50"]}
    for given, said in (
        ({"fixed_from": one, "changes": {"KC50": "2x"}}, "KC50: is set and fixed from result.json"),
        ({"fixed_from": two}, "KC50: is fixed from another result and fixed from"),
    ):
        with pytest.raises(InputError, match=said):
            prepared(parameters=free, **given)


def test_problems_like_one_another_and_files_that_are_no_text_are_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("like: b.yaml\ntitle: x\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("like: a.yaml\ntitle: x\n", encoding="utf-8")
    (tmp_path / "c.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"b\.yaml: is like itself by way of others"):
        read_problem(tmp_path / "a.yaml")
    with pytest.raises(InputError, match=r"c\.yaml: cannot be read"):
        read_problem(tmp_path / "c.yaml")


def test_synthetic_data_stand_where_the_table_of_the_design_has_them(prepared, tmp_path):
    table(tmp_path, "viability,well,60,min,0,percent,0,a test", "viability,well,3,hour,0,percent,0,a test")
    arm = prepared(synthetic={"design": "data.csv", "seed": 1, "reason": "x"}, arms={"well": {}}).arms[0]
    assert arm.times.tolist() == [1, 3]
    assert (arm.value > 0).all()
    with pytest.raises(InputError, match=r"data\.csv: row 1: no arm of the fit 'well'; known: dish"):
        prepared(synthetic={"design": "data.csv", "seed": 1, "reason": "x"}, arms={"dish": {}})


ROW = "viability,well,1,hour,50,percent,0,a test"


def test_every_row_is_used_or_censored_or_left_out_because_the_problem_says_so(prepared, tmp_path):
    rows = [ROW, ROW.replace(",50,", ",1,"), ROW.replace("well", "dish"), ROW.replace("viability", "weight")]
    errors = {"viability": {"model": "log", "relative": "0.1", "lloq": "5 percent"}}
    made = prepared(**table(tmp_path, *rows), ignore=["dish", "weight"], observables=errors)
    assert made.rows == {"used": 2, "censored": 1, "left_out": 2}
    assert made.left_out == {"dish viability": 1, "well weight": 1}


def test_an_observable_that_an_arm_does_not_name_is_left_out_there(prepared, tmp_path):
    fields = table(tmp_path, ROW, ROW.replace("viability", "cytolysis"))
    errors = {name: {"model": "additive", "additive": "1"} for name in ("viability", "cytolysis")}
    arms = {
        "well": {"observables": ["viability"]},
        "again": {"observed": "well", "observables": ["cytolysis"]},
    }
    both = prepared(**fields | {"arms": arms}, observables=errors)
    assert (both.rows["used"], both.rows["left_out"]) == (2, 0)
    one = {"well": {"observables": ["viability"]}}
    with pytest.raises(InputError, match="cytolysis: has an error model and no observations"):
        prepared(**fields | {"arms": one}, observables=errors)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ignore": ["dsh"]}, "ignore: no arm or observable in data.csv 'dsh'; nearest: dish"),
        ({"ignore": ["well", "dish"]}, "ignore: well is fitted"),
        ({"ignore": ["viability"]}, "ignore: viability is fitted"),
        ({}, "data.csv: row 2: no arm of the fit 'dish'; known: well; ignore: names what is left out"),
        (
            {"arms": {"well": {}, "w": {"observed": "well"}}, "ignore": ["dish"]},
            "row 1: is of arm w and of arm well",
        ),
        ({"arms": {"well": {}, "w": {}}, "ignore": ["dish"]}, "arm w: no row of data.csv is of it"),
        ({"columns": {"time": "remark"}}, "columns: time is a column of every table of observations"),
        ({"columns": {"ET_ratio": "parameter"}}, "column missing: ET_ratio"),
    ],
)
def test_a_row_that_would_be_lost_is_refused(prepared, tmp_path, changes, said):
    with pytest.raises(InputError, match=said):
        prepared(**table(tmp_path, ROW, ROW.replace("well", "dish")) | changes)


WELLS = "observable,arm,ET_ratio,time,time_unit,value,unit,reading_error,source\n" + "".join(
    f"viability,Daudi,{ratio},4,hour,{value},percent,0,a test\n"
    for ratio, value in ((1, 80), (3, 50), (10, 20))
)


def test_a_column_that_is_a_parameter_tells_whose_a_row_is(prepared, tmp_path):
    (tmp_path / "data.csv").write_text(WELLS)
    arms = {f"at_{i}": {"observed": "Daudi", "changes": {"ET_ratio": str(i)}} for i in (10, 1, 3)}
    fields = {"observations": "data.csv", "synthetic": None, "arms": arms}
    made = prepared(**fields, columns={"ET_ratio": "parameter"})
    assert {arm.name: arm.value.tolist() for arm in made.arms} == {"at_1": [80], "at_3": [50], "at_10": [20]}
    with pytest.raises(InputError, match=r"data\.csv: no column 'ET_ratio'; known: arm"):
        prepared(**fields)
    with pytest.raises(InputError, match="row 2: no arm of the fit observes Daudi at ET_ratio 3"):
        prepared(
            **fields | {"arms": {k: v for k, v in arms.items() if k != "at_3"}},
            columns={"ET_ratio": "parameter"},
        )
    one = {"well": {"observed": "Daudi"}}
    free = {"ET_ratio": {"low": "0.1", "high": "20"}}
    with pytest.raises(InputError, match=r"ET_ratio: is free, and a column of data\.csv"):
        prepared(**fields | {"arms": one}, columns={"ET_ratio": "parameter"}, parameters=free)


def test_synthetic_data_depend_on_the_seed_alone(prepared):
    one, again, other = (prepared(synthetic={"times": "4", "seed": s, "reason": "x"}) for s in (1, 1, 2))
    assert one.checksum == again.checksum
    assert one.checksum != other.checksum


def test_a_fit_counts_what_the_model_counts():
    path = find_problem("fig3/synthetic")
    assert prepare(read_problem(path), path.parent).units["transgene"] == "copies/ug"
    path = find_problem("fig2b/moving_volume")
    assert prepare(read_problem(path), path.parent).units["blood_cart"] == "cells/uL"

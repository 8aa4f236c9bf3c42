"""Tables as they come: each row a dose, a measurement, or left out for a reason that is told."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.cli.main import run
from harness.errors import InputError
from harness.fitting.prepare import prepare
from harness.fitting.problem import FitProblem, read_problem
from harness.fitting.understood import understood
from harness.models.card import repository

HEAD = "ID,TIME,DV,AMT,RATE,EVID,DVID,MDV,CENS,LIMIT"
DOSE, SEEN = "1,0,.,150e6,.,1,.,1,.,.", "1,7,1200,.,.,0,1,0,0,."
OTHER = "2,7,900,.,.,0,1,0,0,."
PROBLEM = {
    "title": "a table as it comes",
    "model": "clinical",
    "table": {
        "file": "data.csv",
        "time": "day",
        "amount": "cells",
        "observables": {"1": "transgene copies/ug"},
    },
    "observables": {"transgene": {"model": "log", "relative": "0.3"}},
    "parameters": {"K_exp_max": {"low": "0.1 1/day", "high": "10 1/day"}},
}


@pytest.fixture
def made(tmp_path):
    """Prepare the fit of a table with some rows, under some heading; fields of `table` can be given."""

    def make(*rows, head=HEAD, name="data.csv", fields=None, **table):
        (tmp_path / name).write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
        problem = {**PROBLEM, "table": {**PROBLEM["table"], "file": name, **table}, **(fields or {})}
        (tmp_path / "problem.yaml").write_text(yaml.safe_dump(problem), encoding="utf-8")
        return prepare(read_problem(tmp_path / "problem.yaml"), tmp_path)

    return make


def test_subjects_are_arms_and_doses_regimens_and_no_row_is_lost(made):
    rows = [
        "a,0,.,100e6,.,1,.,1,.,.",
        "a,12,1200,.,.,0,1,0,0,.",
        "a,24,50,.,.,0,1,0,1,10",
        "a,24,.,.,.,0,1,1,0,.",
        "b,0,.,1e8,5e7,1,.,1,.,.",
        "b,48,9e4,.,.,0,1,0,-1,.",
        "b,49,.,.,.,2,.,.,.,.",
    ]
    found = made(*rows, time="hour")
    assert [arm.name for arm in found.arms] == ["a", "b"]
    assert [str(arm.regimen) for arm in found.arms] == ["1e+08@0", f"1e+08@0 for {2 / 24!r}"]
    a, b = found.arms
    assert a.times.tolist() == [0.5, 1]
    np.testing.assert_equal([a.lower, a.limit], [[np.nan, 10], [np.nan, 50]])
    np.testing.assert_equal([b.lower, b.limit], [[9e4], [np.inf]])
    assert found.rows == {"used": 3, "censored": 2, "left_out": 2}
    assert sum(found.rows.values()) - 2 + 2 == len(rows)  # censored rows are used ones, and two are doses
    assert found.left_out == {"without a value (MDV 1)": 1, "other events (EVID 2)": 1}


def test_repeated_doses_are_written_out(made):
    head = "ID,TIME,DV,AMT,ADDL,II"
    found = made("1,2,.,150e6,2,1.5", "1,9,5,.,.,.", head=head, observables={})
    assert [dose.time for dose in found.arms[0].regimen.doses] == [2, 3.5, 5]


@settings(derandomize=True, deadline=None, max_examples=20)
@given(
    events=st.lists(
        st.tuples(st.integers(0, 100), st.sampled_from(["dose", "seen", "missing"]), st.floats(1, 1e6)),
        min_size=1,
        max_size=12,
    ),
    times=st.sampled_from(["day", "hour", "week"]),
)
def test_what_is_written_as_a_long_table_is_read_back(tmp_path_factory, events, times):
    """Doses, measurements and what is left out, one after the other in time, in any unit of it."""
    events = sorted(events, key=lambda event: (event[0], event[1] != "dose"))
    folder, per_day = tmp_path_factory.mktemp("long"), {"day": 1, "hour": 24, "week": 1 / 7}[times]
    cells = {"dose": ("{t},.,{v},1,1", 0), "seen": ("{t},{v},.,0,0", 1), "missing": ("{t},.,.,0,1", 1)}
    rows = [*("s," + cells[kind][0].format(t=t, v=repr(v)) for t, kind, v in events), "s,500,7,.,0,0"]
    (folder / "data.csv").write_text("\n".join(["ID,TIME,DV,AMT,EVID,MDV", *rows]), encoding="utf-8")
    table = {"file": "data.csv", "time": times}
    arm = prepare(FitProblem.model_validate({**PROBLEM, "table": table}), folder).arms[0]
    seen = sorted([(500.0, 7.0), *((float(t), v) for t, kind, v in events if kind == "seen")])
    found = sorted(zip((arm.times * per_day)[arm.time_index], arm.value, strict=True))
    np.testing.assert_allclose(found, seen, rtol=1e-12)
    given_ = {
        t: sum(v for s, kind, v in events if kind == "dose" and s == t)
        for t, kind, _ in events
        if kind == "dose"
    }
    doses = {dose.time * per_day: dose.amount for dose in arm.regimen.doses}
    np.testing.assert_allclose(sorted(doses.items()), sorted(given_.items()), rtol=1e-12)


def test_a_table_is_the_same_with_commas_semicolons_tabulators_blanks_and_in_a_workbook(made, tmp_path):
    rows = [DOSE, "1,7.5,1.2e3,.,.,0,1,0,0,.", "1,9.25,50,.,.,0,1,0,1,10"]
    first = made(*rows).checksum
    decimal_commas = [row.replace(",", ";").replace("7.5", "7,5").replace("9.25", "9,25") for row in rows]
    decimal_commas[1] = decimal_commas[1].replace("1.2", "1,2")
    assert made(*decimal_commas, head=HEAD.replace(",", ";")).checksum == first
    for mark in ("\t", "  "):
        written = made(*(row.replace(",", mark) for row in rows), head="#" + HEAD.replace(",", mark))
        assert written.checksum == first
    pytest.importorskip("openpyxl")
    cells = [[_cell(c) for c in row.split(",")] for row in rows]
    pd.DataFrame(cells, columns=HEAD.split(",")).to_excel(tmp_path / "book.xlsx", index=False)
    table = {**PROBLEM["table"], "file": "book.xlsx"}
    assert prepare(FitProblem.model_validate({**PROBLEM, "table": table}), tmp_path).checksum == first


def _cell(text):
    try:
        return float(text)
    except ValueError:
        return text


def test_columns_can_have_other_names_and_set_parameters_and_groups(made):
    found = made(
        "A,7,10,60,x",
        "B,7,20,80,y",
        "B,8,20,80,y",
        head="subject,TIME,CONC,size,site",
        fields={"effects": {"K_exp_max": {"omega": "0.3"}}},
        columns={"subject": "ID", "CONC": "DV"},
        observables={},
        parameters={"size": "V_b mL"},
        group="site",
        doses=["450e6"],
    )
    assert [arm.fixed["V_b"] for arm in found.arms] == pytest.approx([60e-3, 80e-3])
    assert found.groups == ("x", "y")
    assert {str(arm.regimen) for arm in found.arms} == {"4.5e+08@0"}


WRONG = [
    (
        [DOSE, "1,7:30,5,.,.,0,1,0,0,."],
        "row 2: TIME '7:30': must be a number, or . for nothing, with the hours",
    ),
    ([DOSE, "1,,5,.,.,0,1,0,0,."], "row 2: TIME '': must be a number of day, from the start"),
    ([DOSE, "1,-2,5,.,.,0,1,0,0,."], "row 2: TIME '-2': lies before the start"),
    ([DOSE, "1,7,,.,.,0,1,0,0,."], "row 2: DV '': must be a number, or MDV 1"),
    ([DOSE, "1,7,<50,.,.,0,1,0,0,."], "row 2: DV '<50': must be a number"),
    ([DOSE, "1,7,5,.,.,0,3,0,0,."], "row 2: DVID '3': is none of table: observables: 1"),
    ([DOSE, "1,7,5,.,.,0,1,0,2,."], "row 2: CENS '2': must be one of -1, 0, 1"),
    (
        [DOSE, "1,7,5,.,.,0,1,0,1,9"],
        "row 2: LIMIT '9': is censored below 5, so that its lower limit cannot be 9",
    ),
    ([DOSE, "1,7,5,.,.,7,1,0,0,."], "row 2: EVID '7': must be one of 0, 1, 2, 3, 4"),
    ([DOSE, "1,7,5,.,.,4,1,0,0,."], "row 2: EVID '4': resets the subject, which is not supported"),
    ([DOSE, "1,7,5,1e8,.,0,1,0,0,."], "row 2: AMT '1e8': must be . or 0 where EVID is 0"),
    (["1,0,.,.,.,1,.,1,.,.", SEEN], "row 1: AMT '.': must be a number where EVID is 1"),
    (["1,0,9,150e6,.,1,.,1,.,.", SEEN], "row 1: DV '9': stands on a dose"),
    (["1,0,.,150e6,.,1,.,0,.,.", SEEN], "row 1: MDV '0': stands on a dose"),
    (["1,0,.,150e6,-2,1,.,1,.,.", SEEN], "row 1: RATE '-2': asks for a rate that a model estimates"),
    (["1,0,.,-5,.,1,.,1,.,.", SEEN], "row 1: AMT '-5': must not be negative"),
    ([DOSE, OTHER, SEEN], "row 3: ID '1': comes again after other subjects"),
    ([DOSE, "2,7,5,.,.,0,1,0,0,."], "ID 1: nothing was measured; ignore: names it"),
    ([",7,5,.,.,0,1,0,0,."], "row 1: ID '': must name the subject"),
    ([DOSE, SEEN, "1.0,9,5,.,.,0,1,0,0,."], "row 3: ID '1.0': is the same number as '1' above"),
    ([DOSE, SEEN, "1,5,5,.,.,0,1,0,0,."], "row 3: TIME '5': lies before a row above it, at 7; put rows in"),
    ([DOSE, SEEN, DOSE, SEEN], "row 3: TIME '0': lies before a row above it, at 7; put rows in order, or is"),
    (["1,0,5,.,.,0,1,0,0,.", DOSE, SEEN], "row 1: TIME '0': a dose of the same time stands below; a sample"),
    ([DOSE, "1,7,5,.,1e6,0,1,0,0,."], "row 2: RATE '1e6': is of a dose, and this is a measurement"),
    (["1,0,.,150e6,.,1,.,1,1,.", SEEN], "row 1: CENS '1': is of a measurement, and this is a dose"),
    ([DOSE, SEEN, "1,9,0,.,.,0,1,0,0,."], "row 3: transgene 0: a log error needs positive values"),
    ([DOSE, SEEN, "1,9,5,.,.,0"], "row 3: has 6 cells of 10; write . for nothing, or is the file cut short?"),
    ([DOSE], "holds no measurement"),
]


@pytest.mark.parametrize(("rows", "said"), WRONG)
def test_a_cell_that_makes_no_sense_is_told_with_its_row_and_column(made, rows, said):
    with pytest.raises(InputError, match=r"^[^\n]*$") as refused:
        made(*rows)
    assert said in str(refused.value)


OF_COLUMNS = [
    ("ID,TIME,DV,WT", "1,7,5,70", {}, "column WT: say in table what it is"),
    ("ID,TIME,CONC", "1,7,5", {"columns": {"CONC": "remark"}}, "column missing: DV; columns: names them"),
    (
        "ID,TIME,DV,DV2",
        "1,7,5,6",
        {"columns": {"DV2": "DV"}},
        "column DV is given twice; name one of them a remark",
    ),
    ("ID,TIME,DV", "1,7,5", {"columns": {"WEIGHT": "remark"}}, "no column 'WEIGHT'"),
    ("ID,TIME,DV", "1,7,5", {"group": "arm"}, "no column 'arm'"),
    ("ID,TIME,DV", "1,7,5", {}, "column missing: DVID or CMT, which table: observables: is about"),
    (
        "ID,TIME,DV,AMT",
        "1,7,5,.",
        {"doses": ["1e8"], "observables": {}},
        "doses: goes with a table without AMT",
    ),
    (
        "ID,TIME,DV,W",
        "1,7,5,2",
        {"parameters": {"W": "V_b kg"}, "observables": {}},
        "table.parameters.W: V_b: kg does not convert to L",
    ),
    (
        "ID,TIME,DV,CMT",
        "1,7,5,1",
        {"observables": {"1": "transgene mg/L"}},
        "table.observables.1: transgene: mg/L does not convert to copies/",
    ),
    ("ID,TIME,DV,W", "1,7,5,x", {"parameters": {"W": "V_b"}, "observables": {}}, "W 'x': must be a number"),
    ("ID,TIME,DV,CMT", "1,7,5,1", {"observables": {"1": "transgen"}}, "no observable of the fit 'transgen'"),
    ("ID,TIME,DV", "1,7,5", {"time": "mile", "observables": {}}, "table.time: mile does not convert"),
    (
        "ID,TIME,DV,AMT",
        "1,0,.,5\n1,7,5,.",
        {"amount": "mg", "observables": {}},
        "table.amount: mg does not convert",
    ),
    ("ID,TIME,DV,AMT,CMT", "1,0,.,5,1\n1,1,.,5,2\n1,7,5,.,1", {}, "row 2: CMT '2': doses go into '1' before"),
    ("ID,TIME,DV,AMT,SS", "1,0,.,5,1\n1,7,5,.,0", {"observables": {}}, "row 1: SS '1': steady states"),
    (
        "ID,TIME,DV,AMT,ADDL",
        "1,0,.,5,3\n1,7,5,.,0",
        {"observables": {}},
        "row 1: II '': must be the positive time",
    ),
    (
        "ID,TIME,DV,AMT,ADDL,II",
        "1,0,.,5,1.5,1\n1,7,5,.,0,0",
        {"observables": {}},
        "ADDL '1.5': must be a whole",
    ),
    ("ID,TIME,DV,AMT,II", "1,0,.,5,7\n1,7,5,.,.", {"observables": {}}, "row 1: II '7': repeats nothing"),
    ("ID,TIME,DV,AMT,ADDL,II", "1,0,.,5,.,.\n1,7,5,.,2,7", {"observables": {}}, "row 2: ADDL '2': is of a"),
    ("ID,TIME,DV,", "1,7,5,", {"observables": {}}, "a column without a heading; is there a comma too many"),
    (
        "ID,TIME,DV,AMT,RATE,TINF",
        "1,0,.,5,1,1\n1,7,5,.,0,0",
        {"observables": {}},
        "TINF '1': says what RATE says",
    ),
]


@pytest.mark.parametrize(("head", "rows", "fields", "said"), OF_COLUMNS)
def test_a_column_that_makes_no_sense_is_told(made, head, rows, fields, said):
    with pytest.raises(InputError, match=r"^[^\n]*$") as refused:
        made(rows, head=head, **fields)
    assert said in str(refused.value)


def test_measurements_may_stand_observable_by_observable(made):
    """Time begins anew for each, and doses come before what follows them."""
    rows = ["1,0,150e6,.,.", "1,7,.,5,1", "1,28,.,4,1", "1,7,.,6,2", "1,28,.,7,2"]
    found = made(*rows, head="ID,TIME,AMT,DV,DVID", observables={"1": "transgene", "2": "ignore"})
    assert found.arms[0].value.tolist() == [5, 4]


def test_a_dose_far_below_those_of_the_model_is_told(tmp_path):
    (tmp_path / "data.csv").write_text("ID,TIME,DV,AMT\n1,0,.,450\n1,7,900,.\n", encoding="utf-8")
    problem = {**PROBLEM, "table": {"file": "data.csv"}}
    _, said = understood(FitProblem.model_validate(problem), tmp_path)
    assert "dose 450: 450 cells; this model's doses are of 1e6 and more" in said
    (tmp_path / "data.csv").write_text("ID,TIME,DV\n1,7,900\n", encoding="utf-8")
    _, said = understood(FitProblem.model_validate(problem), tmp_path)
    assert "nobody gets a dose: AMT, or doses under table, says who does" in said


def test_a_slip_of_a_unit_shows_in_what_is_told(made, tmp_path):
    """An amount in units of which there are far too many, a rate by another clock, and a measurement."""
    said = {}
    for row in ("1,0,.,150e12,.,1,.,1,.,.", "1,0,.,150e6,1e3,1,.,1,.,."):
        made(row, SEEN)
        said[row] = understood(read_problem(tmp_path / "problem.yaml"), tmp_path)[1]
    many, slow = said.values()
    assert "dose 1.5e+14: 1.5e+14 cells; this model's doses are of 1e12 and less" in many
    assert "a dose is given, or still runs, after the last observation: 1" in slow
    assert not set(many[1:]) & set(slow[1:])


def test_what_a_subject_sets_and_what_changes_in_it_is_told(made, tmp_path):
    rows = ["1,0,.,1e8,60,5", "1,7,50,.,60,5", "1,9,9e3,.,66,5", "2,0,.,1e8,80,6", "2,7,3e2,.,80,6"]
    made(
        *rows,
        head="ID,TIME,DV,AMT,WT,V",
        fields={"covariates": {"K_exp_max": {"WT": {"reference": "70", "linear": {"low": -1, "high": 1}}}}},
        observables={},
        parameters={"V": "V_b"},
    )
    found, _ = understood(read_problem(tmp_path / "problem.yaml"), tmp_path)
    assert found["sets"].tolist() == ["WT 60, 66 from 9.0; V_b 5", "WT 80; V_b 6"]
    assert found[["lowest", "highest"]].to_numpy().tolist() == [[50, 9e3], [300, 300]]


def test_a_model_without_doses_takes_none(made):
    fields = {
        "model": "in_vitro",
        "observables": {"viability": {"model": "log", "relative": "0.3"}},
        "parameters": {"K_kill_max": {"low": "0.1 1/hour", "high": "1 1/hour"}},
    }
    table = {"amount": None, "time": "hour", "observables": {}, "parameters": {"ET": "ET_ratio"}}
    head = "ID,TIME,DV,ET,AMT"
    assert made("w,4,50,3,.", head=head, fields=fields, **table).arms[0].regimen is None
    with pytest.raises(InputError, match="row 1: AMT '5': model in_vitro takes no dose"):
        made("w,0,.,3,5", "w,4,50,3,.", head=head, fields=fields, **table)


def test_arms_and_conditions_of_a_table_are_taken_from_it(prepared, tmp_path):
    head = "observable,arm,time,time_unit,value,unit,ET_ratio"
    rows = [f"viability,{arm},4,hour,{50 - ratio},percent,{ratio}" for arm in "ab" for ratio in (1, 3, 3)]
    (tmp_path / "data.csv").write_text("\n".join([head, *rows]))
    fields = {"observations": "data.csv", "synthetic": None, "columns": {"ET_ratio": "condition"}}
    found = prepared(**fields, arms=None)
    assert [arm.name for arm in found.arms] == [
        "a, ET_ratio 1",
        "a, ET_ratio 3",
        "b, ET_ratio 1",
        "b, ET_ratio 3",
    ]
    assert [arm.fixed["ET_ratio"] for arm in found.arms] == [1, 3, 1, 3]
    assert [arm.value.tolist() for arm in found.arms] == [[49], [47, 47]] * 2
    with pytest.raises(InputError, match="arm a: sets ET_ratio, which its rows do; one of them"):
        prepared(**fields, arms={"a": {"changes": {"ET_ratio": "3"}}, "b": {}})


def test_the_command_tells_what_was_understood(capfd, monkeypatch):
    monkeypatch.chdir(repository())
    assert run(["data", "examples/tables/patients.csv", "examples/tables/patients.yaml"]) == 0
    said = capfd.readouterr().out
    assert "6 arms, 9 doses, 87 observations, 19 of them censored; 1 rows left out" in said
    assert "left out: 1 without a value (MDV 1): row 19" in said
    assert "1e+08@0, 1e+08@1, 1e+08@2" in said
    assert run(["data", "examples/tables/assay.csv", "examples/tables/patients.yaml"]) == 2
    assert run(["data", "none.csv", "fig2b/moving_volume"]) == 2
    assert run(["data", "none.csv", "examples/sequential/wells.yaml"]) == 2
    assert "its data are synthetic: it reads no table" in capfd.readouterr().err


def test_what_is_shown_is_what_is_fitted(made, tmp_path):
    found = made(DOSE, SEEN, "1,28,50,.,.,0,1,0,1,.")
    rows, _ = understood(read_problem(tmp_path / "problem.yaml"), tmp_path)
    assert rows["observations"].sum() == found.observations
    assert rows["censored"].tolist() == ["1 below"]

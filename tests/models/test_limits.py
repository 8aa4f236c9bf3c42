"""Values that a parameter cannot have: one line wherever it is given, and a failed run where it is drawn."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import grid, plan, random_effects, run, simulate
from harness.cli.main import run as cart
from harness.errors import InputError
from harness.models.catalog import library_names, load_card, model_names, select
from harness.models.limits import Limits
from harness.models.provenance import constants_of
from harness.simulation.design import Design
from harness.simulation.draws import read_parameter_draws
from harness.simulation.estimate_sources import estimates_for
from harness.simulation.estimates import Estimates
from harness.simulation.execute import Serial
from harness.simulation.plan import run_by
from harness.studies.compare import Compare
from harness.studies.population import Population
from harness.studies.uncertain import Uncertain

SAID = "f_effector: must be from 0 to 1"
ENDS = st.floats(-10, 10)


@pytest.fixture(scope="module")
def product():
    return load_card("clinical_product").symbols


@settings(derandomize=True, deadline=None, max_examples=200)
@given(least=st.none() | ENDS, above=st.none() | ENDS, most=st.none() | ENDS, value=ENDS)
def test_limits_leave_values_or_are_refused_and_exclude_what_lies_outside(least, above, most, value):
    low = least if above is None else above
    empty = (low is not None and most is not None and low >= most) or (low is None and most is None)
    if empty or (least is not None and above is not None):
        with pytest.raises(ValueError, match=r"give|leave no value"):
            Limits(least=least, above=above, most=most)
        return
    found = Limits(least=least, above=above, most=most)
    inside = (least is None or value >= least) and (above is None or value > above)
    inside &= most is None or value <= most
    assert found.excludes(value) is not inside
    assert found.times(3.0).excludes(3.0 * value) is not inside
    assert not found.excludes(float("nan"))


def models_with_limits_of_their_own():
    cards = {name: load_card(name) for name in (*model_names(), *library_names())}
    return [name for name, card in cards.items() if all(base.limits != card.limits for base in card.bases)]


@pytest.mark.parametrize("name", models_with_limits_of_their_own())
def test_what_a_model_takes_has_rates_at_the_start(name):
    """Each parameter at 0, and each share far above 1, is refused or has a start: what divides has limits."""
    card = load_card(name)
    symbols, dosed = card.symbols, card.dose.parameter if card.dose else ""
    rows = []
    for one in symbols.offered():
        symbol = symbols[one]
        share = symbol.unit == "dimensionless" and one.startswith(("f_", "FB"))
        for value in (0.0, 5.0) if share else (0.0,):
            if one != dosed and not (symbol.within and symbol.within.excludes(value)):
                rows.append({one: value})
            elif one != dosed:
                with pytest.raises(InputError, match=f"{one}: "):
                    symbols.parse(one, value)
    typical = {one: symbols[one].value for row in rows for one in row}
    table = pd.DataFrame([{**typical, **row} for row in rows])
    end = 1e-3 * card.until
    found = run(plan(name, Design(table), endpoints=(), at=[end], observables=card.observables))
    started = ~np.char.endswith(found.reason.to_numpy().astype(str), "at the start")
    assert started.all(), [rows[i] for i in np.flatnonzero(~started)]
    assert not any(value == 5.0 for row in rows for value in row.values())


def test_a_design_refuses_what_is_refused_when_it_is_set(product):
    def answer(give):
        try:
            give()
        except InputError as error:
            return str(error)
        return ""

    for name in product.offered():
        for value in (-1.0, 0.0, 0.5, 1.0, 1.5):
            design = Design(pd.DataFrame({name: [value]}))
            answers = [
                answer(partial(product.parse, name, value)),
                answer(partial(design.checked, product)),
            ]
            assert bool(answers[0]) == bool(answers[1]), answers
            assert all(name in said and f"{value:g}" in said for said in answers if said)


ARMS = {"a": {"doses": ["1e8"]}, "b": {"doses": ["1e8"], "changes": {"f_effector": "1.5"}}}
WRONG = {"model": "clinical_product", "changes": {"f_effector": "150 %"}}
FILES = {
    "compare": {"model": "clinical_product", "arms": ARMS},
    "trial": WRONG | {"arms": {"a": {"doses": ["1e8"], "patients": 3}}, "visits": "0:99:30", "replicates": 2},
    "population": WRONG | {"patients": 5, "doses": [1e8]},
    "exposure": WRONG | {"patients": 5, "doses": [1e8, 2e8]},
    "escalate": WRONG
    | {"doses": [1e8, 4e8], "trials": 3, "toxicity": {"at": 1e4, "probability": 0.3, "slopes": [1]}},
    "drivers": {
        "model": "clinical_product", "arms": {"a": {"doses": ["1e8"]}},
        "parameters": {"f_effector": {"low": "0.5", "high": "1.5"}},
    },
}  # fmt: skip
LINES = [
    ("simulate", "clinical_product", "--set", "f_effector=1.5"),
    ("scan", "clinical_product", "--grid", "f_effector=0.5:1.5:linear:3"),
    ("scan", "clinical_product", "--grid", "f_effector=0.5,1.5"),
    ("run", "clinical_product", "--design", "design.csv"),
    ("population", "--model", "clinical_product", "--set", "f_effector=1.5", "--patients", "5"),
    ("export", "clinical_product", "--format", "python", "--set", "f_effector=1.5", "--out", "x.py"),
    ("simulate", "clinical_product", "--from", "draws.csv", "--uncertainty", "5"),
    ("nca", "clinical_product", "--set", "f_effector=1.5", "--observable", "transgene"),
    (
        "sensitivity",
        "clinical_product",
        "--parameters",
        "f_effector",
        "--observable",
        "transgene",
        "--at",
        "9",
    ),
    *((name, f"{name}.yaml") for name in FILES),
]


@pytest.mark.parametrize("line", LINES, ids=" ".join)
def test_every_way_to_give_it_is_told_in_one_line(line, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "design.csv").write_text("dose,f_effector\n1e8,0.5\n1e8,1.5\n")
    (tmp_path / "draws.csv").write_text("K_kill_max,f_effector\n0.3,0.5\n0.4,1.5\n")
    for name, fields in FILES.items():
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(fields))
    assert cart([*line]) == 2
    out, err = capfd.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "f_effector" in err
    assert "must be from 0 to 1" in err
    assert "1.5" in err or "its spread reaches 1." in err


def test_a_design_in_a_script_is_told_with_row_and_column(product):
    with pytest.raises(InputError, match=r"row 1, column f_effector: '1.5' must be from 0 to 1"):
        plan("clinical_product", grid(f_effector=[0.5, 1.5]))
    with pytest.raises(InputError, match=r"column f_low@30: '2.0' must be from 0 to 1"):
        plan("clinical_product", grid(**{"f_low@30": [2.0]}))
    with pytest.raises(InputError, match=SAID):
        simulate("clinical_product", changes={"f_effector": 1.5})
    with pytest.raises(InputError, match=r"'150' must be from 0 to 1 percent"):
        Design(pd.DataFrame({"f_effector": ["150"]}), {"f_effector": "percent"}).checked(product)


@pytest.mark.parametrize("engine", ["roadrunner", "kernel"])
@pytest.mark.usefixtures("uncompiled_kernels")
def test_a_patient_drawn_beyond_it_is_a_failed_run_and_the_others_are_as_they_were(engine):
    drawn = random_effects({"f_effector": 0.8}, {"f_effector": 0.5}, 6, seed=1) * grid(dose=[1e8, 2e8])
    planned = run_by(plan("clinical_product", drawn, endpoints=["Cmax"], until="20 days"), engine)
    found = run(planned)
    beyond = drawn.table["f_effector"].to_numpy() > 1
    assert 0 < beyond.sum() < beyond.size
    assert (found.status.to_numpy() == "beyond the model").tolist() == beyond.tolist()
    assert all(SAID in reason for reason in found.reason.to_numpy()[beyond])
    assert np.isnan(found.Cmax.to_numpy()[beyond]).all()
    inside = Design(drawn.table[~beyond].reset_index(drop=True))
    every = replace(drawn, table=drawn.table.assign(days=20.0), drawn=(*drawn.drawn, "dose", "days"))
    assert every.beyond(load_card("clinical_product").symbols) == drawn.beyond(planned.symbols)
    alone = run(run_by(plan("clinical_product", inside, endpoints=["Cmax"], until="20 days"), engine))
    assert alone.Cmax.to_numpy().tolist() == found.Cmax.to_numpy()[~beyond].tolist()


def test_patients_of_studies_that_are_drawn_beyond_it_are_counted_as_failed():
    fields = {"model": "clinical_product", "changes": {"f_low": "0.5"}, "omegas": {"f_low": 0.6}}
    one = Population(patients=10, doses=(1e8,), months=(1,), until="2 months", **fields)
    beyond = int((one.patients_design(10).table["f_low"] > 1).sum())
    assert beyond > 0
    outcome = one.run(Serial())
    assert outcome.failed == beyond
    arms = {name: {"doses": ["1e8"]} for name in "ab"}
    two = Compare.model_validate(
        {**fields, "patients": 15, "until": "7 months", "sizes": [], "draws": 100, "arms": arms}
    )
    beyond = int((two.patients_design(15).table["f_low"] > 1).sum())
    assert two.run(Serial()).failed == 2 * beyond


def test_draws_of_what_is_not_known_are_what_the_parameter_can_have():
    wide = Estimates(
        "a test", ("f_low",), ("percent",), np.array([90.0]), np.array([False]), np.array([[900.0]])
    )
    found = estimates_for(wide, select("clinical_product")).draws(200, seed=1).table["f_low"]
    assert found.between(0, 100).all()
    assert found.std() > 10
    far = replace(wide, covariance=np.array([[1e24]]))
    with pytest.raises(InputError, match="draws of f_low are what it cannot be"):
        estimates_for(far, select("clinical_product")).draws(5, seed=1)
    study = Population(model="clinical_product", patients=3, doses=(1e8,), months=(1,), until="2 months")
    outcome = Uncertain(study, estimates_for(wide, select("clinical_product")), draws=4).run(Serial())
    assert outcome.failed == 0


def test_a_table_of_draws_has_no_row_that_the_model_cannot_have(tmp_path, product):
    path = tmp_path / "draws.csv"
    path.write_text("f_low,omega_f_low\n0.3,0\n1.2,0\n")
    with pytest.raises(InputError, match=r"row 2: f_low: '1.2' must be from 0 to 1"):
        read_parameter_draws(path, product)


OWN = "model own()\n S = 1; k = 0.5; f = 0.5; S' = -k*f*S\nend\n"


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ("{f: {least: 0, most: 1}}", ""),
        ("{g: {least: 0}}", "names g, which the model does not have"),
        ("{S: {least: 0}}", "limits: S is no parameter that can be set"),
        ("{f: {above: 0.5}}", "limits: f: must be above 0.5, and the model has 0.5"),
        ("{f: {}}", "limits.f: give least, above or most"),
        ("{f: {least: 2, most: 1}}", "leave no value between 2 and 1"),
        ("{f: {low: 0}}", "limits.f"),
    ],
)
def test_a_card_of_a_model_of_ones_own_declares_them(limits, said, tmp_path):
    path = tmp_path / "own.ant"
    path.write_text(OWN)
    path.with_suffix(".yaml").write_text(f"limits: {limits}\n")
    with pytest.raises(InputError) as caught:
        simulate(str(path), changes={"f": 1.5})
    assert (said or "f: must be from 0 to 1, not 1.5") in str(caught.value)


def test_a_negative_value_of_what_is_negative_in_a_model_goes_into_designs_too(tmp_path):
    path = tmp_path / "own.ant"
    path.write_text("model own()\n S = 1; k = -0.5; S' = k*S\nend\n")
    found = run(plan(str(path), grid(k=[-1.0, 0.5]), at=[1.0], observables=["S"]))
    assert found["S_1"].to_numpy() == pytest.approx(np.exp([-1.0, 0.5]), rel=1e-5)


def test_ranges_that_are_only_sensible_are_no_limits(product):
    """K_off has a range of tenfold either way; a hundredfold runs."""
    assert product.parse("K_off", "100x") == pytest.approx(0.239)
    assert "K_off" not in constants_of(load_card("clinical_product"))

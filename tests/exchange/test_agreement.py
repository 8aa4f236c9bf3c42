"""Every file gives the numbers of the engine in every tool, within |a - b| <= atol + 1e-5 |b|."""

import json

import numpy as np
import pytest

from harness.errors import InputError
from harness.exchange import agreement
from harness.exchange.agreement import Agreement, absolute_tolerances
from harness.exchange.compiled import identity
from harness.exchange.tools import TOOLS, ToolFailed, run_tool
from harness.exchange.use import use_of
from harness.models.catalog import load_card, model_names
from harness.simulation.execute import Processes, Serial

REPEATED = {"repeated": ("1x", "0.5x@20.3", "0.5x@41.7 for 0.5")}


def test_tools_agree_on_every_file_with_repeated_doses():
    """Every day without tellurium, whose engine is libRoadRunner, and whose archives are run every day."""
    tools = ("libroadrunner", "copasi", "scipy")
    study = Agreement(kind="agreement", readings="default", tools=tools, regimens=REPEATED)
    everyday = study.run(Serial())
    table = everyday.tables["agreement"]
    assert set(table.tool) == set(tools)
    assert set(table.file) == {"l3v2", "l3v1", "solver"}
    assert set(table.regimen) == {"repeated", "none"}
    assert set(table.model) == set(model_names())
    assert everyday.failed == 0
    for tool in tools:
        assert everyday.numbers[f"{tool}_over_tolerance"] <= 1
    assert everyday.numbers["libsbml_messages"] == 0
    assert everyday.tables["messages"].empty
    assert set(everyday.numbers) == set(study.number_names())
    json.dumps(dict(everyday.numbers))


@pytest.mark.slow
def test_every_tool_agrees_under_every_reading():
    outcome = Agreement(kind="agreement").run(Processes(2))
    assert outcome.numbers["cases"] == 4 * 218
    assert outcome.failed == 0
    assert outcome.numbers["largest_over_tolerance"] <= 1


@pytest.mark.slow
def test_amici_agrees_on_every_file_of_two_models(amici):  # noqa: ARG001 - it has to be there
    """All models and readings: `make agree-amici`."""
    study = Agreement(
        kind="agreement",
        models=("in_vitro", "xenograft"),
        tools=("amici",),
        readings="default",
        regimens=REPEATED,
    )
    outcome = study.run(Serial())
    assert set(outcome.tables["agreement"].file) == {"l3v2", "l3v1", "solver"}
    assert outcome.failed == 0
    assert outcome.numbers["amici_over_tolerance"] <= 1


def test_a_model_compiled_for_amici_serves_other_values_of_constants_and_nothing_else():
    text = use_of("clinical").sbml()
    name, values = identity(text)
    assert values["dose"] == 150e6
    other, changed = identity(use_of("clinical", doses=["450e6"]).sbml())
    assert other == name
    assert changed == values | {"dose": 450e6}
    for there, instead in (('size="5"', 'size="6"'), ("<minus/>", "<plus/>")):
        assert there in text
        assert identity(text.replace(there, instead, 1))[0] != name
    assert identity(use_of("clinical", doses=["1e8", "1e8@9"]).sbml())[0] != name


def test_a_tool_that_is_not_installed_is_told_before_work(monkeypatch):
    monkeypatch.setattr(agreement, "find_spec", lambda _: None)
    with pytest.raises(InputError, match="amici is not installed"):
        Agreement(kind="agreement", tools=("amici",))


def test_workers_change_no_bit():
    study = Agreement(kind="agreement", models=("in_vitro",), tools=("libroadrunner", "scipy"))
    counted = []
    here, there = study.run(Serial(), counted.append), study.run(Processes(2))
    assert sum(counted) == study.size()
    assert dict(here.numbers) == dict(there.numbers)
    assert here.tables["agreement"].equals(there.tables["agreement"])


def test_a_model_that_differs_is_found(monkeypatch):
    right = agreement.dosed_sbml

    def wrong(*given):
        return right(*given).replace('id="K_g" value="0.008"', 'id="K_g" value="0.00801"')

    monkeypatch.setattr(agreement, "dosed_sbml", wrong)
    study = Agreement(
        kind="agreement", models=("clinical",), tools=("libroadrunner",), readings="default", files=("l3v2",)
    )
    assert study.run(Serial()).numbers["libroadrunner_over_tolerance"] > 1


def test_a_tool_that_fails_is_a_row_and_no_agreement(monkeypatch):
    def broken(*_):
        raise RuntimeError("gave up")

    monkeypatch.setitem(TOOLS, "scipy", broken)
    study = Agreement(kind="agreement", models=("in_vitro",), tools=("scipy",), readings="default")
    outcome = study.run(Serial())
    assert outcome.numbers["scipy_over_tolerance"] == np.inf
    assert outcome.failed == 2
    assert set(outcome.tables["agreement"].reason) == {"RuntimeError: gave up"}
    with pytest.raises(ToolFailed, match="gave up"):
        run_tool("scipy", "", np.array([0.0]), ["x"])


def test_every_declared_observable_has_a_tolerance_in_its_unit_with_a_reason():
    for name in model_names():
        card = load_card(name)
        symbols = card.symbols
        for observable in card.observables:
            declared = absolute_tolerances()[observable]
            assert declared.unit == symbols[observable].unit
            assert declared.reason


@pytest.mark.parametrize(("field", "value"), [("tools", ("copassi",)), ("files", ("l3v3",))])
def test_an_unknown_name_is_told_with_the_nearest(field, value):
    with pytest.raises(InputError, match="nearest"):
        Agreement(kind="agreement", **{field: value})

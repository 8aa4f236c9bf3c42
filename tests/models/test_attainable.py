"""What an observable can be, from its formula: nothing that a run reaches is outside."""

from dataclasses import replace

import numpy as np
import pytest

from harness.models.attainable import attainable
from harness.models.catalog import load_card, model_names
from harness.models.equations import read_equations
from harness.models.limits import Limits
from harness.models.mathml import Expression
from harness.simulation.simulate import simulate


def limits(name):
    card = load_card(name)
    return attainable(read_equations(card.sbml_path().read_text("utf-8")), card.observables)


@pytest.mark.parametrize(
    ("model", "observable", "said"),
    [
        ("clinical", "transgene", "must not be negative"),
        ("clinical", "cplx_per_cart", "must not be negative"),
        ("clinical", "sBCMA_change", "must be at least -100"),
        ("in_vitro", "cytolysis", "must be at most 100"),
        ("in_vitro", "cytolysis_untreated", "must be at most 100"),
    ],
)
def test_a_count_is_not_negative_and_no_more_than_all_is_lost(model, observable, said):
    assert limits(model)[observable].said == said


def test_what_can_be_anything_has_no_limits():
    equations = read_equations(load_card("in_vitro").sbml_path().read_text("utf-8"))
    one, other, *_ = (Expression("name", value=state) for state in equations.rates)
    formulas = {"apart": Expression("minus", (one, other)), "over": Expression("divide", (one, other))}
    assert attainable(replace(equations, formulas=formulas), formulas) == {}


@pytest.mark.parametrize("model", model_names())
def test_no_run_goes_beyond_them(model):
    curves = simulate(model)
    for name, within in limits(model).items():
        assert isinstance(within, Limits)
        values = curves[name].to_numpy()
        assert not within.beyond(values).any(), (name, np.min(values), np.max(values))

"""The kernel in JavaScript, with its course of doses, is the engine's."""

import re

import pytest

from harness.errors import InputError
from harness.explorer.model import kernel_script
from harness.models.card import repository
from harness.models.catalog import library_names, load_card, model_names, select
from harness.simulation.programs import load_program
from harness.simulation.regimen import Dose
from tests.explorer.runs import largest_error

WITHIN = 1e-3

TWO = (Dose(0.0, 1e8), Dose(14.0, 5e7, 0.1), Dose(14.0, 2e7), Dose(14.1, 1e7))
"""At once, as an infusion, and at both ends of it."""


def uses():
    """Values of every reading, by the model that runs them."""
    found = {name: [{}] for name in (*model_names(), *library_names())}
    for name in model_names():
        for reading in load_card(name).readings:
            chosen = select(name, [reading])
            values = chosen.card.symbols.parse_all(chosen.changes)
            if values not in found[chosen.card.id]:
                found[chosen.card.id].append(values)
    return found


@pytest.mark.parametrize("model", [*model_names(), *library_names()])
def test_every_reading_with_one_dose_and_with_several_is_that_of_the_engine(model):
    regimens = [None, TWO] if load_card(model).dose else [None]
    cases = [(values, doses) for values in uses()[model] for doses in regimens]
    worst, failed = largest_error(model, cases)
    assert worst < WITHIN
    assert not failed


def test_the_page_says_of_every_model_and_all_its_readings_how_near_it_is():
    told = (repository() / "docs" / "explorer.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| \d+ \| (\d+) \|", told, re.M)
    cases = {name: len(values) * (2 if load_card(name).dose else 1) for name, values in uses().items()}
    assert {name: int(count) for name, count in rows} == cases
    assert len(rows) == len(cases)


OWN = """
model own()
  compartment V = 2; species A in V; species B in V
  dose = 100; k = 0.4; lag = 1.5; last = 0; A = dose; B = 1
  late := piecewise(0, time - last < lag, 1)
  R1: A -> B; (k + late)*A
  R2: B -> ; 0.1*B
end
"""
CARD = "title: Own\ndose: {parameter: dose, species: A, clock: last}\nuntil: 20\nobservables: [A, B, late]\n"


def test_rates_that_switch_after_each_dose_of_ones_own_model_are_those_of_the_engine(tmp_path):
    path = tmp_path / "own.ant"
    path.write_text(OWN)
    path.with_suffix(".yaml").write_text(CARD)
    doses = (Dose(0.0, 100.0), Dose(1.0, 50.0), Dose(6.0, 40.0, 2.0))
    worst, failed = largest_error(str(path), [({}, None), ({}, doses), ({"lag": 4.25, "k": 0.1}, doses)])
    assert worst < WITHIN
    assert not failed


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        ("floor(time/2)", "a page cannot work out the times at which floor(time/2) switches"),
        ("piecewise(0, time^2 < k, 1)", "a page cannot work out the times at which time**2 < k switches"),
    ],
)
def test_what_switches_at_no_formula_is_refused_by_name(tmp_path, formula, why):
    path = tmp_path / "own.ant"
    path.write_text(f"model own()\n  k = 2; x = 1\n  x' = -k*x*({formula})\nend\n")
    with pytest.raises(InputError, match=re.escape(why)):
        kernel_script(load_program(str(path)))


def test_an_event_is_refused_by_name(tmp_path):
    path = tmp_path / "own.ant"
    path.write_text("model own()\n  k = 2; x = 1\n  x' = -k*x\n  at (time >= 3): x = 2\nend\n")
    with pytest.raises(InputError, match=r"own[.]ant: an event sets x at a given time"):
        kernel_script(load_program(str(path)))

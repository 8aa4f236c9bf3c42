"""Laws of the engine, over random parameters of every model."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import harness
from benchmarks import accuracy
from harness.models.catalog import load_card, model_names
from harness.simulation.design import Design
from harness.simulation.engine import Engine
from harness.simulation.kernel.kernel import Kernel
from harness.simulation.programs import load_program
from harness.simulation.regimen import Dose, Regimen
from harness.simulation.trajectory import Status

engine = cache(lambda model: Engine(load_program(model)))


@pytest.mark.parametrize("model", model_names())
@settings(derandomize=True, deadline=None, max_examples=12)
@given(data=st.data())
def test_the_numbers_do_not_depend_on_the_output_times(model, data):
    sizes = accuracy.free_values(model)
    exponents = data.draw(st.lists(st.floats(-1, 1), min_size=len(sizes), max_size=len(sizes)))
    values = {name: size * 3.0**u for (name, size), u in zip(sizes.items(), exponents, strict=True)}
    card = load_card(model)
    end, dense = np.array([0.0, card.until]), np.linspace(0.0, card.until, 201)
    alone = engine(model).run(values, None, end, card.observables)
    among = engine(model).run(values, None, dense, card.observables)
    assert alone.status is among.status
    if alone.status is Status.OK:
        a, b = alone.values[-1], among.values[-1]
        size = np.maximum(
            np.abs(b), [accuracy.floor(n, among.values[:, i]) for i, n in enumerate(card.observables)]
        )
        assert (np.abs(a - b) / size).max() < accuracy.LIMIT


@settings(derandomize=True, deadline=None, max_examples=40)
@given(
    hill=st.floats(0.2, 0.5),
    kill=st.floats(0.02, 5),
    half=st.floats(0.1, 50),
    ratio=st.sampled_from([1.0, 2.5, 5.0, 10.0]),
)
def test_a_well_whose_killing_is_steepest_at_its_start_is_right(hill, kill, half, ratio):
    values = {"hill_kill": hill, "K_kill_max": kill, "KC50": half, "ET_ratio": ratio}
    dense = np.linspace(0, 4, 41)
    names = ("viability", "cplx_per_tumor")
    truth = Engine(load_program("in_vitro"), 1e-12).run(values, None, dense, names).values
    for times, right in ((dense, truth), (np.array([0, 4.0]), truth[[0, -1]])):
        run = engine("in_vitro").run(values, None, times, names)
        assert run.status is Status.OK
        np.testing.assert_allclose(run.values, right, rtol=1e-4, atol=1e-9)


def test_a_well_with_a_known_answer():
    """By scipy's Radau at 1e-10, all states as logarithms, from the first-order solution at 1e-13 h."""
    values = {"hill_kill": 0.20548, "K_kill_max": 0.35202, "KC50": 1.2764, "ET_ratio": 5}
    for times in ([0, 4.0], np.linspace(0, 4, 41)):
        run = engine("in_vitro").run(values, None, np.array(times), ["viability"])
        assert run.values[-1, 0] == pytest.approx(40.31650123, rel=1e-5)


def test_a_well_of_four_days_whose_cells_outgrow_what_binds_is_right():
    """Complexes per tumour cell were 7 to 20 % off, by the output times: binding rounds at its own rate."""
    values = {"DT_tumor": 0.839, "DT_CART": 1.32, "Ag_tumor": 31000, "Ag_CAR": 344, "K_kill_max": 0.466}
    values |= {"KC50": 0.0423, "hill_kill": 1.04, "K_on": 7070, "K_off": 3.29e-4, "Tumor_0": 2.78e6}
    values |= {"ET_ratio": 0.492, "MV": 2.24}
    names = ("cplx_per_tumor", "viability")
    for times in (np.array([0.0, 96.0]), np.linspace(0.0, 96.0, 25)):
        truth = Engine(load_program("in_vitro"), 1e-12).run(values, None, times, names).values
        run = engine("in_vitro").run(values, None, times, names)
        assert (run.status, run.reason) == (Status.OK, "")
        np.testing.assert_allclose(run.values, truth, rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize(("factor", "draw"), [(3.0, 737), (100.0, 768), (100.0, 1077)])
def test_a_patient_of_ten_years_is_right(factor, draw):
    """One whose tumour comes back between looks that are few, one whose Jacobian ages in long steps, and one
    whose soluble BCMA follows the 33rd power of the tumour.
    """
    row, times = accuracy.wide_draws("clinical", factor, draw + 1, seed=1)[draw], np.linspace(0, 3650, 366)
    truth = Engine(load_program("clinical"), 1e-13).run(row, None, times, accuracy.READ_OUT).values
    for few in (times, times[[0, -1]], times[::73]):
        run = engine("clinical").run(row, None, few, accuracy.READ_OUT)
        right = truth[np.searchsorted(times, few)]
        assert run.status is Status.OK
        assert (np.abs(run.values - right) / np.maximum(np.abs(right), accuracy.floors(row))).max() < 1e-4


def test_a_long_course_of_doses_hides_no_error_that_grows():
    """A cell every 30 days for ten years, in which the tumour comes back again and again: 2 % off, unseen."""
    row, times = accuracy.wide_draws("clinical", 10.0, 12, seed=3)[11], np.linspace(0.0, 3650.0, 74)
    course = Regimen((Dose(0.0, row["dose"]), *(Dose(30.0 * k, 1.0) for k in range(1, 122))))
    truth = Engine(load_program("clinical"), 1e-13).run(row, course, times, accuracy.READ_OUT)
    for by in (engine("clinical"), Kernel(load_program("clinical"))):
        (run,) = by.run_many([(row, course)], [times], accuracy.READ_OUT)
        assert run.status is truth.status is Status.OK
        error = np.abs(run.values - truth.values) / np.maximum(np.abs(truth.values), accuracy.floors(row))
        assert error.max() < 1e-4


@pytest.mark.parametrize("draw", [443, 484, 618])
def test_no_endpoint_of_a_change_is_below_what_can_be(draw):
    """Patients whose soluble BCMA falls by powers of ten between two output times, and comes back."""
    rows = accuracy.wide_draws("clinical", 100.0, draw + 1, seed=1)
    names = ["sBCMA_nadir", "M_nadir", "lowest(sBCMA_change)", "value_at(sBCMA_change, at=337)"]
    design = Design(pd.DataFrame(rows[draw:]))
    planned = harness.plan("clinical", design, endpoints=names, until=accuracy.TEN_YEARS)
    found = harness.run(planned)
    assert found.status.item() == Status.OK
    ends = [float(found[name].item()) for name in found if name not in ("status", "reason")]
    assert len(ends) == len(names)
    assert min(ends) >= -100


ROUNDING = 1e-12


def beyond_bounds(card, run):
    """How far observables are below what they can be, over their largest value; 0 where they are not.

    An amount, a ratio or a rate is not negative; a change is not below -100 %; at most all cells are killed.
    Of an observable that all but vanishes in a run, over its floor, where the card has one.
    """
    found = {}
    for name, curve in zip(card.observables, run.values.T, strict=True):
        above = curve + 100.0 if name.endswith("_change") else curve
        above = 100.0 - curve if name.startswith("cytolysis") else above
        size = max(np.abs(curve).max(), 1e-3 * card.solver.floors.get(name, 0.0) / ROUNDING, 1e-300)
        found[name] = max(0.0, float(-above.min() / size))
    return found


@pytest.mark.parametrize("model", model_names())
@settings(derandomize=True, deadline=None, max_examples=12)
@given(data=st.data(), factor=st.sampled_from([3.0, 100.0]), years=st.booleans())
def test_nothing_is_below_its_bound_by_more_than_rounding(model, data, factor, years):
    """Of ratios of vanishing amounts too, whatever the parameters: complexes per cell are not -5."""
    sizes, card = accuracy.free_values(model), load_card(model)
    exponents = data.draw(st.lists(st.floats(-1, 1), min_size=len(sizes), max_size=len(sizes)))
    values = {name: size * factor**u for (name, size), u in zip(sizes.items(), exponents, strict=True)}
    end = accuracy.TEN_YEARS if years and card.scale != "in_vitro" else card.until
    run = engine(model).run(values, None, np.linspace(0.0, end, 101), card.observables)
    if run.status is Status.OK:
        assert max(beyond_bounds(card, run).values()) < ROUNDING


@pytest.mark.slow
@pytest.mark.parametrize("model", model_names())
def test_nothing_is_below_its_bound_by_more_than_rounding_by_either_engine(model):
    card, ok = load_card(model), 0
    end = card.until if card.scale == "in_vitro" else accuracy.TEN_YEARS
    times = np.linspace(0.0, end, 201)
    for factor in accuracy.FACTORS:
        runs = [(row, None) for row in accuracy.wide_draws(model, factor, 40, seed=7)]
        for by in (engine(model), Kernel(load_program(model))):
            for place, run in enumerate(by.run_many(runs, [times] * len(runs), card.observables)):
                if run.status is Status.OK:
                    ok += 1
                    assert max(beyond_bounds(card, run).values()) < ROUNDING, (factor, place, by)
    assert ok > 100


@pytest.mark.parametrize("model", model_names())
def test_a_wide_draw_has_values_that_its_model_can_have(model):
    symbols = load_card(model).symbols
    for draw in accuracy.wide_draws(model, 100.0, 20, 1):
        limits = {name: symbols[name].within for name in draw if name in symbols}
        assert not [name for name, limit in limits.items() if limit and limit.excludes(draw[name])]

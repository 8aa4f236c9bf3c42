"""Whatever draws takes the axes to draw on, or makes them, and returns them."""

import importlib
import inspect
import pkgutil
from functools import cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.legend import Legend

import harness.figures
from harness.analysis.survival import kaplan_meier
from harness.declarations import declare
from harness.errors import InputError
from harness.figures import (
    calibration,
    clocks,
    compare,
    contours,
    diagnostics,
    drivers,
    escalation,
    exposure,
    fit,
    maps,
    panel,
    patients,
    population,
    profiles,
    scan,
    scan_panel,
    sensitivity,
    survival,
)
from harness.figures.style import figure_of
from harness.fitting.result import FitResult
from harness.simulation.execute import Serial
from harness.simulation.made_designs import grid
from harness.simulation.plan import plan
from harness.simulation.run import run
from harness.simulation.simulate import simulate
from harness.studies.compare import Compare
from harness.studies.drivers import Drivers
from harness.studies.escalation import Escalation
from harness.studies.exposure import ExposureResponse
from harness.studies.map import Map
from harness.studies.outcome import Outcome
from harness.studies.population import Population
from harness.studies.sensitivity import Sensitivity
from harness.studies.trial import Trial
from harness.validation.suite import run_panel

SERIAL = Serial()
X, Y = np.array([1.0, 2.0, 4.0]), np.array([0.0, 1.0])
FIELD = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]])


@cache
def fitted():
    """The result of a fit, by hand: one observable, two parameters."""
    rows = {"arm": ["a"] * 3, "observable": ["viability"] * 3, "time": [1.0, 2.0, 3.0]}
    point = {"profiled": ["p", "p", "q", "q"], "value": [1.0, 2.0, 1.0, 2.0], "rise": [0.0, 4.0, 4.0, 0.0]}
    return FitResult(
        title="by hand", problem={}, checksum="", seed=1, time_unit="day", versions={}, synthetic="", runs=1,
        failed=0, numbers={"objective": 0.0},
        tables={
            "predictions": {
                **rows, "unit": ["percent"] * 3, "predicted": [9.0, 8.0, 7.0], "low": [8.0, 7.0, 6.0],
                "high": [10.0, 9.0, 8.0],
            },
            "residuals": {
                **rows, "observed": [9.0, 7.0, 7.0], "predicted": [9.0, 8.0, 7.0],
                "residual": [0.1, -1.0, 1.0], "censored": [False] * 3,
            },
            "waterfall": {"objective": [1.0, 2.0], "converged": [True, False]},
            "correlation": {"parameter": ["p", "q"], "p": [1.0, 0.6], "q": [0.6, 1.0]},
            "profiles": {**point, "p": [1.0, 2.0, 1.5, 1.5], "q": [1.5, 1.5, 1.0, 2.0]},
            "ridge": {
                "p": [1.0, 1.0, 2.0, 2.0], "q": [1.0, 2.0, 1.0, 2.0], "objective": [0.0, 5.0, 20.0, 50.0],
            },
            "estimates": {
                "parameter": ["p", "q"], "unit": ["1/day", "1/day"], "estimate": [1.5, 1.5],
                "table_1": [1.0, 2.0], "profile_rise": [3.84, 3.84], "verdict": ["determined"] * 2,
                "low": [1.2, None], "high": [1.9, None], "profile_low": [1.1, None],
                "profile_high": [2.0, None],
            },
            "diagnostics": {
                **rows, "group": [""] * 3, "unit": ["percent"] * 3, "observed": [9.0, 7.0, 1.0],
                "censored": [False, False, True], "PRED": [9.0, 8.0, 7.0], "IPRED": [9.0, 7.5, 7.0],
                "IWRES": [0.0, -1.0, None], "CWRES": [0.0, -1.0, None], "NPDE": [0.0, -1.0, None],
            },
            "typical": {**rows, "typical": [9.0, 8.0, 7.0]},
            "vpc": {
                "observable": ["viability"] * 6, "unit": ["percent"] * 6, "time": [1.0, 3.0] * 3,
                "count": [3] * 6, "percentile": [5, 5, 50, 50, 95, 95], "observed": [1.0, 2, 3, 4, 5, 6],
                "low": [0.5, 1, 2, 3, 4, 5], "middle": [1.0, 2, 3, 4, 5, 6], "high": [2.0, 3, 4, 5, 6, 7],
                "below": [0.0, 30.0] * 3, "below_low": [0.0, 10.0] * 3, "below_high": [5.0, 40.0] * 3,
            },
        },
    )  # fmt: skip


@cache
def of_panel(name):
    return run_panel(name)


@cache
def virtual():
    """Two virtual patients at two doses."""
    few = {"spiders": 1, "trials": 10, "published": "trials/trial_outcomes.csv"}
    doses = ["50e6", "150e6", "300e6", "450e6", "800e6"]
    return declare(Population, patients=2, doses=doses, **few).run(SERIAL)


@cache
def escalated():
    fields = {"doses": [50e6, 450e6], "patients": 10, "trials": 10}
    curve = {"at": 20000, "probability": 0.2, "slopes": [1]}
    return declare(Escalation, **fields, toxicity=curve).run(Serial())


@cache
def compared():
    arms = {"one": {"doses": ["50e6"]}, "two": {"doses": ["450e6"]}}
    few = {"patients": 10, "draws": 100, "sizes": [5], "trials": 5, "until": "8 months"}
    return declare(Compare, arms=arms, **few).run(Serial())


@cache
def driven():
    few = {"patients": 10, "draws": 100, "until": "8 months", "n": 16}
    arms, moved = {"one": {"doses": ["450e6"]}}, {"K_kill_max": {"omega": 0.5}}
    return declare(Drivers, arms=arms, parameters=moved, **few).run(Serial())


@cache
def exposed():
    return declare(ExposureResponse, patients=12, until="12 months").run(Serial())


@cache
def trial():
    arms = {"low": {"patients": 2, "doses": ["50e6"]}, "high": {"patients": 2, "doses": ["450e6"]}}
    return declare(Trial, arms=arms, visits="28:196:28", replicates=1).run(SERIAL)


@cache
def indices():
    parameters = {"KC50": {"percent": 50}}
    return declare(
        Sensitivity, model="in_vitro", parameters=parameters, observables=["viability"], at="2,4", n=16
    ).run(SERIAL)


@cache
def burdens():
    return declare(Map, dose="50e6:800e6:log:2", burden={"points": 2}).run(SERIAL)


@cache
def scanned():
    planned = plan("in_vitro", grid(ET_ratio=[1.0, 2.0]), endpoints=["viability_last"])
    return run(planned).to_dataframe(), planned


@cache
def by_dose():
    typical = pd.DataFrame({"dose": [1e7, 1e8], "Tmax": [12.0, 9.0], "Cmax": [5.0, 6.0]})
    responses = pd.DataFrame({"label": ["a", "a"], "dose": [1e7, 1e8], "orr": [40.0, 50.0]})
    return Outcome({"days_per_efold": -1.3}, {"typical": typical, "responses": responses})


@cache
def candidates():
    doses = {"dose": [5e7, 4.5e8], "low": [20.0, 60.0], "median": [30.0, 70.0], "high": [40.0, 80.0]}
    one = [pd.DataFrame({"candidate": "a", "label": "A", "outcome": each, **doses}) for each in ("orr", "cr")]
    compared = {"label": ["A", "B"], "log_evidence": [-9.0, np.nan], "log_evidence_responses": [-9.0, -8.0]}
    compared |= {"blind_log_p": [-5.0, -60.0], "blind_error": [0.1, 0.2]}  # the second one is off the axes
    compared |= {"log_evidence_responses_error": [0.2, 0.1]}
    return Outcome({}, {"responses": pd.concat(one), "comparison": pd.DataFrame(compared)})


@cache
def over_doses():
    doses = {"dose": [5e7, 4.5e8], "low": [20.0, 60.0], "median": [30.0, 70.0], "high": [40.0, 80.0]}
    doses |= {"trial_low": doses["low"], "trial_high": doses["high"]}
    outcomes = ("orr", "cr", "pfs", "cmax")
    parts = [pd.DataFrame({"label": "a", "outcome": each, **doses}) for each in outcomes]
    return Outcome({}, {"by_dose": pd.concat(parts, ignore_index=True)})


@cache
def under_regimens():
    arms = {"arm": ["one", "two"], "low": [20.0, 60.0], "median": [30.0, 70.0], "high": [40.0, 80.0]}
    arms |= {"trial_low": arms["low"], "trial_high": arms["high"], "candidate": "a", "label": "A"}
    parts = [pd.DataFrame({"outcome": each, **arms}) for each in ("orr", "cr", "pfs", "cmax", "response_12")]
    designs = {
        "design": ["small", "large"],
        "truth": "a",
        "label": "A",
        "other": "b",
        "log_evidence": [0.1, 2.0],
    }
    return Outcome({}, {"regimens": pd.concat(parts, ignore_index=True), "designs": pd.DataFrame(designs)})


CALLS = {
    calibration.draw_by_dose: lambda _: (over_doses(),),
    calibration.draw_comparison: lambda _: (candidates(),),
    calibration.draw_designs: lambda _: (under_regimens(),),
    calibration.draw_regimens: lambda _: (under_regimens(),),
    calibration.draw_responses: lambda _: (candidates(),),
    clocks.draw_clocks: lambda _: (by_dose(),),
    compare.draw_compare: lambda _: (compared(),),
    contours.draw_field: lambda _: (X, Y, FIELD),
    contours.draw_lines: lambda _: (X, Y, FIELD, (2.0, 4.0)),
    drivers.draw_drivers: lambda _: (driven(),),
    escalation.draw_escalation: lambda _: (escalated(), 0.3),
    exposure.draw_exposure: lambda _: (exposed(),),
    diagnostics.draw_forest: lambda _: (fitted(),),
    diagnostics.draw_goodness: lambda _: (fitted(),),
    diagnostics.draw_individuals: lambda _: (fitted(),),
    diagnostics.draw_predictive_check: lambda _: (fitted(),),
    fit.draw_correlation: lambda _: (fitted(),),
    fit.draw_predictions: lambda _: (fitted(),),
    fit.draw_profiles: lambda _: (fitted(),),
    fit.draw_residuals: lambda _: (fitted(),),
    fit.draw_ridge: lambda _: (fitted(),),
    fit.draw_waterfall: lambda _: (fitted(),),
    maps.draw_map: lambda _: (burdens(),),
    panel.draw_axes: lambda _: (of_panel("fig2b"), of_panel("fig2b").spec.axes[0]),
    panel.draw_panel: lambda _: (of_panel("fig2b"),),
    panel.draw_residuals: lambda _: (of_panel("fig2b"),),
    patients.draw_effects: lambda fits: (fits,),
    patients.draw_examples: lambda fits: (fits,),
    patients.draw_panels: lambda fits: (fits,),
    patients.draw_progression: lambda fits: (fits,),
    population.draw_fractions: lambda _: (virtual(),),
    population.draw_population: lambda _: (virtual(), "nadir_25"),
    population.draw_predictions: lambda _: (virtual(),),
    population.draw_spiders: lambda _: (virtual(),),
    population.draw_trial: lambda _: (trial(),),
    profiles.draw_profiles: lambda _: (simulate("in_vitro", until=2),),
    scan.draw_scan: lambda _: (*scanned(), ("ET_ratio",)),
    scan_panel.draw_scan_axes: lambda _: (of_panel("fig2a"), of_panel("fig2a").spec.scan_axes),
    sensitivity.draw_sensitivity: lambda _: (indices(), "day"),
    survival.draw_survival: lambda _: ({"all": kaplan_meier(X, np.array([True, False, True]))}, "alive"),
}
"""What each function that draws is given here, beside axes; `fits` is the outcome of a study of patients."""

NO_AXES = {"draw_study"}  # tells which of these draw a study


def public():
    """Every public function of the figures that draws."""
    for found in pkgutil.iter_modules(harness.figures.__path__, "harness.figures."):
        module = importlib.import_module(found.name)
        for name in module.__all__:
            if name.startswith("draw_") and name not in NO_AXES:
                yield getattr(module, name)


def listed(axes):
    return [axes] if isinstance(axes, Axes) else axes


def test_every_function_that_draws_is_called_here():
    assert set(public()) == set(CALLS)


@pytest.mark.parametrize("draw", CALLS, ids=lambda f: f"{f.__module__.split('.')[-1]}.{f.__name__}")
def test_what_draws_takes_axes_and_returns_them(draw, fits):
    last = list(inspect.signature(draw).parameters.values())[-1]
    one = last.name == "ax"
    assert last.annotation in ({"Axes | None", "MatplotlibAxes | None"} if one else {"SomeAxes | None"})
    assert last.default is None
    call = partial(draw, *CALLS[draw](fits))

    made = listed(call())
    assert made
    assert all(isinstance(each, Axes) for each in made)
    assert {figure_of(each) for each in made} == {figure_of(made)}

    own = Figure(figsize=(3 * len(made), 3)).subplots(1, len(made), squeeze=False)
    found = call(ax=own[0, 0]) if one else call(axes=own)
    assert isinstance(found, Axes) is one
    assert listed(found) == [*own.flat]
    assert all(each.has_data() for each in own.flat)
    assert figure_of(found) is own[0, 0].figure


@pytest.mark.parametrize("draw", CALLS, ids=lambda f: f"{f.__module__.split('.')[-1]}.{f.__name__}")
def test_no_legend_lies_over_what_is_drawn(draw, fits):
    figure = figure_of(listed(draw(*CALLS[draw](fits))))
    figure.draw_without_rendering()
    for legend in figure.findobj(Legend):
        box = legend.get_window_extent().padded(-1)  # a pixel: it may stand at the axes
        assert not [each for each in figure.axes if each.axison and each.bbox.overlaps(box)]
        assert all(figure.bbox.contains(*corner) for corner in box.corners())


def test_legends_are_placed_in_one_place_alone():
    folder = Path(harness.figures.__path__[0])
    placed = {path.name for path in folder.glob("*.py") if ".legend(" in path.read_text("utf-8")}
    assert placed == {"style.py"}


@pytest.mark.parametrize("draw", [maps.draw_map, patients.draw_panels, population.draw_population])
def test_too_few_axes_are_refused(draw, fits):
    with pytest.raises(InputError, match=r"axes: \d+ are needed to draw on, not 1"):
        draw(*CALLS[draw](fits), axes=Figure().subplots(1, 1))


def test_the_figure_of_axes_in_a_part_of_it_is_the_whole():
    whole = Figure()
    part = whole.subfigures(1, 2)[1].subfigures(2, 1)[0]
    assert figure_of(part.subplots()) is whole


def test_a_ratio_says_where_it_is_1():
    _, ratios = compare.draw_compare(compared())[:2]
    assert "1" in [label.get_text() for label in ratios.get_xticklabels()]


def test_a_forest_tells_what_is_no_ratio():
    """A coefficient that is negative, or may be, is left out of no picture."""
    result = fitted()
    for estimate in (-0.2, 0.05):
        ends = {"estimate": [1.5, estimate], "low": [1.2, -0.5], "high": [1.9, 0.1]}
        table = {**result.tables["estimates"], **ends}
        moved = result.model_copy(update={"tables": {**result.tables, "estimates": table}})
        label = diagnostics.draw_forest(moved).get_xlabel()
        assert label.splitlines()[1:] == [f"no ratio: q  {estimate:g} 1/day (-0.5 to 0.1)"]


@pytest.mark.parametrize("high", [1.6, 3, 7, 20, 90, 1e5])
def test_no_tick_of_a_forest_stands_in_another(high):
    result = fitted()
    ends = {"estimate": [1.5, 0.2], "low": [1.2, 0.19], "high": [1.5 * high, 0.21]}
    moved = result.model_copy(
        update={"tables": {**result.tables, "estimates": {**result.tables["estimates"], **ends}}}
    )
    axes = diagnostics.draw_forest(moved)
    ticks, (left, right) = np.log(axes.get_xticks()), np.log(axes.get_xlim())
    assert np.diff(ticks).min() / (right - left) > 0.04
    assert (ticks <= right).all()
    assert len(ticks) > 2

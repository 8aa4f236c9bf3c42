"""Where a picture draws a number: residuals of a panel, and the lines of a map."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from harness.analysis.observations import Observed
from harness.figures.contours import draw_field, draw_lines, short_number
from harness.figures.maps import draw_map
from harness.figures.panel import draw_residuals
from harness.studies.outcome import Outcome


def panel(scale):
    """A panel with one curve, 10 at all times, and observations of 20, 5 and 0 with an error of 4."""
    time = np.array([1.0, 2.0, 3.0])
    curve = xr.Dataset(
        {"y": ("time", np.full(3, 10.0), {"units": "mm^3"})}, {"time": ("time", time, {"units": "day"})}
    )
    measure = SimpleNamespace(kind="residual", curve="one", arm="a", observable="y")
    axes = SimpleNamespace(observable="y", curves=("one",), arms=("a",), scale=scale, title="Volume")
    return SimpleNamespace(
        spec=SimpleNamespace(
            axes=[axes],
            curves={"one": SimpleNamespace(label="the curve")},
            targets=[SimpleNamespace(measure=measure)],
        ),
        evidence=SimpleNamespace(
            curves={"one": curve},
            at=lambda *_: np.full(3, 10.0),
            observed=lambda *_: Observed(
                time,
                np.array([20.0, 5.0, 0.0]),
                np.full(3, 4.0),
                np.full(3, np.nan),
                np.full(3, np.nan),
                np.arange(3),
            ),
        ),
    )


def drawn(scale):
    """Points and the ends of their bars."""
    (axes,) = draw_residuals(panel(scale))
    (points, _, bars), *_ = axes.containers
    return axes, points.get_xydata(), bars[0].get_segments()


def test_residuals_on_linear_axes_are_observed_minus_predicted():
    axes, points, bars = drawn("linear")
    assert points.tolist() == [[1, 10], [2, -5], [3, -10]]
    assert [bar[:, 1].tolist() for bar in bars] == [[6, 14], [-9, -1], [-14, -6]]
    assert axes.lines[-1].get_ydata()[0] == 0
    assert axes.get_ylabel() == "observed minus predicted (mm³)"


def test_residuals_on_logarithmic_axes_are_observed_over_predicted():
    axes, points, bars = drawn("log")
    assert points.tolist() == [[1, 2], [2, 0.5]]  # what is zero has no ratio
    np.testing.assert_allclose([bar[:, 1] for bar in bars], [[1.6, 2.4], [0.1, 0.9]])
    assert axes.lines[-1].get_ydata()[0] == 1
    assert axes.get_yscale() == "log"
    assert axes.get_ylabel() == "observed / predicted"


X, Y = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0])


def test_the_line_of_a_level_lies_where_the_quantity_has_it():
    axes = draw_lines(X, Y, np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]) * 10, (5, 15, 27.5, 30))
    lines = axes.collections[-1]
    assert lines.levels.tolist() == [15, 27.5]  # those within the values
    assert [{*path.vertices[:, 0].tolist()} for path in lines.get_paths()] == [{1.5}, {2.75}]
    assert axes.collections[0].levels.tolist() == [10, 15, 27.5, 30]


@pytest.mark.parametrize(
    ("field", "levels"),
    [
        ([[1, 2, 3], [4, 5, 25]], np.linspace(1, 25, 13)),
        ([[1, 2, 3], [4, 5, 1e6]], np.logspace(0, 6, 13)),
        ([[-1, 2, 3], [4, 5, 1e6]], np.linspace(-1, 1e6, 13)),
        ([[4, 4, 4], [4, 4, 4]], np.linspace(3.5, 4.5, 13)),
    ],
)
def test_levels_are_even_and_over_a_wide_range_even_in_logarithms(field, levels):
    axes = draw_field(X, Y, np.array(field, float))
    assert axes.collections[0].levels == pytest.approx(levels)


@pytest.mark.parametrize(
    ("value", "text"),
    [(50, "50"), (0.2, "0.2"), (5e7, "5e7"), (99.99, "99.99"), (1234567, "1.23e6"), (1e-5, "1e-5")],
)
def test_a_tick_has_a_short_number(value, text):
    assert short_number(value) == text


def test_a_map_has_the_dose_across_and_the_burden_up():
    doses, burdens = np.array([1e8, 2e8, 4e8]), np.array([20.0, 60.0])
    rows = [
        {
            "dose": dose, "burden_percent": burden, "Cmax": dose / 1e5, "Tmax": 10 + burden / 20,
            "sBCMA_fall": burden, "M_fall": np.nan,
        }
        for burden in burdens for dose in doses
    ]  # fmt: skip
    units = {"Cmax": "copies/ug", "Tmax": "day"}
    places = draw_map(Outcome({}, {"map": pd.DataFrame(rows)}, extra={"dose": "dose", "units": units}))
    assert [axes.get_title() for axes in places] == [
        "Cmax (copies/µg)", "Tmax (days)", "fall of soluble BCMA (%)", "fall of M-protein (%)",
    ]  # fmt: skip
    across, up, fall, none = places
    assert [t.get_text() for t in none.texts] == ["no values"]
    for place, side, level, at in ((across, 0, 3e3, 3e8), (up, 1, 12, 40), (fall, 1, 50, 50)):
        lines = place.collections[-1]
        path = lines.get_paths()[lines.levels.tolist().index(level)]
        assert path.vertices[:, side] == pytest.approx(at)
    assert across.get_xlim() == (1e8, 4e8)
    assert across.get_ylim() == (20, 60)

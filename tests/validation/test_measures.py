"""Measures: their values on curves and tables made by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from harness.errors import InputError
from harness.studies.outcome import Outcome
from harness.validation.curves import Evidence
from harness.validation.measures.of_curves import Comparison, Crossing, Residual
from harness.validation.measures.of_tables import Statistic

TIME = np.array([0.0, 1.0, 2.0, 3.0, 4.0])


def curve(**values):
    columns = {name: ("time", np.array(value, float), {"units": "mm^3"}) for name, value in values.items()}
    return xr.Dataset(columns, {"time": ("time", TIME, {"units": "day"})})


def evidence(curves=None, observations=None, **tables):
    table = None if observations is None else pd.DataFrame(observations)
    return Evidence(Path("panel"), {}, curves or {}, {"study": Outcome({}, tables)}, table)


@pytest.mark.parametrize(
    ("where", "level", "value"),
    [
        ([0, 10, 20, 10, 0], 15, 15),  # half way from 1 to 2, where the other goes from 10 to 20
        ([20, 10, 0, 10, 20], 15, 5),  # on the way down too
        ([0, 10, 20, 10, 0], 2.5, 2.5),
        ([0, 15, 20, 20, 20], 15, 10),  # at a point
        ([20, 16, 15, 20, 20], 15, np.nan),  # touched from above and not crossed
        ([0, 1, 2, 3, 4], 5, np.nan),
        ([0, 0, 0, 10, 10], 2.5, 22.5),
    ],
)
def test_a_crossing_is_read_where_the_line_between_two_points_meets_the_level(where, level, value):
    measure = Crossing(kind="crossing", curve="one", observable="y", where="x", level=level)
    assert measure.reads() == (("one", "y"), ("one", "x"))
    found = measure.score(evidence({"one": curve(x=where, y=[0, 10, 20, 30, 40])}))
    assert found == pytest.approx(value, nan_ok=True)


def test_a_ratio_is_the_first_over_the_second():
    ends = {"curve": "one", "endpoint": "value_at", "at": 4.0}
    measure = Comparison(kind="ratio", of={**ends, "observable": "y"}, over={**ends, "observable": "x"})
    curves = {"one": curve(x=[1, 2, 3, 4, 5], y=[0, 10, 20, 30, 40])}
    assert measure.score(evidence(curves)) == 8
    assert measure.reads() == (("one", "y"), ("one", "x"))


def test_a_residual_is_of_the_observations_from_start_to_stop():
    rows = [(0.0, 99.0), (1.0, 13.0), (2.5, 21.0), (3.0, 99.0)]
    observations = [
        {
            "arm": "a",
            "observable": "y",
            "time": t,
            "time_unit": "day",
            "value": v,
            "unit": "mm^3",
            "reading_error": 1.0,
        }
        for t, v in rows
    ]
    measure = Residual(
        kind="residual", metric="rmse", curve="one", observable="y", arm="a", start=1.0, stop=2.5
    )
    found = measure.score(evidence({"one": curve(y=[0, 10, 20, 30, 40])}, observations))
    assert found == pytest.approx(np.sqrt((3**2 + 4**2) / 2))


RUNS = pd.DataFrame(
    {
        "dose": [1.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0],
        "arm": ["a", "a", "b", "a", "b", "a", "b"],
        "peak": [2.0, 8.0, 5.0, 4.0, 9.0, 6.0, 1.0],
        "rank": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
    }
)


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({"statistic": "largest"}, 9),
        ({"statistic": "smallest"}, 1),
        ({"statistic": "largest_rise"}, 6),
        ({"statistic": "fold_range"}, 9),
        ({"statistic": "largest", "where": {"arm": "a"}}, 8),
        ({"statistic": "largest", "where": {"arm": "b", "dose": 3.0}}, 1),
        ({"statistic": "smallest", "by": ("dose",)}, 4),  # of 2, 4 and 1
        ({"statistic": "smallest", "by": ("dose",), "over_groups": "median"}, 2),
        ({"statistic": "largest_rise", "by": ("arm",)}, 6),  # a: 6, -4, 2; b: 4, -8
        ({"statistic": "largest_rise", "by": ("arm",), "over_groups": "median"}, 5),
        ({"statistic": "fold_range", "by": ("arm", "dose"), "where": {"arm": "a"}}, 4),
        ({"statistic": "rank_agreement", "against": "rank", "where": {"arm": "a"}}, 0.4),  # 1 - 6*6/(4*15)
        ({"statistic": "largest", "where": {"arm": "c"}, "by": ("dose",)}, np.nan),
    ],
)
def test_a_statistic_is_of_the_rows_and_groups_that_are_asked_for(fields, value):
    measure = Statistic(kind="statistic", study="study", table="peaks", column="peak", **fields)
    assert measure.score(evidence(peaks=RUNS)) == pytest.approx(value, nan_ok=True)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"table": "peak", "column": "peak"}, "table of study study 'peak'; nearest: peaks"),
        ({"column": "peek"}, "column of study.peaks 'peek'; nearest: peak"),
        ({"column": "peak", "by": ("doses",)}, "'doses'; nearest: dose"),
        ({"column": "peak", "where": {"arms": "a"}}, "'arms'; nearest: arm"),
        ({"column": "peak", "against": "ranks"}, "'ranks'; nearest: rank"),
    ],
)
def test_a_statistic_of_what_is_not_there_is_refused(fields, said):
    measure = Statistic(
        kind="statistic", study="study", **{"table": "peaks", "statistic": "largest", **fields}
    )
    with pytest.raises(InputError, match=said):
        measure.score(evidence(peaks=RUNS))

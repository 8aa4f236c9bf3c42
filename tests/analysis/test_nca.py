"""Noncompartmental analysis: published values, cases by hand, and laws."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.nca import UNITS, exposure, nca
from harness.cli.main import run
from harness.errors import InputError
from harness.simulation.simulate import simulate

DATA = Path(__file__).parents[1] / "data"


@pytest.mark.parametrize(
    ("data", "route"), [("theoph", "expansion"), ("indometh", "bolus"), ("indometh", "infusion")]
)
def test_two_data_sets_give_what_winnonlin_published(data, route):
    table = pd.read_csv(DATA / f"{data}.csv")
    published = pd.read_csv(DATA / "nca_published.csv").query("data == @data and route == @route")
    assert len(published) == table.subject.nunique()
    for right in published.itertuples():
        points = table[table.subject == right.subject]
        found = exposure(
            points.time_h, points.iloc[:, -1], route=route, duration=0.25 * (route == "infusion")
        )
        assert (found.points, found.first) == (right.points, right.first)
        for name in ("lambda_z", "AUClast", "AUCinf", "AUMClast", "MRT"):
            assert getattr(found, name) == pytest.approx(getattr(right, name), rel=1e-7)


def test_an_exponential_has_its_closed_form():
    time = np.array([0.0, 1, 2, 4, 8])
    found = exposure(time, 10 * np.exp(-0.5 * time), route="bolus")
    assert found.half_life == pytest.approx(np.log(2) / 0.5)
    assert found.AUClast == pytest.approx(20 * (1 - np.exp(-4)))
    assert found.AUCinf == pytest.approx(20)
    assert pytest.approx(2) == found.MRT
    assert (found.points, found.first, found.last) == (5, 0, 8)
    assert pytest.approx(1) == found.R2


def test_a_case_by_hand():
    """Up from 0 to 4 at 1, to 8 at 2; down to 4 at 4, to 2 at 6, to 1 at 8: halved every 2."""
    found = exposure([0, 1, 2, 4, 6, 8, 9], [0, 4, 8, 4, 2, 1, 0])
    rate = np.log(2) / 2
    assert (found.Cmax, found.Tmax, found.Clast, found.Tlast, found.Cmin) == (8, 2, 1, 8, 0)
    assert found.AUClast == pytest.approx(2 + 6 + (4 + 2 + 1) / rate)
    assert found.AUCinf == pytest.approx(2 + 6 + (4 + 2 + 1 + 1) / rate)
    assert found.AUCextrapolated == pytest.approx(100 / rate / (8 + 8 / rate))
    straight = exposure([0, 1, 2, 4, 6, 8, 9], [0, 4, 8, 4, 2, 1, 0], linear=True)
    assert straight.AUClast == pytest.approx(2 + 6 + 12 + 6 + 3)


def test_a_bolus_begins_on_the_line_of_the_first_two_points_be_there_more_or_not():
    """8 at 1 and 4 at 2 come from 16 at 0; a fall to nothing, a rise and one point begin as the first."""
    for more in ((), (3,)):
        times = np.array([1.0, 2, *more])
        found = exposure(times, 16 * 0.5**times, route="bolus")
        assert found.AUClast == pytest.approx(16 / np.log(2) * (1 - 0.5 ** times[-1]))
    assert exposure([1.0, 2], [4, 8], route="bolus").AUClast == pytest.approx(4 + 6)
    assert exposure([1.0, 2], [4, 0], route="bolus").AUClast == pytest.approx(4)
    assert exposure([1.0], [4], route="bolus").AUClast == pytest.approx(4)


def test_without_a_falling_end_nothing_is_said_of_what_follows():
    found = exposure([0, 1, 2, 3], [1, 2, 3, 4])
    assert found.points == 0
    assert np.isnan([found.half_life, found.AUCinf, found.MRT, found.first, found.last]).all()
    assert found.AUClast == 7.5


def test_each_dosing_interval_has_its_row():
    time, value = np.arange(0.0, 9), np.array([4, 2, 1, 0.5, 8, 4, 2, 1, 0.5])
    rows = nca(time, value, doses=[0, 4], route="bolus")
    assert rows["from"].tolist() == [0, 4]
    assert rows["to"].tolist() == [4, 8]
    assert rows.Cmax.tolist() == [4, 8]
    assert rows.Tmax.tolist() == [0, 0]
    assert rows.Cmin.tolist() == [0.5, 0.5]
    assert rows.half_life.tolist() == pytest.approx([1, 1])
    assert np.isnan(rows.AUCinf[0])
    assert rows.AUCinf[1] == pytest.approx(8 / np.log(2))


def test_a_curve_of_a_model_is_cut_at_its_doses():
    found = simulate("clinical", doses=["150e6", "300e6@100"], until=200)
    rows = nca(found.time.values, found.transgene.values)
    assert rows["from"].tolist() == [0, 100]
    assert rows.loc[0, "to"] == 100
    assert (rows.Tlast > 99).all()
    assert set(UNITS) <= set(rows)


@settings(derandomize=True, deadline=None, max_examples=40)
@given(st.floats(0.01, 5), st.floats(0.1, 50), st.floats(1e-6, 1e6), st.integers(0, 2**32 - 1))
def test_units_scale_as_they_should(of_time, shift, of_value, seed):
    random = np.random.default_rng(seed)
    time = np.append(0, np.cumsum(random.uniform(0.1, 3, 12)))
    value = random.lognormal(size=13) * np.exp(-0.1 * time)
    plain, scaled = exposure(time, value), exposure(of_time * time, of_value * value)
    assert scaled.points == plain.points
    assert scaled.AUCinf == pytest.approx(of_time * of_value * plain.AUCinf, nan_ok=True)
    assert scaled.AUMClast == pytest.approx(of_time**2 * of_value * plain.AUMClast)
    assert pytest.approx(of_time * plain.MRT, nan_ok=True) == scaled.MRT
    later = nca(time + shift, value, doses=[shift]).iloc[0]
    assert later.AUClast == pytest.approx(plain.AUClast)


@pytest.mark.parametrize(
    ("time", "value", "doses", "says"),
    [
        ([0, 1], [1, 2, 3], None, "rows of one length"),
        ([0, 2, 1], [1, 2, 3], None, "times are to be numbers that rise"),
        ([0, 1, 2], [1, np.nan, 3], None, "the value nan at time 1"),
        ([0, 1, 2], [1, -2, 3], None, "the value -2 at time 1"),
        ([0, 1, 2], [0, 0, 0], None, "no value is above 0"),
        ([0, 1, 2], [1, 2, 1], [0, 5], "no point lies in the dosing interval from 5 to inf"),
        ([0, 1, 2], [1, 2, 1], [], "no dose is given"),
    ],
)
def test_what_cannot_be_analysed_is_told(time, value, doses, says):
    with pytest.raises(InputError, match=says):
        nca(time, value, doses)


def test_the_command_uses_the_points_of_its_times_alone(tmp_path, capsys):
    out = tmp_path / "nca.csv"
    days = "1,3,7,11,14,21,28,60,90,180"
    assert run(["nca", "clinical", "--dose", "450e6", "--times", days, "--out", str(out)]) == 0
    rows = pd.read_csv(out).set_index("quantity")
    curve = simulate("clinical", doses="450e6", times=days)
    at = [float(day) for day in days.split(",")]
    right = exposure(at, curve.transgene.sel(time=at).values)
    assert rows.value["AUCinf"] == pytest.approx(right.AUCinf)
    assert rows.value["Tmax"] in at
    assert rows.unit["AUMClast"] == "copies/µg·day²"
    shown = capsys.readouterr().out
    assert f"{right.half_life:.4g}" in next(line for line in shown.splitlines() if "half_life" in line)


def test_the_command_tells_what_it_cannot_analyse(capsys):
    assert run(["nca", "clinical", "--observable", "M_protein_change", "--until", "60"]) == 2
    assert capsys.readouterr().err.startswith("cart: M_protein_change: the value -")
    assert (
        run(
            [
                "nca",
                "clinical",
                "--dose",
                "1e8",
                "--dose",
                "1e8@0.5",
                "--dose",
                "1e8@0.7",
                "--times",
                "0,3,40",
            ]
        )
        == 2
    )
    assert "no point lies in the dosing interval from 0.5 to 0.7" in capsys.readouterr().err


def test_doses_of_a_week_begin_intervals(tmp_path):
    out = tmp_path / "nca.csv"
    assert (
        run(["nca", "clinical", "--dose", "1e8", "--dose", "1e8@4 weeks", "--out", str(out), "--until", "90"])
        == 0
    )
    assert pd.read_csv(out)["from"].unique().tolist() == [0, 28]


RULE = """regimens:
  again:
    doses: [1e8, 1e8@20, 0@25]
    redosing: {amount: 1e8, observable: transgene, below: "2e4", every: 7 days, start: 30.000004 days}
    hold: {observable: transgene, above: "1"}
"""


def test_an_interval_begins_with_each_dose_that_was_given_and_with_no_other(tmp_path):
    (tmp_path / "rule.yaml").write_text(RULE, encoding="utf-8")
    line = ["nca", "clinical", "--regimens", str(tmp_path / "rule.yaml"), "--until", "90"]
    out = tmp_path / "nca.csv"
    assert run([*line, "--out", str(out)]) == 0
    assert pd.read_csv(out)["from"].unique().tolist() == [0, 30.000004]
    curve = tmp_path / "curve.nc"
    assert run(["simulate", *line[1:], "--out", str(curve)]) == 0
    with xr.open_dataset(curve, engine="scipy") as found:
        assert (found.attrs["redose_days"], found.attrs["held_days"]) == ("30.000004", "20")


def test_half_of_each_infusion_is_no_residence(tmp_path):
    (tmp_path / "out.ant").write_text(
        "model out()\n  species S; dose = 0; k = 0.5; S = dose; J: S -> ; k*S; end\n"
    )
    (tmp_path / "out.yaml").write_text("dose: {parameter: dose, species: S}\nobservables: [S]\nuntil: 60\n")
    out = tmp_path / "nca.csv"
    given = ["--dose", "10@0 for 4", "--dose", "10@30 for 2", "--dose", "30@30"]
    assert run(["nca", str(tmp_path / "out.ant"), *given, "--times", "0:60:0.05", "--out", str(out)]) == 0
    rows = pd.read_csv(out)
    of_last = rows[(rows.quantity == "MRT") & (rows["from"] == 30)]
    assert of_last.value.tolist() == pytest.approx([2.0], rel=2e-3)  # 1/k, whatever the infusion


def test_each_dose_has_a_duration_or_all_have_one():
    time, value = [0, 1, 2, 3, 4, 5, 6, 7], [1, 4, 2, 1, 4, 2, 1, 0.5]
    both = nca(time, value, [0, 3], duration=[2.0, 1.0])
    plain = nca(time, value, [0, 3])
    assert both.MRT[1] == pytest.approx(plain.MRT[1] - 0.5)
    with pytest.raises(InputError, match="3 durations are given of 2 doses"):
        nca(time, value, [0, 3], duration=[1, 2, 3])

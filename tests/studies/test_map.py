import numpy as np
import pytest

from harness.errors import InputError
from harness.figures.maps import draw_map
from harness.models.catalog import load_card
from harness.models.symbols import read_symbols
from harness.simulation.execute import Processes, Serial
from harness.studies.map import PANELS, Burden, Map, _saturation

SMALL = Map(dose="50e6:800e6:log:3", burden=Burden(points=5))


@pytest.fixture(scope="module")
def symbols():
    return read_symbols(load_card("clinical").sbml_path())


@pytest.fixture(scope="module")
def outcome():
    return SMALL.run(Serial())


def test_the_numbers_are_those_that_were_named(outcome):
    assert tuple(outcome.numbers) == SMALL.number_names()
    assert outcome.runs == SMALL.size() == 15
    assert np.isfinite(list(outcome.numbers.values())).all()


def test_burden_decides_the_peak_and_dose_hardly_does(outcome):
    assert outcome.numbers["Cmax_share_burden"] > 0.99
    assert outcome.numbers["Cmax_share_ratio"] > 10
    assert outcome.numbers["Tmax_largest_rise_with_dose"] < 0
    assert outcome.numbers["M_fall_rising_share"] == 1
    assert outcome.numbers["M_fall_slope_low"] > 10 * outcome.numbers["M_fall_slope_high"] > 0


def test_the_table_has_a_row_a_cell(outcome):
    table = outcome.tables["map"]
    assert list(table["burden_percent"][:5]) == [5, 27.5, 50, 72.5, 95]
    assert table["Tumor_0"][2] == 2.5e9
    assert set(table["status"]) == {"ok"}


def test_peaks_are_those_of_an_independent_implementation():
    burdens = Burden(
        low=20, high=95, points=4, conversion={20: "1e9 cells/L", 45: "2e9 cells/L", 95: "4.75e9 cells/L"}
    )
    declared = Map(dose="150e6, 300e6", burden=burdens, readings=("as_run",), until="60 days")
    table = declared.run(Serial()).tables["map"].set_index(["dose", "burden_percent"]).loc[150e6]
    found = table["Cmax"][[20, 45, 95]]
    np.testing.assert_allclose(found, [3.1e3, 1.87e4, 2.98e5], rtol=0.01)  # given to two or three digits


def test_the_peak_of_a_relapse_is_no_early_peak():
    declared = Map(dose="50e6, 800e6", burden=Burden(low=5, high=50, points=2))
    outcome = declared.run(Serial())
    assert outcome.numbers["relapse_higher"] == 2
    assert outcome.numbers["Tmax_latest"] < 60
    assert (outcome.tables["map"]["Tmax_of_run"].max()) > 60
    blank, relapse = (
        "0 of 4 cells have no early peak and are blank",
        "in 2 the transgene at a relapse, by 21 months,",
    )
    assert f"{blank}; {relapse} is higher than the early peak." in outcome.notes


def test_a_map_without_early_peaks_is_blank_and_draws():
    declared = Map(dose="1e8, 2e8", burden=Burden(points=2), changes={"K_exp_max": "0 1/day"}, until="60")
    outcome = declared.run(Serial())
    assert outcome.numbers["blank"] == 4
    assert outcome.numbers["maps"] == 2
    assert np.isnan(outcome.numbers["Tmax_in_2_to_3_weeks"])
    assert len(draw_map(outcome)) == len(PANELS)


def test_failures_are_counted_and_told():
    far = {10: "5e8 cells/L", 30: "1.5e9 cells/L", 50: "1e300 cells/L"}
    declared = Map(dose="1e8, 2e8", burden=Burden(low=10, high=50, points=3, conversion=far), until="60")
    outcome = declared.run(Serial())
    assert outcome.failed == outcome.numbers["failed"] == 2
    assert any("2 simulations failed" in note for note in outcome.notes)
    assert outcome.tables["map"]["Cmax"].isna().sum() == 2
    assert outcome.numbers["Cmax_share_burden"] > 0.9


def test_the_conversion_can_be_replaced(symbols):
    assert Burden(points=2).values(symbols).tolist() == [2.5e8, 4.75e9]
    bent = Burden(points=3, conversion={0: "0 cells/L", 50: "1e9 cells/L", 100: "8e9 cells/L"})
    np.testing.assert_allclose(bent.values(symbols), [1e8, 1e9, 7.3e9])
    assert Burden(points=2, conversion={100: "5e6 cells/mL"}).values(symbols).tolist() == [2.5e8, 4.75e9]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"low": 95, "high": 5}, "low must be below high"),
        ({"conversion": {10: "1e9", 50: "2e9"}}, "conversion must cover 5 to 95"),
        ({"conversion": {}}, "needs one percentage above 0"),
        ({"conversion": {0: "1e9"}}, "needs one percentage above 0"),
        ({"points": 1}, "Burden: points: must be at least 2, not 1"),
    ],
)
def test_an_axis_that_makes_no_sense_is_refused(fields, said):
    with pytest.raises(InputError, match=said):
        Burden(**fields)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (Map(model="in_vitro"), "declares no Cmax, Tmax, sBCMA_nadir, M_nadir"),
        (Map(model="klinical"), "nearest: clinical"),
        (Map(dose="150e6"), "two rising doses or more"),
        (Map(burden=Burden(parameter="dose", conversion={50: "1e8"})), "the burden another parameter"),
        (Map(burden=Burden(parameter="Tumour_0")), "nearest: Tumor_0"),
        (Map(burden=Burden(conversion={50: "2.5e9 1/day"})), "does not convert"),
        (Map(burden=Burden(conversion={0: "2e9", 100: "1e9"})), "must rise with the percentage"),
        (Map(until="-1"), "must be positive"),
    ],
)
def test_what_does_not_fit_the_model_is_refused_before_it_runs(declared, said):
    with pytest.raises(InputError, match=said):
        declared.run(Serial())


def test_workers_change_no_bit(outcome):
    assert SMALL.run(Processes(2)).tables["map"].equals(outcome.tables["map"])


def test_the_panels_are_drawn_with_their_lines(outcome):
    titles = [axes.get_title() for axes in draw_map(outcome)]
    assert titles == [
        "Cmax (copies/µg)",
        "Tmax (days)",
        "fall of soluble BCMA (%)",
        "fall of M-protein (%)",
    ]


def test_a_fall_that_drops_by_a_twentieth_of_a_percent_no_longer_rises():
    percent = np.array([10.0, 30.0, 50.0, 70.0, 90.0])
    fall = np.array([[10.0, 30.0, 40.0, 39.95, 45.0], [20.0, 50.0, 60.0, 59.995, 64.0]])
    found = _saturation(fall, percent)
    assert found["rising_share"] == 7 / 8  # 0.005 is within the tolerance, 0.05 is not
    assert found["slope_low"] == pytest.approx(25 / 20)
    assert found["slope_high"] == pytest.approx((54.5 - 49.9725) / 20)
    assert (found["dose_effect_low"], found["dose_effect_high"]) == (10, 19)

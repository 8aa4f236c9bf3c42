"""What is read off a run is of the run: output times decide nothing, and doses stand where they are given."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.analysis.moments import jumps
from harness.files import write_dataset
from harness.models.catalog import load_card, model_names
from harness.models.provenance import parameters_of
from harness.simulation.design import Design
from harness.simulation.plan import plan
from harness.simulation.regimen import Dose, Redosing, Regimen
from harness.simulation.run import run, stream
from harness.simulation.simulate import simulate
from tests.simulation.finer import with_finer_times

CALLS = {
    "clinical": (
        "time_above(transgene, level=100)", "fall_time(sBCMA_change)", "lowest(tumor_conc)",
        "doubling_time(transgene, start=4, stop=9)", "time_to_response(M_protein_change)",
        "half_life(transgene, start=25, stop=60)", "growth_rate(M_protein, start=200, stop=340)",
        "highest(cplx_per_tumor, start=1)", "fold_fall(M_protein, start=0, stop=100)",
        "value_at(transgene, at=33.3)", "peak_time(transgene, after=1)", "area(sBCMA, start=2.2, stop=290.1)",
    ),
    "xenograft": ("half_life(blood_cart, start=12, stop=29)", "time_above(tumor_volume, level=100)"),
    "in_vitro": ("area(viability)", "growth_rate(cplx_per_tumor, start=1, stop=3)", "fall_time(viability)"),
}  # fmt: skip

FACTOR = 2.0
"""How far the parameters of the law lie from those of a model: within this factor of each."""

SPLIT = Regimen((Dose(0, 0.3, relative=True), Dose(3, 0.7, relative=True)))
REGIMENS = {
    "once": Regimen((Dose(0, 1, relative=True),)),
    "split": SPLIT,
    "late": Regimen((Dose(0, 1, relative=True), Dose(47.3, 1, 0.5, relative=True))),
}


def drawn(card, seed, count=4):
    """Runs whose parameters lie within a factor of the model's, and their regimens."""
    rng = np.random.default_rng(seed)
    rows = [r for r in parameters_of(card).values() if r.status not in ("constant", "input") and r.value > 0]
    table = pd.DataFrame({r.id: r.value * FACTOR ** rng.uniform(-1, 1, count) for r in rows})
    shares = [name for name in table if name.startswith("f_")]  # of which there is no more than all
    table[shares] = table[shares].clip(upper=1.0)
    return table.assign(regimen=rng.choice(list(REGIMENS), count)) if card.dose else table


def moves(model, calls, seed, count):
    """Which endpoints of which runs of a model ten times the output times move by more than 0.1 %."""
    card = load_card(model)
    kept = {"regimens": REGIMENS} if card.dose else {}
    planned = plan(model, Design(drawn(card, seed, count)), endpoints=[*card.endpoints, *calls], **kept)
    few, many = run(planned), run(with_finer_times(planned))
    ok = ((few["status"] == "ok") & (many["status"] == "ok")).to_numpy()
    assert ok.mean() > 0.7
    alike = {"rtol": 1e-3, "atol": 1e-12, "equal_nan": True}
    return {n: ok & ~np.isclose(few[n], many[n], **alike) for n in planned.study.column_names()}


@pytest.mark.parametrize("model", model_names())
@settings(derandomize=True, deadline=None, max_examples=1)
@given(seed=st.integers(0, 2**32 - 1))
def test_ten_times_the_output_times_move_no_endpoint_by_more_than_0_1_percent(model, seed):
    card = load_card(model)
    calls = CALLS.get(card.bases[0].id if card.bases else model, ())
    assert not [name for name, off in moves(model, calls, seed, 4).items() if off.any()]


@pytest.mark.slow
@pytest.mark.parametrize("model", model_names())
def test_ten_times_the_output_times_move_an_endpoint_of_no_more_than_1_draw_of_300(model):
    """Where a peak is as high as the end of the times that count, any change decides which it is."""
    assert np.any(list(moves(model, (), 101, 300).values()), axis=0).sum() <= 1


shown = st.one_of(
    st.none(),
    st.lists(st.floats(0, 300), min_size=1, max_size=5),
    st.sampled_from(["0:60:0.01", "0,60", [0.0, 1e-7, 3.0, 300.0]]),
)


@settings(derandomize=True, deadline=None, max_examples=12)
@given(shown, st.booleans())
def test_no_endpoint_and_no_read_out_depends_on_the_times_that_are_shown(times, keep):
    """To the last bit, whatever is printed or kept."""
    design = Design(pd.DataFrame({"dose": [150e6, 450e6], "regimen": ["split", "late"]}))
    wanted = {"endpoints": ["Cmax", "PFS", "M_nadir", *CALLS["clinical"][:2]], "at": "3,28", "until": 300}
    reference = run(plan("clinical", design, regimens=REGIMENS, **wanted))
    found = run(plan("clinical", design, regimens=REGIMENS, times=times, trajectories=keep, **wanted))
    for name in reference:
        np.testing.assert_array_equal(found[name], reference[name], err_msg=name)


PEAKS = [((), 37320, 16.32), (("waning",), 17141, 14.36)]


@pytest.mark.parametrize(("reading", "cmax", "day"), PEAKS)
def test_a_bolus_is_no_expansion(independent, reading, cmax, day):
    """Of 0.3 and 0.7 of a dose, three days apart, the peak is that of the expansion."""
    found = run(
        plan("clinical", Design(pd.DataFrame({"regimen": ["split"]})), regimens=REGIMENS, readings=reading)
    )
    assert found["Cmax"].item() == pytest.approx(cmax, rel=1e-4)
    assert found["Tmax"].item() == pytest.approx(day, abs=0.02)
    changes = {"t_wane": 12.0, "h_wane": 4.0} if reading else {}
    days = np.arange(4.0, 30.0, 0.02)
    truth = independent(days, [(0.0, 45e6), (3.0, 105e6)], **changes)[:, 0]
    assert found["Cmax"].item() == pytest.approx(truth.max(), rel=1e-3)
    assert found["Tmax"].item() == pytest.approx(days[truth.argmax()], abs=0.05)


def test_areas_and_progression_are_those_of_an_independent_solution_across_doses(independent):
    doses, early = [(0.0, 150e6), (200.0, 150e6)], np.geomspace(1e-4, 1, 400)
    days = np.unique(np.concatenate([early, 200 + early, np.arange(0, 600, 0.1)]))
    truth = independent(days, doses, K_g=0.015)
    planned = plan(
        "clinical",
        Design(pd.DataFrame({"K_g": [0.015]})),
        doses=[Dose(*dose) for dose in doses],
        endpoints=["area(transgene, stop=250)", "area(sBCMA, start=100)", "PFS", "M_nadir"],
        until=599.9,
    )
    found = run(planned)
    parts = (days < 200), (days >= 200) & (days <= 250)
    each = [np.trapezoid(truth[part, 0], days[part]) for part in parts]
    assert found["area_transgene_stop_250"].item() == pytest.approx(sum(each), rel=1e-3)
    later = days >= 100
    soluble = 625.0 * np.trapezoid(1 + truth[later, 2] / 100, days[later])
    assert found["area_sBCMA_start_100"].item() == pytest.approx(soluble, rel=1e-3)
    assert found["M_nadir"].item() == pytest.approx(truth[:, 1].min(), rel=1e-4)
    level = 1 + truth[:, 1] / 100
    nadir = np.minimum.accumulate(level)
    first = days[np.argmax(level >= np.maximum(1.25 * nadir, nadir + 0.05))]
    assert 100 < first < 599
    assert found["PFS"].item() == pytest.approx(first, abs=0.11)


doses = st.lists(
    st.tuples(st.sampled_from([2.0, 3.0, 7.25, 20.0]), st.floats(1e6, 1e9), st.sampled_from([0.0, 0.0, 0.5])),
    min_size=1,
    max_size=3,
    unique_by=lambda dose: dose[0],
)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(doses, st.sampled_from(["0:30:10", "0,2,3,7.25,20,30", "0,30"]))
def test_every_dose_stands_in_the_output_just_before_and_after_it(listed, times):
    given_ = [Dose(0, 1e8), *(Dose(*dose) for dose in listed)]
    found = simulate("clinical", doses=given_, times=times, observables=["CARTe_b", "Tumor"])
    time = found.time.to_numpy()
    assert (np.diff(time) > 0).all()
    before = jumps(time)
    edges = {t for d in given_[1:] for t in (d.time, d.time + d.duration)}
    assert time[before + 1].tolist() == sorted(edges)
    given_at = {d.time: d.amount for d in given_[1:] if not d.duration}
    step = found.CARTe_b.to_numpy()[before + 1] - found.CARTe_b.to_numpy()[before]
    wanted = [given_at.get(t, 0.0) for t in time[before + 1]]
    np.testing.assert_allclose(step, wanted, rtol=1e-9, atol=1e-3)
    np.testing.assert_allclose(found.Tumor[before], found.Tumor[before + 1], rtol=1e-9)


def test_a_run_reads_out_what_its_doses_make_at_their_moments():
    found = simulate("clinical", doses=["1e8", "2e8@28"], times="0,28,56", observables=["CARTe_b"])
    before = simulate("clinical", doses=["1e8"], times="0,28", observables=["CARTe_b"]).CARTe_b[1].item()
    assert found.CARTe_b.sel(time=28).item() == pytest.approx(before + 2e8, rel=1e-6)
    assert found.CARTe_b.sel(time=20, method="nearest").item() == pytest.approx(before, rel=1e-6)


RULE = Redosing(1, "M_protein", 0.25, every=28, start=56, at_most=2, relative=True)
AT_RELAPSE = {"again": Regimen((Dose(0, 1, relative=True),), RULE), "once": REGIMENS["once"]}
RELAPSING = Design(pd.DataFrame({"dose": [150e6, 450e6], "regimen": ["again", "once"]}))


def test_what_a_rule_gives_comes_back_in_the_table_and_with_the_curves(tmp_path):
    planned = plan("clinical", RELAPSING, regimens=AT_RELAPSE, until="2 years")
    stream(planned, tmp_path / "out.csv")
    table = pd.read_csv(tmp_path / "out.csv")
    assert table["redoses"].tolist() == [2, 0]
    days = [float(day) for day in table["redose_days"][0].split()]
    assert len(days) == 2
    assert pd.isna(table["redose_days"][1])
    curves = run(
        plan("clinical", RELAPSING, regimens=AT_RELAPSE, until="2 years", trajectories=True, times="0:730:50",
             observables=["CARTe_b"])
    )  # fmt: skip
    write_dataset(curves, tmp_path / "out.nc")
    kept = xr.load_dataset(tmp_path / "out.nc")
    time = kept.time.to_numpy()
    assert time[jumps(time) + 1].tolist() == days
    assert kept["redoses"].to_numpy().tolist() == [2, 0]
    assert kept["redose_days"].to_numpy().tolist() == [table["redose_days"][0], ""]
    rise = kept.CARTe_b[:, jumps(time) + 1].to_numpy() - kept.CARTe_b[:, jumps(time)].to_numpy()
    np.testing.assert_allclose(rise, [[150e6, 150e6], [0, 0]], rtol=1e-9)
    assert time.size == 15 + 2 * 2  # visits without a dose are no moments


def test_an_expansion_after_a_dose_of_a_rule_is_read_off_times_that_resolve_it():
    planned = plan("clinical", RELAPSING, regimens=AT_RELAPSE, until="2 years",
                   endpoints=["area(transgene, start=100)", "highest(transgene, start=100)"])  # fmt: skip
    few, many = run(planned), run(with_finer_times(planned, 4))
    for name in planned.study.column_names()[:2]:
        np.testing.assert_allclose(few[name], many[name], rtol=1e-3)
    assert few["highest_transgene_start_100"][0] >= 60000 * 0.999


OWN = """
model own
  S = 1e-8; W = 0; V := S*(1 - S); R := 1 + sin(W)
  S' = 8*S*(1 - S)
  W' = {rate}
end
"""


@pytest.fixture
def own_model(tmp_path):
    def write(rate):
        path = tmp_path / "own.ant"
        path.write_text(OWN.format(rate=rate), encoding="utf-8")
        return str(path)

    return write


def test_an_endpoint_of_ones_own_model_is_read_until_it_stands_still(own_model):
    """A logistic rise within half a time unit, the step of the first output times; V is its rate over 8."""
    wanted = [
        "highest(V)",
        "area(V)",
        "time_above(S, level=0.5)",
        "peak_time(V)",
        "growth_rate(S, start=0, stop=2)",
    ]
    found = run(plan(own_model(1), Design(pd.DataFrame({"init_S": [1e-8]})), endpoints=wanted))
    half = np.log(1e8 - 1) / 8
    assert found["highest_V"].item() == pytest.approx(0.25, rel=1e-3)
    assert found["area_V"].item() == pytest.approx((1 - 1e-8) / 8, rel=1e-3)
    assert found["time_above_S_level_0.5"].item() == pytest.approx(100 - half, rel=1e-3)
    assert found["peak_time_V"].item() == pytest.approx(half, rel=1e-3)
    time = np.linspace(0, 2, 20001)
    rise = 8 * time - np.log1p(1e-8 * (np.exp(8 * time) - 1))
    assert found["growth_rate_S_start_0_stop_2"].item() == pytest.approx(
        np.polyfit(time, rise, 1)[0], rel=1e-3
    )
    assert found["reason"].item() == ""


def test_an_endpoint_that_never_stands_still_is_no_number_and_says_so(own_model):
    wanted = ["time_above(R, level=1.9)", "last(S)"]
    found = run(plan(own_model(6000.7), Design(pd.DataFrame({"init_S": [1e-8]})), endpoints=wanted))
    assert np.isnan(found["time_above_R_level_1.9"].item())
    assert found["reason"].item() == "time_above_R_level_1.9 does not stand still, whatever the output times"
    assert found["last_S"].item() == pytest.approx(1, rel=1e-5)

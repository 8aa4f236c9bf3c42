"""Mechanisms beyond the article: off they are the published model; clocks begin anew with an infusion."""

import numpy as np
import pytest

from harness import simulate
from harness.models.catalog import Extension, load_card
from harness.models.provenance import omegas_of
from harness.simulation.made_designs import grid, random_effects
from harness.simulation.plan import plan
from harness.simulation.run import collect

MECHANISMS = {
    "waning": ("clinical_clocks", {"t_wane": "12 day"}),
    "lag": ("clinical_clocks", {"t_lag": "3 day"}),
    "rejection": ("clinical_clocks", {"k_host": "0.5 1/day", "N_host": "1e8 item"}),
    "divisions": ("clinical_divisions", {"n_div": "9"}),
}
COMMON = {
    "resistant share": {"f_resist": "1e-4"},
    "soluble BCMA of others": {"f_b": "0.1"},
    "bounded tumour": {"crowding": "1e-10 1/item"},
}
NO_KILLING = {"K_kill_max": "1e-9 1/day", "K_g": "1e-9 1/day"}
"""The tumour stays as it is, so that a second infusion meets what the first one met."""
READ = ("transgene", "M_protein_change", "sBCMA_change", "tumor_conc")


def run(model, doses, until, changes=None):
    return simulate(model, doses=doses, changes=changes or {}, until=until, observables=READ)


@pytest.fixture(scope="module")
def published():
    return run("clinical", ["150e6", "300e6@60"], "400 day")


@pytest.mark.parametrize("model", ["clinical_clocks", "clinical_divisions"])
def test_with_every_mechanism_off_the_model_is_the_published_one_over_two_infusions(model, published):
    """Off is crowding, f_b, f_resist, t_lag and k_host at 0, t_wane and n_div at 1e9: the defaults."""
    off = {"crowding": 0, "f_b": 0, "f_resist": 0, "t_lag": 0, "k_host": 0, "t_wane": 1e9, "n_div": 1e9}
    symbols = load_card(model).symbols
    assert {name: symbols[name].value for name in off if name in symbols} == {
        name: value for name, value in off.items() if name in symbols
    }
    found = run(model, ["150e6", "300e6@60"], "400 day")
    for name in READ:
        size = np.abs(published[name].to_numpy()).max()
        assert np.abs(found[name].to_numpy() - published[name].to_numpy()).max() < 1e-5 * size, name


@pytest.mark.parametrize("name", [*MECHANISMS, *COMMON])
def test_each_mechanism_does_something_when_it_is_on(name, published):
    model, changes = MECHANISMS.get(name) or ("clinical_clocks", COMMON[name])
    found = run(model, ["150e6", "300e6@60"], "400 day", changes)
    moved = [np.abs(found[of].to_numpy() - published[of].to_numpy()).max() for of in READ]
    assert max(np.array(moved) / [np.abs(published[of].to_numpy()).max() for of in READ]) > 0.01


def test_lag_and_waning_count_from_the_last_infusion():
    read = ("begun", "lasting")
    found = simulate(
        "clinical_clocks",
        doses=["150e6", "150e6@60"],
        changes={"t_lag": "3 day", "t_wane": "12 day"},
        until="120 day",
        times="0:120:1",
        observables=read,
    )
    for name in read:
        first, second = (found[name].sel(time=slice(s + 1, s + 59)).to_numpy() for s in (0, 60))
        assert np.allclose(first, second, rtol=1e-12, atol=0), name
        assert np.ptp(first) > 0.9


@pytest.mark.parametrize("name", ["waning", "rejection", "divisions"])
def test_a_second_infusion_expands_as_the_first_did(name):
    """Nothing is left of the first one 300 days later, and the tumour is as it was."""
    model, changes = MECHANISMS[name]
    ends = {"t_wane": "12 day"} if name == "rejection" else {}
    found = run(
        model, ["150e6", "150e6@300"], "340 day", {**changes, **ends, **NO_KILLING, "K_21": "0.3 1/day"}
    )
    after = [found.transgene.sel(time=slice(start + 1, start + 40)) for start in (0, 300)]
    first, second = (float(curve.max()) for curve in after)
    begun = float(after[0].sel(time=1, method="nearest"))
    assert first > 2 * begun, "nothing expanded"
    assert second == pytest.approx(first, rel=0.02)


def test_waning_is_that_of_the_model_that_has_nothing_else():
    clocks = run("clinical_clocks", ["150e6", "150e6@60"], "200 day", {"t_wane": "12 day"})
    waning = run("clinical_waning", ["150e6", "150e6@60"], "200 day")
    assert np.allclose(clocks.transgene, waning.transgene, rtol=1e-4)


def growing(patients, months):
    """Fast tumours, K_g 0.015 /day and burden with omega 0.8, whose growth has a bound."""
    card = load_card("clinical_clocks")
    omegas = {**omegas_of(card), "Tumor_0": 0.8, "K_g": 0.6}
    typical = {name: card.symbols[name].value for name in omegas} | {"K_g": 0.015}
    design = random_effects(typical, omegas, patients, 1) * grid(dose=[150e6])
    return collect(
        plan(
            "clinical_clocks",
            design,
            endpoints=["highest(tumor_conc)", "PFS"],
            until=f"{months} months",
            changes={"crowding": "1e-12 1/item"},
            engine="kernel",
        )
    )


def test_a_tumour_grows_to_its_bound_and_no_further():
    found = simulate(
        "clinical_clocks",
        doses="0",
        changes={"crowding": "1e-12 1/item", "K_g": "0.1 1/day"},
        until="10 years",
        observables=["tumor_conc"],
    )
    volume = load_card("clinical").symbols["V_bm"].value
    assert float(found.tumor_conc[-1]) * volume == pytest.approx(1e12, rel=1e-6)


@pytest.mark.slow
def test_no_patient_with_a_fast_tumour_fails_within_48_months():
    found = growing(1000, 48)
    assert set(found.status) == {"ok"}
    assert found.columns["highest_tumor_conc"].max() * 3.65 < 1.001e12


def test_an_extension_names_pools_of_its_own_that_are_solved_as_logarithms():
    base = load_card("clinical_clocks")
    extension = Extension(id="x", extends="clinical_clocks", title="", figure="", logarithms=["A"])
    solver = extension.card(base).solver
    assert solver.logarithms == (*base.solver.logarithms, "A")
    assert solver.exported_logarithms == base.solver.exported_logarithms
    assert load_card("clinical_divisions").solver.logarithms[-2:] == ("Div_b", "Div_t")


def test_what_reads_the_time_or_the_clock_is_read_at_a_dose_as_it_is_after_it():
    """Powers that are no whole numbers: of a time before the dose they would have no value."""
    changes = {"h_wane": 3.3, "t_wane": "12 day", "t_lag": "2 day", "h_lag": 5.5}
    names = ["k_exp", "begun", "lasting", "since", "t_last_dose", "cplx_per_cart"]
    found = simulate(
        "clinical_clocks", doses=["150e6@28", "2e8@60", "1e8@70 for 2"], changes=changes, until=80,
        times="0,28,40,60,70,71,80", observables=names,
    )  # fmt: skip
    k_exp, begun, lasting, since, clock, ratio = (found[name].to_numpy() for name in names)
    assert (found.attrs["status"], found.attrs["reason"]) == ("ok", "")
    time = found.time.to_numpy()
    np.testing.assert_array_equal(clock, np.select([time >= 70, time >= 60, time >= 28], [70, 60, 28], 0))
    np.testing.assert_allclose(since, time - clock, atol=1e-9)
    np.testing.assert_allclose(lasting, 1 / (1 + (since / 12) ** 3.3), rtol=1e-9)
    np.testing.assert_allclose(begun, (since**5.5 + 1e-30) / (since**5.5 + 2**5.5 + 1e-30), rtol=1e-6)
    symbols = load_card("clinical_clocks").symbols
    right = symbols["K_exp_max"].value * begun * lasting * ratio / (symbols["EC50_exp"].value + ratio)
    np.testing.assert_allclose(k_exp, right, rtol=1e-9)

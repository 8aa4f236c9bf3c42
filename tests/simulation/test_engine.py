from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

from benchmarks import accuracy
from harness.models.catalog import load_card
from harness.simulation.engine import Engine
from harness.simulation.programs import load_program
from harness.simulation.regimen import Dose, Redosing, Regimen, regimen
from harness.simulation.trajectory import Status, Stopped

READ_OUT = ("transgene", "M_protein_change", "sBCMA_change", "Tumor")
DAYS = np.arange(0.0, 641.0)


@pytest.fixture(scope="module")
def clinical():
    return Engine(load_program("clinical"))


@pytest.fixture(scope="module")
def tight():
    return Engine(load_program("clinical"), relative_tolerance=1e-9)


@pytest.mark.parametrize(
    "changes",
    [
        {"dose": 50e6},
        {"dose": 800e6, "K_on": 7.103e4, "K_off": 2.385e-3},
        {"K_12": 4.2, "K_21": 0.4, "K_el_e": 60.0, "K_el_m": 0.1, "K_exp_max": 2.1, "gamma_b": 3.0},
        {"K_12": 0.8, "K_21": 0.35, "K_el_e": 250.0, "K_kill_max": 0.9, "Tumor_0": 4.75e9},
        {"V_b": 4.0, "V_bm": 2.0, "R_m": 1e-4, "P_m": 20.0},
    ],
)
def test_the_engine_agrees_with_an_independent_integration(clinical, independent, changes):
    run = clinical.run(changes, None, DAYS, READ_OUT)
    truth = independent(DAYS, **changes)
    assert run.status is Status.OK
    floors = [1e-4, 0.1, 0.01, 1e-12]
    error = np.abs(run.values - truth) / np.maximum(np.abs(truth), floors)
    assert error[1:].max() < 1e-3


@pytest.mark.quick
def test_repeated_doses_agree_with_an_independent_integration(clinical, independent):
    doses = [(0.0, 150e6), (28.0, 150e6), (200.5, 450e6)]
    run = clinical.run({}, regimen(Dose(*dose) for dose in doses), DAYS, READ_OUT)
    truth = independent(DAYS, doses)
    error = np.abs(run.at(DAYS) - truth) / np.maximum(np.abs(truth), [1e-4, 0.1, 0.01, 1e-12])
    assert error[1:].max() < 1e-3


def test_random_patients_neither_fail_nor_err_silently():
    worst, failed, second = accuracy.errors(count=25, seed=20)
    assert worst.shape == (100, 3)
    assert (failed, second) == (0, 0)
    assert worst.max() < accuracy.LIMIT


@pytest.mark.slow
def test_many_random_patients_neither_fail_nor_err_silently():
    worst, failed, second = accuracy.errors(count=500, seed=7)
    assert failed == 0
    assert second < 0.01 * len(worst)  # a second try is part of the engine, and is to stay rare
    assert worst.max() < accuracy.LIMIT


def test_the_plain_form_errs_where_the_solver_form_does_not():
    """The reason for the logarithms: the same tolerances, the same patients, amounts instead."""
    program = load_program("clinical")
    amounts = program.solver.model_copy(update={"logarithms": ()})
    plain = Engine(replace(program, solver=amounts))
    exact = Engine(accuracy.reference_program(), relative_tolerance=1e-11)

    def errs(row):
        run = plain.run(row, None, DAYS, ["transgene"])
        truth = exact.run(row, None, DAYS, ["transgene"])
        error = np.abs(run.values - truth.values) / np.maximum(truth.values, 1e-4)
        return run.status is not Status.OK or bool(run.reason) or error.max() > 0.01

    assert any(errs(row) for row in accuracy.patients(100, seed=1)[::2])


@pytest.mark.parametrize("model", ["clinical", "xenograft", "xenograft_constant_volume"])
@pytest.mark.parametrize("doses", [[], [Dose(0, 0)], [Dose(0, 0), Dose(30, 0)]])
def test_without_a_dose_there_are_exactly_no_cells_for_ever(model, doses):
    card = load_card(model)
    cells = [name for name in ("CARTe_b", "CARTm_b", "CARTe_t", "CARTm_t", "Cplx") if name in states(card)]
    run = Engine(load_program(model)).run({}, regimen(doses), np.arange(0.0, 2001.0, 10), cells)
    assert run.status is Status.OK
    assert (run.values == 0).all()


def states(card):
    from harness.models.symbols import read_symbols

    return read_symbols(card.sbml_path())


def test_a_dose_into_nothing_waits_for_its_time(clinical):
    late = clinical.run(
        {}, regimen([Dose(100, 150e6)]), np.array([0, 99.999, 100, 120.0]), ["CARTe_b", "transgene"]
    )
    assert (late.values[:3] == 0).all()
    assert late.values[3, 0] == pytest.approx(150e6, rel=1e-12)
    assert late.values[4, 1] > 1e4


def test_a_pool_that_nothing_flows_into_stays_empty(clinical):
    run = clinical.run({"K_12": 0.0}, None, DAYS, ["CARTe_t", "Cplx", "Tumor"])
    assert run.status is Status.OK
    assert (run.values[:, :2] == 0).all()
    np.testing.assert_allclose(run.values[:, 2], 9.125e9 * np.exp(0.008 * DAYS), rtol=1e-5)


def test_without_memory_cells_the_rest_is_as_with_next_to_none(clinical):
    none = clinical.run({"R_m": 0.0}, None, DAYS, ["CARTm_t", "transgene", "M_protein", "Tumor"])
    few = clinical.run({"R_m": 1e-12}, None, DAYS, ["CARTm_t", "transgene", "M_protein", "Tumor"])
    assert none.status is few.status is Status.OK
    assert (none.values[:, 0] == 0).all()
    np.testing.assert_allclose(none.values[:300, 1:], few.values[:300, 1:], rtol=1e-3, atol=1e-2)


def test_a_start_that_is_not_finite_is_named(clinical):
    run = clinical.run({"K_m": 0.0}, None, DAYS, READ_OUT)
    assert (run.status, run.reason) == (Status.NOT_FINITE, "M_protein is not finite at the start")


def test_a_dose_is_exact_in_a_case_with_a_known_solution(tight):
    """Without distribution and expansion the blood pool is a sum of exponentials, one a dose."""
    doses = [Dose(0, 1e8), Dose(0.01, 5e7), Dose(0.05, 2e8)]
    times = np.array([0, 0.005, 0.01, 0.02, 0.05, 0.08])
    run = tight.run({"K_12": 0.0, "K_21": 0.0}, regimen(doses), times, ["CARTe_b"])
    expected = sum(d.amount * np.exp(-113 * (times - d.time)) * (times >= d.time) for d in doses)
    np.testing.assert_allclose(run.at(times)[:, 0], expected, rtol=1e-6)


def test_a_run_does_not_depend_on_the_runs_before_it(clinical):
    times = np.arange(0.0, 100.0)
    fresh = Engine(load_program("clinical")).run({"K_12": 2.0}, None, times, READ_OUT)
    clinical.run({"K_exp_max": 3.0, "V_bm": 1.0, "Tumor_0": 1e9}, regimen([Dose(5, 1e9)]), DAYS, ["Tumor"])
    clinical.run({"K_on": float("nan")}, None, times, READ_OUT)
    clinical.run({}, regimen([]), times, READ_OUT)
    again = clinical.run({"K_12": 2.0}, None, times, READ_OUT)
    np.testing.assert_array_equal(fresh.values, again.values)


def test_a_model_dose_and_a_given_dose_are_the_same_run(clinical):
    times = np.arange(0.0, 100.0)
    own = clinical.run({"dose": 450e6}, None, times, READ_OUT)
    given = clinical.run({}, regimen([Dose(0, 450e6)]), times, READ_OUT)
    np.testing.assert_array_equal(own.values, given.values)


def test_what_starts_from_a_parameter_follows_it(clinical):
    changes = {"P_m": 30.0, "K_b": 2.0, "Tumor_0": 1e9, "V_bm": 2.0}
    names = ["M_protein_change", "sBCMA_change", "Tumor", "tumor_conc"]
    run = clinical.run(changes, None, np.array([0.0, 1.0]), names)
    np.testing.assert_allclose(run.values[0], [0, 0, 2e9, 1e9], atol=1e-9)


@pytest.mark.parametrize("changes", [{"K_on": float("nan")}, {"V_bm": 0.0}, {"Tumor_0": 0.0}, {"K_m": 0.0}])
@pytest.mark.quick
def test_a_run_that_fails_is_nan_with_a_status_and_a_reason(clinical, changes):
    run = clinical.run(changes, None, DAYS, READ_OUT)
    assert run.status is not Status.OK
    assert run.reason
    assert run.values.shape == (641, 4)
    assert np.isnan(run.values).all()


def test_nothing_of_the_integrator_reaches_the_terminal(clinical, capfd):
    clinical.run({"K_on": float("nan")}, None, DAYS, READ_OUT)
    assert capfd.readouterr() == ("", "")


def test_a_model_without_a_dose_refuses_one():
    with pytest.raises(ValueError, match="takes no dose"):
        Engine(load_program("in_vitro")).run({}, regimen([Dose(0, 1)]), np.array([0.0, 4.0]), ["viability"])


@pytest.mark.parametrize("times", [[0.0], [0.0, 1.0]])
def test_output_at_the_start_is_the_start_itself(clinical, times):
    run = clinical.run({}, None, np.array(times), ["transgene", "Tumor", "CARTe_b", "CARTe_t"])
    assert run.values[0].tolist() == [60000, 9.125e9, 150e6, 0]


def test_a_dose_stands_in_the_output_just_before_and_after_it(clinical):
    before = clinical.run({}, None, np.array([0.0, 28.0]), ["CARTe_b"]).values[1, 0]
    run = clinical.run({}, regimen([Dose(0, 150e6), Dose(28, 1e8)]), np.array([0.0, 28.0]), ["CARTe_b"])
    assert run.times.tolist() == [0, np.nextafter(28, 0), 28]
    assert run.values[1, 0] == pytest.approx(before, rel=1e-6)
    assert run.values[2, 0] == pytest.approx(run.values[1, 0] + 1e8, rel=1e-14)


@pytest.mark.parametrize("off", [0.0, 1e-15, -1e-15])
def test_times_that_only_rounding_holds_apart_are_one(clinical, off):
    times = np.array([0, 7, 14, 28.0]) * (1 + off)
    run = clinical.run({}, regimen([Dose(0, 150e6), Dose(7, 1e8), Dose(28, 1e8)]), times, ["CARTe_b"])
    assert run.status is Status.OK
    assert (run.at(times)[[1, 3], 0] > 1e8).all()


@pytest.mark.quick
def test_threads_take_turns_and_get_the_numbers_of_one(clinical):
    times = np.arange(0.0, 100.0)
    rows = [{"K_12": 1 + 0.1 * i} for i in range(12)]
    alone = [clinical.run(row, None, times, READ_OUT).values for row in rows]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda row: clinical.run(row, None, times, READ_OUT).values, rows))
    np.testing.assert_array_equal(alone, together)


def test_an_infusion_is_exact_in_a_case_with_a_known_solution(tight):
    """Without distribution the blood pool under a constant inflow r tends to r / k as 1 - exp(-k t)."""
    given = regimen(["1e8", Dose(0.01, 5e7, duration=0.02), Dose(0.02, 3e7, duration=0.05)])
    times = np.linspace(0, 0.12, 25)
    run = tight.run({"K_12": 0.0, "K_21": 0.0}, given, times, ["CARTe_b"])
    expected = 1e8 * np.exp(-113 * times)
    for dose in given.doses[1:]:
        inside = np.clip(times - dose.time, 0, dose.duration)
        after = np.clip(times - dose.time - dose.duration, 0, None)
        rate = dose.amount / dose.duration
        expected += rate / 113 * (1 - np.exp(-113 * inside)) * np.exp(-113 * after)
    np.testing.assert_allclose(run.at(times)[:, 0], expected, rtol=1e-6)


def test_an_infusion_from_the_start_gives_the_whole_dose(clinical):
    times = np.arange(0.0, 60.0)
    bolus = clinical.run({}, regimen(["150e6"]), times, ["transgene"]).at(times)
    short = clinical.run({}, regimen(["150e6 for 1 minute"]), times, ["transgene"]).at(times)
    long = clinical.run({}, regimen(["150e6 for 5 days"]), times, ["transgene"]).at(times)
    np.testing.assert_allclose(short[2:], bolus[2:], rtol=1e-2)
    assert short[0, 0] == 0
    assert long[20, 0] == pytest.approx(bolus[20, 0], rel=0.5)


def test_an_infusion_that_ends_after_the_run_is_cut(clinical):
    run = clinical.run({"K_12": 0.0}, regimen(["1e8@1 for 10 days"]), np.array([0, 1, 3.0]), ["CARTe_b"])
    assert run.at(np.array([3.0]))[0, 0] == pytest.approx(1e7 / 113, rel=1e-5)


def test_more_is_given_when_an_observable_has_risen_over_its_nadir(clinical):
    rule = Redosing(amount=150e6, observable="M_protein", rise=0.25, every=28, start=28, at_most=2)
    times = np.arange(0.0, 1500.0, 7)
    run = clinical.run({}, Regimen((Dose(0, 150e6),), rule), times, ["M_protein", "CARTe_b"])
    assert [dose.amount for dose in run.redoses] == [150e6, 150e6]
    alone = clinical.run({}, regimen(["150e6"]), np.arange(28.0, 1500.0, 28), ["M_protein"]).values[:, 0]
    risen = alone >= 1.25 * np.minimum.accumulate(alone)
    first = 28 + 28 * int(risen.argmax())
    assert run.redoses[0].time == first
    before = run.at(times)[(times > first - 7) & (times < first + 7), 1]
    assert before.max() > 1e8
    untreated = clinical.run({}, regimen(["150e6"]), times, ["M_protein"]).values[:, 0]
    assert run.values[-1, 0] < untreated[-1]


def test_a_rule_that_never_applies_changes_nothing_but_the_steps(clinical):
    rule = Redosing(amount=1e8, observable="M_protein", rise=1e6, every=30, start=0)
    times = np.arange(0.0, 300.0)
    with_rule = clinical.run({}, Regimen((Dose(0, 150e6),), rule), times, READ_OUT)
    without = clinical.run({}, regimen(["150e6"]), times, READ_OUT)
    assert with_rule.redoses == ()
    np.testing.assert_allclose(with_rule.values, without.values, rtol=1e-3, atol=1e-3)


def test_a_regimen_does_not_linger_in_the_next_run(clinical):
    times = np.arange(0.0, 60.0)
    before = clinical.run({}, regimen(["150e6"]), times, READ_OUT).values
    clinical.run({}, regimen(["150e6 for 3 days", "1e9@10 for 20 days"]), np.array([0.0, 15.0]), READ_OUT)
    np.testing.assert_array_equal(clinical.run({}, regimen(["150e6"]), times, READ_OUT).values, before)


def test_a_dose_into_pools_that_have_all_but_vanished_is_right(clinical, independent):
    """On day 600 the effector pools hold far below 1e-30 cells, and the dose refills them within minutes."""
    doses = [(0.0, 150e6), (600.0, 450e6)]
    days = np.arange(0.0, 701.0)
    run = clinical.run({"K_21": 0.35}, regimen(Dose(*dose) for dose in doses), days, READ_OUT)
    assert run.status is Status.OK
    truth = independent(days, doses, K_21=0.35)
    error = np.abs(run.at(days) - truth) / np.maximum(np.abs(truth), [1e-4, 0.1, 0.01, 1e-12])
    assert error[1:].max() < 1e-3


EFFECTS = ("K_exp_max", "K_kill_max", "gamma_m", "gamma_b", "K_12", "K_21", "K_el_e", "K_el_m")

# Patients of a population of 100000 whose first try fails: the tumour falls below 1e-20 cells.
HARD = [
    dict(zip(EFFECTS, row, strict=True))
    for row in (
        (3.065, 0.295, 0.281, 3.499, 1.383, 0.048, 165.458, 0.119),
        (2.326, 0.188, 0.208, 0.539, 3.554, 0.060, 131.646, 0.102),
        (1.911, 0.447, 0.227, 2.551, 2.262, 0.019, 100.522, 0.155),
    )
]


@pytest.mark.parametrize("patient", HARD)
def test_patients_whose_tumour_all_but_vanishes_are_right(clinical, patient):
    run = clinical.run(patient, None, DAYS, accuracy.READ_OUT)
    truth = Engine(accuracy.reference_program(), relative_tolerance=1e-11).run(
        patient, None, DAYS, accuracy.READ_OUT
    )
    assert (run.status, truth.status) == (Status.OK, Status.OK)
    error = np.abs(run.values - truth.values) / np.maximum(np.abs(truth.values), accuracy.floors())
    assert error.max() < accuracy.LIMIT


def test_a_second_try_says_so_and_is_right(independent, monkeypatch):
    fresh = Engine(load_program("clinical"))
    integrate = Engine.integrate

    def fail_first(self, values, regimen, times, observables, accuracy, again):
        if accuracy == fresh.accuracy:
            raise Stopped(Status.INTEGRATION_FAILED, "made to fail")
        return integrate(self, values, regimen, times, observables, accuracy, again)

    monkeypatch.setattr(Engine, "integrate", fail_first)
    run = fresh.run({}, None, DAYS, READ_OUT)
    assert run.status is Status.OK
    assert run.reason == "second try, more accurate: made to fail"
    truth = independent(DAYS)
    error = np.abs(run.values - truth) / np.maximum(np.abs(truth), [1e-4, 0.1, 0.01, 1e-12])
    assert error[1:].max() < 1e-3


def test_infusions_that_overlap_add_up(clinical, independent):
    given = regimen(["1e6", Dose(2, 1e8, duration=10.0), Dose(7, 2e8, duration=10.0), Dose(9, 1e8, 1.0)])
    days = np.array([0, 1.9, 3, 5, 6.9, 7.1, 8, 9.5, 10.5, 11.9, 12.1, 14, 16.9, 17.1, 20, 28, 60, 120])
    run = clinical.run({}, given, days, READ_OUT)
    truth = independent(days, [(0.0, 1e6)], infusions=((2, 10, 1e8), (7, 10, 2e8), (9, 1, 1e8)))
    error = np.abs(run.at(days) - truth) / np.maximum(np.abs(truth), [1e-4, 0.1, 0.01, 1e-12])
    assert run.status is Status.OK
    assert error[1:].max() < 1e-3


def test_expansion_wanes_from_the_last_infusion_on(independent):
    """A second dose expands as the first does, at once or as an infusion, also while the first one wanes."""
    waning, days = (
        Engine(load_program("clinical_waning")),
        np.array([0, 1, 4, 10, 14, 30, 60, 801, 808, 814, 840, 900.0]),
    )
    doses, infusions = [(0.0, 450e6), (800.0, 450e6)], ((8.0, 4.0, 1e8), (802.0, 3.0, 1e8))
    given = regimen([*(Dose(*d) for d in doses), *(Dose(t, a, over) for t, over, a in infusions)])
    run = waning.run({"K_g": 0.015}, given, days, READ_OUT)
    truth = independent(days, doses, infusions, K_g=0.015, t_wane=12.0, h_wane=4.0)
    error = np.abs(run.at(days) - truth) / np.maximum(np.abs(truth), [1e-4, 0.1, 0.01, 1e-12])
    assert error[1:].max() < 1e-3
    alone = waning.run({"K_g": 0.015}, regimen([Dose(0, 450e6), Dose(800, 450e6)]), days, ["transgene"])
    assert alone.at(days)[9, 0] > 1e6  # the tumour is larger than before the first


def test_a_dose_after_the_start_is_as_one_at_the_start_of_a_patient_who_waited():
    """Without growth and without cells nothing happens before the dose, so that its time means nothing."""
    waning, days = Engine(load_program("clinical_waning")), np.linspace(0, 60, 61)
    now = waning.run({"K_g": 0.0}, regimen(["450e6"]), days, READ_OUT).values
    later = waning.run({"K_g": 0.0}, regimen(["450e6@100"]), days + 100, READ_OUT).at(days + 100)
    np.testing.assert_allclose(later, now, rtol=1e-4, atol=1e-4)


def test_an_infusion_that_follows_another_at_the_same_rate_sets_the_clock():
    waning, times = Engine(load_program("clinical_waning")), np.array([0, 4, 6, 9, 12, 16.0])
    given = regimen(["1e8", "1e8@5 for 5", "1e8@10 for 5"])
    assert waning.run({}, given, times, ["t_last_dose"]).at(times)[:, 0].tolist() == [0, 0, 5, 5, 10, 10]


def test_the_clock_is_that_of_the_run_and_of_no_other():
    waning, times = Engine(load_program("clinical_waning")), np.array([0, 5, 10, 15, 20.0])
    given = regimen(["1e8", "1e8@5", "1e7@10 for 7", "1e6@12", "0@15"])
    assert waning.run({}, given, times, ["t_last_dose"]).at(times)[:, 0].tolist() == [0, 5, 10, 12, 12]
    assert waning.run({}, None, times, ["t_last_dose"]).values[:, 0].tolist() == [0] * 5


def test_a_visit_at_the_start_notes_the_nadir(clinical):
    """M-protein rises 9 % in 60 days without treatment: dosed at the first visit after the start."""
    rule = Redosing(amount=1e8, observable="M_protein", rise=0.05, every=60, start=0)
    run = clinical.run({}, Regimen((), rule), np.array([0.0, 60, 120, 180]), ["CARTe_b"])
    assert run.redoses == (Dose(60, 1e8),)
    assert run.values[:3, 0].tolist() == [0, 0, 1e8]


def test_a_rise_counts_from_the_last_dose_of_the_rule(clinical):
    rule = Redosing(amount=1e8, observable="sBCMA", rise=0.25, every=7, start=0, at_most=50)
    times = np.arange(0.0, 141.0, 7)
    run = clinical.run({"K_kill_max": 0.0}, Regimen((), rule), times, ["sBCMA"])
    nadir, expected = np.inf, []
    for time, value in zip(times, run.at(times)[:, 0], strict=True):
        if value >= 1.25 * nadir:
            expected.append(time)
            nadir = value
        nadir = min(nadir, value)
    assert [dose.time for dose in run.redoses] == expected
    assert len(expected) > 2


def test_what_lost_a_pool_and_cannot_be_run_finer_is_not_accurate(clinical):
    found = replace(clinical.run({}, None, np.array([0.0, 60]), READ_OUT), lost=("Tumor",))

    def failing(_accuracy):
        raise Stopped(Status.INTEGRATION_FAILED, "too many steps")

    said = "Tumor all but vanished, and no finer run ends: too many"
    with pytest.raises(Stopped, match=said) as refused:
        clinical._confirmed(found, clinical.accuracy, None, failing)
    assert refused.value.status is Status.INACCURATE


def test_a_marker_is_followed_above_its_floor_when_it_is_a_state(clinical):
    """M-protein and soluble BCMA are states; transgene is read out of the cells."""
    assert clinical._markers == ("M_protein", "sBCMA")

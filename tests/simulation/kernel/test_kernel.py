"""The kernel as an engine: held, as the engine is, against one reference far more accurate than both."""

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.special import lambertw

from benchmarks import accuracy
from harness.errors import InputError
from harness.exchange.rhs import python_text
from harness.models.catalog import load_card, model_names, select
from harness.models.equations import TimedEvent, read_equations
from harness.models.mathml import Expression
from harness.simulation.engine import Engine
from harness.simulation.kernel import kernel as of_kernel
from harness.simulation.kernel import stepper
from harness.simulation.kernel.batch import make_batch
from harness.simulation.kernel.kernel import Integrated, Kernel
from harness.simulation.kernel.text import kernel_text
from harness.simulation.kernel.written import FINER
from harness.simulation.programs import load_program
from harness.simulation.regimen import Dose, Hold, Redosing, Regimen, regimen
from harness.simulation.times import parse_times
from harness.simulation.trajectory import Status, Stopped
from tests.simulation.kernel.uncompiled import uncompiled

CELLS = ("CARTe_b", "CARTm_b", "CARTe_t", "CARTm_t", "Cplx")


@pytest.fixture(scope="module")
def kernel():
    return Kernel(load_program("clinical"))


def regimens(card):
    """Each kind of course that a model which takes doses can have."""
    until = card.until
    return {
        "its own": None,
        "none": regimen([0.0]),
        "split": regimen([Dose(0, 5e7), Dose(0.05 * until, 5e7), Dose(0.3 * until, 1e8)]),
        "late": regimen([Dose(0.05 * until, 1e8)]),
        "infused": regimen([Dose(0, 5e7, 1.0), Dose(0.1 * until, 1e8), Dose(0.4 * until, 5e7, 0.5)]),
        "at a change": Regimen((Dose(0, 1e8),), Redosing(1e8, card.plot[-1], 0.1, until / 9, 0, 2)),
        "given again": Regimen((Dose(0, 1e8),), Redosing(1e8, "Tumor", 0.05, until / 12, until / 12, 2)),
    }


def floor(name, truth):
    """Below this a difference is not measured against the value: a change counts against its baseline."""
    changes = name.endswith("_change") or name.startswith("cytolysis")
    return 100.0 if changes else max(1e-4 * np.abs(truth).max(), 1e-12)


def worst(found, truth, names):
    """Largest difference over the values, of every observable."""
    differences = {}
    for i, name in enumerate(names):
        size = np.maximum(np.abs(truth[:, i]), floor(name, truth[:, i]))
        differences[name] = float((np.abs(found[:, i] - truth[:, i]) / size).max())
    return differences


def integrate(kernel, runs, times, names):
    """What the kernel itself makes of runs at the same times: codes, steps, values."""
    program = kernel._program
    batch = make_batch(runs, [times] * len(runs), program, kernel.layout, kernel._defaults)
    found = kernel.integrate(batch, names)
    return found.codes, found.steps, found.values[:, : len(times)]


def grid(card):
    times = parse_times(card.endpoint_times, card.symbols.time_unit)
    return np.append(times[times < card.until], card.until)


@pytest.mark.parametrize("name", regimens(load_card("clinical")))
def test_every_course_of_doses_agrees_with_the_reference(kernel, name):
    card = load_card("clinical")
    course, times = regimens(card)[name], grid(card)
    truth = Engine(load_program("clinical"), 1e-11).run({}, course, times, card.observables)
    run = kernel.run_many([({}, course)], [times], card.observables)[0]
    assert (run.status, run.reason) == (Status.OK, "")
    assert run.times.tolist() == truth.times.tolist()
    assert run.doses == truth.doses
    assert max(worst(run.values, truth.values, card.observables).values()) < 2e-4
    assert run.redoses == truth.redoses


def readings(name):
    return [(), *load_card(name).readings]


EVERY = [(name, reading) for name in model_names() for reading in readings(name)]


@lru_cache(maxsize=1)
def engines_of_model(name):
    program = load_program(name)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(of_kernel, "load_kernel", uncompiled)
        return Kernel(program), Engine(program), Engine(program, 1e-11)


@pytest.mark.parametrize(("name", "reading"), EVERY)
def test_every_model_and_reading_with_three_doses_agrees_with_the_reference_by_both_engines(name, reading):
    """The text of the kernel is run as Python here; compiled, and with every course of doses, below."""
    selection = select(name, reading)
    card, times = selection.card, grid(selection.card)
    values = card.symbols.parse_all(selection.changes)
    course = regimens(card)["split"] if card.dose else None
    kernel, engine, reference = engines_of_model(card.id)
    truth = reference.run(values, course, times, card.observables)
    with np.errstate(all="ignore"):
        (run,) = kernel.run_many([(values, course)], [times], card.observables)
    plain = engine.run(values, course, times, card.observables)
    assert (run.status, run.reason) == (Status.OK, "")
    assert run.times.tolist() == truth.times.tolist()
    assert max(worst(run.values, truth.values, card.observables).values()) < 2e-4
    assert max(worst(plain.values, truth.values, card.observables).values()) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize(("name", "reading"), EVERY)
def test_every_model_and_reading_agrees_with_the_reference_by_both_engines(name, reading):
    selection = select(name, reading)
    card, program, times = selection.card, load_program(selection.card.id), grid(selection.card)
    values = card.symbols.parse_all(selection.changes)
    courses = regimens(card) if card.dose else {"a well": None}
    runs = [(values, course) for course in courses.values()]
    kernel, engine, reference = Kernel(program), Engine(program), Engine(program, 1e-11)
    for run, (_, course) in zip(
        kernel.run_many(runs, [times] * len(runs), card.observables), runs, strict=True
    ):
        truth = reference.run(values, course, times, card.observables)
        plain = engine.run(values, course, times, card.observables)
        assert (run.status, run.reason) == (Status.OK, "")
        assert max(worst(run.values, truth.values, card.observables).values()) < 2e-4, course
        assert max(worst(plain.values, truth.values, card.observables).values()) < 1e-3, course


@pytest.mark.quick
def test_random_patients_agree_with_the_reference(kernel):
    rows, times = accuracy.patients(8, seed=5), np.arange(0.0, 641.0, 8)
    reference = Engine(accuracy.reference_program(), relative_tolerance=1e-11)
    found = kernel.run_many([(row, None) for row in rows], [times] * len(rows), accuracy.READ_OUT)
    for row, run in zip(rows, found, strict=True):
        truth = reference.run(row, None, times, accuracy.READ_OUT).values
        error = np.abs(run.values - truth) / np.maximum(np.abs(truth), accuracy.floors())
        assert error.max() < 2e-4


def test_a_run_has_the_same_bits_alone_and_among_others(kernel, monkeypatch):
    rows = accuracy.patients(6, seed=2)
    runs = [
        (row, regimens(load_card("clinical"))["infused"] if i % 3 else None) for i, row in enumerate(rows)
    ]
    grids = [np.arange(0.0, 361.0, 5)] * len(runs)
    together = [run.values.tobytes() for run in kernel.run_many(runs, grids, accuracy.READ_OUT)]
    monkeypatch.setattr(of_kernel, "TOGETHER", 2)
    back = [run.values.tobytes() for run in kernel.run_many(runs[::-1], grids, accuracy.READ_OUT)]
    alone = [kernel.run_many([run], grids[:1], accuracy.READ_OUT)[0].values.tobytes() for run in runs]
    assert together == back[::-1] == alone


def test_without_a_dose_there_are_exactly_no_cells_and_without_a_way_in_none_in_the_marrow(kernel):
    times = np.arange(0.0, 2001.0, 10)
    runs = [({"dose": 0.0}, None), ({"K_12": 0.0}, None)]
    codes, _, (nothing, shut) = integrate(kernel, runs, times, CELLS)
    assert codes.tolist() == [stepper.OK] * 2
    assert (nothing == 0).all()
    assert (shut[:, 2:] == 0).all()
    assert shut[1:, 0] == pytest.approx(150e6 * np.exp(-113 * times[1:]), rel=1e-3, abs=1e-4)


def test_a_row_just_at_the_start_holds_the_amounts_themselves(kernel):
    start = integrate(kernel, [({}, None)], np.array([0.0, 1.0]), CELLS)[2][0, 0]
    assert start.tolist() == [150e6, 0, 0, 0, 0]


def test_what_the_kernel_does_not_finish_is_run_by_roadrunner_and_says_so(kernel, monkeypatch):
    program, times = load_program("clinical"), np.array([0.0, 14.0])
    expected = Engine(program).run({}, None, times, ["transgene"]).values
    give_up = Integrated(
        np.zeros((1, 2)),
        np.full((1, 2, 1), np.nan),
        np.full((1, 1), np.nan),
        np.array([stepper.STUCK]),
        np.zeros((1, 3), int),
    )
    monkeypatch.setattr(kernel, "_call", lambda *_: give_up)
    run = kernel.run_many([({}, None)], [times], ["transgene"])[0]
    assert run.status is Status.OK
    assert run.reason == "by RoadRunner, the kernel came to steps too short"
    assert run.values.tolist() == expected.tolist()


def test_a_run_that_neither_finishes_keeps_its_status_and_both_reasons(kernel):
    run = kernel.run_many([({"V_bm": 0.0}, None)], [np.array([0.0, 14.0])], ["transgene"])[0]
    assert run.status is Status.NOT_FINITE
    assert run.reason == (
        "by RoadRunner, the kernel came to steps too short;"
        " the rate of change of M_protein is not finite at the start"
    )


def test_a_run_whose_errors_have_grown_is_made_finer_until_two_agree_else_by_roadrunner(kernel, monkeypatch):
    row, times = accuracy.wide_draws("clinical", 10.0, 7, seed=3)[6], np.linspace(0.0, 3650.0, 366)
    truth = Engine(load_program("clinical"), 1e-13).run(row, None, times, accuracy.READ_OUT).values
    batch = kernel._planned.batch([(row, None)], [times])
    plain = kernel.integrate(batch, accuracy.READ_OUT).values[0]
    once = kernel.integrate(batch, accuracy.READ_OUT, finer=FINER).values[0]
    run = kernel.run_many([(row, None)], [times], accuracy.READ_OUT)[0]
    monkeypatch.setattr("harness.simulation.kernel.kernel.AGREE", 0.0)
    other = kernel.run_many([(row, None)], [times], accuracy.READ_OUT)[0]
    assert run.reason == ""
    assert other.reason == "by RoadRunner, the kernel took steps enough for errors to grow, and they did"
    errors = [
        (np.abs(values - truth) / np.maximum(np.abs(truth), accuracy.floors(row))).max()
        for values in (plain, once, run.values, other.values)
    ]
    assert min(errors[0], np.abs(plain - once).max()) > 1e-4
    assert errors[2] <= errors[1]
    assert max(errors[2:]) < 1e-5


def test_a_run_whose_errors_may_have_grown_and_have_not_is_made_more_accurate(kernel, monkeypatch):
    times = np.arange(0.0, 361.0, 30)
    truth = Engine(load_program("clinical"), 1e-12).run({}, None, times, accuracy.READ_OUT).values[1:]
    plain, errors = kernel.run_many([({}, None)] * 2, [times] * 2, accuracy.READ_OUT)[1], []
    monkeypatch.setattr(kernel, "_many", 100)
    finer = kernel.run_many([({"dose": 0.0}, None), ({}, None)], [times] * 2, accuracy.READ_OUT)[1]
    for run in (plain, finer):
        assert (run.status, run.reason) == (Status.OK, "")
        errors.append(np.abs(run.values[1:] / truth - 1).max())
    assert errors[1] < 0.2 * errors[0]


@pytest.mark.slow
def test_a_well_with_a_steep_start_is_right():
    well = Kernel(load_program("in_vitro"))
    row = {"hill_kill": 0.20548, "K_kill_max": 0.35202, "KC50": 1.2764, "ET_ratio": 5.0}
    codes, _, values = integrate(well, [(row, None)], np.array([0.0, 4.0]), ["viability"])
    assert codes[0] == stepper.OK
    assert values[0, -1, 0] == pytest.approx(40.317, rel=2e-4)


def test_differences_on_frozen_steps_are_derivatives_and_cost_no_more_than_nine_runs(kernel):
    names = ("K_exp_max", "EC50_exp", "K_kill_max", "K_12", "K_21", "K_el_m", "K_g", "gamma_m")
    base = {name: load_card("clinical").symbols[name].value for name in names}
    grid, read = np.arange(7.0, 361.0, 7), ("transgene", "M_protein")
    course = regimens(load_card("clinical"))["split"]
    times, values, slopes = kernel.slopes((base, course), {n: 1e-5 * v for n, v in base.items()}, grid, read)
    exact = Kernel(load_program("clinical"), 1e-12)
    far = [{**base, name: base[name] * (1 + sign * 1e-3)} for name in names for sign in (1, -1)]
    ends = [run.values for run in exact.run_many([(row, course) for row in far], [grid] * 16, read)]
    for k, name in enumerate(names):
        truth = (ends[2 * k] - ends[2 * k + 1]) / (2e-3 * base[name])
        size = np.maximum(np.abs(truth), 1e-2 * np.abs(values) / base[name])
        error = np.abs(slopes[:, :, k] - truth) / size
        assert np.median(error) < 1e-3, name
        assert error.max() < 0.02, name
    assert times.tolist() == kernel.run_many([(base, course)], [grid], read)[0].times.tolist()


def test_a_run_that_has_no_derivative_says_why(kernel):
    with pytest.raises(Stopped, match="the kernel met a value that is not finite"):
        kernel.slopes(({"V_b": 0.0}, None), {"K_12": 1e-5}, np.array([0.0, 7.0]), ["transgene"])


def test_derivatives_are_those_of_complex_steps_through_the_python_text(kernel):
    """The rates as Python, solved in amounts with a parameter that has an imaginary part, 1e-20 of itself."""
    names, read = ("K_exp_max", "EC50_exp", "K_kill_max", "K_21", "K_el_m", "K_g"), ("transgene", "M_protein")
    base = {name: load_card("clinical").symbols[name].value for name in names}
    times = np.array([3.0, 7.0, 14.0, 21.0, 28.0])
    text = python_text(read_equations(load_program("clinical").plain_sbml))
    _, values, slopes = kernel.slopes((base, None), {n: 1e-6 * v for n, v in base.items()}, times, read)
    errors = []
    for k, name in enumerate(names):
        module: dict = {}
        exec(text, module)
        module[name] = base[name] * (1 + 1e-20j)
        start = np.array(module["initial"](), complex)
        found = solve_ivp(
            module["rhs"], (0, 28), start, "BDF", times, rtol=1e-9, atol=1e-9 * abs(start) + 1e-3
        )
        states = dict(zip(module["STATES"], found.y, strict=True))
        read_off = states["CARTe_b"] + states["CARTm_b"], states["M_protein"]
        scales = module["TransC"] / module["V_b"], 1.0
        for column, (value, scale) in enumerate(zip(read_off, scales, strict=True)):
            truth = scale * value.imag / (1e-20 * base[name])
            size = np.maximum(np.abs(truth), 1e-2 * np.abs(values[:, column]) / base[name])
            errors.append(np.abs(slopes[:, column, k] - truth) / size)
    assert np.median(errors) < 1e-3
    assert np.max(errors) < 0.02


@pytest.mark.slow
def test_what_moves_the_times_at_which_rates_switch_has_no_derivative(tmp_path):
    path = tmp_path / "switching.ant"
    path.write_text(SWITCHING)
    program, times = load_program(str(path)), np.array([0.0, 2.0, 5.0, 12.0])
    kernel = Kernel(program)
    with pytest.raises(Stopped, match="cannot follow rates whose times of switching depend on lag"):
        kernel.slopes(({}, None), {"lag": 1e-5}, times, ["D"])
    found, _, slopes = kernel.slopes(({}, None), {"k": 1e-5}, times, ["D"])
    assert slopes[found == 2.0, 0, 0] == pytest.approx(-2 * 100 * np.exp(-2), rel=1e-3)


def test_a_model_that_the_kernel_cannot_express_is_told_by_name():
    equations = read_equations(load_program("clinical").plain_sbml)
    at, zero = Expression("name", value="K_12"), Expression("number", value=0.0)
    for when, sets, said in (
        (at, "Tumor", "Tumor at a time that is no number above 0"),
        (zero, "Tumor", "Tumor at a time that is no number above 0"),
        (Expression("number", value=3.0), "V_b", "V_b, the volume of a concentration"),
    ):
        timed = replace(
            equations,
            events=(TimedEvent(when, {sets: zero}),),
            volumes={**equations.volumes, "CARTe_b": "V_b"},
        )
        with pytest.raises(InputError, match=rf"^clinical: an event sets {said}$"):
            kernel_text(timed, equations, (), "")
    still = replace(equations, rates={}, initial={})
    with pytest.raises(InputError, match=r"^clinical: has no state to integrate$"):
        kernel_text(still, still, (), "")


WITH_EVENTS = {
    "what is given and what changes places": """
 D = 100; C = 1; k = 0.3; m = 0.2
 D' = -k*D; C' = k*D - m*C
 at (time >= 3): D = D + 50
 at (time >= 7): D = C, C = D
""",
    "rates": """
 D = 100; C = 0; k = 0.3; m = 0.2
 D' = -k*D; C' = k*D - m*C
 at (time >= 3): k = 0.05
 at (time >= 7.5): k = 2*k + m*time
""",
    "species and a rate at once, one event beyond the end": """
 species D, C; D = 100; C = 0; k = 0.3; m = 0.2
 D -> C; k*D
 C ->; m*C
 at (time >= 3): D = 50
 at (time >= 9): k = 0.9, C = C + 2
 at (time >= 30): D = 1e9
""",
}


@pytest.mark.parametrize("text", WITH_EVENTS.values(), ids=WITH_EVENTS)
def test_events_at_given_times_are_those_of_the_engine(text, tmp_path, monkeypatch):
    monkeypatch.setattr(of_kernel, "load_kernel", uncompiled)
    path = tmp_path / "own.ant"
    path.write_text(f"model own(){text}end\n")
    program, times = load_program(str(path)), np.array([0.0, 1.0, 3.0, 4.0, 7.0, 7.5, 8.0, 9.0, 12.0])
    truth = Engine(program, 1e-11).run({"m": 0.25}, None, times, ["D", "C"])
    run = Kernel(program).run_many([({"m": 0.25}, None)], [times], ["D", "C"])[0]
    assert (run.status, run.reason) == (Status.OK, "")
    assert run.times.tolist() == truth.times.tolist()
    assert run.values == pytest.approx(truth.values, rel=1e-5)


@pytest.mark.parametrize("logarithms", ["[B]", "[B, C]", "[A, B, C]"])
def test_what_binding_holds_ever_faster_is_right_at_its_steps_and_between_them(
    logarithms, tmp_path, monkeypatch
):
    """C follows A, which falls, at a rate that grows from 1e5 to 1e28: to 1e-5 and better, C is A."""
    monkeypatch.setattr(of_kernel, "load_kernel", uncompiled)
    path = tmp_path / "own.ant"
    path.write_text(
        "model own()\n substanceOnly species A, B, C; A = 1e9; B = 1e5; C = 1e9; g = 0.8; d = 0.3\n"
        " A => ; d*A\n => B; g*B\n => C; A*B - C*B\nend\n"
    )
    path.with_suffix(".yaml").write_text(
        f"until: 66\nsolver: {{logarithms: {logarithms}, lowest_amount: -1}}\n"
    )
    times = np.linspace(0.0, 66.0, 200)
    run = Kernel(load_program(str(path))).run_many([({}, None)], [times], ["A", "C"])[0]
    assert run.status is Status.OK
    right = 1e9 * np.exp(-0.3 * times)
    assert run.values == pytest.approx(np.column_stack([right, right]), rel=1e-5)


def test_after_a_dose_the_times_of_endpoints_begin_again_as_in_the_engine(kernel):
    again, times = np.array([0.0, 0.01, 0.5, 3.0, 200.0]), np.array([0.0, 3.0, 10.0, 100.0])
    course = Regimen(
        (Dose(0, 5e7), Dose(3, 5e7), Dose(20, 5e7, 2.0)), Redosing(5e7, "Tumor", 0.05, 30, 30, 2)
    )
    program = load_program("clinical")
    expected = Engine(program).run({}, course, times, ["transgene"], again)
    run = kernel.run_many([({}, course)], [times], ["transgene"], again)[0]
    assert run.times.tolist() == expected.times.tolist()
    assert run.values[:, 0] == pytest.approx(expected.values[:, 0], rel=1e-3)
    assert run.doses == expected.doses


def test_a_dose_at_the_very_end_is_given_by_both_engines_however_its_time_was_rounded(kernel):
    """By a rule and as planned, of visits that fall on the end, or on a planned dose, but for rounding."""
    engine, draw, given = Engine(load_program("clinical")), np.random.default_rng(3), []
    for unit in (0.1, 0.7, 7 / 3, 28 / 9):
        for steps in (3, 6, 7, 9):
            for end in (steps * unit, np.nextafter(steps * unit, 0), np.nextafter(steps * unit, 99)):
                planned = Dose(0, 1e6), Dose(unit * draw.integers(1, steps + 1), 1e6), Dose(steps * unit, 1e6)
                rule = Redosing(1e6, "Tumor", 1e-12, unit, unit * draw.integers(0, 2), 99)
                run = ({"K_g": 0.3, "K_kill_max": 0.0}, Regimen(planned, rule))
                times = np.array([0.0, 0.35, end])
                truth = engine.run(*run, times, ["CARTe_b"], np.array([0.0, unit]))
                (found,) = kernel.run_many([run], [times], ["CARTe_b"], np.array([0.0, unit]))
                assert found.doses == truth.doses
                assert found.times.tolist() == truth.times.tolist()
                assert (np.diff(found.times) > 0).all()
                given.append((steps, rule.start > 0, len(truth.redoses), len(truth.doses)))
    for steps, late, by_rule, all_doses in given:
        assert by_rule == steps - late
        assert all_doses - by_rule in (2, 3)  # two planned doses may be one


RULED = {
    "below a level": Regimen((Dose(0, 4e8),), Redosing(2e8, "transgene", 0, 14, 14, 3, below=2000)),
    "above a level": Regimen((Dose(0, 4e8),), Redosing(2e8, "sBCMA", 0, 28, 0, 2, above=400)),
    "held and not": Regimen((Dose(0, 5e7), Dose(2, 1e8), Dose(9, 3e8)), hold=Hold("transgene", above=300)),
    "never held": Regimen((Dose(0, 5e7), Dose(2, 1e8)), hold=Hold("transgene", below=0)),
    "both": Regimen(
        (Dose(0, 4e8), Dose(7, 4e8)),
        Redosing(1e8, "M_protein", 0.25, 28, 56, 2),
        Hold("transgene", above=10),
    ),
}


@pytest.mark.parametrize("model", ["clinical", "clinical_waning", "clinical_divisions"])
@pytest.mark.parametrize("name", RULED)
def test_rules_by_levels_agree_with_the_reference_in_every_model_with_a_clock(name, model, monkeypatch):
    """Days, doses, clock and curves; that of a held dose has its two values too."""
    if model != "clinical":  # the one that the everyday tests compile
        monkeypatch.setattr(of_kernel, "load_kernel", uncompiled)
    program, given = load_program(model), RULED[name]
    times, again = np.arange(0.0, 700.0, 7.0), np.array([0.0, 0.5, 3.0])
    clock = ["t_last_dose"] if model != "clinical" else []
    read = ["transgene", "M_protein_change", *clock]
    truth = Engine(program).run({}, given, times, read, again)
    run = Kernel(program).run_many([({}, given)], [times], read, again)[0]
    assert (run.status, run.reason) == (Status.OK, "")
    assert run.times.tolist() == truth.times.tolist()
    assert (run.doses, run.redoses, run.held) == (truth.doses, truth.redoses, truth.held)
    assert run.values[:, 0] == pytest.approx(truth.values[:, 0], rel=2e-3, abs=1e-6)
    assert run.values[:, 1] == pytest.approx(truth.values[:, 1], abs=0.2)
    for values in (run.values, truth.values):
        if clock:
            assert values[-1, 2] == max(dose.time for dose in truth.doses)
    expected = {"below a level": (1, 0), "above a level": (0, 0), "held and not": (0, 1), "both": (1, 1)}
    least = expected.get(name, (0, 0))
    assert len(truth.redoses) >= least[0]
    assert len(truth.held) >= least[1]


SWITCHING = """
model switching()
  D = 100; A = 0; B = 0
  k = 1; lag = 2.5; t_off = 7
  D' = -piecewise(k, time - floor(time/4)*4 < lag, 0)*D
  A' = piecewise(k*D, (time >= lag) && (time < t_off), 0) - 0.1*A
  B' = floor(time)
end
"""


LAGGED = """
model lagged()
  substanceOnly species A in V; compartment V = 1; dose = 0; A = dose; t_last = 0; lag = 2.5; k = 0.3
  B = 0
  take_up: A => ; piecewise(k, time - t_last > lag, 0)*A
  B' = piecewise(k, time - t_last > lag, 0)*A - 0.1*B
end
"""


@pytest.mark.slow
def test_rates_that_switch_are_followed_and_not_stepped_over(tmp_path):
    path = tmp_path / "switching.ant"
    path.write_text(SWITCHING)
    program, times = load_program(str(path)), np.array([0.0, 2.0, 5.0, 12.0])
    run = Kernel(program).run_many([({}, None)], [times], ["D", "A", "B"])[0]
    truth = Engine(program, 1e-11).run({}, None, times, ["D", "A", "B"])
    assert (run.status, run.reason) == (Status.OK, "")
    assert run.times.tolist() == truth.times.tolist()
    assert run.values == pytest.approx(truth.values, rel=2e-5, abs=1e-8)
    assert run.values[-1, 2] == pytest.approx(66, rel=1e-6)
    _, steps, _ = integrate(Kernel(program), [({}, None)], times, ["D"])
    assert steps[0, 1] < 20  # no step is refused because it looks over an edge


@pytest.mark.slow
def test_a_model_of_one_state_runs(tmp_path):
    path = tmp_path / "alone.ant"
    path.write_text("model alone\n S = 1e-15; Vmax = 4e-16; Km = 2e-16\n S' = -Vmax*S/(Km + S)\nend\n")
    run = Kernel(load_program(str(path))).run_many([({}, None)], [np.array([0.0, 2.0, 4.0])], ["S"])[0]
    assert (run.status, run.reason) == (Status.OK, "")
    exact = 2e-16 * lambertw(5 * np.exp(5 - 2 * np.array([0.0, 2.0, 4.0]))).real
    assert run.values[:, 0] == pytest.approx(exact, rel=1e-5)


@pytest.mark.slow
def test_a_clock_that_doses_set_moves_the_times_at_which_rates_switch(tmp_path):
    path = tmp_path / "lagged.ant"
    path.write_text(LAGGED)
    path.with_suffix(".yaml").write_text("dose: {parameter: dose, species: A, clock: t_last}\n")
    program, times = load_program(str(path)), np.arange(0.0, 31.0, 2.0)
    course = regimen([Dose(0, 100), Dose(10, 50), Dose(20, 50, 3.0)])
    run = Kernel(program).run_many([({}, course)], [times], ["A", "B"])[0]
    truth = Engine(program, 1e-11).run({}, course, times, ["A", "B"])
    assert (run.status, run.reason) == (Status.OK, "")
    assert run.times.tolist() == truth.times.tolist()
    assert run.values == pytest.approx(truth.values, rel=5e-5, abs=1e-6)
    again = Regimen((Dose(0, 100),), Redosing(50, "B", 0.5, 5, 5, 1))
    (given,) = Kernel(program).run_many([({}, again)], [times], ["A", "B"])
    assert "cannot follow rates that switch after a dose that an observable triggers" in given.reason

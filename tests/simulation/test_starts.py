"""A run starts from its own values, whatever the file gives and whatever ran before."""

from collections import OrderedDict

import antimony
import libsbml
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InputError
from harness.models.catalog import load_card
from harness.models.loading import load
from harness.simulation import stepped
from harness.simulation.engine import Engine
from harness.simulation.programs import load_program
from harness.simulation.regimen import Dose, Regimen
from harness.simulation.simulate import simulate

TIMES = np.linspace(0.0, 6.0, 13)
FOLLOWS = {  # how y follows from q; S falls at a tenth of y, and of what events have made of it
    "parameter": "y = q;",
    "parameter that may change": "var y = q;",
    "chain": "y = z; z = 2*w; w = q/2;",
    "boundary": "compartment c = 2; species $y in c; y = q;",
    "boundary with a value of its own": "compartment c = 2; species $y in c; y = q; q = 9;",
    "boundary amount": "compartment c = 2; substanceOnly species $y in c; y = q;",
    "fixed amount": "compartment c = 2; const substanceOnly species $y in c; y = q;",
    "compartment": "compartment y = q;",
    "concentration in it": "compartment c = q/3; species $y in c; y = 3; y = z; z = q;",
    "by a rule": "y = z; z := 2*w; w = q/2;",
    "from a species": "compartment c = 1; species P in c; P = q/2; y = 2*P; P -> ; 0.3*P;",
    "state": "y = q; y' = 0;",
    "stoichiometry": "compartment c = 1; species P in c; n = q; -> n P; 1; P = 0; y := q + 0*P;",
    "set by an event": "y = q; at (time > 3): y = 1;",
    "set at the start": "y = q; at (q > 3), t0=false: y = y + 1;",
    "set by what waits": "y = q; at 2 after (q > 3), t0=false: y = y + 1;",
}
DECLARED = "x = 1; z = a; a = 2; on = 1; S = 1; S' = -0.1*z*S;"
WAITING = f"""
  {DECLARED}
  at (on > 0), t0=false: x = x + 1;
  at 3 after (S < 0.9 && on > 0): x = x + 10, z = z + 1;
  at (S < 0.5): x = x + 100;
"""
EVENTS = {
    "waits from a time on": WAITING.replace("S < 0.9", "time > 1"),
    "waits from a state on": WAITING,
    "waits from the start on": WAITING + "at 2 after (x > 1.5 && a < 4), t0=false: x = 2*x;",
    "at a time": DECLARED + "at (time >= a), t0=false: x = x + 1; at (2 <= time), t0=false: S = S + 1;",
    "at the start by its time": DECLARED + "at (time >= a - 2), t0=false: x = x + 1;",
}


def _sbml(text):
    antimony.clearPreviousLoads()
    antimony.setBareNumbersAreDimensionless(False)
    assert antimony.loadAntimonyString(f"model m()\n{text}\nend\n") != -1, antimony.getLastError()
    return antimony.getSBMLString("m")


def _alone(text, changes, times, read):
    """Rows of libRoadRunner alone, which loads a file that holds the changes and runs it once."""
    document = libsbml.readSBMLFromString(_sbml(text))
    for name, value in changes.items():
        document.getModel().removeInitialAssignment(name)
        document.getModel().getParameter(name).setValue(value)
    model = load(libsbml.writeSBMLToString(document))
    model.integrator.relative_tolerance, model.integrator.absolute_tolerance = 1e-9, 1e-13
    model.selections = ["time", *read]
    return np.array(model.simulate(times=list(times)))[:, 1:]


def _own(folder, text, card=""):
    path = folder / "own.ant"
    path.write_text(f"model m()\n{text}\nend\n", encoding="utf-8")
    if card:
        path.with_suffix(".yaml").write_text(card, encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("how", FOLLOWS)
def test_what_starts_from_an_initial_assignment_follows_what_is_set(tmp_path, how):
    text = f"{FOLLOWS[how]} q = 2; S = 1; S' = -0.1*y*S;"
    path = _own(tmp_path, text)
    for q in (2.0, 5.0, 4.0, 2.0):
        found = simulate(path, changes={"q": q}, times=TIMES, observables=["S", "y"])
        expected = _alone(text, {"q": q}, TIMES, ["S", "y"])
        rows = np.searchsorted(found.time, TIMES * (1 + 1e-12), "right") - 1
        ours = np.column_stack([found.S, found.y])[rows]
        np.testing.assert_allclose(ours, expected, rtol=1e-5, err_msg=f"{how} {q}")


def test_a_symbol_that_is_set_itself_holds_and_others_follow_it(tmp_path):
    path = _own(tmp_path, "y = q; q = 2; z = 3*y; compartment c = y; species P in c; P = z; P -> ; 0*P;")
    for changes, y in (({"y": 7.0}, 7.0), ({}, 2.0), ({"q": 4.0}, 4.0), ({"q": 4.0, "y": 7.0}, 7.0)):
        found = simulate(path, changes=changes, times=[0, 1], observables=["y", "z", "c", "conc_P", "P"])
        now = [float(found[name][-1]) for name in ("y", "z", "c", "conc_P", "P")]
        np.testing.assert_allclose(now, [y, 3 * y, y, 3 * y, 3 * y * y], err_msg=str(changes))


def test_a_concentration_in_a_compartment_that_is_assigned_is_one_in_its_own_size(tmp_path):
    path = _own(tmp_path, "compartment c = q; q = 2; species P in c; P = 3; P -> ; 0.1*P;")
    for q in (2.0, 5.0):
        found = simulate(path, changes={"q": q}, times=[0, 1], observables=["P", "conc_P"])
        np.testing.assert_allclose([found.P[0], found.conc_P[0]], [3 * q, 3])


def test_another_size_leaves_what_the_file_declares_a_concentration_or_an_amount(tmp_path):
    text = "compartment c = 2, g = 1; species P in c, Q in c, R in g; substanceOnly species A in c; P = 3;"
    text += " Q = 6/c; R = 4; A = 5; g' = 1; P -> ; 0.1*P; Q -> ; 0.1*Q; A -> ; 0.1*A; R -> ; 0*R;"
    document = libsbml.readSBMLFromString(_sbml(text))
    document.getModel().removeInitialAssignment("Q")
    document.getModel().getSpecies("Q").setInitialAmount(6)
    path = tmp_path / "own.xml"
    path.write_text(libsbml.writeSBMLToString(document), encoding="utf-8")
    for size in (4.0, 2.0, 3.0):
        read = ["P", "Q", "A", "R"]
        found = simulate(str(path), changes={"c": size}, times=[0, 1], observables=read)
        np.testing.assert_allclose([found[n][0] for n in read], [3 * size, 6, 5, 4])


ONE = st.tuples(*map(st.sampled_from, ([0.0, 1.0], [2.0, 3.0, 5.0], [1.3, 3.1, 6.0])))
RUNS = st.lists(ONE, min_size=3, max_size=5)


@pytest.mark.parametrize("what", EVENTS)
def test_nothing_that_an_event_did_or_waits_for_is_left_to_the_next_run(tmp_path, what):
    program = load_program(_own(tmp_path, EVENTS[what]))

    @settings(derandomize=True, deadline=None, max_examples=4)
    @given(runs=RUNS)
    def law(runs):
        engine = Engine(program)
        for on, a, end in runs:
            times = np.append(TIMES[end > TIMES], end)
            found = engine.run({"on": on, "a": a}, None, times, ["x", "z", "S"])
            expected = _alone(EVENTS[what], {"on": on, "a": a}, times, ["x", "z", "S"])
            rows = np.searchsorted(found.times, times * (1 + 1e-12), "right") - 1
            np.testing.assert_allclose(found.values[rows], expected, rtol=1e-5, err_msg=str((on, a, end)))

    law()


def test_an_event_that_waits_from_the_start_on_lets_no_integration_stop(tmp_path):
    text = EVENTS["waits from the start on"].replace("S < 0.5", "time > 5")
    found = simulate(_own(tmp_path, text), times=TIMES)
    assert found.status == "integration failed"
    assert "may wait from time 0 on, and the integration stops at 5" in found.reason


DOSED = """
  compartment c = 1; substanceOnly species S in c; species P in c; dose = 1; S = dose; P = 10; k = 1; n = 0;
  S -> ; k*S; -> P; 0.1*S; y = k;
  at (time >= 5): n = n + 1, k = 0.5;
  at (time >= 2), t0=false: n = n + 10;
  at (P > 5), t0=false: n = n + 1000;
  at 4 after (time >= 8): n = n + 100;
"""


def test_a_dose_into_logarithms_leaves_what_events_have_done(tmp_path):
    read = ["S", "P", "n", "k", "y"]
    runs = []
    for card in ("", "solver: {logarithms: [S]}"):
        path = _own(tmp_path, DOSED, "dose: {parameter: dose, species: S}\nuntil: 20\n" + card)
        runs.append(simulate(path, doses=["1e6", "1e5@10"], times=np.linspace(0, 20, 21), observables=read))
    for name in read:
        np.testing.assert_allclose(runs[1][name], runs[0][name], rtol=1e-4, err_msg=name)
    assert runs[0].n[-1] == 1111


def test_an_event_that_may_wait_from_the_start_goes_with_no_logarithm(tmp_path):
    text = DOSED + "at 3 after (P > 5), t0=false: n = 0;"
    path = _own(tmp_path, text, "dose: {parameter: dose, species: S}\nsolver: {logarithms: [S]}\n")
    with pytest.raises(InputError, match="is delayed and may be triggered at time 0"):
        load_card(path)


@pytest.mark.slow
def test_the_kernel_follows_initial_assignments_too(tmp_path):
    path = _own(tmp_path, "y = q; q = 2; compartment c = z; z = 3; species P in c; P = 2; P -> ; y*P;")
    runs = [
        simulate(path, changes={"q": 5.0}, times=[0, 1, 2], observables=["P"], engine=engine)
        for engine in ("roadrunner", "kernel")
    ]
    assert [run.attrs["engine"] for run in runs] == ["roadrunner", "kernel"]
    np.testing.assert_allclose(runs[1].P, runs[0].P, rtol=1e-3)


@pytest.mark.parametrize(
    "text", ["compartment V = 2*a; k = 1", "compartment V = 1; k = 2*a", "V = b; b = 2*a; k = 1"]
)
def test_a_pool_solved_as_a_logarithm_starts_from_the_values_of_a_run_too(text, tmp_path):
    path = tmp_path / "own.ant"
    head = "compartment C = 1; substanceOnly species S in C; S = S0; a = 0.1; S0 = 20*a"
    path.write_text(f"model own()\n {head}\n {text}\n S => ; k*V*S\nend\n")
    path.with_suffix(".yaml").write_text("solver: {logarithms: [S]}\n")
    found = simulate(str(path), changes={"a": 0.5}, times=[0, 1, 2])
    assert found.S.to_numpy() == pytest.approx(10 * np.exp(-np.arange(3)), rel=1e-4)


def test_a_run_is_as_accurate_whoever_had_its_form_before(tmp_path):
    """A trial reaches 1e9 at its end: tolerances made for that are not those of a run that ends before."""
    path = tmp_path / "own.ant"
    path.write_text(
        "model own()\n species D, C; D = 100; C = 0; k = 0.3; m = 0.2\n D -> C; k*D\n C ->; m*C\n"
        " at (time >= 9): k = 0.9, C = C + 2\n at (time >= 30): D = 1e9\nend\n"
    )
    program = load_program(str(path))  # which makes the trial
    found = Engine(program, 1e-11).run({}, None, np.array([0.0, 12.0]), ["D"])
    assert found.reached["D"] == 100
    assert found.values[-1, 0] == pytest.approx(100 * np.exp(-0.3 * 9 - 0.9 * 3), rel=1e-7)


def test_what_a_run_left_behind_is_in_no_other(monkeypatch):
    """An infusion that the end cuts off, other parameters and other doses: each run is as in a new engine."""
    runs = [
        ({"K_12": 1.2}, Regimen((Dose(0.0, 1e8),))),
        ({"K_12": 1.4}, Regimen((Dose(0.0, 1e8, 30.0),))),
        ({"K_12": 1.4}, Regimen((Dose(0.0, 1e8), Dose(12.0, 3e8)))),
        ({"K_g": 0.02}, Regimen((Dose(0.0, 1e8),))),
        ({"K_12": 1.2}, Regimen((Dose(0.0, 1e8),))),
        ({"K_12": 1.4}, Regimen((Dose(0.0, 1e8),))),
    ]
    times = np.arange(0.0, 21.0)
    for model in ("clinical", "clinical_waning"):
        program = load_program(model)
        one = Engine(program)
        for values, regimen in runs:
            found = one.run(values, regimen, times, ["transgene", "M_protein"])
            monkeypatch.setattr(stepped, "_COMPILED", OrderedDict())
            expected = Engine(program).run(values, regimen, times, ["transgene", "M_protein"])
            assert np.array_equal(found.values, expected.values)


SETTABLE = ["k", "u", "y", "c", "B"]
SETTINGS = st.dictionaries(st.sampled_from(SETTABLE), st.sampled_from([0.5, 1.0, 3.0]), max_size=3)


def test_nothing_that_was_set_is_left_to_the_next_run(tmp_path, monkeypatch):
    """Parameters, those with a rate of their own, compartments and boundary species alike."""
    text = "compartment c = 2; species S in c, P in c, $B in c; S = 10; P = 0; B = 1; k = 0.3; d := k/2;"
    text += " u = 5; y = 1; y' = -0.1*u*y; S -> P; k*S*c; P -> ; d*P*B*y;"
    program = load_program(_own(tmp_path, text))

    def fresh():
        monkeypatch.setattr(stepped, "_COMPILED", OrderedDict())
        return Engine(program)

    @settings(derandomize=True, deadline=None, max_examples=6)
    @given(runs=st.lists(SETTINGS, min_size=2, max_size=4))
    def law(runs):
        used, read = fresh(), ["S", "P", "y", "B", "c", "u", "k"]
        for changes in runs:
            found = used.run(changes, None, TIMES, read)
            np.testing.assert_array_equal(found.values, fresh().run(changes, None, TIMES, read).values)

    law()


@pytest.mark.parametrize("fast", [1.0, 1e4, 1e12])
def test_what_begins_empty_starts_right_however_fast_it_is(tmp_path, fast):
    """Without a Jacobian over the first stretch, or with one where that would take too many steps."""
    text = f"species S, P, Q; S = 10; P = 0; Q = 0; S -> P; 0.3*S; P -> Q; {fast!r}*P; Q -> P; {fast!r}*Q;"
    found = simulate(_own(tmp_path, text), times=TIMES, observables=["S", "P", "Q"])
    made = -10 * np.expm1(-0.3 * TIMES)
    apart = 3 / (2 * fast - 0.3) * (np.exp(-0.3 * TIMES) - np.exp(-2 * fast * TIMES))
    np.testing.assert_allclose(found.S, 10 - made, rtol=1e-5)
    np.testing.assert_allclose(found.P, (made + apart) / 2, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(found.Q, (made - apart) / 2, rtol=1e-5, atol=1e-12)

"""Where rates switch by time: every time is found, and what cannot be followed is refused by a rule."""

import subprocess
import sys

import antimony
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import InputError
from harness.models.catalog import load_card, model_names
from harness.models.switches import MOST, RATES_TIME, find_switches, hold_time
from harness.simulation.engines import engine_of
from harness.simulation.programs import make_program
from harness.simulation.simulate import simulate


def sbml_of(body):
    antimony.clearPreviousLoads()
    text = f"function on(t, a, b)\n piecewise(1, t >= a && t < b, 0)\nend\nmodel m()\n {body}\nend\n"
    assert antimony.loadAntimonyString(text) != -1, antimony.getLastError()
    sbml = antimony.getSBMLString("m")
    antimony.clearPreviousLoads()
    return sbml


def times_of(body, end=20.0, **values):
    return find_switches(sbml_of(body)).times(values, 0.0, end)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("x=0; x' = piecewise(1, time >= 5 && time < 5.2, 0)", [5, 5.2]),
        ("x=0; x' = piecewise(1, 5 < time < 5.5, 0)", [5, 5.5]),
        ("x=0; x' = on(time, 5, 5.2)", [5, 5.2]),
        ("x=0; x' = floor(time/7)", [7, 14]),
        ("x=0; x' = ceil(time/7)", [7, 14]),
        ("x=0; x' = piecewise(1, rem(time, 6) < 0.5, 0)", [0.5, 6, 6.5, 12, 12.5, 18, 18.5]),
        ("x=0; x' = quotient(time, 8)", [8, 16]),
        ("x=0; x' = max(0, 1 - 10*abs(time - 5))", [4.9, 5, 5.1]),
        ("x=0; x' = piecewise(1, sin(pi*time/6) > 0, 0)", [6, 12, 18]),
        ("x=0; x' = piecewise(1, time^2 > 30, 0)", [30**0.5]),
        ("x=0; x' = piecewise(1, not(exp(-time) > 0.01), 0)", [np.log(100)]),
        ("x=0; t2 := time - 3; on2 := piecewise(1, t2 > 1 && t2 < 1.5, 0); x' = 2*on2", [4, 4.5]),
        ("S=1; S -> ; S*piecewise(1, time < 2.5, 0.1)", [2.5]),
        ("x=0; x' = 1; at (time > 3 && time < 3.1): x = 0", [3, 3.1]),
        ("x=0; x' = 1; at (floor(time/8) == 1): x = 0", [8, 16]),
        ("x=0; x' = 1; next=8; at (time >= next): x = 0, next = next + 8", []),
        ("x=1; x' = max(x, sin(time))", []),
        ("x=1; x' = piecewise(1, x > 0.5, 0)*exp(-time)", []),
        ("x=1; x' = piecewise(1, time > 5 && x > 0.5, 0)", [5]),
    ],
)
def test_each_time_at_which_something_switches_is_found(body, expected):
    found = [time for time in times_of(body) if time > 1e-9]  # rem changes its sign at 0 itself
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@settings(derandomize=True, deadline=None, max_examples=30)
@given(st.floats(0.01, 15), st.floats(1e-6, 4), st.floats(0.3, 9))
def test_times_follow_the_values_of_a_run(start, width, period):
    switches = find_switches(
        sbml_of("a=1; w=1; p=1; x=0; x' = piecewise(1, time > a && time < a + w, 0) + floor(time/p)")
    )
    found = switches.times({"a": start, "w": width, "p": period}, 0.0, 20.0)
    expected = [start, start + width, *(period * np.arange(1, 20 / period + 1))]
    expected = np.unique([time for time in expected if time < 20])
    expected = expected[np.diff(expected, prepend=0) > 1e-11]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("x=0; x' = piecewise(1, time > 3 + x, 0)", "x: compares time with x, which changes during a run"),
        ("x=0; S=1; S->; S; y := 2*S; x' = floor(time*y)", "compares time with y, which changes"),
        (
            "x=0; x'=1; a=3; at (x>1): a = 5; z=0; z' = piecewise(1, time > a, 0)",
            "compares time with a, which",
        ),
        (
            "x=0; x'=1; a=3; at (x>1): a = 5; at (time > a && time < a + 0.1): x = 0",
            "compares time with a, which",
        ),
        ("x=0; x'=1; at (time == 5): x = 0", "asks whether a time is equal to something; write >="),
        (
            "x=0; x' = piecewise(1, time > 5 && time < factorial(3), 0)",
            "a formula of time cannot be followed",
        ),
    ],
)
def test_what_cannot_be_followed_is_refused(tmp_path, body, said):
    path = tmp_path / "own.ant"
    path.write_text(f"model m()\n {body}\nend\n", encoding="utf-8")
    with pytest.raises(InputError, match=said) as caught:
        simulate(str(path))
    assert str(caught.value).startswith(str(path))


def test_more_switches_than_a_run_can_stop_at_are_told():
    body = "x=0; x' = floor(1000*time)"
    with pytest.raises(OverflowError, match=f"more than {MOST} times"):
        times_of(body)
    assert len(times_of(body, end=9.0)) == 8999


@pytest.mark.parametrize("name", model_names())
def test_no_model_of_the_catalogue_switches_by_time(name):
    assert find_switches(load_card(name).sbml_path().read_text(encoding="utf-8")).atoms == ()


PULSE = "model m()\n a = 5; b = 5.2; x = 0\n x' = piecewise(1, time >= a && time < b, 0)\nend\n"


@pytest.mark.parametrize(
    "times", [[0, 10], [10], "0:10:0.1", [0, 5, 10], [0, 5.1, 5.2, 10], [0, 4.999999999999999, 10]]
)
def test_a_pulse_counts_whatever_the_output_times(tmp_path, times):
    path = tmp_path / "pulse.ant"
    path.write_text(PULSE, encoding="utf-8")
    assert simulate(str(path), times=times).x.to_numpy()[-1] == pytest.approx(0.2, rel=1e-6)


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.floats(0, 9), st.floats(1e-3, 3), st.lists(st.floats(0, 10), max_size=4))
def test_a_pulse_counts_whenever_it_is(tmp_path_factory, start, width, times):
    path = tmp_path_factory.getbasetemp() / "any_pulse.ant"
    path.write_text(PULSE, encoding="utf-8")
    found = simulate(str(path), times=[*times, 10], changes={"a": start, "b": start + width})
    assert found.attrs["status"] == "ok"
    expected = np.clip(found.time.to_numpy() - start, 0, min(width, 10 - start))
    np.testing.assert_allclose(found.x.to_numpy(), expected, rtol=1e-6, atol=1e-9)


def test_switches_beyond_number_are_a_failed_run(tmp_path):
    path = tmp_path / "own.ant"
    path.write_text("model m()\n p=1; x=0; x' = floor(time/p)\nend\n", encoding="utf-8")
    assert simulate(str(path), times=[0, 10]).x[-1] == pytest.approx(45)
    failed = simulate(str(path), times=[0, 10], changes={"p": 1e-4})
    assert failed.attrs["status"] == "integration failed"
    assert "more than 10000 times from 0 to 10" in failed.attrs["reason"]


def test_an_event_that_is_on_for_a_moment_happens_every_time(tmp_path):
    path = tmp_path / "own.ant"
    path.write_text(
        "model m()\n n=0; x=0; x'=1; at (time > 1 && time - 7*floor(time/7) < 0.01): n = n + 1\nend\n",
        encoding="utf-8",
    )
    assert simulate(str(path), times=[0, 36], observables=["n"]).n[-1] == 5


def test_a_pulse_after_each_dose_follows_the_clock_that_doses_set(tmp_path):
    path = tmp_path / "own.ant"
    path.write_text(
        "model m()\n compartment C = 1; species A in C; D = 1; A = D; A -> ; 0.1*A; last = 0; x = 0\n"
        " x' = piecewise(1, time - last > 1 && time - last < 1.1, 0)\nend\n",
        encoding="utf-8",
    )
    path.with_suffix(".yaml").write_text("dose: {parameter: D, species: A, clock: last}\n", encoding="utf-8")
    found = simulate(str(path), doses=["1", "1@5", "1@5.95"], times=[0, 10], observables=["x"])
    assert found.x.to_numpy()[-1] == pytest.approx(
        0.2, rel=1e-6
    )  # of three doses: the second pulse never comes


@pytest.mark.parametrize(("start", "width"), [(5.0, 1e-3), (24.0, 1.0), (90.0, 1e-4), (0.3, 2.0)])
@pytest.mark.parametrize("when", ["time >= a && time < b", "time > a && time <= b"])
def test_a_short_pulse_into_what_is_empty_has_its_amount(tmp_path, start, width, when):
    """However steep: nothing of it is seen before it begins; no step within its tolerance could pass that."""
    path, stop = tmp_path / "steep.ant", start + width
    body = (
        f"a = {start!r}; b = {stop!r}; k = 0.01; x = 0; on := piecewise(1/(b - a), {when}, 0); x' = on - k*x"
    )
    path.write_text(f"model m()\n {body}\nend\n", encoding="utf-8")
    found = simulate(str(path), times=[0, start, stop, 100], observables=["x", "on"])
    assert (found.attrs["status"], found.attrs["notes"]) == ("ok", "")
    decayed = (np.exp(-0.01 * (100 - stop)) - np.exp(-0.01 * (100 - start))) / 0.01
    assert found.x.to_numpy()[-1] == pytest.approx(decayed / (stop - start), rel=1e-5)
    assert found.on.to_numpy().tolist() == pytest.approx([0, 1 / (stop - start), 0, 0])


def test_time_is_held_after_tellurium_was_imported_too():
    """libsedml, which tellurium imports, spoils some of libSBML's functions in the same process."""
    text = sbml_of("a = 1; x = 0; x' = piecewise(1, time > a, 0) + sin(time)")
    held = hold_time(text)
    assert held.count(RATES_TIME) == 4  # the parameter, its rule, and where the rate read the time
    code = (
        "import sys, warnings; warnings.simplefilter('ignore'); import libsbml, tellurium;"
        "from harness.models.switches import hold_time; sys.stdout.write(hold_time(sys.stdin.read()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=text, capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout == held


@pytest.mark.parametrize(("event", "before"), [("", 0), ("at (time >= 2): y = 5", 1)])
@pytest.mark.parametrize("engine", ["roadrunner", "kernel"])
@pytest.mark.usefixtures("uncompiled_kernels")
def test_both_engines_read_the_same_just_before_a_switch(own, engine, event, before):
    """What was before it; in a model with events, whose time is not held, what is there at its time."""
    rates = "lag = 1.5; x = 0; y = 0; on := piecewise(1, time >= lag, 0); x' = on"
    program = make_program(load_card(own(f"model m()\n {rates}; {event}\nend\n")))
    (run,) = engine_of(program, engine).run_many([({}, None)], [np.array([0.0, 3.0])], ("x", "on"))
    assert (run.status, run.reason) == ("ok", "")
    assert run.times[:3].tolist() == pytest.approx([0, 1.5, 1.5])
    assert run.values[:3, 1].tolist() == [0, before, 1]
    assert run.values[-1].tolist() == pytest.approx([1.5, 1])

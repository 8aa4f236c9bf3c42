"""Laws of regimens: what holds for any doses, in any order, in any table of runs."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from harness.exchange.agreement import absolute_tolerances
from harness.exchange.tools import run_tool
from harness.exchange.use import use_of
from harness.simulation.design import Design
from harness.simulation.engine import Engine
from harness.simulation.plan import plan
from harness.simulation.programs import load_program
from harness.simulation.regimen import Dose, Redosing, Regimen, parse_dose, regimen
from harness.simulation.run import run
from harness.simulation.timeline import Timeline

law = settings(derandomize=True, deadline=None, max_examples=60)
END = 60.0

times = st.one_of(st.integers(0, 12).map(float), st.floats(0, 70))
amounts = st.one_of(st.just(0.0), st.floats(1, 1e12))
durations = st.one_of(st.just(0.0), st.integers(1, 9).map(float), st.floats(1e-3, 30))
doses = st.builds(Dose, times, amounts, durations)
relative = st.builds(Dose, times, st.floats(1e-3, 1e3), durations, st.just(True))


def lists(of, least=0):
    return st.lists(of, min_size=least, max_size=7)


@law
@given(lists(st.one_of(doses, relative)).flatmap(lambda d: st.tuples(st.just(d), st.permutations(d))))
def test_the_order_in_which_doses_are_given_means_nothing(both):
    listed, mixed = both
    assert regimen(mixed) == regimen(listed) == Regimen(tuple(mixed))


@law
@given(lists(st.one_of(doses, relative)))
def test_doses_of_a_kind_at_one_time_are_one_and_nothing_is_lost(listed):
    merged = regimen(listed).doses
    assert list(merged) == sorted(merged)
    assert regimen(merged).doses == merged
    kinds = [(dose.time, dose.duration, dose.relative) for dose in merged]
    assert len(set(kinds)) == len(kinds)
    for kind in (False, True):
        total = math.fsum(d.amount for d in merged if d.relative is kind)
        assert total == pytest.approx(math.fsum(d.amount for d in listed if d.relative is kind), rel=1e-12)


@law
@given(lists(st.one_of(doses, relative)), st.floats(1e3, 1e9))
def test_relative_amounts_become_multiples_once(listed, dose):
    mixed = regimen(listed)
    fixed = mixed.absolute(dose)
    assert not any(d.relative for d in fixed.doses)
    assert fixed.absolute(2 * dose) == fixed
    by_hand = [replace(d, amount=d.amount * dose, relative=False) if d.relative else d for d in mixed.doses]
    assert fixed == regimen(by_hand)
    kinds = [(d.time, d.duration) for d in fixed.doses]
    assert len(set(kinds)) == len(kinds)


@law
@given(lists(st.one_of(doses, relative), least=1))
def test_a_regimen_as_a_text_is_read_as_the_same_regimen(listed):
    for dose in listed:
        assert parse_dose(str(dose)) == dose
    assert regimen(str(regimen(listed)).split(", ")) == regimen(listed)


def walk(timeline, watched=()):
    """Start, end, cells at the start, rate and last dose of each stretch of a course.

    The observable takes the values `watched` from stop to stop, again and again.
    """
    at, amount, values = 0.0, 0.0, itertools.cycle(watched or [0.0])
    while (stop := timeline.next_stop(at)) is not None:
        yield at, stop, amount, timeline.rate, timeline.last_dose
        timeline.pass_stop(stop, dict.fromkeys(timeline.watched, next(values)))
        at, amount = stop, timeline.amount
    yield at, timeline.end, amount, timeline.rate, timeline.last_dose


@law
@given(lists(doses), st.integers(1, 3), st.lists(st.floats(0, 1e3), max_size=9))
def test_what_flows_in_is_what_the_regimen_and_its_rule_give(listed, at_most, watched):
    planned = Regimen(tuple(listed), Redosing(1e7, "M", 0.25, 7.0, 7.0, at_most))
    at_start = sum(d.amount for d in planned.doses if d.time == 0 and not d.duration)
    timeline = Timeline(planned, END)
    course = list(walk(timeline, watched))
    came = at_start + sum(amount + rate * (stop - start) for start, stop, amount, rate, _ in course)
    assert len(timeline.redoses) <= at_most
    given_to_the_end = [*(d for d in planned.doses if d.amount > 0 and d.time <= END), *timeline.redoses]
    assert timeline.given() == tuple(sorted(given_to_the_end))
    due = sum(d.amount * (min((END - d.time) / d.duration, 1) if d.duration else 1) for d in timeline.given())
    assert came == pytest.approx(due, rel=1e-9)
    for start, *_, last in course:
        assert last == max((d.time for d in timeline.given() if d.time <= start), default=0.0)


steps = st.integers(0, 12)
units = st.sampled_from([0.1, 0.7, 7 / 3, 1 / 49, 1e-3])
plans = st.lists(st.tuples(steps, st.sampled_from([0, 0, 1, 2, 3])), max_size=5)
roundings = st.lists(st.integers(-2, 2), min_size=20, max_size=20)


def rounded(number, ulps):
    """A number as other arithmetic might have come to it."""
    return number + ulps * np.spacing(number) if number else 0.0


def in_units(plan, every, start, end, unit, ulps):
    """What becomes of a regimen with a rule, counted in units of time; every time is off by its rounding.

    The course, what is given in it, and the stops that are known before.
    """
    off = itertools.cycle(ulps)
    given_ = [Dose(rounded(at * unit, next(off)), 1e6 + i, over * unit) for i, (at, over) in enumerate(plan)]
    rule = Redosing(1e7, "Tumor", 1e-9, rounded(every * unit, next(off)), rounded(start * unit, next(off)), 9)
    until = rounded(end * unit, next(off))
    timeline = Timeline(Regimen(tuple(given_), rule), until)
    assert timeline.snap(np.array([0.0, until]))[-1] == timeline.end
    course = [
        (stop / unit, amount, rate * unit, last / unit)
        for _, stop, amount, rate, last in walk(timeline, [1.0, 2.0, 4.0, 8.0])
    ]
    came = [(dose.time / unit, dose.amount) for dose in timeline.given()]
    return course, came, [(s.time / unit, s.amount, s.starts, s.visit) for s in timeline.planned()]


@settings(derandomize=True, deadline=None, max_examples=100)
@given(plans, st.integers(1, 4), steps, st.integers(1, 12), units, roundings)
def test_times_that_rounding_alone_holds_apart_are_one_stop(plan, every, start, end, unit, ulps):
    """As in whole numbers, so in fractions: as many stops, doses by the rule and planned ones, to the end."""
    whole = in_units(plan, every, start, end, 1.0, [0])
    for one, other in zip(whole, in_units(plan, every, start, end, unit, ulps), strict=True):
        assert len(one) == len(other)
        np.testing.assert_allclose(np.array(one, float), np.array(other, float), rtol=1e-9, atol=1e-9)


RULE = Redosing(1.0, "M_protein", 0.02, 7.0, 7.0, at_most=2, relative=True)
REGIMENS = {
    "1": regimen(["1x"]),
    "None": regimen(["0.5x", "0.3x@3", "0.2x@3 for 2"]),
    "rule": Regimen((Dose(2.0, 0.1, relative=True),), RULE),
    "nothing": regimen([]),
}
ROWS = pd.DataFrame(
    {
        "dose": np.geomspace(1e6, 1e9, 12),
        "K_kill_max": np.linspace(0.01, 0.5, 12),
        "regimen": [*REGIMENS] * 3,
        "days": [20.0, 35, 50, 50, 20, 35] * 2,
    }
)


def outcome(rows, chunk):
    planned = plan(
        "clinical", Design(rows), readings="waning", regimens=REGIMENS, at="0:14:7",
        observables=["transgene", "M_protein"],
    )  # fmt: skip
    found = run(replace(planned, chunk=chunk))
    return {name: found[name].to_numpy() for name in found.data_vars}


@pytest.fixture(scope="module")
def alone():
    """What becomes of each row by itself."""
    return outcome(ROWS, 1)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(order=st.permutations(range(len(ROWS))), count=st.integers(1, len(ROWS)), chunk=st.integers(1, 12))
def test_a_run_is_the_same_to_the_last_bit_in_any_order_and_chunk(alone, order, count, chunk):
    chosen = order[:count]
    assume((ROWS["regimen"][chosen] != "nothing").any())  # else nothing takes the doses, which is refused
    for name, values in outcome(ROWS.iloc[chosen].reset_index(drop=True), chunk).items():
        np.testing.assert_array_equal(values, alone[name][chosen], err_msg=name)


few = st.lists(
    st.builds(
        Dose,
        st.sampled_from([0.0, 3.0, 7.25, 7.25, 20.0]),
        st.sampled_from([1e6, 5e7]),
        st.sampled_from([0.0, 0.0, 2.0, 13.0]),
        st.booleans(),
    ),
    max_size=4,
)


@settings(derandomize=True, deadline=None, max_examples=8)
@given(few, st.sampled_from(["libroadrunner", "copasi", "scipy"]))
def test_a_file_with_a_regimen_gives_the_numbers_and_the_clock_of_the_engine(listed, tool):
    """Of absolute and relative doses, some of them at one time, which are one event then."""
    listed = [Dose(0.0, 1e6), *(replace(d, amount=d.amount / 150e6) if d.relative else d for d in listed)]
    use = use_of("clinical", readings="waning", doses=Regimen(tuple(listed)))
    grid = np.array([0, 1, 2.9, 3.1, 7, 7.3, 9, 15, 19, 21, 34, 60])
    read = (*use.card.observables, "t_last_dose")
    expected = Engine(load_program(use.card.id), 1e-10).run({}, use.regimen, grid, read).at(grid)
    found = run_tool(tool, use.sbml(), grid, read)
    atol = np.array([*(absolute_tolerances()[name].atol for name in use.card.observables), 0])
    assert (np.abs(found - expected) <= atol + 1e-5 * np.abs(expected)).all()

import numpy as np

from harness.simulation.regimen import Dose, Hold, Redosing, Regimen
from harness.simulation.timeline import Timeline


def course(regimen, end, watched=lambda _time: 0.0):
    """Stops of a regimen: time, cells added at once, and rate from there on."""
    timeline, found, at = Timeline(regimen, end), [], 0.0
    while (stop := timeline.next_stop(at)) is not None:
        changed = timeline.pass_stop(stop, dict.fromkeys(timeline.watched, watched(stop)))
        found.append((stop, timeline.amount, timeline.rate, changed))
        at = stop
    return found


def test_overlapping_infusions_add_up_and_end_at_exactly_nothing():
    given = Regimen((Dose(0.1, 3e7, 0.7), Dose(0.3, 1e7, 0.9), Dose(0.5, 1e6)))
    stops = course(given, 10)
    assert [stop for stop, *_ in stops] == [0.1, 0.3, 0.5, 0.1 + 0.7, 0.3 + 0.9]
    assert [amount for _, amount, *_ in stops] == [0, 0, 1e6, 0, 0]
    np.testing.assert_allclose([r for *_, r, _ in stops[:2]], [3e7 / 0.7, 3e7 / 0.7 + 1e7 / 0.9])
    assert stops[-1][2] == 0


def test_what_is_given_at_the_start_is_no_stop():
    timeline = Timeline(Regimen((Dose(0, 1e8), Dose(0, 1e7, 2.0))), 10)
    assert timeline.rate == 5e6
    assert timeline.next_stop(0) == 2


def test_the_last_dose_is_the_last_start_whatever_still_runs():
    """Of a bolus, an infusion within another, one that follows another at the same rate, a re-dose."""
    rule = Redosing(1e8, "M", rise=0.5, every=10, start=10)
    doses = Dose(1, 1e8, 8.0), Dose(2, 1e8), Dose(3, 1e8, 1.0), Dose(5, 0.0), Dose(9, 1e8, 8.0)
    timeline, found, at = Timeline(Regimen(doses, rule), 30), {}, 0.0
    while (stop := timeline.next_stop(at)) is not None:
        timeline.pass_stop(stop, {"M": stop})
        found[stop] = timeline.last_dose
        at = stop
    assert found == {1: 1, 2: 2, 3: 3, 4: 3, 9: 9, 10: 9, 17: 9, 20: 20, 30: 20}


def test_stops_after_the_end_are_left_out():
    assert course(Regimen((Dose(5, 1e8), Dose(20, 1e8), Dose(8, 1e8, 10.0))), 10) == [
        (5, 1e8, 0, True),
        (8, 0, 1e7, True),
    ]


def test_a_visit_changes_nothing_unless_the_rule_applies():
    rule = Redosing(1e8, "M", rise=0.5, every=10, start=10, at_most=1)
    stops = course(
        Regimen((), rule), 60, watched=dict(zip(range(10, 70, 10), [4, 2, 2.9, 3, 9, 9], strict=True)).get
    )
    assert [(stop, amount) for stop, amount, _, changed in stops if changed] == [(40, 1e8)]


def test_a_rise_is_over_the_size_of_the_lowest_below_zero_and_at_zero_too():
    """A change of -80 % at the nadir has risen by a quarter at -60 %; what stays at 0 has not risen."""
    rule = Redosing(1e8, "M", rise=0.25, every=10, start=10, at_most=9)
    for values, given in (([-50, -80, -61, -60, -60], [40]), ([0, 0, 0, 1, 0], [40])):
        watched = dict(zip(range(10, 60, 10), values, strict=True)).get
        assert [stop for stop, amount, *_ in course(Regimen((), rule), 50, watched) if amount] == given


def test_a_level_gives_where_it_is_crossed_and_again_only_after_the_observable_came_back():
    rule = Redosing(1e8, "M", rise=0, every=10, start=10, at_most=2, below=5)
    for values, given in (([9, 4, 3, 9, 4], [20, 50]), ([4, 4, 4, 6, 4], [10, 50]), ([9, 5, 9, 5, 9], [])):
        watched = dict(zip(range(10, 60, 10), values, strict=True)).get
        assert [stop for stop, amount, *_ in course(Regimen((), rule), 50, watched) if amount] == given
    timeline = Timeline(Regimen((), Redosing(1e8, "M", 0, every=10, start=0, above=5)), 30)
    timeline.note_start({"M": 9})
    assert [timeline.pass_stop(stop, {"M": value}) for stop, value in ((10, 9), (20, 1), (30, 7))] == [
        False,
        False,
        True,
    ]


def test_a_dose_is_held_where_an_observable_is_beyond_a_level_and_moves_no_clock():
    given = Regimen((Dose(0, 1e8), Dose(2, 2e8), Dose(6, 3e8)), hold=Hold("M", above=5))
    timeline = Timeline(given, 10)
    assert timeline.pass_stop(2, {"M": 6})
    assert (timeline.amount, timeline.last_dose, timeline.held) == (0, 0, [2])
    assert timeline.pass_stop(6, {"M": 5})
    assert (timeline.amount, timeline.last_dose, timeline.held) == (3e8, 6, [2])
    assert timeline.given() == (Dose(0, 1e8), Dose(6, 3e8))


def test_times_that_rounding_holds_apart_from_a_stop_are_moved_to_it():
    timeline = Timeline(Regimen((Dose(7, 1e8),)), 14)
    moved = timeline.snap(np.array([0, 7 * (1 - 1e-15), 14]))
    assert moved.tolist() == [0, 7, 14]

"""What the kernel does with any model: the course of a run from dose to dose, and of many runs.

Promise: as of the stepper, behind which the text of this file is put: numbers only, no run knows of another,
and nothing is used but what stands in place of the imports below.
"""

from __future__ import annotations

from math import isfinite

import numpy as np

from harness.simulation.kernel.contract import (
    AMOUNTS,
    COUNTS_SIZE,
    EDGES,
    EVENTS,
    LOWEST,
    NEEDED,
    NEEDS,
    PARAMETERS,
    ROOM,
    STATES,
    SYMBOLS,
    TOLERANCE,
    VALUES,
    begin,
    compiled,
    entry,
    exact,
    give,
    happen,
    prepare,
    settle,
)
from harness.simulation.kernel.stepper import (
    AGAIN,
    ASKED,
    HELD,
    HOLD,
    NOT_FINITE,
    OK,
    REFUSED,
    ROW,
    SAME,
    START,
    STOP,
    SWITCH,
    TAKEN,
    VISIT,
    advance,
    read_row,
    take_amounts,
    take_logarithms,
    want_rows,
)


@compiled
def pass_visit(z, t, rule, most, watched, bottom, seen, redoses, counts):
    """Look at the observable of the rule: what is given, and the lowest value since.

    Of a rule by a level, the latter is infinite while the observable is not beyond it.
    """
    read_row(z, t, watched, seen)
    if rule[1] == 0.0:
        if not (seen[0] < rule[3] or seen[0] > rule[4]):
            return 0.0, np.inf
        if bottom < np.inf or counts[AGAIN] >= most:
            return 0.0, 0.0
        redoses[counts[AGAIN]] = t
        counts[AGAIN] += 1
        return rule[0], 0.0
    risen = seen[0] - bottom
    if counts[AGAIN] < most and risen > 0.0 and risen >= rule[1] * abs(bottom):
        redoses[counts[AGAIN]] = t
        counts[AGAIN] += 1
        return rule[0], seen[0]
    return 0.0, min(bottom, seen[0])


@compiled
def is_held(z, t, rule, watched, seen, redoses, counts):
    """Whether a planned dose is held, whose time is then noted from the end of `redoses` on."""
    read_row(z, t, watched, seen)
    if not (seen[0] < rule[5] or seen[0] > rule[6]):
        return False
    counts[HELD] += 1
    redoses[redoses.shape[0] - counts[HELD]] = t
    return True


@compiled
def change_course(z, t, added, starts, inflow, clock):
    """Give what is given at t, and set the inflow and, where a dose starts, the clock."""
    z[PARAMETERS + VALUES - 1] = inflow
    if starts and clock >= 0:
        z[PARAMETERS + clock] = t
    prepare(z)
    settle(z)
    give(added, z)


@exact
def run_once(
    z, times, again, stops, given, inflow, kinds, rule, most, clock, picked, watched, rtol, frozen, record,
    wanted, moments, out, redoses, counts,
):  # fmt: skip
    """The course of one run, whose parameters stand in their place; how it ended."""
    prepare(z)
    settle(z)
    begin(z)
    for i in range(STATES):
        if not isfinite(z[AMOUNTS + i]):
            return NOT_FINITE
    t, end, h, bottom, code = 0.0, max(times[times.shape[0] - 1], 0.0), 0.0, np.inf, OK
    seen = np.zeros(1)
    if rule[2] > 0.0:
        read_row(z, t, watched[:1], seen)
        bottom = seen[0]
        if rule[1] == 0.0:
            bottom = 0.0 if seen[0] < rule[3] or seen[0] > rule[4] else np.inf
    dosed, moment, restarts = False, False, True
    while True:
        planned = stops[counts[STOP]] if counts[STOP] < stops.shape[0] else np.inf
        stop, last = min(end, planned), planned > end
        count, counts[ASKED] = want_rows(times, counts[ASKED], again, t, stop, last, moment, dosed, wanted)
        rows, row, place = out[counts[ROW] :], counts[ROW], 0
        for i in range(count):
            moments[row + i] = wanted[i]
        while place < count and wanted[place] <= t + SAME * max(1.0, t):
            code = max(code, read_row(z, t, picked, rows[place]))
            place += 1
        if restarts:
            take_logarithms(z, t)
            h = 0.0
        if code == OK:
            h, place, code = advance(
                z, t, stop, h, rtol, place, wanted[:count], picked, rows, frozen, record, counts
            )
        if code != OK:
            return code
        t = stop
        take_amounts(z)
        while place < count:
            code = max(code, read_row(z, t, picked, rows[place]))
            place += 1
        counts[ROW] += count
        if last or code != OK:
            return code
        place = counts[STOP]
        counts[STOP] += 1
        added, flows, kind = given[place], inflow[place], kinds[place]
        starts, switches = kind & START > 0, kind & SWITCH > 0
        held = kind & HOLD > 0 and is_held(z, t, rule, watched[1:], seen, redoses, counts)
        if held:
            added, starts = 0.0, False
        if kind & VISIT > 0:
            more, bottom = pass_visit(z, t, rule, most, watched[:1], bottom, seen, redoses, counts)
            added, starts = added + more, starts or more > 0.0
        changed = added > 0.0 or starts or flows != z[PARAMETERS + VALUES - 1]
        dosed = changed or held
        moment = restarts = dosed or switches
        if switches:  # what an event sets is there just before its time too, as in libRoadRunner
            happen(t, z)
        if moment:
            moments[counts[ROW]] = np.nextafter(t, -np.inf)
            before = switches and EVENTS == 0  # with events libRoadRunner reads the time itself there
            code = read_row(z, z[EDGES + 1] if before else t, picked, out[counts[ROW]])
            counts[ROW] += 1
        if changed:
            change_course(z, t, added, starts, flows, clock)


@entry
def integrate(
    values, rows, times, again, count, stops, given, inflow, kinds, rule, most, clock, picked, watched, rtol,
    tolerances, counts_size, lowest, frozen, record, way, moments, out, redoses, codes, steps,
):  # fmt: skip
    """Run every row of `values`.

    Parameters
    ----------
    values : (runs, parameters)
        Parameters of each run, in the model's order; the last is the rate of infusion at the start.
    rows, times : (runs,), (runs, most rows)
        Output times of each run, ascending to its end: how many, and when.
    again : (n,)
        Times from every dose after the start at which there is output too.
    count, stops, given, inflow, kinds : (runs,), (runs, most stops) each
        Where a run stops, ascending and after 0: what is added at once, the rate of infusion from there on,
        and the sum of what it is: START, SWITCH, VISIT, HOLD.
    rule, most, watched : (runs, 7), (runs,), (runs, 2)
        Re-dosing of each run: amount, rise (0 for a level), 1 for a first visit at 0, the levels below and
        above which it gives, and those that hold a planned dose; how many such doses at most; what the two
        look at.
    clock
        Parameter that a dose sets to its time, -1 for none.
    picked : (observables,)
        Places of what is read out.
    tolerances, counts_size, lowest : (states,)
        Absolute tolerances, whether the relative one counts the size of a state, lowest values.
    frozen, record, way : bool, (ways, most steps), (runs,)
        Whether runs go on the steps in `record`, up to the first that is 0, each on those of its `way`; else
        each notes its own there, as far as it reaches.
    moments, out, redoses : (runs, room), (runs, room, observables), (runs, most doses)
        Results: times of output, each moment at which something is given, or rates switch, just before and
        as itself; what is read out then; times of re-dosing, and from the end on of doses that were held.
    codes, steps : (runs,), (runs, 3)
        How a run ended; steps taken and refused, and rows of output.
    """
    z = np.zeros(ROOM)
    for i in range(STATES):
        z[TOLERANCE + i], z[COUNTS_SIZE + i], z[LOWEST + i] = tolerances[i], counts_size[i], lowest[i]
    counts = np.zeros(7, np.int64)
    for place in picked:
        for i in range(STATES):
            if place < SYMBOLS and NEEDS[place, i]:
                z[NEEDED + i] = 1.0
    wanted = np.zeros(times.shape[1] + again.shape[0] + 1)
    for run in range(values.shape[0]):
        n = count[run]
        for i in range(VALUES):
            z[PARAMETERS + i] = values[run, i]
        counts[:] = 0
        codes[run] = run_once(
            z, times[run, : rows[run]], again, stops[run, :n], given[run, :n], inflow[run, :n],
            kinds[run, :n], rule[run], most[run], clock, picked, watched[run], rtol,
            frozen, record[way[run]], wanted, moments[run], out[run], redoses[run], counts,
        )  # fmt: skip
        steps[run, 0], steps[run, 1], steps[run, 2] = counts[TAKEN], counts[REFUSED], counts[ROW]

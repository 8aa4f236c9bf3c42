"""What the kernel does with any model: steps of Rodas5P up to a stop, and what is read out on the way.

Promise: numbers only, arrays in and arrays out, no run knows of another. This file is compiled together with
the functions that are written for a model, which stand in place of the import below; it may use nothing else.
"""

from __future__ import annotations

from math import exp, isfinite, log

import numpy as np

from harness.simulation.kernel.contract import (
    AMOUNTS,
    COUNTS_SIZE,
    DENSE,
    EDGES,
    END,
    GAMMA,
    LIVE,
    LOGARITHMS,
    LOGGED,
    LOWEST,
    NEEDED,
    PARAMETERS,
    RATES,
    READ_OUT,
    STAGES,
    STATE,
    STATES,
    SUPPLIES,
    SYMBOLS,
    TOLERANCE,
    H,
    compiled,
    factor,
    observe,
    slopes,
    supplies,
    take_stages,
)  # fmt: skip

OK, TOO_MANY, STUCK, NOT_FINITE, NEGATIVE, FILLS, OTHER_COURSE = 0, 1, 2, 3, 4, 5, 6
"""How a run ended: well, or why not."""
START, SWITCH, VISIT, HOLD = 1, 2, 4, 8
"""What a planned stop is beside a change of inflow: a dose starts, rates switch, a rule looks or may hold."""
MOMENT, SHARE = 1e-9, 1e-8
"""The rule for nearly empty pools, as in harness.simulation.form, which says why."""
EMPTY = -1e4
"""Logarithm of a pool that is kept empty: its exponential is exactly 0."""
FILLING = 1e-3
"""A state that is filling may be late by its relative tolerance of this time: what is almost nothing yet, and
grows by powers of time, need not be followed from its first atom on."""
MOST_STEPS = 200_000
SAME = 1e-12
"""Times that differ by less, relative to 1 or to themselves, are one."""
ROW, ASKED, STOP, AGAIN, TAKEN, REFUSED, HELD = 0, 1, 2, 3, 4, 5, 6
"""Counters of a run: the next output row, time asked for and stop; doses given by a rule; steps taken and
refused."""


@compiled
def error_of(z, step, rtol):
    """Largest error of a step over what is allowed; not finite for a step that is not."""
    worst = 0.0
    for i in range(STATES):
        size = max(abs(z[STATE + i]), abs(z[END + i])) if z[COUNTS_SIZE + i] > 0.0 else 1.0
        # What fills keeps its rate over the step. A rate that binding drives back at once does not: it may be
        # huge where the state hardly moves, and would let every error pass.
        moved = abs(z[END + i] - z[STATE + i]) / step
        size = max(size, FILLING * min(abs(z[RATES + i]), moved))
        share = abs(z[STAGES + 7 * STATES + i]) / (z[TOLERANCE + i] + rtol * size)
        if not isfinite(share):
            return np.inf
        worst = max(worst, share)
    return worst


@compiled
def first_step(z, span):
    """A small step to begin with: a thousandth of the fastest relative change, or of the span."""
    fastest = 0.0
    for i in range(STATES):
        if z[STATE + i] != 0.0:
            size = max(abs(z[STATE + i]), 1.0) if LOGGED[i] >= 0 else abs(z[STATE + i])
            fastest = max(fastest, abs(z[RATES + i]) / size)
    return min(1e-3 * span, 1e-3 / fastest) if fastest > 0.0 else 1e-3 * span


@compiled
def take_amounts(z):
    """Amounts of all states, those solved as logarithms from these."""
    for i in range(STATES):
        z[AMOUNTS + i] = z[STATE + i]
        if LOGGED[i] >= 0:
            z[AMOUNTS + i] = exp(z[STATE + i]) if z[LIVE + LOGGED[i]] > 0.0 else 0.0


@compiled
def read_row(z, t, picked, out):
    """What is read out of the amounts, into `out`; how that ended."""
    observe(t, z)
    code = OK
    for k in range(picked.shape[0]):
        place = picked[k]
        out[k] = z[READ_OUT + place] if place < SYMBOLS else z[PARAMETERS + place - SYMBOLS]
        if not isfinite(out[k]):
            code = NOT_FINITE
    return code


@compiled
def lay_seeds(z, t):
    """Give pools that are nearly empty what flows into them, one after the other along their way."""
    total = 0.0
    for i in range(STATES):
        if LOGGED[i] >= 0:
            total += z[AMOUNTS + i]
    for _ in range(LOGARITHMS):
        supplies(t, z)
        for i in range(STATES):
            if LOGGED[i] >= 0 and (z[AMOUNTS + i] < SHARE * total or z[AMOUNTS + i] == 0.0):
                seed = z[SUPPLIES + LOGGED[i]] * MOMENT
                seed = min(seed, SHARE * total) if total > 0.0 else seed
                z[AMOUNTS + i] = max(z[AMOUNTS + i], seed)


@compiled
def take_logarithms(z, t):
    """States from amounts, seeds among them; a pool that stays empty is kept out."""
    lay_seeds(z, t)
    for i in range(STATES):
        amount = z[AMOUNTS + i]
        z[STATE + i] = amount
        if LOGGED[i] >= 0:
            z[LIVE + LOGGED[i]] = 1.0 if amount > 0.0 else 0.0
            z[STATE + i] = log(amount) if amount > 0.0 else EMPTY


@compiled
def check(z, t):
    """How a step ended: an amount too low, or an empty pool without a seed that begins to fill."""
    empty = False
    for i in range(STATES):
        if LOGGED[i] < 0:
            if z[STATE + i] < z[LOWEST + i]:
                return NEGATIVE
        elif z[LIVE + LOGGED[i]] == 0.0:
            empty = True
    if empty:
        take_amounts(z)
        supplies(t, z)
        for i in range(STATES):
            if LOGGED[i] >= 0 and z[LIVE + LOGGED[i]] == 0.0 and z[SUPPLIES + LOGGED[i]] != 0.0:
                return FILLS
    return OK


@compiled
def want_rows(times, asked, again, t, stop, last, moment, dosed, wanted):
    """Output times from t on and before a stop (with it when it is the last), ascending, in `wanted`.

    At a moment t itself is among them, and after a dose the times of `again` from it on. Returns how many
    there are, and the next time asked for.
    """
    count, k, latest = 0, 0, -np.inf
    if moment:
        wanted[0], count, latest = t, 1, t
    while True:
        own = np.inf
        if dosed and k < again.shape[0] and t + again[k] < stop - SAME * max(1.0, stop):
            own = t + again[k]
        other = np.inf
        if asked < times.shape[0] and (times[asked] < stop or (last and times[asked] <= stop)):
            other = times[asked]
        following = min(own, other)
        if following == np.inf:
            return count, asked
        if own == following:
            k += 1
        if other == following:
            asked += 1
        if following - latest > SAME * max(1.0, following):
            wanted[count] = following
            count += 1
        latest = following


@compiled
def read_dense(z, t, h, until, place, wanted, picked, out):
    """Rows of the dense solution of a step before `until`, from a place in `wanted` on; how that ended."""
    for m in range(3):
        for i in range(STATES):
            z[DENSE + m * STATES + i] = 0.0
        for s in range(8):
            for i in range(STATES):
                z[DENSE + m * STATES + i] += H[m, s] * z[STAGES + s * STATES + i]
    code = OK
    while place < wanted.shape[0] and wanted[place] < until:
        x = (wanted[place] - t) / h
        left = 1.0 - x
        for i in range(STATES):
            bend = z[DENSE + STATES + i] + x * z[DENSE + 2 * STATES + i]
            bend = z[DENSE + i] + x * bend
            z[AMOUNTS + i] = left * z[STATE + i] + x * (z[END + i] + left * bend)
            if LOGGED[i] >= 0 and z[NEEDED + i] > 0.0:  # exponentials are most of what a row costs
                z[AMOUNTS + i] = exp(z[AMOUNTS + i]) if z[LIVE + LOGGED[i]] > 0.0 else 0.0
        code = max(code, read_row(z, wanted[place], picked, out[place]))
        place += 1
    return place, code


@compiled
def step_once(z, t, h, stop, rtol, frozen, counts):
    """One step that is accurate enough, or the one that is given: its length, its error, and how it ended."""
    while True:
        step = h if frozen or t + h * (1.0 + 1e-10) < stop else stop - t
        factor(1.0 / (GAMMA * step), z)
        take_stages(t, step, z)
        error = error_of(z, step, rtol)
        if frozen or error <= 1.0:
            return step, error, OK if isfinite(error) else NOT_FINITE
        counts[REFUSED] += 1
        h = step * max(0.1, 0.9 * error**-0.2 if isfinite(error) else 0.1)
        if h <= 1e-15 * t or h < 1e-250:
            return step, error, STUCK


@compiled
def advance(z, t, stop, h, rtol, place, wanted, picked, out, frozen, record, counts):
    """Integrate from t to a stop and read out before it.

    With `frozen`, on the steps in `record`; else these are noted there as far as it reaches. Returns the step
    to go on with, the next place in `wanted`, and how that ended.
    """
    near = SAME * max(1.0, stop)
    z[EDGES], z[EDGES + 1] = t + SAME * max(1.0, t), stop - near
    while stop - t > near:
        slopes(t, z)
        if frozen:
            if counts[TAKEN] >= record.shape[0] or record[counts[TAKEN]] == 0.0:
                return h, place, OTHER_COURSE
            h = record[counts[TAKEN]]
        elif h == 0.0:
            h = first_step(z, stop - t)
        step, error, code = step_once(z, t, h, stop, rtol, frozen, counts)
        if code != OK:
            return h, place, code
        ends = stop if t + step * (1.0 + 1e-10) >= stop else t + step
        if place < wanted.shape[0] and wanted[place] < ends - near:
            place, code = read_dense(z, t, step, ends - near, place, wanted, picked, out)
        if not frozen:
            if counts[TAKEN] < record.shape[0]:
                record[counts[TAKEN]] = step
            longer = step * (5.0 if error < 1e-4 else min(5.0, 0.9 * error**-0.2))
            h = max(h, longer) if step < h and ends == stop else longer
        for i in range(STATES):
            z[STATE + i] = z[END + i]
        t = ends
        counts[TAKEN] += 1
        code = max(code, check(z, t))
        if counts[TAKEN] >= MOST_STEPS:
            code = TOO_MANY
        if code != OK:
            return h, place, code
    return h, place, OK

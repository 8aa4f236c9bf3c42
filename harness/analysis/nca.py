"""Noncompartmental analysis of points: exposure and disposition by the usual rules, without a model.

Promise: plain functions of `time`, (n,) and ascending, and `value`, (n,), that use the given points alone, as
a clinic has them. The rules are those of Phoenix WinNonlin and of what follows it (PKNCA, NonCompart):

- Areas by the trapezoidal rule, linear while values rise and logarithmic while they fall (or linear
  throughout), to the last value above 0.
- The terminal rate by log-linear regression on the last points, at least three, none before the highest one
  nor that one itself (but after a bolus): of all such sets that with the greatest adjusted R2, and of those
  within 1e-4 of it the one with most points.
- To infinity with the last value, as it was measured.
- A bolus without a point at its time has the value there that the first two points lead back to, where they
  fall, else the first one; another dose without one starts from 0. It counts in areas alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import pandas as pd

from harness.analysis.moments import jumps
from harness.errors import InputError

__all__ = ["UNITS", "Exposure", "Route", "exposure", "nca"]

Route = Literal["expansion", "bolus", "infusion"]
"""How what is measured gets there: it rises from a first point, is there at once, or is given over a time."""

LEAST = 3
"""Points of a terminal slope, at least."""

NEAR = 1e-4
"""Within this of the greatest adjusted R2 a slope of more points is taken."""


@dataclass(frozen=True)
class Exposure:
    """What points of one dosing interval say; times count from its dose.

    Attributes
    ----------
    Cmax, Tmax
        Highest value and its time.
    Clast, Tlast
        Last value above 0 and its time.
    Cmin
        Lowest value.
    AUClast, AUCinf
        Area to Tlast, and on from there by the terminal slope.
    AUCextrapolated
        Share of AUCinf beyond Tlast, in percent.
    half_life, lambda_z
        Of the terminal slope, and its rate.
    points, first, last
        Points of the terminal slope: how many, and the times of the first and last of them.
    R2
        Adjusted R2 of the terminal slope.
    AUMClast, MRT
        Area under time x value to Tlast; mean residence time to infinity, less half of an infusion.
    """

    Cmax: float
    Tmax: float
    Clast: float
    Tlast: float
    Cmin: float
    AUClast: float
    AUCinf: float
    AUCextrapolated: float
    half_life: float
    lambda_z: float
    points: int
    first: float
    last: float
    R2: float
    AUMClast: float
    MRT: float


UNITS = {
    **dict.fromkeys(("Cmax", "Clast", "Cmin"), "{value}"),
    **dict.fromkeys(("Tmax", "Tlast", "first", "last", "half_life", "MRT", "from", "to"), "{time}"),
    **dict.fromkeys(("AUClast", "AUCinf"), "{value}*{time}"),
    "AUCextrapolated": "percent",
    "lambda_z": "1/{time}",
    "AUMClast": "{value}*{time}**2",
}
"""Units of what is found, in pint's syntax; what is not here has none."""


def exposure(
    time: Sequence[float] | np.ndarray,
    value: Sequence[float] | np.ndarray,
    *,
    route: Route = "expansion",
    duration: float = 0.0,
    linear: bool = False,
    to_infinity: bool = True,
) -> Exposure:
    """Exposure of one dosing interval, whose dose is given at time 0.

    Parameters
    ----------
    time, value
        Points, shape (n,) each, times at or after the dose and ascending; values of at least 0.
    route, duration
        How the dose gets there; how long an infusion takes, in the unit of time.
    linear
        Areas by straight lines also while values fall.
    to_infinity
        Whether nothing follows the interval. Else what lies beyond it is NaN.

    Returns
    -------
    Exposure
        In the units of `value` and `time`. NaN where points do not say; without a terminal slope its number
        of points is 0.

    Raises
    ------
    InputError
        When times do not rise, a value is no number or below 0, no value is above 0, or a duration is
        negative or no number.
    """
    t, v = _checked(time, value)
    if not 0 <= duration < np.inf:
        raise InputError(f"duration: must be a time of at least 0, not {duration:g}")
    if not (v > 0).any():
        raise InputError("no value is above 0, so there is nothing to analyse")
    top, end = int(v.argmax()), int(np.flatnonzero(v > 0)[-1])
    area, moment = _areas(*_from_dose(t[: end + 1], v[: end + 1], route), linear)
    rate, points, first, fit = _terminal(t, v, top + (route != "bolus"), end)
    beyond, beyond_moment = v[end] / rate, v[end] * t[end] / rate + v[end] / rate**2
    if not to_infinity:
        beyond = beyond_moment = np.nan
    whole = area + beyond
    return Exposure(
        Cmax=float(v[top]),
        Tmax=float(t[top]),
        Clast=float(v[end]),
        Tlast=float(t[end]),
        Cmin=float(v.min()),
        AUClast=area,
        AUCinf=float(whole),
        AUCextrapolated=float(100 * beyond / whole),
        half_life=float(np.log(2) / rate),
        lambda_z=rate,
        points=points,
        first=first,
        last=float(t[end]) if points else np.nan,
        R2=fit,
        AUMClast=moment,
        MRT=float((moment + beyond_moment) / whole - duration / 2),
    )


def nca(
    time: Sequence[float] | np.ndarray,
    value: Sequence[float] | np.ndarray,
    doses: Sequence[float] | np.ndarray | None = None,
    *,
    route: Route = "expansion",
    duration: float | Sequence[float] = 0.0,
    linear: bool = False,
) -> pd.DataFrame:
    """Noncompartmental analysis of one curve, by dosing interval.

    Parameters
    ----------
    time, value
        Points, shape (n,) each. A curve of a model may have a moment of a dose twice, before and after it.
    doses
        Times of doses; without them the first point and what stands twice among `time`.
    route, linear
        As of :func:`exposure`, of every dose.
    duration
        How long an infusion takes, in the unit of time: of every dose, or of each of `doses`.

    Returns
    -------
    pandas.DataFrame
        One row a dosing interval: ``from`` and ``to``, and what :class:`Exposure` has, whose times count from
        the dose. What lies beyond an interval that another dose ends is NaN.

    Raises
    ------
    InputError
        As :func:`exposure`, for an interval without a point, and where not each dose has a duration.
    """
    t, v = _checked(time, value)
    starts = np.append(t[0], t[jumps(t) + 1]) if doses is None else np.unique(np.asarray(doses, float))
    if not starts.size:
        raise InputError("no dose is given; the analysis counts time from one")
    lasting = np.atleast_1d(np.asarray(duration, float))
    if lasting.size not in (1, starts.size):
        raise InputError(f"{lasting.size} durations are given of {starts.size} doses")
    rows = []
    for (start, stop), over in zip(
        pairwise([*starts, np.inf]), np.broadcast_to(lasting, starts.size).tolist(), strict=True
    ):
        inside = (t >= start) & (t < stop)
        if not inside.any():
            raise InputError(f"no point lies in the dosing interval from {start:g} to {stop:g}")
        found = exposure(
            np.maximum(t[inside] - start, 0.0),
            v[inside],
            route=route,
            duration=over,
            linear=linear,
            to_infinity=not np.isfinite(stop),
        )
        rows.append({"from": float(start), "to": float(min(stop, t[-1])), **asdict(found)})
    return pd.DataFrame(rows)


def _checked(
    time: Sequence[float] | np.ndarray, value: Sequence[float] | np.ndarray
) -> tuple[np.ndarray, ...]:
    """Times and values as arrays that can be analysed."""
    t, v = np.asarray(time, float), np.asarray(value, float)
    if t.ndim != 1 or t.shape != v.shape or not t.size:
        raise InputError(
            f"times and values are to be rows of one length, not of shapes {t.shape} and {v.shape}"
        )
    if not (np.isfinite(t).all() and (np.diff(t) > 0).all()):
        raise InputError("times are to be numbers that rise")
    wrong = np.flatnonzero(~(np.isfinite(v) & (v >= 0)))
    if wrong.size:
        raise InputError(f"the value {v[wrong[0]]:g} at time {t[wrong[0]]:g} is no number of at least 0")
    return t, v


def _from_dose(time: np.ndarray, value: np.ndarray, route: Route) -> tuple[np.ndarray, np.ndarray]:
    """Points with one at the dose."""
    if time[0] <= 0:
        return time, value
    start = 0.0
    if route == "bolus":
        start = value[0]
        if time.size > 1 and value[0] > value[1] > 0:
            start = value[0] * (value[0] / value[1]) ** (time[0] / (time[1] - time[0]))
    return np.append(0.0, time), np.append(start, value)


def _areas(time: np.ndarray, value: np.ndarray, linear: bool) -> tuple[float, float]:
    """Areas under value and under time x value."""
    step, low, high = np.diff(time), value[:-1], value[1:]
    falls = (high < low) & (high > 0) & (not linear)
    rate = np.log(np.where(falls, low / np.where(falls, high, 1.0), np.e)) / step
    area = np.where(falls, (low - high) / rate, step * (low + high) / 2)
    start, stop = time[:-1] * low, time[1:] * high
    moment = np.where(falls, (start - stop) / rate + (low - high) / rate**2, step * (start + stop) / 2)
    return float(area.sum()), float(moment.sum())


def _terminal(time: np.ndarray, value: np.ndarray, first: int, end: int) -> tuple[float, int, float, float]:
    """Rate of the terminal slope, its number of points, the time of the first, and adjusted R2."""
    known = np.arange(first, end + 1)[value[first : end + 1] > 0]
    found = []
    for count in range(LEAST, known.size + 1):
        chosen = known[-count:]
        t, y = time[chosen], np.log(value[chosen])
        t_off, y_off = t - t.mean(), y - y.mean()
        slope, total = float(t_off @ y_off / (t_off @ t_off)), float(y_off @ y_off)
        if slope < 0:
            missed = 1 - slope * float(t_off @ y_off) / total
            found.append((-slope, count, float(t[0]), 1 - missed * (count - 1) / (count - 2)))
    if not found:
        return np.nan, 0, np.nan, np.nan
    best = max(fit for *_, fit in found)
    return [each for each in found if each[3] >= best - NEAR][-1]

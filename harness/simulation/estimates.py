"""Values of parameters that a fit found, carried to another run with what the data left open.

Promise: values have the units of their source and are converted where they go; draws come from the seed
alone, each row whole, so that parameters go together as they were found to. A parameter without an error
stays at its value, and is named. What the model that they go to does not have is refused.

A source is the result of a fit, ``result.json``: estimates with their covariance, normal on the scale of
each, or the rows of its bootstrap where it has one. Or ``parameters.csv``, the table of the article: the
values of the model with the published RSE, log-normal and independent, for want of a published correlation.
Or a table of draws, a .csv (:mod:`harness.simulation.draws`): its rows, and the middle one of each column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.declarations import Seed
from harness.errors import InputError, unknown_name
from harness.models.catalog import Selection
from harness.models.limits import Limits
from harness.models.provenance import parameters_of
from harness.models.units import convert, parse_factor
from harness.offered import offered
from harness.reading import read_text, to_numbers
from harness.shown import in_lines, listed
from harness.simulation.design import Design
from harness.simulation.draws import OMEGA, ParameterDraws, read_parameter_draws

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "PUBLISHED",
    "Estimates",
    "estimates_for",
    "estimates_from_tables",
    "middle",
    "read_estimates",
    "set_by",
]

PUBLISHED = "parameters.csv"
"""Name of the table of the article, as a source."""

MOST = 100_000
"""Draws at most."""

LEVELS = (2.5, 97.5)
"""Percentiles over the draws: their middle 95 %."""

TRIES = 1000
"""Times that a draw is made anew until it is one that its parameters can have."""


@offered
@dataclass(frozen=True)
class Estimates:
    """Estimates of k parameters, of spreads (``omega_NAME``) among them.

    Attributes
    ----------
    source
        What they were read from.
    names, units, values
        Of each; values are natural ones in that unit.
    logarithmic
        Whether a parameter is normal on its logarithm, shape (k,).
    covariance
        On these scales, shape (k, k); 0 for what has no error.
    rows
        Draws that the source holds, shape (draws, k), natural values; empty where there is a covariance.
    weights
        Of these rows, summing to 1, shape (draws,).
    limits
        What the model that they go to can have, by parameter, in these units.
    left
        Those of the source that are none of these, since they are set or varied where these go.
    """

    source: str
    names: tuple[str, ...]
    units: tuple[str, ...]
    values: np.ndarray
    logarithmic: np.ndarray
    covariance: np.ndarray
    rows: np.ndarray = field(default_factory=lambda: np.empty((0, 0)))
    weights: np.ndarray = field(default_factory=lambda: np.empty(0))
    limits: Mapping[str, Limits] = field(default_factory=dict)
    left: tuple[str, ...] = ()

    def __repr__(self) -> str:
        told = [f"{n}={v:.4g} {u}" for n, v, u in zip(self.names, self.values, self.units, strict=True)]
        return in_lines(f"Estimates of {self.source}", values=listed(told), held=listed(self.held))

    @cached_property
    def held(self) -> tuple[str, ...]:
        """Those that have no error, which draws leave at their value."""
        if self.rows.size:
            return ()
        known = np.diag(self.covariance) > 0
        return tuple(name for name, told in zip(self.names, known, strict=True) if not told)

    def changes(self) -> dict[str, str]:
        """Values of the parameters, as every function takes ``changes``: 'VALUE UNIT' by name."""
        each = zip(self.names, self.values.tolist(), self.units, strict=True)
        return {name: f"{value!r} {unit}" for name, value, unit in each if not name.startswith(OMEGA)}

    def notes(self, spreads: bool) -> list[str]:
        """What whoever takes them must know; `spreads` says whether those between patients have a part."""
        notes = []
        if self.left:
            notes.append(f"{', '.join(self.left)}: set or varied, in place of the estimate of {self.source}")
        if self.held and len(self.held) < len(self.names):
            notes.append(
                f"{', '.join(self.held)}: without an error in {self.source}; draws leave the estimate"
            )
        if self.omegas() and not spreads:
            notes.append(f"spreads between patients in {self.source} have no part here")
        return notes

    def omegas(self) -> dict[str, float]:
        """Standard deviations of random effects, by parameter."""
        return {
            name.removeprefix(OMEGA): float(value)
            for name, value in zip(self.names, self.values, strict=True)
            if name.startswith(OMEGA)
        }

    def some(self, names: Sequence[str]) -> Estimates:
        """Some of them, in the order given.

        Raises
        ------
        InputError
            When one is not among them.
        """
        for name in names:
            if name not in self.names:
                raise unknown_name(f"estimate in {self.source}", name, self.names)
        at = [self.names.index(name) for name in names]
        return replace(
            self,
            names=tuple(names),
            units=tuple(self.units[i] for i in at),
            values=self.values[at],
            logarithmic=self.logarithmic[at],
            covariance=self.covariance[np.ix_(at, at)],
            rows=self.rows[:, at] if self.rows.size else self.rows,
        )

    def without(self, names: Sequence[str]) -> Estimates:
        """Those that are left without some."""
        return self.some([name for name in self.names if name not in set(names)])

    def under(self, changes: Mapping[str, str | float]) -> Estimates:
        """What changes leave of them: one such as ``2x`` is of the estimate, any other is in its place."""
        found = self.without(set_by(changes))
        factors = np.array([_factor(name, changes.get(name, "1x")) for name in found.names], float)
        on_scale = np.where(found.logarithmic, 1.0, factors)
        return replace(
            found,
            values=found.values * factors,
            covariance=found.covariance * np.outer(on_scale, on_scale),
            rows=found.rows * factors if found.rows.size else found.rows,
        )

    def draws(self, count: int, seed: Seed = 1) -> Design:
        """A design of as many rows, one draw each, a column a parameter; spreads have no column.

        Rows of the source are taken with the chance that their weights say; without them draws are normal on
        the scales of the parameters. A draw of what its parameter cannot have, or negative where it is not,
        is made anew.

        Raises
        ------
        InputError
            When no draw, or more than 100 000, are asked for, or nothing has an error.
        """
        table, units = self._drawn(count, seed), dict(zip(self.names, self.units, strict=True))
        of_model = [name for name in self.names if not name.startswith(OMEGA)]
        return Design(table[of_model], {name: units[name] for name in of_model})

    def each(self, count: int, seed: Seed = 1) -> list[Estimates]:
        """As many estimates, one a draw, each exact."""
        nothing = np.zeros_like(self.covariance)
        return [
            replace(self, values=row, covariance=nothing, rows=np.empty((0, 0)))
            for row in self._drawn(count, seed).to_numpy()
        ]

    def _drawn(self, count: int, seed: int) -> pd.DataFrame:
        if not 1 <= count <= MOST:
            raise InputError(f"uncertainty: from 1 to {MOST} draws, not {count}")
        if not self.rows.size and not self.covariance.any():
            raise InputError(f"uncertainty: {self.source} has no error of {', '.join(self.names)}")
        import pandas as pd

        names = list(self.names)
        if self.rows.size:
            return ParameterDraws(pd.DataFrame(self.rows, columns=names), self.weights).take(count, seed)
        return pd.DataFrame(self._normal(np.random.default_rng([seed, 7]), count), columns=names)

    def _normal(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Draws from the covariance, shape (count, k), natural values."""
        values, vectors = np.linalg.eigh(self.covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        centre = np.where(self.logarithmic, np.log(np.where(self.logarithmic, self.values, 1.0)), self.values)
        left = np.arange(count)
        found = np.empty((count, len(self.names)))
        for _ in range(TRIES):
            drawn = centre + rng.standard_normal((left.size, len(self.names))) @ root.T
            found[left] = np.where(self.logarithmic, np.exp(np.minimum(drawn, 700.0)), drawn)
            left = left[self._impossible(found[left]).any(axis=1)]
            if not left.size:
                return found
        names = ", ".join(np.array(self.names)[self._impossible(found[left]).any(axis=0)])
        raise InputError(
            f"uncertainty: {self.source}: draws of {names} are what it cannot be; fit it on a log scale"
        )

    def _impossible(self, drawn: np.ndarray) -> np.ndarray:
        """Which of some draws are no values that their parameters can have, shape (rows, k)."""
        found = (drawn < 0) & (self.values >= 0)
        for place, name in enumerate(self.names):
            if name in self.limits:
                found[:, place] |= self.limits[name].beyond(drawn[:, place])
        return found


def read_estimates(
    source: str | Path, selection: Selection | None = None, names: Sequence[str] | None = None
) -> Estimates:
    """Read the estimates of a source: ``result.json`` of a fit, ``parameters.csv``, or a .csv of draws.

    ``PATH:NAME,NAME`` takes some of them.

    Parameters
    ----------
    selection
        The model that they go to, which the last two need.
    names
        Some of them, instead.

    Raises
    ------
    InputError
        When there is no such file, it is no result of a fit, or holds no such parameter.
    """
    path, chosen = _parts(str(source)) if names is None else (str(source), names)
    if Path(path).name == PUBLISHED:
        found = _published(path, selection)
        return found if chosen is None else found.some(chosen)
    if path.lower().endswith(".csv"):
        found = _of_draws(path, selection)
        return found if chosen is None else found.some(chosen)
    return estimates_from_tables(_tables(Path(path)), path, chosen)


def set_by(changes: Mapping[str, str | float]) -> list[str]:
    """Names that changes give a value; one such as ``2x`` is of what there is, and leaves it in."""
    return [name for name, text in changes.items() if not _factor(name, text)]


def _factor(name: str, text: str | float) -> float | None:
    return parse_factor(str(text), "", name)


def estimates_for(
    source: str | Path | Estimates, selection: Selection, given: Sequence[str] = ()
) -> Estimates:
    """Estimates that a model takes; those that are given otherwise are left out, and told.

    Raises
    ------
    InputError
        As :func:`read_estimates`, and when the model has no such parameter, or cannot have such a value.
    """
    found = source if isinstance(source, Estimates) else read_estimates(source, selection)
    left = tuple(name for name in dict.fromkeys(given) if name in found.names)
    found = replace(found.without([*given, *(f"{OMEGA}{name}" for name in given)]), left=left)
    symbols = selection.card.symbols
    for name in found.names:
        try:
            symbols.require_settable(name.removeprefix(OMEGA))
        except InputError as error:
            known = [n for n in found.names if n.removeprefix(OMEGA) in symbols]
            hint = f"; {found.source}:{','.join(known)} takes what it has" if known else ""
            raise InputError(f"{found.source}: {error}{hint}") from None
    symbols.parse_all(found.changes())
    limits = {}
    for name, unit in zip(found.names, found.units, strict=True):
        within = None if name.startswith(OMEGA) else symbols[name].within
        if within is not None:
            limits[name] = within.times(convert(1.0, symbols[name].unit, unit, name))
    return replace(found, limits=limits)


def _parts(source: str) -> tuple[str, list[str] | None]:
    """Path, and the names behind it."""
    path, colon, names = source.rpartition(":")
    if colon and re.fullmatch(r"\s*\w+\s*(,\s*\w+\s*)*", names) and not Path(source).exists():
        return path, [name.strip() for name in names.split(",")]
    return source, None


def _tables(path: Path) -> Mapping[str, Mapping[str, list]]:
    if not path.exists():
        raise InputError(f"{path}: no such file; run the fit first")
    try:
        tables = json.loads(read_text(path))["tables"]
        return {name: dict(tables[name]) for name in tables}
    except (RecursionError, ValueError, TypeError, KeyError):
        raise InputError(f"{path}: is no result of a fit") from None


def estimates_from_tables(
    tables: Mapping[str, Mapping[str, list]], source: str, names: Sequence[str] | None = None
) -> Estimates:
    """Estimates of the tables of a result: `estimates`, `covariance` and `bootstrap`, the last two if there.

    Parameters
    ----------
    names
        Those that are wanted; by default all but the sizes of errors.

    Raises
    ------
    InputError
        When the first is not there, lacks a column, or an estimate is no number.
    """
    if "estimates" not in tables:
        raise InputError(f"{source}: has no table of estimates")
    columns = tables["estimates"]
    if len({len(column) for column in columns.values()}) > 1:
        raise InputError(f"{source}: its table of estimates has columns of several lengths")
    missing = sorted({"parameter", "estimate", "unit"} - set(columns))
    if missing:
        raise InputError(f"{source}: its table of estimates lacks {', '.join(missing)}")
    import pandas as pd

    table = pd.DataFrame(columns)
    if names is not None:
        for name in names:
            if name not in set(table["parameter"]):
                raise unknown_name(f"estimate in {source}", name, table["parameter"])
        table = table[table["parameter"].isin(names)]
    elif "kind" in table:
        table = table[table["kind"] != "error"]
    names = [str(name) for name in table["parameter"]]
    values = to_numbers(table["estimate"])
    for name, value in zip(names, values, strict=True):
        if names.count(name) > 1 or not np.isfinite(value):
            raise InputError(f"{source}: its estimate of {name} is no number, or there are several")
    scale = table["scale"] if "scale" in table else pd.Series("log", table.index)
    drawn = pd.DataFrame(tables.get("bootstrap", {}))
    try:
        rows = drawn[names].dropna().to_numpy(float) if len(drawn) else np.empty((0, 0))
        covariance = _covariance(pd.DataFrame(tables.get("covariance", {})), names)
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{source}: its covariance or bootstrap is not that of its estimates") from None
    return Estimates(
        source=source,
        names=tuple(names),
        units=tuple(str(unit) for unit in table["unit"]),
        values=values,
        logarithmic=(scale == "log").to_numpy(bool) & (values > 0),
        covariance=covariance,
        rows=rows,
        weights=np.full(len(rows), 1 / max(len(rows), 1)),
    )


def _covariance(table: pd.DataFrame, names: Sequence[str]) -> np.ndarray:
    """The part of a table of covariances that some parameters have, 0 where it holds none."""
    if table.empty:
        return np.zeros((len(names), len(names)))
    found = table.set_index("parameter").loc[list(names), list(names)].to_numpy(float)
    return np.nan_to_num(found)


def _of_draws(path: str, selection: Selection | None) -> Estimates:
    """Rows of a table of draws, in the units of the model; a value is the weighted middle of its column."""
    if selection is None:
        raise InputError(f"{path}: name the model whose parameters are meant")
    symbols = selection.card.symbols
    found = read_parameter_draws(Path(path), symbols)
    names, rows = tuple(str(name) for name in found.table), found.table.to_numpy(float)
    order = np.argsort(rows, axis=0, kind="stable")
    at = np.argmax(np.cumsum(found.weights[order], axis=0) >= 0.5 - 1e-12, axis=0)
    every = np.arange(len(names))
    return Estimates(
        source=path,
        names=names,
        units=tuple("dimensionless" if n.startswith(OMEGA) else symbols[n].unit for n in names),
        values=rows[order[at, every], every],
        logarithmic=np.zeros(len(names), bool),
        covariance=np.zeros((len(names), len(names))),
        rows=rows,
        weights=found.weights,
    )


def _published(path: str, selection: Selection | None) -> Estimates:
    """The estimated parameters of the article, with the values that the selected model has."""
    if selection is None:
        raise InputError(f"{path}: name the model whose parameters are meant")
    card, symbols = selection.card, selection.card.symbols
    values = symbols.parse_all(selection.changes)
    rows = [
        (name, row.unit, values.get(name, symbols[name].value), symbols[name].unit, row.RSE)
        for name, row in parameters_of(card).items()
        if row.RSE and name in symbols
    ]
    rows += [
        (f"{OMEGA}{name}", "", row.omega, "dimensionless", row.omega_RSE)
        for name, row in parameters_of(card).items()
        if row.omega and row.omega_RSE and name in symbols
    ]
    if not rows:
        raise InputError(f"{path}: has no RSE of a parameter of {card.id}")
    names, _, found, units, rse = zip(*rows, strict=True)
    return Estimates(
        source=path,
        names=names,
        units=units,
        values=np.array(found, float),
        logarithmic=np.ones(len(rows), bool),
        covariance=np.diag(np.log1p((np.array(rse, float) / 100) ** 2)),
    )


def middle(values: np.ndarray) -> np.ndarray:
    """Ends of the middle 95 % over the first axis, of those that are numbers; shape (2, ...).

    An end is one of the values, so that it may be infinite.
    """
    ordered = np.sort(values, axis=0)  # NaN last
    count = (~np.isnan(values)).sum(axis=0)
    found = []
    for level in LEVELS:
        place = np.clip(np.rint(level / 100 * (count - 1)), 0, None).astype(int)
        found.append(np.take_along_axis(ordered, place[np.newaxis], axis=0)[0])
    return np.array(found)

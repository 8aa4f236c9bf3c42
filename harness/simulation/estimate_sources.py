"""Where estimates are read from, and what a model takes of them.

Promise: what a source or the model does not have is refused in one line. A source is the result of a fit,
``result.json``: estimates with their covariance, normal on the scale of each, or the rows of its bootstrap
where it has one. Or ``parameters.csv``, the table of the article: the values of the model with the published
RSE, log-normal and independent, for want of a published correlation. Or a table of draws, a .csv
(:mod:`harness.simulation.draws`): its rows, and the middle one of each column.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from harness.errors import InputError, unknown_name
from harness.models.catalog import Selection
from harness.models.provenance import parameters_of
from harness.models.units import convert
from harness.reading import read_text, to_numbers
from harness.simulation.draws import OMEGA, read_parameter_draws
from harness.simulation.estimates import Estimates

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["PUBLISHED", "estimates_for", "estimates_from_tables", "read_estimates"]

PUBLISHED = "parameters.csv"
"""Name of the table of the article, as a source."""


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

"""Measures of tables: cases with expected values, observations that each need a run, results of studies."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from harness.analysis import metrics
from harness.analysis.observations import COLUMNS, in_unit
from harness.errors import InputError, unknown_name
from harness.models.provenance import omegas_of
from harness.models.symbols import SymbolTable
from harness.reading import parse_texts, read_text, to_numbers
from harness.studies.outcome import StudyDeclaration
from harness.validation.curves import Curve, Evidence
from harness.validation.measures.base import Measure
from harness.validation.measures.of_curves import Options, read_endpoint

__all__ = ["Cases", "Number", "Rows", "Statistic", "read_cases"]


class Cases(Options, Measure):
    """A table of simulations with the value expected of each; the largest error over all rows.

    The first line of the table is ``# expected: `` and the columns that hold expected values. The other
    columns are `condition`, `reading`, `dose`, `source` and symbols of the model, in its units.
    """

    kind: Literal["cases"]
    table: str
    expected: str
    error: Literal["absolute", "relative"]
    curve: str
    observable: str
    times: str

    def reads(self) -> tuple[tuple[str, str], ...]:
        return ((self.curve, self.observable),)

    def score(self, evidence: Evidence) -> float:
        curve = evidence.declared[self.curve]
        symbols = curve.symbols
        table = read_cases(evidence.folder / self.table, self.expected, symbols)
        set_by = [c for c in table.columns if c in symbols and c != "dose"]
        errors = []
        for row in table.to_dict("records"):
            dataset = curve.simulate(
                condition=row.get("condition", curve.condition),
                readings=(row["reading"],) if "reading" in row else curve.readings,
                doses=(repr(row["dose"]),) if "dose" in row else curve.doses,
                changes={**curve.changes, **{name: repr(row[name]) for name in set_by}},
                times=self.times,
            )
            error = abs(read_endpoint(dataset.time, dataset[self.observable], self) - row[self.expected])
            errors.append(error / abs(row[self.expected]) if self.error == "relative" else error)
        return float(np.max(errors))


def read_cases(path: Path, expected: str, symbols: SymbolTable) -> pd.DataFrame:
    """Read a table of cases; every column but the sources and the expected values sets something.

    Columns that hold values expected by another target are those listed in the file's first line,
    ``# expected: NAME, NAME``.
    """
    text = read_text(path)
    first = text.partition("\n")[0]
    declared = [name.strip() for name in first.removeprefix("# expected:").split(",")]
    if not first.startswith("# expected:") or expected not in declared:
        raise InputError(
            f"{path}:1: the first line must be '# expected: ' and the columns of expected values"
        )
    settable = [name for name in symbols.offered() if name not in declared]
    table = parse_texts(path, text, declared, ("condition", "reading", "dose", "source", *settable))
    for column in table.columns.difference(["condition", "reading", "source"]):
        table[column] = to_numbers(table[column])
        if not np.isfinite(table[column]).all():
            raise InputError(f"{path}: {column}: every row needs a number")
    if table.empty or (table == "").any(axis=None):
        raise InputError(f"{path}: no rows, or an empty cell")
    return table.drop(columns=[name for name in declared if name != expected])


class Rows(Measure):
    """Observations whose rows each need a simulation of their own, such as one E:T ratio each.

    The arms of the table are conditions of the model; columns beyond those of every table of observations
    are symbols of it. A band scales the parameter by exp(-omega) and exp(+omega), with its omega in
    ``parameters.csv``.
    """

    kind: Literal["rows"]
    metric: Literal["rmse", "share_inside", "rank_agreement", "omega_of_estimates"]
    curve: str
    observable: str
    arms: tuple[str, ...]
    parameter: str | None = None

    def reads(self) -> tuple[tuple[str, str], ...]:
        named = ((self.curve, self.observable),)
        return (*named, (self.curve, self.parameter)) if self.parameter else named

    def check(self, curves: Mapping[str, Curve], studies: Mapping[str, StudyDeclaration]) -> None:
        super().check(curves, studies)
        if self.metric == "share_inside" and self.parameter not in (
            known := omegas_of(curves[self.curve].card)
        ):
            raise unknown_name("omega of parameter", str(self.parameter), known)

    def score(self, evidence: Evidence) -> float:
        tables = [evidence.rows(self.observable, arm) for arm in self.arms]
        curve = evidence.declared[self.curve]
        match self.metric:
            case "omega_of_estimates":
                return float(np.std([self._estimate(curve, table) for table in tables], ddof=1))
            case "share_inside":
                omega = omegas_of(curve.card)[str(self.parameter)]
                low, high = (self._of_all(curve, tables, shift) for shift in (-omega, omega))
                return metrics.share_inside(low, high, self._observed(curve, tables))
            case name:
                found = self._of_all(curve, tables, 0.0)
                return getattr(metrics, name)(found, self._observed(curve, tables))

    def _observed(self, curve: Curve, tables: list[pd.DataFrame]) -> np.ndarray:
        unit = curve.symbols[self.observable].unit
        return in_unit(pd.concat(tables), "value", unit, self.observable)

    def _of_all(self, curve: Curve, tables: list[pd.DataFrame], shift: float) -> np.ndarray:
        return np.concatenate([self._predicted(curve, table, shift) for table in tables])

    def _predicted(self, curve: Curve, table: pd.DataFrame, shift: float) -> np.ndarray:
        """Simulated values of the rows of one arm, the parameter scaled by exp(shift)."""
        symbols = curve.symbols
        extra = [column for column in table.columns if column not in COLUMNS]
        for column in extra:
            symbols.require_settable(column)
        changes = dict(curve.changes)
        if self.parameter:
            changes[self.parameter] = repr(self._typical(self.parameter, curve, table) * float(np.exp(shift)))
        found = []
        times = in_unit(table, "time", symbols.time_unit, self.observable)
        for row, time in zip(table.to_dict("records"), times, strict=True):
            dataset = curve.simulate(
                condition=row["arm"],
                changes={**changes, **{name: str(row[name]) for name in extra}},
                times=(0.0, time),
            )
            found.append(float(dataset[self.observable][-1]))
        return np.array(found)

    def _typical(self, parameter: str, curve: Curve, table: pd.DataFrame) -> float:
        """Value of the parameter that is scaled, as the curve has it for the condition of this arm."""
        own = curve.model_copy(update={"condition": table["arm"].iloc[0]}).settings()
        return own.get(parameter, curve.symbols[parameter].value)

    def _estimate(self, curve: Curve, table: pd.DataFrame) -> float:
        """Logarithm of the parameter over its typical value, by least squares for one arm."""
        from scipy.optimize import minimize_scalar

        seen = self._observed(curve, [table])
        best = minimize_scalar(
            lambda shift: metrics.rmse(self._predicted(curve, table, shift), seen),
            bounds=(-3, 3),
            method="bounded",
            options={"xatol": 1e-4},
        )
        return float(best.x)


class Number(Measure):
    """A number that a study gives."""

    kind: Literal["number"]
    study: str
    number: str

    def studies(self) -> tuple[str, ...]:
        return (self.study,)

    def numbers(self) -> tuple[tuple[str, str], ...]:
        return ((self.study, self.number),)

    def fixed_by(self, evidence: str, studies: Mapping[str, StudyDeclaration]) -> str:  # noqa: ARG002 - one form of all measures
        fixed = self.number in studies[self.study].DECLARED
        return f"study {self.study} declares its {self.number}" if fixed else ""

    def score(self, evidence: Evidence) -> float:
        return float(evidence.outcomes[self.study].numbers[self.number])


class Statistic(Measure):
    """A statistic of a column of a study's table: over all rows, or over groups of rows.

    Of the groups' values it is the largest, or their median with ``over_groups: median``.

    `against` is a second column, for metrics of two; `by` are the columns that make groups, within which
    the rows keep their order; `where` keeps the rows with these values.
    """

    kind: Literal["statistic"]
    study: str
    table: str = "runs"
    column: str
    against: str | None = None
    statistic: Literal["largest", "smallest", "largest_rise", "fold_range", "rank_agreement"]
    by: tuple[str, ...] = ()
    over_groups: Literal["largest", "median"] = "largest"
    where: dict[str, str | float] = {}

    def studies(self) -> tuple[str, ...]:
        return (self.study,)

    def score(self, evidence: Evidence) -> float:
        table = self._rows(evidence)
        groups = [g for _, g in table.groupby(list(self.by), sort=False)] if self.by else [table]
        columns = [self.column, *([self.against] if self.against else [])]
        function = getattr(metrics, self.statistic)
        found = [function(*(group[c].to_numpy(float) for c in columns)) for group in groups]
        if not found:
            return float("nan")
        return float(np.median(found) if self.over_groups == "median" else np.max(found))

    def _rows(self, evidence: Evidence) -> pd.DataFrame:
        tables = evidence.outcomes[self.study].tables
        if self.table not in tables:
            raise unknown_name(f"table of study {self.study}", self.table, tables)
        table = tables[self.table]
        for column in (self.column, *([self.against] if self.against else []), *self.by, *self.where):
            if column not in table.columns:
                raise unknown_name(f"column of {self.study}.{self.table}", column, table.columns)
        for column, value in self.where.items():
            table = table[table[column] == value]
        return table

"""A fit as a control stream of NONMEM (ADVAN13), with its data.

Promise: $THETA, $OMEGA and $SIGMA hold every coordinate with its bounds and start, $PK and $DES the equations
of the fit, $ERROR its error models, censored values by their probability (F_FLAG). An observable with a log
error is in the data as its logarithm. It is written, not run here.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from harness.errors import InputError
from harness.fitting.handover import FAR, Handover, blocks_of, bounded, individual, typical
from harness.fitting.prepared import ErrorSizes
from harness.fitting.sizes import Size
from harness.models.mathml import COMPARISONS, TIME, Dialect, Expression, write

__all__ = ["nonmem_data", "nonmem_text"]

WIDEST, LONGEST = 100, 18
"""Characters of a line, which goes on behind &, and of a name, which has at most 20."""

RESERVED = {
    "A", "A_0", "ADDL", "AMT", "CENS", "CMT", "DADT", "DV", "DVID", "EPS", "ERR", "ETA", "EVID", "F",
    "F_FLAG",
    "ID", "II", "IPRED", "LOW", "MDV", "P", "PHI", "RATE", "S", "SS", "T", "THETA", "TIME", "UPP", "W", "Y",
    "EXP", "LOG", "ABS", "INT", "SIN", "COS", "TAN", "ASIN", "ACOS", "ATAN", "GAMLN", "MOD",
}  # fmt: skip
SIGNS = {"lt": ".LT.", "leq": ".LE.", "gt": ".GT.", "geq": ".GE.", "eq": ".EQ.", "neq": ".NE."}
LOGIC = {"and": ".AND.", "or": ".OR.", "not": ".NOT."}
FUNCTIONS = {
    "exp": "EXP", "ln": "LOG", "abs": "ABS", "sin": "SIN", "cos": "COS", "tan": "TAN", "arcsin": "ASIN",
    "arccos": "ACOS", "arctan": "ATAN",
}  # fmt: skip
FORTRAN = Dialect("**", FUNCTIONS, "", LOGIC)


def nonmem_text(parts: Handover) -> str:
    """The control stream."""
    return _Stream(parts).text()


def nonmem_data(parts: Handover) -> pd.DataFrame:
    """The data: a log error has the logarithm of its value and limits."""
    table = parts.data.copy()
    logs = np.array([False, *(error.logarithmic for error in parts.prepared.errors)])[table["DVID"]]
    for column in ("DV", "LOW", "UPP"):
        values = table[column].to_numpy(float)
        inside = logs & (np.abs(values) < FAR) & np.isfinite(values)
        table[column] = np.where(inside, np.log(np.where(inside, values, 1.0)), values)
    table["MDV"] = (table["EVID"] != 0).astype(int)
    names = _names(parts)
    table = table.rename(columns=names.constants)
    columns = [*COLUMNS, *(names.constants[name] for name in parts.columns)]
    table["CMT"] = 1 + list(parts.equations.rates).index(parts.dosed) if parts.dosed else 1
    return table[columns].astype(object).where(table[columns].notna(), ".")


COLUMNS = ("ID", "TIME", "DV", "AMT", "RATE", "EVID", "MDV", "CMT", "DVID", "CENS", "LOW", "UPP")


@dataclass(frozen=True)
class _Names:
    """Names in capitals, of at most LONGEST characters, each for one thing."""

    constants: dict[str, str] = field(default_factory=dict)
    formulas: dict[str, str] = field(default_factory=dict)


def _names(parts: Handover) -> _Names:
    taken = set(RESERVED)

    def spell(name: str) -> str:
        plain = re.sub(r"^(?=[0-9_])", "X", name.upper())
        found, number = plain[:LONGEST], 1
        while found in taken:
            number += 1
            found = f"{plain[: LONGEST - len(str(number))]}{number}"
        taken.update({found, f"{found}E"})
        return found

    free = [c.name for c in parts.prepared.varied]
    constants = {name: spell(name) for name in (*parts.columns, *parts.constants, *free)}
    return _Names(constants, {name: spell(name) for name in parts.equations.formulas})


class _Stream:
    """One control stream; hoists conditions out of formulas, which Fortran has no expression for."""

    def __init__(self, parts: Handover) -> None:
        self._parts, self._names, self._count = parts, _names(parts), 0
        coordinates = parts.prepared.coordinates
        self._thetas = [i for i, c in enumerate(coordinates) if c.kind in ("parameter", "error")]
        self._given: list[float] = []

    def text(self) -> str:
        prepared, equations = self._parts.prepared, self._parts.equations
        title = " ".join(prepared.title.split())[:60]
        comments = [f"; A({i}) {name}" for i, name in enumerate(equations.rates, start=1)]
        error = list(self._error())  # which may add sizes that are given
        columns = " ".join([*COLUMNS, *(self._names.constants[name] for name in self._parts.columns)])
        compartments = "\n".join(f"  COMP=(S{i})" for i in range(1, len(equations.rates) + 1))
        blocks = (
            "; Written by cart for NONMEM; not run there. subjects.csv says whose the IDs are.",
            *comments,
            f"$PROBLEM {title}",
            textwrap.fill(f"$INPUT {columns}", WIDEST, subsequent_indent="  "),
            "$DATA data.csv IGNORE=@",
            "$SUBROUTINES ADVAN13 TOL=9",
            f"$MODEL\n{compartments}",
            "$PK",
            *self._pk(),
            "$DES",
            *self._formulas("", "T"),
            *self._rates(),
            "$ERROR",
            *error,
            *(f"$THETA {line}" for line in self._theta()),
            *(f"$OMEGA {line}" for line in self._omega()),
            "$SIGMA 1 FIX",
            "$ESTIMATION METHOD=1 LAPLACIAN INTERACTION NUMERICAL SLOW MAXEVAL=9999 PRINT=1",
            "$COVARIANCE",
        )
        return "\n".join(blocks) + "\n"

    def _theta(self) -> Iterator[str]:
        for place in self._thetas:
            c = self._parts.prepared.coordinates[place]
            low, start, high = bounded(c.low, c.start, c.high, c.log and c.kind == "parameter")
            yield f"({low}, {start}, {high}) ; {c.name}"
        for value in self._given:
            yield f"{value!r} FIX"

    def _omega(self) -> Iterator[str]:
        prepared = self._parts.prepared
        for block in blocks_of(prepared):
            rows = [" ".join(map(repr, row)) for row in block.lower()]
            names = ", ".join(prepared.effects[place].name for place in block.places)
            head = f"BLOCK({len(rows)})" if len(rows) > 1 else rows.pop()
            yield "\n".join([f"{head}{' FIX' * block.given} ; {names}", *rows])
        if not prepared.effects:
            yield "0 FIX"

    def _pk(self) -> Iterator[str]:
        prepared = self._parts.prepared
        order = [place for block in blocks_of(prepared) for place in block.places]
        effects = {prepared.effects[place].name: k for k, place in enumerate(order, start=1)}
        for name, value in self._parts.constants.items():
            yield f"  {self._names.constants[name]} = {value!r}"
        for c in prepared.varied:
            if c.kind == "held":
                base = self._names.constants[typical(c.name)]
            else:
                theta = f"THETA({self._thetas.index(prepared.names.index(c.name)) + 1})"
                base = f"EXP({theta})" if c.log else theta
            if c.name in effects:
                effect = prepared.effects[order[effects[c.name] - 1]]
                base = individual(effect, base, f"ETA({effects[c.name]})", "EXP", "LOG")
            elif not effects:
                effects, base = {"": 1}, f"{base}*EXP(ETA(1))"  # NONMEM wants one, of variance 0 here
            yield _wrapped(f"  {self._names.constants[c.name]} = {base}")
        for i, formula in enumerate(self._parts.equations.at_start().values(), start=1):
            yield from self._assign(f"A_0({i})", formula, "", "TIME")

    def _formulas(self, suffix: str, time: str) -> Iterator[str]:
        for name, formula in self._parts.equations.formulas.items():
            yield from self._assign(f"{self._names.formulas[name]}{suffix}", formula, suffix, time)

    def _rates(self) -> Iterator[str]:
        for i, formula in enumerate(self._parts.equations.rates.values(), start=1):
            yield from self._assign(f"DADT({i})", formula, "", "T")

    def _error(self) -> Iterator[str]:
        yield from self._formulas("E", "TIME")
        yield "  IPRED = 0"
        yield "  W = 1"
        for i, error in enumerate(self._parts.prepared.errors, start=1):
            value = self._spell(error.observable, "E", "TIME")
            yield f"  IF (DVID.EQ.{i}) THEN"
            yield f"    IPRED = {f'LOG({value})' if error.logarithmic else value}"
            yield f"    W = {self._spread(error, value)}"
            yield "  ENDIF"
        yield "  IF (CENS.EQ.0) THEN"
        yield "    F_FLAG = 0"
        yield "    Y = IPRED + W*EPS(1)"
        yield "  ELSE"
        yield "    F_FLAG = 1"
        yield "    Y = PHI((UPP - IPRED)/W) - PHI((LOW - IPRED)/W)"
        yield "  ENDIF"

    def _spread(self, error: ErrorSizes, value: str) -> str:
        additive, relative = self._size(error.additive), self._size(error.relative)
        if error.logarithmic or not (additive or relative):
            return relative
        if not additive:
            return f"{relative}*ABS({value})"
        return f"SQRT({additive}**2 + ({relative}*{value})**2)" if relative else additive

    def _size(self, size: Size) -> str:
        """The THETA of a size; empty for none."""
        if size.place is not None:
            return f"THETA({self._thetas.index(size.place) + 1})"
        if not size.value:
            return ""
        self._given.append(size.value)
        return f"THETA({len(self._thetas) + len(self._given)})"

    def _spell(self, name: str, suffix: str, time: str) -> str:
        if name == TIME:
            return time
        if name in self._names.formulas:
            return f"{self._names.formulas[name]}{suffix}"
        if name in self._names.constants:
            return self._names.constants[name]
        return f"A({1 + list(self._parts.equations.rates).index(name)})"

    def _assign(self, target: str, formula: Expression, suffix: str, time: str) -> Iterator[str]:
        """Lines that give a target its formula, behind those of the conditions in it."""
        lines: list[str] = []
        plain = self._without_conditions(formula, suffix, time, lines)
        yield from lines
        yield _wrapped(f"  {target} = {self._write(plain, suffix, time)}")

    def _write(self, formula: Expression, suffix: str, time: str) -> str:
        return write(formula, replace(FORTRAN, name=lambda name: self._spell_or_keep(name, suffix, time)))

    def _spell_or_keep(self, name: str, suffix: str, time: str) -> str:
        return (
            name
            if re.fullmatch(r"Q[0-9]+", name) and name not in self._known
            else self._spell(name, suffix, time)
        )

    @property
    def _known(self) -> Mapping[str, object]:
        equations = self._parts.equations
        return {**equations.rates, **self._names.formulas, **self._names.constants}

    def _without_conditions(
        self, formula: Expression, suffix: str, time: str, lines: list[str]
    ) -> Expression:
        arguments = tuple(self._without_conditions(a, suffix, time, lines) for a in formula.arguments)
        if formula.operator != "if":
            if formula.operator in ("floor", "ceiling", "sinh", "cosh", "tanh"):
                raise InputError(f"NONMEM has no {formula.operator}")
            return Expression(formula.operator, arguments, formula.value)
        condition, yes, no = arguments
        self._count += 1
        name = f"Q{self._count}"
        lines.append(_wrapped(f"  {name} = {self._write(no, suffix, time)}"))
        lines.append(f"  IF ({self._condition(condition, suffix, time)}) THEN")
        lines.append(_wrapped(f"    {name} = {self._write(yes, suffix, time)}"))
        lines.append("  ENDIF")
        return Expression("name", value=name)

    def _condition(self, formula: Expression, suffix: str, time: str) -> str:
        parts = formula.arguments
        if formula.operator in COMPARISONS and len(parts) == 2:
            return SIGNS[formula.operator].join(f"({self._write(part, suffix, time)})" for part in parts)
        if formula.operator in ("and", "or"):
            return LOGIC[formula.operator].join(f"({self._condition(part, suffix, time)})" for part in parts)
        raise InputError(f"NONMEM: a condition with {formula.operator} has no place")


def _wrapped(line: str) -> str:
    """A line that goes on behind & where it is too long; broken at blanks alone, which no number has."""
    broken = textwrap.wrap(
        line.strip(), WIDEST, initial_indent="  ", subsequent_indent="      ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return " &\n".join(broken)

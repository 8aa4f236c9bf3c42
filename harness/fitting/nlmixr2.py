"""A fit as a complete model of nlmixr2, with its data.

Promise: `ini` holds every coordinate with its bounds and start, `model` the equations of the fit and an error
model for each observable, the data its doses and observations. It is written, not run here.
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from harness.errors import InputError
from harness.fitting.handover import (
    FAR,
    Handover,
    blocks_of,
    bounded,
    individual,
    size_name,
    typical,
)
from harness.fitting.prepared import ErrorSizes
from harness.fitting.sizes import Size
from harness.models.mathml import RXODE2, write

__all__ = ["nlmixr2_data", "nlmixr2_text"]

HEAD = """\
# {title}
# Written by cart for nlmixr2; not run there. data.csv has doses and observations, subjects.csv says whose.
library(nlmixr2)

"""
FOOT = """
data <- read.csv("data.csv", na.strings = ".")
fit <- nlmixr2(fitted, data, est = "focei")
"""


def nlmixr2_text(parts: Handover) -> str:
    """The script: a function with `ini` and `model`, and the call that fits it."""
    ini = "".join(f"    {line}\n" for line in _ini(parts))
    model = "".join(f"    {line}\n" for line in _model(parts))
    head = HEAD.format(title=" ".join(parts.prepared.title.split()))
    return f"{head}fitted <- function() {{\n  ini({{\n{ini}  }})\n  model({{\n{model}  }})\n}}\n{FOOT}"


def nlmixr2_data(parts: Handover) -> pd.DataFrame:
    """The data: doses go into the pool of the model, an observation names the observable in CMT.

    Raises
    ------
    InputError
        When a value is censored between two limits: nlmixr2 takes a LIMIT for what no value can lie below.
    """
    table = parts.data.copy()
    censored = table["CENS"] == 1
    left, right = censored & (table["LOW"] <= -FAR), censored & (table["UPP"] >= FAR)
    if (censored & ~left & ~right).any():
        raise InputError("values censored to an interval have no place in nlmixr2")
    table["DV"] = table["DV"].where(~left, table["UPP"]).where(~right, table["LOW"])
    table["CENS"] = left.astype(int) - right.astype(int)
    names = ["", *(error.observable for error in parts.prepared.errors)]
    table["CMT"] = [
        parts.dosed if evid == 1 else names[d] for evid, d in zip(table["EVID"], table["DVID"], strict=True)
    ]
    table["CMT"] = table["CMT"].replace("", parts.dosed or names[1])
    columns = ["ID", "TIME", "DV", "AMT", "RATE", "EVID", "CMT", "CENS", *parts.columns]
    return table[columns].astype(object).where(table[columns].notna(), ".")


def _ini(parts: Handover) -> Iterator[str]:
    prepared = parts.prepared
    for c in prepared.coordinates:
        if c.kind == "parameter":
            yield f"t_{c.name} <- c({', '.join(bounded(c.low, c.start, c.high, c.log))})"
        elif c.kind == "error":
            yield f"{c.name} <- c({', '.join(bounded(c.low, c.start, c.high, log=False))})"
    for error in prepared.errors:
        for kind, size in (("additive", error.additive), ("relative", error.relative)):
            if size.place is None and size.value:
                yield f"{size_name(prepared, size, kind, error.observable)} <- fix({size.value!r})"
    for block in blocks_of(prepared):
        etas = " + ".join(f"eta_{prepared.effects[place].name}" for place in block.places)
        values = ", ".join(repr(value) for row in block.lower() for value in row)
        values = f"c({values})" if len(block.places) > 1 else values
        yield f"{etas} ~ {f'fix({values})' if block.given else values}"


def _model(parts: Handover) -> Iterator[str]:
    prepared, equations = parts.prepared, parts.equations
    for name, value in parts.constants.items():
        yield f"{name} <- {value!r}"
    effects = {effect.name: effect for effect in prepared.effects}
    for c in prepared.varied:
        base = typical(c.name) if c.kind == "held" else f"exp(t_{c.name})" if c.log else f"t_{c.name}"
        effect = effects.get(c.name)
        if effect and effect.kind == "log-normal" and c.log:
            base = f"exp(t_{c.name} + eta_{c.name})"
        elif effect:
            base = individual(effect, base, f"eta_{c.name}", "exp", "log")
        yield f"{c.name} <- {base}"
    for name, formula in equations.at_start().items():
        yield f"{name}(0) <- {write(formula, RXODE2)}"
    for name, formula in equations.formulas.items():
        yield f"{name} <- {write(formula, RXODE2)}"
    for name, formula in equations.rates.items():
        yield f"d/dt({name}) <- {write(formula, RXODE2)}"
    for error in prepared.errors:
        yield f"{error.observable} ~ {_error(parts, error)}"


def _error(parts: Handover, error: ErrorSizes) -> str:
    def name(size: Size, kind: str) -> str:
        return size_name(parts.prepared, size, kind, error.observable)

    additive, relative = name(error.additive, "additive"), name(error.relative, "relative")
    if error.logarithmic:
        return f"lnorm({relative})"
    terms = [f"add({additive})"] * bool(additive) + [f"prop({relative})"] * bool(relative)
    return " + ".join([*terms, *["combined2()"] * (len(terms) == 2)])

"""Agreement of tools: every declared observable of every file, run by each tool, against the engine.

Promise: a difference is measured by |a - b| <= atol + 1e-5 |b|, a of the tool, b of the engine at a relative
tolerance of 1e-10, with the absolute parts of ``agreement.yaml``. A tool that fails has its reason in the
table and an infinite ratio, so that no score can hold over it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import RootModel, field_validator

from harness.analysis.metrics import over_tolerance
from harness.declarations import Declaration, read_declaration
from harness.errors import InputError, unknown_name
from harness.exchange.dosed import dosed_sbml
from harness.exchange.tools import TOOLS, USUAL, ToolFailed, run_tool
from harness.models.catalog import load_card, model_names, select
from harness.models.check import Consistency
from harness.simulation.engine import Engine
from harness.simulation.execute import Executor
from harness.simulation.programs import make_program
from harness.simulation.regimen import Regimen, regimen
from harness.simulation.trajectory import Status
from harness.studies.outcome import Outcome, Progress, StudyDeclaration

__all__ = ["Agreement", "absolute_tolerances"]

RELATIVE_TOLERANCE = 1e-5
FILES = ("l3v2", "l3v1", "solver")


class Negligible(Declaration):
    """A difference of an observable that means nothing, and why."""

    atol: float
    unit: str
    reason: str


class _Negligibles(RootModel[dict[str, Negligible]]):
    """The file of them, by observable."""


@cache
def absolute_tolerances() -> Mapping[str, Negligible]:
    """Absolute part of the rule, by observable."""
    return read_declaration(Path(__file__).parent / "agreement.yaml", _Negligibles).root


@dataclass(frozen=True)
class Case:
    """One use of one model, which every tool runs from every file."""

    model: str
    reading: str
    regimen: str
    doses: Regimen | None
    tools: tuple[str, ...]
    files: tuple[str, ...]


class Agreement(StudyDeclaration):
    """Which models, tools and files are compared, under which regimens.

    Amounts of a regimen are multiples of the model's own dose, times in the model's time unit. A model that
    takes no dose is compared without one. `readings` is `all`, or `default` for the model as it stands.
    """

    DECLARED: ClassVar[tuple[str, ...]] = ("cases",)

    SECONDS_A_STEP: ClassVar[float] = 0.5

    kind: Literal["agreement"] = "agreement"
    models: tuple[str, ...] = ()
    tools: tuple[str, ...] = USUAL
    files: tuple[str, ...] = FILES
    readings: Literal["all", "default"] = "all"
    regimens: dict[str, tuple[str, ...]] = {
        "single": ("1x",),
        "repeated": ("1x", "0.5x@20.3", "0.5x@41.7 for 0.5"),
    }

    @field_validator("models")
    @classmethod
    def _models_are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _known("model", value, model_names())

    @field_validator("tools")
    @classmethod
    def _tools_are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in (tool for tool in _known("tool", value, TOOLS) if tool not in USUAL):
            if find_spec(name) is None:
                raise ValueError(f"{name} is not installed; it needs a compiler, and cart-pkpd[{name}]")
        return _known("tool", value, TOOLS)

    @field_validator("files")
    @classmethod
    def _files_are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return _known("file", value, FILES)

    def number_names(self) -> tuple[str, ...]:
        """One ratio a tool, the largest of all, and what was counted."""
        ratios = tuple(f"{tool}_over_tolerance" for tool in self.tools)
        return (*ratios, "largest_over_tolerance", "cases", "failed", "libsbml_messages")

    def size(self) -> int:
        return sum(1 for _ in self._cases())

    def run(self, executor: Executor, progress: Progress | None = None) -> Outcome:
        """Run every case, and find the largest ratio of each tool."""
        found = []
        for number, rows in executor.map(_numbered, enumerate(self._cases())):
            found.append((number, rows))
            if progress:
                progress(1)
        rows = [row for _, case in sorted(found, key=lambda each: each[0]) for row in case]
        table = pd.DataFrame(rows)
        ratios = {
            f"{tool}_over_tolerance": float(table.loc[table.tool == tool, "ratio"].max())
            for tool in self.tools
        }
        failed = int((table.status != Status.OK).sum())
        messages = _messages(self._models())
        numbers = {
            **ratios,
            "largest_over_tolerance": float(table.ratio.max()),
            "cases": len(table),
            "failed": failed,
            "libsbml_messages": len(messages),
        }
        return Outcome(
            numbers,
            {"agreement": table, "largest": _largest(table), "messages": messages},
            runs=len(table),
            failed=failed,
            notes=(
                "ratio: largest |a - b|/(atol + 1e-5 |b|) over observables and 61 even and 21 early times;"
                " a of the tool, b of the engine at a relative tolerance of 1e-10",
            ),
        )

    def _models(self) -> tuple[str, ...]:
        return self.models or model_names()

    def _cases(self) -> Iterator[Case]:
        for model in self._models():
            card = load_card(model)
            readings = ("", *card.readings) if self.readings == "all" else ("",)
            for reading in readings:
                chosen = select(model, [reading] if reading else []).card
                for name, doses in self.regimens.items() if chosen.dose else [("none", None)]:
                    own = chosen.symbols[chosen.dose.parameter].value if chosen.dose else 0.0
                    given = None if doses is None else regimen(doses).absolute(own)
                    yield Case(model, reading, name, given, self.tools, self.files)


def _known(kind: str, given: tuple[str, ...], choices: Mapping | tuple) -> tuple[str, ...]:
    for name in given:
        if name not in choices:
            raise ValueError(str(unknown_name(kind, name, choices)))
    return tuple(dict.fromkeys(given))


def _numbered(case: tuple[int, Case]) -> tuple[int, list[dict]]:
    return case[0], compare(case[1])


def compare(case: Case) -> list[dict[str, object]]:
    """Run one case: one row for each tool and file."""
    selection = select(case.model, [case.reading] if case.reading else [])
    card = selection.card
    changes = card.symbols.parse_all(selection.changes)
    times = comparison_times(card.until)
    reference = Engine(make_program(card), 1e-10).run(changes, case.doses, times, card.observables)
    if reference.status is not Status.OK:
        raise InputError(f"{case.model} {case.reading}: the engine itself failed: {reference.reason}")
    rows = []
    for file in case.files:
        if file == "solver" and not card.solver.exported_logarithms:
            continue
        sbml = dosed_sbml(card, changes, case.doses, file)
        for tool in case.tools:
            row = {"tool": tool, "model": case.model, "reading": case.reading or "default"}
            row |= {"file": file, "regimen": case.regimen}
            rows.append(row | _difference(tool, sbml, times, card.observables, reference.at(times)))
    return rows


def comparison_times(until: float) -> np.ndarray:
    """Times at which tools are compared: even ones to the end, and early ones as cells leave the blood."""
    return np.unique(np.concatenate([np.linspace(0, until, 61), np.geomspace(until * 1e-5, until, 21)]))


def _difference(
    tool: str, sbml: str, times: np.ndarray, observables: tuple[str, ...], reference: np.ndarray
) -> dict[str, object]:
    try:
        found = run_tool(tool, sbml, times, observables)
    except ToolFailed as error:
        where = {"observable": "", "time": math.nan, "difference": math.nan}
        return {"ratio": math.inf, **where, "status": "failed", "reason": str(error)}
    atol = np.array([absolute_tolerances()[name].atol for name in observables])
    ratio = over_tolerance(found, reference, atol, RELATIVE_TOLERANCE)
    time, column = np.unravel_index(int(ratio.argmax()), ratio.shape)
    return {
        "ratio": float(ratio[time, column]),
        "observable": observables[column],
        "time": float(times[time]),
        "difference": float(found[time, column] - reference[time, column]),
        "status": str(Status.OK),
        "reason": "",
    }


def _largest(table: pd.DataFrame) -> pd.DataFrame:
    """The case of largest ratio for each tool, model and file."""
    places = table.groupby(["tool", "model", "file"], sort=False).ratio.idxmax()
    return table.loc[places].reset_index(drop=True)


def _messages(models: tuple[str, ...]) -> pd.DataFrame:
    """What libSBML says about every file in sbml/ of some models."""
    rows = []
    for model in models:
        card = load_card(model)
        for path in card.sbml_paths().values():
            for severity, text in Consistency().messages(path.read_text(encoding="utf-8")):
                rows.append((path.name, str(severity), text))
    return pd.DataFrame(rows, columns=["file", "severity", "message"])

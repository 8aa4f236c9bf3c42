"""The suite: run the curves and studies of a panel, measure its targets, and say which are met.

Promise: a verdict follows from the score and the threshold alone. Whether it is the expected one is told
beside it, never put in its place.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import pandas as pd
import xarray as xr

from harness.errors import RunFailed, unknown_name
from harness.models.card import Reading
from harness.models.catalog import load_card, model_names
from harness.shown import in_lines, listed
from harness.simulation.execute import Executor, Serial
from harness.studies.outcome import StudyDeclaration
from harness.validation.curves import Curve, Evidence, NoData, readings_that_fit
from harness.validation.side_by_side import TaskProgress, named, nobody, run_studies, seconds_of
from harness.validation.spec import PanelSpec, Target, read_panel

__all__ = [
    "PanelResult",
    "Score",
    "Verdict",
    "not_reached",
    "run_panel",
    "run_panels",
    "score_table",
    "tasks",
    "under_readings",
]


class Verdict(StrEnum):
    """What a score says about its target."""

    MET = "met"
    NOT_MET = "not met"
    NOT_REPRODUCIBLE = "not reproducible from the published specification"
    NOT_MET_BY_READING = "not met by this reading"
    SHOWN = "shown"
    NO_DATA = "no data"
    PENDING = "pending"
    FAILED = "the simulation failed"


FORESEEN = {
    "not reproducible": Verdict.NOT_REPRODUCIBLE,
    "not met by this reading": Verdict.NOT_MET_BY_READING,
}
"""Verdict on a missed threshold, by what the target says beforehand."""


@dataclass(frozen=True)
class Score:
    """The score of one target. `holds` is False when the verdict is not the expected one."""

    target: Target
    value: float
    verdict: Verdict
    holds: bool


@dataclass(frozen=True)
class PanelResult:
    """All that a panel yields: what its measures read, and its scores."""

    spec: PanelSpec
    evidence: Evidence
    scores: list[Score] = field(default_factory=list)

    def __repr__(self) -> str:
        counts = Counter(str(score.verdict) for score in self.scores)
        return in_lines(
            f"PanelResult: {self.spec.panel}, {self.spec.title}",
            targets=listed(f"{count} {verdict}" for verdict, count in counts.items()),
            unexpected=listed(score.target.id for score in self.scores if not score.holds),
            curves=listed(self.evidence.curves),
            studies=listed(self.evidence.outcomes),
        )


def run_panel(
    name: str,
    readings: Sequence[str] = (),
    executor: Executor | None = None,
    progress: TaskProgress = nobody,
) -> PanelResult:
    """Run and score one panel; otherwise as :func:`run_panels`.

    Raises
    ------
    InputError
        When the specification or a table of it is missing or broken, or a reading is unknown.
    """
    return run_panels([name], readings, executor, progress)[0]


def run_panels(
    names: Sequence[str],
    readings: Sequence[str] = (),
    executor: Executor | None = None,
    progress: TaskProgress = nobody,
) -> list[PanelResult]:
    """Run and score panels, their studies beside one another.

    Parameters
    ----------
    names
        Names of folders of ``validation/``.
    readings
        Readings under which everything is run that knows them and does not name another way itself.
    executor, progress
        Where studies run, and what is told of each, by the names of :func:`tasks`.

    Raises
    ------
    InputError
        When the specification or a table of it is missing or broken, or a reading is unknown.
    """
    specs = [under_readings(read_panel(name), readings) for name in names]
    given = [(spec.observed(), _curves(spec)) for spec in specs]
    studies = {_place(spec, f"studies.{name}"): s for spec in specs for name, s in spec.studies.items()}
    named_as = dict(zip(studies, tasks(specs), strict=True))
    found = run_studies(studies, executor or Serial(), lambda where, share: progress(named_as[where], share))
    results = []
    for spec, (table, curves) in zip(specs, given, strict=True):
        outcomes = {name: found[_place(spec, f"studies.{name}")] for name in spec.studies}
        evidence = Evidence(spec.folder, spec.curves, curves, outcomes, table, spec.slots)
        results.append(PanelResult(spec, evidence, [score(evidence, target) for target in spec.targets]))
    return results


def score_table(results: Sequence[PanelResult]) -> pd.DataFrame:
    """One row a target: what was asked, what was found, and the verdict."""
    return pd.DataFrame(
        [
            {
                "panel": result.spec.panel,
                "target": score.target.id,
                "claim": score.target.claim,
                "statement": score.target.statement,
                "evidence": score.target.evidence,
                "score": score.value,
                "unit": score.target.unit,
                "threshold": str(score.target.threshold or ""),
                "verdict": str(score.verdict),
                "as_expected": score.holds,
                "ledger": score.target.ledger or "",
            }
            for result in results
            for score in result.scores
        ]
    )


def under_readings(spec: PanelSpec, readings: Sequence[str]) -> PanelSpec:
    """The same panel, everything in it run under more readings where they fit."""
    known = {name for model in model_names() for name in load_card(model).readings}
    for name in readings:
        if name not in known:
            raise unknown_name("reading", name, known)
    names = tuple(readings)
    studies = {}
    for key, study in spec.studies.items():
        model, own = getattr(study, "model", None), getattr(study, "readings", ())
        more = {"readings": readings_that_fit(model, own, names)} if model else {}
        studies[key] = study.model_copy(update=more)
    curves = {key: curve.with_readings(names) for key, curve in spec.curves.items()}
    return spec.model_copy(update={"curves": curves, "studies": studies})


def not_reached(spec: PanelSpec, readings: Sequence[str]) -> list[str]:
    """What of a panel stays as it is although its model has a reading: a line for each such reading.

    Fits name their readings in their problem, and so do curves and studies that name another way.
    """
    under = under_readings(spec, readings)
    lines = []
    for reading in readings:
        left = [
            name
            for name, item in (*under.curves.items(), *under.studies.items())
            if reading in _readings_known(item) and reading not in getattr(item, "readings", ())
        ]
        if left:
            said = "which name their own" if len(left) > 1 else "which names its own"
            lines.append(f"{spec.panel}: reading {reading} does not reach {', '.join(left)}, {said}")
    return lines


def _readings_known(item: Curve | StudyDeclaration) -> Mapping[str, Reading]:
    """Readings of the model of a curve, a study, or the problem that a fit declares."""
    model = getattr(getattr(item, "declared", item), "model", None)
    return load_card(model).readings if model else {}


def tasks(specs: Sequence[PanelSpec]) -> dict[str, float]:
    """Studies of panels by a name, with about the seconds of each; refuses one that cannot be run."""
    found = {}
    for spec in specs:
        for name, study in spec.studies.items():
            with named(_place(spec, f"studies.{name}")):
                found[f"{spec.panel}: {name}"] = seconds_of(study)
    return found


def _place(spec: PanelSpec, field: str) -> str:
    """A file and a field of it, as errors name them."""
    return f"{spec.folder / 'spec.yaml'}: {field}"


def _curves(spec: PanelSpec) -> dict[str, xr.Dataset]:
    read = {pair for target in spec.targets if target.measure for pair in target.measure.reads()}
    curves = {}
    for name, curve in spec.curves.items():
        with named(_place(spec, f"curves.{name}")):
            curves[name] = curve.simulate(also=sorted(symbol for owner, symbol in read if owner == name))
    return curves


def score(evidence: Evidence, target: Target) -> Score:
    """Score one target."""
    if target.measure is None:
        return Score(target, math.nan, Verdict.PENDING, holds=True)
    read = {curve for curve, _ in target.measure.reads()}
    if any(evidence.curves[curve].attrs["status"] != "ok" for curve in read):
        return Score(target, math.nan, Verdict.FAILED, holds=False)
    try:
        value = target.measure.score(evidence)
    except NoData:
        return Score(target, math.nan, Verdict.NO_DATA, holds=True)
    except RunFailed:
        return Score(target, math.nan, Verdict.FAILED, holds=False)
    return judge(target, value)


def judge(target: Target, value: float) -> Score:
    """The verdict on a number."""
    if target.threshold is None:
        return Score(target, value, Verdict.SHOWN, holds=math.isfinite(value))
    if math.isnan(value):  # no score is no evidence, not even of a target that is not expected to be met
        return Score(target, value, Verdict.NOT_MET, holds=False)
    low, high = target.threshold.bounds()
    if low <= value <= high:
        return Score(target, value, Verdict.MET, holds=target.expected == "met")
    foreseen = FORESEEN.get(target.expected)
    return Score(target, value, foreseen or Verdict.NOT_MET, holds=foreseen is not None)

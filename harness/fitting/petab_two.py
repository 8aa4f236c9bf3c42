"""A PEtab problem of version 2, said in the words of version 1.

Promise: the problem that is given back means the same, or what cannot be said so is refused in one line that
names the feature: changes within an experiment, several models, names that stand for others, and
extensions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING

import libsbml
import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from harness.errors import InputError
from harness.reading import inside, to_numbers

if TYPE_CHECKING:
    from petab.v1 import Problem
    from petab.v1.models.sbml_model import SbmlModel

__all__ = ["Manifest2", "in_version_1", "knows_time"]

AS_IT_IS = "as_it_is"
"""The condition of measurements of no experiment."""

BEFORE = "__before"
"""Ends the name of the condition of a steady state in which an experiment begins."""

TRANSFORMATIONS = {"": "lin", "normal": "lin", "log-normal": "log"}
PRIORS = {"normal": "normal", "log-normal": "logNormal", "uniform": "uniform", "": ""}
"""What version 1 calls a prior, with the same parameters."""


class _Model(BaseModel):
    location: str
    language: str


class Manifest2(BaseModel):
    """The YAML file of a problem of version 2; what is not named here is left to petab."""

    format_version: str | int | float
    parameter_files: tuple[str, ...] = Field(min_length=1)
    model_files: dict[str, _Model] = Field(min_length=1, max_length=1)
    measurement_files: tuple[str, ...] = Field(min_length=1)
    observable_files: tuple[str, ...] = Field(min_length=1)
    condition_files: tuple[str, ...] = ()
    experiment_files: tuple[str, ...] = ()
    mapping_files: tuple[str, ...] = ()
    extensions: dict = {}

    @property
    def tables(self) -> tuple[str, ...]:
        """Names of the tables."""
        return (
            *self.parameter_files, *self.measurement_files, *self.observable_files, *self.condition_files,
            *self.experiment_files, *self.mapping_files,
        )  # fmt: skip

    @property
    def model(self) -> str:
        """Name of the file of the model."""
        return next(iter(self.model_files.values())).location


def in_version_1(path: Path, manifest: Manifest2) -> Problem:
    """A problem of version 2 as one of version 1.

    Raises
    ------
    InputError
        When it has what version 1 has no words for.
    Exception
        Of many kinds, from petab, when it is broken.
    """
    from petab.v1 import Problem
    from petab.v1.models.model import model_factory
    from petab.v2 import Problem as Problem2

    name, model = next(iter(manifest.model_files.items()))
    if model.language != "sbml":
        raise InputError(f"{path}: a model of language {model.language} is not supported")
    if manifest.extensions:
        raise InputError(f"{path}: extension {', '.join(manifest.extensions)} is not supported")
    Problem2.from_yaml(str(path)).assert_valid()
    read = model_factory(str(inside(path.parent, model.location, path)), "sbml", model_id=name)
    tables = _Tables(path, manifest, read)
    conditions, begin = tables.experiments()
    return Problem(
        model=read,
        condition_df=conditions,
        measurement_df=tables.measurements(set(conditions.index), begin),
        observable_df=tables.observables(),
        parameter_df=tables.parameters(),
    )


class _Tables:
    """The tables of a problem of version 2, as texts, and what version 1 has for each."""

    def __init__(self, path: Path, manifest: Manifest2, model: SbmlModel) -> None:
        self._path, self._manifest, self._model = path, manifest, model
        mapped = self._read(manifest.mapping_files, ["petabEntityId", "modelEntityId"])
        other = mapped[(mapped["modelEntityId"] != "") & (mapped["modelEntityId"] != mapped["petabEntityId"])]
        if len(other):
            raise self._refused(f"{other['petabEntityId'].iloc[0]}: a mapping to another name")

    def experiments(self) -> tuple[pd.DataFrame, dict[str, float]]:
        """A row an experiment, with what its conditions set together, and one of what it is before, in a
        steady state, of which all holds on but the starts of states; and when each starts."""
        changes = self._read(self._manifest.condition_files, ["conditionId", "targetId", "targetValue"])
        periods = self._read(self._manifest.experiment_files, ["experimentId", "time", "conditionId"])
        times = pd.to_numeric(periods["time"], errors="coerce")
        rows: dict[str, dict[str, str]] = {AS_IT_IS: {}}
        begin = {AS_IT_IS: 0.0}
        for name, own in periods.groupby("experimentId", sort=False):
            experiment, steady = str(name), np.isneginf(times[own.index])
            begin[experiment] = self._start(experiment, set(times[own.index][~steady]))
            before, there = (self._set(experiment, own[part], changes) for part in (steady, ~steady))
            if steady.any():
                rows[f"{experiment}{BEFORE}"] = before
                lasting = {n: value for n, value in before.items() if not self._model.is_state_variable(n)}
                there = lasting | there
            rows[experiment] = there
        return pd.DataFrame(list(rows.values()), pd.Index(rows, name="conditionId")).fillna(""), begin

    def _start(self, experiment: str, times: Set[float]) -> float:
        """When an experiment starts; at another time than 0 only where the model does not know the time."""
        if len(times) > 1:
            raise self._refused(f"experiment {experiment}: a change at a later time")
        start = next(iter(times), np.nan)
        if not np.isfinite(start):
            raise self._refused(f"experiment {experiment}: an experiment without a start at a finite time")
        if start and knows_time(self._model.sbml_document):
            said = "a start at another time than 0 of a model with events, or that knows the time,"
            raise self._refused(f"experiment {experiment}: {said}")
        return float(start)

    def _set(self, experiment: str, period: pd.DataFrame, changes: pd.DataFrame) -> dict[str, str]:
        """What the conditions of a period set."""
        there = changes[changes["conditionId"].isin(period["conditionId"])]
        if there["targetId"].duplicated().any():
            raise InputError(f"{self._path}: experiment {experiment}: two conditions set one target")
        return dict(zip(there["targetId"], there["targetValue"], strict=True))

    def measurements(self, conditions: Set[str], begin: Mapping[str, float]) -> pd.DataFrame:
        """The rows, each with the condition of its experiment and of the steady state before that; times are
        from the start of the experiment on."""
        columns = ["observableId", "experimentId", "time", "measurement"]
        further = ["observableParameters", "noiseParameters"]
        found = self._read(self._manifest.measurement_files, columns, further)
        found = found.rename(columns={"experimentId": "simulationConditionId"})
        found["simulationConditionId"] = found["simulationConditionId"].replace("", AS_IT_IS)
        before = found["simulationConditionId"] + BEFORE
        found["preequilibrationConditionId"] = before.where(before.isin(conditions), "")
        started = found["simulationConditionId"].map(begin)
        times = pd.to_numeric(found["time"], errors="coerce") - started  # inf is known, to be refused
        return found.assign(time=times, measurement=to_numbers(found["measurement"]))

    def observables(self) -> pd.DataFrame:
        columns = ["observableId", "observableFormula", "noiseFormula"]
        further = ["noiseDistribution", "observablePlaceholders", "noisePlaceholders"]
        found = self._read(self._manifest.observable_files, columns, further).set_index("observableId")
        for formula, holders, word in (
            ("observableFormula", "observablePlaceholders", "observableParameter"),
            ("noiseFormula", "noisePlaceholders", "noiseParameter"),
        ):
            given = zip(found.index, found[formula], found[holders], strict=True)
            found[formula] = [_numbered(text, names, f"{word}{{}}_{of}") for of, text, names in given]
        distributions = found.pop("noiseDistribution")
        for each in distributions:
            if each not in TRANSFORMATIONS:
                raise self._refused(f"noiseDistribution {each}")
        found["observableTransformation"] = distributions.map(TRANSFORMATIONS)
        return found.drop(columns=["observablePlaceholders", "noisePlaceholders"])

    def parameters(self) -> pd.DataFrame:
        """Version 2 has no scales: here logarithmic ones within positive bounds, if no prior is normal."""
        columns = ["parameterId", "lowerBound", "upperBound", "nominalValue", "estimate"]
        found = self._read(
            self._manifest.parameter_files, columns, ["priorDistribution", "priorParameters"]
        ).set_index("parameterId")
        for name in ("lowerBound", "upperBound", "nominalValue"):
            found[name] = to_numbers(found[name])
        found["estimate"] = (found["estimate"].str.lower() == "true").astype(int)
        priors = found.pop("priorDistribution")
        for name, each in priors.items():
            if each not in PRIORS:
                raise self._refused(f"{name}: priorDistribution {each}")
        straight = (found["lowerBound"] <= 0) | priors.isin(["normal"]) | (found["estimate"] == 0)
        found["parameterScale"] = straight.map({True: "lin", False: "log"})
        found["objectivePriorType"] = priors.map(PRIORS)
        found["objectivePriorParameters"] = found.pop("priorParameters")
        return found

    def _read(
        self, names: Sequence[str], columns: Sequence[str], further: Sequence[str] = ()
    ) -> pd.DataFrame:
        """Some columns of tables, one after the other, as texts without blanks around them."""
        every = [*columns, *further]
        parts = [
            pd.read_csv(
                inside(self._path.parent, name, self._path), sep="\t", dtype=str, keep_default_na=False
            )
            for name in names
        ]
        for name, part in zip(names, parts, strict=True):
            missing = [column for column in columns if column not in part]
            if missing:
                raise InputError(f"{self._path}: {name}: has no column {missing[0]}")
        found = pd.concat(
            [part.reindex(columns=every, fill_value="") for part in parts] or [pd.DataFrame(columns=every)]
        )
        return found.reset_index(drop=True).map(str.strip)

    def _refused(self, what: str) -> InputError:
        return InputError(f"{self._path}: {what} is not supported")


def knows_time(document: libsbml.SBMLDocument) -> bool:
    """Whether a model has events, or the time in a formula: it may do otherwise at another time."""
    text = libsbml.writeSBMLToString(document)
    return "<listOfEvents" in text or "symbols/time" in text


def _numbered(formula: str, names: str, word: str) -> str:
    """A formula with the placeholders of version 1 in place of names that it declares as such."""
    for i, name in enumerate(filter(None, (each.strip() for each in names.split(";"))), start=1):
        formula = re.sub(rf"\b{re.escape(name)}\b", word.format(i), formula)
    return formula

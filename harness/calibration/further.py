"""What follows from a calibration: studies that rest on its posteriors, declared in one file, and kept.

Promise: a study is answered again when its declaration, the posteriors it rests on, or what computes it is
other than when it was kept; nothing else is. The candidate that is `best` has the highest log evidence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pandas as pd
from pydantic import Field

from harness.calibration.by_dose import ByDose
from harness.calibration.cohort import PredictCohort
from harness.calibration.declared import Calibration
from harness.calibration.physical import Physical
from harness.calibration.regimens import Regimens
from harness.calibration.stored import draws_table
from harness.declarations import Declaration, declare, read_declaration
from harness.errors import InputError, unknown_name
from harness.files import write_table, write_whole
from harness.identity import key_of
from harness.studies.map import Map
from harness.studies.outcome import Outcome, StudyDeclaration

__all__ = ["FURTHER", "best_candidate", "further_studies", "is_kept", "keep"]

FURTHER = "dose/further.yaml"
"""File of the project's own, within ``validation/``."""

NUMBERS = "numbers"
"""Table of the numbers of a study, such as the shares of a map."""

KEY = "key"
"""File that says what the tables beside it rest on."""


class _One(Declaration):
    """A study of any kind that can follow."""

    study: Annotated[ByDose | Regimens | Physical | PredictCohort | Map, Field(discriminator="kind")]


class Further(Declaration):
    """Studies by name, without what the calibration says, and what of them is other at a size."""

    studies: dict[str, dict[str, Any]]
    sizes: dict[str, dict[str, dict[str, Any]]]


def further_studies(
    path: Path, size: str, calibrated: Path, file: str, declared: Calibration
) -> dict[str, StudyDeclaration]:
    """Studies that rest on the folder `calibrated`, which a calibration by `file` wrote.

    A study of several candidates has those that were calibrated; one of `best` has the likeliest.

    Raises
    ------
    InputError
        In one line, when the file or a study of it is broken.
    """
    further = read_declaration(path, Further)
    if size not in further.sizes:
        raise unknown_name(f"size in {path}", size, further.sizes)
    best = best_candidate(calibrated, declared)
    found: dict[str, StudyDeclaration] = {}
    for name, given in further.studies.items():
        own = {**given, **further.sizes[size].get(name, {})}
        of = {"declared": file, "calibrated": str(calibrated)}
        if own.get("kind") == "map":
            draws = calibrated / f"{draws_table(best)}.csv"
            own |= {"model": declared.candidate(best).model, "posterior": str(draws)}
        elif own.get("kind") == "cohort":
            own |= {**of, "candidate": best, "cohort": str(path.parent / str(own.get("cohort", "")))}
        else:
            asked = own.get("candidates") or list(declared.candidates)
            own |= {**of, "candidates": [c for c in _calibrated(calibrated) if c in asked]}
        try:
            found[name] = declare(_One, study=own).study
        except InputError as error:
            raise InputError(f"{path}: {name}: {error}") from None
    return found


def best_candidate(calibrated: Path, declared: Calibration) -> str:
    """The candidate with parameters whose log evidence is the highest."""
    table = pd.read_csv(calibrated / "comparison.csv").set_index("candidate")["log_evidence"].dropna()
    return str(table[[name for name in table.index if declared.priors(str(name))]].idxmax())


def _calibrated(calibrated: Path) -> list[str]:
    """Candidates of a folder, in its order."""
    table = pd.read_csv(calibrated / "comparison.csv")
    return table["candidate"][table["rests_on"].notna()].tolist()


def _key(study: StudyDeclaration, calibrated: Path) -> str:
    """Declaration, posteriors and what computes."""
    draws = {path.name: path.read_bytes() for path in sorted(calibrated.glob("draws_*.csv"))}
    return key_of(study, draws, [path.read_bytes() for path in study.inputs()])


def is_kept(study: StudyDeclaration, calibrated: Path, folder: Path) -> bool:
    """Whether the tables in a folder are those that the study would give."""
    path = folder / KEY
    return path.is_file() and path.read_text("utf-8") == _key(study, calibrated)


def keep(study: StudyDeclaration, outcome: Outcome, calibrated: Path, folder: Path) -> None:
    """Write the tables of a study, its numbers, and its key when they are all there."""
    folder.mkdir(exist_ok=True)
    (folder / KEY).unlink(missing_ok=True)
    for name in outcome.tables:
        write_table(outcome.written(name), folder / f"{name}.csv")
    numbers = pd.DataFrame({"number": outcome.numbers.keys(), "value": outcome.numbers.values()})
    write_table(numbers, folder / f"{NUMBERS}.csv")
    key = _key(study, calibrated)
    write_whole(folder / KEY, lambda place: place.write_text(key, encoding="utf-8"))

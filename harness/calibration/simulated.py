"""Virtual patients of points of a prior, at every dose: their classes of response and their PFS.

Promise: what is simulated depends on the candidate, the points, the sizes, the seed and the name of the stage
alone; two stages never share a draw. What was kept is used again only for the same declaration and the same
model, and says when it is of another.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.calibration.declared import Calibration, spreads
from harness.calibration.observed import class_of
from harness.files import write_whole
from harness.models.catalog import load_card
from harness.simulation.design import Design
from harness.simulation.draws import OMEGA
from harness.simulation.execute import Executor
from harness.studies.assessed import assess
from harness.studies.outcome import Progress

__all__ = ["SimulatedPoints", "identity", "joined", "patient_columns", "simulate"]


@dataclass(frozen=True)
class SimulatedPoints:
    """Outcomes of the patients of each point.

    Attributes
    ----------
    points
        Standard normal coordinates, one a prior, shape (points, priors).
    classes
        Number of the class, -1 where the run failed, shape (points, doses, patients).
    pfs
        Months, infinite where progression did not come, of the same shape.
    failed
        Runs that failed.
    notes
        What to know of them.
    """

    points: np.ndarray
    classes: np.ndarray
    pfs: np.ndarray
    failed: int
    notes: tuple[str, ...] = ()

    def take(self, places: np.ndarray) -> SimulatedPoints:
        """Some of the points; failures are told by the whole alone."""
        return SimulatedPoints(self.points[places], self.classes[places], self.pfs[places], 0)

    def every_second(self, start: int) -> SimulatedPoints:
        """Half of the patients of each point, the first or the second of each pair."""
        return replace(self, classes=self.classes[..., start::2], pfs=self.pfs[..., start::2])


def joined(parts: Sequence[SimulatedPoints]) -> SimulatedPoints:
    """Points of several simulations, one after the other, of as many patients each."""
    return SimulatedPoints(
        np.concatenate([part.points for part in parts]),
        np.concatenate([part.classes for part in parts]),
        np.concatenate([part.pfs for part in parts]),
        sum(part.failed for part in parts),
        tuple(note for part in parts for note in part.notes),
    )


def identity(declared: Calibration, name: str) -> str:
    """What the simulations of a candidate rest on, as a hash: its declaration, its model and the seed."""
    card = load_card(declared.candidate(name).model)
    about = {
        "priors": {p: (prior.median, prior.sd) for p, prior in declared.priors(name).items()},
        "changes": declared.changes(name),
        "doses": declared.doses,
        "until": declared.until,
        "seed": declared.seed,
    }
    text = json.dumps(about, sort_keys=True) + card.sbml_path().read_text("utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def simulate(
    declared: Calibration,
    name: str,
    points: np.ndarray,
    patients: int,
    stage: str,
    executor: Executor,
    progress: Progress | None = None,
    kept: Path | None = None,
) -> SimulatedPoints:
    """Simulate `patients` at each dose for each of `points`; those in the folder `kept` are not run again."""
    key = hashlib.sha256(
        f"{identity(declared, name)} {stage} {patients}".encode() + np.ascontiguousarray(points).tobytes()
    ).hexdigest()
    path = None if kept is None else kept / f"{name}_{stage}.npz"
    notes: tuple[str, ...] = ()
    if path is not None and path.is_file():
        with np.load(path) as found:
            if str(found["key"]) == key:
                return SimulatedPoints(points, found["classes"], found["pfs"], int(found["failed"]))
        notes = (f"{path}: of other data, sizes or another model; simulated again",)
    table = _table(declared, name, points, patients, stage)
    found = assess(
        declared.candidate(name).model,
        Design(table, drawn=tuple(table)),
        until=declared.until,
        changes=declared.changes(name),
        executor=executor,
        progress=progress,
    )
    shape = (len(points), len(declared.doses), patients)
    classes = class_of(found.category).reshape(shape)
    pfs = found.pfs.reshape(shape)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        about = {"key": key, "classes": classes, "pfs": pfs, "failed": found.failed}
        write_whole(path, lambda place: _save(place, about))
    said = f"{found.failed} simulations of stage {stage} failed and are in no share"
    notes += (said,) if found.failed else ()
    return SimulatedPoints(points, classes, pfs, found.failed, notes)


def _save(path: Path, arrays: dict[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _table(declared: Calibration, name: str, points: np.ndarray, patients: int, stage: str) -> pd.DataFrame:
    """Parameters of every patient: point by point, dose by dose; each patient has effects of its own."""
    values = {p: prior.value(points[:, i]) for i, (p, prior) in enumerate(declared.priors(name).items())}
    random = np.random.default_rng([declared.seed, *stage.encode()])
    shape = (len(points), len(declared.doses), patients)
    columns = patient_columns(declared, name, values, shape, random)
    columns["dose"] = np.broadcast_to(np.array(declared.doses)[:, None], shape)
    return pd.DataFrame({parameter: array.reshape(-1) for parameter, array in columns.items()})


def patient_columns(
    declared: Calibration,
    name: str,
    values: Mapping[str, np.ndarray],
    shape: tuple[int, ...],
    random: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Parameters of virtual patients, each an array of `shape`, whose first axis is that of `values`.

    What has a spread, published or among `values`, is drawn about its typical value; the rest of `values`
    holds for all patients of a point.
    """
    card = load_card(declared.candidate(name).model)
    fixed = card.symbols.parse_all(declared.changes(name))
    along = (slice(None), *(None for _ in shape[1:]))
    columns: dict[str, np.ndarray] = {}
    for parameter, omega in spreads(card, dict(values)).items():
        own = fixed.get(parameter, card.symbols[parameter].value)
        typical = np.broadcast_to(values.get(parameter, own), shape[0])[along]
        size = np.broadcast_to(omega, shape[0])[along]
        columns[parameter] = typical * np.exp(size * random.standard_normal(shape))
    for parameter, value in values.items():
        if parameter not in columns and not parameter.startswith(OMEGA):
            columns[parameter] = np.broadcast_to(value[along], shape)
    return columns

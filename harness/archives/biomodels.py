"""What a submission to BioModels asks for, in one folder, with each point of its curation list answered.

Promise: every answer is worked out from the files, none is asserted; a point that only a person can answer
says so. The points follow MIRIAM (Le Novère et al. 2005, doi:10.1038/nbt1156) and the guidelines for
submission of BioModels as its site shows them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import libsbml
import pandas as pd

from harness.archives.omex import archive_names, archive_panel, write_archive
from harness.models.card import ModelCard
from harness.models.catalog import load_card, model_names
from harness.models.check import Annotations, Consistency, Subject, annotated_terms

__all__ = ["Point", "curation_points", "write_submission"]

ARTICLE = "doi:10.1002/psp4.12598"
PERSON = "for a person to judge"


@dataclass(frozen=True)
class Point:
    """One point of the curation list, for one model: `answer` is yes, no, or that a person must judge."""

    model: str
    point: str
    answer: str
    evidence: str


def write_submission(folder: Path) -> list[Point]:
    """Write SBML, archives, the table of points and a text to read first; return the points."""
    for name in model_names():
        for path in load_card(name).sbml_paths().values():
            (folder / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    for scale in archive_names():
        write_archive(scale, folder / f"{scale}.omex")
    points = [point for name in model_names() for point in curation_points(load_card(name))]
    pd.DataFrame(points).to_csv(folder / "curation.csv", index=False)
    (folder / "README.md").write_text(_readme(points), encoding="utf-8")
    return points


def curation_points(card: ModelCard) -> list[Point]:
    """Answers to the curation list for one model."""
    document = libsbml.readSBMLFromFile(str(card.sbml_path()))
    subject = Subject(card, card.sbml_path(), document)
    checks: tuple[tuple[str, Callable[[Subject], str]], ...] = (
        ("public, machine-readable format", _format),
        ("valid in that format, no message of libSBML", _valid),
        ("name that tells author, year and subject", _name),
        ("related to one reference description", _reference),
        ("every quantity has a value and a unit", _instantiated),
        ("creator and dates of creation and change", _history),
        ("terms of distribution", _terms),
        ("species, compartments and model annotated, every term looked up", _annotated),
    )
    points = []
    for point, check in checks:
        found = check(subject)
        points.append(Point(card.id, point, "no" if found.startswith("no:") else "yes", found))
    panel = archive_panel(card.scale)
    scores = f"{panel.figure}: expected numbers in {card.scale}.omex; scores: cart validate {panel.panel}"
    equations = "docs/models.md gives each equation with its number; deviations are in validation/ledger.yaml"
    return [
        *points,
        Point(card.id, "encoded processes are those of the article", PERSON, equations),
        Point(card.id, "reproduces results of the article", PERSON, scores),
        Point(card.id, "name, affiliation and e-mail of the submitter", PERSON, "not in the files"),
    ]


def _format(subject: Subject) -> str:
    return f"SBML Level {subject.document.getLevel()} Version {subject.document.getVersion()}"


def _valid(subject: Subject) -> str:
    messages = list(Consistency().findings(subject))
    return (
        f"no: {messages[0][1]}" if messages else "libSBML, all families of checks, strict units: 0 messages"
    )


def _name(subject: Subject) -> str:
    name = subject.model.getName()
    return name if re.match(r"Singh2021 ", name) else f"no: {name or 'unnamed'}"


def _reference(subject: Subject) -> str:
    return (
        f"isDescribedBy {ARTICLE}" if ARTICLE in annotated_terms(subject.model) else "no: the DOI is missing"
    )


def _instantiated(subject: Subject) -> str:
    model = subject.model
    units = [(p.getId(), p.getUnits()) for p in model.getListOfParameters()]
    units += [(c.getId(), c.getUnits() or model.getVolumeUnits()) for c in model.getListOfCompartments()]
    units += [
        (s.getId(), s.getSubstanceUnits() or model.getSubstanceUnits()) for s in model.getListOfSpecies()
    ]
    for name, unit in units:
        if not unit:
            return f"no: {name} has no unit"
    bare = [
        p.getId()
        for p in model.getListOfParameters()
        if not (p.isSetValue() or model.getRuleByVariable(p.getId()) or model.getInitialAssignment(p.getId()))
    ]
    if bare:
        return f"no: {bare[0]} has no value"
    return (
        f"{model.getNumParameters()} parameters, {model.getNumSpecies()} species; sources in parameters.csv"
    )


def _history(subject: Subject) -> str:
    history = subject.model.getModelHistory()
    if history is None or not history.getNumCreators():
        return "no: no creator"
    return f"{history.getCreator(0).getName()}, {history.getCreatedDate().getDateAsString()}"


def _terms(subject: Subject) -> str:
    found = re.search(r"Licence: [\w.-]+", subject.model.getNotesString())
    return f"in the notes: {found[0]}" if found else "no: no licence in the notes"


def _annotated(subject: Subject) -> str:
    findings = list(Annotations().findings(subject))
    return (
        f"no: {findings[0][1]}"
        if findings
        else "every term is in terms.csv with its label and where it was looked up"
    )


def _readme(points: list[Point]) -> str:
    judged = sorted({f"- {p.model}: {p.point}: {p.evidence}" for p in points if p.answer == PERSON})
    failed = [f"- {p.model}: {p.point}: {p.evidence}" for p in points if p.answer == "no"]
    cards = [load_card(name) for name in model_names()]
    files = "\n".join(
        f"- {card.title}: {', '.join(f'`{path.name}`' for path in card.sbml_paths().values())}"
        for card in cards
    )
    return (
        "# For a submission to BioModels\n\n"
        f"One submission a model; the article is {ARTICLE}.\n\n{files}\n\n"
        "The archives hold SED-ML, expected numbers and the figure of each scale. `curation.csv` answers the "
        "points of the\ncuration list, model by model.\n\n"
        f"Not met:\n\n{chr(10).join(failed) or 'none'}\n\n"
        f"For a person to judge:\n\n{chr(10).join(judged)}\n"
    )

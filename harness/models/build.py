"""The files in sbml/: each model of the catalogue as L3V2, its L3V1 twin and its solver form, byte for byte.

Promise: :func:`build` returns the same text for the same source on every machine: no date of the day, no
version of a tool.
"""

from __future__ import annotations

import re
from pathlib import Path

import libsbml

from harness.models.card import ModelCard
from harness.models.compile import as_l3v1, compile_antimony
from harness.models.solver_form import to_solver_file

__all__ = ["build", "stale", "write_sbml"]

CREATED = "2026-11-23T00:00:00Z"
CREATOR = "The cart-pkpd developers"
LICENCE = "MIT"


def build(card: ModelCard) -> dict[str, str]:
    """Compile one model of the catalogue: SBML text by version, for each of `card.sbml_paths()`.

    Raises
    ------
    InputError
        With file and line, when the source has a syntax error or no model in it.
    """
    bases = [base.antimony_path for base in card.bases]
    document = libsbml.readSBMLFromString(compile_antimony(card.antimony_path, card.id, bases))
    _finish(document, card)
    l3v2 = libsbml.writeSBMLToString(document)
    built = {"l3v2": l3v2, "l3v1": as_l3v1(document, card.antimony_path)}
    if card.solver.exported_logarithms:
        built["solver"] = to_solver_file(l3v2, card.solver.exported_logarithms)
    return built


def stale(card: ModelCard, built: dict[str, str]) -> list[Path]:
    """Files in sbml/ that are missing or differ from `built`."""
    paths = card.sbml_paths()
    return [
        paths[version]
        for version, text in built.items()
        if not paths[version].exists() or paths[version].read_bytes() != text.encode()
    ]


def write_sbml(card: ModelCard, built: dict[str, str]) -> list[Path]:
    """Write every version to its place; return the files that changed."""
    changed = stale(card, built)
    for version, text in built.items():
        path = card.sbml_path(version)
        if path in changed:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return changed


def _finish(document: libsbml.SBMLDocument, card: ModelCard) -> None:
    """What Antimony cannot say: the model's name, creator, dates and licence; descriptions; tidy units."""
    model = document.getModel()
    _describe(model)
    model.setName(f"Singh2021 anti-BCMA CAR-T, {card.scale.replace('_', ' ')}: {card.title}")
    creator = libsbml.ModelCreator()
    creator.setName(CREATOR)
    history = libsbml.ModelHistory()
    history.addCreator(creator)
    history.setCreatedDate(libsbml.Date(CREATED))
    history.setModifiedDate(libsbml.Date(CREATED))
    model.setModelHistory(history)
    model.appendNotes(
        f'<p xmlns="http://www.w3.org/1999/xhtml">Encoded by {CREATOR}. Licence: {LICENCE}.</p>'
    )
    _tidy_units(model)


def _describe(model: libsbml.Model) -> None:
    """Move the display name of each element into its notes.

    COPASI and SimBiology show and address elements by name; without one they use the id, so that the
    symbols of the article are the same in every tool.
    """
    places = [*model.getListOfCompartments(), *model.getListOfSpecies()]
    for element in [*places, *model.getListOfParameters(), *model.getListOfReactions()]:
        text = element.getName().replace("&", "&amp;").replace("<", "&lt;")
        element.unsetName()
        if text:
            element.setNotes(f'<p xmlns="http://www.w3.org/1999/xhtml">{text}</p>')


def _tidy_units(model: libsbml.Model) -> None:
    """Drop the idle `dimensionless` of 1/x, and the helper definitions of Antimony that nothing uses."""
    for definition in model.getListOfUnitDefinitions():
        if definition.getNumUnits() > 1:
            for i in reversed(range(definition.getNumUnits())):
                unit = definition.getUnit(i)
                if unit.isDimensionless() and unit.getMultiplier() == 1 and unit.getScale() == 0:
                    definition.removeUnit(i)
    used = {model.getTimeUnits(), model.getVolumeUnits(), model.getSubstanceUnits(), model.getExtentUnits()}
    used |= {element.getUnits() for element in model.getListOfParameters()}
    used |= {element.getUnits() for element in model.getListOfCompartments()}
    used |= {element.getSubstanceUnits() for element in model.getListOfSpecies()}
    used |= set(re.findall(r'sbml:units="(\w+)"', libsbml.writeSBMLToString(model.getSBMLDocument())))
    for i in reversed(range(model.getNumUnitDefinitions())):
        if model.getUnitDefinition(i).getId() not in used:
            model.removeUnitDefinition(i)

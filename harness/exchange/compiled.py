"""SBML compiled by AMICI, once for all files that differ in the values of constants alone.

Promise: a model is kept under a name made from all of its file but those values, notes and annotations, so
that no file meets the model of another, and it gets the values of its own file each time. It stands where
AMICI keeps models: in ``AMICI_MODELS_ROOT``, or in ``amici_models`` of the folder of the call.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from harness.models.mathml import attribute, tag

__all__ = ["compiled_model", "identity"]


def compiled_model(sbml: str) -> Any:
    """The model of an SBML text for AMICI, with the values that the text gives to its constants."""
    name, values = identity(sbml)
    folder = _folder(name)
    if not folder.is_dir():
        _compile(sbml, name, folder)
    model = _module(name, folder).get_model()
    for constant, value in values.items():
        model.set_free_parameter_by_id(constant, value)
    return model


def identity(sbml: str) -> tuple[str, dict[str, float]]:
    """Name of what has to be compiled, and the values that can be set afterwards."""
    root = ElementTree.fromstring(sbml)
    model = next(child for child in root if tag(child) == "model")
    lists = {tag(child): child for child in model}
    assigned = {attribute(element, "symbol") for element in lists.get("listOfInitialAssignments", ())}
    values = {}
    for parameter in lists.get("listOfParameters", ()):
        name = attribute(parameter, "id")
        if parameter.get("constant", "true") == "true" and name not in assigned:
            values[name] = float(parameter.attrib.pop("value"))
    for element in list(root.iter()):
        for child in [child for child in element if tag(child) in ("notes", "annotation")]:
            element.remove(child)
    return f"model_{hashlib.sha256(ElementTree.tostring(root)).hexdigest()[:16]}", values


def _folder(name: str) -> Path:
    import amici

    return amici.get_model_dir(name).resolve()


def _compile(sbml: str, name: str, folder: Path) -> None:
    """Fill a new folder, which appears under its name when it is complete."""
    from amici.importers.sbml import SbmlImporter

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary, _own_programs():
        filled = Path(temporary) / "filled"
        SbmlImporter(sbml, from_file=False).sbml2amici(name, filled, generate_sensitivity_code=False)
        if not folder.is_dir():  # another process may have been first
            shutil.move(filled, folder)


@contextmanager
def _own_programs() -> Iterator[None]:
    """Have the programs of this environment found first: AMICI's build and the model's need one swig."""
    before = os.environ["PATH"]
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


@cache
def _module(name: str, folder: Path) -> Any:
    import amici

    return amici.import_model_module(name, folder)

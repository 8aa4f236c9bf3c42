"""What an archive, or a SED-ML file, gives to run: a model file, and by name a task with times and read-outs.

Promise: the model of a task is written as a file of its own, with the changes of the task in it, so that all
that takes a user's own model takes it. Nothing is fetched, and nothing outside an archive is read.
"""

from __future__ import annotations

import posixpath
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from harness.archives.omex import read_archive
from harness.errors import InputError, unknown_name
from harness.exchange.sedml_tasks import SedTask, changed_sbml, read_tasks
from harness.models.card import ModelCard
from harness.models.catalog import load_card
from harness.models.mathml import tag
from harness.reading import inside, read_text, require_file

__all__ = ["SUFFIXES", "Runnable", "Unpacked", "open_runnable", "unpack"]

SUFFIXES = (".omex", ".sedml")


@dataclass(frozen=True)
class Runnable:
    """A model's file, and where a task says so, when and what is read out of it.

    `reports` are ids of the reports that hold what is read out; `notes` say what of a task has no part.
    """

    model: str
    times: tuple[float, ...] | None = None
    observables: tuple[str, ...] = ()
    reports: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unpacked:
    """An archive as it lies in a folder: what it lists, and its tasks by name, each with its document."""

    path: Path
    folder: Path
    listed: tuple[str, ...]
    tasks: dict[str, tuple[Path, SedTask]]

    def run_of(self, name: str) -> Runnable:
        """What to run of a task: its model as a file, checked against what is read out.

        Raises
        ------
        InputError
            When there is no such task, it cannot be run, or its model is broken or outside the folder.
        """
        if name not in self.tasks:
            raise unknown_name(f"task in {self.path}", name, self.tasks)
        document, task = self.tasks[name]
        if task.refused:
            raise InputError(f"{self.path}: task {task.name} {task.refused}")
        model = source = inside(document.parent, task.source, document)
        _require_inside(self.path, source)
        notes = task.notes
        if task.changes:
            model = Path(tempfile.mkdtemp(dir=_kept().name)) / source.name
            text, idle = changed_sbml(source, task.changes)
            notes = (*notes, *idle)
            model.write_text(text, encoding="utf-8")
        symbols = _card(self.path, model).symbols
        for each in task.observables:
            if each not in symbols:
                said = f"reads out {each}, which {source.name} does not have"
                raise InputError(f"{self.path}: task {task.name} {said}")
        observables = (f"conc_{n}" if f"conc_{n}" in symbols else n for n in task.observables)
        told = tuple(f"task {task.name}: {note}" for note in notes)
        return Runnable(str(model), task.times, tuple(observables), task.reports, told)


def open_runnable(path: Path, task: str | None = None) -> Runnable:
    """What to run of an archive (.omex) or a SED-ML file: its model, or the task of that name.

    Raises
    ------
    InputError
        When the file is broken or unsafe, holds no such task or one that cannot be run, or holds several
        models and no task is named.
    """
    found = unpack(path)
    if task is not None:
        return found.run_of(task)
    models = [location for location in found.listed if location.lower().endswith((".xml", ".sbml"))]
    models = [location for location in models if posixpath.normpath(location) != "manifest.xml"]
    if len(models) == 1:
        model = found.folder / models[0]
        _require_inside(path, model)
        _card(path, model)
        return Runnable(str(model))
    if len(found.tasks) == 1:
        return found.run_of(*found.tasks)
    if not found.tasks:
        raise InputError(f"{path}: holds {len(models)} models and no task; unpack it and name a model")
    said = f"holds {len(models)} models" if models else f"holds {len(found.tasks)} tasks"
    raise InputError(f"{path}: {said}; name one with --task: {', '.join(found.tasks)}")


def unpack(path: Path) -> Unpacked:
    """An archive in a folder that is kept while this process runs; a SED-ML file stays in its own.

    Raises
    ------
    InputError
        As :func:`~harness.archives.omex.read_archive`, and for a document that is no SED-ML.
    """
    if path.suffix.lower() == ".sedml":
        folder, listed = require_file(path).parent, [path.name]
    else:
        folder = Path(tempfile.mkdtemp(dir=_kept().name))
        listed = read_archive(path, folder)
    tasks: dict[str, tuple[Path, SedTask]] = {}
    for location in listed:
        if location.lower().endswith(".sedml"):
            said = str(path) if location == path.name else f"{path}: {location}"
            for task in read_tasks(folder / location, said):
                name = task.name if task.name not in tasks else f"{Path(location).name}:{task.name}"
                tasks[name] = folder / location, task
    return Unpacked(path, folder, tuple(listed), tasks)


def _card(path: Path, model: Path) -> ModelCard:
    """The card of a model of an archive; what is wrong with it is told of the archive, by name."""
    try:
        return load_card(str(model))
    except InputError as error:
        raise InputError(f"{path}: {str(error).replace(f'{model.parent}/', '')}") from None


def _require_inside(path: Path, model: Path) -> None:
    """Refuse a model that takes its parts from elsewhere; the files of parts are looked through as well."""
    waiting, seen = [model], {model}
    while waiting:
        file = waiting.pop()
        try:
            root = ET.fromstring(read_text(file))
        except ET.ParseError:
            continue  # who reads the model tells what is wrong with it
        for element in root.iter():
            if tag(element) != "externalModelDefinition":
                continue
            named = next((v for k, v in element.attrib.items() if k.rpartition("}")[2] == "source"), "")
            part = inside(file.parent, named, path)
            if part not in seen:
                seen.add(part)
                waiting.append(part)


@cache
def _kept() -> tempfile.TemporaryDirectory:
    """Where unpacked archives and changed models lie while this process runs."""
    return tempfile.TemporaryDirectory(prefix="cart-archives-")

"""Antimony to raw SBML, and SBML of one level and version to another.

Promise: a source with a syntax error raises :class:`InputError` with its file and line, and never yields the
empty model that Antimony keeps after an error. The source of an extension holds only what it adds or says
anew; it is compiled behind the source of the model that it extends. A file that a source imports is looked
for beside it, wherever this process stands.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import antimony
import libsbml

from harness.errors import InputError
from harness.reading import read_text, require_file

__all__ = ["as_l3v1", "compile_antimony", "converted", "one_line"]

IMPORT = re.compile(r'\bimport[ \t]+"([^"\n]+)"|"[^"\n]*"|(?://|\#)[^\n]*|/\*[\s\S]*?\*/')
DEEPEST = 100
LONGEST = 240  # characters of a message of a library; Antimony repeats what libSBML says in full


@dataclass(frozen=True)
class Line:
    """One line of a source, and where it stands."""

    path: Path
    number: int
    text: str


def compile_antimony(
    path: Path, model_id: str | None = None, bases: Sequence[Path] = (), dimensionless: bool = True
) -> str:
    """Compile one Antimony file and return the raw SBML of the model `model_id`, or of its main model.

    `bases` are the files of the models that it extends. What it says of a symbol or a reaction of theirs
    takes the place of what they say; its notes are added to theirs. `dimensionless` says whether numbers
    without a unit are dimensionless, or have none.
    """
    lines: list[Line] = []
    for source in (*bases, path):
        lines = _extended(lines, _lines(source)) if lines else _lines(source)
    text = "\n".join(line.text for line in lines) + "\n"
    _require_ends(path, text, path.parent, (), set())
    antimony.clearPreviousLoads()  # otherwise every load is kept in memory
    antimony.setBareNumbersAreDimensionless(dimensionless)
    antimony.setWriteSBMLTimestamp(False)
    antimony.clearDirectories()
    # Antimony looks in the working directory first, where a file of the same name may be another one.
    with contextlib.chdir(path.parent) if any(_imports(text)) else contextlib.nullcontext():
        if antimony.loadAntimonyString(text) == -1:
            raise InputError(_where(lines, _last_error()))
    model_id = model_id or antimony.getMainModuleName()
    if model_id not in antimony.getModuleNames():
        found = [name for name in antimony.getModuleNames() if name != "__main"]
        raise InputError(f"{path}:1: declares model {', '.join(found) or 'nothing'}, not {model_id}")
    sbml = antimony.getSBMLString(model_id)
    antimony.clearPreviousLoads()
    return sbml


def _imports(text: str) -> Iterator[tuple[int, str]]:
    """Line and name of every file that a source imports; what stands in a comment or a text is none."""
    for found in IMPORT.finditer(text):
        if found[1]:
            yield text.count("\n", 0, found.start()) + 1, found[1]


def _require_ends(path: Path, text: str, folder: Path, above: tuple[Path, ...], ends: set[Path]) -> None:
    """Refuse a source that imports itself, perhaps through others, which Antimony would read without end.

    Files are looked for as Antimony does: in `folder`, that of the first source, and beside who imports.
    Those `above` lead to this one; `ends` are those that have been followed to their end.
    """
    above = (*above, path.resolve())
    if len(above) > DEEPEST:
        raise InputError(f"{above[0]}: imports files that import files, more than {DEEPEST} deep")
    for number, name in _imports(text):
        found = next((f for f in (folder / name, path.parent / name) if os.path.lexists(f)), None)
        if found is None or found.resolve() in ends:
            continue
        if found.resolve() in above:
            circle = [*above[above.index(found.resolve()) :], found]
            raise InputError(
                f"{path}:{number}: imports in a circle: {' -> '.join(each.name for each in circle)}"
            )
        require_file(found)
        if found.suffix.lower() == ".ant":
            _require_ends(found, read_text(found), folder, above, ends)
    ends.add(path.resolve())


def _last_error() -> str:
    """What Antimony says, also where it repeats half of a character."""
    try:
        return antimony.getLastError()
    except UnicodeDecodeError as error:
        return error.object.decode("utf-8", "replace")


def _lines(path: Path) -> list[Line]:
    return [Line(path, number, line) for number, line in enumerate(read_text(path).splitlines(), start=1)]


def _extended(base: Sequence[Line], extension: Sequence[Line]) -> list[Line]:
    """The body of `base` put in at the head of the body of `extension`."""
    head, _ = _body(extension)
    start, end = _body(base)
    return [*extension[:head], *base[start:end], *extension[head:]]


def _body(lines: Sequence[Line]) -> tuple[int, int]:
    """Where the body of the model of a source starts and ends."""
    heads = [i for i, line in enumerate(lines) if re.match(r"\s*model\s+\w+\s*\(", line.text)]
    ends = [i for i, line in enumerate(lines) if re.fullmatch(r"\s*end\s*", line.text)]
    if len(heads) != 1 or len(ends) != 1:
        raise InputError(f"{lines[0].path}:1: an extension and its base hold one model each, closed by end")
    return heads[0] + 1, ends[0]


def _where(lines: Sequence[Line], message: str) -> str:
    """Antimony's message as 'file:line: what is wrong'."""
    imported = re.match(r"Error in file '([^']+)', line (\d+)", message)
    found = re.search(r"line (\d+)", message)
    line = lines[min(int(found[1]), len(lines)) - 1] if found and not imported else lines[0]
    if imported:
        line = Line(line.path.parent / imported[1], int(imported[2]), "")
    text = re.sub(r"^Error in .*?(?:line \d+)?[,:]\s*", "", " ".join(message.split()))
    text = re.sub(r"^line \d+:\s*", "", text)
    return f"{line.path}:{line.number}: {one_line(text)}"


def one_line(message: str) -> str:
    """A message of a library as one line that a terminal can show."""
    text = "".join(c if c.isprintable() else "?" for c in " ".join(message.split()))
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " ..."


def as_l3v1(document: libsbml.SBMLDocument, source: Path) -> str:
    """The L3V1 twin, by libSBML's strict conversion; `source` is named when there is none."""
    return converted(document.clone(), 3, 1, str(source))


def converted(document: libsbml.SBMLDocument, level: int, version: int, what: str) -> str:
    """Text of a document in another level and version, by libSBML's strict conversion; changes the document.

    Raises
    ------
    InputError
        When `what`, the name of the document, cannot be said in it.
    """
    properties = libsbml.ConversionProperties(libsbml.SBMLNamespaces(level, version))
    properties.addOption("setLevelAndVersion", True)
    properties.addOption("strict", True)
    if document.convert(properties) != libsbml.LIBSBML_OPERATION_SUCCESS:
        raise InputError(f"{what}: uses what SBML L{level}V{version} cannot say")
    return libsbml.writeSBMLToString(document)

"""The formats that a use of a model can be exported to, by name.

Promise: :func:`export` writes the file, or the folder, whole or not at all; what a format cannot hold is
refused in one line before anything is written.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import InputError, unknown_name
from harness.exchange import convert, listing, matlab, rhs
from harness.exchange.use import Use, plain_id
from harness.files import check_path, write_whole
from harness.models.catalog import model_files
from harness.models.equations import read_equations

__all__ = ["FORMATS", "Format", "default_path", "export"]


@dataclass(frozen=True)
class Format:
    """A format: the suffix of its file (empty for a folder) and what writes it.

    `text` gives the content of a file from a use; `fill` writes a folder or an archive. A format with
    `fixed` is declared for the whole scale of a model, and takes no changes or doses; one of no scale of this
    project takes them.
    """

    suffix: str
    text: Callable[[Use], str] | None = None
    fill: Callable[[Use, Path], object] = lambda _use, _path: None
    fixed: bool = False


def _sedml(use: Use, path: Path) -> None:
    from harness.archives.own import write_own_sedml

    check_path(path.with_suffix(".xml"), (".xml",), model_files(use.card.id))
    write_own_sedml(use, path)


def _rxode2(use: Use) -> str:
    """The model with what is given at time 0 in it, and later doses in an event table."""
    if use.regimen is None:
        return rhs.rxode2_text(read_equations(use.sbml()))
    model = replace(use, regimen=replace(use.regimen, doses=use.regimen.at_start))
    return rhs.rxode2_text(read_equations(model.sbml()), use.regimen.later, use.card.dose)


def _html(use: Use) -> str:
    from harness.explorer.page import page_text

    return page_text(use)


def _omex(use: Use, path: Path) -> None:
    from harness.archives.omex import archive_names, write_archive
    from harness.archives.own import write_own_archive

    if use.card.scale in archive_names():
        write_archive(use.card.scale, path)
    else:
        write_own_archive(use, path)


def _petab(use: Use, folder: Path) -> None:
    from harness.exchange.petab import problem_names, write_own_problem, write_problem

    if use.card.scale in problem_names():
        write_problem(use.card.id, folder)
    else:
        write_own_problem(use, folder)


def _testsuite(use: Use, folder: Path) -> None:
    from harness.exchange.suite import write_case

    write_case(use, plain_id(Path(use.card.id).stem), folder)


def _biomodels(use: Use, folder: Path) -> None:  # noqa: ARG001 - one folder for all models
    from harness.archives.biomodels import write_submission

    write_submission(folder)


FORMATS: dict[str, Format] = {
    "sbml-l3v2": Format(".xml", lambda use: use.sbml("l3v2")),
    "sbml-l3v1": Format(".xml", lambda use: use.sbml("l3v1")),
    "sbml-l2v4": Format(".xml", lambda use: convert.level_2_text(use.sbml())),
    "sbml-solver": Format(".xml", lambda use: use.sbml("solver")),
    "antimony": Format(".ant", lambda use: convert.antimony_text(use.sbml())),
    "python": Format(".py", lambda use: rhs.python_text(read_equations(use.sbml()))),
    "rxode2": Format(".R", _rxode2),
    "matlab": Format(".m", lambda use: matlab.matlab_text(read_equations(use.sbml()))),
    "latex": Format(".tex", listing.latex_text),
    "markdown": Format(".md", listing.markdown_text),
    "html": Format(".html", _html),
    "sedml": Format(".sedml", fill=_sedml),
    "testsuite": Format("", fill=_testsuite),
    "omex": Format(".omex", fill=_omex, fixed=True),
    "petab": Format("", fill=_petab, fixed=True),
    "biomodels": Format("", fill=_biomodels, fixed=True),
}


def default_path(use: Use, name: str) -> Path:
    """Where an export goes when no path is given: the model's name, in the folder of the call.

    Raises
    ------
    InputError
        When something of that name is there, such as the user's own model.
    """
    chosen = _choose(name)
    stem = plain_id(Path(use.card.id).stem)
    path = Path(f"{stem}{chosen.suffix}" if chosen.suffix else f"{stem}_{name}")
    if path.exists():
        raise InputError(f"{path} is there already; say where to write with --out")
    return path


def export(use: Use, name: str, path: Path) -> None:
    """Write a use in one format.

    Raises
    ------
    InputError
        When the format is unknown, cannot hold the use, or the path cannot be written.
    """
    chosen = _choose(name)
    own = use.card.scale in ("own", "library")
    if chosen.fixed and own and name == "biomodels":
        raise InputError(f"format {name} is declared for the models of this project, not for {use.card.id}")
    other = use.changes or use.regimen is not None or use.until != use.card.until
    if chosen.fixed and not own and other:
        taken = "--dose, --set, --reading, --condition or --until"
        raise InputError(f"format {name} is declared as a whole; it takes no {taken}")
    if chosen.text is not None:
        check_path(path, (chosen.suffix.lower(),), model_files(use.card.id))
        text = chosen.text(use)
        write_whole(path, lambda p: p.write_text(text, encoding="utf-8"))
    elif chosen.suffix:
        check_path(path, (chosen.suffix.lower(),), model_files(use.card.id))
        chosen.fill(use, path)
    else:
        _fill_folder(use, chosen.fill, path)


def _choose(name: str) -> Format:
    if name not in FORMATS:
        raise unknown_name("format", name, FORMATS)
    return FORMATS[name]


def _fill_folder(use: Use, fill: Callable[[Use, Path], object], path: Path) -> None:
    """Fill a new folder, which appears under its name when it is complete."""
    if path.exists():
        raise InputError(f"{path}: is there already; name a new folder")
    if not path.parent.is_dir():
        raise InputError(f"{path}: folder {path.parent} does not exist")
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".cart-") as temporary:
            filled = Path(temporary) / "filled"
            filled.mkdir()
            fill(use, filled)
            shutil.move(filled, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None

"""COMBINE archives: all that is needed to run the curves of a panel elsewhere, and the numbers to expect.

Promise: an archive holds the SBML of each curve, SED-ML for all of them together and for each alone, the
expected numbers, the figure, a text to read first, the licence, and metadata with creators and the article.
The same content gives the same bytes.
"""

from __future__ import annotations

import os
import posixpath
import shutil
import tempfile
import xml.etree.ElementTree as ET
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
from pydantic import RootModel
from pymetadata.omex import EntryFormat, ManifestEntry, Omex

from harness.declarations import Declaration, read_declaration
from harness.errors import InputError, unknown_name
from harness.exchange.agreement import absolute_tolerances
from harness.exchange.sedml import Plot, TimeCourse, sedml_text
from harness.exchange.use import Use, plain_id, use_of
from harness.figures.panel import draw_panel
from harness.figures.style import figure_of
from harness.files import write_whole
from harness.models.build import CREATED, CREATOR, LICENCE
from harness.models.card import repository
from harness.reading import inside, require_file
from harness.validation.curves import Evidence
from harness.validation.spec import Axes, Curve, PanelSpec, read_panel
from harness.validation.suite import PanelResult

__all__ = ["archive_names", "archive_panel", "fill_folder", "pack", "read_archive", "write_archive"]

FORMATS = {
    ".xml": EntryFormat.SBML_L3V2,
    ".sedml": EntryFormat.SEDML,  # without its level: COPASI 4.48 does not know that of L1V4
    ".csv": EntryFormat.CSV,
    ".md": EntryFormat.MARKDOWN,
    ".png": EntryFormat.PNG,
    ".rdf": EntryFormat.OMEX_METADATA,
    "": EntryFormat.PLAIN,
}
MOST_UNPACKED = 100_000_000  # bytes
MOST_MEMBERS = 10_000
MOMENT = 1_700_000_000  # of every file in an archive, so that the same content has the same bytes


class Archive(Declaration):
    """What an archive holds: curves and axes of a panel, or its own where the panel has none to draw."""

    panel: str
    until: float
    steps: int
    curves: dict[str, Curve] = {}
    axes: tuple[Axes, ...] = ()


class _Archives(RootModel[dict[str, Archive]]):
    """The file of them, by scale."""


@cache
def _archives() -> dict[str, Archive]:
    return read_declaration(Path(__file__).parent / "archives.yaml", _Archives).root


def archive_names() -> tuple[str, ...]:
    """Scales that have an archive."""
    return tuple(_archives())


def archive_panel(scale: str) -> PanelSpec:
    """The panel whose curves the archive of a scale holds."""
    if scale not in _archives():
        raise unknown_name("archive", scale, _archives())
    archive = _archives()[scale]
    spec = read_panel(archive.panel)
    if archive.curves:
        own = {"curves": archive.curves, "axes": archive.axes, "targets": (), "observations": None}
        spec = spec.model_copy(update=own)
    return spec


def write_archive(scale: str, path: Path) -> None:
    """Write the archive of one scale to an .omex file."""
    with tempfile.TemporaryDirectory() as folder:
        fill_folder(scale, Path(folder))
        pack(Path(folder), f"{_archives()[scale].panel}.sedml", path)


def pack(folder: Path, master: str, path: Path) -> None:
    """Pack the files of a folder into an archive; `master` is the one to run."""
    with Omex() as omex, tempfile.TemporaryDirectory() as beside:
        for file in sorted(folder.iterdir()):
            os.utime(file, (MOMENT, MOMENT))
            # As a media type is written in OMEX, and as BioSimulators asks: http, not https.
            kind = FORMATS[file.suffix].value.replace("https://purl.org/", "http://purl.org/")
            entry = ManifestEntry(location=f"./{file.name}", format=kind, master=file.name == master)
            omex.add_entry(file, entry)
        built = Path(beside) / "built.omex"
        omex.to_omex(built)
        write_whole(path, lambda p: _same_bytes(built, p))


def _same_bytes(source: Path, target: Path) -> None:
    """Copy a zip archive with one moment for all of its members."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name), old.read(name), zipfile.ZIP_DEFLATED)


def fill_folder(scale: str, folder: Path) -> None:
    """Write all files of an archive, without its manifest, to a folder."""
    spec, archive = archive_panel(scale), _archives()[scale]
    course = TimeCourse(archive.until, archive.steps)
    times = np.linspace(0, course.until, course.steps + 1)
    uses = {plain_id(name): _use(curve) for name, curve in spec.curves.items()}
    observables = next(iter(uses.values())).card.observables
    sources = {}
    for name, use in uses.items():
        sources[name] = f"{name}.xml"
        (folder / sources[name]).write_text(use.sbml(), encoding="utf-8")
        use.expected(times).to_csv(folder / f"expected_{name}.csv", index=False)
        alone = sedml_text({name: sources[name]}, course, observables, _plots(spec, (name,)))
        (folder / f"{archive.panel}_{name}.sedml").write_text(alone, encoding="utf-8")
    together = sedml_text(sources, course, observables, _plots(spec, tuple(sources)))
    (folder / f"{archive.panel}.sedml").write_text(together, encoding="utf-8")
    figure = figure_of(draw_panel(_simulated(spec)))
    figure.savefig(folder / "figure.png", dpi=150, metadata={"Software": None})
    (folder / "README.md").write_text(_readme(scale, spec, uses), encoding="utf-8")
    shutil.copy(_licence(), folder / "LICENSE")
    (folder / "metadata.rdf").write_text(_metadata(spec), encoding="utf-8")


def _use(curve: Curve) -> Use:
    return use_of(
        curve.model, doses=curve.doses, changes=curve.changes, readings=curve.readings,
        condition=curve.condition, until=curve.until,
    )  # fmt: skip


def _plots(spec: PanelSpec, curves: tuple[str, ...]) -> list[Plot]:
    """Axes of the panel, with the curves among `curves` that they draw."""
    plots = []
    for axes in spec.axes:
        drawn = [name for name in map(plain_id, axes.curves) if name in curves]
        if drawn:
            plots.append(Plot(axes.title, axes.observable, drawn, axes.scale == "log"))
    return plots


def _simulated(spec: PanelSpec) -> PanelResult:
    """The panel with its curves run: what its figure needs, without studies and scores."""
    curves = {name: curve.simulate() for name, curve in spec.curves.items()}
    return PanelResult(spec, Evidence(spec.folder, spec.curves, curves, {}, spec.observed(), spec.slots))


def _licence() -> Path:
    """The licence, in the checkout or in the metadata of the installed package."""
    path = repository() / "LICENSE"
    if path.is_file():
        return path
    from importlib.metadata import files

    return next(Path(str(f.locate())) for f in files("cart-pkpd") or () if f.name == "LICENSE")


def _readme(scale: str, spec: PanelSpec, uses: dict[str, Use]) -> str:
    first = next(iter(uses.values()))
    rows = "\n".join(
        f"| {plain_id(name)} | {curve.label} | {plain_id(name)}.xml | expected_{plain_id(name)}.csv |"
        for name, curve in spec.curves.items()
    )
    atol = absolute_tolerances()
    units = "\n".join(f"| {o} | {first.symbols[o].unit} | {atol[o].atol:g} |" for o in first.card.observables)
    return (
        f"# {spec.title}\n\n"
        f"Curves of {spec.figure} of Singh et al. 2021 (doi:10.1002/psp4.12598), {scale.replace('_', ' ')}\n"
        f"scale, encoded by {CREATOR}. Licence: {LICENCE}. The article is CC BY-NC-ND;\n"
        "nothing of its text or figures is here.\n\n"
        "| curve | what it is | SBML | expected numbers |\n|---|---|---|---|\n"
        f"{rows}\n\n"
        f"`{spec.panel}.sedml` runs all curves, `{spec.panel}_CURVE.sedml` one. A tool that takes one\n"
        "task at a time, such as COPASI, takes the first curve from the archive, and any curve from its\n"
        "own file.\n"
        f"Time is in {first.symbols.time_unit}s.\n"
        "Expected and found agree within |a - b| <= atol + 1e-5 |b|.\n\n"
        f"| observable | unit | atol |\n|---|---|---|\n{units}\n"
    )


def _metadata(spec: PanelSpec) -> str:
    """RDF about the archive: title, creator, date, licence, and the article that describes it."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dcterms="http://purl.org/dc/terms/"
    xmlns:vCard="http://www.w3.org/2006/vcard/ns#" xmlns:bqmodel="http://biomodels.net/model-qualifiers/">
  <rdf:Description rdf:about=".">
    <dcterms:title>{spec.title}</dcterms:title>
    <dcterms:description>{spec.figure} of Singh et al. 2021, with expected numbers</dcterms:description>
    <dcterms:creator rdf:parseType="Resource">
      <vCard:fn>{CREATOR}</vCard:fn>
    </dcterms:creator>
    <dcterms:created rdf:parseType="Resource">
      <dcterms:W3CDTF>{CREATED}</dcterms:W3CDTF>
    </dcterms:created>
    <dcterms:license>https://spdx.org/licenses/{LICENCE}</dcterms:license>
    <bqmodel:isDescribedBy rdf:resource="https://identifiers.org/doi:10.1002/psp4.12598"/>
  </rdf:Description>
</rdf:RDF>
"""


def read_archive(path: Path, folder: Path) -> list[str]:
    """Unpack a COMBINE archive to a folder; return the locations that its manifest lists.

    Raises
    ------
    InputError
        When the file is missing, is no zip archive or a damaged or encrypted one, would unpack to more than
        100 MB, holds or lists a file outside the folder, has no manifest or a broken one, or lists a file
        that it does not hold. Nothing is unpacked then.
    """
    try:
        with zipfile.ZipFile(require_file(path)) as archive:
            _require_harmless(path, folder, archive)
            locations = _locations(path, folder, archive)
            archive.extractall(folder)
    except InputError:
        raise
    except Exception as error:  # zipfile, its decompressors and the parser raise many kinds
        raise InputError(f"{path}: not a COMBINE archive: {' '.join(str(error).split())[:200]}") from None
    return locations


def _require_harmless(path: Path, folder: Path, archive: zipfile.ZipFile) -> None:
    """Refuse what cannot be unpacked, before anything is."""
    members = archive.infolist()
    for member in members:
        inside(folder, member.filename, path)
        if member.flag_bits & 1:
            raise InputError(f"{path}: {member.filename} is encrypted")
    if len({posixpath.normpath(member.filename) for member in members}) < len(members):
        raise InputError(f"{path}: holds two files of one name")
    size = sum(member.file_size for member in members)
    if size > MOST_UNPACKED or len(members) > MOST_MEMBERS:
        found = f"unpacks to {size / 1e6:.0f} MB in {len(members)} files"
        most = f"{MOST_UNPACKED // 10**6} MB in {MOST_MEMBERS}"
        raise InputError(f"{path}: {found}; at most {most} are allowed")
    damaged = archive.testzip()
    if damaged is not None:
        raise InputError(f"{path}: not a COMBINE archive: {damaged} is damaged")


def _locations(path: Path, folder: Path, archive: zipfile.ZipFile) -> list[str]:
    """Locations of the manifest, each of them held by the archive."""
    held = {posixpath.normpath(name): name for name in archive.namelist()}
    if "manifest.xml" not in held:
        raise InputError(f"{path}: has no manifest.xml")
    root = ET.fromstring(archive.read(held["manifest.xml"]))
    locations = [child.attrib.get("location", "") for child in root]
    for location in locations:
        inside(folder, location, path)
        if posixpath.normpath(location) not in {".", *held}:
            raise InputError(f"{path}: the manifest lists {location}, which the archive does not hold")
    return locations

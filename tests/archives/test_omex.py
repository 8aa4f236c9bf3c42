"""The archives run in COPASI and in tellurium to the numbers they expect, curve by curve."""

import posixpath
import re
import warnings
import zipfile
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from harness.archives.expected import compare_archive
from harness.archives.export import export
from harness.archives.omex import archive_names, archive_panel, read_archive, write_archive
from harness.errors import InputError
from harness.exchange.agreement import absolute_tolerances
from harness.exchange.use import plain_id, use_of


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    """Each archive written once, and unpacked: scale to (file, folder)."""
    found = {}
    for scale in archive_names():
        folder = tmp_path_factory.mktemp(scale)
        write_archive(scale, folder / f"{scale}.omex")
        read_archive(folder / f"{scale}.omex", folder / "unpacked")
        found[scale] = folder / f"{scale}.omex", folder / "unpacked"
    return found


def within_tolerance(found, expected):
    for name in expected.columns.drop("time"):
        allowed = absolute_tolerances()[name].atol + 1e-5 * np.abs(expected[name].to_numpy())
        assert (np.abs(found[name].to_numpy() - expected[name].to_numpy()) <= allowed).all(), name


def curves(scale):
    return [plain_id(name) for name in archive_panel(scale).curves]


@pytest.mark.parametrize("scale", archive_names())
@pytest.mark.quick
def test_the_manifest_lists_itself_and_every_file(archives, scale):
    file, folder = archives[scale]
    listed = read_archive(file, folder)
    assert "./manifest.xml" in listed
    with zipfile.ZipFile(file) as archive:
        assert {f"./{name}" for name in archive.namelist()} <= set(listed)
    assert {"./README.md", "./LICENSE", "./metadata.rdf", "./figure.png"} <= set(listed)
    rdf = (folder / "metadata.rdf").read_text("utf-8")
    assert "dcterms:creator" in rdf
    assert "doi:10.1002/psp4.12598" in rdf


MEDIA = re.compile(r"http://purl\.org/NET/mediatypes/[a-z0-9_\-+.]+/[a-z0-9_\-+.;]+", re.I)
COMBINE = re.compile(r"http://identifiers\.org/combine\.specifications/[\w.\-]+")


def rules_of_biosimulators(file):
    """What biosimulators-utils 0.2.3 asks of an archive of SBML and SED-ML, as far as its files are ours."""
    with zipfile.ZipFile(file) as archive:
        texts = {name: archive.read(name) for name in archive.namelist()}
    contents = [child.attrib for child in ET.fromstring(texts["manifest.xml"])]
    locations = [posixpath.normpath(content["location"]) for content in contents]
    assert len(set(locations)) == len(locations)
    assert set(texts) | {"."} == {*locations, "."}
    for content in contents:
        assert MEDIA.fullmatch(content["format"]) or COMBINE.fullmatch(content["format"]), content
    masters = [content["location"] for content in contents if content.get("master") == "true"]
    assert len(masters) == 1
    assert masters[0].endswith(".sedml")
    for name, text in texts.items():
        if name.endswith(".png"):
            assert text.startswith(b"\x89PNG\r\n\x1a\n")
        if name.endswith(".sedml"):
            _rules_of_sedml(texts, text.decode())


def _rules_of_sedml(texts, text):
    """Every id once, every reference met, and every target one element of its model, by declared prefixes."""
    root = ET.fromstring(text)
    space = root.tag.partition("}")[0] + "}"
    ids = [element.get("id") for element in root.iter() if element.get("id")]
    assert len(set(ids)) == len(ids)
    models = {m.get("id"): ET.fromstring(texts[m.get("source")]) for m in root.iter(f"{space}model")}
    tasks = {t.get("id"): models[t.get("modelReference")] for t in root.iter(f"{space}task")}
    prefix = dict(re.findall(r'xmlns:(\w+)="([^"]+)"', text))
    generators = {generator.get("id") for generator in root.iter(f"{space}dataGenerator")}
    for variable in root.iter(f"{space}variable"):
        model = tasks[variable.get("taskReference")]
        if variable.get("target"):
            path = variable.get("target").removeprefix("/sbml:sbml/")
            assert len(model.findall(path, prefix)) == 1, path
        else:
            assert variable.get("symbol") == "urn:sedml:symbol:time"
    for element in root.iter():
        for reference in ("dataReference", "xDataReference", "yDataReference"):
            assert element.get(reference, next(iter(generators))) in generators


@pytest.mark.parametrize("scale", archive_names())
def test_an_archive_keeps_the_rules_of_biosimulators(archives, scale):
    rules_of_biosimulators(archives[scale][0])


def test_an_archive_of_a_model_of_ones_own_keeps_them_too_and_expects_what_it_gives(tmp_path):
    own = tmp_path / "own.ant"
    own.write_text(
        "model m()\n compartment C=2; species A in C, T in C; A=3; k=0.5; dose=1; J: A->; C*k*A; T:=2*A;"
        " D=dose; D'=-D; compartment V=1; V'=0.1*V\nend\n",
        encoding="utf-8",
    )
    use = use_of(str(own), changes={"k": 0.25}, until=10)
    export(use, "omex", tmp_path / "own.omex")
    rules_of_biosimulators(tmp_path / "own.omex")
    compared = compare_archive(tmp_path / "own.omex")
    assert set(compared.observable) == {"conc_A", "conc_T", "D", "V"}
    assert compared.over_tolerance.max() < 1
    read_archive(tmp_path / "own.omex", tmp_path / "unpacked")
    expected = pd.read_csv(tmp_path / "unpacked" / "expected_own.csv")
    np.testing.assert_allclose(expected.conc_T, 6 * np.exp(-0.25 * expected.time), rtol=1e-7)


def test_sedml_of_a_model_of_ones_own_runs_in_tellurium_from_the_sbml_beside_it(tmp_path, monkeypatch):
    own = tmp_path / "own.ant"
    own.write_text(
        "model m()\n compartment C=2; species A in C; A=3; k=0.5; A->; C*k*A\nend\n", encoding="utf-8"
    )
    export(use_of(str(own), until=10), "sedml", tmp_path / "course.sedml")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tellurium.sedml.tesedml import SEDMLCodeFactory

        monkeypatch.chdir(tmp_path)
        factory = SEDMLCodeFactory(
            str(tmp_path / "course.sedml"), workingDir=str(tmp_path), createOutputs=False, saveOutputs=False
        )
        values = factory.executePython()["dataGenerators"]
    times = np.ravel(values["own_time"])
    np.testing.assert_allclose(np.ravel(values["own_conc_A"]), 3 * np.exp(-0.5 * times), rtol=1e-5)
    other = tmp_path / "other.ant"
    other.write_text("model m()\n x=1; x'=x\nend\n", encoding="utf-8")
    with pytest.raises(InputError, match="is another model"):
        export(use_of(str(other)), "sedml", tmp_path / "course.sedml")


def run_in_copasi(model, observables):
    import basico

    settings = basico.get_task_settings("Time-Course", model=model)
    problem, method = settings["problem"], settings["method"]
    return basico.run_time_course_with_output(
        ["Time", *(f"Values[{name}]" for name in observables)], start_time=0,
        duration=problem["Duration"], intervals=problem["StepNumber"], use_initial_values=True,
        method="deterministic", r_tol=method["Relative Tolerance"], a_tol=method["Absolute Tolerance"],
        model=model,
    )  # fmt: skip


@pytest.mark.parametrize("scale", archive_names())
def test_copasi_opens_the_archive_and_gives_the_expected_numbers(archives, scale):
    import basico
    import COPASI

    model = COPASI.CRootContainer.addDatamodel()
    assert model.openCombineArchive(str(archives[scale][0]))
    first = curves(scale)[0]
    expected = pd.read_csv(archives[scale][1] / f"expected_{first}.csv")
    found = run_in_copasi(model, expected.columns[1:])
    basico.remove_datamodel(model)
    found.columns = expected.columns
    np.testing.assert_allclose(found.time, expected.time, atol=1e-9)
    within_tolerance(found, expected)


@pytest.mark.parametrize("scale", archive_names())
def test_copasi_runs_every_curve_from_its_sedml_to_the_expected_numbers(archives, scale):
    import basico
    import COPASI

    folder = archives[scale][1]
    for curve in curves(scale):
        model = COPASI.CRootContainer.addDatamodel()
        assert model.importSEDML(str(folder / f"{archive_panel(scale).panel}_{curve}.sedml"))
        expected = pd.read_csv(folder / f"expected_{curve}.csv")
        found = run_in_copasi(model, expected.columns[1:])
        basico.remove_datamodel(model)
        found.columns = expected.columns
        within_tolerance(found, expected)


@pytest.mark.parametrize("scale", archive_names())
def test_tellurium_runs_the_archive_to_the_expected_numbers(archives, scale, tmp_path, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from tellurium.sedml.tesedml import SEDMLCodeFactory

        monkeypatch.chdir(tmp_path)
        folder = archives[scale][1]
        sedml = folder / f"{archive_panel(scale).panel}.sedml"
        factory = SEDMLCodeFactory(str(sedml), workingDir=str(folder), createOutputs=False, saveOutputs=False)
        values = factory.executePython()["dataGenerators"]
    for curve in curves(scale):
        expected = pd.read_csv(folder / f"expected_{curve}.csv")
        found = pd.DataFrame({name: np.ravel(values[f"{curve}_{name}"]) for name in expected.columns})
        within_tolerance(found, expected)


def test_the_same_content_gives_the_same_bytes(archives, tmp_path):
    write_archive("in_vitro", tmp_path / "again.omex")
    assert (tmp_path / "again.omex").read_bytes() == archives["in_vitro"][0].read_bytes()


def test_a_broken_archive_is_told_in_one_line(tmp_path):
    path = tmp_path / "broken.omex"
    with pytest.raises(InputError, match="no such file"):
        read_archive(path, tmp_path)
    path.write_text("no zip", encoding="utf-8")
    with pytest.raises(InputError, match="not a COMBINE archive"):
        read_archive(path, tmp_path)


MANIFEST = '<omexManifest xmlns="x"><content location="{}" format="y"/></omexManifest>'


@pytest.fixture
def packed(tmp_path):
    """Write an archive of some files, the manifest among them."""

    def pack(location="./a.xml", files=(("a.xml", "<a/>"),), method=zipfile.ZIP_DEFLATED):
        path = tmp_path / "small.omex"
        with warnings.catch_warnings(), zipfile.ZipFile(path, "w", method) as archive:
            warnings.simplefilter("ignore")  # of two files of one name
            for name, text in (("manifest.xml", MANIFEST.format(location)), *files):
                archive.writestr(name, text)
        return path

    return pack


@pytest.mark.parametrize(
    "location", ["../a.xml", "/etc/passwd", "..\\a.xml", "C:/a", "sub/../../a", "http://a.b/c", ""]
)
def test_an_archive_that_leads_out_of_its_folder_is_refused(packed, tmp_path, location):
    out = tmp_path / "out"
    with pytest.raises(InputError, match="which is no place in its own folder"):
        read_archive(packed(location), out)
    if location:
        with pytest.raises(InputError, match="which is no place in its own folder"):
            read_archive(packed(files=[("a.xml", ""), (location, "")]), out)
    assert not out.exists()


def test_an_archive_that_would_fill_the_disk_is_refused(packed, tmp_path):
    path = packed(files=[("a.xml", bytes(200_000_000))])
    assert path.stat().st_size < 200_000
    with pytest.raises(InputError, match="unpacks to 200 MB in 2 files; at most 100 MB in 10000 are allowed"):
        read_archive(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_archive_that_is_damaged_or_encrypted_or_doubled_is_refused(packed, tmp_path):
    out = tmp_path / "out"
    path = packed(files=[("a.xml", "abc" * 100)], method=zipfile.ZIP_STORED)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"abcabc", b"abdabc", 1))
    with pytest.raises(InputError, match=r"not a COMBINE archive: a\.xml is damaged"):
        read_archive(path, out)
    path.write_bytes(_with_flag(whole))
    with pytest.raises(InputError, match=r"manifest\.xml is encrypted"):
        read_archive(path, out)
    with pytest.raises(InputError, match="holds two files of one name"):
        read_archive(packed(files=[("a.xml", "1"), ("./a.xml", "2")]), out)
    with pytest.raises(InputError, match=r"lists b\.xml, which the archive does not hold"):
        read_archive(packed("b.xml"), out)
    assert not out.exists()


def _with_flag(content):
    """An archive whose first member says that it is encrypted, in both of its headers."""
    local, central = content.index(b"PK\x03\x04") + 6, content.index(b"PK\x01\x02") + 8
    return content[:local] + b"\x01" + content[local + 1 : central] + b"\x01" + content[central + 1 :]

"""Archives and SED-ML that come in: the model or a task by name runs; the rest is refused by name."""

import re
import warnings
import zipfile

import libsbml
import libsedml
import numpy as np
import pytest

from harness.archives.expected import compare_archive
from harness.archives.runnable import open_runnable
from harness.cli.main import run
from harness.errors import InputError
from harness.exchange.sedml import TimeCourse, sedml_text
from harness.exchange.sedml_tasks import parse_tasks
from harness.models.compile import compile_antimony
from harness.simulation.simulate import simulate

SOURCE = "model m()\n compartment C=2; species S in C; k=0.5; dose=8; S=dose; S->; C*k*S; total:=3*S\nend\n"
MANIFEST = (
    '<omexManifest xmlns="http://identifiers.org/combine.specifications/omex-manifest">{}</omexManifest>'
)
WHERE = "/sbml:sbml/sbml:model/sbml:listOf{}s/sbml:{}[@id='{}']"


@pytest.fixture(scope="module")
def sbml(tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "m.ant"
    path.write_text(SOURCE, encoding="utf-8")
    return compile_antimony(path, dimensionless=False)


def with_tasks(edit=lambda _document: None):
    """SED-ML of one task that reads out total and S; `edit` changes the document before it is written."""
    text = sedml_text({"one": "m.xml"}, TimeCourse(10, 5), ["total"])
    document = libsedml.readSedMLFromString(text)
    variable = document.getDataGenerator(1).createVariable()
    variable.setId("also_S")
    variable.setTaskReference("task_one")
    variable.setTarget("/sbml:sbml/sbml:model/sbml:listOfSpecies/sbml:species[@id='S']")
    edit(document)
    return libsedml.writeSedMLToString(document)


def change(target, value):
    def edit(document):
        made = document.getModel(0).createChangeAttribute()
        made.setTarget(target)
        made.setNewValue(value)

    return edit


@pytest.fixture
def archive(tmp_path, sbml):
    """Write an archive of the model, a SED-ML text, and more files by name."""

    def write(text=None, **more):
        path = tmp_path / "small.omex"
        files = {"m.xml": sbml, **({} if text is None else {"m.sedml": text}), **more}
        listed = "".join(f'<content location="./{name}" format="x"/>' for name in files)
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr("manifest.xml", MANIFEST.format(listed))
            for name, content in files.items():
                packed.writestr(name, content)
        return path

    return write


@pytest.mark.parametrize(
    ("target", "value", "rate"),
    [
        ("", "", 0.5),
        (WHERE.format("Parameter", "parameter", "k") + "/@value", "0.1", 0.1),
        (WHERE.format("Parameter", "parameter", "dose") + "/@value", "6", 0.5),
        (WHERE.format("Compartment", "compartment", "C") + "/@size", "4", 0.5),
    ],
)
def test_a_task_runs_with_its_changes_times_and_read_outs(archive, target, value, rate):
    path = archive(with_tasks(change(target, value) if target else lambda _document: None))
    found = open_runnable(path, "task_one")
    assert found.observables == ("total", "conc_S")
    done = simulate(found.model, times=found.times, observables=found.observables)
    np.testing.assert_allclose(done.time, [0, 2, 4, 6, 8, 10])
    np.testing.assert_allclose(done.total, 3 * done.conc_S, rtol=1e-6)
    np.testing.assert_allclose(done.conc_S, done.conc_S[0] * np.exp(-rate * done.time), rtol=1e-5)
    assert float(done.conc_S[0]) == pytest.approx({"0.1": 8, "6": 6, "4": 8, "": 8}[value])


def test_a_change_that_does_nothing_and_what_is_worked_out_are_told(archive, capfd):
    def edit(document):
        change("/sbml:sbml/sbml:model/sbml:listOfSpecies/sbml:species[@id='S']/@initialAmount", "3")(document)
        change(WHERE.format("Parameter", "parameter", "total") + "/@value", "3")(document)
        document.getDataGenerator(1).setMath(libsedml.parseFormula("2*total_of_one"))

    path = archive(with_tasks(edit))
    assert run(["simulate", str(path), "--task", "task_one"]) == 0
    said = capfd.readouterr().err
    assert "S']/@initialAmount does nothing: an initial assignment of the model gives its value" in said
    assert "total']/@value does nothing: an assignment rule" in said
    assert "is 2 * total_of_one, which is not worked out" in said
    assert open_runnable(archive(with_tasks()), "task_one").notes == ()


@pytest.mark.parametrize(("level", "version"), [(2, 1), (2, 4), (3, 1)])
def test_a_task_changes_models_of_older_levels(archive, sbml, level, version):
    document = libsbml.readSBMLFromString(sbml)
    document.setLevelAndVersion(level, version, False)
    text = with_tasks(change(WHERE.format("Parameter", "parameter", "k") + "/@value", "0.25"))
    found = open_runnable(archive(text, **{"m.xml": libsbml.writeSBMLToString(document)}), "task_one")
    done = simulate(found.model, times=found.times, observables=["conc_S"])
    np.testing.assert_allclose(done.conc_S, 8 * np.exp(-0.25 * done.time), rtol=1e-5)


def test_an_archive_runs_its_model_or_a_task_on_the_command_line(archive, tmp_path):
    assert run(["simulate", str(archive(with_tasks())), "--until", "2"]) == 0
    out = tmp_path / "out.csv"
    assert run(["simulate", str(archive(with_tasks())), "--task", "task_one", "--out", str(out)]) == 0
    assert out.read_text("utf-8").splitlines()[0].startswith("time,total,conc_S")


def refused(document_edit):
    return parse_tasks("m.sedml", with_tasks(document_edit))[0].refused


def test_what_is_no_plain_time_course_is_refused_by_name():
    def other_algorithm(document):
        document.getSimulation(0).getAlgorithm().setKisaoID("KISAO:0000029")

    def late(document):
        document.getSimulation(0).setInitialTime(5)

    def in_the_net(document):
        document.getModel(0).setSource("https://example.org/m.xml")

    def in_another_language(document):
        document.getModel(0).setLanguage("urn:sedml:language:cellml")

    def computed(document):
        made = document.getModel(0).createComputeChange()
        made.setTarget(WHERE.format("Parameter", "parameter", "k"))
        made.setMath(libsedml.parseFormula("2"))

    def steady(document):
        made = document.createSteadyState()
        made.setId("rest")
        document.getTask(0).setSimulationReference("rest")

    def circular(document):
        document.getModel(0).setSource("#model_one")

    for edit, said in {
        other_algorithm: "KISAO:0000029", late: "begins at time 5", in_the_net: "is not fetched",
        in_another_language: "cellml", computed: "computeChange", steady: "steadyState",
        circular: "made from itself",
    }.items():  # fmt: skip
        assert said in refused(edit), edit.__name__


def test_a_repeated_task_is_refused_and_those_beside_it_run(archive):
    def repeated(document):
        document.createRepeatedTask().setId("many")

    path = archive(with_tasks(repeated))
    assert open_runnable(path, "task_one").times[-1] == 10
    with pytest.raises(InputError, match="task many is a repeatedTask"):
        open_runnable(path, "many")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("no xml", "not SED-ML that can be read"),
        ("<sedML xmlns='http://sed-ml.org/sed-ml/level1/version4' level='1' version='4'/>", "holds no task"),
        (with_tasks(change(WHERE.format("Parameter", "parameter", "q") + "/@value", "1")), "[@id='q']"),
        (with_tasks(change("//*[1]/@value", "1")), "no element of a model by its id"),
        (with_tasks(lambda d: d.getModel(0).setSource("../m.xml")), "no place in its own folder"),
        (with_tasks(lambda d: d.getModel(0).setSource("other.xml")), "no such file"),
    ],
)
def test_sedml_that_cannot_be_run_is_told_in_one_line(archive, text, said):
    with pytest.raises(InputError) as caught:
        open_runnable(archive(text), "task_one")
    assert said in str(caught.value)
    assert str(caught.value).isprintable()


def test_a_task_that_is_not_there_and_several_models_are_told(archive, sbml):
    with pytest.raises(InputError, match=r"no task in .* 'two'"):
        open_runnable(archive(with_tasks()), "two")
    other = with_tasks().replace("task_one", "task_two")
    path = archive(with_tasks(), **{"n.xml": sbml, "n.sedml": other})
    with pytest.raises(InputError, match="holds 2 models; name one with --task: task_one"):
        open_runnable(path)
    assert run(["simulate", "clinical", "--task", "one"]) == 2


def test_expected_numbers_are_compared_and_a_wrong_one_is_found(archive):
    times = np.array([0, 1, 5])
    total = 24 * np.exp(-0.5 * times)
    rows = "".join(f"{t},{v:.17g}\n" for t, v in zip(times, total, strict=True))
    path = archive(with_tasks(), **{"expected_one.csv": "time,total\n" + rows})
    assert compare_archive(path).over_tolerance.max() < 1
    assert run(["validate", "--archive", str(path)]) == 0
    wrong = archive(with_tasks(), **{"expected_one.csv": "time,total\n0,24\n1,14.6\n"})
    assert run(["validate", "--archive", str(wrong)]) == 1
    with pytest.raises(InputError, match="holds no expected numbers"):
        compare_archive(archive(with_tasks()))
    with pytest.raises(InputError, match="belongs to no task"):
        compare_archive(archive(with_tasks(), **{"expected_two.csv": "time,total\n0,24\n"}))


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("time,totl\n0,24\n", "expected_one.csv: no observable in m 'totl'; nearest: total"),
        ("time,total\n0,24\n9,1\n5,2\n", "expected_one.csv: times ascend from 0 on"),
        ("time,total\n-1,24\n", "expected_one.csv: times ascend from 0 on"),
    ],
)
def test_expected_numbers_of_what_there_is_not_are_told(archive, table, said):
    with pytest.raises(InputError) as caught:
        compare_archive(archive(with_tasks(), **{"expected_one.csv": table}))
    assert said in str(caught.value)


@pytest.mark.parametrize("task", [None, "task_one"])
def test_a_broken_model_is_told_by_the_names_of_archive_and_model(archive, sbml, task):
    path = archive(with_tasks(), **{"m.xml": sbml[: len(sbml) // 2]})
    with pytest.raises(InputError) as caught:
        open_runnable(path, task)
    assert str(caught.value).startswith(f"{path}: m.xml:")


PARTS = (
    '<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" version="2" xmlns:comp='
    '"http://www.sbml.org/sbml/level3/version1/comp/version1" comp:required="true"><model id="whole">'
    '<comp:listOfSubmodels><comp:submodel comp:id="A" comp:modelRef="part"/></comp:listOfSubmodels></model>'
    '<comp:listOfExternalModelDefinitions><comp:externalModelDefinition comp:id="part" comp:source="{}" '
    'comp:modelRef="m"/></comp:listOfExternalModelDefinitions></sbml>'
)


@pytest.mark.parametrize(
    "place", ["../part.xml", "/etc/part.xml", "file:///etc/part.xml", "https://a.b/part.xml"]
)
def test_a_model_of_an_archive_takes_no_parts_from_elsewhere(archive, place):
    with pytest.raises(InputError, match="no place in its own folder"):
        open_runnable(archive(with_tasks(), **{"m.xml": PARTS.format(place)}))
    with pytest.raises(InputError, match="no place in its own folder"):
        open_runnable(archive(with_tasks(), **{"m.xml": PARTS.format(place)}), "task_one")


def test_a_model_of_an_archive_takes_parts_from_it(archive, sbml):
    text = re.sub(r"(@id=(?:'|&apos;))(\w+)", r"\1A__\2", with_tasks())
    path = archive(text, **{"m.xml": PARTS.format("part.xml"), "part.xml": sbml})
    found = open_runnable(path, "task_one")
    assert simulate(found.model, times=found.times, observables=found.observables).attrs["status"] == "ok"


def test_an_encrypted_archive_is_refused(archive):
    path = archive(with_tasks())
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        start = 0
        while (start := data.find(mark, start)) >= 0:
            data[start + place] |= 1
            start += 4
    path.write_bytes(data)
    with warnings.catch_warnings(), pytest.raises(InputError, match="is encrypted"):
        open_runnable(path)


def test_sed_ml_that_does_not_name_its_encoding_is_read():
    text = with_tasks()
    bare = re.sub(r'encoding="[^"]*"', "", text, count=1)
    assert bare != text
    assert parse_tasks("odd.sedml", bare) == parse_tasks("odd.sedml", text)

"""The folder for a submission: every point of the curation list that files can answer is met."""

import libsbml
import pytest

from harness.archives import biomodels
from harness.archives.biomodels import PERSON, curation_points
from harness.models.catalog import load_card, model_names


@pytest.mark.parametrize("name", model_names())
def test_what_files_can_answer_is_met(name):
    points = curation_points(load_card(name))
    assert {point.answer for point in points} == {"yes", PERSON}
    assert sum(point.answer == "yes" for point in points) == 8


def test_a_point_that_is_not_met_is_told(monkeypatch):
    def without_name(_):
        document = libsbml.readSBMLFromString(card.sbml_path().read_text("utf-8"))
        document.getModel().unsetName()
        document.getModel().unsetModelHistory()
        return document

    card = load_card("clinical")
    monkeypatch.setattr(biomodels.libsbml, "readSBMLFromFile", without_name)
    answers = {point.point: point.answer for point in curation_points(card)}
    assert answers["name that tells author, year and subject"] == "no"
    assert answers["creator and dates of creation and change"] == "no"


def test_the_folder_holds_models_archives_and_answers(tmp_path, monkeypatch):
    monkeypatch.setattr(
        biomodels, "write_archive", lambda _, path: path.write_text("archive", encoding="utf-8")
    )
    biomodels.write_submission(tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert {
        "clinical.xml",
        "clinical_l3v1.xml",
        "clinical_solver.xml",
        "clinical.omex",
        "curation.csv",
    } <= names
    assert "Not met:\n\nnone" in (tmp_path / "README.md").read_text("utf-8")

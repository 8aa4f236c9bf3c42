"""What follows from a calibration: made once, kept, and made again when what it rests on is other."""

import pandas as pd
import pytest

from harness.calibration.declared import read_calibration
from harness.calibration.further import FURTHER, best_candidate, further_studies, is_kept, keep
from harness.calibration.stored import STORED, read_draws, rests_on
from harness.cli.main import run
from harness.errors import InputError
from harness.models.card import repository
from harness.simulation.execute import Serial
from harness.studies.map import Map

FOLDER = repository() / "validation"
FILE = "dose/candidates.yaml"


@pytest.fixture(scope="module")
def declared():
    return read_calibration(FOLDER / FILE)


@pytest.fixture
def calibrated(tmp_path, declared):
    """A folder with the posteriors of two candidates, the second the likelier."""
    rows = [
        {"candidate": name, "rests_on": rests_on(declared, name), "log_evidence": value}
        for name, value in (("waning", -30.0), ("divisions", -29.0))
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "comparison.csv", index=False)
    for row in rows:
        draws = pd.read_csv(FOLDER / STORED / f"draws_{row['candidate']}.csv").head(5)
        draws.to_csv(tmp_path / f"draws_{row['candidate']}.csv", index=False)
    return tmp_path


def test_studies_have_the_candidates_of_the_folder_and_the_likeliest_where_one_is_meant(calibrated, declared):
    assert best_candidate(calibrated, declared) == "divisions"
    found = further_studies(FOLDER / FURTHER, "small", calibrated, FILE, declared)
    assert found["possible"].candidates == ("waning", "divisions")
    assert found["by_dose"].draws == 4
    assert found["karmma"].candidate == "divisions"
    assert isinstance(found["map"], Map)
    assert found["map"].model == "clinical_divisions"
    for study in found.values():
        assert study.number_names()


@pytest.mark.parametrize("size", ["small", "medium", "large", "full"])
def test_every_size_of_the_calibration_has_further_studies(calibrated, declared, size):
    assert set(declared.sizes) == {"small", "medium", "large", "full"}
    further_studies(FOLDER / FURTHER, size, calibrated, FILE, declared)


def test_a_study_is_kept_until_its_draws_are_other(calibrated, declared, tmp_path):
    study = further_studies(FOLDER / FURTHER, "small", calibrated, FILE, declared)["possible"]
    study = study.model_copy(update={"patients": 10})
    out = tmp_path / "possible"
    assert not is_kept(study, calibrated, out)
    outcome = study.run(Serial())
    keep(study, outcome, calibrated, out)
    assert is_kept(study, calibrated, out)
    numbers = pd.read_csv(out / "numbers.csv").set_index("number")["value"]
    assert numbers.to_dict() == pytest.approx(dict(outcome.numbers), nan_ok=True)
    assert list(pd.read_csv(out / "checks.csv")["candidate"]) == ["waning", "divisions"]
    assert not is_kept(study.model_copy(update={"seed": 2}), calibrated, out)
    draws = calibrated / "draws_waning.csv"
    pd.read_csv(draws).head(4).to_csv(draws, index=False)
    assert len(read_draws(declared, "waning", calibrated)) == 4
    assert not is_kept(study, calibrated, out)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("studies: {a: {kind: physica}}\nsizes: {small: {}}\n", "a: "),
        ("studies: {a: {kind: physical, patient: 3}}\nsizes: {small: {}}\n", "a: .*patient"),
        ("studies: {a: {kind: physical}}\nsizes: {smal: {}}\n", "size in .* 'small'; nearest: smal"),
        (
            "studies: {a: {kind: cohort, cohort: none.yaml}}\nsizes: {small: {a: {cohorts: 1}}}\n",
            "a: .*cohorts",
        ),
    ],
)
def test_what_does_not_fit_is_told_in_one_line(calibrated, declared, text, said):
    path = calibrated / "further.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said) as caught:
        further_studies(path, "small", calibrated, FILE, declared)
    assert "\n" not in str(caught.value)


def test_the_command_needs_a_folder_for_what_follows(capsys):
    assert run(["calibrate", "--candidate", "waning", "--further"]) == 2
    assert "--further needs --out" in capsys.readouterr().err

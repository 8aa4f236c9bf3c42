import re

from harness.models.catalog import load_card, model_names, repository
from harness.validation.ledger import read_ledger
from harness.validation.spec import panel_names, read_panel


def test_the_ledger_goes_from_d01_without_a_gap():
    ledger = list(read_ledger())
    assert ledger == [f"D{i:02}" for i in range(1, len(ledger) + 1)]


def test_the_readings_of_the_ledger_are_those_of_the_models_that_cite_it():
    cited = {}
    for model in model_names():
        for reading, declared in load_card(model).readings.items():
            cited.setdefault(declared.ledger, {}).setdefault(model, []).append(reading)
    listed = {
        row: {model: list(names) for model, names in entry.readings.items()}
        for row, entry in read_ledger().items()
        if entry.readings
    }
    assert listed == cited


def test_every_row_that_a_model_or_a_page_names_is_in_the_ledger():
    files = [*(repository() / "models_antimony").iterdir(), *(repository() / "docs").glob("*.md")]
    named = {row for file in files for row in re.findall(r"\bD\d\d\b", file.read_text("utf-8"))}
    assert named <= set(read_ledger())


def test_the_scores_of_the_ledger_are_of_targets_that_name_its_row():
    targets = {target.id: target for name in panel_names() for target in read_panel(name).targets}
    for row, entry in read_ledger().items():
        for ids in entry.scored.values():
            assert set(ids) <= set(targets), row
    # what cannot be reproduced is scored in its row
    for target in targets.values():
        if target.expected == "not met":
            scored = [name for ids in read_ledger()[target.ledger].scored.values() for name in ids]
            assert target.id in scored, target.id

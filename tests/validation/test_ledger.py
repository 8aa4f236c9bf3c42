import re

from harness.models.card import repository
from harness.models.catalog import load_card, model_names
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
    files = [*(repository() / "models_antimony").rglob("*.*"), *(repository() / "docs").glob("*.md")]
    named = {row for file in files for row in re.findall(r"\bD\d\d\b", file.read_text("utf-8"))}
    assert named <= set(read_ledger())


def test_the_scores_of_the_ledger_are_of_targets_that_name_its_row():
    targets = {target.id: target for name in panel_names() for target in read_panel(name).targets}
    for row, entry in read_ledger().items():
        for ids in entry.scored.values():
            assert set(ids) <= set(targets), row
    # what cannot be reproduced is scored in its row
    for target in targets.values():
        if target.expected != "met":
            scored = [name for ids in read_ledger()[target.ledger].scored.values() for name in ids]
            assert target.id in scored, target.id


def test_what_one_reading_misses_is_foreseen_in_one_way():
    targets = {target.id: target for name in panel_names() for target in read_panel(name).targets}
    for row, entry in read_ledger().items():
        for reading, ids in entry.scored.items():
            foreseen = {targets[name].expected for name in ids} - {"met"}
            assert len(foreseen) <= 1, (row, reading)


def test_the_published_specification_fails_where_it_is_scored_and_only_there():
    """By the ledger: the literal and the stated ways, and what every way of reading misses."""
    targets = {target.id: target for name in panel_names() for target in read_panel(name).targets}
    foreseen = {
        (row, reading): targets[name].expected
        for row, entry in read_ledger().items()
        for reading, ids in entry.scored.items()
        for name in ids
        if targets[name].expected != "met"
    }
    of_a_reading = {way for way, expected in foreseen.items() if expected == "not met by this reading"}
    assert of_a_reading == {
        ("D01", "moving_volume"),
        ("D01", "constant_volume"),
        ("D08", "burden distribution"),
        ("D08", "as published, with an effect of the trial"),
        ("D08", "spread of burden, calibrated"),
        ("D08", "waning, calibrated"),
        ("D08", "limited divisions, calibrated"),
        ("D08", "clearance by the host, calibrated"),
        ("D08", "window, calibrated"),
        ("D08", "window with a resistant share, calibrated"),
        ("D17", "effects on burden and disposition added"),
        ("D18", "25 % of baseline"),
        ("D23", "nine estimated parameters by 50 %"),
        ("D23", "nine by published standard errors"),
        ("D23", "five of disposition by 50 %"),
    }
    # a reading that misses a bound stands beside one that meets one, or adds to what is published
    for row, reading in of_a_reading:
        others = [ids for way, ids in read_ledger()[row].scored.items() if way != reading]
        met = any(
            targets[name].expected == "met" and targets[name].threshold for ids in others for name in ids
        )
        assert met or row in ("D08", "D17"), (row, reading)

from pathlib import Path

import pytest

from harness.figures import labels


@pytest.mark.parametrize(
    ("name", "unit", "shown"),
    [
        ("tumor_volume", "mm^3", "tumor_volume (mm³)"),
        ("blood_cart", "cells/uL", "blood_cart (cells/µL)"),
        ("viability", "percent", "viability (%)"),
        ("gamma_m", "dimensionless", "gamma_m"),
        ("x", "", "x"),
    ],
)
def test_a_quantity_is_named_with_its_unit_as_print_has_it(name, unit, shown):
    assert labels.with_unit(name, unit) == shown


def test_time_is_named_with_its_unit_or_none():
    shown = [labels.with_unit("time", unit) for unit in ("day", "hour", "dimensionless")]
    assert shown == ["time (days)", "time (hours)", "time"]


def test_no_figure_writes_these_words_itself():
    words = [value for name, value in vars(labels).items() if name.isupper() and isinstance(value, str)]
    folder = Path(labels.__file__).parent
    texts = {path.name: path.read_text("utf-8") for path in folder.glob("*.py") if path.name != "labels.py"}
    assert [(name, word) for name, text in texts.items() for word in words if f'"{word}"' in text] == []
    assert [name for name, text in texts.items() if 'f"time (' in text or "readable(" in text] == []

import ast
import re

import pytest

from harness.figures import labels
from harness.models.card import repository


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


def said(path):
    """Texts of a module that a reader sees in a figure or the head of a column: no docstring, no help."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = list(ast.walk(tree))
    prose = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
    prose |= {
        id(part) for node in nodes if isinstance(node, ast.keyword) and node.arg == "help"
        for part in ast.walk(node.value)
    }  # fmt: skip
    return [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    ]


UNIT = re.compile(
    r"\((%|SD|s\b|standard|day|hour|month|week|cell|copies|10|[mµu]?[gLM]\b|\{)|\btime \(|10\^6|10⁶|×10"
)


@pytest.mark.parametrize(
    "path",
    [
        path
        for room in ("figures", "cli")
        for path in sorted((repository() / "harness" / room).glob("*.py"))
        if path.name != "labels.py"
    ],
    ids=lambda path: f"{path.parent.name}/{path.stem}",
)
def test_a_unit_is_written_in_one_place(path):
    words = [value for name, value in vars(labels).items() if name.isupper() and isinstance(value, str)]
    assert [text for text in said(path) if text in words or UNIT.search(text)] == []


def test_such_a_text_would_be_found():
    assert all(UNIT.search(text) for text in ("ORR (%)", "Cmax (copies/µg)", "at (day", "dose (10⁶ cells)"))
    assert not any(UNIT.search(text) for text in ("progression-free", "all (of it)", "--out"))

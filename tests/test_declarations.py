"""Declarative files: whatever stands in one, a fault is told with its file and line."""

import re
from typing import Annotated

import pytest
from pydantic import Field

from harness.declarations import Declaration, read_declaration
from harness.errors import InputError


class Tree(Declaration):
    """Declares what the tests below write."""

    name: str = ""
    branches: dict[str, dict[str, str]] = {}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("branches: &all\n  a: *all\n", r"tree.yaml:2: branches.a.a: "),
        ("name: x\nbranches:\n  a: {b: c, b: d}\n", r"tree.yaml:3: b: is given twice"),
        ("branches:\n  a: &a {b: c}\n  d: *a\nname: x\nname: y\n", r"tree.yaml:5: name: is given twice"),
        ("? [1, 2]\n: 3\n", r"tree.yaml:1: not YAML: found unhashable key"),
        ("name: x\nbranches: !!int abc\n", r"tree.yaml:2: not YAML: 'abc' is no int"),
        ("name: !!timestamp x\n", r"tree.yaml:1: not YAML: 'x' is no timestamp"),
        ("name: !!bool x\n", r"tree.yaml:1: not YAML: 'x' is no bool"),
        ("name: " + "5" * 5000 + "\n", r"tree.yaml:1: not YAML: '5{40}' is no int"),
        ("branches: " + "[" * 5000 + "\n", r"tree.yaml:1: is nested too deeply"),
        ("branches: " + "{a: " * 5000 + "\n", r"tree.yaml:1: is nested too deeply"),
        ("name: a\x00b\n", r"tree.yaml:1: has the control character U\+0000"),
        ("name: &a x\n" * 400_000, r"is too long for a declaration"),
        (
            "a0: &a0 [x, x]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i}, *a{i}]\n" for i in range(40)),
            "too large",
        ),
    ],
)
def test_a_part_of_itself_and_a_key_given_twice_are_refused(text, said, tmp_path):
    path = tmp_path / "tree.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_declaration(path, Tree)


@pytest.mark.parametrize("text", ["1:30", "1:29:1", "010", "2020-01-01", "2020-99-99", "1_000", "0b1", "1e6"])
def test_a_text_is_the_one_that_stands_there(tmp_path, text):
    (tmp_path / "tree.yaml").write_text(f"name: {text}\n", encoding="utf-8")
    assert read_declaration(tmp_path / "tree.yaml", Tree).name == text


NAMES = [
    "1",
    "1.50",
    "-0",
    "1e3",
    "007",
    "None",
    "null",
    "Null",
    "~",
    "yes",
    "off",
    "true",
    "NA",
    "nan",
    ".inf",
]


@pytest.mark.parametrize("name", [*NAMES, "2020-01-01", "!!int 5", "'5'"])
def test_a_key_is_the_name_that_stands_there(tmp_path, name):
    path = tmp_path / "tree.yaml"
    path.write_text(f"branches:\n  {name}: {{{name}: b}}\n", encoding="utf-8")
    key = name.removeprefix("!!int ").strip("'")
    assert read_declaration(path, Tree).branches == {key: {key: "b"}}
    path.write_text(f"branches:\n  {name}: {{{name}: [1]}}\n", encoding="utf-8")
    with pytest.raises(InputError, match=rf"tree.yaml:2: branches.{re.escape(key)}.{re.escape(key)}: "):
        read_declaration(path, Tree)


def test_a_mapping_may_be_merged_into_another(tmp_path):
    text = "branches:\n  a: &a {b: c, d: e}\n  f: {<<: *a, b: g}\n"
    (tmp_path / "tree.yaml").write_text(text, encoding="utf-8")
    assert read_declaration(tmp_path / "tree.yaml", Tree).branches["f"] == {"b": "g", "d": "e"}


class Numbers(Declaration):
    """Declares numbers of several forms."""

    one: float | None = None
    whole: Annotated[int, Field(ge=0)] = 0
    many: dict[str, tuple[float, ...]] = {}
    either: float | bool | str = 0.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("one: true", "one: 'True' is not a number"),
        ("one: 1_0", "one: '1_0' is not a number"),
        ("one: 1:30", "one: '1:30' is not a number"),
        ('one: "1\u200b"', "one: .* is not a number"),
        ('one: "\u00a01"', "is not a number"),
        ('one: "1\\x1f"', r"'1\\x1f' is no str"),
        ("one: 1e999", "one: .* is not a finite number"),
        ("one: .inf", "one: inf is not a finite number"),
        ("whole: yes", "whole: 'True' is not a number"),
        ("many: {a: [1, 1_0]}", "many: '1_0' is not a number"),
    ],
)
def test_a_number_of_a_declaration_is_one_decimal_numeral(tmp_path, text, said):
    (tmp_path / "n.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_declaration(tmp_path / "n.yaml", Numbers)


def test_numerals_are_read_as_numbers_and_other_fields_are_left_alone(tmp_path):
    (tmp_path / "n.yaml").write_text(
        "one: 1e6\nwhole: 3\nmany: {a: [1, .5]}\neither: true\n", encoding="utf-8"
    )
    found = read_declaration(tmp_path / "n.yaml", Numbers)
    assert (found.one, found.whole, found.many, found.either) == (1e6, 3, {"a": (1.0, 0.5)}, True)

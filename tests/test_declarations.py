"""Declarative files: whatever stands in one, a fault is told with its file and line."""

import pytest

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
    ],
)
def test_a_part_of_itself_and_a_key_given_twice_are_refused(text, said, tmp_path):
    path = tmp_path / "tree.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_declaration(path, Tree)

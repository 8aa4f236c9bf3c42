"""The drawn folders are those of the package, imports keep to them, and a name of a class means one thing."""

import configparser
import re
from pathlib import Path

from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).resolve().parents[1]
CONTRACT = ROOT / ".importlinter"


def layers(section):
    """Names of each line of a contract, the lowest first."""
    found = configparser.ConfigParser()
    found.read(CONTRACT, encoding="utf-8")
    lines = found[f"importlinter:contract:{section}"]["layers"].split("\n")
    return [set(re.findall(r"\w+", line)) for line in reversed(lines) if line]


def test_imports_keep_to_the_contract(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert lint_imports(no_cache=True) == EXIT_STATUS_SUCCESS, capsys.readouterr().out


def test_the_table_of_the_folders_is_the_contract():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE)
    level = {name: place for place, names in enumerate(layers("folders")) for name in names}
    packages = {path.parent.name for path in (ROOT / "harness").glob("*/__init__.py")}
    assert set(table) == packages
    assert [level[name] for name in table] == sorted(level[name] for name in table)
    beneath = re.search(r"Beneath all of them stand ([^.]*)\.", text)[1]
    assert set(re.findall(r"`(\w+)`", beneath)) == level.keys() - packages


def test_no_two_classes_have_one_name():
    found = [
        (name, str(path.relative_to(ROOT)))
        for path in sorted((ROOT / "harness").rglob("*.py"))
        for name in re.findall(r"^class (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    names = [name for name, _ in found]
    assert [each for each in found if names.count(each[0]) > 1] == []

"""What the types say of packages without types of their own is so: each name that is promised is there."""

import ast
import importlib
import re
from functools import cache

import pytest
import roadrunner

from harness.models.card import repository

STUBS = sorted((repository() / "stubs").glob("*.pyi"))
OWN = {"ListOf", "Symbol", "WithMath"}  # what several classes of libSBML have alike, under a name of ours


def promised(path):
    """Names of functions and values of a stub, and of the methods and fields of its classes."""
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            yield (node.name,)
        elif isinstance(node, ast.AnnAssign):
            yield (node.target.id,)
        elif isinstance(node, ast.ClassDef):
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef):
                    yield node.name, inner.name
                elif isinstance(inner, ast.AnnAssign):
                    yield node.name, inner.target.id


@cache
def loaded():
    return roadrunner.RoadRunner((repository() / "sbml" / "in_vitro.xml").read_text("utf-8"))


def bearers(module, path, name):
    """What has what a class of a stub has: itself, those that are made of it, or an object of it."""
    if name in ("RoadRunner", "Integrator"):  # some of it they have when they are made
        made = loaded()
        return [made if name == "RoadRunner" else made.integrator]
    classes = [node for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.ClassDef)]
    if name not in OWN:
        return [getattr(module, name)]
    heirs = [each.name for each in classes if any(ast.unparse(b).startswith(name) for b in each.bases)]
    return [getattr(module, heir) for heir in heirs] or [module.ListOf]


@pytest.mark.parametrize("path", STUBS, ids=lambda path: path.stem)
def test_what_a_stub_promises_is_there(path):
    module = importlib.import_module(path.stem)
    names = list(promised(path))
    assert len(names) > 10
    missing = [
        (owner, *rest)
        for owner, *rest in names
        for bearer in (bearers(module, path, owner) if rest else [module])
        if not hasattr(bearer, rest[0] if rest else owner)
    ]
    assert not missing


@pytest.mark.parametrize("path", STUBS, ids=lambda path: path.stem)
def test_a_stub_promises_no_more_than_is_used(path):
    texts = (each.read_text("utf-8") for each in (repository() / "harness").rglob("*.py"))
    used = {word for text in texts for word in re.findall(r"\w+", text)}
    names = {rest[0] if rest else owner for owner, *rest in promised(path)}
    assert sorted(name for name in names - used if not name.startswith("__")) == []


def test_stubs_are_of_what_has_no_types_of_its_own():
    for path in STUBS:
        package = importlib.import_module(path.stem).__file__
        assert not (repository() / package).parent.joinpath("py.typed").exists()
    assert {path.stem for path in STUBS} == {"libsbml", "roadrunner"}


def test_what_a_check_finds_is_ignored_for_a_reason_alone():
    """``# type: ignore[CODE]  # why``, and ``# noqa: CODE - why``."""
    reasoned = re.compile(r"# type: ignore\[[\w-]+\]  # \w.+|# noqa: [A-Z]+\d+(?:, [A-Z]+\d+)* - \w.+")
    folders = (repository() / name for name in ("harness", "tests", "benchmarks", "examples"))
    ignored = [
        f"{path.name}: {line.strip()}"
        for folder in folders
        for path in sorted(folder.rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if re.search(r"\S\s+# (type: ignore|noqa)", line)
    ]
    assert [line for line in ignored if not reasoned.search(line)] == []
    assert len([line for line in ignored if "type: ignore" in line]) <= 4

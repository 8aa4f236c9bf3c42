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
    text = "".join(each.read_text("utf-8") for each in (repository() / "harness").rglob("*.py"))
    names = {rest[0] if rest else owner for owner, *rest in promised(path)}
    assert sorted(n for n in names if not n.startswith("__") and not re.search(rf"\b{n}\b", text)) == []


def test_stubs_are_of_what_has_no_types_of_its_own():
    for path in STUBS:
        package = importlib.import_module(path.stem).__file__
        assert not (repository() / package).parent.joinpath("py.typed").exists()
    assert {path.stem for path in STUBS} == {"libsbml", "roadrunner"}


def test_an_error_is_ignored_for_a_reason_alone():
    folder = repository() / "harness"
    ignored = [
        (path.relative_to(folder).as_posix(), line)
        for path in sorted(folder.rglob("*.py"))
        for line in path.read_text("utf-8").splitlines()
        if "type: ignore" in line
    ]
    assert all(line.partition("type: ignore[")[2].partition("]  # ")[2] for _, line in ignored), ignored
    assert len(ignored) <= 4, ignored

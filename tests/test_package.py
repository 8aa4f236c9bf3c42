"""What is installed holds all that the checkout has: the package, its types, its models and panels."""

import contextlib
import zipfile

import pytest
from hatchling.build import build_wheel

from harness.models.card import repository

ROOT = repository()


@pytest.fixture(scope="module")
def held(tmp_path_factory):
    """Names of the files of a wheel of this project."""
    folder = tmp_path_factory.mktemp("wheel")
    with contextlib.chdir(ROOT):
        name = build_wheel(str(folder))
    with zipfile.ZipFile(folder / name) as wheel:
        return set(wheel.namelist())


def test_a_wheel_holds_the_package_with_its_types(held):
    code = [path for path in (ROOT / "harness").rglob("*") if path.suffix in (".py", ".pyi", ".yaml")]
    assert len(code) > 150
    assert {path.relative_to(ROOT).as_posix() for path in code} <= held
    assert {"harness/py.typed", "harness/__init__.pyi"} <= held


@pytest.mark.parametrize("folder", ["models_antimony", "sbml", "validation"])
def test_a_wheel_holds_models_and_panels_where_an_installed_copy_looks_for_them(held, folder):
    files = [path for path in (ROOT / folder).rglob("*") if path.suffix in (".yaml", ".csv", ".ant", ".xml")]
    assert files
    assert {f"harness/data/{path.relative_to(ROOT).as_posix()}" for path in files} <= held

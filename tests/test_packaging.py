"""What packages the project elsewhere says the same as pyproject.toml, and names what is there."""

import re
import subprocess
import tomllib

import pytest
import yaml

from harness.models.card import repository

ROOT = repository()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
RECIPE = yaml.safe_load((ROOT / "packaging" / "conda" / "recipe.yaml").read_text("utf-8"))
CONTAINER = (ROOT / "packaging" / "container" / "Dockerfile").read_text("utf-8")


def plain(requirements):
    """Names and bounds, whatever the spaces and capitals."""
    return sorted(re.sub(r"\s", "", each).lower() for each in requirements)


def test_the_recipe_asks_for_what_the_package_asks_for():
    python, *run = RECIPE["requirements"]["run"]
    assert plain(run) == plain(PROJECT["dependencies"])
    assert plain([python]) == [f"python{PROJECT['requires-python']}"]
    assert str(RECIPE["package"]["version"]) == PROJECT["version"]
    assert RECIPE["build"]["python"]["entry_points"] == [f"cart = {PROJECT['scripts']['cart']}"]
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["build-system"]["requires"]
    assert set(plain(build)) < set(plain(RECIPE["requirements"]["host"]))


def test_the_recipe_is_of_this_tree_and_this_licence():
    folder = ROOT / "packaging" / "conda"
    assert (folder / RECIPE["source"]["path"]).resolve() == ROOT.resolve()
    assert (ROOT / RECIPE["about"]["license_file"]).is_file()
    assert RECIPE["about"]["license"] == PROJECT["license"]


@pytest.mark.parametrize("command", RECIPE["tests"][1]["script"])
def test_what_the_recipe_tries_works(command, capsys):
    from harness.cli.main import run

    assert run(command.split()[1:]) == 0
    assert capsys.readouterr().out


def test_the_container_makes_targets_that_there_are():
    made = re.findall(r"^(?:RUN make|#.*cart-pkpd make) (\S+)", CONTAINER, re.MULTILINE)
    made += re.findall(r'CMD \["make", "(\S+)"\]', CONTAINER)
    assert {".venv/.ready", "test", "reproduce"} == set(made)
    for target in made:
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr


def test_the_container_has_a_python_that_the_package_asks_for():
    (tag,) = re.findall(r"^FROM python:(\S+)-slim$", CONTAINER, re.MULTILINE)
    assert f"Programming Language :: Python :: {tag}" in PROJECT["classifiers"]


def test_an_image_holds_no_environment_and_no_history():
    ignored = (ROOT / ".dockerignore").read_text("utf-8").split()
    assert {".git", ".venv*", "build"} <= set(ignored)


def test_no_file_that_packages_says_where_a_registry_is():
    for path in (ROOT / "packaging").rglob("*"):
        if path.is_file():
            assert "://" not in path.read_text("utf-8"), path

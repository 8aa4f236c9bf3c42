"""Every recipe of the page on exchange whose tool is free runs as printed, to the numbers of the engine."""

import os
import re
import sys
import sysconfig
import warnings

import numpy as np
import pytest

from harness.archives.export import export
from harness.exchange.use import use_of
from harness.models.card import repository

PAGE = (repository() / "docs" / "exchange.md").read_text("utf-8")
RECIPES = dict(re.findall(r"^## (\w+)\n(?:(?!^## ).)*?```python\n(.*?)```", PAGE, re.DOTALL | re.MULTILINE))


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Run a recipe in a folder that holds `sbml` and what its comments say was written."""

    def execute(name):
        (tmp_path / "sbml").symlink_to(repository() / "sbml")
        monkeypatch.chdir(tmp_path)
        monkeypatch.syspath_prepend(str(tmp_path))
        found = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the tools, at import
            exec(RECIPES[name], found)
        return found

    return execute


def expected(dose, column):
    table = use_of("clinical", doses=[dose]).expected(np.linspace(0, 360, 361))
    return table[column].to_numpy()


def test_the_page_has_a_recipe_for_each_free_tool():
    assert set(RECIPES) == {"COPASI", "tellurium", "libSBML", "scipy", "PEtab", "AMICI"}


def test_the_recipe_for_copasi(run):
    table = run("COPASI")["table"].to_numpy()
    np.testing.assert_allclose(table[:, 1], expected("450e6", "transgene"), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(table[:, 2], expected("450e6", "M_protein_change"), rtol=1e-5, atol=1e-6)


def test_the_recipe_for_tellurium(run):
    rows = np.array(run("tellurium")["rows"])
    np.testing.assert_allclose(rows[:, 1], expected("450e6", "transgene"), rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(rows[:, 2], expected("450e6", "M_protein_change"), rtol=1e-5, atol=1e-5)


def test_the_recipe_for_libsbml(run):
    found = run("libSBML")
    assert found["problems"] == 0
    assert 'id="dose" value="450000000"' in found["changed"]


def test_the_recipe_for_scipy(run, tmp_path, monkeypatch):
    export(use_of("clinical"), "python", tmp_path / "clinical.py")
    monkeypatch.delitem(sys.modules, "clinical", raising=False)
    transgene = run("scipy")["transgene"]
    monkeypatch.delitem(sys.modules, "clinical", raising=False)
    np.testing.assert_allclose(transgene, expected("150e6", "transgene"), rtol=1e-5, atol=1e-4)


def test_the_recipe_for_petab(run, tmp_path):
    export(use_of("xenograft"), "petab", tmp_path / "petab")
    assert "K_exp_max" in run("PEtab")["estimated"]


@pytest.mark.slow
def test_the_recipe_for_amici(run, monkeypatch, amici):  # noqa: ARG001 - it has to be there
    monkeypatch.setenv("PATH", sysconfig.get_path("scripts"), prepend=os.pathsep)
    transgene = run("AMICI")["transgene"]
    np.testing.assert_allclose(transgene, expected("450e6", "transgene"), rtol=1e-5, atol=1e-4)

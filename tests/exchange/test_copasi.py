"""The SBML files in COPASI, values set by COPASI's own means: every observable equals that of the engine."""

import re
import subprocess
import sys
import warnings

import basico
import numpy as np
import pytest

from harness.models.card import repository
from harness.models.catalog import load_card, model_names, select
from harness.models.symbols import read_symbols
from harness.simulation.engine import Engine
from harness.simulation.programs import load_program

CASES = [(name, reading) for name in model_names() for reading in ("", *load_card(name).readings)]


@pytest.mark.parametrize(("name", "reading"), CASES)
def test_values_set_in_copasi_give_the_numbers_of_the_engine(name, reading):
    selection = select(name, [reading] if reading else [])
    card = selection.card
    changes = read_symbols(card.sbml_path()).parse_all(selection.changes)
    times = np.linspace(0, min(card.until, 120), 61)
    found = copasi(card, changes, times)
    engine = Engine(load_program(card.id), relative_tolerance=1e-10)
    ours = engine.run(changes, None, times, card.observables).values
    allowed = 1e-9 * np.abs(ours).max(axis=0) + 1e-5 * np.abs(ours)
    assert (np.abs(found - ours) <= allowed).all()


def copasi(card, changes, times):
    model = basico.load_model(str(card.sbml_path()))
    compartments = set(basico.get_compartments(model=model).index)
    for name, value in changes.items():
        if name in compartments:
            basico.set_compartment(name, initial_value=value, exact=True, model=model)
        else:
            basico.set_parameters(name, initial_value=value, exact=True, model=model)
    output = ["Time", *(f"Values[{observable}]" for observable in card.observables)]
    table = basico.run_time_course_with_output(
        output, values=times.tolist(), start_time=0, use_initial_values=True, method="deterministic",
        r_tol=1e-10, a_tol=1e-18, model=model,
    )  # fmt: skip
    basico.remove_datamodel(model)
    return table.to_numpy()[:, 1:]


@pytest.mark.quick
def test_the_lines_of_the_readme_and_of_the_page_on_other_tools_run():
    pages = {
        "basico": ("README.md", 60_000),
        "tellurium": ("docs/exchange.md", 180_000),
    }  # of three times the dose
    for tool, (place, highest) in pages.items():
        page = (repository() / place).read_text("utf-8")
        lines = re.search(rf"```python\n(import {tool}\n.*?)```", page, re.DOTALL)[1]
        code = f"import os; os.chdir({str(repository())!r})\n{lines}"
        found = {}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(code, found)
        rows = found["table"].to_numpy() if tool == "basico" else np.array(found["rows"])
        assert rows[-1, 0] == pytest.approx(360)
        assert rows[:, 1].max() == pytest.approx(highest, rel=1e-6)


LOCALE = """
import locale
import numpy as np
from harness.exchange.tools import copasi
from harness.models.catalog import load_card

locale.setlocale(locale.LC_ALL, "C.UTF-8")
copasi(load_card("in_vitro").sbml_path().read_text("utf-8"), np.array([0.0, 1.0]), ["viability"])
print(locale.setlocale(locale.LC_ALL))
"""


def test_copasi_leaves_the_locale_by_which_text_is_read():
    done = subprocess.run([sys.executable, "-c", LOCALE], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "C.UTF-8"

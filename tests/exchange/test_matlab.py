"""The MATLAB file gives the right numbers: read back and evaluated, and run in Octave where that is."""

import json
import math
import re
import shutil
import subprocess
from types import SimpleNamespace

import numpy as np
import pytest

from harness.analysis.metrics import over_tolerance
from harness.archives.export import export
from harness.exchange.agreement import absolute_tolerances
from harness.exchange.matlab import matlab_text
from harness.exchange.rhs import python_text
from harness.exchange.use import use_of
from harness.models.card import repository
from harness.models.catalog import model_names
from harness.models.equations import read_equations
from harness.models.mathml import MATLAB

OCTAVE = shutil.which("octave-cli") or shutil.which("octave")
DOSES = ["1e8", "5e7@10.3", "1e8@20.2 for 1 day"]
NAMES = """
model names()
  if = 2; p = 3; values = 0.5; states = 1; states' = -states; for = values; for' = one*rates - for*for
  one := piecewise(p*exp(-if), time > 1 && if < p, p^-if); rates = 4; at (time >= 1.5): states = states + for
end
"""


def used(name):
    return use_of(name, doses=None if name == "in_vitro" else DOSES)


@pytest.fixture
def awkward(tmp_path):
    """A model whose names mean something else in MATLAB."""
    path = tmp_path / "names.ant"
    path.write_text(NAMES, encoding="utf-8")
    return use_of(str(path), until=4)


def independent(use):
    module: dict = {}
    exec(python_text(read_equations(use.sbml())), module)
    return module


def random_states(module):
    return np.random.default_rng(1).lognormal(3, 2, (5, len(module["STATES"])))


def read_back(text):
    """Functions of a MATLAB file as functions of Python, line by line, but the one that solves."""
    functions: dict = {name: getattr(math, name) for name in ("exp", "log")}
    functions |= {
        "ifelse": lambda condition, yes, no: yes if condition else no,
        "SimpleNamespace": SimpleNamespace,
    }
    for outputs, name, arguments, body in re.findall(
        r"^function (\w+|\[.*?\]) = (\w+)\((.*?)\)\n(.*?)^end$", text, re.DOTALL | re.MULTILINE
    )[1:-1]:
        start = "  p = SimpleNamespace()\n" if name == "parameters" else "  given = list(states)\n"
        source = "".join(map(python_line, body.replace("  given = states;\n", "").splitlines()))
        result = outputs.strip("[]")
        exec(f"def {name}({arguments}):\n{start if name in ('parameters', 'after') else ''}{source}"
             f"  return {result}\n", functions)  # fmt: skip
    return functions


def python_line(line):
    line = line.partition("  % ")[0].rstrip()
    if line == "  end":
        return ""
    for matlab, python in (("^", "**"), ("&&", "and"), ("||", "or"), ("~=", "!="), ("~", "not ")):
        line = line.replace(matlab, python)
    line = re.sub(r"\b(states|given)\((\d+)\)", lambda found: f"{found[1]}[{int(found[2]) - 1}]", line)
    if listed := re.fullmatch(r"  (\w+) = \[(.+)\];", line):
        items = re.split(r"; | ", listed[2]) if listed[1] == "values" else listed[2].split("; ")
        return f"  {listed[1]} = [{', '.join(items)}]\n"
    if line.startswith("  if "):
        return f"{line}:\n"
    if line.startswith("    ") and not line.endswith(";"):
        return f"{line},\n"
    return f"{line.removesuffix(';')}\n"


def assert_same(use):
    """Start, rates and formulas of the MATLAB file are those of the right-hand side that scipy solves."""
    module = independent(use)
    equations = read_equations(use.sbml())
    matlab = read_back(matlab_text(equations))
    p = matlab["parameters"]()
    np.testing.assert_allclose(matlab["initial"](0, p), module["initial"](), rtol=1e-14)
    for state in random_states(module):
        rates, values = matlab["rhs"](1.7, state, p)
        np.testing.assert_allclose(rates, module["rhs"](1.7, state), rtol=1e-14)
        np.testing.assert_allclose(values, list(module["formulas"](1.7, state).values()), rtol=1e-14)


@pytest.mark.parametrize("name", model_names())
def test_the_text_equals_the_right_hand_side_term_by_term(name):
    assert_same(used(name))


def test_columns_are_named_by_states_and_formulas_in_order():
    equations = read_equations(used("in_vitro").sbml())
    text = matlab_text(equations)
    for kind, names in (("states", equations.rates), ("formulas", equations.formulas)):
        listed = re.findall(rf"^  {kind} = {{(.*)}};$", text, re.MULTILINE)
        assert listed == [", ".join(f"'{name}'" for name in names)]


def test_names_that_mean_something_else_in_matlab_are_spelled_otherwise(awkward):
    assert_same(awkward)
    assert [MATLAB.name(name) for name in ("end", "p", "log", "_x", "K_12")] == [
        "end_",
        "p_",
        "log_",
        "x_x",
        "K_12",
    ]


def test_doses_after_the_start_are_given_at_their_times():
    use = used("clinical")
    matlab = read_back(matlab_text(read_equations(use.sbml())))
    p = matlab["parameters"]()
    states = independent(use)["STATES"]
    before = [1.0] * len(states)
    assert sorted(matlab["moments"](p)) == [10.3, 20.2, 21.2]
    changed = {
        time: {s: v for s, v in zip(states, matlab["after"](time, before, p), strict=True) if v != 1}
        for time in (5.0, 10.3, 21.2)
    }
    assert changed == {5.0: {}, 10.3: {"CARTe_b": 5e7 + 1}, 21.2: {"dose_3_on": 0}}


def octave(folder, code):
    done = subprocess.run(
        [OCTAVE, "--quiet", "--no-gui", "--no-init-file", "--eval", code],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(
    OCTAVE is None,
    reason="Octave, no Python package, is not installed; the text is read back and evaluated above",
)
class TestInOctave:
    """The file as Octave runs it."""

    @staticmethod
    def solved(use, folder, until, more=""):
        """Columns at 41 times; `more` is a further argument."""
        text = matlab_text(read_equations(use.sbml()))
        (folder / "solved.m").write_text(text, encoding="utf-8")
        return octave(folder, f"disp(jsonencode(solved(linspace(0, {until}, 41){more})))")

    @pytest.mark.parametrize("name", model_names())
    def test_rates_and_formulas_are_those_of_the_right_hand_side(self, name, tmp_path):
        use = used(name)
        module = independent(use)
        functions = matlab_text(read_equations(use.sbml())).partition("function p = parameters()")
        (tmp_path / "parts.m").write_text("1;\n" + "".join(functions[1:]), encoding="utf-8")
        points = random_states(module)
        calls = "".join(f"[r, f] = rhs(1.7, {list(map(float, y))}, p); a = [a; r; f'];" for y in points)
        found = octave(tmp_path, f"parts; p = parameters(); a = []; {calls} disp(jsonencode(a'))")
        expected = [[*module["rhs"](1.7, y), *module["formulas"](1.7, y).values()] for y in points]
        np.testing.assert_allclose(found, np.ravel(expected), rtol=1e-12)

    @pytest.mark.parametrize("name", model_names())
    def test_the_solution_is_that_of_the_engine(self, name, tmp_path):
        use = used(name)
        found = self.solved(use, tmp_path, use.card.until)
        expected = use.expected(np.array(found["time"])).iloc[:, 1:].to_numpy()
        columns = np.array([found[name] for name in use.card.observables]).T
        atol = np.array([absolute_tolerances()[name].atol for name in use.card.observables])
        assert over_tolerance(columns, expected, atol, 1e-5).max() <= 1

    def test_the_recipe_of_the_page_runs(self, tmp_path):
        page = (repository() / "docs" / "exchange.md").read_text("utf-8")
        recipe = re.search(r"```matlab\n(.*?)```", page, re.DOTALL)[1]
        export(use_of("clinical"), "matlab", tmp_path / "clinical.m")
        change = np.array(octave(tmp_path, f"{recipe}disp(jsonencode(change))"))
        for column, dose in enumerate(["150e6", "450e6"]):
            expected = use_of("clinical", doses=[dose]).expected(np.linspace(0, 360, 361))
            np.testing.assert_allclose(change[:, column], expected.M_protein_change, rtol=1e-5, atol=1e-6)

    def test_an_unknown_parameter_is_told(self, tmp_path):
        with pytest.raises(AssertionError, match="no parameter dos"):
            self.solved(use_of("clinical"), tmp_path, 30, ", struct('dos', 1)")

    def test_names_that_mean_something_else_are_no_hindrance(self, awkward, tmp_path):
        found = self.solved(awkward, tmp_path, 4)
        expected = awkward.expected(np.array(found["time"]))
        for name in ("for", "states", "one"):
            np.testing.assert_allclose(found[MATLAB.name(name)], expected[name], rtol=1e-5)

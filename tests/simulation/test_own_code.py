"""A user's own endpoints: known by their text wherever they run, and unable to change what others see."""

import sys

import numpy as np
import pytest

from harness.analysis.gives import gives
from harness.errors import InputError
from harness.simulation.execute import Processes
from harness.simulation.made_designs import grid
from harness.simulation.own_code import load, text_of
from harness.simulation.plan import plan
from harness.simulation.run import run, stream


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write modules of a user; they are found, and forgotten afterwards."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def call(files):
        for name, text in files.items():
            path = tmp_path / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")

    yield call
    for name in set(sys.modules) - before:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


FACTOR = """
import numpy as np

def endpoint(time, values):
    return np.full(len(values['transgene']), {})

endpoint.unit = "dimensionless"
"""


def planned(*endpoints):
    return plan("clinical", grid(dose=[1e8, 2e8]), endpoints=endpoints, until=5)


def test_an_edited_function_is_another_study_and_runs_as_edited(write, tmp_path):
    write({"mine_a": FACTOR.format("1.0")})
    first = planned("mine_a:endpoint")
    small = first.__class__(**{**vars(first), "chunk": 1})
    executor = Processes(3)  # which no other test has started
    assert run(small, executor)["endpoint"].to_numpy().tolist() == [1, 1]

    class Interrupting:
        def map(self, function, chunks):
            yield function(next(iter(chunks)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stream(small, tmp_path / "out.csv", Interrupting())
    write({"mine_a": FACTOR.format("22.0")})
    assert run(small)["endpoint"].to_numpy().tolist() == [1, 1]  # what was planned is what is loaded still
    second = planned("mine_a:endpoint")
    assert second.study.key() != first.study.key()
    edited = second.__class__(**{**vars(second), "chunk": 1})
    with pytest.raises(InputError, match="belongs to another run"):
        stream(edited, tmp_path / "out.csv", resume=True)
    for each in (None, executor):  # the processes that have the first text go on with the second
        assert run(edited, each)["endpoint"].to_numpy().tolist() == [22, 22]
    with pytest.raises(InputError, match="mine_a:endpoint: its module has changed since the study"):
        run(small)


@pytest.mark.parametrize(
    "import_", ["from mine_lib.inner import VALUE", "import mine_lib.inner as i; VALUE = i.VALUE",
                "from mine_lib import inner; VALUE = inner.VALUE"],
)  # fmt: skip
@pytest.mark.quick
def test_what_a_module_imports_of_the_users_own_belongs_to_it(write, import_):
    write(
        {
            "mine_b": f"{import_}\n{FACTOR.format('VALUE')}",
            "mine_lib/inner": "VALUE = 1\n",
            "mine_lib/__init__": "",
        }
    )
    texts = [text_of("mine_b:endpoint")]
    assert run(planned("mine_b:endpoint"))["endpoint"][0] == 1
    write({"mine_lib/inner": "VALUE = 333\n"})
    texts.append(text_of("mine_b:endpoint"))
    assert run(planned("mine_b:endpoint"))["endpoint"][0] == 333
    write({"mine_lib/__init__": "# another\n"})
    texts.append(text_of("mine_b:endpoint"))
    assert len(set(texts)) == 3


def test_a_module_that_is_imported_within_a_function_or_relatively_counts(write):
    write(
        {
            "mine_c/__init__": "",
            "mine_c/outer": "def f(time, values):\n    from .inner import g\n    return g()\n",
            "mine_c/inner": "def g():\n    return 1\n",
        }
    )
    before = text_of("mine_c.outer:f")
    write({"mine_c/inner": "def g():\n    return 12\n"})
    assert text_of("mine_c.outer:f") != before
    assert "mine_c" not in sys.modules


def test_installed_modules_are_no_user_s_own():
    assert text_of("math:sin") == text_of("numpy:mean") == text_of("os.path:join") == ""
    assert load("math:sin", "")(0) == 0


@pytest.mark.parametrize("statement", ["import sys; sys.exit()", "raise SystemExit(3)", "1 / 0", "def f(:"])
def test_a_module_that_ends_the_process_or_breaks_is_one_line(write, statement):
    write({"mine_d": f"{statement}\n"})
    with pytest.raises(InputError, match=r"^endpoint mine_d:f: (SystemExit|ZeroDiv|Syntax)[^\n]*$"):
        planned("mine_d:f")


GREEDY = """
import numpy as np

def greedy(time, values):
    for array in (time, *values.values()):
        while array is not None:  # to the very first owner of the numbers
            try:
                array.flags.writeable = True
                array[...] = -1
            except ValueError:
                pass
            array = array.base if isinstance(array.base, np.ndarray) else None
    values.clear()
    return np.zeros(2)

greedy.unit = "dimensionless"
"""

FIRST = """
def first(time, values):
    return values['transgene'][:, 0] + time[0]

first.unit = "copies/ug"
"""


def test_no_endpoint_changes_what_another_sees(write):
    write({"mine_e": GREEDY + FIRST})
    alone = run(planned("Cmax", "mine_e:first"))
    for order in (("mine_e:greedy", "Cmax", "mine_e:first"), ("mine_e:first", "mine_e:greedy", "Cmax")):
        study = planned(*order)
        found = run(study)
        again = run(study)
        for name in ("Cmax", "first"):
            np.testing.assert_array_equal(found[name], alone[name])
            np.testing.assert_array_equal(again[name], alone[name])


def test_a_function_of_the_library_cannot_change_what_another_sees(monkeypatch):
    from harness.analysis.library import FUNCTIONS

    @gives("{value}")
    def greedy(time, value):
        value[:] = time

    monkeypatch.setitem(FUNCTIONS, "greedy", greedy)
    with pytest.raises(ValueError, match="read-only"):
        run(planned("greedy(transgene)"))


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("", "nothing says in which unit its result is; give the function one, such as f.unit = 'day'"),
        ("f.unit = 3", "nothing says in which unit its result is"),
        ("f.unit = 'fortnihgt'", "its unit 'fortnihgt' is no unit; it may hold {time}"),
        ("f.unit = '{value}'", "its unit '{value}' is no unit"),
        ("f.unit = '{time'", "its unit '{time' is no unit"),
        ("f.unit = '{0.__class__}'", "is no unit"),
    ],
)
def test_an_endpoint_without_a_unit_is_refused(write, unit, said):
    write({"mine_u": f"def f(time, values):\n    return time\n{unit}\n"})
    with pytest.raises(InputError) as caught:
        planned("mine_u:f")
    assert str(caught.value).startswith("endpoint mine_u:f: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_endpoint_of_ones_own_says_its_unit(write):
    write({"mine_v": "def f(time, values):\n    return time\nf.unit = 'copies/ug*{time}'\n"})
    assert planned("mine_v:f").unit("f") == "copies/ug*day"

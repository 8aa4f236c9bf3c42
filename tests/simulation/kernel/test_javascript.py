import numpy as np
import pytest

from harness.errors import InputError
from harness.simulation.kernel.javascript import javascript
from tests.javascript import answer

IMPORTS = "from math import exp, isfinite, log\nimport numpy as np\n"


def both(python, *calls):
    """Numbers that calls give in Python, and in the JavaScript of the same text, each in a row."""
    scope = {}
    exec(IMPORTS + python, scope)
    script = f"{javascript(IMPORTS + python)}\n" + (
        "const row = (x) => (typeof x === 'object' ? Array.from(x, row).flat() : [String(Number(x))]);\n"
        "const array = (x) => (typeof x === 'object' ? Float64Array.from(x) : x);\n"
        "const answer = (calls) => calls.map(([name, given]) => row(eval(name)(...given.map(array))));"
    )
    arrays = ([np.array(g) if isinstance(g, list) else g for g in given] for _, given in calls)
    ours = [row(scope[name](*given)) for (name, _), given in zip(calls, arrays, strict=True)]
    return ours, [list(map(float, found)) for found in answer(script, calls)]


def row(found):
    """All numbers of a result."""
    if isinstance(found, tuple | np.ndarray):
        return [each for part in found for each in row(part)]
    return [float(found)]


FUNCTIONS = """
A, B = 1.5, -2
C = np.array([[A, B], [1e-300, 2.0]])


def operators_bind_alike(a, b, c):
    return -a**b * c - (a - (b - c)) / a + (a & 3 > 1)


def a_power_takes_its_sign_last(x):
    return -x**-0.2


def the_right_is_worked_out_before_the_left(a, b):
    a, b = b, a + b
    return a, b


def two_of(a):
    return a, 2*a


def what_is_unpacked_goes_into_places(z):
    z[0], z[1] = two_of(z[1])
    return z


def several_names_take_one_value(a):
    b = c = a > 2
    return b, c


def loops_within_loops(n, z):
    s = 0
    for i in range(1, n):
        for k in range(2):
            s += i*z[k]
    return s


def a_loop_over_an_array(z):
    s = 0.0
    for x in z:
        s += x
    return s


def a_loop_looks_at_its_end_once(n):
    s = 0
    for i in range(n):
        n = 10
        s += i
    return s, n


def conditions_of_a_loop(a):
    n = 0
    while a > 1 and not (n > 5 or a == 7):
        a = a/2
        n += 1
    return n


def branches(a):
    if a < 0:
        return 0
    elif a == 0:
        return 1
    else:
        return 2


def the_lower_and_the_higher(a, b):
    return min(a, b), max(a, b)


def functions(x):
    return exp(x), log(x), abs(-x), isfinite(x), np.floor(x), np.ceil(x)


def infinity(x):
    return -np.inf < x, max(x, np.inf), np.inf


def parts_of_arrays_are_the_arrays(z):
    part = z[1:3]
    part[0] = 9.0
    return z, part.shape[0]


def new_arrays(n):
    z = np.zeros(n)
    k = np.zeros(2, np.int64)
    k[:] = 3
    k[1] += 1
    return z, k


def constants(i):
    return C[i, 0]*B, C[i], C.shape[1]


def names_that_javascript_keeps(new, function):
    var = new - function
    return var


def the_numbers_beside(x):
    return np.nextafter(x, -np.inf), np.nextafter(x, np.inf)
"""

CALLS = {
    "operators_bind_alike": [(2, 2, 7), (3, 1, 0.5)],
    "a_power_takes_its_sign_last": [(3.0,), (0.5,)],
    "the_right_is_worked_out_before_the_left": [(1, 2)],
    "what_is_unpacked_goes_into_places": [([1.0, 5.0],)],
    "several_names_take_one_value": [(1,), (3,)],
    "loops_within_loops": [(4, [1.0, 2.0]), (0, [1.0, 2.0])],
    "a_loop_over_an_array": [([1.0, 2.5],)],
    "a_loop_looks_at_its_end_once": [(3,)],
    "conditions_of_a_loop": [(100.0,), (7,)],
    "branches": [(-1,), (0,), (3,)],
    "the_lower_and_the_higher": [(1, 2), (2, 1)],
    "functions": [(2.5,), (1e-3,)],
    "infinity": [(1.0,)],
    "parts_of_arrays_are_the_arrays": [([1.0, 2.0, 3.0, 4.0],)],
    "new_arrays": [(3,)],
    "constants": [(0,), (1,)],
    "names_that_javascript_keeps": [(5, 3)],
    "the_numbers_beside": [(1.0,), (0.0,), (-3.7,), (1e300,), (5e-324,)],
}


@pytest.mark.quick
def test_what_is_printed_does_what_python_does():
    calls = [(name, given) for name, several in CALLS.items() for given in several]
    for call, ours, theirs in zip(calls, *both(FUNCTIONS, *calls), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-15, abs=0), call


def test_a_minimum_of_what_is_no_number_is_that_of_python():
    text = "def f():\n    x = np.inf - np.inf\n    return min(x, 1.0), min(1.0, x), max(x, 1.0), max(1.0, x)"
    ours, theirs = both(text, ("f", ()))
    assert ours[0] == pytest.approx(theirs[0], nan_ok=True)
    assert theirs[0] == pytest.approx([np.nan, 1.0, np.nan, 1.0], nan_ok=True)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("def f(x):\n    return np.sort(x)", "np.sort(x)"),
        ("def f(x):\n    return x // 2", "x // 2"),
        ("def f(x):\n    return x % 2", "x % 2"),
        ("def f(x):\n    return 0 < x < 1", "0 < x < 1"),
        ("def f(x):\n    return y", "the name y"),
        ("def f(x):\n    return x[::2]", "x[::2]"),
        ("def f(x):\n    x **= 2", "x **= 2"),
        ("def f(x):\n    return [i for i in x]", "[i for i in x]"),
        ("def f(x):\n    try:\n        pass\n    finally:\n        pass", "try:"),
        ("def f(x):\n    for i in range(3):\n        i = 2", "for i in range(3):"),
        ("def f(x):\n    for i in range(3):\n        pass\n    return i", "the name i"),
        ("def f(x):\n    return max(x, 1, 2)", "max(x, 1, 2)"),
        ("def f(x, y=1):\n    return x", "def f(x, y=1):"),
        ("def f(x):\n    x[1:] = 0", "x[1:] = 0"),
        ("def f(x):\n    return 'text'", "'text'"),
        ("def f(x):\n    return x.shape", "x.shape"),
        ("x = y = (1, 2)\nclass A:\n    pass", "x = y = (1, 2)"),
        ("class A:\n    pass", "class A:"),
    ],
)
def test_what_is_not_known_is_refused_by_name(text, named):
    with pytest.raises(InputError) as error:
        javascript(text)
    assert str(error.value) == f"cannot be written as JavaScript: {named}"

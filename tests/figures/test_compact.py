"""Paths in fewer bytes are drawn where they were: another reader of SVG paths says so."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.figures.compact import compact_path, compact_svg
from harness.figures.style import new_figure, svg

NUMBER = st.floats(-5000, 5000).map(lambda value: round(value, 6))
POINT = st.tuples(NUMBER, NUMBER)
COMMAND = st.one_of(
    st.tuples(st.just("L"), st.tuples(POINT)),
    st.tuples(st.just("Q"), st.tuples(POINT, POINT)),
    st.tuples(st.just("C"), st.tuples(POINT, POINT, POINT)),
    st.just(("z", ())),
)
SUBPATH = st.tuples(st.tuples(st.just("M"), st.tuples(POINT)), st.lists(COMMAND, max_size=30)).map(
    lambda found: [found[0], *found[1]]
)


def written(commands):
    """As matplotlib writes a path."""
    return "\n".join(" ".join([letter, *(f"{x:f} {y:f}" for x, y in points)]) for letter, points in commands)


def read(path):
    """Absolute points of a path of relative commands, by the rules of SVG, letter by letter."""
    points, at, start, letter, place = [], (0.0, 0.0), (0.0, 0.0), "", 0

    def number():
        nonlocal place
        while path[place] == " ":
            place += 1
        begin, dots = place, 0
        while place < len(path) and (path[place].isdigit() or path[place] in ".-"):
            if (path[place] == "-" and place > begin) or (path[place] == "." and dots):
                break
            dots += path[place] == "."
            place += 1
        return float(path[begin:place])

    while place < len(path):
        if path[place].isalpha():
            letter = path[place]
            place += 1
            if letter == "z":
                at = start
                continue
        pairs = [
            (at[0] + number(), at[1] + number()) for _ in range({"m": 1, "l": 1, "q": 2, "c": 3}[letter])
        ]
        at = pairs[-1]
        start = at if letter == "m" else start
        points += pairs
    return points


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(SUBPATH, min_size=1, max_size=3))
def test_no_point_of_any_path_moves_by_more_than_half_a_step(subpaths):
    commands = [command for subpath in subpaths for command in subpath]
    given_points = [point for _, points in commands for point in points]
    found = read(compact_path(written(commands)))
    step = 0.01 if any(letter in "QC" for letter, _ in commands) else 0.1
    assert len(found) == len(given_points)
    for (x, y), (u, v) in zip(given_points, found, strict=True):
        assert math.hypot(x - u, y - v) <= 0.75 * step + 1e-7


@pytest.mark.parametrize("path", ["M 0 0 A 1 1 0 0 1 2 2", "m 1 1 l 2 2", "M 1 1 2 2", ""])
def test_other_commands_are_left_as_they_are(path):
    assert compact_path(path) == path


def test_words_and_what_is_between_them_stay():
    words = ">1.23456\n  and  <tspan>two</tspan> <tspan>M 1.26</tspan></text>"
    found = compact_svg(f'<svg>\n <text d="M 1.26 2.04\nL 3.0 0.04"{words}\n</svg>')
    assert 'd="m1.3 2l1.7-2"' in found
    assert found.endswith(f"{words}</svg>")


def test_a_figure_of_many_lines_takes_less_than_half_as_much():
    _, (axes,) = new_figure(1)
    for i in range(50):
        axes.plot([math.sin(i * k) for k in range(60)], linewidth=0.5)
    found = svg(axes, "lines")
    assert len(found) < 55_000  # 115 000 as matplotlib writes it
    assert "\n<" not in found

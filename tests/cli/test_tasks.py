"""What is told of tasks as they are done: a clock that is moved by hand says when."""

import os
import re
import select
import sys

import pytest

from harness.cli import terminal
from harness.cli.terminal import task_progress

CURSOR_BACK = "\x1b[?25h"
"""What a terminal is told at the end of a line that changes."""

LEFT = re.compile(r"about (\d+):(\d\d) left")


@pytest.fixture
def clock(monkeypatch):
    """Moments that `time.monotonic` gives, moved by hand."""

    class Clock:
        now = 1000.0

        def monotonic(self):
            return self.now

    made = Clock()
    monkeypatch.setattr(terminal, "time", made)
    return made


def lines(capfd):
    return capfd.readouterr().err.splitlines()


def left(line):
    minutes, seconds = map(int, LEFT.search(line).groups())
    return 60 * minutes + seconds


def test_where_there_is_no_terminal_lines_tell_what_is_done_and_what_is_left(clock, capfd):
    with task_progress("studies", {"a": 60.0, "b": 40.0}, workers=2, after=20.0) as tell:
        clock.now += 30  # as long as 60 seconds of one core take on two
        tell("a", 1.0)
        clock.now += 20
        tell("b", 1.0)
    first, half, end = lines(capfd)
    assert first == "cart: 0/2 studies, about 1:00 left"
    assert half == "cart: 1/2 studies, about 0:30 left; a"
    assert end == "cart: 2/2 studies, about 0:10 left; b"


def test_a_machine_half_as_fast_is_believed_the_more_the_longer_it_runs(clock, capfd):
    with task_progress("studies", dict.fromkeys("abcd", 25.0), workers=1) as tell:
        for name in "abc":
            clock.now += 50
            tell(name, 1.0)
    said = [left(line) for line in lines(capfd)]
    assert said[0] == 100
    assert 75 < said[1] < 150
    assert 40 < said[3] < 50  # 25 seconds as declared, 50 at the pace of the three
    assert abs(said[3] - 50) < abs(said[1] - 150)


def test_shares_of_a_task_count_and_complete_it_only_when_whole(clock, capfd):
    with task_progress("studies", {"a": 100.0}, workers=1) as tell:
        for share in (0.25, 0.5, 1.0):
            clock.now += 25
            tell("a", share)
    assert [line[:25] for line in lines(capfd)] == ["cart: 0/1 studies, about "] * 3 + [
        "cart: 1/1 studies, about "
    ]


def test_lines_keep_their_distance_and_a_moment_s_work_has_none(clock, capfd):
    names = [f"task {i}" for i in range(1000)]
    with task_progress("studies", dict.fromkeys(names, 0.001), workers=1) as tell:
        for name in names:
            tell(name, 1.0)
    assert lines(capfd) == []
    with task_progress("studies", dict.fromkeys(names, 0.02), workers=1) as tell:
        for name in names:
            clock.now += 0.02
            tell(name, 1.0)
    assert len(lines(capfd)) == 4  # at the start, and every five seconds of twenty


def test_on_a_terminal_one_line_changes_and_is_gone_at_the_end(capfd, monkeypatch):
    pty = pytest.importorskip("pty", reason="no pseudo-terminals on this system")
    reader, writer = pty.openpty()
    kept = os.dup(2)
    with os.fdopen(reader, "rb", buffering=0) as screen, os.fdopen(writer, "w") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        os.dup2(writer, 2)
        try:
            with task_progress("studies", {"a": 6.0}, workers=1) as tell:
                tell("a", 1.0)
        finally:
            os.dup2(kept, 2)
            os.close(kept)
        shown = ""
        while CURSOR_BACK not in shown and select.select([screen], [], [], 60)[0]:  # it comes in pieces
            shown += screen.read(1 << 16).decode(errors="replace")
    assert "1/1 studies" in shown
    assert shown.count("\n") <= shown.count("\r")
    assert capfd.readouterr().err == ""


def test_nothing_to_do_is_said_by_nothing(capfd):
    with task_progress("studies", {}, workers=2):
        pass
    assert lines(capfd) == []

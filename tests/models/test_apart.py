"""A process apart: what comes back, and what is said when it does not."""

import os
import signal
from pathlib import Path

import pytest

from harness.errors import InputError
from harness.models.apart import apart


def test_a_call_gives_what_the_function_gives():
    assert apart("operator:add", "sum", 2, 3) == 5
    assert apart("os:getpid", "process") != os.getpid()


def test_relative_paths_mean_the_same(tmp_path, monkeypatch):
    apart("os:getcwd", "folder")
    monkeypatch.chdir(tmp_path)
    assert apart("os:getcwd", "folder") == str(tmp_path)


@pytest.mark.quick
def test_a_call_that_ends_the_process_is_told_and_the_next_one_works():
    before = apart("os:getpid", "process")
    with pytest.raises(InputError, match=r"^own\.ant: reading it ends the process that tries \(SIGSEGV\)"):
        apart("signal:raise_signal", "own.ant", signal.SIGSEGV)
    assert apart("os:getpid", "process") != before


def test_a_call_that_never_ends_is_given_up():
    with pytest.raises(InputError, match=r"^own\.ant: reading it takes more than \d+ seconds"):
        apart("signal:raise_signal", "own.ant", signal.SIGALRM)


def test_a_call_that_needs_all_memory_is_told():
    with pytest.raises(InputError, match="too large"):
        apart("builtins:bytearray", "own.xml", 1 << 40)


def test_input_errors_are_raised_and_defects_are_seen():
    with pytest.raises(InputError, match="no such file"):
        apart("harness.declarations:read_declaration", "own.yaml", Path("absent.yaml"), InputError)
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        apart("operator:truediv", "quotient", 1, 0)

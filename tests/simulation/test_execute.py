"""Executors: what Ctrl-C does to workers, and to the study after it."""

import os
import signal

import pytest

from harness.simulation.execute import AllCores, Processes


def interrupted(number):
    os.kill(os.getpid(), signal.SIGINT)
    return number


def stops(chunks):
    yield from chunks
    raise KeyboardInterrupt


def test_ctrl_c_is_left_to_the_process_that_collects(capfd):
    assert list(Processes(1).map(interrupted, [1])) == [1]
    assert capfd.readouterr() == ("", "")


def test_after_ctrl_c_the_next_study_has_workers_again():
    with pytest.raises(KeyboardInterrupt):
        list(Processes(1).map(abs, stops([1])))
    assert list(Processes(1).map(abs, [-1])) == [1]


def test_all_cores_are_started_only_for_two_chunks_or_more():
    cores = AllCores(2)
    assert list(cores.map(own_process, [0])) == [os.getpid()]
    assert os.getpid() not in set(cores.map(own_process, range(4)))
    assert list(cores.map(own_process, [])) == []


def own_process(_chunk):
    return os.getpid()

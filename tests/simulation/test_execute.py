"""Executors: what Ctrl-C does to workers, and to the study after it."""

import os
import signal
import subprocess
import sys

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


def test_a_script_without_a_guard_is_told_which_line_it_lacks(tmp_path):
    script = tmp_path / "scan.py"
    text = "from harness import Processes\nprint(*Processes(1).map(abs, [-3]))\n"
    script.write_text(text, encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, encoding="utf-8")
    said = f"{script}: processes start by reading it; put what runs under if __name__ == '__main__':"
    assert done.returncode == 1
    assert done.stderr.count(f"InputError: {said}\n") == 1
    first, second = text.splitlines()
    script.write_text(f"{first}\nif __name__ == '__main__':\n    {second}\n", encoding="utf-8")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, encoding="utf-8")
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")


def own_process(_chunk):
    return os.getpid()

"""How commands end when something outside ends them: signals, a killed parent, output that nobody takes."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

from harness.cli import main
from harness.errors import InputError
from harness.models.card import repository
from harness.simulation.workers import GRACE

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")

COMMAND = (sys.executable, "-c", "from harness.cli.main import main; main()")
PATIENCE = 120
"""Seconds after which a test gives up: far beyond what anything here takes."""

SLOW = """
import time
from pathlib import Path
import numpy as np

def first(place):
    '''Whether this process is the first to take that place: of two that ask at once, one is.'''
    try:
        place.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True

def slow(time_, values):
    here = Path(__file__).parent
    if not any(first(here / f"seen-{{number}}") for number in range({free})):
        (here / "stuck").touch()  # the first chunks are quick, the others never end
        time.sleep(3600)
    return np.zeros(len(next(iter(values.values()))))

slow.unit = "dimensionless"
"""


@pytest.fixture
def start(tmp_path):
    """Start a command in a group of its own; whatever of it still runs is ended after the test."""
    started = []

    def call(*arguments, **given):
        env = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(repository()), str(tmp_path)]),
            "CART_TEST": str(tmp_path),
        }
        piped = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **given}
        process = subprocess.Popen(
            [*COMMAND, *arguments], cwd=tmp_path, env=env, encoding="utf-8", start_new_session=True, **piped
        )
        started.append(process)
        return process

    yield call
    for process in started:
        process.kill()
        for other in family(tmp_path):
            os.kill(other, signal.SIGKILL)
        process.communicate()


def family(folder):
    """Processes that carry the mark of a test in their environment, and have not ended."""
    mark, found = f"CART_TEST={folder}".encode(), set()
    for entry in Path("/proc").iterdir():
        try:
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                found.add(int(entry.name))
        except (OSError, ValueError):
            continue
    return found


def wait_until(condition):
    for _ in range(10 * PATIENCE):
        if condition():
            return True
        time.sleep(0.1)
    return False


def slow_run(start, tmp_path, free=2, workers="2", **given):
    """A run of which some chunks are kept and the others are under way."""
    (tmp_path / "mine.py").write_text(SLOW.format(free=free), encoding="utf-8")
    pd.DataFrame({"dose": [1e8] * 400}).to_csv(tmp_path / "design.csv", index=False)
    process = start(
        "run", "clinical", "--design", "design.csv", "--endpoint", "mine:slow", "--until", "2",
        "--out", "out.csv", "--workers", workers, **given,
    )  # fmt: skip
    kept = tmp_path / "out.csv.parts"
    assert wait_until(lambda: (tmp_path / "stuck").exists() and len(list(kept.glob("0*.part"))) >= free)
    return process


ENDINGS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


ALIKE = [
    pytest.param(number, group, marks=[] if (number, group) == (signal.SIGTERM, True) else pytest.mark.slow)
    for number in ENDINGS
    for group in (True, False)
]


@pytest.mark.parametrize(("number", "whole_group"), ALIKE)
@pytest.mark.quick
def test_a_signal_ends_a_run_with_one_line_and_keeps_its_chunks(start, tmp_path, number, whole_group):
    process = slow_run(start, tmp_path)
    (os.killpg if whole_group else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=PATIENCE)
    line = "cart: interrupted with 2 of 7 chunks kept in out.csv.parts; --resume goes on with them\n"
    assert (process.returncode, out, err) == (ENDINGS[number], "", line)
    assert wait_until(lambda: not family(tmp_path))


@pytest.fixture
def lost(monkeypatch, tmp_path):
    """A run in this process, in which Python loses a request to end, as within a callback of its own."""
    design, out = tmp_path / "design.csv", tmp_path / "out.csv"
    design.write_text("dose\n150e6\n", encoding="utf-8")

    def call(then, number=signal.SIGTERM):
        def run(*_args):
            with contextlib.suppress(KeyboardInterrupt):
                os.kill(os.getpid(), number)
                os.kill(os.getpid(), number)  # the same request, which a job may send twice
                time.sleep(0)
            then()

        monkeypatch.setattr("harness.simulation.execute.AllCores.map", run)
        return main.run(["run", "clinical", "--design", str(design), "--out", str(out)])

    return call


@pytest.mark.parametrize("number", ENDINGS)
def test_a_request_to_end_that_was_lost_is_repeated(lost, capfd, monkeypatch, number):
    monkeypatch.setattr("harness.cli.endings.AGAIN", 0.1)
    handlers = [signal.getsignal(each) for each in (*ENDINGS, signal.SIGALRM)]
    assert lost(lambda: time.sleep(PATIENCE), number) == ENDINGS[number]
    err = capfd.readouterr().err
    assert err.startswith("cart: interrupted with 0 of 1 chunks kept in ")
    assert err.count("\n") == 1
    assert [signal.getsignal(each) for each in (*ENDINGS, signal.SIGALRM)] == handlers
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.parametrize("error", [InputError("a worker process died"), ImportError("no module")])
def test_an_error_after_a_request_to_end_that_was_lost_is_told_as_the_interruption(lost, capfd, error):
    def fail():
        raise error

    assert lost(fail) == 143
    err = capfd.readouterr().err
    assert err.startswith("cart: interrupted")
    assert err.count("\n") == 1


def test_nobody_outlives_a_run_that_is_killed(start, tmp_path):
    process = slow_run(start, tmp_path)
    assert len(family(tmp_path)) >= 4  # itself, two workers, the fork server
    process.kill()
    assert wait_until(lambda: not family(tmp_path)), family(tmp_path)


@pytest.mark.slow
def test_a_run_that_is_to_ignore_a_request_to_end_goes_on_with_its_workers(start, tmp_path):
    process = slow_run(start, tmp_path, preexec_fn=lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN))
    before = family(tmp_path)
    os.killpg(process.pid, signal.SIGTERM)
    time.sleep(2 * GRACE)
    assert family(tmp_path) == before
    assert process.poll() is None


@pytest.mark.slow
def test_a_run_under_nohup_is_not_ended_with_its_terminal(start, tmp_path):
    process = start(
        "scan", "xenograft", "--grid", "dose=5e6:1e7:log:300", "--out", "out.csv", "--workers", "1",
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    wait_until(lambda: (tmp_path / "out.csv.parts").exists() or process.poll() is not None)
    process.send_signal(signal.SIGHUP)
    _, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, err) == (0, "cart: 300 runs: 300 ok\n")


CLOSED = {
    ">&-": "cart: standard output is closed\n",
    ">/dev/full": "cart: No space left on device\n",
    "| true": "cart: whoever read the output has gone\n",
}


def shell(command, folder):
    """Run a command line of a shell in which `cart` is the command."""
    define = f"cart() {{ exec '{COMMAND[0]}' -c '{COMMAND[2]}' \"$@\"; }}; "
    env = {**os.environ, "PYTHONPATH": str(repository())}
    return subprocess.run(
        ["bash", "-c", define + command],
        cwd=folder,
        env=env,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


SAYING = ["models", *(pytest.param(each, marks=pytest.mark.slow) for each in ("simulate in_vitro", "--help"))]


@pytest.mark.parametrize("arguments", SAYING)
@pytest.mark.parametrize("where", CLOSED)
def test_output_that_nobody_takes_is_one_line(tmp_path, arguments, where):
    command = f"cart {arguments} {where}"
    if where == "| true":  # whose end is awaited before anything is written
        command = f"(sleep 0.5; cart {arguments}) {where}; exit ${{PIPESTATUS[0]}}"
    done = shell(command, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", CLOSED[where])


def test_a_file_is_written_whatever_streams_are_closed(tmp_path):
    command = "cart scan xenograft --grid dose=5e6,1e7 --workers 2 --out"
    assert shell(f"{command} closed.csv <&- >&- 2>&-", tmp_path).returncode == 0
    assert shell(f"{command} open.csv", tmp_path).stderr == "cart: 2 runs: 2 ok\n"
    assert (tmp_path / "closed.csv").read_bytes() == (tmp_path / "open.csv").read_bytes()

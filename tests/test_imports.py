"""Importing the package changes nothing of the process that imports it."""

import subprocess
import sys

STATE = """
import os, signal, sys, threading, warnings
from importlib import import_module
from pkgutil import walk_packages

import matplotlib, numpy, roadrunner

def settings():
    config = roadrunner.Config
    names = [name for name in dir(config) if name.isupper() and isinstance(getattr(config, name), int)]
    return {name: config.getValue(getattr(config, name)) for name in names if name != "CONFIG_END"}

def state():
    masks = signal.pthread_sigmask(signal.SIG_BLOCK, ()) if hasattr(signal, "pthread_sigmask") else ()
    return {
        "handlers": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "blocked": set(masks),
        "folder": os.getcwd(),
        "environment": dict(os.environ),
        "hooks": (sys.excepthook, sys.displayhook, warnings.showwarning),
        "recursion": sys.getrecursionlimit(),
        "threads": [thread.name for thread in threading.enumerate()],
        "errors": numpy.geterr(),
        "printed": numpy.get_printoptions(),
        "pictures": dict(matplotlib.rcParams),
        "libRoadRunner": settings(),
    }

before = state()
assert before["libRoadRunner"]
import harness
found = [module.name for module in walk_packages(harness.__path__, "harness.")]
for name in found:
    import_module(name)
assert "harness.simulation.interrupt" in found
for name, value in state().items():
    if value != before[name]:
        print(name, before[name], value)
"""


def test_no_module_changes_the_process_that_imports_it():
    done = subprocess.run([sys.executable, "-c", STATE], capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

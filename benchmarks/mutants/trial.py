"""One mutant in a copy of the tree, and what the tests say of it.

Each trial is a fork of this process, which holds the libraries that the tests import, but nothing of
`harness`: a mutant that the first test kills costs a second rather than five.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
import signal
import sys
import time
import traceback
from pathlib import Path

import pytest

from benchmarks.mutants.draw import Mutant

__all__ = ["ARGUMENTS", "LIBRARIES", "Trials", "copy_tree"]

ARGUMENTS = ["-m", "not slow", "-p", "no:cacheprovider"]
LEFT = (".git", ".venv*", ".hypothesis", ".*_cache", "build", "__pycache__", "*.egg-info")
# Without those that pytest must import itself: its plugins, hypothesis among them.
LIBRARIES = (
    "antimony", "jinja2", "libsbml", "lifelines", "matplotlib.pyplot", "numba", "pandas", "pint",
    "pyarrow", "pydantic", "roadrunner", "SALib.analyze.sobol", "scipy.integrate", "scipy.optimize",
    "scipy.stats", "typer.testing", "xarray", "yaml",
)  # fmt: skip


def copy_tree(root: Path, to: Path) -> Path:
    """What the tests need of the tree."""
    shutil.copytree(root, to / "tree", ignore=shutil.ignore_patterns(*LEFT), symlinks=True)
    return to / "tree"


class Trials:
    """Runs tests in `tree`, a copy of `root`, each time with another mutant; `kernels` are those compiled."""

    def __init__(self, root: Path, tree: Path, kernels: Path) -> None:
        self.root, self.tree, self.kernels = root, tree, kernels
        for name in LIBRARIES:
            importlib.import_module(name)

    def fate(self, mutant: Mutant, tests: list[str], patience: float) -> str:
        """`killed`; `time`, killed after `patience` seconds; `survived`; `unreached`, without any test."""
        if not tests:
            return "unreached"
        path = self.tree / mutant.file
        kept, moment = path.read_text(encoding="utf-8"), path.stat().st_mtime
        mutated = self.tree.parent / "mutated"
        try:
            path.write_text(mutant.text, encoding="utf-8")
            os.utime(path, (moment + 1000, moment + 1000))  # else the compiled file may pass for this one's
            shutil.copytree(self.kernels, mutated)
            first = [test for test in tests if test.split("::")[0] == tests[0].split("::")[0]]
            for part in filter(None, (first, tests[len(first) :])):  # most end in the first file of tests
                if (fate := self._run(part, mutated, patience)) != "survived":
                    return fate
            return "survived"
        finally:
            path.write_text(kept, encoding="utf-8")
            os.utime(path, (moment, moment))
            shutil.rmtree(mutated, ignore_errors=True)

    def _run(self, tests: list[str], kernels: Path, patience: float) -> str:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            self._test(tests, kernels)
        end = time.monotonic() + patience
        try:
            while time.monotonic() < end:
                done, status = os.waitpid(child, os.WNOHANG)
                if done:
                    return "killed" if status else "survived"
                time.sleep(0.05)
            return "time"
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child, signal.SIGKILL)  # and whatever it started
            with contextlib.suppress(ChildProcessError):
                os.waitpid(child, 0)

    def _test(self, tests: list[str], kernels: Path) -> None:
        """In the child: all comes from the tree with the mutant; it never returns."""
        code = 99
        try:
            os.setsid()
            silence = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(silence, stream)
            os.chdir(self.tree)
            os.environ.update(PYTHONPATH=str(self.tree), PYTHONDONTWRITEBYTECODE="1", CART_CACHE=str(kernels))
            sys.dont_write_bytecode = True
            sys.path[:] = [str(self.tree), *(each for each in sys.path if each not in ("", str(self.root)))]
            sys.modules["__main__"] = importlib.import_module("pytest.__main__")  # as processes apart find it
            for name in [each for each in sys.modules if each.split(".")[0] == "benchmarks"]:
                del sys.modules[name]
            temporary = self.tree.parent / "temporary"
            code = pytest.main([*ARGUMENTS, "-x", "-q", f"--basetemp={temporary}", *tests])
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(int(code))

"""Which engine runs a study, decided before the first run: libRoadRunner, the reference, or the kernel.

Promise: one engine for the whole study, never changed midway; the kernel only where it can express the model
and a sample of the design has the numbers of the reference; and one line that says why where it was asked for
and is not used.
"""

from __future__ import annotations

import importlib.util
import re
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, overload

import numpy as np

from harness.errors import InputError, unknown_name
from harness.simulation.engine import Engine
from harness.simulation.program import Program
from harness.simulation.regimen import Regimen
from harness.simulation.trajectory import Status, Trajectory

if TYPE_CHECKING:
    from harness.simulation.kernel.kernel import Kernel

__all__ = [
    "AUTO",
    "ENGINES",
    "KERNEL",
    "ROADRUNNER",
    "Runs",
    "difference",
    "engine_of",
    "least_sizes",
    "require_engine",
    "usable",
]

ROADRUNNER: Final = "roadrunner"
KERNEL: Final = "kernel"
AUTO: Final = "auto"
ENGINES = (ROADRUNNER, KERNEL, AUTO)
"""Names that can be asked for: the reference; the kernel, or else the reference with a line that says so; the
kernel for as many runs as repay its start."""

LARGEST = 1e-3
"""Difference of any read-out beyond which the kernel is not used."""

FLOOR = 1e-6
"""Below this share of the largest value in the sample a difference is not held against the value, whatever
the model declares."""


class Runs(Protocol):
    """What runs a program: an engine."""

    def run_many(
        self,
        runs: Sequence[tuple[Mapping[str, float], Regimen | None]],
        times: Sequence[np.ndarray],
        observables: Sequence[str],
        again: np.ndarray = ...,
    ) -> list[Trajectory]:
        """Trajectories of runs, each at its own times."""


_KEPT: OrderedDict[tuple[str, str, float | None], Any] = OrderedDict()


@overload
def engine_of(
    program: Program, name: Literal["roadrunner"] = ..., relative_tolerance: float | None = ...
) -> Engine: ...
@overload
def engine_of(
    program: Program, name: Literal["kernel"], relative_tolerance: float | None = ...
) -> Kernel: ...
@overload
def engine_of(program: Program, name: str, relative_tolerance: float | None = ...) -> Runs: ...


def engine_of(program: Program, name: str = ROADRUNNER, relative_tolerance: float | None = None) -> Runs:
    """Engine of a program, compiled once a process and kept while it is among the last few used.

    `relative_tolerance` is one of libRoadRunner in place of the program's own; the kernel is as accurate.

    Raises
    ------
    InputError
        When it is the kernel and that cannot run here: a worker has its own numba, or none.
    """
    key = program.key, name, relative_tolerance
    if key not in _KEPT:
        make = _kernel if name == KERNEL else Engine
        _KEPT[key] = make(program, relative_tolerance)
        while len(_KEPT) > 4:
            _KEPT.popitem(last=False)
    _KEPT.move_to_end(key)
    return _KEPT[key]


def _kernel(program: Program, relative_tolerance: float | None) -> Kernel:
    """The kernel of a program.

    Raises
    ------
    InputError
        When it cannot run here, and why.
    """
    if importlib.util.find_spec("numba") is None:
        raise InputError("the kernel needs numba, which is not installed (pip install 'cart-pkpd[fast]')")
    try:
        from harness.simulation.kernel.kernel import Kernel
        from harness.simulation.kernel.written import LOOSER

        return Kernel(program, relative_tolerance and LOOSER * relative_tolerance)
    except InputError as error:
        raise InputError(f"the kernel cannot express {error}") from None
    except Exception as error:  # whatever a broken numba raises
        plain = re.sub(r"\x1b\[[0-9;]*m", "", f"{type(error).__name__}: {error}")  # numba writes in colours
        said = " ".join(plain.split())[:160]
        raise InputError(f"the kernel cannot be compiled: {said}") from None


def require_engine(name: str) -> str:
    """A name of an engine, refused when there is none of it."""
    if name not in ENGINES:
        raise unknown_name("engine", name, ENGINES)
    return name


def usable(program: Program, parameters: Sequence[str], observables: Sequence[str]) -> str:
    """Why the kernel cannot run a program with these parameters set and these read out; empty when it can."""
    try:
        kernel = engine_of(program, KERNEL)
    except InputError as error:
        return str(error)
    layout = kernel.layout
    beyond = [name for name in parameters if name not in layout.parameters]
    if beyond:
        return f"the kernel cannot set {beyond[0]}, which the model works out"
    unread = [name for name in observables if name not in (*layout.symbols, *layout.parameters)]
    return f"the kernel does not read out {unread[0]}" if unread else ""


def least_sizes(program: Program, units: Mapping[str, str]) -> list[float]:
    """For each observable, by its unit, the size that a difference is held against at least.

    What the model declares (`SolverSettings.floors`); of what is in percent, the whole.
    """
    declared = program.solver.floors
    return [declared.get(name, 100.0 if unit == "percent" else 0.0) for name, unit in units.items()]


def difference(
    reference: Sequence[Trajectory],
    found: Sequence[Trajectory],
    observables: Sequence[str],
    least: Sequence[float],
) -> str:
    """Where two engines differ by more than `LARGEST`; empty where they do not.

    `least` is, for each observable, a size that a difference is held against at least (:func:`least_sizes`);
    beside it, the value itself and `FLOOR` of the largest in the sample. Runs that one of them did not finish
    are not compared.
    """
    pairs = [
        (a, b)
        for a, b in zip(reference, found, strict=True)
        if a.status is b.status is Status.OK and not (a.reason or b.reason)
    ]
    for a, b in pairs:
        if a.times.shape != b.times.shape:
            return "doses that an observable triggers fall on other days"
    if not pairs:
        return ""
    largest = np.max([np.abs(a.values).max(axis=0) for a, _ in pairs], axis=0)
    for a, b in pairs:
        size = np.maximum(np.abs(a.values), np.maximum(FLOOR * largest, least))
        share = np.abs(a.values - b.values) / np.where(size > 0, size, 1.0)
        if share.max() > LARGEST:
            row, column = np.unravel_index(share.argmax(), share.shape)
            return f"{observables[column]} differs by {share.max():.1%} at {a.times[row]:g}"
    return ""

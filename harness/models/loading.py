"""SBML text compiled by libRoadRunner, whatever its symbols are called.

Promise: :func:`load` gives a RoadRunner whose methods are its own. By default it makes an attribute of its
class of every id, so that a parameter named reset or simulate takes the place of what runs the model. What it
compiles ends no process, however large that is. :func:`simulate` gives the rows of its `simulate(times=...)`.
"""

from __future__ import annotations

import ctypes
import mmap
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

import numpy as np
import roadrunner

__all__ = ["load", "simulate"]

REACH = 2**30
"""Bytes between the parts of a model, at most: half of what LLJit's jumps reach."""

_LOADING = threading.Lock()
"""Held while settings of libRoadRunner, which are those of the whole process, are others."""

roadrunner.Logger.disableLogging()


def load(sbml: str) -> roadrunner.RoadRunner:
    """Compile a model; its symbols are read by item (``model["reset"]``) alone.

    By LLJit, which takes half the time of the default; the runs have the same bits. It places code and the
    tables of its jumps wherever the system has room, and a jump of more than 2 GiB ends the process. Where
    room may be that far apart, as in large processes, the default compiles.
    """
    config = roadrunner.Config
    compiler = config.LLJIT if _room_is_near(len(sbml)) else config.MCJIT
    settings = {config.LLVM_BACKEND: compiler, config.ROADRUNNER_DISABLE_PYTHON_DYNAMIC_PROPERTIES: True}
    with _LOADING, _set(settings):
        return roadrunner.RoadRunner(sbml)


@contextmanager
def _set(settings: Mapping[int, object]) -> Iterator[None]:
    """Within it, libRoadRunner has other settings."""
    config = roadrunner.Config
    kept = {name: config.getValue(name) for name in settings}
    try:
        for name, value in settings.items():
            config.setValue(name, value)
        yield
    finally:
        for name, value in kept.items():
            config.setValue(name, value)


def _room_is_near(most: int) -> bool:
    """Whether pieces of memory of up to `most` bytes that are asked for now come to lie within reach."""
    if not hasattr(mmap, "MAP_PRIVATE"):  # Windows
        return True
    places: list[int] = []
    size = mmap.PAGESIZE
    with ExitStack() as held:
        while not places or size < 2 * most:
            for _ in range(2):
                piece = held.enter_context(mmap.mmap(-1, size, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
                places.append(ctypes.addressof(ctypes.c_char.from_buffer(piece)))
            size *= 2
    return max(places) - min(places) < REACH


def simulate(engine: roadrunner.RoadRunner, times: list[float]) -> np.ndarray:
    """Rows of what `engine` reads out at times, from the first of them on.

    Raises
    ------
    RuntimeError
        When the integration fails.
    """
    # What RoadRunner.simulate calls, without the Python around it that looks at every name that is read out.
    options = roadrunner.SimulateOptions()
    engine._setSimulateOptionsTimes(options, times)
    return np.array(engine._simulate(options))

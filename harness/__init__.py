"""Multiscale CAR-T cell pharmacology: models, simulation and validation of Singh et al. 2021.

The public calls, loaded when they are first used: :func:`simulate` for one run, :func:`plan`, :func:`run` and
:func:`stream` for a design of many, :func:`run_panel` for scores, and :class:`InputError`.
"""

from __future__ import annotations

from importlib import import_module

__all__ = ["InputError", "plan", "run", "run_panel", "simulate", "stream"]

_HOME = {
    "InputError": "harness.errors",
    "plan": "harness.simulation.plan",
    "run": "harness.simulation.run",
    "run_panel": "harness.validation.suite",
    "simulate": "harness.simulation.simulate",
    "stream": "harness.simulation.run",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'harness' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)

"""Multiscale CAR-T cell pharmacology: models, simulation and validation of Singh et al. 2021.

The public calls, loaded when they are first used: :func:`simulate`, :func:`run_panel`, :class:`InputError`.
"""

from __future__ import annotations

from importlib import import_module

__all__ = ["InputError", "run_panel", "simulate"]

_HOME = {
    "InputError": "harness.errors",
    "run_panel": "harness.validation.suite",
    "simulate": "harness.simulation.simulate",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'harness' has no attribute '{name}'")
    return getattr(import_module(_HOME[name]), name)

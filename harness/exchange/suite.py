"""Cases in the layout of the SBML Test Suite: the model in both versions, the settings, the expected values.

Promise: a case holds |c - u| <= absolute + relative |c| for the numbers of the engine, at even times.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.exchange.use import Use

__all__ = ["write_case"]

STEPS = 60
ABSOLUTE, RELATIVE = 1e-9, 1e-5


def write_case(use: Use, name: str, folder: Path) -> None:
    """Write one case, `name`, to a folder."""
    times = np.linspace(0, use.until, STEPS + 1)
    table = use.expected(times)
    for version, suffix in (("l3v1", "l3v1"), ("l3v2", "l3v2")):
        (folder / f"{name}-sbml-{suffix}.xml").write_text(use.sbml(version), encoding="utf-8")
    table.to_csv(folder / f"{name}-results.csv", index=False)
    observables = ", ".join(table.columns[1:])
    settings = {
        "start": "0",
        "duration": f"{use.until:.15g}",
        "steps": str(STEPS),
        "variables": observables,
        "absolute": f"{ABSOLUTE:g}",
        "relative": f"{RELATIVE:g}",
        "amount": "",
        "concentration": "",
    }
    text = "".join(f"{key}: {value}".rstrip() + "\n" for key, value in settings.items())
    (folder / f"{name}-settings.txt").write_text(text, encoding="utf-8")

"""The clinical model in C on SUNDIALS CVODE alone, where a compiler and SUNDIALS 6 are at hand."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from harness.models.provenance import read_parameters

__all__ = ["cvode_in_c"]

LIBRARIES = (
    "sundials_cvode",
    "sundials_nvecserial",
    "sundials_sunmatrixdense",
    "sundials_sunlinsoldense",
    "m",
)


def cvode_in_c() -> Callable[[dict[str, float]], np.ndarray | None] | None:
    """A function of a row that gives day, transgene and M-protein change, shape (641, 3).

    None without a compiler or SUNDIALS; the function gives None for a row that CVODE gives up on.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    source = Path(__file__).with_name("cvode.c")
    target = Path(tempfile.mkdtemp()) / "cvode.so"
    libraries = [f"-l{name}" for name in LIBRARIES]
    command = [compiler, "-O3", "-shared", "-fPIC", "-o", str(target), str(source), *libraries]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        return None
    function = ctypes.CDLL(str(target)).clinical
    typical = {row.id: row.value for row in read_parameters() if row.scale == "clinical"}

    def run(row: dict[str, float]) -> np.ndarray | None:
        p = {**typical, **row}
        numbers = [p[name] for name in ("K_12", "K_21", "K_el_e", "K_el_m", "R_m", "K_exp_max", "EC50_exp")]
        numbers += [p["K_kill_max"], p["KC50"], p["K_g"]]
        numbers += [p["K_on"] * p["s_per_day"] / (p["N_A"] * p["V_bm"]), p["K_off"] * p["s_per_day"]]
        numbers += [p["Ag_CAR"], p["Ag_tumor"], p["Tumor_0"] * p["V_bm"]]
        numbers += [p["K_m"], p["gamma_m"], p["K_b"], p["gamma_b"], p["dose"]]
        given, out = np.array(numbers), np.empty((641, 3))
        pointer = ctypes.POINTER(ctypes.c_double)
        if function(given.ctypes.data_as(pointer), 640, out.ctypes.data_as(pointer)) < 0:
            return None
        transgene = p["TransC"] * (out[:, 0] + out[:, 1]) / p["V_b"]
        return np.column_stack([np.arange(641.0), transgene, 100 * (out[:, 2] - 1)])

    return run

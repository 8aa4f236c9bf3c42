"""Shared by all tests: an independent right-hand side of the clinical model, and broken copies of files."""

from __future__ import annotations

import os
from collections import OrderedDict
from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from harness.models import apart
from tests.simulation.kernel.uncompiled import uncompiled


def pytest_configure(config):
    """One folder for compiled kernels, of the checkout and not of whoever runs the tests, for all workers.

    Workers inherit it. What is in it is known by its content, so that the next session need not compile.
    """
    if hasattr(config, "cache"):
        os.environ.setdefault("CART_CACHE", str(config.cache.mkdir("cart")))


@pytest.fixture
def uncompiled_kernels(monkeypatch):
    """Kernels run as Python: in a short test that takes less time than compiling does."""
    monkeypatch.setattr("harness.simulation.engines._KEPT", OrderedDict())  # engines for this test alone
    monkeypatch.setattr("harness.simulation.kernel.kernel.load_kernel", uncompiled)


CLINICAL = {
    "K_exp_max": 1.73, "EC50_exp": 10.0, "R_m": 2e-5, "K_el_e": 113.0, "K_el_m": 0.219, "K_12": 1.71,
    "K_21": 0.176, "Ag_CAR": 15000.0, "Ag_tumor": 12590.0, "K_on": 7.1e4, "K_off": 2.39e-3, "TransC": 0.002,
    "K_g": 0.008, "K_kill_max": 0.343, "KC50": 2.24, "K_m": 0.117, "P_m": 12.1, "K_b": 0.7, "P_b": 0.175,
    "gamma_m": 0.215, "gamma_b": 1.0, "dose": 150e6, "Tumor_0": 2.5e9, "V_b": 5.0, "V_bm": 3.65,
}  # fmt: skip


def integrate_clinical(
    times: np.ndarray,
    doses: list[tuple[float, float]] | None = None,
    infusions: tuple[tuple[float, float, float], ...] = (),
    **changes: float,
):
    """The clinical equations (Supporting Information 6 to 20), written out again and solved by scipy.

    Returns transgene (copies/ug), change of M-protein and of soluble BCMA (%), and tumour (cells) at `times`.
    Effector pools and tumour are integrated as logarithms, so late values are not noise. `doses` are
    (time, amount), the first at time 0; `infusions` are (start, duration, amount). With `t_wane` and `h_wane`
    among the changes, expansion wanes with the time since the last of them started.
    """
    p = {**CLINICAL, **changes}
    doses = doses or [(0.0, p["dose"])]
    bind = p["K_on"] * 86400 / 6.023e23
    unbind = p["K_off"] * 86400

    def rhs(t, y):
        inflow = sum(a / d for s, d, a in infusions if s <= segment[0] and segment[1] <= s + d)
        e_b, m_b, e_t, m_t = np.exp(y[0]), y[1], np.exp(y[2]), y[3]
        tumor = np.exp(y[4])
        carts, antigen = (e_t + m_t) * p["Ag_CAR"], tumor * p["Ag_tumor"]
        x = y[5]
        per_cart, per_tumor = x / (e_t + m_t), x / tumor
        waned = 1 + (max(t - begun[0], 0) / p["t_wane"]) ** p["h_wane"] if "t_wane" in p else 1
        expand = p["K_exp_max"] / waned * per_cart / (p["EC50_exp"] + per_cart)
        kill = p["K_kill_max"] * per_tumor / (p["KC50"] + per_tumor)
        ratio = tumor / (p["Tumor_0"] * p["V_bm"])
        return [
            -p["K_12"] + (p["K_21"] * e_t + inflow) / e_b - p["K_el_e"],
            -p["K_12"] * m_b + p["K_21"] * m_t - p["K_el_m"] * m_b,
            p["K_12"] * e_b / e_t - p["K_21"] + expand - p["R_m"],
            p["K_12"] * m_b - p["K_21"] * m_t + p["R_m"] * e_t,
            p["K_g"] - kill,
            bind / p["V_bm"] * (carts - x) * (antigen - x) - unbind * x,
            p["K_m"] * (ratio ** p["gamma_m"] - y[6]),
            p["K_b"] * (ratio ** p["gamma_b"] - y[7]),
        ]

    segment, begun = [0.0, 0.0], [0.0]
    state = np.array([-np.inf, 0, -np.inf, 0, np.log(p["Tumor_0"] * p["V_bm"]), 0, 1.0, 1.0])
    rows = np.full((len(times), 4), np.nan)
    end = max(times[-1], 1.0)
    edges = {edge for s, d, _ in infusions for edge in (s, s + d) if edge < end}
    stops = sorted({0.0, *edges, *(time for time, _ in doses), end})
    for start, stop in pairwise(stops):
        segment[:] = start, stop
        begun[0] = max(
            s for s in (0.0, *(time for time, _ in doses), *(s for s, _, _ in infusions)) if s <= start
        )
        amount = sum(a for time, a in doses if time == start)
        state[0] = np.log(np.exp(state[0]) + amount)
        state[2] = max(state[2], np.log(np.exp(state[0]) * 1e-15))
        inside = (times >= start) & (times <= stop)
        grid = np.unique([start, *times[inside], stop])
        solution = solve_ivp(
            rhs, (start, stop), state, method="LSODA", t_eval=grid, rtol=1e-10,
            atol=[1e-10, 1e-20, 1e-10, 1e-20, 1e-10, 1e-20, 1e-13, 1e-13],
        )  # fmt: skip
        assert solution.success
        y = solution.y[:, np.searchsorted(grid, times[inside])]
        rows[inside] = np.column_stack(
            [
                p["TransC"] * (np.exp(y[0]) + y[1]) / p["V_b"],
                100 * (y[6] - 1),
                100 * (y[7] - 1),
                np.exp(y[4]),
            ]
        )
        state = solution.y[:, -1].copy()
    return rows


@pytest.fixture
def independent():
    """The independent solution of the clinical model."""
    return integrate_clinical


@pytest.fixture
def own(tmp_path):
    """A function that writes a model of a user's own, and returns its path as they would give it."""

    def write(text, name="own.ant"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def amici(monkeypatch, tmp_path_factory):
    """AMICI, its models in a folder of the tests unless ``AMICI_MODELS_ROOT`` names one."""
    if "AMICI_MODELS_ROOT" not in os.environ:
        monkeypatch.setenv("AMICI_MODELS_ROOT", str(tmp_path_factory.getbasetemp() / "amici"))
    return pytest.importorskip("amici")


@pytest.fixture(scope="session", autouse=True)
def _the_process_apart_ends_by_itself():
    """Killed at exit, as elsewhere, it could not tell coverage which lines it has run."""
    yield
    for _, process in apart._kept:
        process.stdin.close()
        process.wait(timeout=10)

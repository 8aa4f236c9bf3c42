"""What the speed of this path is held against: the same patients by other programs, each as one function.

Each contender takes rows and returns how many of them failed. They integrate amounts, at 641 daily points.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from scipy.integrate import solve_ivp

from benchmarks.cvode import cvode_in_c
from harness.models.catalog import load_card
from harness.models.provenance import read_parameters
from harness.simulation.form import quiet

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import basico
    import tellurium

__all__ = ["Contender", "Rows", "copasi", "in_c", "in_diffsol", "plain_loop", "scipy_loop"]

Rows = list[dict[str, float]]
Contender = Callable[[Rows], int]
DAYS = np.arange(641.0)


def read_off(days: np.ndarray, transgene: np.ndarray, m_protein: np.ndarray) -> tuple[float, ...]:
    """The endpoints of one run as a plain loop computes them, in a few lines of numpy."""
    early = (days >= 1) & (days <= 60)
    top = int(transgene[early].argmax())
    month = days <= 28
    area = float(np.trapezoid(transgene[month], days[month]))
    return float(transgene[early][top]), float(days[early][top]), area, float(m_protein.min())


def plain_loop() -> Contender:
    model = tellurium.loadSBMLModel(str(load_card("clinical").sbml_path()))
    selections = ["time", "transgene", "M_protein_change"]

    def loop(rows: Rows) -> int:
        failed = 0
        with quiet():
            for row in rows:
                model.resetToOrigin()
                for name, value in row.items():
                    model[name] = value
                model.reset()
                try:
                    found = np.array(model.simulate(0, 640, 641, selections))
                except RuntimeError:  # some patients fail in this form
                    failed += 1
                    continue
                read_off(found[:, 0], found[:, 1], found[:, 2])
        return failed

    return loop


def copasi() -> Contender:
    model = basico.load_model(str(load_card("clinical").sbml_path()))
    output = ["Time", "Values[transgene]", "Values[M_protein_change]"]

    def loop(rows: Rows) -> int:
        failed = 0
        with quiet():  # COPASI tells every failed integration at length
            for row in rows:
                for name, value in row.items():
                    basico.set_parameters(name, initial_value=value, exact=True, model=model)
                table = basico.run_time_course_with_output(
                    output, start_time=0, duration=640, intervals=640, use_initial_values=True, model=model
                )
                found = table.to_numpy()
                if len(found) == 641:
                    read_off(found[:, 0], found[:, 1], found[:, 2])
                failed += len(found) != 641
        return failed

    return loop


def in_c() -> Contender | None:
    """The same equations in C on CVODE alone; None without a compiler and SUNDIALS 6."""
    integrate = cvode_in_c()
    if integrate is None:
        return None

    def loop(rows: Rows) -> int:
        failed = 0
        for row in rows:
            found = integrate(row)
            if found is None:
                failed += 1
            else:
                read_off(found[:, 0], found[:, 1], found[:, 2])
        return failed

    return loop


DIFFSL = """
in_i {{ {names} }}
bind {{ Kon*86400/6.023e23/Vbm }}
start {{ Tumor0*Vbm }}
u_i {{ eb = dose, mb = 0.0, et = 0.0, mt = 0.0, x = 0.0, tumor = Tumor0*Vbm, m = 1.0 }}
carts {{ et + mt }}
percart {{ x/(carts + 1e-30) }}
pertumor {{ x/(tumor + 1e-30) }}
expand {{ Kexpmax*percart/(EC50exp + percart) }}
kill {{ Kkillmax*pertumor/(KC50 + pertumor) }}
F_i {{
  -(K12 + Kele)*eb + K21*et,
  -(K12 + Kelm)*mb + K21*mt,
  K12*eb + (expand - K21 - Rm)*et,
  K12*mb - K21*mt + Rm*et,
  bind*(carts*AgCAR - x)*(tumor*Agtumor - x) - Koff*86400*x,
  (Kg - kill)*tumor,
  Km*(pow(max(tumor/start, 1e-300), gammam) - m)
}}
"""
"""Its names have no underscores."""


def in_diffsol() -> Contender | None:
    """The same equations in the language of diffsol, by its BDF at 1e-6; None where pydiffsol is not."""
    if find_spec("pydiffsol") is None:
        return None
    import pydiffsol

    typical = {row.id: row.value for row in read_parameters() if row.scale == "clinical"}
    used = set(re.findall(r"\w+", DIFFSL))
    names = sorted(name for name in typical if name.replace("_", "") in used)
    code = DIFFSL.format(names=", ".join(f"{name.replace('_', '')} = {typical[name]!r}" for name in names))
    solver = pydiffsol.Ode(code, matrix_type=pydiffsol.nalgebra_dense)
    solver.rtol, solver.atol = 1e-6, 1e-6  # at 1e-12 it takes no first step

    def loop(rows: Rows) -> int:
        failed = 0
        for row in rows:
            p = {**typical, **row}
            try:
                found = solver.solve_dense(np.array([p[name] for name in names]), DAYS)
            except Exception:  # of several kinds, for what the integrator gives up on
                failed += 1
                continue
            transgene = p["TransC"] * (found.ys[0] + found.ys[1]) / p["V_b"]
            read_off(DAYS, transgene, 100 * (found.ys[6] - 1))
        return failed

    return loop


def scipy_loop(method: str) -> Contender:
    symbols = {row.id: row.value for row in read_parameters() if row.scale == "clinical"}

    def loop(rows: Rows) -> int:
        failed = 0
        for row in rows:
            p = {**symbols, **row}
            bind, unbind = p["K_on"] * 86400 / 6.023e23 / p["V_bm"], p["K_off"] * 86400
            start = p["Tumor_0"] * p["V_bm"]

            def rhs(_t, y, p=p, bind=bind, unbind=unbind, start=start):
                e_b, m_b, e_t, m_t, x, tumor, m = y
                carts = e_t + m_t
                a, b = x / (carts + 1e-30), x / (tumor + 1e-30)
                expand = p["K_exp_max"] * a / (p["EC50_exp"] + a)
                kill = p["K_kill_max"] * b / (p["KC50"] + b)
                return [
                    -(p["K_12"] + p["K_el_e"]) * e_b + p["K_21"] * e_t,
                    -(p["K_12"] + p["K_el_m"]) * m_b + p["K_21"] * m_t,
                    p["K_12"] * e_b + (expand - p["K_21"] - p["R_m"]) * e_t,
                    p["K_12"] * m_b - p["K_21"] * m_t + p["R_m"] * e_t,
                    bind * (carts * p["Ag_CAR"] - x) * (tumor * p["Ag_tumor"] - x) - unbind * x,
                    (p["K_g"] - kill) * tumor,
                    p["K_m"] * (max(tumor / start, 0.0) ** p["gamma_m"] - m),
                ]

            state = [p["dose"], 0, 0, 0, 0, start, 1]
            found = solve_ivp(rhs, (0, 640), state, method=method, t_eval=DAYS, rtol=1e-6, atol=1e-12)
            if found.success:
                transgene = p["TransC"] * (found.y[0] + found.y[1]) / p["V_b"]
                read_off(found.t, transgene, 100 * (found.y[6] - 1))
            failed += not found.success
        return failed

    return loop

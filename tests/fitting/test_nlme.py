"""Random effects against R's nlme, on data sets that it comes with (nlme/README.md)."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from scipy import optimize
from scipy.special import logsumexp
from scipy.stats import norm

from harness.fitting.likelihood import Model, residuals
from harness.fitting.objective import Objective
from harness.fitting.study import Fit
from harness.fitting.tasks import Start
from harness.simulation.execute import Serial
from harness.simulation.kernel.kernel import Kernel

HERE = Path(__file__).parent / "nlme"


def study(tmp_path, name: str, engine: str, parameters: dict, effects: dict, size: str, **fields) -> Fit:
    """A data set as a problem: values of R are where it starts; effects are 'OMEGA' or 'OMEGA normal'."""
    (observable,) = fields["table"]["observables"].values()
    problem = {
        "title": name,
        "model": str(HERE / f"{name}.ant"),
        "observables": {observable: {"model": "additive", "additive": {"start": size}}},
        "parameters": parameters,
        "effects": {
            parameter: {
                "omega": {"start": text.split()[0]},
                "distribution": text.partition(" ")[2] or "log-normal",
            }
            for parameter, text in effects.items()
        },
        "optimiser": {"starts": 1},
        **fields,
        "table": {"file": str(HERE / f"{name}.csv"), **fields["table"]},
    }
    path = tmp_path / f"{name}.yaml"
    path.write_text(yaml.safe_dump(problem, sort_keys=False), encoding="utf-8")
    return Fit(problem=str(path), profile=False, engine=engine)


def free(start: float, low: float, high: float, scale: str = "log") -> dict[str, str]:
    return {"start": repr(float(start)), "low": repr(low), "high": repr(high), "scale": scale}


ORTHODONT = {
    "parameters": {
        "b0": free(24.023148148, 0, 1000, "linear"),
        "b1": free(0.660185185, 0, 50, "linear"),
    },
    "effects": {"b0": "2.0906362136 normal", "b1": "0.2149245575 normal"},
    "size": "1.3100396125",
    "table": {"observables": {1: "distance"}},
}
THEOPH = {
    "parameters": {
        "K_e": free(np.exp(-2.45470376), 0.005, 1),
        "K_a": free(np.exp(0.465733857), 0.1, 20),
        "Cl": free(np.exp(-3.227222626), 0.001, 1),
    },
    "effects": {"K_a": "0.6435776808", "Cl": "0.1669281273"},
    "size": "0.7092541428",
    "table": {"observables": {1: "conc"}, "parameters": {"DOSE": "Dose"}},
}
INDOMETH = {
    "parameters": {
        "A1": free(2.8276029262, 0, 1000, "linear"),
        "k1": free(np.exp(0.7732529286), 0.5, 20),
        "A2": free(0.4610196555, 0, 1000, "linear"),
        "k2": free(np.exp(-1.3450040737), 0.02, 1),
    },
    "effects": {"A1": "0.5713500159 normal", "k1": "0.1581214454", "A2": "0.1115283443 normal"},
    "size": "0.08149631129",
    "table": {"observables": {1: "conc"}},
}


@pytest.mark.parametrize(
    ("name", "fields", "published", "within"),
    [("theoph", THEOPH, 354.0428782, 0.06), ("indometh", INDOMETH, -109.1847151, 1e-3)],
)
def test_the_objective_at_the_estimates_of_nlme_is_its_likelihood(tmp_path, name, fields, published, within):
    """Linearised around the effects there; Laplace's approximation around them here."""
    made = study(tmp_path, name, "roadrunner", **fields).prepared
    assert Objective(made).value(made.start) == pytest.approx(published, abs=within)


def test_correlated_normal_effects_have_the_likelihood_of_lme_where_the_model_is_linear(tmp_path):
    made = study(tmp_path, "orthodont", "roadrunner", **ORTHODONT, correlated=[["b0", "b1"]]).prepared
    x = made.start
    x[made.names.index("correlation_b0_b1")] = 0.5210
    assert Objective(made).value(x) == pytest.approx(439.2116013, abs=2e-5)


@pytest.mark.slow
def test_an_intercept_a_slope_and_their_correlation_are_found_as_lme_finds_them(tmp_path):
    moved = {**ORTHODONT, "effects": {"b0": "1 normal", "b1": "0.5 normal"}, "size": "3"}
    result = study(tmp_path, "orthodont", "kernel", **moved, correlated=[["b0", "b1"]]).result(Serial())
    found = result.table("estimates").set_index("parameter")
    assert result.number("objective") == pytest.approx(439.2116013, abs=1e-3)
    assert result.number("AIC") == pytest.approx(451.2116013, abs=1e-3)
    assert found.estimate["b0"] == pytest.approx(24.023148148, rel=1e-5)
    assert found.estimate["b1"] == pytest.approx(0.660185185, rel=1e-4)
    assert found.rse["b0"] == pytest.approx(100 * 0.42558775 / 24.023148148, rel=0.02)
    assert found.rse["b1"] == pytest.approx(100 * 0.0705778721 / 0.660185185, rel=0.02)
    assert found.estimate["omega_b0"] == pytest.approx(2.0906362136, rel=2e-3)
    assert found.estimate["omega_b1"] == pytest.approx(0.2149245575, rel=0.015)
    assert found.estimate["correlation_b0_b1"] == pytest.approx(0.521, abs=5e-3)
    assert found.estimate["additive_distance"] == pytest.approx(1.3100396125, rel=2e-3)
    effects = result.table("effects").set_index(["group", "parameter"])
    assert effects.value["M10", "b0"] == pytest.approx(24.023148 + 4.9565796, abs=0.01)
    assert effects.value["F10", "b1"] == pytest.approx(0.660185 - 0.2521446, abs=3e-3)


@pytest.mark.slow
@pytest.mark.parametrize("correlated", [False, True])
def test_theophylline_is_fitted_as_nlme_does(tmp_path, correlated):
    """The two approximations move estimates by a quarter of their errors at most."""
    block = {"correlated": [["K_a", "Cl"]]} if correlated else {}
    result = study(tmp_path, "theoph", "kernel", **THEOPH, **block).result(Serial())
    found = result.table("estimates").set_index("parameter")
    assert result.number("objective") == pytest.approx(354.0428782, abs=0.1)
    errors = {"K_e": 0.05249037306, "K_a": 0.19856377895, "Cl": 0.06001018723}
    for name, error in errors.items():
        apart = np.log(found.estimate[name] / float(THEOPH["parameters"][name]["start"]))
        assert abs(apart) < 0.25 * error
        assert found.rse[name] / 100 == pytest.approx(error, rel=0.06)
    assert found.estimate["omega_K_a"] == pytest.approx(0.6435776808, rel=0.03)
    assert found.estimate["omega_Cl"] == pytest.approx(0.1669281273, rel=0.01)
    assert found.estimate["additive_conc"] == pytest.approx(0.7092541428, rel=0.01)
    if correlated:
        assert found.estimate["correlation_K_a_Cl"] == pytest.approx(-0.002, abs=0.05)


@pytest.mark.slow
def test_indometacin_has_a_lower_point_than_the_one_that_nlme_ends_at(tmp_path):
    """At the estimates of nlme the objectives agree; from there it goes down by 3, to no spread of k1."""
    result = study(tmp_path, "indometh", "kernel", **INDOMETH).result(Serial())
    assert result.number("objective") < -109.1847151 - 2
    assert result.number("estimate_omega_k1") < 0.05


def closed_form(times: np.ndarray, cl: float, v1: float, q: float, v2: float) -> np.ndarray:
    """Concentration after 100 into the first of two compartments (Gibaldi and Perrier, chapter 2)."""
    k, k12, k21 = cl / v1, q / v1, q / v2
    total, product = k + k12 + k21, k * k21
    root = np.sqrt(total**2 - 4 * product)
    alpha, beta = (total + root) / 2, (total - root) / 2
    a, b = (alpha - k21) / (alpha - beta), (k21 - beta) / (alpha - beta)
    return 100 / v1 * (a * np.exp(-alpha * times) + b * np.exp(-beta * times))


TIMES = np.array([0.25, 0.5, 1, 2, 4, 8, 12, 24.0])
TWO = {"CL": 2.0, "V1": 10.0, "Q": 3.0, "V2": 20.0}


def two_compartments(tmp_path) -> Fit:
    """Data that the closed form gives, 3 % above and below it in turn, to be fitted from a start apart."""
    seen = closed_form(TIMES, *TWO.values()) * np.exp(0.03 * np.tile([1, -1], 4))
    lines = [f"1,{t!r},{v!r},1" for t, v in zip(TIMES.tolist(), seen.tolist(), strict=True)]
    (tmp_path / "two.csv").write_text("ID,TIME,DV,DVID\n" + "\n".join(lines) + "\n", encoding="utf-8")
    problem = {
        "title": "two compartments", "model": str(HERE / "two_compartments.ant"),
        "table": {"file": "two.csv", "observables": {1: "conc"}},
        "observables": {"conc": {"model": "log", "relative": "0.05"}},
        "parameters": {name: free(1.3 * value, value / 20, value * 20) for name, value in TWO.items()},
        "optimiser": {"starts": 1},
    }  # fmt: skip
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(problem, sort_keys=False), encoding="utf-8")
    return Fit(problem=str(tmp_path / "two.yaml"), profile=False, engine="roadrunner")


def test_two_compartments_have_the_closed_form_its_estimates_and_its_errors(tmp_path):
    """Against scipy on the closed form: predictions, derivatives by parameters, optimum and errors."""
    made = two_compartments(tmp_path).prepared
    x = np.log(list(TWO.values()))
    predicted = Objective(made).predict((0,), x, np.zeros((1, 0)))
    assert predicted == pytest.approx(closed_form(TIMES, *TWO.values()), rel=1e-6)
    seen = made.arms[0].value

    def residual(at: np.ndarray) -> np.ndarray:
        return (np.log(seen) - np.log(closed_form(TIMES, *np.exp(at)))) / 0.05

    best = optimize.least_squares(residual, x, xtol=1e-12, ftol=1e-12)
    result = two_compartments(tmp_path).result(Serial())
    found = result.table("estimates")
    assert np.log(found.estimate.to_numpy()) == pytest.approx(best.x, abs=2e-4)
    covariance = np.linalg.inv(best.jac.T @ best.jac)
    assert found.rse.to_numpy() / 100 == pytest.approx(np.sqrt(np.diag(covariance)), rel=5e-3)


def thirty(tmp_path, times: str, omegas: dict[str, str], engine: str) -> Fit:
    """Thirty synthetic patients of the clinical model, with random effects."""
    arms = {f"p{i}": {"doses": [f"{150 * (i % 3 + 1)}e6"], "group": f"p{i}"} for i in range(30)}
    bounds = {"K_exp_max": free(1.7, 0.5, 5), "K_kill_max": free(0.2, 0.01, 10)}
    problem = {
        "title": "thirty", "model": "clinical", "arms": arms,
        "synthetic": {"times": times, "seed": 7, "reason": "a test."},
        "observables": {
            "transgene": {"model": "log", "relative": "0.6"},
            "M_protein_change": {"model": "additive", "additive": "8 percent"},
        },
        "parameters": {name: bounds[name] for name in omegas},
        "effects": {name: {"omega": {"start": omega}} for name, omega in omegas.items()},
        "optimiser": {"starts": 1},
    }  # fmt: skip
    (tmp_path / "thirty.yaml").write_text(yaml.safe_dump(problem, sort_keys=False), encoding="utf-8")
    return Fit(problem=str(tmp_path / "thirty.yaml"), engine=engine)


@pytest.mark.slow
def test_two_cores_halve_three_quarters_of_one_start_of_a_population(tmp_path, monkeypatch):
    """By CPU time, which other work on the machine changes little: that of the compiled kernel, where threads
    run side by side, over all. Two cores then take 1/(1 - 0.75/2) = 1.6 times less at least."""
    omegas = {"K_exp_max": "0.22", "K_kill_max": "0.3"}
    made = thirty(tmp_path, "3,7,14,28,60,120", omegas, "kernel").prepared
    start = Start("one", tuple(made.start), tuple(range(made.start.size)))
    spent, call = [0.0], Kernel._call

    def timed(self, module, *given):
        def integrate(*arrays):
            began = time.thread_time()
            module.integrate(*arrays)
            spent[0] += time.thread_time() - began

        return call(self, SimpleNamespace(integrate=integrate), *given)

    monkeypatch.setattr(Kernel, "_call", timed)
    shares = []
    for _ in range(3):
        spent[0], began = 0.0, time.thread_time()
        start.run(made, 0)
        shares.append(spent[0] / (time.thread_time() - began))
    assert max(shares) > 0.75


@pytest.mark.slow
def test_a_sparse_population_of_thirty_patients_has_the_likelihood_of_quadrature(tmp_path):
    """Two observations a patient of the clinical model, synthetic, and one effect: by summation over it."""
    made = thirty(tmp_path, "14", {"K_exp_max": "0.22"}, "roadrunner").prepared
    objective, every = Objective(made), tuple(range(30))
    x, seen, belongs = made.start, made.joined(every), made.belongs(every)
    model = Model.of(made, seen, made.natural(x))
    grid = np.linspace(-6, 6, 121)
    found = np.empty((grid.size, 30))
    for row, u in zip(found, grid, strict=True):
        first, level = residuals(seen, model, objective.predict(every, x, np.full((30, 1), u)))
        squares = np.bincount(belongs, first**2 + level**2, minlength=30)
        row[:] = -0.5 * squares + norm.logpdf(u)
    integral = -2 * (logsumexp(found, axis=0) + np.log(grid[1] - grid[0])).sum() + objective.constant
    assert objective.value(x) == pytest.approx(integral, abs=0.1)

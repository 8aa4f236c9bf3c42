from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

from harness.fitting.information import RISE, uncertainty
from harness.fitting.objective import Objective
from harness.fitting.prepared import SMALL, Coordinate
from harness.fitting.simulations import ROUNDED
from harness.fitting.study import Fit
from harness.simulation.engines import KERNEL, ROADRUNNER

RICH = {"viability": {"model": "log", "relative": "0.001"}}


def grouped(prepared, lines: tuple[str, ...], observables: dict = RICH):
    return prepared(
        arms={line: {"condition": line, "group": line} for line in lines}, condition=None,
        effects={"K_kill_max": {"omega": {"start": "0.5"}}},
        parameters={"K_kill_max": {"low": "0.02", "high": "5"}}, observables=observables,
    )  # fmt: skip


def test_one_size_over_n_values_and_p_parameters_has_n_minus_p_degrees_of_freedom(prepared):
    made = prepared()  # nine values, two parameters
    known = uncertainty(Objective(made), made.start)
    assert known.restricted == pytest.approx([1, 1, np.sqrt(9 / 7)], rel=1e-6)
    assert known.error[2] == pytest.approx(np.sqrt(1 / (2 * 7)), rel=1e-6)
    low, high = known.interval(made.start)
    assert (high - low)[:2] / 2 == pytest.approx(stats.t.ppf(0.975, 7) * known.error[:2], rel=1e-6)
    size = made.start[2] + np.log(np.sqrt(9 / 7))
    bounds = [size - 0.5 * np.log(stats.chi2.ppf(p, 7) / 7) for p in (0.975, 0.025)]
    assert [low[2], high[2]] == pytest.approx(bounds, rel=1e-6)


@pytest.mark.parametrize("omega", [0.5, 1e-3, 1e-6])
def test_a_spread_that_vanishes_has_no_error_and_no_interval(prepared, omega):
    """Beside a scatter of 20 %, a spread of 50 % between lines can be told, and one of 0.1 % cannot."""
    made = grouped(prepared, ("Daudi", "JeKo", "U266-B1"), {"viability": {"model": "log", "relative": "0.2"}})
    at = made.start.copy()
    at[made.names.index("omega_K_kill_max")] = np.log(omega)
    known = uncertainty(Objective(made), at)
    low, high = known.interval(at)
    centre = at + np.log(known.restricted)
    told = np.isfinite(known.error)
    assert told.tolist() == [True, omega == 0.5]
    assert ((low < centre) & (centre < high))[told].all()
    assert np.isnan([low[~told], high[~told]]).all()


def test_a_given_size_gives_errors_of_that_size_and_normal_intervals(prepared):
    estimated = prepared()
    made = prepared(observables={"viability": {"model": "log", "relative": "0.05"}})
    known = uncertainty(Objective(made), made.start)
    wider = uncertainty(Objective(estimated), estimated.start)
    assert wider.error[:2] == pytest.approx(known.error * np.sqrt(9 / 7), rel=1e-6)
    low, high = known.interval(made.start)
    assert high - low == pytest.approx(2 * stats.norm.ppf(0.975) * known.error, rel=1e-6)


def test_the_mean_over_few_groups_has_the_error_and_the_t_interval_of_a_mean(prepared):
    made = grouped(prepared, ("Daudi", "JeKo", "U266-B1"))
    known = uncertainty(Objective(made), made.start)
    assert known.error[0] == pytest.approx(0.5 / np.sqrt(3 - 1), rel=0.01)
    assert known.restricted[1] == pytest.approx(np.sqrt(3 / 2), rel=0.01)
    low, high = known.interval(made.start)
    assert (high - low)[0] / 2 == pytest.approx(stats.t.ppf(0.975, 2) * known.error[0], rel=0.01)


def test_a_profile_is_followed_as_far_as_its_interval_reaches(prepared):
    made = prepared()
    known = uncertainty(Objective(made), made.start)
    assert known.rise(0) == pytest.approx(9 * np.log1p(stats.t.ppf(0.975, 7) ** 2 / 7), rel=1e-6)
    made = prepared(observables={"viability": {"model": "log", "relative": "0.05"}})
    assert uncertainty(Objective(made), made.start).rise(0) == pytest.approx(RISE, rel=1e-6)


LINES = {
    f"{line}_{ratio}": {"condition": line, "group": line, "changes": {"ET_ratio": str(ratio)}}
    for line in ("Daudi", "JeKo", "U266-B1")
    for ratio in (1, 4)
}
WITH_PRIOR = {
    "K_kill_max": {"low": "0.02", "high": "5", "start": "0.5"},
    "KC50": {"low": "0.1", "high": "50", "start": "2", "prior": {"mean": "2", "sd": 0.5}},
}
COMBINED = {"model": "combined", "relative": {"start": "0.1"}, "additive": {"start": "5"}}


class Dense:
    """Mean, V and their derivatives of all observations at once, from differences of the predictions."""

    def __init__(self, made, x: np.ndarray, b: np.ndarray, step: float = 4e-3) -> None:
        self.made, self.objective = made, Objective(made)
        self.group = np.concatenate([np.full(arm.value.size, arm.group) for arm in made.arms])
        self.censored = np.concatenate([arm.censored for arm in made.arms])
        self.limit = np.concatenate([arm.limit for arm in made.arms])
        omega = made.effects[0].omega.at(made.natural(x)) if made.effects else 0.0
        shared = np.zeros((self.group.size, self.group.size))
        for g in range(len(b)):
            moved = np.where(np.arange(len(b)) == g, step, 0.0)[:, np.newaxis]
            slope = (self.moments(x, b + moved)[0] - self.moments(x, b - moved)[0]) / (2 * step)
            shared += omega**2 * np.outer(slope, slope)
        self.v = shared + np.diag(self.moments(x, b)[1])
        self.mean = np.empty((self.group.size, x.size))
        self.dv = []
        for i, name in enumerate(made.names):
            moved = np.where(np.arange(x.size) == i, step, 0.0)
            up, down = self.moments(x + moved, b), self.moments(x - moved, b)
            self.mean[:, i] = (up[0] - down[0]) / (2 * step)
            self.dv.append(np.diag(up[1] - down[1]) / (2 * step) + 2 * shared * name.startswith("omega"))
        places = made.places("parameter")
        self.prior = np.diag([0.0 if c.prior is None else c.prior[1] ** -2 for c in made.coordinates])
        inverse = np.linalg.inv(self.v)
        design = inverse @ self.mean[:, places]
        location = np.linalg.inv(self.mean[:, places].T @ design + self.prior[np.ix_(places, places)])
        self.inverse, self.p = inverse, inverse - design @ location @ design.T

    def moments(self, x: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and variances of the errors; the residual and 1 of a censored observation."""
        natural = self.made.natural(x)
        u = b / self.made.effects[0].omega.at(natural) if self.made.effects else b
        f = np.concatenate([self.objective.predict((i,), x, u) for i in range(len(self.made.arms))])
        (error,) = self.made.errors
        a, r = error.additive.at(natural), error.relative.at(natural)
        mean, sd = (np.log(f), r + 0 * f) if error.logarithmic else (f, np.hypot(a, r * f))
        limit = np.where(self.censored, self.limit, 1.0)
        below = stats.norm.logcdf(((np.log(limit) if error.logarithmic else limit) - mean) / sd)
        return np.where(self.censored, np.sqrt(-2 * below), mean), np.where(self.censored, 1.0, sd**2)

    def ratios(self) -> np.ndarray:
        """Restricted variances over those of maximum likelihood, of all sizes."""
        sizes = self.made.places("error", "omega")
        return np.array([np.trace(self.inverse @ self.dv[v]) / np.trace(self.p @ self.dv[v]) for v in sizes])

    def covariance(self) -> np.ndarray:
        """Inverse of the expected information."""
        information = self.prior + self.mean.T @ self.inverse @ self.mean
        weighted = [self.p @ dv for dv in self.dv]
        return np.linalg.inv(information + [[np.trace(i @ j) / 2 for j in weighted] for i in weighted])


@pytest.mark.parametrize("effect", [True, False])
@pytest.mark.parametrize(
    ("error", "censored"),
    [
        ({"model": "log", "relative": {"start": "0.1"}}, False),
        ({"model": "proportional", "relative": {"start": "0.1"}}, False),
        (COMBINED, False),
        ({**COMBINED, "lloq": "40 percent"}, True),
    ],
)
def test_errors_are_those_of_dense_matrices_over_all_observations(prepared, error, censored, effect):
    made = prepared(
        arms=LINES, condition=None, parameters=WITH_PRIOR, observables={"viability": error},
        effects={"K_kill_max": {"omega": {"start": "0.5"}}} if effect else None,
    )  # fmt: skip
    assert any(arm.censored.any() for arm in made.arms) == censored
    x, sizes = made.start, made.places("error", "omega")
    b = Objective(made).effects(x) * (0.5 if effect else 1.0)
    known = uncertainty(Objective(made), x)
    ratios = Dense(made, x, b).ratios()
    assert known.restricted[sizes] == pytest.approx(np.sqrt(ratios), rel=1e-4)
    at = x.copy()
    at[sizes] += np.log(ratios) / 2
    covariance = Dense(made, at, b).covariance()
    spread = np.sqrt(np.diag(covariance))
    assert known.error == pytest.approx(spread, rel=1e-3)
    assert known.covariance / np.outer(spread, spread) == pytest.approx(
        covariance / np.outer(spread, spread), abs=1e-3
    )


@pytest.mark.parametrize(("times", "hill"), [("4", False), ("1,4", False), ("1,4", True)])
def test_as_many_parameters_as_observations_tell_no_size_and_no_error(prepared, times, hill):
    parameters = {"K_kill_max": {"low": "0.02", "high": "5"}, "KC50": {"low": "0.1", "high": "50"}}
    if hill:
        parameters["hill_kill"] = {"low": "0.1", "high": "5"}
    if times == "4":
        del parameters["KC50"]
    made = prepared(
        arms={"well": {}}, parameters=parameters, synthetic={"times": times, "seed": 3, "reason": "a test."}
    )
    known = uncertainty(Objective(made), made.start)
    assert known.spent.tolist() == [True]
    assert np.isnan(known.error).all()
    assert np.isnan(known.interval(made.start)).all()
    assert np.isnan(known.restricted[-1])
    assert [known.rise(place) for place in made.places("parameter")] == [np.inf] * len(parameters)


def test_a_prior_keeps_its_error_where_the_size_is_not_told(prepared):
    made = prepared(
        arms={"well": {}}, parameters=WITH_PRIOR, synthetic={"times": "4", "seed": 3, "reason": "a test."}
    )
    known = uncertainty(Objective(made), made.start)
    error = dict(zip(made.names, known.error, strict=True))
    assert error["KC50"] == pytest.approx(0.5, rel=1e-3)
    assert np.isnan([error["K_kill_max"], error["relative_viability"]]).all()


def test_a_parameter_without_information_is_profiled_as_far_as_the_sizes_say(prepared, monkeypatch):
    flat = {"K_kill_max": {"low": "0.02", "high": "5"}, "KC50": {"low": "0.1", "high": "50"}}
    predict = Objective.predict

    def without_kc50(self, arm: int, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        held = x.copy()
        held[self.prepared.names.index("KC50")] = 0.0
        return predict(self, arm, held, effects)

    monkeypatch.setattr(Objective, "predict", without_kc50)
    for relative, expected in (
        ("0.05", RISE),
        ({"start": "0.05"}, 9 * np.log1p(stats.t.ppf(0.975, 8) ** 2 / 8)),
    ):
        made = prepared(parameters=flat, observables={"viability": {"model": "log", "relative": relative}})
        known, place = uncertainty(Objective(made), made.start), made.names.index("KC50")
        assert np.isnan(known.error[place])
        assert known.rise(place) == pytest.approx(expected, rel=1e-6)


def test_a_run_that_fails_beside_the_estimate_is_no_information(prepared, monkeypatch):
    made = prepared()
    place, predict = made.names.index("KC50"), Objective.predict

    def failing_above(self, arm: int, x: np.ndarray, effects: np.ndarray) -> np.ndarray:
        found = predict(self, arm, x, effects)
        return found if x[place] <= made.start[place] else np.full_like(found, np.nan)

    monkeypatch.setattr(Objective, "predict", failing_above)
    known = uncertainty(Objective(made), made.start)
    assert np.isnan(known.error[place])


def test_a_parameter_on_its_bound_counts_as_known(prepared):
    free = {"low": "0.1", "high": "50", "start": "1"}
    rate = {"low": "0.02 1/hour", "high": "0.8 1/hour", "start": "0.8 1/hour"}
    on_bound = prepared(parameters={"K_kill_max": rate, "KC50": free})
    fixed = prepared(parameters={"KC50": free}, changes={"K_kill_max": "0.8 1/hour"})
    known = uncertainty(Objective(on_bound), on_bound.start)
    alone = uncertainty(Objective(fixed), fixed.start)
    assert np.isnan(known.error[on_bound.names.index("K_kill_max")])
    others = [on_bound.names.index(name) for name in fixed.names]
    held = on_bound.names.index("K_kill_max")
    assert np.isnan(known.correlation()[held]).all()
    assert known.correlation()[np.ix_(others, others)] == pytest.approx(alone.correlation(), abs=1e-6)
    values, vectors = known.eigen()
    assert values == pytest.approx(alone.eigen()[0], rel=1e-6)
    assert (vectors[held] == 0).all()
    assert known.error[others] == pytest.approx(alone.error, rel=1e-6)
    assert known.rise(others[0]) == pytest.approx(alone.rise(0), rel=1e-6)


def test_a_parameter_on_its_bound_is_profiled_as_far_as_the_widest_of_the_others():
    made = Fit(problem="fig2b/constant_volume_combined", starts=1, engine="roadrunner").prepared
    x, held = made.start, made.names.index("K_12")
    x[held] = made.bounds[0][held]
    known = uncertainty(Objective(made), x)
    rises = {place: known.rise(place) for place in made.places("parameter")}
    others = [rise for place, rise in rises.items() if np.isfinite(known.error[place])]
    assert len(others) >= 2
    assert np.ptp(others) > 0.1
    assert rises[held] == max(others) > RISE


def test_an_error_on_its_lower_bound_counts_as_known(prepared):
    """As if it were not there: what is left is a hundredth of the smallest that matters."""
    combined = prepared(observables={"viability": COMBINED})
    additive = prepared(
        observables={"viability": {"model": "additive", "additive": COMBINED["additive"]}},
    )
    x, place = combined.start, combined.names.index("relative_viability")
    x[place] = combined.bounds[0][place]
    known, alone = (uncertainty(Objective(m), at) for m, at in ((combined, x), (additive, additive.start)))
    others = [combined.names.index(name) for name in additive.names]
    assert np.isnan(known.error[place])
    assert known.error[others] == pytest.approx(alone.error, rel=1e-2)
    assert [known.rise(i) for i in others[:2]] == pytest.approx([alone.rise(i) for i in (0, 1)], rel=1e-2)


def on_a_linear_scale(prepared, high: float):
    kill = {"low": "0.0 1/hour", "high": f"{high} 1/hour", "start": "0.4 1/hour", "scale": "linear"}
    return prepared(parameters={"K_kill_max": kill, "KC50": {"low": "0.1", "high": "50", "start": "2"}})


@settings(
    derandomize=True,
    deadline=None,
    max_examples=5,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(high=st.floats(-0.3, 6).map(lambda power: 10.0**power), engine=st.sampled_from([ROADRUNNER, KERNEL]))
def test_the_width_of_bounds_has_no_part_in_derivatives_and_errors(prepared, high, engine):
    narrow, wide = (replace(on_a_linear_scale(prepared, each), engine=engine) for each in (0.45, high))
    one, other = (Objective(made) for made in (narrow, wide))
    x, free = narrow.start, np.arange(3)
    assert other.jacobian(x, free) == pytest.approx(one.jacobian(x, free), rel=1e-9, abs=1e-9)
    assert uncertainty(other, x).error == pytest.approx(uncertainty(one, x).error, rel=1e-9)
    assert narrow.at_bounds(x).tolist() == wide.at_bounds(x).tolist()


@pytest.mark.parametrize("start", ["0.0", "1e-7", "0.4"])
def test_a_step_on_a_linear_scale_is_part_of_what_is_declared_or_started_from(prepared, start):
    made = prepared(
        parameters={"K_kill_max": {"low": "0", "high": "9e9", "start": f"{start} 1/hour", "scale": "linear"}}
    )
    declared = made.coordinates[0].declared
    assert made.coordinates[0].size(0.0) == SMALL * max(declared, float(start))
    assert made.coordinates[0].size(-3.0) == 3.0


def test_a_coordinate_that_starts_at_zero_has_its_unit_or_its_width():
    def size(high: float) -> float:
        return Coordinate("b", "", "parameter", False, -high, high, 0.0, float("nan")).size(0.0)

    assert size(1e6) == size(5.0) == SMALL
    assert size(0.05) == pytest.approx(0.1 * SMALL)


@pytest.mark.parametrize("scale", ["log", "linear"])
@pytest.mark.parametrize("engine", [ROADRUNNER, KERNEL])
def test_what_the_equations_cancel_has_no_error_and_leaves_that_of_the_others(prepared, engine, scale):
    """The change of M-protein is the same for any production: it stands in its start and in its rate."""
    fields = {
        "model": "clinical", "condition": None, "arms": {"one": {"doses": ["150e6"]}},
        "synthetic": {"times": "14,28,60,120", "seed": 3, "reason": "a test."},
        "observables": {"M_protein_change": {"model": "additive", "additive": "5 percent"}},
    }  # fmt: skip
    known = {"K_m": {"low": "0.01", "high": "1"}, "K_kill_max": {"low": "0.01", "high": "100"}}
    free = {**known, "P_m": {"low": "1", "high": "1e6", "scale": scale}}
    both, alone = (
        replace(prepared(**fields, parameters=parameters), engine=engine) for parameters in (free, known)
    )
    found, sure = (uncertainty(Objective(made), made.start) for made in (both, alone))
    assert np.isnan(found.error[2])
    assert found.error[:2] == pytest.approx(sure.error, rel=1e-6)
    slopes = Objective(both).near(both.start, np.zeros((1, 0)))
    assert engine == ROADRUNNER or slopes.accuracy == ROUNDED

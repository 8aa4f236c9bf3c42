from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from harness.errors import InputError, RunFailed
from harness.figures.fit import draw_ridge, write_figures
from harness.fitting.fit import fit, steps
from harness.fitting.kept import kept_in
from harness.fitting.objective import Objective
from harness.fitting.prepare import prepare
from harness.fitting.problem import read_problem
from harness.fitting.result import read_result
from harness.fitting.study import Fit
from harness.fitting.tasks import Start, run_tasks
from harness.simulation.execute import Processes, Serial


def same_tables(one, other):
    assert one.numbers == other.numbers
    assert one.tables == other.tables


@pytest.mark.quick
def test_known_parameters_are_found_again_in_vitro(prepared):
    result = fit(prepared(), profile=False)
    estimates = result.table("estimates").set_index("parameter")
    assert estimates.estimate["K_kill_max"] == pytest.approx(0.353, rel=0.1)
    assert estimates.estimate["KC50"] == pytest.approx(2.24, rel=0.1)
    assert (estimates.low < estimates.estimate).all()
    assert result.number("objective") < result.number("objective_table_1")
    assert result.notes[0] == "Synthetic data: a test."


def test_a_relative_error_is_the_same_on_either_scale(prepared):
    """By the delta method the error of ln K is that of K over K."""
    found = {}
    for scale in ("log", "linear"):
        kill = {"low": "0.02 1/hour", "high": "5 1/hour", "start": "0.4 1/hour", "scale": scale}
        fields = {"parameters": {"K_kill_max": kill}, "optimiser": {"starts": 1}}
        found[scale] = fit(prepared(**fields), profile=False).table("estimates").iloc[0]
    assert found["linear"]["estimate"] == pytest.approx(found["log"]["estimate"], rel=1e-3)
    assert found["linear"]["rse"] == pytest.approx(found["log"]["rse"], rel=0.02)


def test_known_parameters_are_found_again_in_the_mouse():
    prepared = Fit(problem="fig2b/synthetic", starts=1, engine="roadrunner").prepared
    moved = tuple(replace(c, start=c.start * 1.3) for c in prepared.coordinates)
    estimates = fit(replace(prepared, coordinates=moved), profile=False).table("estimates")
    mine = estimates[estimates.kind == "parameter"]
    errors = np.log(mine.estimate / mine.table_1) / (mine.rse / 100)
    assert (np.abs(errors) < 3).all()
    assert (mine.rse < 60).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fig2a/synthetic", "fig3/synthetic"])
def test_population_values_are_found_again_beside_random_effects(name):
    found = Fit(problem=name, starts=1, profile=False).run(Serial()).tables["estimates"]
    mine = found[found.kind == "parameter"]
    assert ((mine.low < mine.table_1) & (mine.table_1 < mine.high)).mean() >= 0.75


@pytest.mark.quick
def test_a_result_reloads_as_it_was_saved(prepared, tmp_path):
    result = fit(prepared(), problem={"title": "x"})
    result.save(tmp_path / "result.json")
    assert read_result(tmp_path / "result.json") == result
    assert len(result.checksum) == 64
    assert result.engine == "roadrunner"
    write_figures(read_result(tmp_path / "result.json"), tmp_path)
    assert {"profiles.png", "waterfall.svg", "predictions.png"} < {p.name for p in tmp_path.iterdir()}
    assert result.versions["scipy"]
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8"))["seed"] == 1


def test_a_result_that_does_not_name_its_engine_has_none(prepared, tmp_path):
    path = tmp_path / "result.json"
    fit(prepared(), profile=False).save(path)
    saved = json.loads(path.read_text(encoding="utf-8"))
    del saved["engine"]
    path.write_text(json.dumps(saved), encoding="utf-8")
    assert read_result(path).engine == ""


def test_another_file_is_no_result(tmp_path):
    (tmp_path / "result.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="is no result of a fit: title: is missing"):
        read_result(tmp_path / "result.json")


def test_the_numbers_do_not_depend_on_the_number_of_workers(prepared):
    made = prepared()
    same_tables(fit(made, Serial(), profile=False), fit(made, Processes(2), profile=False))


def test_a_study_gives_the_numbers_that_it_names(written):
    study = Fit(problem=str(written()), starts=1, profile=True, engine="roadrunner")
    counted: list[int] = []
    outcome = study.run(Serial(), counted.append)
    assert tuple(outcome.numbers) == study.number_names()
    assert outcome.numbers["verdict_K_kill_max"] == 1
    assert outcome.numbers["n"] == 9
    assert sum(counted) == study.size()
    found = outcome.extra["result"]
    assert found.problem["title"] == "one line in a well"
    assert set(outcome.tables) == set(found.tables)
    assert outcome.tables["estimates"].equals(found.table("estimates"))
    assert (outcome.runs, outcome.failed) == (found.runs, found.failed)
    assert outcome.notes == (*filter(None, [study.said]), *found.notes)
    assert found.notes


def test_profiles_agree_with_the_information_where_data_are_rich(prepared):
    estimates = fit(prepared()).table("estimates").iloc[:2]
    assert (estimates.verdict == "determined").all()
    np.testing.assert_allclose(estimates.profile_low, estimates.low, rtol=0.2)
    np.testing.assert_allclose(estimates.profile_high, estimates.high, rtol=0.2)


def test_a_profile_has_a_point_next_to_each_crossing(prepared):
    result = fit(prepared(optimiser={"starts": 1}))
    profiles = result.table("profiles")
    for row in result.table("estimates").itertuples():
        if row.kind != "parameter":
            continue
        mine = profiles[profiles.profiled == row.parameter]
        for side in (mine[mine.value < row.estimate], mine[mine.value > row.estimate]):
            assert (side.rise - row.profile_rise).abs().min() < 0.1 * row.profile_rise


def test_a_parameter_without_data_is_not_determined(prepared):
    parameters = {"K_kill_max": {"low": "0.02", "high": "5"}, "K_off": {"low": "1e-4", "high": "1e-1"}}
    nothing_is_killed = {"times": "1,2,3,4", "seed": 1, "reason": "no receptors."}
    arms = {"none": {"changes": {"Ag_CAR": "0"}}}
    result = fit(prepared(parameters=parameters, arms=arms, synthetic=nothing_is_killed))
    estimates = result.table("estimates").set_index("parameter")
    for name in parameters:
        assert estimates.verdict[name] == "not determined"
        assert np.isnan(estimates.rse[name])
    assert any("Not determined by these data" in note for note in result.notes)


def test_two_parameters_that_only_their_product_matters_of_are_not_determined(prepared):
    parameters = {
        "Ag_CAR": {"low": "100", "high": "1e6"},
        "ET_ratio": {"low": "0.05", "high": "100", "start": "2"},
        "K_kill_max": {"low": "0.02", "high": "5"},
    }
    made = prepared(parameters=parameters, arms={"one": {}}, condition="JeKo", synthetic={
        "times": "0.5,1,2,4", "seed": 1, "reason": "one ratio", "truth": {"ET_ratio": "2"}})  # fmt: skip
    estimates = fit(made).table("estimates").set_index("parameter")
    assert estimates.verdict["Ag_CAR"] != "determined"
    assert estimates.verdict["ET_ratio"] != "determined"
    assert np.isnan(estimates.rse["Ag_CAR"])


def test_the_profile_over_two_parameters_is_lowest_at_the_optimum_and_is_drawn(prepared):
    parameters = {
        "K_kill_max": {"low": "0.1 1/hour", "high": "0.25 1/hour", "start": "0.2"},
        "KC50": {"low": "1", "high": "5"},
    }
    result = fit(prepared(parameters=parameters, ridge=["K_kill_max", "KC50"]), profile=False)
    table = result.table("ridge")
    assert len(table) == 81
    assert table["objective"].min() == pytest.approx(result.number("objective"), abs=1e-3)
    assert result.table("estimates").at_bound[0]
    assert draw_ridge(result).has_data()


def test_a_lower_point_on_the_map_of_two_parameters_is_adopted(prepared, monkeypatch):
    made = prepared(ridge=["K_kill_max", "KC50"], optimiser={"starts": 1})
    lowest = fit(made, profile=False).number("objective")

    def stay(start: Start, problem, number: int, threads: int) -> dict:  # noqa: ARG001 - in place of a method
        value = Objective(problem).penalised(np.array(start.x))
        return {"x": start.x, "penalised": value, "value": value, "converged": False, "said": "", "runs": 1,
                "failed": 0}  # fmt: skip

    monkeypatch.setattr(Start, "run", stay)
    result = fit(made, profile=False)
    assert result.table("waterfall").objective[0] > lowest + 1
    assert result.number("objective") == pytest.approx(lowest, abs=1e-2)
    assert result.table("ridge")["objective"].min() == pytest.approx(lowest, abs=1e-2)


def test_every_optimiser_reaches_the_same_point(prepared):
    values = {}
    for method in ("least_squares", "minimize", "differential_evolution"):
        made = prepared(optimiser={"method": method, "starts": 1})
        values[method] = fit(made, profile=False).number("objective")
    assert values["minimize"] == pytest.approx(values["least_squares"], abs=1e-2)
    assert values["differential_evolution"] == pytest.approx(values["least_squares"], abs=1e-2)


def test_a_soft_loss_resists_an_outlier(prepared):
    errors = {"viability": {"model": "log", "relative": "0.05"}}
    estimates = {}
    for loss in ("linear", "soft_l1"):
        made = prepared(observables=errors, optimiser={"loss": loss, "starts": 1})
        value = made.arms[0].value.copy()
        value[0] *= 1.6
        spoilt = replace(made, arms=(replace(made.arms[0], value=value), *made.arms[1:]))
        estimates[loss] = fit(spoilt, profile=False).number("estimate_KC50")
    assert abs(np.log(estimates["soft_l1"] / 2.24)) < abs(np.log(estimates["linear"] / 2.24))


def test_a_value_is_carried_from_one_fit_to_the_next(prepared, written, tmp_path):
    first = fit(prepared(), profile=False)
    first.save(tmp_path / "result.json")
    path = written(
        fixed_from={"result.json": ["KC50"]}, parameters={"K_kill_max": {"low": "0.1", "high": "5"}}
    )
    made = prepare(read_problem(path), path.parent)
    assert made.arms[0].fixed["KC50"] == first.number("estimate_KC50")


def test_an_interrupted_fit_goes_on_with_what_is_kept(prepared, tmp_path):
    made = prepared()
    whole = fit(made)
    key = made.key

    class Stop(Exception):
        pass

    def stop_after_three(count: int, seen: list[int] = []) -> None:  # noqa: B006 - it counts by it
        seen.append(count)
        if len(seen) == 3:
            raise Stop

    with pytest.raises(Stop), kept_in(tmp_path, key, resume=False) as kept:
        fit(made, progress=stop_after_three, kept=kept)
    assert 0 < kept.count < steps(made, True)
    with pytest.raises(InputError, match="parts of an unfinished fit; go on with --resume"):
        kept_in(tmp_path, key, resume=False)
    with pytest.raises(InputError, match="belongs to another fit"):
        kept_in(tmp_path, "other", resume=True)
    with kept_in(tmp_path, key, resume=True) as kept:
        same_tables(whole, fit(made, kept=kept))
        assert kept.damaged == 0
        first, table_1, side = (next(kept.folder.glob(f"{name}*.part")) for name in ("start", "table", "pro"))
        first.write_bytes(table_1.read_bytes())
        table_1.write_text('{"x": [', encoding="utf-8")
        side.write_bytes(side.read_bytes().replace(b"0.", b"1.", 1))
        same_tables(whole, fit(made, kept=kept))
        assert kept.damaged == 3


def test_a_part_of_a_fit_belongs_to_the_numbers_that_it_starts_from(prepared, tmp_path):
    made = prepared(optimiser={"starts": 1})
    free = tuple(range(len(made.coordinates)))
    one, other = (Start("start", tuple(made.start + shift), free) for shift in (0.0, 1e-15))
    with kept_in(tmp_path, made.key, resume=False) as kept:
        for part in (one, one, other, one):
            run_tasks(made, [part], Serial(), lambda _: None, kept)
        assert kept.damaged == 2


def test_a_fit_that_cannot_be_simulated_is_told_in_one_line(prepared):
    made = prepared(optimiser={"starts": 1})
    late = tuple(replace(arm, times=arm.times * 1e12) for arm in made.arms)
    with pytest.raises(RunFailed, match=r"^arm ratio_1.*cannot be simulated at the lowest point[^\n]*$"):
        fit(replace(made, arms=late), profile=False)


def test_too_few_observations_give_a_note_and_figures(prepared, tmp_path):
    made = prepared(
        arms={"well": {}}, parameters={"K_kill_max": {"low": "0.02", "high": "5"}},
        synthetic={"times": "4", "seed": 3, "reason": "a test."}, optimiser={"starts": 1},
    )  # fmt: skip
    found = fit(made)
    assert any(note.startswith("Too few observations to tell relative_viability") for note in found.notes)
    assert found.table("estimates").verdict[0] == "not determined"
    write_figures(found, tmp_path)
    assert (tmp_path / "profiles.png").is_file()


def test_a_fit_that_is_worse_than_the_declared_point_says_so(prepared):
    low = {"K_kill_max": {"low": "0.02 1/hour", "high": "0.2 1/hour", "start": "0.1 1/hour"}}
    notes = fit(prepared(parameters=low, optimiser={"starts": 1}), profile=False).notes
    (said,) = [note for note in notes if note.startswith("The model's own values do better than the fit, by")]
    assert "widen the bounds" in said


def test_observations_that_are_all_censored_are_told(prepared):
    errors = {"viability": {"model": "log", "relative": "0.05", "lloq": "200 percent"}}
    found = fit(prepared(observables=errors, optimiser={"starts": 1}), profile=False)
    assert any(note.startswith("Every observation of viability is censored") for note in found.notes)


def test_starts_that_disagree_are_told_with_how_far_they_ended(prepared, monkeypatch):
    run = Start.run

    def stay(start: Start, problem, number: int, threads: int) -> dict:
        found = run(start, problem, number, threads)
        return found if number % 2 == 0 else {**found, "penalised": found["penalised"] + 3.0 * number}

    monkeypatch.setattr(Start, "run", stay)
    notes = fit(prepared(optimiser={"starts": 4}), profile=False).notes
    assert "Starts disagree: 2 of 4 ended 3 to 9 above the lowest objective, 4 of all converged." in notes


def test_starts_that_end_apart_at_one_objective_are_told(prepared, monkeypatch):
    run = Start.run

    def move(start: Start, problem, number: int, threads: int) -> dict:
        found = run(start, problem, number, threads)
        moved = [found["x"][0], found["x"][1] + number, *found["x"][2:]]
        return {**found, "x": moved, "penalised": found["penalised"] + 0.01 * number}

    monkeypatch.setattr(Start, "run", move)
    notes = fit(prepared(optimiser={"starts": 2}), profile=False).notes
    assert "Starts with the same objective ended more than an error apart in K_kill_max." in notes

"""PEtab problems: lint-clean, with observed data or with values that say they are simulated."""

import logging

import numpy as np
import pandas as pd
import pytest
import roadrunner
from petab import v1, v2

from harness.errors import InputError
from harness.exchange.petab import problem_names, write_own_problem, write_problem
from harness.exchange.use import use_of
from harness.models.provenance import read_parameters


@pytest.fixture(scope="module", params=problem_names())
def problem(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return request.param, write_problem(request.param, folder)


@pytest.mark.quick
def test_the_problem_is_lint_clean(problem):
    assert not v1.lint_problem(v1.Problem.from_yaml(problem[1]))
    assert not [each for each in logging.getLogger("petab").handlers if "harness" in type(each).__module__]


def test_observables_and_their_pictures_are_named(problem):
    folder = problem[1].parent
    observables = pd.read_csv(folder / "observables.tsv", sep="\t")
    assert (observables.observableName == observables.observableFormula).all()
    shown = pd.read_csv(folder / "visualization.tsv", sep="\t")
    assert set(shown.xValues) == {"time"}
    assert set(shown.yValues) <= set(observables.observableId)


def test_measurements_say_whether_they_are_observed(problem):
    name, path = problem
    table = pd.read_csv(path.parent / "measurements.tsv", sep="\t")
    source = "observed_fig2b" if name == "xenograft" else "simulated_at_the_nominal_point"
    assert set(table.datasetId) == {source}
    assert table.notna().all(axis=None)
    if name == "xenograft":
        assert len(table) == 50
        blood = table[(table.observableId == "observed_blood_cart") & (table.time == 12)]
        assert sorted(blood.measurement) == [0, 455]


def test_simulated_values_are_those_of_the_model_at_the_nominal_point(problem):
    from harness.simulation.simulate import simulate

    name, path = problem
    tables = {t: pd.read_csv(path.parent / f"{t}.tsv", sep="\t") for t in ("simulated", "conditions")}
    condition = tables["conditions"].iloc[-1]
    rows = tables["simulated"].query("simulationConditionId == @condition.conditionId")
    changes = condition.drop("conditionId").to_dict()
    ours = simulate(name, changes=changes, times=np.unique(rows.time))
    for row in rows.itertuples():
        value = float(ours[row.observableId.removeprefix("observed_")].sel(time=row.time))
        assert row.simulation == pytest.approx(value, rel=1e-4, abs=1e-6)  # engine at 1e-7


def test_parameters_are_those_that_the_article_estimated(problem):
    name, path = problem
    table = pd.read_csv(path.parent / "parameters.tsv", sep="\t")
    estimated = {r.id: r.value for r in read_parameters() if r.scale == name and r.status == "estimated"}
    assert dict(zip(table.parameterId, table.nominalValue, strict=True)) == estimated


NEGATIVE_LOG_LIKELIHOOD = {"clinical": 523.9, "in_vitro": 60.7, "xenograft": 2049.8}
"""Of PEtab's own calculation, at the nominal point."""


def likelihood(path, simulated):
    found = v1.Problem.from_yaml(path)
    return -v1.calculate.calculate_llh(
        found.measurement_df, simulated, found.observable_df, found.parameter_df
    )


def test_conditions_stand_in_the_order_in_which_petab_sorts_them(problem):
    """PyPESTO 0.7 pairs the rows of one table with the other by their place, and else runs the wrong ones."""
    folder = problem[1].parent
    conditions = pd.read_csv(folder / "conditions.tsv", sep="\t").conditionId.tolist()
    measured = pd.read_csv(folder / "measurements.tsv", sep="\t").simulationConditionId
    asked = v1.Problem.from_yaml(problem[1]).get_simulation_conditions_from_measurement_df()
    assert conditions == measured.unique().tolist() == asked.simulationConditionId.tolist()


def test_libroadrunner_gives_the_likelihood_of_petab(problem):
    """As pyPESTO runs it: the values of a condition set, a reset, a run."""
    name, path = problem
    simulated = pd.read_csv(path.parent / "simulated.tsv", sep="\t")
    assert likelihood(path, simulated) == pytest.approx(NEGATIVE_LOG_LIKELIHOOD[name], abs=0.1)
    engine = roadrunner.RoadRunner(str(path.parent / "model.xml"))
    engine.integrator.relative_tolerance, engine.integrator.absolute_tolerance = 1e-10, 1e-18
    conditions = pd.read_csv(path.parent / "conditions.tsv", sep="\t").set_index("conditionId")
    for condition, rows in simulated.groupby("simulationConditionId", sort=False):
        for symbol, value in conditions.loc[condition].items():
            engine.model[symbol] = value
        engine.reset()
        times = np.unique([0, *rows.time])
        names = [each.removeprefix("observed_") for each in rows.observableId]
        read = list(dict.fromkeys(names))
        found = np.array(engine.simulate(times=times.tolist(), selections=read))
        places = np.searchsorted(times, rows.time), [read.index(each) for each in names]
        simulated.loc[rows.index, "simulation"] = found[places]
    assert likelihood(path, simulated) == pytest.approx(NEGATIVE_LOG_LIKELIHOOD[name], abs=0.1)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
def test_pypesto_gives_the_likelihood_of_petab(problem):
    rr = pytest.importorskip("pypesto.objective.roadrunner")
    name, path = problem
    found = v1.Problem.from_yaml(path)
    objective = rr.PetabImporterRR(found).create_problem().objective
    assert objective(np.array(found.x_nominal_free_scaled)) == pytest.approx(
        NEGATIVE_LOG_LIKELIHOOD[name], rel=1e-3
    )


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # those of the importer and of what it reads
def test_copasi_gives_the_likelihood_of_petab(problem, tmp_path):
    pytest.importorskip("copasi_petab_importer")
    from basico.petab import PetabSimulator

    name, path = problem
    simulated = PetabSimulator(v1.Problem.from_yaml(path), working_dir=str(tmp_path)).simulate()
    assert likelihood(path, simulated) == pytest.approx(NEGATIVE_LOG_LIKELIHOOD[name], rel=1e-3)


@pytest.mark.slow
def test_amici_gives_the_likelihood_of_petab(problem, tmp_path, amici):  # noqa: ARG001 - it has to be there
    from amici.importers.petab.v1 import import_petab_problem
    from amici.sim.sundials.petab.v1 import LLH, simulate_petab

    name, path = problem
    found = v1.Problem.from_yaml(path)
    model = import_petab_problem(
        found,
        output_dir=str(tmp_path / "compiled"),
        model_name=f"petab_{name}",
        generate_sensitivity_code=False,
    )
    solver = model.create_solver()
    solver.set_relative_tolerance(1e-10)
    solver.set_absolute_tolerance(1e-18)
    nominal = dict(zip(found.x_free_ids, found.x_nominal_free, strict=True))
    run = simulate_petab(
        found, amici_model=model, solver=solver, problem_parameters=nominal, scaled_parameters=False
    )
    assert -run[LLH] == pytest.approx(NEGATIVE_LOG_LIKELIHOOD[name], rel=1e-3)


def test_version_2_stands_beside_and_says_the_same(problem):
    _, path = problem
    first, second = v1.Problem.from_yaml(path), v2.Problem.from_yaml(path.parent / "v2" / "problem.yaml")
    assert {p.id for p in second.parameters} >= set(first.x_free_ids)
    assert len(second.measurements) == len(first.measurement_df)
    assert not second.validate().has_errors()


def test_a_model_of_ones_own_becomes_a_template(tmp_path):
    own = tmp_path / "own.ant"
    own.write_text(
        "model m()\n compartment C=2; species S in C; S=3; k=0.5; S->; C*k*S; y:=2*S\nend\n", encoding="utf-8"
    )
    (tmp_path / "out").mkdir()
    path = write_own_problem(use_of(str(own), changes={"k": 0.25}, until=10), tmp_path / "out")
    found = v1.Problem.from_yaml(path)
    assert dict(zip(found.x_free_ids, found.x_nominal_free, strict=True)) == {"k": 0.25}
    assert set(found.observable_df.observableFormula) == {"conc_S", "y"}
    rows = found.measurement_df.query("observableId == 'observed_conc_S'")
    np.testing.assert_allclose(rows.measurement, 3 * np.exp(-0.25 * rows.time), rtol=1e-6)


def test_an_unknown_scale_is_told_with_the_nearest(tmp_path):
    with pytest.raises(InputError, match="nearest: clinical"):
        write_problem("clinic", tmp_path)

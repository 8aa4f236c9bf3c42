"""PEtab problems: lint-clean, with observed data or with values that say they are simulated."""

import logging

import numpy as np
import pandas as pd
import pytest
from petab import v1

from harness.errors import InputError
from harness.exchange.petab import problem_names, write_problem
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


def test_an_unknown_scale_is_told_with_the_nearest(tmp_path):
    with pytest.raises(InputError, match="nearest: clinical"):
        write_problem("clinic", tmp_path)

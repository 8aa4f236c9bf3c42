"""Patients fitted to dose and best response: in the category, nearest to the typical patient, repeatable."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from harness.analysis.response import RULE, category_names
from harness.declarations import declare
from harness.errors import InputError
from harness.models.provenance import read_parameters
from harness.simulation.execute import Processes, Serial
from harness.simulation.simulate import simulate
from harness.studies.individual import Patient, estimate
from harness.studies.patient_fits import PatientFits
from harness.studies.patient_table import read_patients
from harness.studies.patients import Patients

TABLE = "dose,category,n\n150e6,sCR,2\n50e6,PR,1\n150e6,VGPR,1\n150e6,SD,1\n"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A study of five patients, four of them distinct, and its outcome, by the kernel for its speed."""
    path = tmp_path_factory.mktemp("patients") / "table.csv"
    path.write_text(TABLE, encoding="utf-8")
    fields = {"draws": 30, "until": "24 months", "more_effects": {"K_21": 0.5}, "engine": "kernel"}
    study = declare(Patients, table=str(path), published={}, **fields)
    return study, study.run(Serial())


def test_the_published_omegas_are_those_of_the_parameter_table():
    published = {p.id: p.omega for p in read_parameters() if p.scale == "clinical"}
    study = Patients()
    effects = PatientFits(study).omegas(study.effects)
    assert effects == {name: published[name] for name in study.effects}
    assert list(effects.values()) == [0.22, 0.5, 0.21, 1.0]
    assert set(PatientFits(study).omegas(study.more_effects).values()) == {0.5}


def test_an_effect_without_an_omega_needs_one():
    with pytest.raises(InputError, match=r"parameters.csv has no omega of Tumor_0; give one"):
        PatientFits(Patients()).omegas({"Tumor_0": None})


def test_the_table_of_the_trial_holds_its_33_patients():
    table = PatientFits(Patients()).table
    assert len(table) == 33
    assert table["responder"].sum() == 28
    assert table.groupby("arm").size().to_dict() == {"high": 30, "low": 3}
    assert table.groupby("dose").size().to_list() == [3, 8, 19, 3]
    assert PatientFits(Patients()).published() == {"low": 2.7, "high": 11.8}


def test_every_patient_is_in_the_category_by_a_simulation_of_its_own(small):
    _, outcome = small
    patients = outcome.tables["patients"]
    assert patients["in_category"].all()
    for _, patient in patients.drop_duplicates("group").iterrows():
        published = {"K_exp_max": (1.73, 0.22), "K_kill_max": (0.343, 0.5), "gamma_m": (0.215, 0.21)}
        changes = {n: t * np.exp(w * patient[f"{n}_sd"]) for n, (t, w) in published.items()}
        curve = simulate("clinical", doses=patient["dose"], changes=changes, until=365, times="0:365:1")
        lowest = curve.M_protein_change.sel(time=slice(28, None)).min().item()
        assert lowest == pytest.approx(patient["change"], abs=0.02)


def test_a_patient_in_the_category_of_the_typical_one_has_no_effects(small):
    _, outcome = small
    vgpr = outcome.tables["patients"].query("category == 'VGPR'").iloc[0]
    assert vgpr["distance_sd"] == 0


def test_no_nearer_point_is_in_the_category(small):
    """Points of a random sample that are nearer to the typical patient lie in another category."""
    study, outcome = small
    work = PatientFits(study)
    row = outcome.tables["patients"].query("category == 'CR'").iloc[0]
    assert 0.3 < row["distance_sd"] < 1
    random = np.random.default_rng(5).standard_normal((40, 4))
    points = random / np.linalg.norm(random, axis=1, keepdims=True) * row["distance_sd"] * 0.97
    groups = pd.DataFrame({"dose": [row["dose"]] * 40, "category": "CR", "responder": True})
    groups.index = [f"point {i}" for i in range(40)]
    sizes = pd.DataFrame(points, groups.index, [f"{name}_sd" for name in study.effects])
    fitted, _ = work.profiles(groups.join(sizes), work.omegas(study.effects), Serial())
    assert set(fitted["fitted"]) == {"VGPR", "PR"}


def test_stable_disease_is_far_out_and_one_more_effect_brings_it_nearer(small):
    _, outcome = small
    numbers = outcome.numbers
    assert numbers["responders_in_category"] == numbers["responders"] == 4
    assert numbers["largest_sd_responders"] < 3 < numbers["largest_sd_SD"]
    assert numbers["K_exp_max_sd_SD"] == pytest.approx(-5.6, abs=0.1)
    assert numbers["gamma_m_sd_SD"] == pytest.approx(-4.2, abs=0.15)
    assert numbers["distance_sd_SD_added"] < numbers["distance_sd_SD"]
    assert np.isnan(numbers["largest_sd_PD"])


def test_a_reader_is_told_how_many_draws_the_weights_are_worth(small):
    _, outcome = small
    weight = outcome.tables["draws"].groupby("group")["weight"]
    worth = {group: w.sum() ** 2 / (w**2).sum() for group, w in weight}
    least = min(worth, key=worth.get)
    said = (
        f"Draws given the category: 30 a distinct patient, worth at least {worth[least]:.0f} independent ones"
    )
    assert f"{said} ({least})." in outcome.notes


def test_numbers_are_those_that_were_announced(small):
    study, outcome = small
    assert tuple(outcome.numbers) == study.number_names()
    assert outcome.runs > 0
    assert outcome.failed >= 0


def test_draws_with_weight_are_in_the_category_and_others_have_none(small):
    _, outcome = small
    draws = outcome.tables["draws"]
    bounds = {
        "5e+07 PR": (-90, -50),
        "1.5e+08 VGPR": (-95, -90),
        "1.5e+08 CR": (-101, -95),
        "1.5e+08 SD": (-25, 25),
    }
    for group, (low, high) in bounds.items():
        of_group = draws[draws["group"] == group]
        inside = of_group["change"].gt(low) & of_group["change"].le(high)
        assert (of_group["weight"].gt(0) == inside).all()
        assert of_group["weight"].max() == 1


def test_weights_turn_draws_around_a_fit_into_draws_of_the_population(small):
    """For the typical patient's category both are the same, so that every weight is one."""
    draws = small[1].tables["draws"].query("group == '1.5e+08 VGPR' and weight > 0")
    assert draws["weight"].to_numpy() == pytest.approx(1)


def test_a_weight_is_the_published_density_over_that_of_the_draw(small):
    """Densities by scipy: of effects around 0 over effects around the fit, the largest of a group as 1."""
    study, outcome = small
    columns = [f"{name}_sd" for name in study.effects]
    fit = outcome.tables["patients"].query("category == 'CR'").iloc[0]
    draws = outcome.tables["draws"].query("group == '1.5e+08 CR' and weight > 0")
    drawn, at = draws[columns].to_numpy(), fit[columns].to_numpy(float)
    ratio = norm.pdf(drawn).prod(axis=1) / norm.pdf(drawn - at).prod(axis=1)
    assert draws["weight"].nunique() > 5
    assert draws["weight"].to_numpy() == pytest.approx(ratio / ratio.max())


def test_the_numbers_do_not_depend_on_the_workers(tmp_path):
    """Two patients to share out, of the category that takes the shortest search."""
    path = tmp_path / "table.csv"
    path.write_text("dose,category,n\n150e6,VGPR,2\n50e6,VGPR,1\n", encoding="utf-8")
    study = declare(Patients, table=str(path), published={}, draws=10, until="12 months")
    one, two = study.run(Serial()), study.run(Processes(2))
    assert one.numbers == pytest.approx(two.numbers, rel=0, abs=0, nan_ok=True)
    for name, table in one.tables.items():
        pd.testing.assert_frame_equal(table, two.tables[name], check_exact=True)


def test_what_a_patient_gets_does_not_depend_on_the_patients_beside(tmp_path):
    """Draws too: each patient's own, whatever its place in the table."""
    found = []
    for rows in ("150e6,VGPR,2\n50e6,VGPR,1\n", "50e6,VGPR,1\n"):
        path = tmp_path / "table.csv"
        path.write_text(f"dose,category,n\n{rows}", encoding="utf-8")
        study = declare(Patients, table=str(path), published={}, draws=10, until="12 months")
        found.append(study.run(Serial()).tables)
    for name in ("profiles", "draws", "bands"):
        alone = found[1][name]
        beside = found[0][name][found[0][name]["group"].isin(alone["group"])]
        assert len(alone) > 0
        pd.testing.assert_frame_equal(alone, beside.reset_index(drop=True), check_exact=True)
        assert set(found[0][name]["group"]) > set(alone["group"])


def test_progress_comes_to_about_the_announced_size(small):
    study, outcome = small
    assert outcome.runs == pytest.approx(study.size(), rel=0.6)


def test_a_study_of_responders_alone_and_of_one_arm_has_nothing_for_the_others(tmp_path):
    path = tmp_path / "one.csv"
    path.write_text("dose,category,n\n150e6,VGPR,1\n", encoding="utf-8")
    study = declare(Patients, table=str(path), published={}, draws=5, until="12 months")
    outcome = study.run(Serial())
    assert outcome.tables["added"].empty
    assert np.isnan(outcome.numbers["largest_sd_nonresponders"])
    assert np.isnan(outcome.numbers["median_pfs_low_nadir_25"])
    assert outcome.numbers["median_pfs_high_nadir_25"] == pytest.approx(7.7, abs=0.1)


def test_one_engine_runs_fits_and_draws_alike_and_the_first_line_says_which(small):
    _, outcome = small
    assert outcome.engine == "kernel"
    assert outcome.notes[0] == "runs on the kernel, compiled for clinical"
    assert sum(note.startswith("runs on") for note in outcome.notes) == 1
    plain = PatientFits(Patients(engine="roadrunner"))
    assert plain.planned.study.engine == "roadrunner"


def test_both_engines_find_the_same_patient():
    found = {}
    for engine in ("kernel", "roadrunner"):
        work = PatientFits(Patients(engine=engine, until="12 months"))
        effects = work.omegas({"K_exp_max": None, "K_kill_max": None})
        design = work._design(work.groups.loc[["1.5e+08 PR"]], effects, np.zeros(2))
        study, omega = work._plan(design, ("M_protein_change",)).study, np.array(list(effects.values()))
        found[engine] = estimate(Patient(study, 150e6, "PR", work._typical(effects), omega, 28.0, RULE))
        assert (study.engine, found[engine].in_category) == (engine, True)
    assert found["kernel"].effects == pytest.approx(found["roadrunner"].effects, abs=2e-3)


def test_a_search_ends_where_two_runs_can_tell_no_more():
    work = PatientFits(Patients(engine="kernel"))
    effects = work.omegas(Patients().effects)
    design = work._design(work.groups.loc[["5e+07 SD"]], effects, np.zeros(len(effects)))
    study, omega = work._plan(design, ("M_protein_change",)).study, np.array(list(effects.values()))
    found = estimate(Patient(study, 50e6, "SD", work._typical(effects), omega, 28.0, RULE))
    assert found.effects @ found.effects / 2 == pytest.approx(25.0619, abs=1e-3)  # sought to 1e-9, too
    assert found.in_category
    assert found.runs < 600


def test_a_category_out_of_reach_is_shown_as_such():
    work = PatientFits(Patients())
    group = work.groups.loc[["1.5e+08 PD"]]
    study = work._plan(work._design(group, {"K_21": 0.01}, np.zeros(1)), ("M_protein_change",)).study
    found = estimate(Patient(study, 150e6, "PD", np.array([0.176]), np.array([0.01]), 28.0, RULE))
    assert not found.in_category
    assert category_names()[-1] == "PD"
    assert found.change < 25


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("dose,category,n\n150e6,VGRP,1\n", "row 1: no category 'VGRP'; nearest: VGPR"),
        ("dose,category,n\n150e6,CR,1\n-5,CR,1\n", "row 2: dose '-5' must be a number of at least one cell"),
        ("dose,category,n\n0,CR,1\n", "row 1: dose '0' must be a number of at least one cell"),
        ("dose,category,n\nlots,CR,1\n", "row 1: dose 'lots' must be a number"),
        ("dose,category,n\n150e6,CR,1.5\n", "row 1: n '1.5' must be a whole number"),
        ("dose,category,n\n150e6,CR,-1\n", "row 1: n '-1' must be a whole number"),
        ("dose,category,n\n150e6,CR,\n", "row 1: n '' must be a whole number"),
        ("dose,category,n\n150e6,CR,1e9\n", "at most 100000 are allowed"),
        ("dose,category,n\n150e6,CR,0\n", "no patients"),
        ("dose,category,n\n", "no patients"),
        ("dose,category\n150e6,CR\n", "column missing: n"),
        ("dose,dose,category,n\n1e8,2e8,PR,2\n", "column dose is given twice"),
        ("dose,category,n\n1e8,PR,1,4,5\n", "Expected 3 fields in line 2, saw 5"),
        ("", "cannot be read"),
    ],
)
def test_a_broken_table_is_told_in_one_line(tmp_path, text, said):
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_patients(path)
    assert said in str(error.value)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_counts_of_zero_are_allowed_beside_others(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("# of ours\ndose, category, n\n150e6, sCR, 2\n150e6, PD, 0\n", encoding="utf-8")
    table = read_patients(path)
    assert table["category"].tolist() == ["CR", "CR"]
    assert table["reported"].tolist() == ["sCR", "sCR"]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"effects": {"K_exp_max": 0}}, "omega of K_exp_max must be positive"),
        ({"effects": {}}, "effects: none given"),
        ({"more_effects": {"gamma_m": 0.5}}, "gamma_m is among effects already"),
        (
            {"more_effects": {"gamma_m": 0.5, "K_exp_max": 0.5}},
            "more_effects: K_exp_max, gamma_m is among effects already",
        ),
        ({"draws": 0}, "must be at least 1, not 0"),
        ({"first_visit": -1}, "must be at least 0, not -1"),
        ({"split": 0}, "greater than 0"),
        ({"kind": "population"}, "kind"),
    ],
)
def test_a_broken_declaration_is_refused(fields, said):
    with pytest.raises(InputError, match=said):
        declare(Patients, **fields)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"effects": {"K_exp": 0.2}}, "K_exp_max"),
        ({"effects": {"R_m": 0.2}, "readings": ["as_rum"]}, "nearest: as_run"),
        ({"until": "10 days"}, "must lie after the first visit"),
        ({"until": "20 years"}, "within ten years"),
        ({"until": "soon"}, "not a number"),
        ({"published": {"middle": "crb401_50"}}, "no arm 'middle'"),
        ({"published": {"low": "crb401"}}, "no trial outcome 'crb401'"),
        ({"published": {"low": "crb401_150"}}, "has no median"),
        ({"table": "fig5/absent.csv"}, "no such file"),
    ],
)
def test_what_does_not_fit_the_model_is_told_before_anything_runs(fields, said):
    started = []
    with pytest.raises(InputError, match=said):
        declare(Patients, **fields).run(Serial(), started.append)
    assert not started

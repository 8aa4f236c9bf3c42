"""Every kind of study that a panel can declare is drawn, or is a table by its nature."""

import shutil
from typing import get_args

import pytest

from harness.figures.studies import DRAWN_BY, draw_study
from harness.fitting.study import Fit
from harness.models.card import repository
from harness.simulation.execute import Serial
from harness.studies.map import Map
from harness.studies.scan import Scan
from harness.studies.sensitivity import Sensitivity
from harness.validation.studies import AnyStudy


def test_every_kind_of_study_has_figures_or_is_a_table():
    kinds = {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(get_args(AnyStudy)[0])}
    assert kinds == set(DRAWN_BY) | {"scan", "agreement", "physical"}


@pytest.mark.parametrize(
    ("study", "titles"),
    [
        (
            Map(dose="50e6:800e6:log:3", burden={"points": 3}),
            ["Cmax, Tmax and the falls of the biomarkers (study first)"],
        ),
        (
            Sensitivity(
                model="in_vitro",
                parameters={"KC50": {"percent": 50}},
                observables=["viability"],
                at="2,4",
                n=16,
            ),
            [
                "Total Sobol indices over time, 1 parameters (study first)",
                "Partial rank correlations over time, 1 parameters (study first)",
            ],
        ),
        (Scan(kind="scan", model="in_vitro", grid={"ET_ratio": "1,2"}, endpoints=["viability_last"]), []),
    ],
)
def test_a_study_is_drawn_with_its_name_and_a_text_alternative(study, titles):
    drawings = draw_study("first", study, study.run(Serial()))
    assert [drawing.title for drawing in drawings] == titles
    assert all(len(drawing.description) > 20 for drawing in drawings)


PROBLEM = """
title: Growth of the vehicle arm
model: xenograft
observations: observed.csv
ignore: [cart_5e6, blood_cart]
arms:
  vehicle: {doses: [], observables: [tumor_volume]}
observables:
  tumor_volume: {model: log, relative: {start: 0.3}}
parameters:
  K_g: {low: 0.01 1/day, high: 1 1/day}
optimiser: {starts: 1, seed: 1}
"""


def test_a_fit_without_profiles_is_drawn_without_them(tmp_path):
    shutil.copy(repository() / "validation" / "fig2b" / "observed.csv", tmp_path)
    path = tmp_path / "fit_growth.yaml"
    path.write_text(PROBLEM, encoding="utf-8")
    study = Fit(kind="fit", problem=str(path), profile=False)
    drawings = draw_study("first", study, study.run(Serial()))
    assert [drawing.title for drawing in drawings] == ["Growth of the vehicle arm: predictions (study first)"]

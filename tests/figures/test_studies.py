"""Every kind of study that a panel can declare is drawn, or is a table by its nature."""

from typing import get_args

import pytest

from harness.figures.studies import DRAWN_BY, draw_study
from harness.simulation.execute import Serial
from harness.studies.map import Map
from harness.studies.scan import Scan
from harness.studies.sensitivity import Sensitivity
from harness.validation.studies import AnyStudy


def test_every_kind_of_study_has_figures_or_is_a_table():
    kinds = {get_args(kind.model_fields["kind"].annotation)[0] for kind in get_args(get_args(AnyStudy)[0])}
    assert kinds == set(DRAWN_BY) | {"scan", "agreement"}


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

"""The page on fitting, and the example of one scale after the other, run as they stand."""

from __future__ import annotations

import re
import shutil

import numpy as np
import pandas as pd
import pytest

from harness.fitting.study import Fit
from harness.models.card import repository
from harness.simulation.execute import Serial


def test_the_fit_of_the_page_finds_the_slope_of_its_table(tmp_path):
    page = (repository() / "docs" / "fitting.md").read_text("utf-8")
    for kind, name in (("yaml", "growth.yaml"), ("csv", "growth.csv")):
        (tmp_path / name).write_text(re.search(rf"```{kind}\n(.*?)```", page, re.DOTALL)[1], encoding="utf-8")
    outcome = Fit(problem=str(tmp_path / "growth.yaml"), profile=False, engine="roadrunner").run(Serial())
    seen = pd.read_csv(tmp_path / "growth.csv")
    slope = np.polyfit(seen["time"], np.log(seen["value"]), 1)[0]
    assert outcome.numbers["estimate_K_g"] == pytest.approx(slope, rel=0.1)
    assert outcome.failed == 0


@pytest.mark.slow
def test_the_potency_of_the_wells_is_carried_to_the_mouse_and_to_patients(tmp_path):
    here = repository() / "examples" / "sequential"
    folder = tmp_path / "examples" / "sequential"
    shutil.copytree(here, folder)
    shutil.copytree(repository() / "validation", tmp_path / "validation")
    wells = Fit(problem=str(folder / "wells.yaml"), starts=1, profile=False).result(Serial())
    kept = tmp_path / "build" / "sequential" / "wells"
    kept.mkdir(parents=True)
    wells.save(kept / "result.json")
    for name in ("mouse.yaml", "patients.yaml"):
        study = Fit(problem=str(folder / name), starts=1, profile=False)
        carried = {arm.fixed["KC50"] for arm in study.prepared.arms}
        assert carried == {wells.number("estimate_KC50")}
        assert study.run(Serial()).failed == 0

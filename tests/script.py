"""A script as its type checker sees it: each line is held by `make lint`, none is run."""

from pathlib import Path
from typing import assert_type

import numpy as np
import xarray as xr

import harness
from harness import Design, Dose, FitResult, Map, Outcome, PanelResult, Plan, Regimen, Summary, plan, run


def script(folder: Path) -> None:
    """What a script does with the front door."""
    assert_type(harness.__version__, str)
    assert_type(
        harness.simulate("clinical", doses=["450e6", Dose(28, 1e8)], times=np.arange(9.0)), xr.Dataset
    )
    design = harness.grid(dose=[1e8, 2e8]) * harness.read_design("design.csv")
    assert_type(design, Design)
    assert_type(harness.regimen(["150e6", "150e6@28"]), Regimen)
    planned = plan("clinical", design, endpoints=["Cmax"], at=(1, 28), until="21 months")
    assert_type(planned, Plan)
    assert_type(run(planned, harness.Processes(2), print), xr.Dataset)
    assert_type(harness.stream(planned, folder / "out.csv", resume=True), Summary)
    outcome = Map(dose="50e6:800e6:log:4", burden=harness.Burden(points=5)).run(harness.choose_executor(1))
    assert_type(outcome, Outcome)
    prepared = harness.prepare(harness.read_problem("fit.yaml"), folder)
    assert_type(harness.fit(prepared, profile=False), FitResult)
    assert_type(harness.run_panel("fig2b"), PanelResult)

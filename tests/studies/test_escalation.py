"""Dose escalation among virtual patients: the tables of a small study against what they are made of."""

import numpy as np
import pandas as pd
import pytest
import yaml

from harness.cli.main import run
from harness.declarations import declare
from harness.errors import InputError, RunFailed
from harness.models.card import repository
from harness.simulation.execute import Processes, Serial
from harness.studies.escalation import Escalation, Toxicity

FIELDS = {
    "model": "clinical_waning",
    "doses": [50e6, 150e6, 450e6],
    "patients": 40,
    "toxicity": {"at": 10000, "probability": 0.3, "slopes": [0, 2]},
    "trials": 60,
    "expansion": 4,
}


@pytest.fixture(scope="module")
def small():
    return declare(Escalation, **FIELDS).run(Serial())


def test_it_has_the_numbers_that_it_names(small):
    assert set(small.numbers) == set(declare(Escalation, **FIELDS).number_names())
    assert np.isfinite(list(small.numbers.values())).all()


def test_choices_add_up(small):
    shares = small.tables["characteristics"].groupby(["design", "slope"])
    assert shares.percent.sum().tolist() == pytest.approx([100] * 4)
    of_trials = small.tables["trials"].groupby(["design", "slope"])
    assert shares.patients.sum().to_numpy() == pytest.approx(of_trials.patients.mean().to_numpy())
    assert shares.toxic.sum().to_numpy() == pytest.approx(of_trials.toxic.mean().to_numpy())


def test_without_an_effect_of_exposure_every_dose_is_as_toxic(small):
    doses = small.tables["doses"]
    assert doses.query("slope == 0").toxic.tolist() == pytest.approx([30] * 3)
    rising = doses.query("slope == 2")
    assert (np.diff(rising.toxic) > 0).all()
    assert (np.diff(rising.exposure) > 0).all()
    assert small.tables["trials"].query("slope == 0").overdosed.sum() == 0


def test_only_a_trial_that_chooses_is_expanded(small):
    for row in small.tables["trials"].itertuples():
        treated = row.patients - (0 if np.isnan(row.chosen) else 4)
        assert treated <= (18 if row.design == "3+3" else 30)
        cohorts = treated / 3
        assert row.days == pytest.approx(28 * cohorts + 7 * row.patients)


def test_workers_and_order_change_no_bit(small):
    other = declare(Escalation, **FIELDS).run(Processes(2))
    for name, table in small.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name], check_exact=True)
    alone = declare(Escalation, **FIELDS | {"designs": ["boin"], "trials": 30}).run(Serial())
    trials = small.tables["trials"].query("design == 'boin' and trial < 30").reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.tables["trials"], trials, check_exact=True)


def test_the_curve_passes_through_its_point():
    curve = Toxicity(at=3000, probability=0.2, slopes=(1.5,))
    assert curve.of(np.array([3000.0]), 1.5) == pytest.approx([0.2])
    odds = [p / (1 - p) for p in curve.of(np.array([3000.0, 3000 * np.e]), 1.5)]
    assert np.log(odds[1] / odds[0]) == pytest.approx(1.5)
    assert curve.of(np.array([0.0]), 1.5) == [0]


def test_an_exposure_without_a_logarithm_is_none_and_is_told():
    fields = FIELDS | {"model": "clinical", "doses": [5e6, 450e6], "trials": 20}
    found = declare(Escalation, **fields | {"exposure": "growth_rate(transgene, start=3, stop=20)"})
    found = found.run(Serial())
    below = int((found.tables["runs"].exposure < 0).sum())
    assert below > 0
    assert any(note.startswith(f"{below} exposures are below 0") for note in found.notes)
    assert np.isfinite(found.tables["doses"].toxic).all()
    falling = declare(Escalation, **fields | {"exposure": "M_nadir"})
    with pytest.raises(RunFailed, match="is above 0 in no patient"):
        falling.run(Serial())


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"changes": {"dose": "1e6"}}, "changes: dose is varied"),
        ({"omegas": {"dose": 0.5}}, "omegas: dose is varied"),
        ({"doses": [150e6, 50e6]}, "each is to be above the one before"),
        ({"doses": []}, "one or more positive numbers"),
        ({"start": 1e6}, "start: 1e\\+06 is none of the doses"),
        ({"toxicity": {"at": 1, "probability": 1.2, "slopes": [1]}}, "probability"),
        ({"toxicity": {"at": 1, "probability": 0.2, "slopes": []}}, "slopes are distinct numbers"),
        ({"target": 0.9}, "target"),
        ({"designs": []}, "one or more, each once"),
        ({"cohort": 40}, "40 patients are more than the 30"),
        ({"exposure": "Cmxa"}, "Cmxa"),
        ({"trials": 0}, "trials"),
    ],
)
def test_what_makes_no_sense_is_told(changed, says):
    with pytest.raises(InputError, match=says):
        declare(Escalation, **FIELDS | changed).run(Serial())


def test_the_example_runs_from_the_command_line(tmp_path, capsys):
    declared = yaml.safe_load((repository() / "examples" / "escalation.yaml").read_text("utf-8"))
    file = tmp_path / "escalation.yaml"
    file.write_text(yaml.safe_dump(declared | {"patients": 30}), "utf-8")
    out, plot = tmp_path / "table.csv", tmp_path / "figure.png"
    assert run(["escalate", str(file), "--trials", "20", "--out", str(out), "--plot", str(plot)]) == 0
    shown = capsys.readouterr()
    assert "right dose (%)" in shown.out
    assert "an assumption of whoever declares it" in shown.err
    assert plot.stat().st_size > 0
    assert set(pd.read_csv(out).design) == {"3+3", "boin"}
    told = ["escalate", str(file), "--trials", "5", "--from", "parameters.csv", "--uncertainty", "2"]
    assert run(told) == 0
    assert "over the draws" in capsys.readouterr().out

"""What drives a decision: the same patients at every setting, and indices of functions that are known."""

import numpy as np
import pandas as pd
import pytest
import yaml

from harness.cli.main import run
from harness.declarations import declare
from harness.errors import InputError
from harness.models.card import repository
from harness.simulation.execute import Processes, Serial
from harness.studies.compare import Compare
from harness.studies.drivers import Drivers

FIELDS = {
    "model": "clinical_waning",
    "arms": {"usual": {"doses": ["450e6"]}},
    "decision": "Cmax",
    "parameters": {"TransC": {"low": "0.001", "high": "0.004"}, "K_m": {"percent": 50}},
    "patients": 12,
    "until": "7 months",
    "draws": 100,
    "n": 16,
}


@pytest.fixture(scope="module")
def found():
    return declare(Drivers, **FIELDS).run(Serial())


def test_it_has_the_numbers_that_it_names(found):
    study = declare(Drivers, **FIELDS)
    assert set(found.numbers) == set(study.number_names())
    assert found.runs == study.size() == len(study.plan()) == 12 * (1 + 4 + 16 * 4)


def test_a_factor_of_a_read_out_moves_it_as_much_and_drives_all_of_it(found):
    """Copies per cell multiply Cmax, and the turnover of M-protein has no part in it."""
    tornado = found.tables["tornado"].set_index("parameter")
    base = found.numbers["decision"]
    assert tornado.low["TransC"] == pytest.approx(base / 2, rel=1e-3)
    assert tornado.high["TransC"] == pytest.approx(2 * base, rel=1e-3)
    assert tornado.swing["K_m"] == pytest.approx(0, abs=1e-3 * base)
    assert tornado.index[0] == "TransC"
    assert (tornado.unit["TransC"], tornado.unit["K_m"]) == ("L/ug", "1/day")
    indices = found.tables["indices"].set_index("parameter")
    assert indices.total["TransC"] == pytest.approx(1, abs=indices.total_half["TransC"] + 0.02)
    assert indices.total["K_m"] == pytest.approx(0, abs=0.01)


def test_chance_of_the_patients_cancels_where_they_are_the_same(found):
    """Both ends move with the patients; their ratio is a factor of four whoever they are."""
    row = found.tables["tornado"].set_index("parameter").loc["TransC"]
    widths = row.high_to - row.high_from, row.low_to - row.low_from
    assert row.swing_to - row.swing_from == pytest.approx(widths[0] - widths[1], rel=0.05)
    assert row.swing_from < row.swing < row.swing_to


def test_a_parameter_is_moved_about_the_value_that_it_has_in_this_study():
    fields = FIELDS | {"n": 0, "decision": "orr", "changes": {"K_m": "0.4"}}
    row = declare(Drivers, **fields).run(Serial()).tables["tornado"].set_index("parameter").loc["K_m"]
    assert (row.low_value, row.high_value) == pytest.approx((0.2, 0.6))


def test_an_end_is_what_a_comparison_says_of_an_arm_with_that_change():
    parameters = {"K_kill_max": {"low": "0.2 1/day", "high": "0.5 1/day"}}
    fields = FIELDS | {"parameters": parameters, "decision": "orr_month", "n": 0}
    tornado = declare(Drivers, **fields).run(Serial()).tables["tornado"].iloc[0]
    arms = {
        "weak": {"doses": ["450e6"], "changes": {"K_kill_max": "0.2 1/day"}},
        "potent": {"doses": ["450e6"], "changes": {"K_kill_max": "0.5 1/day"}},
    }
    same = {name: FIELDS[name] for name in ("model", "patients", "until")}
    other = declare(Compare, arms=arms, **same, draws=100).run(Serial())
    assert tornado.low == other.numbers["orr_month_weak"]
    assert tornado.high == other.numbers["orr_month_potent"]


def test_of_two_arms_the_difference_decides_and_an_endpoint_may():
    arms = {"low": {"doses": ["50e6"]}, "high": {"doses": ["800e6"]}}
    one = {"parameters": {"K_el_e": {"rse": 19}}, "n": 0}
    fields = FIELDS | one | {"arms": arms, "decision": "value_at(transgene, at=10)"}
    both = declare(Drivers, **fields).run(Serial())
    alone = [
        declare(Drivers, **fields | {"arms": {name: arm}}).run(Serial()).numbers["decision"]
        for name, arm in arms.items()
    ]
    assert both.numbers["decision"] == pytest.approx(alone[1] - alone[0])


def test_a_range_is_that_of_the_attribute_and_a_value_outside_of_one_is_told():
    fields = {"model": "clinical_product", "parameters": {"f_low": "range", "K_off": "range"}, "n": 0}
    rows = declare(Drivers, **FIELDS | fields).run(Serial()).tables["tornado"].set_index("parameter")
    assert rows.low_value.to_dict() == {"f_low": 0, "K_off": pytest.approx(2.39e-4)}
    assert rows.high_value.to_dict() == {"f_low": 0.3, "K_off": pytest.approx(2.39e-2)}
    far = declare(Drivers, **FIELDS | fields | {"changes": {"Ag_CAR": "1e6"}}).plan()
    assert any(note.startswith("Ag_CAR: 1e+06") and "a choice" in note for note in far.notes)


def test_workers_change_no_bit(found):
    other = declare(Drivers, **FIELDS).run(Processes(2))
    for name, table in found.tables.items():
        pd.testing.assert_frame_equal(table, other.tables[name], check_exact=True)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"n": 20}, "power of two of at least 16"),
        ({"parameters": {"K_m": "range"}}, "K_m has no range of its own"),
        ({"parameters": {"K_m": "wide"}}, "parameters.K_m"),
        ({"parameters": {"K_of": {"percent": 5}}}, "K_of"),
        ({"parameters": {"K_off": {"low": "2", "high": "1"}}}, "is empty"),
        ({"parameters": {"K_off": {"low": "-1", "high": "1"}}}, "must not be negative"),
        ({"arms": {}}, "at least 1"),
        ({"arms": {name: {"doses": ["1e8"]} for name in "abc"}}, "one, or two"),
        ({"arms": {"a": {"doses": ["1e8"], "changes": {"K_m": "2x"}}}}, "K_m is changed by an arm"),
        ({"decision": "responders"}, "responders"),
        ({"patients": 100_000}, "at most 1000000 are allowed"),
    ],
)
def test_what_makes_no_sense_is_told(changed, says):
    with pytest.raises(InputError, match=says):
        declare(Drivers, **FIELDS | changed).run(Serial())


def test_the_example_runs_from_the_command_line(tmp_path, capsys):
    declared = yaml.safe_load((repository() / "examples" / "drivers.yaml").read_text("utf-8"))
    file = tmp_path / "drivers.yaml"
    fewer = {"patients": 10, "n": 0, "draws": 100, "until": "7 months"}
    file.write_text(yaml.safe_dump(declared | fewer, sort_keys=False), "utf-8")
    out, plot = tmp_path / "tornado.csv", tmp_path / "figure.png"
    assert run(["drivers", str(file), "--out", str(out), "--plot", str(plot)]) == 0
    assert capsys.readouterr().out.startswith("response at the month (%): ")
    table = pd.read_csv(out)
    assert set(table.parameter) == set(declared["parameters"])
    assert np.isfinite(table.swing).all()
    assert plot.stat().st_size > 0

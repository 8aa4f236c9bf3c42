"""Plans: what is refused and noted at the edges, and the times that a model declares."""

import numpy as np
import pandas as pd
import pytest

from harness.errors import InputError
from harness.models.catalog import load_card
from harness.simulation.design import Design, read_design
from harness.simulation.made_designs import grid
from harness.simulation.plan import plan
from harness.simulation.planned_times import own_times
from harness.simulation.regimen import VISITS, Dose, Hold, Redosing, Regimen

BOTH = "give the regimen once: as doses or as the column regimen, not both"


def test_the_times_of_a_model_go_on_with_their_last_step():
    card = load_card("clinical")
    short = own_times(card, card.symbols, 400.0)
    step = short[-2] - short[-3]
    longer = own_times(card, card.symbols, 5000.0)
    assert longer[0] == 0
    assert longer[-1] == 5000
    np.testing.assert_allclose(np.diff(longer[longer >= 400])[1:-1], np.diff(longer)[-2])
    assert np.diff(longer).max() <= max(step, np.diff(longer)[-2]) * (1 + 1e-9)


def test_what_lies_at_the_end_is_not_after_it():
    assert plan("clinical", grid(dose=[150e6]), at="1,28", until=28).study.end == 28
    with pytest.raises(InputError, match="at: 28 lies after until = 27 day"):
        plan("clinical", grid(dose=[150e6]), at="1,28", until=27)


@pytest.mark.parametrize(
    ("dose", "said"), [(1e6, None), (9.9e5, "1e6 and more"), (1e12, None), (1.1e12, "1e12 and less")]
)
def test_a_dose_is_far_from_two_powers_of_ten_below_on_and_from_three_above(dose, said):
    notes = plan("clinical", grid(dose=[dose]), engine="roadrunner").notes
    assert [note.partition("doses are of ")[2] for note in notes] == ([said] if said else [])


def test_a_rule_may_look_so_often_from_its_start_to_the_end():
    def looking(start, end):
        rule = Redosing(1e7, "M_protein_change", 0.25, 0.01, start, 3)
        return plan("clinical", grid(K_12=[1.71]), doses=Regimen((Dose(0.0, 1e8),), rule), until=end)

    with pytest.raises(InputError, match=r"more than 10000 visits; look less often than every 0\.01"):
        looking(10.0, 111.0)
    assert VISITS == 10_000
    assert len(looking(10.0, 109.0)) == 1


def test_a_regimen_is_given_once(tmp_path):
    (tmp_path / "design.csv").write_text("regimen\nnone\n", encoding="utf-8")
    design = read_design(tmp_path / "design.csv")
    assert isinstance(design, Design)
    with pytest.raises(InputError, match=BOTH):
        plan("clinical", design, doses=["1e8"], regimens={"none": Regimen(())})


def test_a_column_of_doses_given_by_a_rule_has_its_unit():
    rule = Redosing(1e7, "M_protein_change", 0.25, 7.0, 28.0, 3)
    planned = plan("clinical", grid(K_12=[1.71]), doses=Regimen((Dose(0.0, 1e8),), rule), until=60)
    assert [planned.unit(name) for name in ("redoses", "redose_days")] == ["dimensionless", "day"]


@pytest.mark.parametrize(
    ("days", "said"),
    [
        ([70.0, 100.0], []),
        ([50.0, 100.0], ["1 row ends", "row 0 at 50 of 70 day"]),
        ([100.0, 60.0, 69.0], ["2 rows end", "row 1 at 60 of 70 day"]),
    ],
)
def test_rows_that_end_before_a_dose_of_theirs_are_told(days, said):
    design = Design(pd.DataFrame({"days": days}))
    what = "before what the regimen gives last, which is not given there"
    told = (f"{said[0]} {what}: {said[1]}",) if said else ()
    assert plan("clinical", design, doses=["1e8", "1e8@70"]).notes == told
    rule = Redosing(1e7, "M_protein_change", 0.25, 7.0, 70.0)
    assert plan("clinical", design, doses=Regimen((Dose(0.0, 1e8),), rule)).notes == told
    nothing = Regimen((Dose(0.0, 1e8), Dose(70.0, 0.0)))
    assert plan("clinical", design, doses=nothing).notes == ()


def test_each_row_is_held_against_the_regimen_that_it_names():
    design = Design(pd.DataFrame({"days": [50.0, 50.0], "regimen": ["late", "once"]}))
    late, once = Regimen((Dose(0.0, 1e8), Dose(40.0, 1e8))), Regimen((Dose(0.0, 1e8),))
    assert plan("clinical", design, regimens={"late": late, "once": once}).notes == ()
    design = Design(pd.DataFrame({"days": [50.0, 30.0, 30.0], "regimen": ["late", "once", "late"]}))
    assert "1 row ends" in plan("clinical", design, regimens={"late": late, "once": once}).notes[0]
    assert "row 2 at 30 of 40 day" in plan("clinical", design, regimens={"late": late, "once": once}).notes[0]


def test_observables_that_nothing_reads_are_refused():
    design = grid(dose=[150e6])
    with pytest.raises(InputError, match="observables: nothing reads them"):
        plan("clinical", design, observables="transgene")
    with pytest.raises(InputError, match="observables: nothing reads them"):
        plan("clinical", design, endpoints=["Cmax"], observables=["transgene"], times="0,1")
    for used in ({"at": "1"}, {"at": "1", "trajectories": True}):
        assert plan("clinical", design, observables="transgene", **used).study.at_observables == (
            "transgene",
        )


OF_PERCENT = [
    "best_response",
    "progressed_by",
    "progression_after_last_dose",
    "progression_time",
    "response_at",
]
NEEDED = {"best_response": ", first_visit=28", "progressed_by": ", day=5", "response_at": ", day=5"}


@pytest.mark.parametrize("function", [*OF_PERCENT, "time_to_response"])
def test_what_is_of_a_change_in_percent_takes_nothing_else(function):
    text = f"{function}({{}}{NEEDED.get(function, '')})"
    for name, unit in (("M_protein", "g/L"), ("transgene", "copies/ug")):
        with pytest.raises(
            InputError, match=f"{function}: is of what is in percent, and {name} is in {unit}"
        ):
            plan("clinical", grid(dose=[1e8]), endpoints=[text.format(name)])
    assert plan("clinical", grid(dose=[1e8]), endpoints=[text.format("sBCMA_change")]).notes == ()


def test_a_time_of_an_endpoint_is_not_negative_and_one_that_no_run_reaches_is_told():
    for call in ("response_at(M_protein_change, day=-5)", "lowest(transgene, start=-1)"):
        with pytest.raises(InputError, match="is a time, and must not be negative"):
            plan("clinical", grid(dose=[1e8]), endpoints=[call])
    late = ["response_at(M_protein_change, day=361)", "area(transgene, stop=360)", "Cmax"]
    notes = plan("clinical", grid(dose=[1e8]), endpoints=late).notes
    assert len(notes) == 1
    assert "361 lies after the end, 360 day" in notes[0]
    assert plan("clinical", grid(dose=[1e8]), endpoints=late, until=361).notes == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"every": 0.0}, {"every": -7.0}, {"every": np.nan}, {"rise": np.nan}, {"rise": -1.0},
        {"rise": np.inf}, {"at_most": 0}, {"below": 5.0}, {"rise": 0.0},
        {"rise": 0.0, "below": 1.0, "above": 5.0},
        {"rise": 0.0, "below": np.nan}, {"start": -1.0}, {"amount": np.nan},
    ],
)  # fmt: skip
def test_a_rule_that_means_nothing_is_refused_where_it_is_made(wrong):
    sound = {"amount": 1e8, "observable": "transgene", "rise": 0.25, "every": 7.0, "start": 7.0}
    assert Redosing(**sound).at_most == 1
    with pytest.raises(InputError, match=r"rule of doses|dose of the rule"):
        Redosing(**{**sound, **wrong})


@pytest.mark.parametrize("levels", [{}, {"below": 1.0, "above": 2.0}, {"above": np.nan}, {"above": -np.inf}])
def test_a_rule_that_holds_doses_has_one_level(levels):
    with pytest.raises(InputError, match="rule that holds doses"):
        Hold("transgene", **levels)


@pytest.mark.parametrize(
    ("name", "said"), [("nothing", "no observable for the regimen 'nothing'"), ("K_12", "is constant")]
)
def test_a_rule_watches_what_there_is_and_what_moves(name, said):
    doses = (Dose(0.0, 1e8), Dose(5.0, 1e8))
    for rule in ({"redosing": Redosing(1e8, name, 0.25, 7.0, 7.0)}, {"hold": Hold(name, above=5.0)}):
        with pytest.raises(InputError, match=said):
            plan("clinical", grid(K_12=[1.71]), doses=Regimen(doses, **rule))


def test_regimens_that_no_row_names_are_refused_and_bytes_are_no_doses():
    with pytest.raises(InputError, match="regimens: no row names one"):
        plan("clinical", grid(K_12=[1.71]), regimens={"once": Regimen((Dose(0.0, 1e8),))})
    with pytest.raises(InputError, match="bytes are no dose"):
        plan("clinical", grid(K_12=[1.71]), doses=b"1e8")

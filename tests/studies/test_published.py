"""Published trials: the table, and the prediction of trials of their size."""

import numpy as np
import pytest
from scipy.stats import binom

from harness.errors import InputError
from harness.models.card import repository
from harness.studies.published import Drawn, predict, read_published

HEADER = "name,trial,arms,n,orr,cr,median_pfs,pfs_low,pfs_high,median_dor,dor_low,dor_high,source\n"


def table(tmp_path, *rows):
    path = tmp_path / "trials.csv"
    path.write_text("# remark\n" + HEADER + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def drawn(orr, cr, pfs, size=1000):
    """A population with these shares (%) and PFS from 0 to twice the median."""
    held = np.arange(size) / size * 100
    return Drawn(held < orr, held < cr, np.linspace(0, 2 * pfs, size))


def test_the_table_of_trials_adds_up():
    rows = {
        row.name: row for row in read_published(repository() / "validation" / "trials" / "trial_outcomes.csv")
    }
    for whole, parts in {
        "crb401_all": ["crb401_50", "crb401_150", "crb401_450", "crb401_800"],
        "crb401_150_to_800": ["crb401_150", "crb401_450", "crb401_800"],
        "karmma_all": ["karmma_150", "karmma_300", "karmma_450"],
    }.items():
        for outcome in ("orr", "cr"):
            counts = [round(rows[part].n * getattr(rows[part], outcome) / 100) for part in parts]
            assert 100 * sum(counts) / rows[whole].n == pytest.approx(getattr(rows[whole], outcome), abs=0.51)
    assert rows["crb401_escalation"].arms == {}


def test_the_interval_is_that_of_binomial_trials_of_that_size(tmp_path):
    path = table(tmp_path, "a,T,1e8=20,20,60,10,,,,,,,here")
    found = predict(read_published(path), {1e8: drawn(70, 30, 8)}, 20000, seed=1).set_index("outcome")
    for outcome, share in (("orr", 0.7), ("cr", 0.3)):
        expected = [100 * binom.ppf(q, 20, share) / 20 for q in (0.025, 0.5, 0.975)]
        assert found.loc[outcome, ["low", "predicted", "high"]].tolist() == pytest.approx(expected)
    assert found.inside.to_dict() == {"orr": True, "cr": True}


def test_arms_at_several_doses_are_drawn_each_from_its_own(tmp_path):
    path = table(tmp_path, "a,T,1e8=10 2e8=30,40,75,0,12,,,,,,here")
    of_dose = {1e8: drawn(0, 0, 2), 2e8: drawn(100, 0, 10)}
    found = predict(read_published(path), of_dose, 500, seed=1).set_index("outcome")
    assert found.loc["orr", ["low", "predicted", "high"]].tolist() == [75, 75, 75]
    assert 5 < found.predicted["median_pfs"] < 10
    assert found.inside.to_dict() == {"orr": True, "cr": True, "median_pfs": False}


def test_a_trial_without_known_arms_is_not_predicted(tmp_path):
    path = table(tmp_path, "a,T,,18,,,11.8,,,,,,here", "b,T,1e8=1,1,100,,,,,,,,here")
    assert predict(read_published(path), {1e8: drawn(70, 30, 8)}, 10, seed=1).name.tolist() == ["b"]


def test_a_published_value_is_inside_when_rounding_may_have_moved_it_out(tmp_path):
    path = table(tmp_path, "a,T,1e8=1 2e8=2,3,33,34,,,,,,,here")
    everybody, nobody = np.ones(9, bool), np.zeros(9, bool)
    of_dose = {1e8: Drawn(everybody, everybody, everybody), 2e8: Drawn(nobody, nobody, nobody)}
    found = predict(read_published(path), of_dose, 10, seed=1)
    assert found.low.tolist() == found.high.tolist() == pytest.approx([100 / 3] * 2)
    assert found.inside.tolist() == [True, False]


def test_a_median_that_is_not_reached_is_infinite(tmp_path):
    path = table(tmp_path, "a,T,1e8=5,5,,,11.8,,,,,,here")
    never = Drawn(np.ones(9, bool), np.ones(9, bool), np.full(9, np.inf))
    assert np.isinf(predict(read_published(path), {1e8: never}, 10, seed=1).predicted[0])


def test_the_median_of_a_drawn_trial_is_a_duration_of_its_patients(tmp_path):
    path = table(tmp_path, "a,T,1e8=1 2e8=1,2,,,11.8,,,,,,here")
    of_dose = {
        dose: Drawn(np.ones(1, bool), np.ones(1, bool), np.array([pfs]))
        for dose, pfs in ((1e8, 8.0), (2e8, np.inf))
    }
    assert predict(read_published(path), of_dose, 10, seed=1).predicted[0] == 8  # one of two has progressed


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["a,T,1e8=2,3,,,,,,,,,here"], "trials.csv: row 1: the arms have 2 patients together, n is 3"),
        (["a,T,1e8,3,,,,,,,,,here"], "trials.csv: row 1: arms: .*write CELLS=PATIENTS"),
        (["a,T,1e8=3,3,lots,,,,,,,,here"], "trials.csv: row 1: orr"),
        (["a,T,1e8=3,3,,,,,,,,,"], "trials.csv: row 1: source: a source is needed"),
        (["a,T,1e8=3,3,,,,,,,,,x", "a,T,1e8=3,3,,,,,,,,,x"], "trials.csv: row 2: name: a is given twice"),
        ([], "no rows"),
    ],
)
def test_a_broken_table_is_told_with_file_and_row(tmp_path, rows, said):
    with pytest.raises(InputError, match=said):
        read_published(table(tmp_path, *rows))

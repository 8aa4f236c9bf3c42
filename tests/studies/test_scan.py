import math

import numpy as np
import pytest

from harness.errors import InputError
from harness.simulation.execute import Serial
from harness.studies.scan import Scan

WELLS = Scan(
    kind="scan",
    model="in_vitro",
    conditions=("JeKo",),
    grid={"ET_ratio": "1,4"},
    endpoints=("viability_last",),
)


def viability(**fields):
    study = WELLS.model_copy(update=fields)
    return study.run(Serial()).tables["runs"]["viability_last"].to_numpy()


def test_a_deviation_is_so_many_omegas_from_the_value_that_is_set():
    """K_kill_max of the wells is 0.353 1/h with an omega of 0.62 (Table 1)."""
    moved = viability(deviations={"K_kill_max": -1})
    np.testing.assert_array_equal(moved, viability(changes={"K_kill_max": repr(0.353 * math.exp(-0.62))}))
    assert (moved > viability()).all()
    assert (viability(changes={"K_kill_max": "0.7"}, deviations={"K_kill_max": -1}) < moved).all()


def test_a_deviation_that_cannot_be_is_told_in_one_line():
    with pytest.raises(
        InputError, match=r"no omega in parameters.csv for in_vitro 'K_kill'; nearest: K_kill_max"
    ):
        viability(deviations={"K_kill": 1})
    with pytest.raises(InputError, match="K_kill_max is varied between the runs"):
        viability(grid={"K_kill_max": "0.1,0.2"}, deviations={"K_kill_max": 1})

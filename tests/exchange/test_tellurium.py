"""The SBML files load and run in tellurium, plainly, as a newcomer would do it."""

import warnings

import numpy as np
import pytest

from harness.models.catalog import load_card, model_names
from harness.simulation.simulate import simulate


@pytest.fixture(scope="module")
def tellurium():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tellurium
    return tellurium


@pytest.mark.parametrize("version", ["l3v2", "l3v1"])
@pytest.mark.parametrize("name", model_names())
@pytest.mark.quick
def test_tellurium_gives_the_numbers_of_the_engine(tellurium, name, version):
    card = load_card(name)
    model = tellurium.loadSBMLModel(str(card.sbml_path(version)))
    times = np.linspace(0, card.until, 121)
    rows = np.array(model.simulate(0, card.until, 121, ["time", *card.observables]))
    ours = simulate(name, times=times, observables=card.observables)
    for i, observable in enumerate(card.observables, start=1):
        expected = ours[observable].to_numpy()
        # plain amounts at tellurium's default accuracy: good to 0.2 % down to 1e-8 of the highest value
        np.testing.assert_allclose(rows[:, i], expected, rtol=2e-3, atol=1e-8 * np.abs(expected).max())

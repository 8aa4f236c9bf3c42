"""A plugin of pytest: each test says which shared fixtures it uses, and how long these took.

They stand in the junit file as properties of the test, `shared` with `NAME SECONDS`: a test that comes second
seems quick, because the first has paid for its fixture, and is not where it is run alone.
"""

from __future__ import annotations

import time
from collections.abc import Generator

import pytest

_SECONDS: dict[tuple[str, str], float] = {}


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef) -> Generator[None, object, object]:
    """How long a fixture takes."""
    started = time.perf_counter()
    found = yield
    if fixturedef.scope != "function":
        _SECONDS[fixturedef.baseid, fixturedef.argname] = time.perf_counter() - started
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Function) -> None:
    """What the test used of them."""
    for (place, name), seconds in _SECONDS.items():
        if name in item.fixturenames and item.nodeid.startswith(place):
            item.user_properties.append(("shared", f"{place}:{name} {seconds}"))

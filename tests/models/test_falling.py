"""Pools that can only fall."""

import antimony
import pytest

from harness.models.falling import only_fall

BODY = "compartment c = 2; species L in c, P in c; L = 1; P = 0; k = 1; h = 2;"


def falling(text):
    antimony.clearPreviousLoads()
    assert antimony.loadAntimonyString(f"model m()\n{BODY} {text}\nend\n") != -1, antimony.getLastError()
    return only_fall(antimony.getSBMLString("m"))


@pytest.mark.parametrize(
    "text",
    [
        "L -> P; k*L*c",
        "L -> P; k*L/(h + L)",
        "L -> ; k*L^h; L -> P; exp(k)*L",
        "2 L -> P; k*L",
        "L -> P; k*L; P -> ; P*time",
    ],
)
def test_what_is_only_taken_from_falls(text):
    assert falling(text) == {"L"}


@pytest.mark.parametrize(
    "text",
    [
        "L -> P; k*(L - P)",
        "L -> P; k*L; P -> L; k*P",
        "L -> P; k*L*P",
        "L -> P; -1*k*L",
        "L -> P; k*L*piecewise(1, time < 5, -1)",
        "L -> P; q*L; q := 1 - time",
        "L -> P; k*L; at (time > 5): L = 1",
        "L -> P; k*L; at (time > 5): k = -1",
        "L -> 2 L; k*L",
        "n L -> P; k*L; n = 1; at (time > 5): n = -1",
        "L -> P; k*L; $L -> ; L; L' = 1",
    ],
)
def test_what_may_come_back_does_not(text):
    assert "L" not in falling(text)

"""What the commands on studies share: paths checked before any run, exit codes, one line on what failed."""

import pytest

from harness.cli.main import run


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("patients", "--plot", "{0}/a.png", "--plot-effects", "{0}/a.png"), 2, "a.png: is asked for twice"),
        (("patients", "--out", "{0}/none/fits"), 2, "none does not exist"),
        (("map", "--plot", "{0}/a.csv"), 2, "the suffix must be one of .png, .svg, .pdf"),
        (("map", "--points", "2", "--set", "Tumor_0=1e9"), 2, "Tumor_0 is varied between the runs"),
        (("map", "--burden", "5:1e400"), 2, "burden: '1e400' is not a finite number"),
        (("map", "--points", "2", "--set", "K_12=1e300"), 1, "every simulation failed; the first: CVODE"),
        (("population", "--patients", "2", "--set", "dose=1e8"), 2, "dose is varied between the runs"),
        (("population", "--patients", "600000"), 2, "2400000 patients at all doses together; at most"),
        (("population", "--patients", "2", "--set", "P_m=1e300"), 1, "every simulation failed; the first"),
        (("agree", "clinica"), 2, "models: no model 'clinica'; nearest: clinical"),
    ],
)
def test_a_study_that_cannot_be_done_is_told_in_one_line(arguments, code, said, tmp_path, capfd):
    given = [argument.format(tmp_path) for argument in arguments]
    assert run([*given, "--workers", "1"]) == code
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err
    assert not list(tmp_path.iterdir())

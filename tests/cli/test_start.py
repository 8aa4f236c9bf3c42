"""A command loads no more than it needs: what it waits for is mostly imports."""

import subprocess
import sys

import pytest

HEAVY = {
    "SALib", "dask", "lifelines", "matplotlib", "numba", "pandas", "pint", "pyarrow", "scipy", "statsmodels",
    "tellurium", "xarray",
}  # fmt: skip
"""What takes longer to load than one simulation."""

LOADED = (
    "import sys; from harness.cli.main import run; run(sys.argv[1:]); print(*sys.modules, file=sys.stderr)"
)


def loaded(*arguments):
    """Names of the packages that a command has loaded, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *arguments], capture_output=True, encoding="utf-8", check=True
    )
    return {name.split(".")[0] for name in done.stderr.splitlines()[-1].split()}


@pytest.mark.parametrize("more", [(), ("--until", "20", "--dose", "1e8@7")])
def test_a_simulation_loads_nothing_heavy(more):
    found = loaded("simulate", "clinical", *more)
    assert "roadrunner" in found
    assert not found & HEAVY


@pytest.mark.parametrize(
    "more", [("clinicl",), ("clinical", "--reading", "as_rum"), ("clinical", "--condition", "RPMI")]
)
def test_a_wrong_name_is_told_before_what_simulates_is_loaded(more):
    assert not loaded("simulate", *more) & (HEAVY | {"roadrunner"})


def test_what_is_listed_as_heavy_would_be_seen(tmp_path):
    assert {"xarray", "scipy"} <= loaded(
        "simulate", "in_vitro", "--until", "1", "--out", str(tmp_path / "a.nc")
    )

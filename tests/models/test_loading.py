"""libRoadRunner without the Python around it, in a process of any size."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import roadrunner

from harness.models.catalog import load_card
from harness.models.loading import load, simulate

SPREAD = """
import ctypes, mmap, re, sys
from harness.models.catalog import load_card
from harness.models.loading import _room_is_near, load, simulate

libc, size = ctypes.CDLL(None), ctypes.c_size_t
libc.mmap.restype = ctypes.c_void_p
page, hidden = mmap.PAGESIZE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS

def reserve(pages):
    return libc.mmap(None, size(pages * page), 0, hidden, -1, size(0))

def fill_above(place):
    for pages in (64, 16, 4, 2, 1):
        while reserve(pages) > place:
            pass

def spread(apart):
    "Leave room for single pages at the top of the addresses, and for anything larger so many bytes below."
    fill_above(reserve(1000))
    singles = [reserve(1) for _ in range(2000)]
    fill_above(reserve(apart // page))
    for place in singles[::2]:
        libc.munmap(ctypes.c_void_p(place), size(page))

def last(text):
    kept.append(load(text))
    return simulate(kept[-1], [0.0, 10.0])[-1].tolist()

sbml, kept = load_card("clinical").sbml_path().read_text(encoding="utf-8"), []
texts = [re.sub(r'(<model [^>]*\\bid=")', rf"\\1m{k}", sbml) for k in range(3)]  # a text is compiled once
near, apart = last(texts[0]), int(sys.argv[1])
assert _room_is_near(len(sbml))
spread(apart)
assert _room_is_near(len(sbml)) == (apart < 2**30)
far = [last(text) for text in texts[:2]]
kept.clear()
far += [last(text) for text in texts[1:]]
assert far == 4 * [near], (near, far)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="lays out memory as Linux does")
@pytest.mark.parametrize("apart", [2**28, 2**31 + 2**28, 2**33])
def test_a_model_is_compiled_however_far_apart_room_is_and_runs_have_the_same_bits(apart):
    command = [sys.executable, "-c", SPREAD, str(apart)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(("near", "compiler"), [(True, "LLJIT"), (False, "MCJIT")])
def test_the_faster_compiler_is_taken_where_room_is_near(monkeypatch, near, compiler):
    config, taken = roadrunner.Config, []
    monkeypatch.setattr("harness.models.loading._room_is_near", lambda _most: near)
    monkeypatch.setattr(
        "roadrunner.RoadRunner", lambda _sbml: taken.append(config.getValue(config.LLVM_BACKEND))
    )
    load("")
    assert taken == [getattr(config, compiler)]


def test_settings_of_libroadrunner_are_left_as_they_were():
    names = ("LLVM_BACKEND", "ROADRUNNER_DISABLE_PYTHON_DYNAMIC_PROPERTIES")
    keys = [getattr(roadrunner.Config, name) for name in names]
    before = [roadrunner.Config.getValue(key) for key in keys]
    load(load_card("in_vitro").sbml_path().read_text(encoding="utf-8"))
    assert [roadrunner.Config.getValue(key) for key in keys] == before
    with pytest.raises(RuntimeError):
        load("<sbml/>")
    assert [roadrunner.Config.getValue(key) for key in keys] == before


def test_rows_are_those_of_its_own_simulate():
    sbml = load_card("clinical").sbml_path().read_text(encoding="utf-8")
    times = [0.0, 0.1, 2.0, 30.0]
    rows = []
    for run in (simulate, lambda engine, times: engine.simulate(times=times)):
        engine = load(sbml)
        engine.selections = ["time", "transgene", "Tumor"]
        first, then = run(engine, times), run(engine, [30.0, 31.0])  # which goes on
        rows.append(np.concatenate([first, then]))
    np.testing.assert_array_equal(*rows)


def test_an_integration_that_fails_raises():
    engine = roadrunner.RoadRunner(load_card("clinical").sbml_path().read_text(encoding="utf-8"))
    engine.integrator.maximum_num_steps = 3
    with pytest.raises(RuntimeError):
        simulate(engine, [0.0, 100.0])

"""Compiled kernels on disk: whole, never another's, made anew when damaged."""

import multiprocessing
import os
import sys
import threading
import time

import pytest
from numba.core.registry import cpu_target

from harness.simulation.kernel import store

TEXT = """
import numba
entry = numba.njit(cache=True)

@entry
def twice(x):
    return {factor} * x
"""


def compile_now(module):
    module.twice(1.0)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CART_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def load(text):
    """As another process would: nothing is loaded yet."""
    for name in [name for name in sys.modules if name.startswith("cart_kernel_")]:
        if hasattr(sys.modules[name], "twice"):
            del sys.modules[name]
    return store.load_kernel(text, compile_now)


def kept(cache):
    return sorted(path for path in cache.rglob("*") if path.is_file())


def test_a_kernel_is_compiled_once_and_each_text_has_its_own(cache):
    assert load(TEXT.format(factor=2)).twice(2.0) == 4
    stamps = {path: path.stat().st_mtime_ns for path in kept(cache)}
    again = load(TEXT.format(factor=2))
    assert again.twice(2.0) == 4
    assert sum(again.twice.stats.cache_hits.values()) == 1
    assert {path: path.stat().st_mtime_ns for path in kept(cache)} == stamps
    assert load(TEXT.format(factor=3)).twice(2.0) == 6


MIXED = """
import numba
import numpy as np
entry = numba.njit(cache=True)

@entry
def mixed(x, n):
    y = np.zeros(2, np.int64)
    y[n] = n + n
    return x + x, x + n, n + n, y[n] + x, y[n] // 2
"""


@pytest.mark.usefixtures("cache")
def test_what_numba_is_asked_once_has_the_types_of_each_place_and_is_given_back():
    found = store.load_kernel(MIXED, lambda module: module.mixed(0.5, 1)).mixed(0.5, 1)
    assert found == (1.0, 1.5, 2, 2.5, 1)
    assert [type(each) for each in found] == [float, float, int, float, int]
    with store._types_once():
        assert "resolve_function_type" in vars(cpu_target.typing_context)
    assert "resolve_function_type" not in vars(cpu_target.typing_context)


@pytest.mark.parametrize("suffix", [".py", ".nbi", ".nbc", ".json"])
@pytest.mark.parametrize("damage", [b"", b"\x00not what it was"])
def test_a_damaged_cache_is_made_anew(cache, suffix, damage):
    load(TEXT.format(factor=2))
    victim = next(path for path in kept(cache) if path.suffix == suffix)
    victim.write_bytes(damage)
    assert load(TEXT.format(factor=2)).twice(2.0) == 4
    assert victim.read_bytes() != damage
    assert sum(load(TEXT.format(factor=2)).twice.stats.cache_hits.values()) == 1


def test_what_a_killed_process_left_harms_nobody(cache):
    key = store._key(TEXT.format(factor=2))
    left = cache / "kernels" / ".making-killed"
    left.mkdir(parents=True)
    (left / "half.py").write_text("import num")
    (cache / "kernels" / key).mkdir()
    assert load(TEXT.format(factor=2)).twice(2.0) == 4
    assert sum(load(TEXT.format(factor=2)).twice.stats.cache_hits.values()) == 1


def test_what_was_left_an_hour_ago_is_taken_away_and_what_is_being_made_is_not(cache):
    old, new = (cache / "kernels" / f".making-{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    load(TEXT.format(factor=2))
    assert not old.exists()
    assert new.exists()


def test_what_another_process_is_making_is_waited_for_and_read(cache, tmp_path):
    fcntl = pytest.importorskip("fcntl")
    text = TEXT.format(factor=5)
    place, found = cache / "kernels" / store._key(text), []
    place.parent.mkdir(parents=True)
    (tmp_path / "own").mkdir()
    name = f"cart_kernel_{place.name[:16]}"
    store._compile(tmp_path / "own", name, text, compile_now)
    del sys.modules[name]
    waiting = threading.Thread(target=lambda: found.append(store.load_kernel(text, compile_now)))
    with place.with_suffix(".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        (tmp_path / "own").rename(place)
    waiting.join(30)
    assert found[0].twice(2.0) == 10
    assert sum(found[0].twice.stats.cache_hits.values()) == 1


def test_nobody_is_waited_for_longer_than_patience(cache, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    monkeypatch.setattr(store, "PATIENCE", 0.2)
    path = cache / "kernels" / f"{store._key(TEXT.format(factor=7))}.lock"
    path.parent.mkdir(parents=True)
    with path.open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert load(TEXT.format(factor=7)).twice(2.0) == 14


def compile_for_ever(started):
    def compile_now(_module):
        started.set()
        time.sleep(60)

    store.load_kernel(TEXT.format(factor=2), compile_now)


@pytest.mark.slow
def test_a_process_that_is_killed_while_it_compiles_harms_nobody(cache):
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=compile_for_ever, args=(started,))
    process.start()
    assert started.wait(60)
    process.kill()
    process.join()
    assert len(list((cache / "kernels").glob(".making-*"))) == 1
    assert load(TEXT.format(factor=2)).twice(2.0) == 4
    assert sum(load(TEXT.format(factor=2)).twice.stats.cache_hits.values()) == 1


@pytest.mark.parametrize("home", ["file", "nobody's"])
def test_with_a_home_that_cannot_be_written_to_it_is_kept_among_temporary_files(tmp_path, monkeypatch, home):
    (tmp_path / "file").write_text("")
    (tmp_path / "temporary").mkdir()
    for name in ("CART_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    if home == "file":
        monkeypatch.setattr(store.Path, "home", lambda: tmp_path / "file")
    else:
        monkeypatch.setattr(store.Path, "home", no_home)
    monkeypatch.setattr(store.tempfile, "tempdir", str(tmp_path / "temporary"))
    assert load(TEXT.format(factor=2)).twice(2.0) == 4
    (private,) = (tmp_path / "temporary").iterdir()
    assert private.name.startswith("cart-pkpd-")
    assert sum(load(TEXT.format(factor=2)).twice.stats.cache_hits.values()) == 1


def no_home():
    raise RuntimeError("Could not determine home directory.")


def test_where_nothing_can_be_written_it_is_compiled_for_this_process(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(store, "_folders", lambda: [tmp_path / "file"])
    assert load(TEXT.format(factor=2)).twice(2.0) == 4


def test_a_folder_of_somebody_else_among_temporary_files_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setattr(store.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("CART_CACHE", "/nowhere")
    shared = tmp_path / f"cart-pkpd-{store.os.getuid()}"
    shared.mkdir()
    shared.chmod(0o777)
    assert shared not in list(store._folders())
    shared.chmod(0o700)
    assert shared in list(store._folders())


def at_once(factor):
    return load(TEXT.format(factor=factor)).twice(2.0)


@pytest.mark.slow
def test_processes_that_compile_the_same_at_once_do_not_disturb_each_other(cache):
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        assert pool.map(at_once, [2] * 8, chunksize=1) == [4.0] * 8
    assert not list((cache / "kernels").glob(".making-*"))

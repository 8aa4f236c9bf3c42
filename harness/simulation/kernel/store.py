"""Where compiled kernels are kept: in the user's cache folder, by their content.

Promise: a kernel is compiled in a folder of its own and then moved to its place, so that what stands there is
whole, whoever else compiles it at that moment or is killed while doing so. Of several that want the same, one
compiles it, and the others read it. What was changed since is found by its checksums and made anew. Where
nothing can be written, the kernel is compiled for this process alone.

The name of a place is made from the text, from numba, Python and the machine: nothing is taken for another's.
"""

from __future__ import annotations

import contextlib
import gc
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]  # not on Windows, where each process makes its own

__all__ = ["cache_folder", "load_kernel"]

SUMS = "sums.json"
MAKING, DAMAGED = ".making-", ".damaged-"
LEFT = 3600.0
"""Seconds after which a folder that is being made was left by a process that was killed."""
PATIENCE = 120.0
"""Seconds to wait for a process that makes the same kernel."""


def cache_folder() -> Path:
    """Folder for what can be made again: CART_CACHE, or that of the platform."""
    if os.environ.get("CART_CACHE"):
        return Path(os.environ["CART_CACHE"])
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "cart-pkpd"


def load_kernel(text: str, compile_now: Callable[[ModuleType], object]) -> ModuleType:
    """The module of a text, from the cache or compiled now.

    Parameters
    ----------
    text
        Python that compiles with numba.
    compile_now
        Calls what is to be compiled, with arguments of the right types, so that numba writes it down.
    """
    key = _key(text)
    name = f"cart_kernel_{key[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    for folder in _folders():
        with contextlib.suppress(OSError):
            return _from(folder / "kernels" / key, name, text, compile_now)
    with tempfile.TemporaryDirectory(prefix="cart-kernel-") as alone:
        return _compile(Path(alone), name, text, compile_now)


def _key(text: str) -> str:
    import llvmlite
    import numba

    about = (numba.__version__, llvmlite.__version__, sys.version, platform.platform(), platform.machine())
    return hashlib.sha256("\n".join([text, *about]).encode()).hexdigest()


def _folders() -> Iterator[Path]:
    """Where to keep kernels, best first: the user's cache, or a private folder among the temporary files."""
    with contextlib.suppress(RuntimeError):  # no home
        yield cache_folder()
    if hasattr(os, "getuid"):
        private = Path(tempfile.gettempdir()) / f"cart-pkpd-{os.getuid()}"
        with contextlib.suppress(OSError):
            private.mkdir(mode=0o700, exist_ok=True)
            found = private.lstat()
            # Code is run from there: it must be a folder that nobody else can write to.
            if found.st_uid == os.getuid() and not found.st_mode & 0o022 and not private.is_symlink():
                yield private


def _from(place: Path, name: str, text: str, compile_now: Callable[[ModuleType], object]) -> ModuleType:
    """The kernel at its place, put there first when it is not there or not whole."""
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    there = _read(place, name, text, compile_now)
    if there is not None:
        return there
    with _in_turn(place.with_suffix(".lock")):
        there = _read(place, name, text, compile_now)  # made meanwhile
        if there is not None:
            return there
        _drop(place)
        _clear_away(place.parent)
        own = Path(tempfile.mkdtemp(prefix=MAKING, dir=place.parent))
        try:
            module = _compile(own, name, text, compile_now)
            with contextlib.suppress(OSError):  # another process was faster, and what it wrote is as good
                own.rename(place)
        finally:
            shutil.rmtree(own, ignore_errors=True)
    return module


def _read(
    place: Path, name: str, text: str, compile_now: Callable[[ModuleType], object]
) -> ModuleType | None:
    """The kernel that is kept at a place; None where there is none of use."""
    if _is_whole(place, text):
        try:
            return _import(place, name, compile_now)
        except Exception:  # whatever numba says of files that it no longer reads; they are made anew
            sys.modules.pop(name, None)
    return None


@contextlib.contextmanager
def _in_turn(path: Path) -> Iterator[None]:
    """Wait while another process makes the same kernel, `PATIENCE` at most.

    A process that ends, however it ends, holds no lock. Where there are no locks, each makes its own.
    """
    with path.open("a") as lock:
        until = time.monotonic() + PATIENCE
        while fcntl is not None and time.monotonic() < until:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.05)
            except OSError:  # a file system without locks
                break
        yield


def _compile(folder: Path, name: str, text: str, compile_now: Callable[[ModuleType], object]) -> ModuleType:
    (folder / f"{name}.py").write_text(text, encoding="utf-8")
    with _no_collection(), _types_once():
        module = _import(folder, name, compile_now)
    (folder / SUMS).write_text(json.dumps(_sums(folder)), encoding="utf-8")
    return module


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """No search for garbage: a compilation makes millions of objects, and searching takes a seventh of it."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@contextlib.contextmanager
def _types_once() -> Iterator[None]:
    """What comes of an operation on numbers and arrays is found out once for its types.

    numba goes through all that is declared for an operator at each of thousands of places that have the same
    answer; without that a fifth of a compilation is spared, and what is compiled is the same.
    """
    from numba.core import types
    from numba.core.registry import cpu_target

    context = cpu_target.typing_context
    resolve = context.resolve_function_type
    known: dict[tuple, Any] = {}

    def once(function: Any, arguments: tuple, options: Mapping[str, Any]) -> Any:
        plain = all(isinstance(each, types.Number | types.Boolean | types.Array) for each in arguments)
        if not plain or options or not isinstance(function, types.Function):
            return resolve(function, arguments, options)
        if (function, arguments) not in known:
            known[function, arguments] = resolve(function, arguments, options)
        return known[function, arguments]

    context.resolve_function_type = once
    try:
        yield
    finally:
        vars(context).pop("resolve_function_type", None)  # another thread's may have gone with its own


def _import(folder: Path, name: str, compile_now: Callable[[ModuleType], object]) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder / name}.py cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # numba looks its functions up there
    try:
        spec.loader.exec_module(module)
        compile_now(module)
    except BaseException:
        sys.modules.pop(name, None)
        raise
    return module


def _sums(folder: Path) -> dict[str, str]:
    files = sorted(
        path for path in folder.rglob("*") if path.is_file() and path.suffix in (".py", ".nbi", ".nbc")
    )
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def _is_whole(place: Path, text: str) -> bool:
    """Whether a place holds this text and the compiled files that were written with it."""
    try:
        noted = json.loads((place / SUMS).read_text("utf-8"))
        return noted == _sums(place) and hashlib.sha256(text.encode()).hexdigest() in noted.values()
    except (OSError, ValueError, AttributeError):
        return False


def _drop(place: Path) -> None:
    """Take away what is damaged, at once for all others."""
    if place.exists():
        away = Path(tempfile.mkdtemp(prefix=DAMAGED, dir=place.parent))
        with contextlib.suppress(OSError):
            place.rename(away / "it")
        shutil.rmtree(away, ignore_errors=True)


def _clear_away(folder: Path) -> None:
    """Take away what processes left that were killed while they compiled."""
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if path.name.startswith((MAKING, DAMAGED)) and time.time() - path.stat().st_mtime > LEFT:
                shutil.rmtree(path, ignore_errors=True)

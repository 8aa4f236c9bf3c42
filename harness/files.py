"""Results to files: csv, parquet or netCDF by the suffix, whole or not at all.

Promise: a path is checked before work starts, and a file appears under its name only when it is complete.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = [
    "PICTURES",
    "PLAIN",
    "TABLES",
    "check_folder",
    "check_path",
    "first_rows",
    "read_table",
    "write_dataset",
    "write_table",
    "write_whole",
]

PLAIN = (".csv", ".parquet")
TABLES = (*PLAIN, ".nc")
PICTURES = (".png", ".svg", ".pdf")


def check_path(path: Path, suffixes: Sequence[str], inputs: Iterable[Path] = ()) -> Path:
    """Refuse a path that cannot be written, before any work is done.

    Raises
    ------
    InputError
        When the suffix is not among `suffixes`, the folder is missing or not writable, or the file is one of
        `inputs`, which are read, by its own name or by a link.
    """
    if path.suffix.lower() not in suffixes:
        raise InputError(f"{path}: the suffix must be one of {', '.join(suffixes)}")
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder")
        if not path.parent.is_dir():
            raise InputError(f"{path}: folder {path.parent} does not exist")
        if not os.access(path.parent, os.W_OK):
            raise InputError(f"{path}: folder {path.parent} is not writable")
        if path.exists() and not os.access(path, os.W_OK):
            raise InputError(f"{path}: is there and not writable")
        _refuse_inputs([path], inputs)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    return path


def _refuse_inputs(outputs: Iterable[Path], inputs: Iterable[Path]) -> None:
    read = [path for path in inputs if path.exists()]
    for path in outputs:
        if path.exists() and any(path.samefile(given) for given in read):
            raise InputError(f"{path}: is a file that is read; write elsewhere")


def check_folder(path: Path, names: Iterable[str] = (), inputs: Iterable[Path] = ()) -> Path:
    """Refuse a folder that cannot be written to or made, before any work is done; it is not made here.

    Refused as well when one of the `names` that are written there is a file of `inputs`, which are read.
    """
    if path.exists() and not path.is_dir():
        raise InputError(f"{path}: is there and no folder")
    place = path if path.is_dir() else path.absolute().parent
    if not place.is_dir():
        raise InputError(f"{path}: folder {path.parent} does not exist")
    if not os.access(place, os.W_OK):
        raise InputError(f"{path}: folder {place} is not writable")
    _refuse_inputs([path / name for name in names], inputs)
    return path


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` on a temporary file beside `path`, and move it there when it is complete.

    Raises
    ------
    InputError
        When the file system refuses, such as a full disk. Nothing is left behind.
    """
    temporary = None
    try:
        target = path.resolve()  # a link is followed, not replaced
        handle, name = tempfile.mkstemp(suffix=path.suffix, prefix=".cart-", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(0o666 & ~_umask())
        temporary.replace(target)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def write_dataset(dataset: xr.Dataset, path: Path) -> None:
    """Write labelled results; csv and parquet get one row per point, netCDF keeps units and attributes.

    The attribute `engine`, what ran the simulations, is the last column of a table.
    """
    check_path(path, TABLES)
    match path.suffix.lower():
        case ".csv" | ".parquet":
            told = {name: dataset.attrs[name] for name in ("engine",) if name in dataset.attrs}
            write_table(dataset.to_dataframe().reset_index().assign(**told), path)
        case _:
            plain = dataset.map(lambda v: v.astype(str) if v.dtype == object else v, keep_attrs=True)
            write_whole(path, lambda p: plain.to_netcdf(p, engine="scipy"))


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a plain table as csv or parquet."""
    check_path(path, PLAIN)
    if path.suffix.lower() == ".csv":
        write_whole(path, lambda p: table.to_csv(p, index=False))
    else:
        write_whole(path, lambda p: table.to_parquet(p, index=False))


def read_table(path: Path) -> pd.DataFrame:
    """Read a csv or parquet file of results."""
    import pandas as pd

    if path.suffix.lower() == ".parquet":
        return pd.read_parquet(path)
    return pd.read_csv(path, float_precision="round_trip")  # the default parser loses the last digit


def first_rows(path: Path, count: int) -> pd.DataFrame:
    """The first rows of such a file, however long it is."""
    if path.suffix.lower() != ".parquet":
        import pandas as pd

        return pd.read_csv(path, nrows=count, float_precision="round_trip")
    import pyarrow.parquet as pq

    rows = next(pq.ParquetFile(path).iter_batches(batch_size=count), None)
    return read_table(path) if rows is None else rows.to_pandas()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from harness.errors import InputError
from harness.files import PICTURES, TABLES, check_path, read_table, write_dataset, write_whole


@pytest.fixture
def dataset():
    values = ("time", np.array([1.0, 2.0, 0.1 + 0.2]), {"units": "1/day"})
    return xr.Dataset({"rate": values}, coords={"time": [0.0, 1.0, 2.0]}, attrs={"model": "clinical"})


@pytest.mark.parametrize("suffix", TABLES)
def test_what_is_written_reads_back_to_the_last_digit(tmp_path, dataset, suffix):
    path = tmp_path / f"out{suffix}"
    write_dataset(dataset, path)
    read = {".csv": read_table, ".parquet": pd.read_parquet, ".nc": xr.load_dataset}[suffix](path)
    np.testing.assert_array_equal(np.asarray(read["rate"]), dataset["rate"])
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


def test_netcdf_keeps_units_and_attributes(tmp_path, dataset):
    write_dataset(dataset, tmp_path / "out.nc")
    read = xr.load_dataset(tmp_path / "out.nc")
    assert read["rate"].attrs["units"] == "1/day"
    assert read.attrs["model"] == "clinical"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("out.xlsx", "the suffix must be one of .csv, .parquet, .nc"),
        ("out", "the suffix must be one of"),
        ("absent/out.csv", "absent does not exist"),
    ],
)
def test_a_path_that_cannot_be_written_is_refused_before_work(tmp_path, path, said):
    with pytest.raises(InputError) as caught:
        check_path(tmp_path / path, TABLES)
    assert said in str(caught.value)


def test_a_folder_is_no_file(tmp_path):
    (tmp_path / "plot.png").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        check_path(tmp_path / "plot.png", PICTURES)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old")

    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="No space left on device"):
        write_whole(path, fail)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


def test_a_link_is_followed_and_stays_a_link(tmp_path, dataset):
    (tmp_path / "real.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    write_dataset(dataset, tmp_path / "link.csv")
    assert (tmp_path / "link.csv").is_symlink()
    assert (tmp_path / "real.csv").read_text().startswith("time,rate")

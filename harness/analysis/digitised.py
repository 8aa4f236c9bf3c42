"""Points read off a figure with WebPlotDigitizer: its project, or its csv of all data sets.

Promise: every point has the value that the file says; from a project, each has the size of one pixel at its
place too, which is what nobody can read more finely. What is no such file is refused in one line.
"""

from __future__ import annotations

import csv
import json
import math
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from harness.errors import InputError
from harness.reading import parse_number, read_text, require_file

__all__ = ["Series", "read_digitised"]

PROJECT = "wpd.json"
"""The file of a project in its archive."""

LARGEST = 50_000_000

FAR = 5.0
"""Pixels between a point and its value beyond which one of them is of another calibration."""


@dataclass(frozen=True)
class Series:
    """One data set of n points, arrays of shape (n,); `x_pixel` and `y_pixel` are sizes of a pixel there.

    A csv knows none of these: NaN.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    x_pixel: np.ndarray
    y_pixel: np.ndarray


def read_digitised(path: Path) -> list[Series]:
    """Data sets of a project (.json, .tar) or of a csv of all data sets.

    Raises
    ------
    InputError
        When it is none, has no points, or its axes are not those of a plot of y over x.
    """
    match path.suffix.lower():
        case ".json":
            found = _of_project(path, read_text(path))
        case ".tar":
            found = _of_project(path, _unpacked(path))
        case ".csv":
            found = _of_csv(path, read_text(path))
        case _:
            raise InputError(f"{path}: give a project of WebPlotDigitizer, .json or .tar, or its .csv")
    names = [series.name for series in found]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{path}: has two series with the name '{name}'; rename one")
    if not any(series.x.size for series in found):
        raise InputError(f"{path}: has no points")
    return found


def _unpacked(path: Path) -> str:
    try:
        with tarfile.open(require_file(path)) as archive:
            for member in archive:
                if member.isfile() and member.name.rpartition("/")[2] == PROJECT and member.size <= LARGEST:
                    stream = archive.extractfile(member)
                    return stream.read().decode("utf-8") if stream else ""
    except (tarfile.TarError, OSError, UnicodeDecodeError, EOFError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    raise InputError(f"{path}: has no {PROJECT} in it")


def _of_csv(path: Path, text: str) -> list[Series]:
    """Pairs of columns under the names of their data sets; or two columns of numbers, one data set."""
    if ";" in text.partition("\n")[0]:
        raise InputError(f"{path}: has semicolons; wanted are commas and decimal points, as it was exported")
    try:
        read = list(csv.reader(text.splitlines()))
    except csv.Error as error:
        raise InputError(f"{path}: cannot be read: {error}") from None
    rows = [[cell.strip() for cell in row] for row in read if any(map(str.strip, row))]
    if not rows:
        raise InputError(f"{path}: is empty")
    if all(math.isfinite(parse_number(cell)) for cell in rows[0]):
        if len(rows[0]) != 2:
            raise InputError(
                f"{path}: row 1: {len(rows[0])} columns without names; wanted are X and Y of one"
            )
        rows = [["Default Dataset", ""], ["X", "Y"], *rows]
    for number, row in enumerate(rows, start=1):
        if any(row[len(rows[0]) + len(rows[0]) % 2 :]):
            raise InputError(f"{path}: row {number}: has more cells than row 1 names data sets for")
    names, heads, cells = rows[0], rows[1] if len(rows) > 1 else [], rows[2:]
    found = []
    for column in range(0, len(names), 2):
        if [head.upper() for head in heads[column : column + 2]] != ["X", "Y"]:
            raise InputError(
                f"{path}: row 2: wanted are X and Y under each data set, as WebPlotDigitizer writes"
            )
        points = []
        for number, row in enumerate(cells, start=3):
            pair = row[column : column + 2]
            if not any(pair):
                continue
            values = [parse_number(cell) for cell in pair]
            if len(values) < 2 or not all(map(math.isfinite, values)):
                raise InputError(f"{path}: row {number}: {names[column]}: '{', '.join(pair)}' is no point")
            points.append(values)
        x, y = np.array(points, float).reshape(-1, 2).T
        found.append(Series(names[column], x, y, np.full(x.size, np.nan), np.full(x.size, np.nan)))
    return found


def _of_project(path: Path, text: str) -> list[Series]:
    try:
        content = json.loads(text)
        if "wpd" in content:
            raise InputError("is a project of version 3 or older; open and save it with version 4")
        axes = {each["name"]: each for each in content["axesColl"]}
        return [_of_dataset(each, axes) for each in content["datasetColl"]]
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    except (RecursionError, KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        said = " ".join(str(error).split())[:100] or type(error).__name__
        raise InputError(f"{path}: is no project of WebPlotDigitizer: {said}") from None


def _of_dataset(dataset: dict[str, Any], axes: dict[str, Any]) -> Series:
    name = str(dataset["name"]).strip()
    pixels = np.array([[point["x"], point["y"]] for point in dataset["data"]], float).reshape(-1, 2)
    values = [point.get("value") for point in dataset["data"]]
    if not len(pixels):
        none = np.empty(0)
        return Series(name, none, none, none, none)
    if dataset["axesName"] not in axes:
        raise InputError(f"series {name}: its axes {dataset['axesName']} are none of the project's")
    calibrated = _Calibration(axes[dataset["axesName"]])
    read = calibrated.values(pixels)
    if all(value is not None for value in values):
        read = np.array([value[:2] for value in values], float).reshape(-1, 2)
        apart = calibrated.pixels_apart(read, pixels)
        if (apart > FAR).any():
            point = int(apart.argmax()) + 1
            said = f"lies {apart.max():.0f} pixels from where the axes have its value"
            raise InputError(f"series {name}: point {point} {said}; save the project after its calibration")
    if not np.isfinite(pixels).all():
        raise InputError(f"series {name}: has a point that is no number")
    x_pixel, y_pixel = (
        np.abs(calibrated.values(pixels + step) - calibrated.values(pixels - step))[:, place] / 2
        for place, step in enumerate(np.eye(2))
    )
    if not (np.isfinite(read).all() and np.isfinite([x_pixel, y_pixel]).all()):
        raise InputError(f"series {name}: has a point that is no number")
    return Series(name, read[:, 0], read[:, 1], x_pixel, y_pixel)


class _Calibration:
    """From pixels to values, linear or decadic, as two points on either axis say; they may be turned."""

    def __init__(self, axes: dict[str, Any]) -> None:
        if axes["type"] != "XYAxes":
            raise InputError(
                f"axes {axes['name']}: are {axes['type']}; wanted are XYAxes, a plot of y over x"
            )
        self._logs = np.array([bool(axes["isLogX"]), bool(axes["isLogY"])])
        points = axes["calibrationPoints"]
        known = np.array(
            [[points[i][key] for i in pair] for key, pair in (("dx", (0, 1)), ("dy", (2, 3)))], float
        )
        if (known[self._logs] <= 0).any():
            raise InputError(
                f"axes {axes['name']}: a logarithmic axis is calibrated at a value that is not positive"
            )
        known = np.where(self._logs[:, np.newaxis], np.log10(np.maximum(known, 1e-300)), known)
        at = np.array([[point["px"], point["py"]] for point in points[:4]], float)
        across = np.column_stack([at[0] - at[1], at[2] - at[3]])
        if axes.get("noRotation"):  # each axis along the side of the picture that it is nearest to
            across = np.where(np.abs(across) == np.abs(across).max(axis=0), across, 0.0)
        if abs(np.linalg.det(across)) < 1e-9 or (known[:, 0] == known[:, 1]).any():
            raise InputError(f"axes {axes['name']}: two points of its calibration are the same")
        self._matrix = np.diag(known[:, 0] - known[:, 1]) @ np.linalg.inv(across)
        self._origin = known[:, 0] - np.sum(self._matrix * at[[0, 2]], axis=1)

    def pixels_apart(self, values: np.ndarray, pixels: np.ndarray) -> np.ndarray:
        """How far values of n points lie from their pixels, along the axis on which it is farther; (n,)."""
        with np.errstate(all="ignore"):  # of values that are no numbers, which are told
            scaled = np.where(self._logs, np.log10(np.maximum(values, 1e-300)), values)
            apart = np.abs(scaled - pixels @ self._matrix.T - self._origin)
        found: np.ndarray = (apart / np.hypot(*self._matrix.T)).max(axis=1)
        return found

    def values(self, pixels: np.ndarray) -> np.ndarray:
        """Values of n points, shape (n, 2)."""
        with np.errstate(all="ignore"):  # of pixels beyond all numbers, which are told
            read = pixels @ self._matrix.T + self._origin
            return np.where(self._logs, 10.0 ** np.clip(read, -300, 300), read)

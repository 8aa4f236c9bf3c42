"""A PEtab problem (version 1) as a prepared fit, so that the same code fits it.

Promise: the objective is twice the negative logarithm of what PEtab defines, priors included, up to a
constant. What is not supported (harness.fitting.petab_files, harness.fitting.petab_noise; priors that are not
normal on the scale of their parameter) is refused in one line.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from harness.errors import InputError
from harness.fitting.petab_files import read_petab, texts_of
from harness.fitting.petab_model import Conditions, Observable, observables_of
from harness.fitting.petab_noise import LN_10, noises_of
from harness.fitting.prepared import ArmData, Coordinate, Prepared
from harness.reading import parse_number

__all__ = ["prepare_petab"]

LEAST = 1e-6
"""Lowest size of an error whose lower bound is 0, over its upper bound."""


def prepare_petab(path: Path, starts: int = 16, seed: int = 1) -> Prepared:
    """Read a PEtab problem from its YAML file.

    Raises
    ------
    InputError
        When the optional package petab is missing, the problem cannot be read, or uses what is not
        supported.
    """
    problem, model = read_petab(path)
    observables = observables_of(path, problem)
    noises = noises_of(path, problem)
    of_noise = set().union(*(noise.parameters for noise in noises.values()))
    conditions = Conditions(model, problem, observables, of_noise)
    free = problem.parameter_df[problem.parameter_df["estimate"] == 1]
    only_noise = of_noise - set(conditions.parameters)
    coordinates = tuple(_coordinate(path, str(name), row, only_noise) for name, row in free.iterrows())
    nominal = problem.parameter_df["nominalValue"].astype(float).to_dict()
    errors = {key: noise.sizes([c.name for c in coordinates], nominal) for key, noise in noises.items()}
    measured = problem.measurement_df
    before = texts_of(measured, "preequilibrationConditionId")
    arms = tuple(
        _arm(str(condition), str(steady), rows, conditions, observables, list(errors))
        for (condition, steady), rows in measured.groupby(["simulationConditionId", before], sort=False)
    )
    return Prepared(
        title=path.stem,
        coordinates=coordinates,
        arms=arms,
        errors=tuple(errors.values()),
        units=dict.fromkeys((each.name for each in observables.values()), "dimensionless"),
        time_unit="dimensionless",
        checksum=hashlib.sha256(measured.to_csv().encode()).hexdigest(),
        starts=starts,
        seed=seed,
    )


def _coordinate(path: Path, name: str, row: pd.Series, noises: set[str]) -> Coordinate:
    log = row["parameterScale"] != "lin"
    low, high, nominal = (float(row[column]) for column in ("lowerBound", "upperBound", "nominalValue"))
    kind = "error" if name in noises else "parameter"
    prior = _prior(path, name, row, low, high)
    if kind == "error" and prior is None and not log:  # what errors of sizes are worked out on
        log, low = True, max(low, LEAST * high)
    start = float(np.sqrt(low * high)) if log else (low + high) / 2
    return Coordinate(name, "dimensionless", kind, log, low, high, start, nominal, prior)


def _prior(path: Path, name: str, row: pd.Series, low: float, high: float) -> tuple[float, float] | None:
    """Mean and standard deviation on the scale of a parameter, in ln units where that is logarithmic.

    A log-normal density has 1/x in it, so that on a logarithmic scale its mean is lower by the variance.
    """
    given = row.get("objectivePriorType")
    if pd.isna(given) or str(given) == "":
        return None
    scale = str(row["parameterScale"])
    one, other = ([parse_number(part) for part in str(row.get("objectivePriorParameters")).split(";")] * 2)[
        :2
    ]
    if not np.isfinite([one, other]).all():
        raise InputError(f"{path}: {name}: objectivePriorParameters are two numbers, such as 0;1")
    unit = LN_10 if scale == "log10" else 1.0
    kind = str(given)
    if kind in ("normal", "parameterScaleNormal", "logNormal") and not other > 0:
        raise InputError(f"{path}: {name}: the standard deviation of a prior must be positive")
    if kind == "parameterScaleNormal" or (kind == "normal" and scale == "lin"):
        return one * unit, other * unit
    if kind == "logNormal" and scale != "lin":
        return one - other**2, other
    if kind == "parameterScaleUniform" and scale != "lin":
        one, other = np.exp(np.array([one, other]) * unit)
    if kind in ("uniform", "parameterScaleUniform"):
        if one <= low * (1 + 1e-9) and high * (1 - 1e-9) <= other:
            return None  # as high everywhere between the bounds
        raise InputError(
            f"{path}: {name}: a uniform prior within the bounds is not supported; move the bounds"
        )
    raise InputError(f"{path}: {name}: objectivePriorType {kind} on scale {scale} is not supported")


def _arm(
    condition: str,
    steady: str,
    rows: pd.DataFrame,
    conditions: Conditions,
    observables: Mapping[tuple[str, str], Observable],
    errors: list[tuple[str, str]],
) -> ArmData:
    program, fixed, before = (
        conditions.after(condition, steady) if steady else (*conditions.of(condition), None)
    )
    times, index = np.unique(rows["time"].to_numpy(float), return_inverse=True)
    names = rows["observableId"].astype(str)
    keys, every = list(observables), [each.name for each in observables.values()]
    return ArmData(
        name=f"{condition} after {steady}" if steady else condition,
        group=-1,
        program=program,
        fixed=fixed,
        regimen=None,
        times=times,
        observables=tuple(every),
        time_index=index,
        observable_index=_places(names, texts_of(rows, "observableParameters"), keys),
        error=_places(names, texts_of(rows, "noiseParameters"), errors),
        value=rows["measurement"].to_numpy(float),
        censored=np.zeros(len(rows), bool),
        lower=np.full(len(rows), -np.inf),
        limit=np.full(len(rows), -np.inf),
        own=np.zeros(len(rows)),
        before=before,
    )


def _places(names: pd.Series, given: pd.Series, keys: list[tuple[str, str]]) -> np.ndarray:
    return np.array([keys.index(key) for key in zip(names, given, strict=True)], int)

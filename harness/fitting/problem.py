"""The declarative form of a fit: model, data, free parameters, error models and optimiser.

Promise: a fit problem is one YAML file, ``validation/PANEL/fit_NAME.yaml`` or any path, that follows this
schema. What it names in the model and in the data is checked by :func:`harness.fitting.prepare.prepare`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, create_model, model_validator

from harness.analysis.observations import Columns
from harness.declarations import Declaration, read_declaration
from harness.errors import InputError, unknown_name
from harness.faults import describe
from harness.fitting.covariates import Course, Covariates, coefficient_coordinates
from harness.fitting.long_table import LongTable
from harness.models.card import repository
from harness.reading import read_text, require_file

__all__ = [
    "Effect",
    "ErrorModel",
    "Estimated",
    "FitArm",
    "FitProblem",
    "FreeParameter",
    "Optimiser",
    "Prior",
    "Synthetic",
    "Variant",
    "coordinate_names",
    "find_problem",
    "pairs_of",
    "problem_names",
    "read_problem",
    "require_groups",
]

Method = Literal["least_squares", "minimize", "differential_evolution"]


class Prior(Declaration):
    """A normal prior on the scale of the parameter: `mean` 'VALUE UNIT', `sd` in ln units on a log scale."""

    mean: str
    sd: float = Field(gt=0)


class FreeParameter(Declaration):
    """A parameter to estimate. `start` is the model's own value (Table 1) unless given."""

    low: str
    high: str
    start: str | None = None
    scale: Literal["log", "linear"] = "log"
    prior: Prior | None = None


class Estimated(Declaration):
    """A size that is estimated, from `start` on, between `low` and `high` (factors of the start)."""

    start: str
    low: float = Field(default=1e-2, gt=0, lt=1)
    high: float = Field(default=1e2, gt=1)


class ErrorModel(Declaration):
    """How an observation scatters around its prediction f, and the limit of quantification.

    The standard deviation is `additive` (in the observable's unit), `relative` times f, the root of the sum
    of both squares (combined), `relative` on the natural logarithm (log), or the `reading_error` that each
    row of the table has. A size is a number, or ``{start: number}`` when it is estimated. Values below `lloq`
    count as censored there.
    """

    model: Literal["additive", "proportional", "combined", "log", "reading_error"]
    additive: str | Estimated | None = None
    relative: str | Estimated | None = None
    lloq: str | None = None

    @model_validator(mode="after")
    def _has_the_sizes_of_its_model(self) -> ErrorModel:
        needed = {
            "additive": {"additive"}, "proportional": {"relative"},
            "combined": {"additive", "relative"}, "log": {"relative"}, "reading_error": set(),
        }[self.model]  # fmt: skip
        given = {name for name in ("additive", "relative") if getattr(self, name) is not None}
        if given != needed:
            raise ValueError(
                f"a {self.model} error has the size {' and '.join(sorted(needed)) or 'of its rows'}, no other"
            )
        return self


class FitArm(Declaration):
    """One simulation and what was observed in it. None of `doses` is the model's own dose.

    `observed` is the arm's name in the table, its own by default; `observables` those that are fitted, all
    by default; `group` what its random effects belong to (a cell line, a cohort). `covariates` have a value,
    or one from each time on; so have parameters in `over_time`.
    """

    doses: tuple[str, ...] | None = None
    condition: str | None = None
    changes: dict[str, str] = {}
    observed: str | None = None
    observables: tuple[str, ...] | None = None
    group: str | None = None
    covariates: dict[str, str | Course] = {}
    over_time: dict[str, Course] = {}


class Effect(Declaration):
    """A random effect of a parameter, free or not, over groups, with standard deviation `omega`.

    It is log-normal; or normal, with `omega` in the unit of the parameter; or logit, which keeps the
    parameter between `low` and `high`, 0 and 1 unless they are given.
    """

    omega: str | Estimated
    distribution: Literal["log-normal", "normal", "logit"] = "log-normal"
    low: str | None = None
    high: str | None = None

    @model_validator(mode="after")
    def _bounds_go_with_a_logit(self) -> Effect:
        if self.distribution != "logit" and (self.low, self.high) != (None, None):
            raise ValueError("low and high go with the distribution logit")
        return self


class Synthetic(Declaration):
    """Data simulated from the problem itself, clearly labelled so, where no table exists.

    Random effects and noise are drawn with the sizes that the problem starts from, around the values of
    `truth`, or else those that the model declares. Every observable of every arm is read out at `times`, or
    where the table `design` has it, whose values are not used.
    """

    times: str | None = None
    design: str | None = None
    seed: int = Field(ge=0)
    truth: dict[str, str] = {}
    reason: str

    @model_validator(mode="after")
    def _has_times_or_a_design(self) -> Synthetic:
        if (self.times is None) == (self.design is None):
            raise ValueError("give times or design, a table; one of them")
        return self


class Optimiser(Declaration):
    """How the objective is minimised; `loss` as in scipy, for least_squares alone."""

    method: Method = "least_squares"
    loss: Literal["linear", "soft_l1", "huber", "cauchy", "arctan"] = "linear"
    starts: int = Field(default=16, ge=1, le=4096)
    seed: int = Field(default=1, ge=0)

    @model_validator(mode="after")
    def _a_loss_goes_with_least_squares(self) -> Optimiser:
        if self.loss != "linear" and self.method != "least_squares":
            raise ValueError("a loss other than linear goes with method least_squares")
        return self


class FitProblem(Declaration):
    """A fit as it is declared: model, arms, observations, error models and free parameters.

    `columns` says what columns of the table are beyond those of every table of observations; `ignore` names
    arms and observables of it whose rows are left out. A long table, one row a dose or a measurement, brings
    its arms; where `arms` are left out, those of a table of observations are arms as the model declares it.
    `courses` is a table of what changes with time: arm, parameter or covariate, time and value.
    """

    title: str
    model: str
    readings: tuple[str, ...] = ()
    condition: str | None = None
    changes: dict[str, str] = {}
    arms: dict[str, FitArm] = {}
    observations: str | None = None
    table: LongTable | None = None
    courses: str | None = None
    columns: Columns = {}
    ignore: tuple[str, ...] = ()
    synthetic: Synthetic | None = None
    observables: dict[str, ErrorModel] = Field(min_length=1)
    parameters: dict[str, FreeParameter] = Field(min_length=1)
    effects: dict[str, Effect] = {}
    correlated: tuple[tuple[str, ...], ...] = ()
    covariates: Covariates = {}
    fixed_from: dict[str, tuple[str, ...]] = {}
    optimiser: Optimiser = Optimiser()
    ridge: tuple[str, str] | None = None

    @model_validator(mode="after")
    def _its_parts_fit_together(self) -> FitProblem:
        if sum(data is not None for data in (self.observations, self.table, self.synthetic)) != 1:
            raise ValueError("give one of observations, table and synthetic")
        if self.table is not None and (self.arms or self.columns):
            raise ValueError("table: its subjects are the arms, and its own columns say what is in it")
        if self.synthetic is not None and not self.arms:
            raise ValueError("arms: synthetic data need one or more")
        _require_blocks(self)
        if self.arms:
            require_groups(self)
        for name in self.ridge or ():
            if name not in self.parameters:
                raise ValueError(str(unknown_name("free parameter for ridge", name, self.parameters)))
        if self.ridge and self.ridge[0] == self.ridge[1]:
            raise ValueError(f"ridge: names {self.ridge[0]} twice; two parameters make one")
        for name, arm in self.arms.items():
            for observable in arm.observables or ():
                if observable not in self.observables:
                    raise ValueError(
                        f"arm {name}: {unknown_name('observable declared', observable, self.observables)}"
                    )
        if self.optimiser.loss != "linear":
            for name, error in self.observables.items():
                estimated = isinstance(error.additive, Estimated) or isinstance(error.relative, Estimated)
                if estimated or error.model in ("proportional", "combined"):
                    raise ValueError(
                        f"loss {self.optimiser.loss}: {name} needs an additive or log error, given"
                    )
            if self.effects:
                raise ValueError(f"loss {self.optimiser.loss}: not with random effects")
        return self


def require_groups(problem: FitProblem) -> None:
    """Refuse random effects over arms that do not say whose they are, or that are all of one."""
    groups = [arm.group for arm in problem.arms.values()]
    if problem.effects and None in groups:
        raise InputError("with random effects every arm names its group")
    if problem.effects and len(set(groups)) < 2:
        raise InputError("random effects need two groups or more")


def _require_blocks(problem: FitProblem) -> None:
    """Refuse a block of correlated effects that names one of no effect, one alone, or one twice."""
    named = [name for block in problem.correlated for name in block]
    for name in named:
        if name not in problem.effects:
            raise ValueError(str(unknown_name("effect for correlated", name, problem.effects)))
        if named.count(name) > 1:
            raise ValueError(f"correlated: {name} is named twice")
    if any(len(block) < 2 for block in problem.correlated):
        raise ValueError("correlated: a block has two effects or more")


def pairs_of(problem: FitProblem) -> list[tuple[str, str]]:
    """Pairs of correlated effects, in the order of the effects: for each the ones before it."""
    order = list(problem.effects)
    blocks = [sorted(block, key=order.index) for block in problem.correlated]
    return [(first, second) for block in blocks for i, second in enumerate(block) for first in block[:i]]


class _Like(Declaration):
    like: str
    title: str


_kinds: dict[str, Any] = {name: field.annotation for name, field in FitProblem.model_fields.items()}
_replaceable: dict[str, Any] = {name: (kind | None, None) for name, kind in _kinds.items() if name != "title"}
Variant = create_model(
    "Variant",
    __base__=_Like,
    __doc__="Another problem, `like`, with some of its fields replaced; a table stands in for a design.",
    **_replaceable,
)


def coordinate_names(problem: FitProblem) -> list[str]:
    """Names of all coordinates: free parameters, coefficients of covariates, sizes of errors, omegas, their
    correlations.

    Those alone that are estimated.
    """
    sizes = [
        f"{kind}_{name}"
        for name, error in problem.observables.items()
        for kind in ("additive", "relative")
        if isinstance(getattr(error, kind), Estimated)
    ]
    omegas = [f"omega_{name}" for name, e in problem.effects.items() if isinstance(e.omega, Estimated)]
    coefficients = [each.name for each in coefficient_coordinates(problem.covariates)]
    correlations = [f"correlation_{first}_{second}" for first, second in pairs_of(problem)]
    return [*problem.parameters, *coefficients, *sizes, *omegas, *correlations]


def problem_names() -> tuple[str, ...]:
    """Names of the fits of the repository, ``PANEL/NAME``, in alphabetical order."""
    paths = (repository() / "validation").glob("*/fit_*.yaml")
    return tuple(sorted(f"{path.parent.name}/{path.stem.removeprefix('fit_')}" for path in paths))


def find_problem(name: str) -> Path:
    """File of a fit by its name ``PANEL/NAME`` or its path.

    Raises
    ------
    InputError
        When there is neither.
    """
    if name.endswith((".yaml", ".yml")):
        return require_file(Path(name))
    if name not in problem_names():
        raise unknown_name("fit", name, problem_names())
    panel, _, stem = name.partition("/")
    return repository() / "validation" / panel / f"fit_{stem}.yaml"


def read_problem(path: str | Path, readers: tuple[Path, ...] = ()) -> FitProblem:
    """Read a fit problem; one that says ``like: FILE`` takes from there what it does not give itself.

    `readers` are the files that are like this one. Paths in a problem start from the folder of its file;
    those that are taken from another are rewritten to start from here.

    Raises
    ------
    InputError
        With file, line and field, when it does not follow the schema.
    """
    path = Path(path)
    if not re.search("^like:", read_text(path), re.MULTILINE):
        return read_declaration(path, FitProblem)
    variant = read_declaration(path, Variant)
    other = path.parent / variant.like
    readers = (*readers, path.resolve())
    if other.resolve() in readers:
        raise InputError(f"{path}: is like itself{' by way of others' * (len(readers) > 1)}")
    given = variant.model_dump(exclude_unset=True, exclude={"like"})
    taken = _from_folder(read_problem(other, readers), Path(os.path.relpath(other.parent, path.parent)))
    data = {"observations", "synthetic", "table", "courses", "columns", "ignore"}
    left = data if {"observations", "synthetic", "table"} & given.keys() else set()
    left |= {"arms"} if "table" in given else set()
    try:
        return FitProblem.model_validate({**taken.model_dump(exclude=left), **given})
    except ValidationError as error:
        raise InputError(f"{path}: {describe(error, FitProblem)}") from None


def _from_folder(problem: FitProblem, folder: Path) -> FitProblem:
    """The problem with its paths starting where `folder` leads to its own."""
    changes: dict[str, object] = {
        "fixed_from": {str(folder / path): names for path, names in problem.fixed_from.items()}
    }
    if problem.observations is not None:
        changes["observations"] = str(folder / problem.observations)
    if problem.courses is not None:
        changes["courses"] = str(folder / problem.courses)
    if problem.table is not None:
        changes["table"] = problem.table.model_copy(update={"file": str(folder / problem.table.file)})
    if problem.synthetic is not None and problem.synthetic.design is not None:
        design = str(folder / problem.synthetic.design)
        changes["synthetic"] = problem.synthetic.model_copy(update={"design": design})
    return problem.model_copy(update=changes)

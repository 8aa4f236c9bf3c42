"""The doses of a plan: what is given is whole where it is counted, once, and within the runs.

Promise: a dose that cannot be given is told in one line before anything runs; one that looks like a slip of
its unit is noted.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np

from harness.analysis.moments import SAME
from harness.errors import InputError
from harness.models.card import ModelCard
from harness.models.symbols import Symbol, SymbolTable
from harness.shown import listed
from harness.simulation.design import Design
from harness.simulation.regimen import VISITS, Dose, Regimen, at_least_one, is_part, regimen
from harness.simulation.study import Study

__all__ = [
    "default_dose",
    "far_from",
    "notes_on_doses",
    "notes_on_ends",
    "notes_on_infusions",
    "notes_on_own_amounts",
    "planned_regimen",
    "require_course",
    "require_whole",
    "require_whole_multiples",
]

FAR_BELOW, FAR_ABOVE = 2, 3
"""Powers of ten from a model's own dose at which a dose is more likely a slip of the unit."""


def require_whole(card: ModelCard, symbols: SymbolTable, design: Design, fixed: Mapping[str, float]) -> None:
    """A dose is 0 or at least one of what is counted, wherever it is given."""
    if card.dose is None:
        return
    name, unit = card.dose.parameter, symbols.amount_unit
    given = design.table[name] if name in design.names else [fixed[name]] if name in fixed else []
    for row, value in enumerate(given):
        if is_part(value, unit):
            where = f"design: row {row}, column {name}" if name in design.names else name
            raise InputError(f"{where}: {value:g}: {at_least_one(unit)}")


def require_whole_multiples(
    card: ModelCard,
    symbols: SymbolTable,
    design: Design,
    regimens: Mapping[str, Regimen | None],
    default: float,
) -> None:
    """So is each multiple of the dose of a run that its regimen gives, and finite."""
    if card.dose is None:
        return
    own, count, unit = card.dose.parameter, len(design), symbols.amount_unit
    doses = design.values([own])[:, 0] if own in design.names else np.full(count, default)
    chosen = design.table["regimen"].to_numpy() if "regimen" in design.names else np.full(count, "", object)
    for name in dict.fromkeys(chosen):
        rows = np.flatnonzero(chosen == name)
        given = regimens[name]
        for multiple in given.multiples if given else ():
            with np.errstate(over="ignore"):  # what is too large is told below
                amount = doses[rows] * multiple
            bad = np.flatnonzero([is_part(each, unit) or not np.isfinite(each) for each in amount.tolist()])
            if bad.size:
                row = f"design: row {rows[bad[0]]}: " if design.names else ""
                what = f"{multiple:g} of the dose of the run is {amount[bad[0]]:g} {unit}"
                raise InputError(f"{row}{what}; {at_least_one(unit)}, and finite")


def planned_regimen(
    card: ModelCard,
    symbols: SymbolTable,
    doses: str | float | Dose | Regimen | Iterable[str | float | Dose] | None,
    design: Design,
    fixed: Mapping[str, float],
) -> Regimen | None:
    """The regimen of every run; None where the rows have theirs, or a parameter is the dose."""
    if doses is None:
        if "regimen" in design.names and card.dose is None:
            raise InputError(f"model {card.id} takes no dose")
        return None
    if card.dose is None:
        raise InputError(f"model {card.id} takes no dose")
    if "regimen" in design.names:
        raise InputError("give the regimen once: as doses or as the column regimen, not both")
    given = regimen(doses, symbols.time_unit, symbols.amount_unit)
    if _gives_a_dose(card, design, fixed) and not given.multiples:
        raise InputError(f"give the dose once: as doses or as {card.dose.parameter}, not both")
    return given


def notes_on_own_amounts(
    card: ModelCard, design: Design, fixed: Mapping[str, float], regimens: Mapping[str, Regimen]
) -> tuple[str, ...]:
    """A note on rows whose regimen takes nothing of the dose that they give.

    Raises
    ------
    InputError
        When no row's regimen does, so that a dose is given for nothing.
    """
    if card.dose is None or "regimen" not in design.names or not _gives_a_dose(card, design, fixed):
        return ()
    chosen, dose = list(dict.fromkeys(design.table["regimen"])), card.dose.parameter
    own = [name for name in chosen if regimens[name].doses and not regimens[name].multiples]
    if not any(regimens[name].multiples for name in chosen):
        why = f"regimen {chosen[0]} takes nothing of it; multiples such as 1x do"
        raise InputError(f"give the dose once: as the regimens of rows or as {dose}, not both: {why}")
    if not own:
        return ()
    count = int(design.table["regimen"].isin(own).sum())
    return (f"{dose}: {count} of {len(design)} rows get none of it; the regimen has its own: {listed(own)}",)


def _gives_a_dose(card: ModelCard, design: Design, fixed: Mapping[str, float]) -> bool:
    return card.dose is not None and (card.dose.parameter in design.names or card.dose.parameter in fixed)


def require_course(name: str, given: Regimen | None, end: float, symbols: SymbolTable) -> None:
    """The doses of a regimen fall within the longest run, and its visits are not beyond number."""
    if given is None:
        return
    what = f"regimen {name}: " if name else ""
    for dose in given.doses:
        if dose.time > end * (1 + SAME):
            raise InputError(f"{what}dose at {dose.time:g} lies after the end, {end:g} {symbols.time_unit}")
    if given.redosing and given.redosing.start > end * (1 + SAME):
        first = f"{given.redosing.start:g}"
        raise InputError(f"{what}the rule first looks at {first}, after the end, {end:g} {symbols.time_unit}")
    if given.redosing and (end - given.redosing.start) / given.redosing.every > VISITS:
        raise InputError(
            f"{what}more than {VISITS} visits; look less often than every {given.redosing.every:g}"
        )


def notes_on_doses(card: ModelCard, study: Study, design: Design) -> tuple[str, ...]:
    """A note on a dose that is far below the model's own: 450 for 450e6."""
    if card.dose is None:
        return ()
    own = card.symbols[card.dose.parameter]
    regimens = [each for each in (study.regimen, *study.regimens.values()) if each is not None]
    given = [dose.amount for each in regimens for dose in each.doses if not dose.relative]
    given += [each.redosing.amount for each in regimens if each.redosing and not each.redosing.relative]
    given += design.table[own.id].tolist() if own.id in design.names else [study.fixed.get(own.id, 0.0)]
    return far_from(given, own)


def notes_on_ends(study: Study, design: Design, unit: str) -> tuple[str, ...]:
    """A note on the rows that end before a dose of theirs, or before their rule first looks; `unit` of time.

    What no run reaches is refused by :func:`require_course`.
    """
    if "days" not in design.names:
        return ()
    ends = design.values(["days"])[:, 0]
    chosen = design.table["regimen"] if "regimen" in design.names else [""] * len(design)
    last = {name: _last_moment(given) for name, given in {"": study.regimen, **study.regimens}.items()}
    latest = np.array([last[name] for name in chosen])
    missed = np.flatnonzero(latest > ends * (1 + SAME))
    if not missed.size:
        return ()
    first = missed[0]
    count = "1 row ends" if missed.size == 1 else f"{missed.size} rows end"
    said = f"row {first} at {ends[first]:g} of {latest[first]:g} {unit}"
    return (f"{count} before what the regimen gives last, which is not given there: {said}",)


def notes_on_infusions(study: Study, design: Design, unit: str) -> tuple[str, ...]:
    """A note on the rows that end while an infusion runs, and so get a part of it; `unit` of time."""
    ends = design.values(["days"])[:, 0] if "days" in design.names else np.full(len(design), study.end)
    chosen = design.table["regimen"].to_numpy() if "regimen" in design.names else np.full(len(design), "")
    cut, latest = np.zeros(len(design), bool), 0.0
    for name, given in {"": study.regimen, **study.regimens}.items():
        for dose in given.doses if given else ():
            stop = dose.time + dose.duration
            part = (chosen == name) & (dose.time < ends) & (stop > ends * (1 + SAME)) & (dose.duration > 0)
            cut |= part
            latest = max(latest, stop) if part.any() else latest
    if not cut.any():
        return ()
    count = "1 row ends" if cut.sum() == 1 else f"{cut.sum()} rows end"
    return (f"{count} while an infusion runs, to {latest:g} {unit}: what is left of it is not given",)


def _last_moment(given: Regimen | None) -> float:
    """When a regimen last begins something: a dose, or the visits of its rule."""
    if given is None:
        return 0.0
    starts = [dose.time for dose in given.doses if dose.amount > 0]
    return max([*starts, *([given.redosing.start] if given.redosing else [])], default=0.0)


def far_from(given: Iterable[float], own: Symbol) -> tuple[str, ...]:
    """Notes on the lowest and the highest of some amounts, where they are far from a model's own dose."""
    given = [amount for amount in given if amount > 0]
    if not given or not own.value > 0:
        return ()
    place = math.log10(own.value)
    least, most = math.floor(place - FAR_BELOW), math.ceil(place + FAR_ABOVE)
    low, high = min(given), max(given)
    said = [(low, f"1e{least} and more")] * (low < 10.0**least)
    said += [(high, f"1e{most} and less")] * (high > 10.0**most)
    return tuple(f"dose {dose:g}: {dose:g} {own.unit}; this model's doses are of {of}" for dose, of in said)


def default_dose(card: ModelCard, symbols: SymbolTable, fixed: Mapping[str, float]) -> float:
    """Dose that relative amounts refer to where a row gives none."""
    if card.dose is None:
        return 0.0
    return fixed.get(card.dose.parameter, symbols[card.dose.parameter].value)

"""What a page shows of a use of a model: what can be set, what is read out, data, response, virtual patients.

Promise: every value, unit, name, bound and point comes from the card, the SBML, the panels and the tables of
the project; a model of one's own has what its file and its card say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from harness.analysis.response import FIRST_VISIT, criteria
from harness.declarations import declare
from harness.errors import InputError
from harness.exchange.use import Use, plain_id
from harness.explorer.model import Facts
from harness.figures.style import COLOURS
from harness.models.card import ModelCard, is_path, repository
from harness.models.catalog import conditions, model_names, select
from harness.models.provenance import omegas_of
from harness.models.symbols import SymbolTable
from harness.models.units import convert, counts, readable
from harness.simulation.made_designs import random_effects
from harness.simulation.regimen import Dose
from harness.simulation.times import default_times, parse_times
from harness.studies.population import Population
from harness.studies.virtual_patients import CHANGE
from harness.validation.spec import panel_names, read_panel

__all__ = ["PATIENTS", "READ_OFF", "page_facts", "shown_times"]

FIRST = ("Tumor_0", "V_tumor_0", "K_off", "Ag_tumor", "Ag_CAR", "ET_ratio", "K_exp_max", "K_kill_max")
"""What stands on top, where a model has it: burden, affinity, antigen density, CARs, ratio, two rates."""
SHOWN = 6
"""How many stand on top, the rest behind a summary."""
REACH = 10.0
"""How far a slider goes to either side of the value of the file, as a factor; of a dose, three times that."""
PATIENTS, SEED = 200, 1
DOSES = (50e6, 150e6, 450e6, 800e6)
"""Of the virtual patients, CAR+ T cells."""
FOLLOWED = 48
"""Months for which virtual patients are followed."""
READ_OFF = (
    "area", "best_response", "highest", "last", "lowest", "nadir", "peak_height", "peak_time",
    "progression_time",
)  # fmt: skip
"""Endpoints that the page reads off."""


def page_facts(use: Use) -> Facts:
    """All of it, as JSON holds it.

    Raises
    ------
    InputError
        When the use holds what has no place on a page: other doses, values of constants.
    """
    card, symbols = use.card, use.symbols
    dosed = [card.dose.parameter] if card.dose else []
    for name in use.changes:
        if name not in [*_offered(card), *dosed]:
            raise InputError(f"a page has no slider for {name}: the model works it out, or keeps it as it is")
    return {
        "id": card.id,
        "name": plain_id(Path(card.id).stem),
        "title": card.title,
        "time": _unit(symbols.time_unit) or "time",
        "until": use.until,
        "ghost": "in the file" if is_path(card.id) or card.extends else "published",
        "shown": _named(symbols, _observables(card)),
        "settings": [_setting(symbols, name, i) for i, name in enumerate(_offered(card))],
        "start": dict(use.changes),
        "dose": _dose(use),
        "presets": list(_presets(card)),
        "endpoints": list(_endpoints(card)),
        "data": list(_data(card)),
        "response": _response(symbols),
        "patients": _patients(use),
        "colours": COLOURS,
    }


def shown_times(card: ModelCard, until: float) -> np.ndarray:
    """Times at which the page draws curves and reads endpoints off, to its end."""
    own = parse_times(card.endpoint_times, card.symbols.time_unit)
    times = np.union1d(default_times(until), own[own <= until])
    return times[np.diff(times, prepend=-1.0) > 1e-9 * until]


def _observables(card: ModelCard) -> list[str]:
    """What is drawn first, then the rest."""
    return [*card.plot, *(name for name in card.observables if name not in card.plot)]


def _named(symbols: SymbolTable, names: Sequence[str]) -> list[Facts]:
    return [{"id": n, "said": symbols[n].said or n, "unit": _unit(symbols[n].unit)} for n in names]


def _unit(unit: str) -> str:
    return "" if unit == "dimensionless" else readable(unit)


def _offered(card: ModelCard) -> list[str]:
    """Parameters that can be set, the dose aside, in the order of the page."""
    symbols = card.symbols
    names = [n for n in symbols.offered() if not card.dose or n != card.dose.parameter]
    names = [n for n in names if np.isfinite(symbols[n].value)]  # others are worked out at the start
    return sorted(names, key=lambda name: FIRST.index(name) if name in FIRST else len(FIRST))


def _setting(symbols: SymbolTable, name: str, place: int) -> Facts:
    symbol = symbols[name]
    return {
        "id": name,
        "said": symbol.said or name,
        "unit": _unit(symbol.unit),
        "value": symbol.value,
        "first": place < SHOWN,
        "why": symbol.must or "must be a number",
        "reach": REACH,
        **(symbol.within.model_dump(exclude_none=True) if symbol.within else {}),
    }


def _dose(use: Use) -> Facts | None:
    """The dose of the file, and the two of the use; a third has no place on the page."""
    target = use.card.dose
    if target is None:
        return None
    symbol = use.symbols[target.parameter]
    given = [Dose(0.0, use.changes.get(target.parameter, symbol.value))]
    if use.regimen is not None:
        given = list(use.regimen.doses)
        if use.regimen.redosing or use.regimen.hold or len(given) > 2:
            raise InputError("a page has two doses at given times, and no rule for more")
    return {
        "parameter": target.parameter,
        "unit": _unit(symbol.unit),
        "value": symbol.value,
        "least": 1 if counts(symbol.unit) else 0,
        "reach": 3 * REACH,
        "given": [{"amount": d.amount, "time": d.time, "duration": d.duration} for d in given],
    }


def _presets(card: ModelCard) -> Iterator[Facts]:
    """Readings that set values of this model, and its conditions."""
    for name, reading in card.readings.items():
        if reading.model is None and reading.set:
            yield {"name": name, "said": reading.statement, "set": card.symbols.parse_all(reading.set)}
    for name, values in conditions(card).items():
        yield {"name": name, "said": name, "set": card.symbols.parse_all(values)}


def _endpoints(card: ModelCard) -> Iterator[Facts]:
    for name, endpoint in card.endpoints.items():
        if endpoint.function in READ_OFF:
            unit = card.symbols[endpoint.observable].unit
            yield {
                "id": name,
                "function": endpoint.function,
                "observable": endpoint.observable,
                "options": endpoint.options,
                "unit": _unit_of(endpoint.function, unit, card.symbols.time_unit),
            }


def _unit_of(function: str, unit: str, time: str) -> str:
    if function.endswith("_time"):
        return time
    if function == "best_response":
        return ""
    return f"{_unit(unit)}·{time}" if function == "area" else _unit(unit)


def _data(card: ModelCard) -> Iterator[Facts]:
    """Observations of the panels that draw this model, in its units, each arm of an observable once."""
    seen = set()
    for spec in map(read_panel, _panels_with_arms() if card.id in model_names() else ()):
        table = None
        for axes in spec.axes:
            curves = [spec.curves[name] for name in axes.curves] if axes.arms else []
            if not any(select(c.model, c.readings).card.id == card.id for c in curves):
                continue
            table = spec.observed() if table is None else table
            for arm, label in axes.arms.items():
                if table is None or (axes.observable, arm) in seen:
                    continue
                rows = table[(table["observable"] == axes.observable) & (table["arm"] == arm)]
                seen.add((axes.observable, arm))
                points = [_point(row._asdict(), card.symbols, axes.observable) for row in rows.itertuples()]
                if points:
                    yield {
                        "observable": axes.observable,
                        "label": label,
                        "source": spec.figure,
                        "points": points,
                    }


def _panels_with_arms() -> Iterator[str]:
    """Panels that may draw observations: to read all that declare none takes longer than the page."""
    for name in panel_names():
        if "arms:" in (repository() / "validation" / name / "spec.yaml").read_text(encoding="utf-8"):
            yield name


def _point(row: dict, symbols: SymbolTable, observable: str) -> list[float]:
    time = convert(row["time"], row["time_unit"], symbols.time_unit, "time")
    return [time, convert(row["value"], row["unit"], symbols[observable].unit, observable)]


def _response(symbols: SymbolTable) -> Facts | None:
    """How response is read off, where there is a marker for it."""
    if CHANGE not in symbols:
        return None
    bounds, rule = criteria(), criteria().rules[criteria().rule]
    return {
        "observable": CHANGE,
        "names": [found.name for found in bounds.categories],
        "at_most": [found.at_most for found in bounds.categories[:-1]],
        "responders": list(bounds.responders),
        "first_visit": convert(FIRST_VISIT, "day", symbols.time_unit, "first visit"),
        "of_nadir": rule.of_nadir,
        "of_baseline": rule.of_baseline,
    }


def _patients(use: Use) -> Facts | None:
    """What each virtual patient has over the typical one, as logarithms: those of `cart population`."""
    card = use.card
    if is_path(card.id) or card.dose is None or CHANGE not in card.symbols or not omegas_of(card):
        return None
    drawn = _drawn(use)
    month = convert(1.0, "month", card.symbols.time_unit, "month")
    return {
        "names": list(drawn),
        "effects": [[float(f"{x:.6f}") for x in row] for row in np.log(drawn.to_numpy()).tolist()],
        "model": use.drawn.model if use.drawn else card.id,
        "posterior": use.drawn.posterior if use.drawn else None,
        "doses": DOSES,
        "month": month,
        "months": FOLLOWED,
        "seed": SEED,
    }


def _drawn(use: Use) -> pd.DataFrame:
    """Parameters of virtual patients over those of the use, a column each that is not the same for all."""
    if use.drawn is None:
        omegas = omegas_of(use.card)
        return random_effects(dict.fromkeys(omegas, 1.0), omegas, PATIENTS, SEED).table
    asked = use.drawn
    study = declare(
        Population,
        model=asked.model,
        readings=asked.readings,
        changes={name: str(value) for name, value in asked.changes.items()},
        posterior=asked.posterior,
        patients=PATIENTS,
        doses=DOSES,
        seed=SEED,
    )
    table = study.patients_design(PATIENTS).table
    over = table / pd.Series({name: use.changes.get(name, use.symbols[name].value) for name in table})
    return over.loc[:, ((over - 1).abs() > 1e-9).any()]

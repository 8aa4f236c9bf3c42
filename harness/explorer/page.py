"""The page of a model: one HTML file with sliders, which simulates in the browser and asks no network.

Promise: the file holds all that it needs; its numbers are those of the harness, from the same kernel, cards
and tables. A use that a page cannot hold is refused in one line before anything is written.
"""

from __future__ import annotations

import json
import re
from importlib import metadata
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.errors import InputError
from harness.exchange.use import Use
from harness.explorer.facts import page_facts, shown_times
from harness.explorer.model import Facts, kernel_script, run_facts
from harness.figures.style import COLOURS
from harness.simulation.programs import make_program

__all__ = ["engine_text", "page_text"]

ENGINE = ("course.js", "reading.js", "patients.js", "settings.js")
"""What needs no page: it runs in a worker too."""

VIEW = ("charts.js", "view.js")
"""What needs the page."""


def page_text(use: Use) -> str:
    """The page of a use, whose values and doses it starts from.

    Raises
    ------
    InputError
        When a page cannot hold the model or the regimen.
    """
    facts = page_facts(use)
    environment = Environment(
        loader=PackageLoader("harness.explorer", "page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html").render(
        facts=facts,
        labels=_labels(facts),
        css=environment.get_template("page.css").render(colours=COLOURS),
        engine=_in_script(engine_text(use, facts)),
        view=_in_script("".join(map(_source, VIEW))),
        version=metadata.version("cart-pkpd"),
    )


def engine_text(use: Use, facts: Facts) -> str:
    """The script that holds the kernel and the facts of a use, and runs them without a page."""
    try:
        kernel, written = kernel_script(make_program(use.card))
    except InputError as error:
        name = use.card.id
        said = str(error).removeprefix(f"{name}: ")
        raise InputError(f"{name} cannot be a page: {said}") from None
    given = {"FACTS": facts, "MODEL": run_facts(written), "LABELS": _labels(facts)}
    constants = "".join(f"const {name} = {json.dumps(value)};\n" for name, value in given.items())
    times = json.dumps([float(f"{time:.9g}") for time in shown_times(use.card, use.until)])
    return (
        f'"use strict";\n{constants}const TIMES = Float64Array.from({times});\n'
        f"const KERNEL = {kernel};\n{''.join(map(_source, ENGINE))}"
    )


def _labels(facts: Facts) -> list[str]:
    """Labels of the arms of observations, each once."""
    return list(dict.fromkeys(arm["label"] for arm in facts["data"]))


def _source(name: str) -> str:
    return (Path(__file__).with_name("page") / name).read_text(encoding="utf-8")


def _in_script(text: str) -> str:
    """A text that can stand in an element of script: nothing in it ends the element."""
    return re.sub(r"</(?=script)|<!--", lambda found: found[0].replace("<", "\\u003c"), text)

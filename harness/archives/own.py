"""A model that has no archive declared: a user's own, or one of another article, with one time course.

Promise: what is read out means the same in every tool: the concentration of a species whose id means one, not
its amount; nothing is said of who made the model.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from harness.archives.omex import pack
from harness.errors import InputError
from harness.exchange.sedml import Plot, TimeCourse, sedml_text
from harness.exchange.use import Use, plain_id
from harness.files import write_whole

__all__ = ["write_own_archive", "write_own_sedml"]

STEPS = 360


def write_own_sedml(use: Use, path: Path) -> None:
    """Write SED-ML for one time course, and its SBML beside it under the same name.

    Raises
    ------
    InputError
        When another file of that name is there.
    """
    model, text = path.with_suffix(".xml"), use.sbml()
    if model.exists() and model.read_bytes() != text.encode():
        raise InputError(f"{model}: is there already, and is another model; say where to write with --out")
    write_whole(model, lambda p: p.write_text(text, encoding="utf-8"))
    sedml = _sedml(use, model.name)
    write_whole(path, lambda p: p.write_text(sedml, encoding="utf-8"))


def _sedml(use: Use, source: str) -> str:
    elements = use.read_outs
    if not elements:
        raise InputError(f"{use.card.id}: none of its observables is a symbol that SED-ML can name")
    name = plain_id(Path(use.card.id).stem)
    plots = [Plot(each, each, (name,)) for each in elements if each.removeprefix("conc_") in use.card.plot]
    return sedml_text({name: source}, TimeCourse(use.until, STEPS), tuple(elements), plots, elements)


def write_own_archive(use: Use, path: Path) -> None:
    """Write an archive of one model: SBML, SED-ML, expected numbers and a text to read first."""
    name = plain_id(Path(use.card.id).stem)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        (folder / f"{name}.xml").write_text(use.sbml(), encoding="utf-8")
        (folder / f"{name}.sedml").write_text(_sedml(use, f"{name}.xml"), encoding="utf-8")
        times = np.linspace(0, use.until, STEPS + 1)
        use.expected(times, tuple(use.read_outs)).to_csv(folder / f"expected_{name}.csv", index=False)
        (folder / "README.md").write_text(_readme(use, name), encoding="utf-8")
        pack(folder, f"{name}.sedml", path)


def _readme(use: Use, name: str) -> str:
    return (
        f"# {use.card.title}\n\n`{name}.sedml` runs `{name}.xml` from 0 to {use.until:g}; "
        f"`expected_{name}.csv` holds the numbers to expect,\nwithin a millionth of the largest value of a "
        "column and 1e-5 of each value.\n"
    )

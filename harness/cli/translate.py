"""The command that writes a fit for the tools of the field."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from harness.cli.completion import complete_fit, complete_of

__all__ = ["translate"]


def translate(
    spec: Annotated[
        str,
        typer.Argument(
            metavar="FIT",
            help="A fit of validation/, such as fig2b/moving_volume, or a YAML file.",
            autocompletion=complete_fit,
        ),
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="TOOL", help="nlmixr2 or nonmem.", autocompletion=complete_of("nlmixr2", "nonmem")
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Folder for the model and its data.")],
) -> None:
    """Write a fit for nlmixr2 or NONMEM: model, error models, random effects, doses and data."""
    from harness.declarations import declare
    from harness.errors import unknown_name
    from harness.files import check_folder
    from harness.fitting.handover import parts_of
    from harness.fitting.study import Fit
    from harness.fitting.translated import DATA, SUBJECTS, TOOLS, write_for

    if to not in TOOLS:
        raise unknown_name("tool", to, TOOLS)
    tool, study = TOOLS[to], declare(Fit, problem=spec)
    check_folder(out, [tool.model, DATA, SUBJECTS], study.inputs())
    write_for(tool, parts_of(study.checked), out)
    print(f"{to}: {out / tool.model}, {out / DATA}; written, not run here")

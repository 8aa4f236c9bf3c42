"""The figure of the first page: tumours and cells of mice with the data, and patients by dose.

Promise: it is drawn from the panels of the article as they are simulated now.
"""

from __future__ import annotations

from harness import run_panel
from harness.figures.panel import draw_axes
from harness.figures.style import axes_for, svg

__all__ = ["figure"]

SHOWN = (("fig2b", "Tumour volume"), ("fig2b", "Blood CAR-T cells"), ("fig3", "Blood transgene"))


def figure() -> str:
    """An SVG element."""
    panels = {name: run_panel(name) for name in dict.fromkeys(name for name, _ in SHOWN)}
    axes = axes_for(None, len(SHOWN), width=3.3, height=3.7)
    for (name, title), each in zip(SHOWN, axes, strict=True):
        draw_axes(panels[name], next(a for a in panels[name].spec.axes if a.title == title), each)
    said = "Tumour volume and CAR-T cells of mice over the data of Figure 2b; transgene of patients by dose."
    return f'<div class="landing">{svg(axes, said)}</div>\n'

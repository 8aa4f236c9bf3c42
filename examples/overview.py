"""Draw the picture of the README: mice over their data, and the fall of M-protein by dose and burden.

python examples/overview.py [docs/overview.png]
"""

import sys
from pathlib import Path

from harness import Burden, Map, run_panel
from harness.figures.contours import draw_lines, set_scale
from harness.figures.labels import BURDEN, DOSE
from harness.figures.panel import draw_axes
from harness.figures.style import INK, axes_for, figure_of
from harness.simulation.execute import Serial

PICTURE = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/overview.png")
SHOWN = {
    "Tumour volume": ("vehicle", "moving_volume"),
    "Blood CAR-T cells": ("moving_volume", "constant_volume"),
}

mouse = run_panel("fig2b")
axes = axes_for(None, 3, width=4.4, height=4.1)
for title, curves, each in zip(SHOWN, SHOWN.values(), axes, strict=False):
    declared = next(a for a in mouse.spec.axes if a.title == title)
    shown = [name for name in declared.curves if name in curves]
    draw_axes(mouse, declared.model_copy(update={"curves": shown}), each)
table = Map(dose="50e6:800e6:log:12", burden=Burden(points=19)).run(Serial()).tables["map"]
field = table.pivot(index="burden_percent", columns="dose", values="M_fall")
dose, burden = field.columns.to_numpy(float), field.index.to_numpy(float)
set_scale(axes[2], "x", dose)
draw_lines(dose, burden, field.to_numpy(float), (40, 50, 60, 70, 80, 85, 90, 95, 97), axes[2])
axes[2].set_xlabel(DOSE)
axes[2].set_ylabel(BURDEN)
axes[2].set_title("Fall of M-protein in patients (%)", loc="left", fontweight="bold", color=INK, fontsize=10)
figure_of(axes).savefig(PICTURE, dpi=110, facecolor="white")

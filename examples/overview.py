"""Draw the picture of the README: the xenograft model over the mouse data, and the clinical profiles by dose.

python examples/overview.py [docs/overview.png]
"""

import sys
from pathlib import Path

from harness import run_panel
from harness.figures.panel import draw_axes
from harness.figures.style import axes_for, figure_of

PICTURE = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/overview.png")

mouse, patients = run_panel("fig2b"), run_panel("fig3")
chosen = [(mouse, "Tumour volume"), (mouse, "Blood CAR-T cells"), (patients, "Blood transgene")]
axes = axes_for(None, len(chosen), width=4.2, height=4.1)
for each, (result, title) in zip(axes, chosen, strict=True):
    draw_axes(result, next(a for a in result.spec.axes if a.title == title), each)
figure_of(axes).savefig(PICTURE, dpi=110, facecolor="white")

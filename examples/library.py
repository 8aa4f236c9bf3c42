"""Draw three products over each other: the level of each over its highest after day 1, by three models.

python examples/library.py [library.png]
"""

import sys

from harness import simulate
from harness.figures.style import COLOURS, axes_for, figure_of, legend_outside

PICTURE = sys.argv[1] if len(sys.argv) > 1 else "library.png"
PRODUCTS = {
    "ide-cel, 450e6 cells (clinical, Singh 2021)": ("clinical", "transgene"),
    "tisagenlecleucel (Stein 2019)": ("stein2019", "transgene"),
    "axicabtagene ciloleucel (Kimmel 2021)": ("kimmel2021", "cart"),
}

(axes,) = axes_for(None, 1, width=6.4, height=4.2)
for colour, (label, (model, observable)) in zip(COLOURS, PRODUCTS.items(), strict=False):
    dose = 450e6 if model == "clinical" else None
    curve = simulate(model, doses=dose, until=180, observables=observable)[observable]
    later = curve[curve.time >= 1]
    axes.plot(later.time, later / later.max(), color=colour, label=label)
    print(f"{label}: highest at day {float(later.time[later.argmax('time')]):.1f}")
axes.set_yscale("log")
axes.set_ylim(3e-5, 2)
axes.set_xlabel("time (days)")
axes.set_ylabel("level over its highest after day 1")
legend_outside(axes, "above", size=9)
figure_of([axes]).savefig(PICTURE, dpi=110, facecolor="white")

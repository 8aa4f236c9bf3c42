"""Draw the pictures of the page on dose that need no new calibration: a study of a panel, and stored tables.

python examples/dose.py [FOLDER]
"""

import sys
from pathlib import Path

import pandas as pd

from harness.figures.calibration import draw_designs, draw_responses
from harness.figures.clocks import draw_clocks
from harness.figures.style import write_figure
from harness.models.card import repository
from harness.simulation.execute import Serial
from harness.studies.outcome import Outcome
from harness.validation.spec import read_panel

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
calibrated = repository() / "validation" / "dose" / "calibrated"
tables = {name: pd.read_csv(calibrated / f"{name}.csv") for name in ("responses", "designs")}
tables["designs"] = tables["designs"].query("truth != 'published' and other != 'published'")  # it is rejected
clocks = read_panel("dose").studies["clocks"].run(Serial())
print(f"Tmax: {clocks.numbers['days_per_efold']:.2f} days later for a dose that is lower by a factor e")
write_figure(draw_clocks(clocks), folder / "dose_clocks.png")
write_figure(draw_responses(Outcome({}, tables)), folder / "dose.png")
write_figure(draw_designs(Outcome({}, tables)), folder / "dose_designs.png")

"""How long the page of each model takes to answer a hand that moves a slider, in Chromium without a head.

    python -m benchmarks.page [MODEL ...]

Prints the shortest, the median and the longest of the milliseconds from a change of a slider to curves and
numbers that are drawn; 50 or less is the aim on an idle machine. The last column is the mean of what the
page computed for a change, in milliseconds of its own: a machine that does other things beside does not
change it much.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path

from harness.exchange.use import use_of
from harness.explorer.page import page_text
from harness.models.catalog import model_names
from tests.explorer.browser import CHROMIUM, Page, page

PLACES = range(200, 900, 25)
"""Where the slider is put, of 1000."""


def computed(opened: Page) -> float:
    """Milliseconds of a processor that the page has taken until now."""
    metrics = opened.send("Performance.getMetrics")["metrics"]
    return 1000 * next(each["value"] for each in metrics if each["name"] == "TaskDuration")


def taken(opened: Page) -> tuple[list[float], float]:
    """Milliseconds of a change to each place of the first slider, and what a change computed in the mean."""
    found = []
    before = computed(opened)
    for place in PLACES:
        opened.run(
            f"(() => {{ const s = document.querySelector('input[type=range]'); s.value = {place};"
            " delete document.body.dataset.milliseconds; s.dispatchEvent(new Event('input')); })()"
        )
        opened.until("Boolean(document.body.dataset.milliseconds)")
        found.append(float(opened.run("document.body.dataset.milliseconds")))
    return found, (computed(opened) - before) / len(found)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", default=model_names())
    given = parser.parse_args()
    if CHROMIUM is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    print(f"{'model':28} {'shortest':>9} {'median':>9} {'longest':>9} {'computed':>9}  ms a change")
    with tempfile.TemporaryDirectory() as folder, page() as opened:
        opened.look(1400, 1000)
        opened.send("Performance.enable", timeDomain="threadTicks")
        for model in given.models:
            path = Path(folder) / f"{model}.html"
            path.write_text(page_text(use_of(model)), encoding="utf-8")
            opened.open(path.as_uri())
            times, cost = taken(opened)
            shown = (min(times), statistics.median(times), max(times), cost)
            print(f"{model:28} {' '.join(f'{each:9.1f}' for each in shown)}", flush=True)


if __name__ == "__main__":
    main()

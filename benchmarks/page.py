"""How long the page of each model takes to answer a hand that moves a slider, in Chromium without a head.

    python -m benchmarks.page [MODEL ...]

Prints the shortest, the median and the longest of the milliseconds from a change of a slider to curves and
numbers that are drawn; 50 or less is the aim on an idle machine.
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


def taken(opened: Page) -> list[float]:
    """Milliseconds of a change to each place of the first slider."""
    found = []
    for place in PLACES:
        opened.run(
            f"(() => {{ const s = document.querySelector('input[type=range]'); s.value = {place};"
            " delete document.body.dataset.milliseconds; s.dispatchEvent(new Event('input')); })()"
        )
        opened.until("Boolean(document.body.dataset.milliseconds)")
        found.append(float(opened.run("document.body.dataset.milliseconds")))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", default=model_names())
    given = parser.parse_args()
    if CHROMIUM is None:
        raise SystemExit("Chromium is not installed: apt-get install chromium")
    print(f"{'model':28} {'shortest':>9} {'median':>9} {'longest':>9}  ms a change")
    with tempfile.TemporaryDirectory() as folder, page() as opened:
        opened.look(1400, 1000)
        for model in given.models:
            path = Path(folder) / f"{model}.html"
            path.write_text(page_text(use_of(model)), encoding="utf-8")
            opened.open(path.as_uri())
            times = taken(opened)
            print(
                f"{model:28} {min(times):9.1f} {statistics.median(times):9.1f} {max(times):9.1f}", flush=True
            )


if __name__ == "__main__":
    main()

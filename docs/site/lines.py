"""The command lines of the how-to pages, run.

Promise: the lines of a page are typed in their order into one copy of the project, as a reader has it, in
which nothing was made before, and the files that the page gives are written as they come. A line that ends
with another exit code than 0, or than its remark begins with (`exit code 1 when ...`), or that warns, is
told with its page, its number and what it printed; the rest of its page is left. A line whose remark says
that it takes hours is left out. Notebooks run in Sphinx, and the recipes of CONTRIBUTING.md in the tests.

python -m docs.site.lines [PAGE ...]
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from docs.site.shell import Given, Typed, steps_of

__all__ = ["pages_that_warn", "pages_with_lines", "run_pages"]

COPIED = ("docs", "examples", "harness", "models_antimony", "sbml", "validation")
LONGEST = 900
"""Seconds that a line may take, as a cell of a notebook may."""
AT_ONCE = 2
SHOWN = 20
"""So many lines at the end of what a line printed are told."""
WARNS = re.compile(r"\b\w*Warning: ")
OUTPUT = re.compile(r"""class="output std(?:err|out) .*?</pre>""", re.DOTALL)
TAG = re.compile(r"<[^>]*>|^class=.*?>")
HOURS = re.compile(r"\bhours\b")
EXITS = re.compile(r"exit code (\d+)\b")


def pages_with_lines(root: Path) -> list[Path]:
    """The pages of docs/ that have a reader type something."""
    pages = sorted((root / "docs").glob("*.md"))
    return [page for page in pages if any(isinstance(s, Typed) for s in steps_of(page.read_text("utf-8")))]


def pages_that_warn(site: Path) -> Iterator[str]:
    """Each page of a built site on which a cell of a notebook warns, with what it says."""
    for page in sorted(site.rglob("*.html")):
        for found in OUTPUT.findall(page.read_text("utf-8")):
            if WARNS.search(found):
                yield f"{page.relative_to(site)}: a cell warns: {TAG.sub('', found).strip()}"


def run_pages(root: Path, pages: Iterable[Path], folder: Path) -> list[str]:
    """Run the lines of pages, each page in a folder of its own under one; what went wrong."""
    runs = [_Page(root, page, folder.resolve() / page.stem) for page in pages]
    with ThreadPoolExecutor(AT_ONCE) as executor:
        return [fault for faults in executor.map(lambda run: list(run.faults()), runs) for fault in faults]


@dataclass(frozen=True)
class _Page:
    """A page of the project at `root`, and the folder in which its lines are typed."""

    root: Path
    page: Path
    folder: Path

    def faults(self) -> Iterator[str]:
        """The line of it that fails, if one does; else the folder is removed."""
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in COPIED:
            shutil.copytree(self.root / name, self.folder / name)
        for step in steps_of(self.page.read_text("utf-8")):
            if isinstance(step, Given):
                (self.folder / step.name).write_text(step.text, encoding="utf-8")
            elif not HOURS.search(step.remark):
                told = self._typed(step)
                if told:
                    yield f"{self.page.relative_to(self.root)}:{step.number}: {step.text}: {told}"
                    return
        shutil.rmtree(self.folder)

    def _typed(self, line: Typed) -> str:
        began = time.monotonic()
        environment = os.environ | {
            "PYTHONPATH": str(self.folder),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "COLUMNS": "110",
            "BROWSER": "true",  # what opens a page is there, and shows nothing
        }
        try:
            done = subprocess.run(
                ["sh", "-c", line.text],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                encoding="utf-8",
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return f"it takes more than {LONGEST} seconds"
        print(f"{self.page.name}:{line.number}: {time.monotonic() - began:.0f} s: {line.text}", flush=True)
        printed = "\n".join(done.stdout.splitlines()[-SHOWN:])
        said = EXITS.match(line.remark)
        if done.returncode not in {0, int(said[1]) if said else 0}:
            return f"exit code {done.returncode}\n{printed}"
        return f"it warns\n{printed}" if WARNS.search(done.stdout) else ""


def main() -> int:
    """Run the lines of the pages that are named, or of all; the exit code."""
    root = Path(__file__).parents[2]
    pages = [root / "docs" / f"{name}.md" for name in sys.argv[1:]] or pages_with_lines(root)
    faults = run_pages(root, pages, root / "build" / "lines")
    for fault in faults:
        print(f"docs: {fault}", file=sys.stderr)
    return int(bool(faults))


if __name__ == "__main__":
    sys.exit(main())

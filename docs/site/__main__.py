"""Build the site, as `make docs` does.

python -m docs.site FOLDER [--source FOLDER] [--tutorials all]

Pages are put together, and made, in SOURCE; Sphinx makes the site of them and runs the notebooks; then the
command lines of the how-to pages are run. A warning, a link that leads nowhere, and a line that fails or
that its command does not take are errors. With some of the tutorials alone, the lines of pages that are
done in a minute are run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from sphinx import builders
from sphinx.application import Sphinx
from sphinx.errors import SphinxParallelError

from docs.site import api, catalogue, commands, evidence, lines
from docs.site.compose import TUTORIALS, compose, listed_tutorials
from docs.site.links import dead_links
from docs.site.shell import refused_lines

ROOT = Path(__file__).parents[2]
BRIEF = [ROOT / "docs" / f"{name}.md" for name in ("exchange", "explorer", "running")]
"""The pages whose lines are run when some of the tutorials are: half a minute in all."""


def build(site: Path, source: Path, run: list[str]) -> int:
    """Put the pages together and make the site of them, running some of the tutorials; the exit code."""
    for folder in (site, source):
        shutil.rmtree(folder, ignore_errors=True)
    compose(ROOT, source)
    make(source)
    code = render(site, source, run)
    faults = [*refused_lines(ROOT), *dead_links(site), *lines.pages_that_warn(site)]
    if not faults and not code:
        pages = lines.pages_with_lines(ROOT)
        faults = lines.run_pages(
            ROOT, pages if run == listed_tutorials(ROOT) else BRIEF, source.with_name("lines")
        )
    for fault in faults:
        print(f"docs: {fault}", file=sys.stderr)
    return code or int(bool(faults))


def make(source: Path) -> None:
    """Write the pages that are made of models, commands, docstrings and scores."""
    scores = evidence.read_scores(ROOT)
    pages = {
        "what_is_true.txt": evidence.what_is_true(scores) + "\n",
        "ledger.md": evidence.ledger_page(scores),
        "reproduced.md": evidence.reproduced_page(scores),
        "reference/commands.md": commands.commands_page(),
        "reference/api.md": api.api_page(),
    }
    for name, text in pages.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text, encoding="utf-8")
    catalogue.write_catalogue(ROOT, source)


def render(site: Path, source: Path, run: list[str]) -> int:
    """Have Sphinx make the site, and run the notebooks in it: all, or some of the tutorials alone."""
    left = [f"{TUTORIALS}/{name}.md" for name in listed_tutorials(ROOT) if name not in run]
    left += ["gallery.md"] if left else []
    builders.make_chunks = one_by_one
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # `cart`
    os.environ["COLUMNS"] = "110"
    app = Sphinx(
        source,
        ROOT / "docs",
        site,
        source.with_name(f"{source.name}.doctrees"),
        "html",
        {"nb_execution_excludepatterns": left},
        status=None,
        freshenv=True,
        warningiserror=True,
        parallel=2,
    )
    try:
        app.build()
    except SphinxParallelError as error:
        print(error.traceback, file=sys.stderr)  # of the process that ran a notebook
        return 1
    shutil.copytree(source / "explorers", site / "explorers")
    return app.statuscode


def one_by_one(names: list[str], _processes: int) -> list[list[str]]:
    """Pages in parts for the processes of Sphinx: each apart, since one with a notebook takes long."""
    return [[name] for name in names]


def main() -> int:
    """Read the command line and build; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description="Build the site of the project.")
    parser.add_argument("site", type=Path, help="folder for it")
    parser.add_argument(
        "--source", type=Path, default=Path("build/pages"), help="folder for what it is made of"
    )
    parser.add_argument("--tutorials", default="all", help="how many are run, in their order, or all")
    given = parser.parse_args()
    tutorials = listed_tutorials(ROOT)
    count = len(tutorials) if given.tutorials == "all" else int(given.tutorials)
    code = build(given.site, given.source, tutorials[:count])
    if code == 0:
        print(f"site: {given.site / 'index.html'}")
    return code


if __name__ == "__main__":
    sys.exit(main())

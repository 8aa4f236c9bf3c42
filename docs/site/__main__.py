"""Build the site, as `make docs` does.

python -m docs.site FOLDER [--source FOLDER] [--tutorials all]

The pages are put together in SOURCE; Sphinx makes the site of them, runs the notebooks, and takes any warning
for an error.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

from sphinx.application import Sphinx

from docs.site.compose import TUTORIALS, compose, listed_tutorials

ROOT = Path(__file__).parents[2]


def build(site: Path, source: Path, run: list[str]) -> int:
    """Put the pages together and make the site of them, running some of the tutorials; the exit code."""
    for folder in (site, source):
        shutil.rmtree(folder, ignore_errors=True)
    compose(ROOT, source)
    left = [f"{TUTORIALS}/{name}.md" for name in listed_tutorials(ROOT) if name not in run]
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
    )
    app.build()
    return app.statuscode


def main() -> int:
    """Read the command line and build; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m docs.site", description="Build the site of the project.")
    parser.add_argument("site", type=Path, help="folder for it")
    parser.add_argument(
        "--source", type=Path, default=Path("build/pages"), help="folder for what it is made of"
    )
    parser.add_argument("--tutorials", default="all", help="how many of them are run, in their order")
    given = parser.parse_args()
    tutorials = listed_tutorials(ROOT)
    count = len(tutorials) if given.tutorials == "all" else int(given.tutorials)
    code = build(given.site, given.source, tutorials[:count])
    if code == 0:
        print(f"site: {given.site / 'index.html'}")
    return code


if __name__ == "__main__":
    sys.exit(main())

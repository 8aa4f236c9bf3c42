"""The pages of the project as Sphinx reads them: those of docs/, those at the top, and all files they link.

Promise: a link that a page has to a file of the project leads there from the site too, and one that leads
nowhere is refused. In a tutorial a line that is nothing but a link to a file becomes a cell that writes this
file, so that the notebook needs nothing beside it.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

__all__ = ["TUTORIALS", "cell", "compose", "listed_tutorials", "pages_of_project", "parts"]

TOP = {"CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Pages at the top of the project, and what they are on the site."""

MADE = ("ledger.md", "reproduced.md", "reference", "catalogue", "explorers")
"""Pages and folders that the site makes itself, to which a page may link."""

TUTORIALS = "tutorials"
RUNS = "which runs in an empty folder: [how](../commands.md#notebooks)."
LONG = 24
"""A file of more lines is folded away in its tutorial."""

LINK = re.compile(r"(?P<text>!?\[[^\]]*\])\((?P<path>(?!\w+:)[^)\s#]*)(?P<place>#[^)\s]*)?\)")
ALONE = re.compile(r"\[`[^`]+`\]\((?P<path>[^)\s]+)\)")
FENCE = re.compile(r"\s*(?P<mark>`{3,}|~{3,})")


def cell(text: str) -> str:
    """A text as it stands in one line of a page or in a cell of a table, where its signs mean nothing."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def pages_of_project(root: Path) -> dict[PurePosixPath, PurePosixPath]:
    """Each page that is written by hand or by `cart docs`, and where it stands on the site."""
    docs = root / "docs"
    written = sorted([*docs.glob("*.md"), *(docs / TUTORIALS).glob("*.md")])
    pages = {PurePosixPath(page.relative_to(root)): PurePosixPath(page.relative_to(docs)) for page in written}
    return pages | {PurePosixPath(name): PurePosixPath(to) for name, to in TOP.items()}


def listed_tutorials(root: Path) -> list[str]:
    """Names of the tutorials, in the order of the first page."""
    index = (root / "docs" / "index.md").read_text("utf-8")
    return re.findall(rf"^{TUTORIALS}/(\w+)$", index, re.M)


def compose(root: Path, folder: Path) -> list[PurePosixPath]:
    """Write the pages, and the files that they link, into a folder; the pages, as they stand there."""
    pages = pages_of_project(root)
    for page, to in pages.items():
        text = _Page(root, folder, pages, page).text()
        (folder / to).parent.mkdir(parents=True, exist_ok=True)
        (folder / to).write_text(text, encoding="utf-8")
    return list(pages.values())


def parts(text: str) -> Iterator[tuple[str, bool]]:
    """The lines of a page, and whether each stands in a block of code."""
    mark = ""
    for line in text.splitlines():
        fence = FENCE.match(line)
        if fence and not mark:
            mark = fence["mark"]
            yield line, True
        else:
            yield line, bool(mark) or line.startswith("    ")
            if line.strip() == mark:
                mark = ""


@dataclass(frozen=True)
class _Page:
    """A page of the project, `page` under `root`, to be written under `folder`, where `pages` says."""

    root: Path
    folder: Path
    pages: Mapping[PurePosixPath, PurePosixPath]
    page: PurePosixPath

    def text(self) -> str:
        """What is written of it."""
        lines = parts((self.root / self.page).read_text("utf-8"))
        moved = "".join((line if is_code else self._moved(line)) + "\n" for line, is_code in lines)
        return self._downloadable(moved) if self._is_tutorial() else moved

    def _is_tutorial(self) -> bool:
        return self.pages[self.page].parts[0] == TUTORIALS

    def _moved(self, line: str) -> str:
        alone = ALONE.fullmatch(line)
        if alone and self._is_tutorial():
            return _cell_that_writes(self.root / self.page.parent / alone["path"])
        return LINK.sub(self._led, line)

    def _led(self, link: re.Match[str]) -> str:
        """A link as it is on the site; the file that it leads to is copied unless it is a page itself."""
        if not link["path"]:
            return link[0]
        meant = PurePosixPath(os.path.normpath(self.page.parent / link["path"]))
        where = self.pages.get(meant) or self._copied(meant)
        up = os.path.relpath(where, self.pages[self.page].parent)
        return f"{link['text']}({up}{link['place'] or ''})"

    def _copied(self, meant: PurePosixPath) -> PurePosixPath:
        in_docs = meant.is_relative_to("docs")
        where = meant.relative_to("docs") if in_docs else PurePosixPath("files", meant)
        if where.parts[0] not in MADE:
            if not (self.root / meant).is_file():
                raise SystemExit(f"{self.page}: the link to {meant} leads to no file")
            (self.folder / where).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.root / meant, self.folder / where)
        return where

    def _downloadable(self, text: str) -> str:
        """A tutorial with a line under its title on how to get the notebook, and how to run it."""
        told = f"\nThis page is a notebook, {{nb-download}}`{self.page.stem}.ipynb`, {RUNS}\n"
        return re.sub(r"^# .+\n", partial(_followed, told), text, count=1, flags=re.M)


def _followed(told: str, title: re.Match[str]) -> str:
    return title[0] + told


def _cell_that_writes(path: Path) -> str:
    text = path.read_text("utf-8").rstrip("\n")
    tags = ["remove-output", *(["hide-input"] if text.count("\n") >= LONG else [])]
    return f"```{{code-cell}} ipython3\n:tags: [{', '.join(tags)}]\n\n%%writefile {path.name}\n{text}\n```"

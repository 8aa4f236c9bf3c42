"""The links of the built site: each that stays on it leads to a file, and to a place in it.

Promise: what a page of HTML names by `href` or `src` is looked at, raw HTML and notebooks too. Addresses
elsewhere are not asked, for a build needs no network.
"""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

__all__ = ["dead_links"]

OWN = ("explorers",)
"""Folders of pages that hold themselves together."""


class _Page(HTMLParser):
    """Ids of a page, and what it links."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("id", "name") and value:
                self.ids.add(value)
            elif name in ("href", "src") and value:
                self.links.append(value)


def dead_links(site: Path) -> Iterator[str]:
    """Each link that leads nowhere, with its page."""
    site = site.resolve()
    found = [path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] not in OWN]
    pages = {path: _Page(path.read_text("utf-8")) for path in found}
    for path, page in pages.items():
        for link in dict.fromkeys(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            place = unquote(parts.fragment)
            missing = place and target in pages and place not in pages[target].ids
            if not target.is_file() or missing:
                yield f"{path.relative_to(site)}: {link}"

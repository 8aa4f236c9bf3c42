"""The reference of what scripts have, from the docstrings of the front door."""

from __future__ import annotations

import inspect
from pathlib import Path

import harness

__all__ = ["api_page"]


def api_page() -> str:
    """Each name that `from harness import ...` offers, by topic, with its docstring."""
    lines = [
        "# What scripts have",
        "",
        "`from harness import NAME` offers what stands here; [scripts](../scripts.md) has it on one page.",
    ]
    listed = Path(harness.__file__).with_suffix(".pyi").read_text("utf-8")
    for topic in listed.split("\n\n# ")[1:]:
        title, *imports = topic.partition("\n\n")[0].splitlines()
        lines += ["", f"## {title}"]
        for name in (line.split()[-1] for line in imports):
            kind = "autoclass" if inspect.isclass(getattr(harness, name)) else "autofunction"
            lines += ["", "```{eval-rst}", f".. {kind}:: harness.{name}", "```"]
    return "\n".join(lines) + "\n"

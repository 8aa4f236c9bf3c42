"""JavaScript for tests: under node where it is installed, else in the V8 that mini-racer brings."""

from __future__ import annotations

import json
import math
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

NODE = shutil.which("node")


def answer(script: str, argument: Any) -> Any:
    """What the function `answer` of a script returns; the argument and the result go by JSON."""
    return _by_node(script, argument) if NODE else _by_mini_racer(script, argument)


def _by_node(script: str, argument: Any) -> Any:
    call = 'process.stdout.write(JSON.stringify(answer(JSON.parse(require("fs").readFileSync(0, "utf8")))));'
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "script.js"
        path.write_text(f"{script}\n{call}\n", encoding="utf-8")
        given = json.dumps(argument)
        ran = subprocess.run(
            [str(NODE), path], input=given, capture_output=True, encoding="utf-8", check=False
        )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


def _by_mini_racer(script: str, argument: Any) -> Any:
    from py_mini_racer import MiniRacer

    context = MiniRacer()
    context.eval(script)
    return json.loads(context.eval(f"JSON.stringify(answer({json.dumps(argument)}))"))


def number(found: float | None) -> float:
    """A number that came by JSON, which has none for what is not finite."""
    return math.nan if found is None else found

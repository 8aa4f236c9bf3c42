"""Damaged copies of a file, from a seed: what a slip of the hand, a bad disk or malice makes of it.

A reader that holds its promise gives its result for each of them, or one line that says what is wrong.
"""

from __future__ import annotations

import random
import re
import signal
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from harness.errors import InputError

ODD = tuple(
    text.encode()
    for text in (
        "", " ", "0", "-1", "1e999", "1e-400", "nan", "-inf", ".nan", "true", "null", "1_0", "1:30", "007",
        "0x1F", "5" * 5000, "2020-99-99", "2020-01-01", "!!int abc", "!!float x", "!!timestamp x", "!!bool x",
        "!!binary x", "!!python/name:os.system", "[" * 3000, "{a: " * 2000, "&a [*a]", "<<: {a: b}", "? [a]",
        "\x00", "4\x0050", "\x1b[2J", "1e5\u200b", "\u202e", "\ufeff", "é", "\U0001f9ec", "#", "'", '"', ",",
        ",,,", ":", "- ", "\t", "\r", "\n", "../../etc/passwd", "/dev/zero", "/", ".", "http://a.b/c", "%s",
        "{}", "[]", "9**9**9**9", "day^9^9^9^9", "__import__('os')", "1 day", "1 parsec", "None", "dose",
    )
)  # fmt: skip
"""Texts that stand where others are wanted."""

SECONDS = 10
"""A reader that takes longer hangs."""


def mutants(seeds: Sequence[bytes], count: int, seed: int) -> Iterator[bytes]:
    """`count` damaged copies of the seeds, in turn; each of one to three damages."""
    draw = random.Random(seed)
    for number in range(count):
        content = seeds[number % len(seeds)]
        for _ in range(draw.choice((1, 1, 1, 2, 3))):
            content = draw.choice(DAMAGES)(content, draw)
        yield content


def survive(
    read: Callable[[Path], object], path: Path, seeds: Sequence[bytes], count: int, seed: int = 1
) -> Counter:
    """Read `count` mutants, each as the file `path`; how many were read, and how many refused in one line.

    Any other error, a reader that hangs, and one that holds a file open that it refuses, is a failure; the
    mutant is left at `path`.
    """
    found: Counter = Counter()
    for content in (*seeds, *mutants(seeds, count, seed)):
        path.write_bytes(content)
        try:
            with _within(SECONDS):
                read(path)
            found["read"] += 1
        except InputError as error:
            said = str(error)
            assert said, path
            assert said.isprintable(), said
            assert len(said) < 20_000, said
            assert not _is_open(path), said
            found["refused"] += 1
    return found


def _is_open(path: Path) -> bool:
    """Whether this process holds a file open; False where the system does not tell."""
    held = Path("/proc/self/fd")
    links = list(held.iterdir()) if held.is_dir() else []
    return any(each.exists() and each.samefile(path) for each in links)


@contextmanager
def _within(seconds: int) -> Iterator[None]:
    def stop(*_: object) -> None:
        raise TimeoutError(f"no answer within {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def _flip(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content) + 1)
    return content[:place] + bytes([draw.randrange(256)]) + content[place + 1 :]


def _cut(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    return content[:start] + content[start + draw.choice((1, 4, 40, 10**9)) :]


def _twice(content: bytes, draw: random.Random) -> bytes:
    start = draw.randrange(len(content) + 1)
    part = content[start : start + draw.choice((1, 10, 100))]
    return content[:start] + part * draw.choice((2, 2, 50)) + content[start + len(part) :]


def _lines(content: bytes, draw: random.Random) -> bytes:
    """A line left out, doubled, or put elsewhere."""
    lines = content.splitlines(keepends=True) or [b""]
    line = lines.pop(draw.randrange(len(lines)))
    for _ in range(draw.randrange(3)):
        lines.insert(draw.randrange(len(lines) + 1), line)
    return b"".join(lines)


def _odd(content: bytes, draw: random.Random) -> bytes:
    """A word, number or cell replaced by an odd text."""
    words = list(re.finditer(rb"[\w.+-]+|(?<=,)(?=,)", content))
    if not words:
        return content + draw.choice(ODD)
    word = draw.choice(words)
    return content[: word.start()] + draw.choice(ODD) + content[word.end() :]


def _insert(content: bytes, draw: random.Random) -> bytes:
    place = draw.randrange(len(content) + 1)
    return content[:place] + draw.choice(ODD) + content[place:]


def _moved(content: bytes, draw: random.Random) -> bytes:
    """A word replaced by another of the same file."""
    words = list(re.finditer(rb"[\w.+-]+", content))
    if not words:
        return content
    one, other = draw.choice(words), draw.choice(words)
    return content[: one.start()] + other[0] + content[one.end() :]


DAMAGES = (_flip, _cut, _twice, _lines, _odd, _odd, _insert, _moved)

"""Which mutants there are, and a sample of them that a seed decides.

The changes are those of mutmut (`mutmut.mutation.mutators`). Its own run is not used: it makes no mutant of
what has a decorator (endpoints, validators), none outside functions, and draws no sample.

A line is drawn, then one of its mutants, so that a call with ten arguments weighs no more than a comparison.
Both are drawn by a hash of seed, file and text: when the code changes elsewhere the sample stays.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import libcst as cst
from libcst.metadata import CodeRange, MetadataWrapper, WhitespaceInclusivePositionProvider
from mutmut.mutation.mutators import mutation_operators

__all__ = ["Mutant", "draw", "mutants_of"]

# Annotations and imports are not what a function does; mutmut leaves decorators out too.
LEFT = (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom)
OPERATORS = [(kind, change) for kind, change in mutation_operators if kind is not cst.Match]  # whole blocks


@dataclass(frozen=True)
class Mutant:
    """One change: `file` below the root, `line` (from 1), the changed lines `before` and `after`."""

    file: str
    line: int
    operator: str
    before: str
    after: str
    text: str = field(repr=False, compare=False)  # of the whole file, changed
    statement: int  # line on which its statement begins

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is known by while lines move."""
        return self.file, self.before, self.after


@dataclass(frozen=True)
class _Change:
    operator: str
    at: CodeRange
    code: str
    line: int
    statement: int


class _Changes(cst.CSTVisitor):
    """Every change that the operators make in a module."""

    METADATA_DEPENDENCIES = (WhitespaceInclusivePositionProvider,)

    def __init__(self, module: cst.Module) -> None:
        self.found: list[_Change] = []
        self._module = module
        self._statements = [0]

    def on_visit(self, node: cst.CSTNode) -> bool:
        at = self.get_metadata(WhitespaceInclusivePositionProvider, node, None)
        statement = isinstance(node, cst.SimpleStatementLine | cst.BaseCompoundStatement)
        begins = at.start.line + len(node.leading_lines) if at and statement else self._statements[-1]
        self._statements.append(begins)
        if isinstance(node, LEFT) or _names_what_is_public(node):
            return False
        for kind, operator in OPERATORS:
            if at and isinstance(node, kind):
                for changed in operator(node):
                    code = self._module.code_for_node(changed)
                    name = operator.__name__.removeprefix("operator_")
                    self.found.append(_Change(name, at, code, at.start.line, begins))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:  # noqa: ARG002 - the name is libcst's
        self._statements.pop()


def _names_what_is_public(node: cst.CSTNode) -> bool:
    return isinstance(node, cst.Assign) and any(
        isinstance(each.target, cst.Name) and each.target.value == "__all__" for each in node.targets
    )


def _changes(text: str) -> list[_Change]:
    wrapper = MetadataWrapper(cst.parse_module(text), unsafe_skip_copy=True)
    changes = _Changes(wrapper.module)
    wrapper.visit(changes)
    return changes.found


def mutants_of(root: Path, file: str, lines: set[int] | None = None) -> Iterator[Mutant]:
    """All mutants of a file below `root`, or those of some of its lines."""
    text = (root / file).read_text(encoding="utf-8")
    rows = text.splitlines(keepends=True)
    for change in _changes(text):
        if lines is None or change.line in lines:
            first, last = change.at.start, change.at.end
            old = rows[first.line - 1 : last.line]
            new = (old[0][: first.column] + change.code + (old[-1][last.column :] if old else "")).splitlines(
                keepends=True
            )
            mutated = "".join([*rows[: first.line - 1], *new, *rows[last.line :]])
            before, after = _apart(old, new)
            if before != after:
                yield Mutant(file, change.line, change.operator, before, after, mutated, change.statement)


def _apart(old: list[str], new: list[str]) -> tuple[str, str]:
    """The lines that differ, before and after, each joined to one."""
    while old and new and old[0] == new[0]:
        old, new = old[1:], new[1:]
    while old and new and old[-1] == new[-1]:
        old, new = old[:-1], new[:-1]
    before, after = (" ".join(line.strip() for line in lines) for lines in (old, new))
    return before, after


def draw(root: Path, folders: tuple[str, ...], count: int, seed: int) -> list[Mutant]:
    """`count` mutants of the files in `folders`, at most one a line; the first n are the sample of n."""
    files = sorted(str(p.relative_to(root)) for folder in folders for p in (root / folder).rglob("*.py"))
    lines = [(file, *numbered) for file in files for numbered in _lines_with_mutants(root / file)]
    chosen = sorted(lines, key=lambda each: _hash(seed, each[0], each[2]))[:count]
    wanted, found = defaultdict(set), defaultdict(list)
    for file, line, _ in chosen:
        wanted[file].add(line)
    for file, numbers in wanted.items():
        for mutant in mutants_of(root, file, numbers):
            found[file, mutant.line].append(mutant)
    return [
        min(found[file, line], key=lambda m: _hash(seed, m.file, m.before, m.after))
        for file, line, _ in chosen
    ]


def _lines_with_mutants(path: Path) -> list[tuple[int, str]]:
    """Lines that have a mutant: number, and the text with how often it stood above."""
    text = path.read_text(encoding="utf-8")
    numbers = {change.line for change in _changes(text)}
    seen: Counter[str] = Counter()
    named = []
    for number, content in enumerate(text.splitlines(), 1):
        seen[content] += 1
        if number in numbers:
            named.append((number, f"{content} {seen[content]}"))
    return named


def _hash(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()

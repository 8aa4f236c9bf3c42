"""A kernel as JavaScript: the text that numba compiles, printed statement by statement for a browser.

Promise: the kernel is written once. What :func:`javascript` prints does the same operations in the same
order, on the same numbers; what it does not know is refused by name, never left out. The text is plain
functions and constants, which a page puts into a scope of its own.

Arrays of one dimension are typed arrays, and those of more are arrays of them. Minimum and maximum are
Python's, which differ from those of JavaScript where one of the two is no number.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from harness.errors import InputError

__all__ = ["javascript"]

HELPERS = """\
const $max = (a, b) => (b > a ? b : a);
const $min = (a, b) => (b < a ? b : a);
const $cut = (x, from, to) => (x.subarray ? x.subarray(from, to) : x.slice(from, to));
const $size = (x, axis) => (axis === 0 ? x.length : x.length === 0 ? 0 : $size(x[0], axis - 1));
const $floats = new Float64Array(1);
const $bits = new BigInt64Array($floats.buffer);
function $next(x, towards) {
  if (x === towards || x !== x) return x;
  if (x === 0) return towards > 0 ? 5e-324 : -5e-324;
  $floats[0] = x;
  $bits[0] += (x < towards) === (x > 0) ? 1n : -1n;
  return $floats[0];
}
"""
"""What JavaScript has no operator for; no name of Python has a $."""

FUNCTIONS = {
    "abs": "Math.abs", "acos": "Math.acos", "asin": "Math.asin", "atan": "Math.atan", "cos": "Math.cos",
    "cosh": "Math.cosh", "exp": "Math.exp", "isfinite": "Number.isFinite", "log": "Math.log",
    "max": "$max", "min": "$min", "np.ceil": "Math.ceil", "np.floor": "Math.floor",
    "np.nextafter": "$next", "sin": "Math.sin", "sinh": "Math.sinh", "tan": "Math.tan", "tanh": "Math.tanh",
}  # fmt: skip
OPERATORS: dict[type[ast.AST], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.BitAnd: "&", ast.USub: "-", ast.Not: "!",
    ast.And: "&&", ast.Or: "||", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "===",
    ast.NotEq: "!==",
}  # fmt: skip
RESERVED = {
    "arguments", "await", "break", "case", "catch", "class", "const", "continue", "debugger", "default",
    "delete", "do", "else", "enum", "eval", "export", "extends", "false", "finally", "for", "function",
    "if", "implements", "import", "in", "instanceof", "interface", "let", "new", "null", "package",
    "private", "protected", "public", "return", "static", "super", "switch", "this", "throw", "true",
    "try", "typeof", "var", "void", "while", "with", "yield", "Math", "Number", "Array", "Float64Array",
    "Int32Array", "Infinity", "NaN", "undefined",
}  # fmt: skip
"""Names that mean something else in JavaScript."""


def javascript(python: str) -> str:
    """The functions and constants of a kernel's text, as JavaScript.

    Raises
    ------
    InputError
        When the text holds what this does not know how to print, which the line names.
    """
    return f"{HELPERS}{_Module(ast.parse(python)).text()}"


def _refused(node: ast.AST, what: str = "") -> InputError:
    found = ast.unparse(node).partition("\n")[0]
    return InputError(f"cannot be written as JavaScript: {what or found}")


def _name(name: str) -> str:
    return f"{name}$" if name in RESERVED else name


def _targets(target: ast.expr) -> Iterator[ast.expr]:
    """What an assignment sets, in order."""
    if isinstance(target, ast.Tuple):
        yield from target.elts
    else:
        yield target


def _assigned(body: Iterable[ast.stmt]) -> set[str]:
    """Names that statements set, loops aside, whose variables are their own."""
    found = set()
    for node in chain.from_iterable(map(ast.walk, body)):
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = [each for target in node.targets for each in _targets(target)]
        elif isinstance(node, ast.AugAssign):
            targets = [node.target]
        found |= {each.id for each in targets if isinstance(each, ast.Name)}
    return found


class _Module:
    """Prints a module: its constants and its functions, without what makes numba compile them."""

    def __init__(self, tree: ast.Module) -> None:
        self._body = [node for node in tree.body if not self._is_left_out(node)]
        self.known = {node.name for node in self._body if isinstance(node, ast.FunctionDef)}
        self.known |= _assigned(node for node in self._body if isinstance(node, ast.Assign))

    def text(self) -> str:
        return "".join(chain.from_iterable(map(self._statement, self._body)))

    @staticmethod
    def _is_left_out(node: ast.stmt) -> bool:
        """Imports, texts, and what makes numba compile a function, its options among it."""
        value = node.value if isinstance(node, ast.Assign | ast.Expr) else None
        if isinstance(value, ast.Call):
            return ast.unparse(value.func) == "numba.njit"
        text = isinstance(node, ast.Expr) and isinstance(value, ast.Constant)
        return text or isinstance(node, ast.Import | ast.ImportFrom) or isinstance(value, ast.Dict)

    def _statement(self, node: ast.stmt) -> Iterator[str]:
        if isinstance(node, ast.FunctionDef):
            yield from _Routine(node, self.known).lines()
        elif isinstance(node, ast.Assign):
            outside = _Phrases(self.known)
            for target in node.targets:
                names, values = list(_targets(target)), [node.value]
                if isinstance(node.value, ast.Tuple):
                    values = node.value.elts
                if len(names) != len(values):
                    raise _refused(node)
                for name, value in zip(names, values, strict=True):
                    yield f"const {outside.of(name)} = {outside.of(value)};\n"
        else:
            raise _refused(node)


class _Phrases:
    """Prints expressions in which some names are known."""

    def __init__(self, known: Iterable[str]) -> None:
        self.known = frozenset(known)

    def of(self, node: ast.expr) -> str:
        """Text of an expression, in brackets of its own where it needs any."""
        printer = getattr(self, f"_{type(node).__name__.lower()}", None)
        if printer is None:
            raise _refused(node)
        return printer(node)

    def _constant(self, node: ast.Constant) -> str:
        if isinstance(node.value, bool):
            return str(node.value).lower()
        if not isinstance(node.value, int | float):
            raise _refused(node)
        return repr(node.value).removesuffix(".0")

    def _name(self, node: ast.Name) -> str:
        if node.id not in self.known:
            raise _refused(node, f"the name {node.id}")
        return _name(node.id)

    def _attribute(self, node: ast.Attribute) -> str:
        if ast.unparse(node) != "np.inf":
            raise _refused(node)
        return "Infinity"

    def _tuple(self, node: ast.Tuple) -> str:
        return f"[{', '.join(map(self.of, node.elts))}]"

    def _list(self, node: ast.List) -> str:
        return f"[{', '.join(map(self.of, node.elts))}]"

    def _unaryop(self, node: ast.UnaryOp) -> str:
        return f"({self.sign(node.op, node)}{self.of(node.operand)})"

    def _binop(self, node: ast.BinOp) -> str:
        left, right = self.of(node.left), self.of(node.right)
        if isinstance(node.op, ast.Pow):
            return f"Math.pow({left}, {right})"
        return f"({left} {self.sign(node.op, node)} {right})"

    def _boolop(self, node: ast.BoolOp) -> str:
        return f"({f' {self.sign(node.op, node)} '.join(map(self.of, node.values))})"

    def _compare(self, node: ast.Compare) -> str:
        if len(node.ops) != 1:
            raise _refused(node)
        return f"({self.of(node.left)} {self.sign(node.ops[0], node)} {self.of(node.comparators[0])})"

    def _ifexp(self, node: ast.IfExp) -> str:
        return f"({self.of(node.test)} ? {self.of(node.body)} : {self.of(node.orelse)})"

    def _call(self, node: ast.Call) -> str:
        called = ast.unparse(node.func)
        if node.keywords or any(isinstance(argument, ast.Starred) for argument in node.args):
            raise _refused(node)
        if called == "np.zeros":
            kind = [ast.unparse(argument) for argument in node.args[1:]]
            if kind not in ([], ["np.int64"]):
                raise _refused(node)
            return f"new {'Int32Array' if kind else 'Float64Array'}({self.of(node.args[0])})"
        if called == "np.array":
            return self._array(node.args)
        arguments = ", ".join(map(self.of, node.args))
        if called in FUNCTIONS and called not in self.known:
            if called in ("max", "min") and len(node.args) != 2:
                raise _refused(node)
            return f"{FUNCTIONS[called]}({arguments})"
        if not isinstance(node.func, ast.Name):
            raise _refused(node)
        return f"{self.of(node.func)}({arguments})"

    def _array(self, given: Sequence[ast.expr]) -> str:
        """A literal of one dimension or two."""
        if len(given) != 1 or not isinstance(given[0], ast.List):
            raise _refused(given[0])
        rows = given[0].elts
        if all(isinstance(row, ast.List) for row in rows):
            return f"[{', '.join(self._array([row]) for row in rows)}]"
        return f"new Float64Array({self.of(given[0])})"

    def _subscript(self, node: ast.Subscript) -> str:
        if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
            return f"$size({self.of(node.value.value)}, {self.of(node.slice)})"
        text = self.of(node.value)
        for index in node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]:
            if not isinstance(index, ast.Slice):
                text = f"{text}[{self.of(index)}]"
            elif index.step is None:
                edges = [self.of(index.lower) if index.lower else "0"]
                edges += [self.of(index.upper)] if index.upper else []
                text = f"$cut({text}, {', '.join(edges)})"
            else:
                raise _refused(node)
        return text

    @staticmethod
    def sign(operator: ast.AST, node: ast.AST) -> str:
        if type(operator) not in OPERATORS:
            raise _refused(node)
        return OPERATORS[type(operator)]


class _Routine:
    """Prints one function; the variables of a loop are known within it alone."""

    def __init__(self, node: ast.FunctionDef, outside: Iterable[str]) -> None:
        given = node.args
        if given.defaults or given.vararg or given.kwarg or given.kwonlyargs or given.posonlyargs:
            raise _refused(node)
        self._node = node
        self._parameters = [argument.arg for argument in given.args]
        self._locals = _assigned(node.body) - set(self._parameters)
        self._writer = _Phrases({*self._parameters, *self._locals, *outside})
        self._spare = 0

    def lines(self) -> Iterator[str]:
        yield f"function {_name(self._node.name)}({', '.join(map(_name, self._parameters))}) {{\n"
        if self._locals:
            yield f"  let {', '.join(map(_name, sorted(self._locals)))};\n"
        yield from self._block(self._node.body)
        yield "}\n"

    def _block(self, body: Sequence[ast.stmt]) -> Iterator[str]:
        for node in body:
            printer = getattr(self, f"_{type(node).__name__.lower()}", None)
            if printer is None:
                raise _refused(node)
            yield from (f"  {line}" for line in printer(node))

    def _pass(self, _node: ast.Pass) -> Iterator[str]:
        yield from ()

    def _expr(self, node: ast.Expr) -> Iterator[str]:
        if isinstance(node.value, ast.Call):
            yield f"{self._writer.of(node.value)};\n"
        elif not isinstance(node.value, ast.Constant):
            raise _refused(node)

    def _return(self, node: ast.Return) -> Iterator[str]:
        yield f"return {self._writer.of(node.value)};\n" if node.value else "return;\n"

    def _augassign(self, node: ast.AugAssign) -> Iterator[str]:
        target, sign = self._writer.of(node.target), self._writer.sign(node.op, node)
        yield f"{target} {sign}= {self._writer.of(node.value)};\n"

    def _assign(self, node: ast.Assign) -> Iterator[str]:
        first, *others = node.targets
        if isinstance(first, ast.Tuple):
            if others:
                raise _refused(node)
            yield from self._unpack(first, node.value)
        elif isinstance(first, ast.Subscript) and isinstance(first.slice, ast.Slice):
            if others or first.slice.lower or first.slice.upper:
                raise _refused(node)
            yield f"{self._writer.of(first.value)}.fill({self._writer.of(node.value)});\n"
        else:
            yield f"{' = '.join(map(self._writer.of, [first, *others, node.value]))};\n"

    def _unpack(self, target: ast.Tuple, value: ast.expr) -> Iterator[str]:
        """Everything on the right is worked out before anything on the left is set."""
        self._spare += 1
        if isinstance(value, ast.Tuple):
            spares = [f"$v{self._spare}_{i}" for i in range(len(value.elts))]
            given = zip(spares, map(self._writer.of, value.elts), strict=True)
            yield f"const {', '.join(f'{spare} = {text}' for spare, text in given)};\n"
        else:
            spares = [f"$v{self._spare}[{i}]" for i in range(len(target.elts))]
            yield f"const $v{self._spare} = {self._writer.of(value)};\n"
        for each, spare in zip(target.elts, spares, strict=True):
            yield f"{self._writer.of(each)} = {spare};\n"

    def _if(self, node: ast.If) -> Iterator[str]:
        yield f"if ({self._writer.of(node.test)}) {{\n"
        yield from self._block(node.body)
        if node.orelse:
            yield "} else {\n"
            yield from self._block(node.orelse)
        yield "}\n"

    def _while(self, node: ast.While) -> Iterator[str]:
        if node.orelse:
            raise _refused(node)
        yield f"while ({self._writer.of(node.test)}) {{\n"
        yield from self._block(node.body)
        yield "}\n"

    def _for(self, node: ast.For) -> Iterator[str]:
        if node.orelse or not isinstance(node.target, ast.Name) or node.target.id in _assigned(node.body):
            raise _refused(node)
        name, outside = _name(node.target.id), self._writer
        if isinstance(node.iter, ast.Call) and ast.unparse(node.iter.func) == "range":
            edges = [outside.of(argument) for argument in node.iter.args]
            if len(edges) not in (1, 2):
                raise _refused(node)
            start, end = ["0", *edges][-2:]
            head = f"let {name} = {start}, $end = {end}; {name} < $end; {name}++"
        else:
            head = f"const {name} of {outside.of(node.iter)}"
        yield f"for ({head}) {{\n"
        self._writer = _Phrases({*outside.known, node.target.id})
        yield from self._block(node.body)
        self._writer = outside
        yield "}\n"

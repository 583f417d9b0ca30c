"""Expressions: how each node is written in Python: names, operators, calls, constants."""

from __future__ import annotations

import builtins
import keyword
import operator
import re
from typing import Any

import numpy as np

from ..display import printable
from .literals import BINARY, UNARY, bare, dtype_text, literal, pattern
from .names import identifier
from .nodes import Node
from .simplify import COMPARING
from .texts import Texts, numpy_names

ARRAYS = {"np.zeros": "zeros", "np.ones": "ones"}
WORDS = {0.0: "zero", 1.0: "one", 2.0: "two", -1.0: "minus_one", 0.5: "half"}
WIDTH = 44  # where comments start
# How closely an operator binds what stands beside it.
BINDS = {"+": 1, "-": 1, "*": 2, "/": 2, "**": 3}
# What NumPy's methods take these for, if they are not given.
USUAL = (("axis", None), ("keepdims", False), ("dtype", None))
REDUCING = frozenset(("all", "any", "max", "mean", "min", "prod", "std", "sum", "var"))


class Expressions:
    """Writes nodes down, one inside the other; what needs a line of its own goes into `lines`.

    `names` says what stands for a node: a name, or a text that is short enough to stand in a line.
    """

    def __init__(self, rows: int | None) -> None:
        self.rows = rows
        self.texts = Texts()
        self.names: dict[Node, str] = {}
        self.stored: dict[str, Any] = {}  # constants that are too long to write down
        self.constants: list[str] = []
        self.lines: list[str] = []
        self._taken = {*dir(builtins), *keyword.kwlist, "np", "start", "step", "state", "train"}
        self._taken |= {"Changed", "Path"}
        self._numbers: dict[Any, str] = {}

    def unique(self, wanted: str) -> str:
        """A name like this that nothing else has."""
        name, k = wanted, 1
        while name in self._taken:
            k += 1
            name = f"{wanted}_{k}"
        self._taken.add(name)
        return name

    def line(self, text: str, comment: str) -> None:
        """Write one down."""
        # A formula is the user's text: a line end in it would begin a line of code.
        self.lines.append(f"{text:{WIDTH}}  # {printable(comment)}" if comment else text)

    def ref(self, x: Any, beside: Any = None) -> str:
        """An argument: a name, or what is short enough to stand in the line."""
        if isinstance(x, Node):
            if beside is not None and x.kind != "constant" and type(x.value) in (float, int):
                return self._as_operand(x, beside)
            if x in self.names:
                return self.names[x]
            if x.kind == "input":
                self.names[x] = self.unique(identifier(x.name or "x"))
            elif x.kind == "constant":
                self.names[x] = self._constant(x.value, "c")
            else:
                text = self.expression(x)
                self.names[x] = f"({text})" if is_operation(x) else text
            return self.names[x]
        if beside is not None and type(x) in (float, int, np.float32, np.float64):
            return self._constant(np.array(x, beside), WORDS.get(float(x), "c"))
        return self.literal(x)

    def _as_operand(self, x: Node, dtype: Any) -> str:
        """A setting as an array of no axes, which NumPy reads faster than a number; made once."""
        key = x, dtype
        if key not in self._numbers:
            text = self.ref(x)
            words = bare(text).replace("1 - ", "one minus ").replace("-", "minus ")
            plain = re.fullmatch(r"[\w ]{,24}", words)
            name = identifier(words) if plain else "scale"
            name = self._numbers[key] = self.unique(f"{name}_" if x.kind == "input" else name)
            self.line(f"{name} = np.array({bare(text)}, {dtype_text(dtype)})", "")
        return self._numbers[key]

    def _constant(self, value: Any, wanted: str) -> str:
        made = pattern(value) if value.ndim else None
        key = "c", str(value.dtype), value.shape, value.strides, made or value.tobytes()
        if key in self._numbers:
            return self._numbers[key]
        is_share = not value.ndim and value.dtype.kind == "f" and self.is_share(float(value))
        if is_share:
            wanted = "one_over_N"
        elif made is not None:
            maker = made.partition("(")[0]
            counted = maker == "np.arange" and value.size == self.rows
            wanted = "rows" if counted else ARRAYS.get(maker, wanted)
        name = self._numbers[key] = self.unique(wanted)
        if not value.ndim:
            number = float(value) if value.dtype.kind == "f" else value.item()
            said = f"  # 1 / {self.rows}" if is_share else ""
            text = f"{name} = np.array({self.literal(number)}, {dtype_text(value.dtype)}){said}"
            self.constants.append(text)
        elif made is not None:
            self.constants.append(f"{name} = {made}")
        else:
            self.stored[name] = value
            self.constants.append(f'{name} = start["{name}"]')
        return name

    def literal(self, x: Any) -> str:
        """An argument as Python writes it."""
        return literal(x, lambda part: bare(self.ref(part)), self.callable)

    def callable(self, function: Any) -> str:
        """What a function is called in the program."""
        if isinstance(function, tuple):
            return f"{self.callable(function[0])}.{function[1]}"
        if function is operator.abs:
            return "abs"
        known = numpy_names().get(id(function))
        if known is not None:
            return known
        return self.texts.bound(function)

    def index(self, index: Any) -> str:
        """What stands in square brackets."""
        parts = index if isinstance(index, tuple) else (index,)
        texts = []
        for part in parts:
            if isinstance(part, slice):
                bounds = ["" if b is None else self.literal(b) for b in (part.start, part.stop)]
                step = "" if part.step is None else f":{self.literal(part.step)}"
                texts.append(":".join(bounds) + step)
            else:
                texts.append(self.literal(part))
        if isinstance(index, tuple) and len(index) < 2:
            return f"{texts[0]}," if texts else "()"
        return ", ".join(texts)

    def expression(self, node: Node) -> str:
        """What the node computes, as an expression."""
        args, kind, function = node.args, node.kind, node.function
        if kind == "attribute":
            return f"{self.ref(args[0])}.{function}"
        if kind == "getitem":
            return f"{self.ref(args[0])}[{self.index(args[1])}]"
        if with_operator(node):
            text = self.operation(node)
            return f"({text}).astype({dtype_text(node.value.dtype)})" if casts(node) else text
        if kind == "method":
            return self._method(node)
        called = self.texts.function(function) if kind == "kernel" else self.callable(function)
        return f"{called}({self.arguments(args, node.kwargs)})"

    def operation(self, node: Node) -> str:
        """What the node computes, if it is written with an operator."""
        sign, args = _sign(node), node.args
        if len(args) == 1:
            return f"{sign}{_operand(self.ref(args[0]))}"
        dtype = None if node.kind == "infix" else self.beside(node)
        texts = [self.ref(x, dtype) for x in args]
        for k, x in enumerate(args):
            if isinstance(x, Node) and is_operation(x) and BINDS.get(sign):
                inner = BINDS.get(_sign(x), 0) if len(x.args) == 2 else 0
                if inner > BINDS[sign] or (inner == BINDS[sign] and k == 0 and sign in "+-*/"):
                    texts[k] = bare(texts[k])
        return f" {sign} ".join(map(_operand, texts))

    def _method(self, node: Node) -> str:
        kwargs = node.kwargs
        if node.function in REDUCING:
            kwargs = {key: part for key, part in kwargs.items() if (key, part) not in USUAL}
            axis = kwargs.get("axis")
            if type(axis) is tuple and len(axis) == 1:
                kwargs["axis"] = axis[0]
        return f"{self.ref(node.args[0])}.{node.function}({self.arguments(node.args[1:], kwargs)})"

    def arguments(self, args: Any, kwargs: Any) -> str:
        """What stands in the brackets of a call."""
        named = [f"{key}={self.literal(part)}" for key, part in kwargs.items()]
        return ", ".join([*(self.literal(part) for part in args), *named])

    def beside(self, node: Node) -> Any:
        """The dtype in which a number meets arrays of floats here, if that is sure."""
        arrays = [x for x in node.inputs() if type(x.value) is np.ndarray]
        if len(node.args) != 2 or len(arrays) != 1 or arrays[0].value.dtype.kind != "f":
            return None
        dtype = arrays[0].value.dtype
        for x in node.args:  # a number of another dtype is strong: it is left as it is
            value = x.value if isinstance(x, Node) else x
            if isinstance(value, np.generic) and value.dtype != dtype:
                return None
            if type(value) is int and abs(value) > 1 << 10:
                return None
        return dtype if not isinstance(node.value, np.ndarray) or node.value.ndim else None

    def is_share(self, number: float) -> bool:
        """Whether it is 1 / N."""
        rows = self.rows or 0
        return rows > 1 and abs(number * rows - 1) < 1e-6


def _operand(text: str) -> str:
    """An argument of an operator: a number below 0 stands in brackets, for -2 ** 2 is not 4."""
    return f"({text})" if text.startswith("-") else text


def with_operator(node: Node) -> bool:
    """Whether it is written with an operator."""
    if node.kind == "infix":
        return True
    if node.kwargs or node.kind not in ("ufunc", "function") or isinstance(node.function, tuple):
        return False
    return node.function in {1: UNARY, 2: BINARY}.get(len(node.args), {})


def casts(node: Node) -> bool:
    """Whether it is a comparison that gives numbers."""
    return node.function in COMPARING and node.value.dtype.kind != "b"


def is_operation(node: Node) -> bool:
    """Whether it stands in brackets inside of another."""
    return with_operator(node) and not casts(node)


def _sign(node: Node) -> str:
    if node.kind == "infix":
        return str(node.function)
    return (UNARY if len(node.args) == 1 else BINARY)[node.function]

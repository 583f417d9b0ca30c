"""Source: a program as the NumPy that a person would have written, line by line."""

from __future__ import annotations

import builtins
import keyword
import operator
import re
from typing import Any

import numpy as np

from ..display import printable
from .buffers import Buffer, Plan
from .literals import BINARY, UNARY, bare, dtype_text, literal, pattern
from .names import UPDATE, identifier
from .simplify import of_settings, uses
from .texts import Texts, numpy_names
from .trace import Node

WORDS = {0.0: "zero", 1.0: "one", 2.0: "two", -1.0: "minus_one", 0.5: "half"}
WIDTH = 44  # where comments start


class Source:
    """The text of a program and what its names stand for.

    `lines` are the body of ``step``; `memory` and `constants` are declared in front of it.
    """

    def __init__(
        self,
        nodes: list[Node],
        plan: Plan,
        inputs: list[Node],
        results: list[Node],
        rows: int | None,
    ) -> None:
        self.nodes, self.plan, self.results, self.rows = nodes, plan, results, rows
        self.texts = Texts()
        self.counts = uses(nodes, results)
        self.names: dict[Node, str] = {}
        self.stored: dict[str, Any] = {}  # constants that are too long to write down
        self.memory: list[str] = []
        self.constants: list[str] = []
        self.lines: list[str] = []
        for node in nodes:
            if node.kind == "kernel":
                self.texts.function(node.function)
        self._taken = {*dir(builtins), *keyword.kwlist, "np", "start", "step", "state", "train"}
        self._taken |= {"Changed", "Path", *self.texts.definitions, *self.texts.objects}
        self._of_buffer: dict[tuple[int, str], str] = {}
        self._numbers: dict[Any, str] = {}
        self._items: dict[Node, list[Node]] = {}
        for node in inputs:
            self.ref(node)
        self._write()

    # --- names -----------------------------------------------------------------------------------

    def unique(self, wanted: str) -> str:
        """A name like this that nothing else has."""
        name, k = wanted, 1
        while name in self._taken:
            k += 1
            name = f"{wanted}_{k}"
        self._taken.add(name)
        return name

    def _name(self, k: int, node: Node) -> str:
        out = self.plan.out.get(node)
        if isinstance(out, Node):
            return self.ref(out)
        if isinstance(out, Buffer):
            wanted = self._wanted(k, node, out)
            key = id(out), wanted
            if key not in self._of_buffer:
                self._of_buffer[key] = self._declare(out, self.unique(wanted))
            return self._of_buffer[key]
        return self.unique(identifier(node.name or _what_it_is(node)))

    def _wanted(self, k: int, node: Node, out: Buffer) -> str:
        """Its own name, or that of what is next written over it, of what it writes over, or t."""
        if node.name:
            return identifier(node.name)
        for later in self.nodes[k + 1 :]:
            if self.plan.out.get(later) is out:
                if node in later.inputs() and later.name:
                    return identifier(later.name)
                break
        over = [self.names[x] for x in node.inputs() if self.plan.out.get(x) is out]
        names = ((w, n) for (b, w), n in self._of_buffer.items() if b == id(out))
        return next((wanted for wanted, name in names if name in over), _what_it_is(node))

    def _declare(self, buffer: Buffer, name: str) -> str:
        first = next((n for (b, _), n in self._of_buffer.items() if b == id(buffer)), None)
        if first is not None:
            self.memory.append(f"{name} = {first}  # {first} is done with by then")
            return name
        order = "" if buffer.order == "C" else ', order="F"'
        self.memory.append(f"{name} = np.empty({buffer.shape}, {dtype_text(buffer.dtype)}{order})")
        return name

    # --- expressions -----------------------------------------------------------------------------

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
            self._line(f"{name} = np.array({bare(text)}, {dtype_text(dtype)})", "")
        return self._numbers[key]

    def _constant(self, value: Any, wanted: str) -> str:
        key = "c", str(value.dtype), value.shape, value.strides, value.tobytes()
        if key in self._numbers:
            return self._numbers[key]
        is_share = not value.ndim and value.dtype.kind == "f" and self._is_share(float(value))
        ones = value.ndim and value.size and np.all(value == 1)
        wanted = "ones" if ones else "one_over_N" if is_share else wanted
        name = self._numbers[key] = self.unique(wanted)
        if not value.ndim:
            number = float(value) if value.dtype.kind == "f" else value.item()
            said = f"  # 1 / {self.rows}" if is_share else ""
            text = f"{name} = np.array({self.literal(number)}, {dtype_text(value.dtype)}){said}"
            self.constants.append(text)
        elif (made := pattern(value)) is not None:
            self.constants.append(f"{name} = {made}")
        else:
            self.stored[name] = value
            self.constants.append(f'{name} = start["{name}"]')
        return name

    def literal(self, x: Any) -> str:
        """An argument as Python writes it."""
        return literal(x, lambda part: bare(self.ref(part)), self._callable)

    def _callable(self, function: Any) -> str:
        if isinstance(function, tuple):
            return f"{self._callable(function[0])}.{function[1]}"
        if function is operator.abs:
            return "abs"
        known = numpy_names().get(id(function))
        if known is not None:
            return known
        return self.texts.bound(function)

    def _index(self, index: Any) -> str:
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
            return f"{self.ref(args[0])}[{self._index(args[1])}]"
        if kind == "infix":
            return f"{_operand(self.ref(args[0]))} {function} {_operand(self.ref(args[1]))}"
        if is_operation(node):
            if len(args) == 2:
                dtype = self._beside(node)
                a, b = (self.ref(x, dtype) for x in args)
                return f"{_operand(a)} {BINARY[function]} {_operand(b)}"
            return f"{UNARY[function]}{_operand(self.ref(args[0]))}"
        if kind == "method":
            called, args = f"{self.ref(args[0])}.{function}", args[1:]
        elif kind == "kernel":
            called = self.texts.function(function)
        else:
            called = self._callable(function)
        return f"{called}({self._arguments(args, node.kwargs)})"

    def _arguments(self, args: Any, kwargs: Any) -> str:
        named = [f"{key}={self.literal(part)}" for key, part in kwargs.items()]
        return ", ".join([*(self.literal(part) for part in args), *named])

    def _beside(self, node: Node) -> Any:
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

    # --- lines -----------------------------------------------------------------------------------

    def _write(self) -> None:
        section = ""
        for node in self.nodes:
            if node.kind == "item":
                self._items.setdefault(node.args[0], []).append(node)
        for k, node in enumerate(self.nodes):
            if node.kind in ("input", "constant", "item"):
                continue
            if node.section != section:
                section = node.section
                self.lines += [f"# {section}"] if not self.lines else ["", f"# {section}"]
            self._statement(k, node)

    def _statement(self, k: int, node: Node) -> None:
        if node.kind == "check":
            condition = self.ref(node.args[0])
            said = f"not {condition}" if node.function else condition
            self._line(f"if {said}:", "")
            self._line(
                f'    raise Changed("{"" if node.function else "not "}{bare(condition)}")', ""
            )
        elif node.writes:
            self._quietly(node, self._written(node))
        elif node in self._items:
            self._kernel(node)
        elif self._stands_in_line(k, node):
            return
        elif node in self.plan.out:
            text, name = self._told(k, node)
            self.names[node] = name
            self._quietly(node, text)
        else:
            text = self.expression(node)
            self.names[node] = self._name(k, node)
            self._quietly(node, f"{self.names[node]} = {text}")

    def _kernel(self, node: Node) -> None:
        items = {item.args[1]: item for item in self._items[node]}
        targets = []
        for k in range(len(node.value)):
            if k in items:
                self.names[items[k]] = self.unique(identifier(items[k].name or "t"))
            targets.append(self.names[items[k]] if k in items else "_")
        item = next(iter(items.values()))
        text = f"{', '.join(targets)}{',' if len(targets) == 1 else ''} = {self.expression(node)}"
        self._line(text, node.formula or item.formula)

    def _stands_in_line(self, k: int, node: Node) -> bool:
        """Views and single numbers are written where they are used, if that is once."""
        if node in self.results or node.quiet or node.kind == "item":
            return False
        if of_settings(node):
            return True
        if self.counts.get(node, 0) > 1 and node.kind != "attribute":
            return False
        x = node.args[0] if node.args else None
        is_view = (
            node.kind in ("attribute", "getitem", "method")
            and isinstance(x, Node)
            and x.storage == node.storage
        )
        if isinstance(node.value, (np.generic, int, float)):  # next, before anything changes
            return k + 1 < len(self.nodes) and node in self.nodes[k + 1].inputs()
        return is_view

    def _told(self, k: int, node: Node) -> tuple[str, str]:
        """The line for a node that is told where to write."""
        args, called = node.args, ""
        if node.kind == "method":  # astype
            name = self._name(k, node)
            return f'np.copyto({name}, {self.ref(args[0])}, casting="unsafe")', name
        divided = self._divided(node)
        if divided is not None:
            called, texts = "np.divide", divided
        else:
            called = self._callable(node.function)
            dtype = self._beside(node) if node.kind == "ufunc" and not node.kwargs else None
            texts = [bare(self.ref(x, dtype)) for x in args]
        named = [f"{key}={self.literal(part)}" for key, part in node.kwargs.items()]
        name = self._name(k, node)
        return f"{called}({', '.join([*texts, *named, f'out={name}'])})", name

    def _divided(self, node: Node) -> list[str] | None:
        """``x / N`` for what was computed as x times 1/N, where the two agree: N a power of two."""
        if node.function is not np.multiply or node.kwargs or not self.rows or self.rows < 2:
            return None
        x, by = node.args
        factor = by.value if isinstance(by, Node) and by.kind == "constant" else by
        if not isinstance(factor, np.floating) or self.rows & (self.rows - 1):
            return None
        if float(factor) != 1 / self.rows or not isinstance(x, Node):
            return None
        number = self._constant(np.array(self.rows, factor.dtype), "N")
        return [bare(self.ref(x)), number]

    def _is_share(self, number: float) -> bool:
        rows = self.rows or 0
        return rows > 1 and abs(number * rows - 1) < 1e-6

    def _written(self, node: Node) -> str:
        if node.kind == "setitem":
            target, index, value = node.args
            return f"{self.ref(target)}[{self._index(index)}] = {bare(self.ref(value))}"
        called = self._callable(node.function)
        return f"{called}({self._arguments(node.args, node.kwargs)})"

    def _quietly(self, node: Node, text: str) -> None:
        if node.quiet:
            settings = ", ".join(f'{key}="{value}"' for key, value in node.quiet)
            around = f"with np.errstate({settings}):"
            if around not in self.lines[-2:-1]:
                self._line(around, "")
            text = "    " + text
        shape = str(node.value.shape) if isinstance(node.value, np.ndarray) else ""
        self._line(text, ": ".join(part for part in (node.formula, shape) if part))

    def _line(self, text: str, comment: str) -> None:
        # A formula is the user's text: a line end in it would begin a line of code.
        self.lines.append(f"{text:{WIDTH}}  # {printable(comment)}" if comment else text)


def _operand(text: str) -> str:
    """An argument of an operator: a number below 0 stands in brackets, for -2 ** 2 is not 4."""
    return f"({text})" if text.startswith("-") else text


def is_operation(node: Node) -> bool:
    """Whether it is written with an operator, and so stands in brackets inside of another."""
    if node.kind == "infix":
        return True
    if node.kwargs or node.kind not in ("ufunc", "function") or isinstance(node.function, tuple):
        return False
    return node.function in {1: UNARY, 2: BINARY}.get(len(node.args), {})


def _what_it_is(node: Node) -> str:
    """A name for what nobody named."""
    if isinstance(node.value, (bool, np.bool_)):
        return "fine"
    dtypes = [x.value.dtype for x in node.inputs() if isinstance(x.value, np.ndarray)]
    if not isinstance(node.value, (np.ndarray, np.generic)):
        return "t"
    if node.value.dtype.kind == "b" or (node.kind == "method" and dtypes[:1] == [np.dtype(bool)]):
        return "mask"
    return "u" if node.section == UPDATE else "t"

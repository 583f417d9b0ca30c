"""Source: a program as the NumPy that a person would have written, line by line."""

from __future__ import annotations

from collections import Counter

import numpy as np

from .buffers import Buffer, Plan
from .expressions import Expressions, casts, is_operation
from .literals import bare, dtype_text
from .names import UPDATE, identifier
from .nodes import Node
from .simplify import of_settings, uses

LONG = 5  # assignments of one parameter's update, from which on they get a heading


class Source(Expressions):
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
        super().__init__(rows)
        self.nodes, self.plan, self.results = nodes, plan, results
        self.counts = uses(nodes, results)
        self.memory: list[str] = []
        for node in nodes:
            if node.kind == "kernel":
                self.texts.function(node.function)
        self._taken |= {*self.texts.definitions, *self.texts.objects}
        self._of_buffer: dict[tuple[int, str], str] = {}
        self._items: dict[Node, list[Node]] = {}
        for node in inputs:
            self.ref(node)
        self._write()

    # --- names -----------------------------------------------------------------------------------

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
        """Its own name, or that of what is next written over it, or what it is."""
        if node.name or casts(node):
            return identifier(node.name or "mask")
        for later in self.nodes[k + 1 :]:
            if self.plan.out.get(later) is out:
                if node in later.inputs() and later.name:
                    return identifier(later.name)
                break
        return _what_it_is(node)

    def _declare(self, buffer: Buffer, name: str) -> str:
        first = next((n for (b, _), n in self._of_buffer.items() if b == id(buffer)), None)
        if first is not None:
            self.memory.append(f"{name} = {first}  # {first} is done with by then")
            return name
        order = "" if buffer.order == "C" else ', order="F"'
        self.memory.append(f"{name} = np.empty({buffer.shape}, {dtype_text(buffer.dtype)}{order})")
        return name

    # --- lines -----------------------------------------------------------------------------------

    def _write(self) -> None:
        section = part = ""
        lines_of = Counter(node.part for node in self.nodes)
        for node in self.nodes:
            if node.kind == "item":
                self._items.setdefault(node.args[0], []).append(node)
        for k, node in enumerate(self.nodes):
            if node.kind in ("input", "constant", "item"):
                continue
            if node.section != section:
                section = node.section
                self.lines += [f"# {section}"] if not self.lines else ["", f"# {section}"]
            if lines_of[node.part] >= LONG and node.part not in ("", part):
                self.lines += [f"# {node.part}"] if not part else ["", f"# {node.part}"]
            part = node.part or part
            self._statement(k, node)

    def _statement(self, k: int, node: Node) -> None:
        if node.kind == "check":
            self._check(node)
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

    def _check(self, node: Node) -> None:
        (condition,) = node.args
        name = self.ref(condition)
        self.line(f"if not {name}:" if node.function else f"if {bare(name)}:", "")
        said = self.operation(condition) if is_operation(condition) else name
        said = (said if node.function else f"not ({said})").replace('"', "'")
        self.line(f'    raise Changed("{said}")', "")

    def _kernel(self, node: Node) -> None:
        items = {item.args[1]: item for item in self._items[node]}
        targets = []
        for k in range(len(node.value)):
            if k in items:
                self.names[items[k]] = self.unique(identifier(items[k].name or "t"))
            targets.append(self.names[items[k]] if k in items else "_")
        item = next(iter(items.values()))
        text = f"{', '.join(targets)}{',' if len(targets) == 1 else ''} = {self.expression(node)}"
        self.line(text, node.formula or item.formula)

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
            return f"{name}[...] = {bare(self.ref(args[0]))}", name
        if casts(node):  # told to write numbers, NumPy would convert in small pieces: slower
            name = self._name(k, node)
            return f"{name}[...] = {self.operation(node)}", name
        divided = self._divided(node)
        if divided is not None:
            called, texts = "np.divide", divided
        else:
            called = self.callable(node.function)
            dtype = self.beside(node) if node.kind == "ufunc" and not node.kwargs else None
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

    def _written(self, node: Node) -> str:
        if node.kind == "setitem":
            target, index, value = node.args
            return f"{self.ref(target)}[{self.index(index)}] = {bare(self.ref(value))}"
        called = self.callable(node.function)
        return f"{called}({self.arguments(node.args, node.kwargs)})"

    def _quietly(self, node: Node, text: str) -> None:
        if node.quiet:
            settings = ", ".join(f'{key}="{value}"' for key, value in node.quiet)
            around = f"with np.errstate({settings}):"
            block = next((x for x in reversed(self.lines) if not x.startswith("    ")), "")
            if block != around:
                self.line(around, "")
            text = "    " + text
        shape = str(node.value.shape) if isinstance(node.value, np.ndarray) else ""
        self.line(text, ": ".join(part for part in (node.formula, shape) if part))


def _what_it_is(node: Node) -> str:
    """A name for what nobody named."""
    if isinstance(node.value, (bool, np.bool_)):
        return "condition"
    if not isinstance(node.value, (np.ndarray, np.generic)):
        return "t"
    if node.value.dtype.kind == "b":
        return "mask"
    return "u" if node.section == UPDATE else "t"

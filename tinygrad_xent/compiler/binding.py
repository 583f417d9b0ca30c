"""Binding: the function around a program that reads its inputs where they stand now, checks that
the program is for them, runs it, and puts its results where eager execution would have left them.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from ..value import GRAPH, NOBODY, USER, Value, as_array
from .buffers import Buffer
from .guards import Guards
from .inputs import Input, Made
from .nodes import Node, strides
from .program import Program

MISSED = object()  # what a program returns that is not for this call


class Binder(Guards):
    """Writes ``call(args, kwargs)`` for a program."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.names |= {
            "MISSED": MISSED,
            "Changed": program.namespace["Changed"],
            "step": program.step,
            "program": program,
            "fits": fits,
            "seen": [None] * len(program.inputs),
            "getrefcount": sys.getrefcount,
            "as_array": as_array,
            "made": made,
        }
        self.is_given = {node: f"r{k}" for k, node in enumerate(program.returned)}

    def made(self) -> Any:
        """The function."""
        self.of_arguments()
        self.of_surroundings()
        for k, one in enumerate(self.program.inputs):
            self._read(k, one)
        self._apart()
        self.of_settings()
        self._run()
        self.lines.append(f"result = {self._tree(self.record.result)}")
        self._write()
        self.lines.append("return result")
        text = "def call(args, kwargs):\n" + "".join(f"    {line}\n" for line in self.lines)
        exec(compile(text, "<bound>", "exec"), self.names)
        self.text = text
        return self.names["call"]

    # --- reading ---------------------------------------------------------------------------------

    def _place(self, one: Input) -> str:
        kind, *where = one.where
        if kind == "argument":
            text = f"a{where[0]}"
        elif kind == "entry":
            text = where[0].text(self.bind, where[1])
        elif kind == "outside":
            text = self.bind(where[0], "c")
        else:
            text = f"{self.tensor(where[0])}.{'_array' if kind == 'array' else '_kept[0]'}"
        return text + "".join(f"[{key!r}]" for key in one.path)

    def _read(self, k: int, one: Input) -> None:
        place, value = self._place(one), one.node.value
        self.lines.append(f"i{k} = {place}")
        kind = one.where[0]
        if kind == "argument":
            return
        if not isinstance(value, np.ndarray):
            return  # the guards of its container have seen to its type
        wanted = f"{value.shape}, {self.bind(value.dtype, 't')}, {strides(value)}"
        if kind == "array" and any(one is other for other, _ in self.record.mutated):
            name = self.tensor(one.where[1])
            self.lines.append(f"if {name}._holder == {GRAPH}:")
            self.lines.append(f"    {name}._array = i{k} = i{k}.copy(order='K')")
            self.lines.append(f"    {name}._holder = {USER}")
        in_place = one.node in self.program.plan.out.values()
        mine = f"i{k} is not seen[{k}]"
        if in_place and kind == "array":
            mine += f" or {self.tensor(one.where[1])}._holder != {NOBODY}"
        if in_place and kind == "entry":
            mine += f" or getrefcount(i{k}) > 4"
        self.lines.append(f"if {mine}:")
        self.lines.append(f"    if not fits(i{k}, {wanted}): return MISSED")
        if in_place and kind == "array":
            name = self.tensor(one.where[1])
            self.lines.append(f"    {name}._array = i{k} = i{k}.copy(order='K')")
            self.lines.append(f"    {name}._holder = {NOBODY}")
        elif in_place:
            self.lines.append(f"    i{k} = i{k}.copy(order='K')")
        self.lines.append(f"    seen[{k}] = i{k}")

    def _apart(self) -> None:
        """What is written into must not be, in part, what something else is read from."""
        inputs = self.program.inputs
        written = [one for one, _ in self.record.mutated]
        for j, one in enumerate(inputs):
            for k, other in enumerate(inputs):
                passed = "argument" in (one.where[0], other.where[0])
                arrays = isinstance(other.node.value, np.ndarray)
                if one in written and one is not other and passed and arrays:
                    self.names["overlap"] = np.may_share_memory
                    self.miss_unless(f"not overlap(i{j}, i{k})")

    # --- running and writing ---------------------------------------------------------------------

    def _run(self) -> None:
        passed = self.program.passed
        given = ", ".join(f"i{k}" for k, one in enumerate(self.program.inputs) if one in passed)
        targets = ", ".join(self.is_given.values())
        assigned = f"{targets} = " if targets else ""
        self.lines += [
            "program.ran = True",
            "try:",
            f"    {assigned}step({given})",
            "except Changed:",
            "    return MISSED",
        ]

    def _array(self, node: Node) -> str:
        """The array of a node after the run: returned by it, or in the program's memory."""
        asked, node = node, self.program.kept(node)
        if node in self.is_given:
            text = self.is_given[node]
            # Of no axes it may come out as a scalar, where eager execution has an array.
            no_axes = isinstance(asked.value, np.ndarray) and not asked.value.ndim
            return f"as_array({text})" if no_axes else text
        out = self.program.plan.out[node]
        assert isinstance(out, Buffer)
        return self.bind(self.program.namespace[self.program.source.names[node]], "b")

    def _write(self) -> None:
        out = self.program.plan.out
        for tensor, node in self.record.arrays:
            if isinstance(out.get(self.program.kept(node)), Node):
                continue  # it is there already
            name = self.tensor(tensor)
            self.lines.append(f"{name}._array = as_array({self._own(node)})")
            self.lines.append(f"{name}._holder = {NOBODY}")
        for tensor, node in self.record.grads:
            name = self.tensor(tensor)
            text = "None" if node is None else f"({self._array(node)}, False)"
            self.lines.append(f"{name}._kept = {text}")
        self._entries()
        for n, (_, node) in enumerate(self.record.mutated):
            copy = ".copy()" if self.program.kept(node).kind == "input" else ""
            self.lines.append(f"m{n} = {self._array(node)}{copy}")
        for n, (one, _) in enumerate(self.record.mutated):
            self.lines.append(f"i{self.program.inputs.index(one)}[...] = m{n}")

    def _entries(self) -> None:
        """First all that goes into entries, then the entries, which may be read for it."""
        out, targets = self.program.plan.out, []
        for n, (container, key, tree) in enumerate(self.record.entries):
            kept = self.program.kept(tree) if isinstance(tree, Node) else tree
            if isinstance(kept, Node) and isinstance(out.get(kept), Node):
                k = next(k for k, i in enumerate(self.program.inputs) if i.node is out[kept])
                self.lines.append(f"e{n} = i{k}")
            else:
                self.lines.append(f"e{n} = {self._tree(tree)}")
            targets.append(container.text(self.bind, key))
        self.lines += [f"{target} = e{n}" for n, target in enumerate(targets)]

    def _own(self, node: Node) -> str:
        """The array of a node for the caller to keep: a copy of what the program uses again."""
        kept = self.program.kept(node)
        text = self._array(node)
        shared = self.program.is_lasting(kept)
        return f"{text}.copy(order='K')" if shared and isinstance(kept.value, np.ndarray) else text

    def _tree(self, tree: Any) -> str:
        if isinstance(tree, Node):
            return self._own(tree)
        if isinstance(tree, Made):
            grad = "None" if tree.grad is None else self._own(tree.grad)
            given = f"{self._own(tree.node)}, {tree.name!r}, {tree.needs_grad}, {grad}"
            return f"made({self.bind(tree.kind, 'o')}, {given})"
        if isinstance(tree, Value):
            return self.tensor(tree)
        if type(tree) in (tuple, list):
            inside = ", ".join(map(self._tree, tree))
            comma = "," if isinstance(tree, tuple) and len(tree) == 1 else ""
            return f"({inside}{comma})" if isinstance(tree, tuple) else f"[{inside}]"
        if isinstance(tree, tuple):
            return f"{self.bind(type(tree), 'o')}({', '.join(map(self._tree, tree))})"
        if type(tree) is dict:
            return "{" + ", ".join(f"{k!r}: {self._tree(v)}" for k, v in tree.items()) + "}"
        return self.bind(tree, "o")


def fits(array: Any, shape: Any, dtype: Any, layout: Any) -> bool:
    """Whether an array has the layout for which the program was planned."""
    return (
        type(array) is np.ndarray
        and array.shape == shape
        and array.dtype == dtype
        and array.strides == layout
    )


def made(kind: Any, array: Any, name: str | None, needs_grad: bool, grad: Any) -> Any:
    """A Tensor that the call returns: equal values, no graph."""
    value = kind.wrap(array, needs_grad)
    value.name = name
    if grad is not None:
        value._kept = as_array(grad), False
    return value

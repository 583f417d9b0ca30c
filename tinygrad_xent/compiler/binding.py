"""Binding: the function around a program that reads its inputs where they stand now, checks that
the program is for them, runs it, and puts its results where eager execution would have left them.
"""

from __future__ import annotations

import operator
import sys
import types
from typing import Any

import numpy as np

from ..value import NOBODY, Value, as_array
from .buffers import Buffer, Plan
from .names import identifier
from .places import Container, is_input
from .program import simplified, strides
from .source import Source
from .trace import Changed, Node, TraceError, mapped
from .tracing import Input, Made, Record

MISSED = object()  # what a program returns that is not for this call


class Program:
    """A program for calls like the one that was traced.

    Attributes
    ----------
    source : Source
        Its text.
    nbytes : int
        The memory that it owns.
    call : function
        ``call(args, kwargs)``: the result, or MISSED.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        roots = [*self._leaves(record.result)]
        roots += [x for tree in self._written_trees() for x in self._leaves(tree)]
        self.nodes, self.instead = simplified(record.trace.nodes, roots)
        self.inputs = [i for i in record.inputs if i.node in self._read_nodes(roots)]
        self.results = list(dict.fromkeys(self._as_kept(x) for x in self._leaves(record.result)))
        kept, into = self._memory()
        fresh = {
            self._as_kept(x)
            for _, _, tree in record.entries
            for x in self._leaves(tree)
            if self._as_kept(x) not in into
        }
        fresh |= {self._as_kept(x) for _, x in record.arrays if self._as_kept(x) not in into}
        self.settings = [n for n in self.nodes if n.kind == "check" and _of_one_setting(n)]
        self.nodes = [n for n in self.nodes if n not in self.settings]
        self.plan = Plan(self.nodes, into, kept, fresh | set(self.results))
        self.nbytes = self.plan.nbytes
        rest = [x for x in (*kept, *into, *fresh) if x not in self.plan.out]
        self.returned = list(dict.fromkeys([*self.results, *rest]))
        self.source = Source(self.nodes, self.plan, self.returned, self._rows(), set())
        self._close()
        self.call = _Binder(self).made()

    # --- what goes in and out --------------------------------------------------------------------

    def _written_trees(self) -> list[Any]:
        record = self.record
        return [x for _, x in (*record.arrays, *record.grads)] + [t for _, _, t in record.entries]

    def _leaves(self, tree: Any) -> list[Node]:
        found: list[Node] = []

        def leaf(x: Any) -> Any:
            if isinstance(x, (Node, Made)):
                found.append(x if isinstance(x, Node) else x.node)
            return x

        mapped(tree, leaf)
        return found

    def _as_kept(self, node: Node) -> Node:
        return self.instead.get(node, node)

    def _read_nodes(self, roots: list[Node]) -> set[Node]:
        read = {x for node in self.nodes for x in node.inputs()}
        return read | {self._as_kept(root) for root in roots} | set(self.nodes)

    def _memory(self) -> tuple[set[Node], dict[Node, Node]]:
        """Which gradients stay in the program's memory, and which results go where an input was."""
        of_place = {self._key(i.where): i.node for i in self.inputs if not i.path}
        into = {}
        for tensor, node in self.record.arrays:
            if ("array", id(tensor)) in of_place:
                into[self._as_kept(node)] = of_place["array", id(tensor)]
        for container, key, tree in self.record.entries:
            place = "entry", id(container), key
            if isinstance(tree, Node) and place in of_place:
                into[self._as_kept(tree)] = of_place[place]
        accumulates = any(i.where[0] == "grad" for i in self.inputs)
        grads = [self._as_kept(g) for _, g in self.record.grads if isinstance(g, Node)]
        return (set() if accumulates else set(grads)), into

    def _key(self, where: Any) -> Any:
        return tuple(id(x) if isinstance(x, (Value, Container)) else x for x in where)

    def _rows(self) -> int | None:
        """N: the rows of the first array that was passed in."""
        shapes = [np.shape(i.node.value) for i in self.inputs if i.where[0] == "argument"]
        return next((shape[0] for shape in shapes if shape), None)

    # --- the text, made to run -------------------------------------------------------------------

    def _close(self) -> None:
        """Complete the function, and execute its text."""
        source = self.source
        self.parameters = [source.ref(i.node) for i in self.inputs]
        self.given = [source.ref(x).strip() for x in self.returned]
        text = self.text(f"({', '.join(self.given)},)" if self.given else "()")
        namespace: dict[str, Any] = {"np": np, "start": source.stored, "Changed": Changed}
        namespace |= source.texts.objects
        exec(compile(text, "<compiled>", "exec"), namespace)
        self.step = namespace["step"]
        self.namespace = namespace

    def text(self, returned: str) -> str:
        """Definitions, arrays and ``step``."""
        source = self.source
        body = [f"    {line}" if line else "" for line in source.lines]
        parts = []
        if source.arrays:
            parts += ["# What every step writes into again, and constants.", *source.arrays, "", ""]
        parts += [f"def step({', '.join(self.parameters)}):", *body, f"    return {returned}"]
        definitions = source.texts.text()
        imports = sorted(source.texts.imports - {"import numpy as np"})
        head = [*imports, ""] if imports else []
        return "\n".join([*head, *([definitions, "", ""] if definitions else []), *parts]) + "\n"


class _Binder:
    """Writes ``call(args, kwargs)`` for a program."""

    def __init__(self, program: Program) -> None:
        self.program, self.record = program, program.record
        self.names: dict[str, Any] = {
            "MISSED": MISSED,
            "Changed": Changed,
            "step": program.step,
            "fits": fits,
            "seen": [None] * len(program.inputs),
            "getrefcount": sys.getrefcount,
            "ndarray": np.ndarray,
            "as_array": as_array,
            "made": made,
        }
        self.bound: dict[int, str] = {}
        self.lines: list[str] = []
        self.is_given = {node: f"r{k}" for k, node in enumerate(program.returned)}

    def bind(self, thing: Any, letter: str) -> str:
        """A name for an object that the call needs."""
        if id(thing) not in self.bound:
            name = f"{letter}{len(self.names)}"
            self.bound[id(thing)], self.names[name] = name, thing
        return self.bound[id(thing)]

    def miss_unless(self, condition: str) -> None:
        """Leave the call to another program."""
        self.lines.append(f"if not ({condition}): return MISSED")

    def made(self) -> Any:
        """The function."""
        self._arguments()
        self._guards()
        for k, one in enumerate(self.program.inputs):
            self._read(k, one)
        self._settings()
        self._run()
        self._write()
        self.lines.append(f"return {self._tree(self.record.result)}")
        text = "def call(args, kwargs):\n" + "".join(f"    {line}\n" for line in self.lines)
        exec(compile(text, "<bound>", "exec"), self.names)
        self.text = text
        return self.names["call"]

    # --- is it for this call? --------------------------------------------------------------------

    def _arguments(self) -> None:
        names, positional = self.record.argument_names, self.record.positional
        self.miss_unless(f"len(args) == {positional} and len(kwargs) == {len(names) - positional}")
        for k in range(len(names)):
            value = f"args[{k}]" if k < positional else f"kwargs.get({names[k]!r})"
            self.lines.append(f"a{k} = {value}")
        for k, x in enumerate(self.record.arguments):
            self._like(f"a{k}", x)

    def _like(self, text: str, x: Any) -> None:
        """What an argument must be: of this structure, these shapes and dtypes."""
        if type(x) is np.ndarray:
            layout = f"{text}.strides == {x.strides}" if x.ndim > 1 else "True"
            dtype = self.bind(x.dtype, "t")
            self.miss_unless(
                f"type({text}) is ndarray and {text}.shape == {x.shape} "
                f"and {text}.dtype == {dtype} and {layout}"
            )
        elif is_input(x):
            self.miss_unless(f"type({text}) is {self.bind(type(x), 't')}")
        elif isinstance(x, (tuple, list, dict)):
            keys = list(x) if isinstance(x, dict) else None
            same = f"list({text}) == {keys!r}" if keys is not None else f"len({text}) == {len(x)}"
            self.miss_unless(f"type({text}) is {self.bind(type(x), 't')} and {same}")
            for key, part in x.items() if isinstance(x, dict) else enumerate(x):
                self._like(f"{text}[{key!r}]", part)
        elif isinstance(x, Value):
            if ("argument", x) in self.record.tensor_arguments:
                return
            self.miss_unless(f"{text} is {self.bind(x, 'p')}")
        elif x is None or isinstance(x, (bool, str, bytes)):
            self.miss_unless(
                f"type({text}) is {type(x).__name__} and {text} == {x!r}"
                if x is not None
                else f"{text} is None"
            )
        else:
            self.miss_unless(f"{text} is {self.bind(x, 'o')}")

    def _settings(self) -> None:
        """What must be true of numbers that are read anew."""
        place = {one.node: f"i{k}" for k, one in enumerate(self.program.inputs)}
        for check in self.program.settings:
            (condition,) = check.args
            if condition.kind == "input":
                text = place[condition]
            else:
                text = f"{place[condition.args[0]]} == {condition.args[1]!r}"
            self.miss_unless(text if check.function else f"not ({text})")

    def _guards(self) -> None:
        record = self.record
        written = {(id(c), key) for c, key, _ in record.entries}
        conditions = []
        for container in record.surroundings.containers:
            holder = container.holder
            is_cell = isinstance(holder, types.CellType)
            name = self.bind(holder, "d")
            if (
                container.whole
                and not is_cell
                and not any(
                    c is container and key not in container.before for c, key, _ in record.entries
                )
            ):
                conditions.append(f"len({name}) == {len(container.before)}")
            for key, value in container.before.items():
                inputs = container.during[key] is not value
                opaque = isinstance(value, Value) and value.op is not None
                if (id(container), key) in written or inputs or opaque:
                    continue
                conditions.append(f"{container.text(name, key)} is {self.bind(value, 'o')}")
        for key, (tensor, _) in record.surroundings.tensors.items():
            name = self.bind(tensor, "p")
            conditions.append(f"{name}._needs_grad is {tensor._needs_grad}")
            if not record.had_grad[key] and any(t is tensor for t, _ in record.grads):
                conditions.append(f"{name}._grad is None")
        for start in range(0, len(conditions), 20):
            self.miss_unless(" and ".join(conditions[start : start + 20]))

    # --- reading ---------------------------------------------------------------------------------

    def _place(self, one: Input) -> str:
        kind, *where = one.where
        if kind == "argument":
            text = f"a{where[0]}"
        elif kind == "entry":
            text = where[0].text(self.bind(where[0].holder, "d"), where[1])
        else:
            text = f"{self.bind(where[0], 'p')}.{'_array' if kind == 'array' else '_grad'}"
        return text + "".join(f"[{key!r}]" for key in one.path)

    def _read(self, k: int, one: Input) -> None:
        place, value = self._place(one), one.node.value
        self.lines.append(f"i{k} = {place}")
        kind = one.where[0]
        if kind == "argument":
            return
        if not isinstance(value, np.ndarray):
            self.miss_unless(f"type(i{k}) is {self.bind(type(value), 't')}")
            return
        wanted = f"{value.shape}, {self.bind(value.dtype, 't')}, {strides(value)}"
        in_place = one.node in self.program.plan.out.values()
        mine = f"i{k} is not seen[{k}]"
        if in_place and kind == "array":
            mine += f" or {self.bind(one.where[1], 'p')}._holder != {NOBODY}"
        if in_place and kind == "entry":
            mine += f" or getrefcount(i{k}) > 4"
        self.lines.append(f"if {mine}:")
        self.lines.append(f"    if not fits(i{k}, {wanted}): return MISSED")
        if in_place and kind == "array":
            name = self.bind(one.where[1], "p")
            self.lines.append(f"    {name}._array = i{k} = i{k}.copy(order='K')")
            self.lines.append(f"    {name}._holder = {NOBODY}")
        elif in_place:
            self.lines.append(f"    i{k} = i{k}.copy(order='K')")
        self.lines.append(f"    seen[{k}] = i{k}")

    # --- running and writing ---------------------------------------------------------------------

    def _run(self) -> None:
        given = ", ".join(f"i{k}" for k in range(len(self.program.inputs)))
        targets = ", ".join(self.is_given.values())
        assigned = f"{targets}{',' if len(self.is_given) == 1 else ''} = " if targets else ""
        self.lines += [
            "try:",
            f"    {assigned}step({given})",
            "except Changed:",
            "    return MISSED",
        ]

    def _array(self, node: Node) -> str:
        """The array of a node after the run: returned by it, or in the program's memory."""
        node = self.program._as_kept(node)
        if node in self.is_given:
            return self.is_given[node]
        out = self.program.plan.out[node]
        assert isinstance(out, Buffer)
        return self.bind(self.program.namespace[self.program.source.names[node]], "b")

    def _write(self) -> None:
        out = self.program.plan.out
        for tensor, node in self.record.arrays:
            kept = self.program._as_kept(node)
            if isinstance(out.get(kept), Node):
                continue
            name = self.bind(tensor, "p")
            self.lines.append(f"{name}._array = as_array({self._own(node)})")
            self.lines.append(f"{name}._holder = {NOBODY}")
        for tensor, node in self.record.grads:
            name = self.bind(tensor, "p")
            text = "None" if node is None else self._array(node)
            self.lines.append(f"{name}._grad = {text}")
            if node is not None:
                self.lines.append(f"{name}._grad_is_ours = False")
        for container, key, tree in self.record.entries:
            target = container.text(self.bind(container.holder, "d"), key)
            kept = self.program._as_kept(tree) if isinstance(tree, Node) else tree
            if isinstance(kept, Node) and isinstance(out.get(kept), Node):
                k = next(k for k, i in enumerate(self.program.inputs) if i.node is out[kept])
                self.lines.append(f"{target} = i{k}")
            else:
                self.lines.append(f"{target} = {self._tree(tree)}")

    def _own(self, node: Node) -> str:
        """The array of a node for the caller to keep: a copy of what the program uses again."""
        kept = self.program._as_kept(node)
        text = self._array(node)
        lasting = {x.storage for x in self.program.plan.out}
        lasting |= {i.node.storage for i in self.program.inputs}
        shared = kept.kind in ("input", "constant") or kept.storage in lasting
        return f"{text}.copy()" if shared and isinstance(kept.value, np.ndarray) else text

    def _tree(self, tree: Any) -> str:
        if isinstance(tree, Node):
            return self._own(tree)
        if isinstance(tree, Made):
            return f"made({self.bind(tree.kind, 'o')}, {self._own(tree.node)}, {tree.name!r})"
        if type(tree) in (tuple, list):
            inside = ", ".join(map(self._tree, tree))
            comma = "," if isinstance(tree, tuple) and len(tree) == 1 else ""
            return f"({inside}{comma})" if isinstance(tree, tuple) else f"[{inside}]"
        if isinstance(tree, tuple):
            return f"{self.bind(type(tree), 'o')}({', '.join(map(self._tree, tree))})"
        if type(tree) is dict:
            return "{" + ", ".join(f"{k!r}: {self._tree(v)}" for k, v in tree.items()) + "}"
        return self.bind(tree, "o")


def _of_one_setting(check: Node) -> bool:
    """Whether a check asks a setting for its truth or its value: that is done before the call."""
    (condition,) = check.args
    equals = condition.function is operator.eq and condition.args[0].kind == "input"
    number = type(condition.value) in (int, float, bool)
    return number and (condition.kind == "input" or equals)


def fits(array: Any, shape: Any, dtype: Any, layout: Any) -> bool:
    """Whether an array has the layout for which the program was planned."""
    return (
        type(array) is np.ndarray
        and array.shape == shape
        and array.dtype == dtype
        and array.strides == layout
    )


def made(kind: Any, array: Any, name: str | None) -> Any:
    """A Tensor that the call returns: equal values, no graph."""
    value = kind.wrap(as_array(array))
    value.name = name
    return value


__all__ = ["MISSED", "Program", "TraceError", "identifier"]

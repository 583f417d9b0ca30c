"""snapshot(): a graph of Values as plain data, in the order in which it was made.

It asks the engine twice, `order()` for the nodes and `steps()` for what flows back along the edges,
so a drawing shows the very numbers that `backward()` computes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..backprop import order, steps
from ..op import Op
from ..value import HOOKED, SEED, WALKED, Array, Value
from .graph import ConstantNode, Edge, Graph, ModuleNode, OpNode, Role, SavedArray, TensorNode
from .modules import Calls
from .names import checked_names, name_all
from .summary import Summary, summarize
from .walk import Walk

# The whole of what a drawing is made of can be imported from here.
__all__ = [
    "ConstantNode", "Edge", "Graph", "ModuleNode", "OpNode", "Role", "SavedArray", "Summary",
    "TensorNode", "snapshot",
]  # fmt: skip


def snapshot(var: Value, names: Mapping[str, Any] | None = None, walk: Walk | None = None) -> Graph:
    """The graph that `var` was computed by, as it is now.

    Gradients are part of it after ``backward()``, which is when some leaf has a ``.grad``.

    Parameters
    ----------
    var
        The root, as a rule the loss.
    names
        What to call its Tensors, such as ``locals()``: names that begin with an underscore are
        ignored, and so is what is neither a Tensor nor a Module. A Tensor that it does not name
        goes by its own name, or else by its attribute path in a Module: of those given here, or of
        the outermost that the graph ran in.
    walk
        A backward walk that was noted as it happened, in the place of a new one.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> from tinygrad_xent.draw.snapshot import snapshot
    >>> x = tx.Tensor(3.0, requires_grad=True, name="x")
    >>> graph = snapshot(x * x)
    >>> [(edge.source, edge.op, edge.argument, edge.rule) for edge in graph.edges]
    [('t0', 'o0', 'x', 'ḡ ⊙ y'), ('t0', 'o0', 'y', 'ḡ ⊙ x')]
    """
    names = checked_names(names, "names")
    values = order(var)[::-1]
    calls = Calls(values, names)
    called = name_all(values, names, calls.tensor_paths)
    return _Drawn(values, called, walk or _walk_if_any(var, values), calls).graph()


def walk_from(root: Value, seed: Any, again: bool = True) -> Walk:
    """The engine's walk from `root`, whose gradient is given; no ``.grad`` is touched.

    No hook is called: where it is the last ``backward()`` from there `again`, what hooks returned
    in that one takes the gradient's place; where there was none, values with hooks are noted.
    """
    walk, notes = Walk(), root._notes or {}
    answers: dict[int, Any] | None = notes.get(HOOKED, {}) if again and WALKED in notes else None

    def answered(root: Value, value: Value, g: Any) -> Any:
        if answers is None and any(key >= 0 for key in value._notes or ()):
            walk.uncalled.add(value.number)
        after = (answers or {}).get(value.number, g)
        walk.hooked(value, g, after)
        return after

    # What overflowed warned in backward; here it is drawn.
    with np.errstate(all="ignore"):
        for step in steps(root, seed, hooks=answered):
            walk.add(step)
    return walk


def seed_of(root: Value) -> Any:
    """What the last backward() from `root` began with: what it was given, or 1 for a scalar."""
    given = (root._notes or {}).get(SEED)
    if given is not None:
        return given
    return np.ones_like(root._array) if root._array.size == 1 else root._grad


def _walk_if_any(root: Value, values: list[Value]) -> Walk:
    """What backward did; nothing before it was called, which is when no value has a ``.grad``."""
    if not root._needs_grad or all(value._grad is None for value in values):
        return Walk()
    seed = seed_of(root)
    return Walk() if seed is None else walk_from(root, seed)


class _Drawn:
    """The nodes and edges of a graph while they are collected."""

    def __init__(
        self, values: list[Value], called: dict[int, str], walk: Walk, calls: Calls
    ) -> None:
        self.values, self.called, self.calls = values, called, calls
        self.flow, self.arrived = walk.flows, walk.arrived
        self.ids = {value.number: f"t{k}" for k, value in enumerate(values)}
        self.used: dict[int, Array] = {}  # each leaf as the first op that took it saw it
        self.users: dict[int, list[tuple[int, ...]]] = {}  # and the calls in which it was used
        self.constants: list[ConstantNode] = []
        self.ops: list[OpNode] = []
        self.edges: list[Edge] = []
        self.members: list[list[str]] = [[] for _ in calls.calls]

    def graph(self) -> Graph:
        for value in self.values:
            if value.op is not None:
                self.add_op(value, value.op)
        tensors = tuple(self.tensor(value) for value in self.values)
        modules = self.modules()
        return Graph(tensors, tuple(self.constants), tuple(self.ops), tuple(self.edges), modules)

    def add_op(self, value: Value, op: Op) -> None:
        """The op that made `value`, with an edge from each of its operands."""
        node = self.op_node(value, op)
        self.ops.append(node)
        flow = self.flow.get(value.number)
        sent = {s.position: s for s in flow.sent} if flow else {}
        for i, (x, array) in enumerate(zip(value.inputs, value.recorded[1:], strict=True)):
            rule = op.formula(i) if isinstance(x, Value) and x._needs_grad else None
            term, summed = (sent[i].term, sent[i].summed) if i in sent else (None, ())
            source = self.operand(x, array, self.calls.chain(value))
            shape = np.shape(array)
            self.edges.append(Edge(source, node.id, i, op.argument(i), shape, rule, term, summed))

    def op_node(self, value: Value, op: Op) -> OpNode:
        id = f"o{len(self.ops)}"
        chain = self.calls.chain(value)
        self.belongs(id, chain)
        call = self.calls.calls[chain[-1]] if chain else None
        saved = {name: np.asarray(array) for name, array in op.saved.items()}
        given = getattr(op, "__dict__", {})  # none in a class with `__slots__`
        return OpNode(
            id=id,
            name=op.name,
            formula=op.formula(),
            attributes=tuple((name, _text(a)) for name, a in given.items() if name != "saved"),
            saved=tuple(SavedArray(name, a.nbytes, summarize(a)) for name, a in saved.items()),
            result=self.ids[value.number],
            module=self.calls.path(call) if call else "",
            kind=type(call.module).__name__ if call else "",
        )

    def belongs(self, id: str, chain: tuple[int, ...]) -> None:
        """Enter a node among the members of the innermost call of `chain`."""
        if chain:
            self.members[chain[-1]].append(id)

    def modules(self) -> tuple[ModuleNode, ...]:
        sizes: dict[int, int] = {}
        for call in self.calls.calls:
            if id(call.module) not in sizes:
                sizes[id(call.module)] = sum(p.size for p in call.module.parameters())
        return tuple(
            ModuleNode(
                id=f"m{k}",
                path=self.calls.path(call),
                kind=type(call.module).__name__,
                parent=f"m{call.chain[-2]}" if len(call.chain) > 1 else "",
                members=tuple(self.members[k]),
                parameters=sizes[id(call.module)],
            )
            for k, call in enumerate(self.calls.calls)
        )

    def operand(self, x: Any, array: Any, chain: tuple[int, ...]) -> str:
        """The id of an operand's node, which is made here if it is a constant."""
        if isinstance(x, Value):
            self.used.setdefault(x.number, array)
            self.users.setdefault(x.number, []).append(chain)
            return self.ids[x.number]
        id = f"c{len(self.constants)}"
        self.constants.append(ConstantNode(id, summarize(array)))
        self.belongs(id, chain)
        return id

    def tensor(self, value: Value) -> TensorNode:
        is_leaf = value.op is None
        users = self.users.get(value.number, [])
        chain = self.calls.home(value, users) if is_leaf else self.calls.chain(value)
        self.belongs(self.ids[value.number], chain)
        used = self.used.get(value.number, value._array)
        flow = self.flow.get(value.number)
        kept = summarize(value._grad) if value._grad is not None else None
        return TensorNode(
            id=self.ids[value.number],
            name=self.called[value.number],
            role=self.role(value),
            value=summarize(used.astype(value._array.dtype, copy=False)),
            now=summarize(value._array) if _changed(used, value._array) else None,
            needs_grad=value._needs_grad,
            gradient=flow.gradient if flow else None,
            arrived=self.arrived.get(value.number),
            kept=None if flow and repr(kept) == repr(flow.gradient) else kept,  # NaN too
        )

    def role(self, value: Value) -> Role:
        if value.op is not None:
            return "loss" if value is self.values[-1] else "result"
        return "parameter" if value._needs_grad else "data"


def _changed(used: Array, now: Array) -> bool:
    """Whether a leaf got other numbers after it was used; `used` may have been converted."""
    return used is not now and not np.array_equal(used, now.astype(used.dtype), equal_nan=True)


def _text(attribute: Any) -> str:
    """An attribute on one line, without the memory address that would change from run to run."""
    text = getattr(attribute, "__name__", None) or repr(attribute)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(text.split()))

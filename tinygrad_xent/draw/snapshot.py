"""snapshot(): a graph of Values as plain data, in the order in which it was made.

It asks the engine twice, `order()` for the nodes and `steps()` for what flows back along the edges,
so a drawing shows the very numbers that `backward()` computes. What it returns holds no Value and
no array: a picture that is kept keeps no memory of the training alive.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np

from ..backprop import order, steps
from ..op import Op
from ..value import Array, Value
from .names import name_all
from .summary import Summary, summarize
from .walk import Walk

Role = Literal["parameter", "data", "result", "loss"]


@dataclass(frozen=True)
class TensorNode:
    """A Value: a leaf with a gradient (parameter) or without (data), a result or the root (loss).

    Attributes
    ----------
    value
        As the graph used it.
    now
        Of a leaf whose data were changed after that, the present ones; else None.
    gradient
        Of the root with respect to this, from the engine's own walk; None if it was not computed.
    kept
        What stands in ``.grad`` if that is something else: after a second backward, it is the sum.
    """

    id: str
    name: str
    role: Role
    value: Summary
    now: Summary | None
    needs_grad: bool
    gradient: Summary | None
    kept: Summary | None


@dataclass(frozen=True)
class ConstantNode:
    """A number or a plain array among the inputs of one op."""

    id: str
    value: Summary


@dataclass(frozen=True)
class SavedArray:
    """An array that an op keeps for its rules."""

    name: str
    nbytes: int
    value: Summary


@dataclass(frozen=True)
class OpNode:
    """One application of an op: what it computes, its attributes as text, and what it saved."""

    id: str
    name: str
    formula: str
    attributes: tuple[tuple[str, str], ...]
    saved: tuple[SavedArray, ...]
    result: str


@dataclass(frozen=True)
class Edge:
    """One operand of an op; ``x * x`` has two.

    Attributes
    ----------
    source, op, position, argument
        From which node, to which op, as which of its arguments.
    rule
        The formula of what the op sends back here; None if this operand needs no gradient.
    term
        What it sent, already in the operand's own shape; None before backward.
    summed
        The axes over which the walk summed, because forward had broadcast the operand along them.
    """

    source: str
    op: str
    position: int
    argument: str
    shape: tuple[int, ...]
    rule: str | None
    term: Summary | None
    summed: tuple[int, ...]


@dataclass(frozen=True)
class Graph:
    """All of a graph, each kind of node in order of creation."""

    tensors: tuple[TensorNode, ...]
    constants: tuple[ConstantNode, ...]
    ops: tuple[OpNode, ...]
    edges: tuple[Edge, ...]

    def __len__(self) -> int:
        return len(self.tensors) + len(self.constants) + len(self.ops)

    @property
    def root(self) -> TensorNode:
        """What the graph computes: the newest node."""
        return self.tensors[-1]

    @property
    def has_gradients(self) -> bool:
        """Whether backward was called, so that gradients are shown."""
        return self.root.gradient is not None

    @cached_property
    def first_non_finite(self) -> str | None:
        """The id of the node where NaN or infinity first appears: forward, or else backward."""
        for node in self.tensors:
            if not node.value.finite:
                return node.id
        for node in reversed(self.tensors):
            if node.gradient and not node.gradient.finite:
                return node.id
        return None


def snapshot(var: Value, names: Mapping[str, Any] | None = None, walk: Walk | None = None) -> Graph:
    """The graph that `var` was computed by, as it is now.

    Gradients are part of it after ``backward()``, which is when some leaf has a ``.grad``.

    Parameters
    ----------
    var
        The root, as a rule the loss.
    names
        What to call its Tensors, such as ``locals()``: anything else in it is ignored, and so are
        names that begin with an underscore. A Tensor that it does not name goes by its own name.
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
    values = order(var)[::-1]
    called = name_all(values, names or {})
    return _Drawn(values, called, walk or _walk_if_any(var, values)).graph()


def walk_from(root: Value, seed: Any) -> Walk:
    """The engine's walk from `root`, whose gradient is given; no ``.grad`` is touched."""
    walk = Walk()
    # What overflowed warned in backward; here it is drawn.
    with np.errstate(all="ignore"):
        for step in steps(root, seed):
            walk.add(step)
    return walk


def _walk_if_any(root: Value, values: list[Value]) -> Walk:
    """What backward did; nothing before it was called, which is when no value has a ``.grad``."""
    if not root._needs_grad or all(value._grad is None for value in values):
        return Walk()
    seed = np.ones_like(root._array) if root._array.size == 1 else root._grad
    return Walk() if seed is None else walk_from(root, seed)


class _Drawn:
    """The nodes and edges of a graph while they are collected."""

    def __init__(self, values: list[Value], called: dict[int, str], walk: Walk) -> None:
        self.values, self.called, self.flow = values, called, walk.flows
        self.ids = {value.number: f"t{k}" for k, value in enumerate(values)}
        self.used: dict[int, Array] = {}  # each leaf as the first op that took it saw it
        self.constants: list[ConstantNode] = []
        self.ops: list[OpNode] = []
        self.edges: list[Edge] = []

    def graph(self) -> Graph:
        for value in self.values:
            if value.op is not None:
                self.add_op(value, value.op)
        tensors = tuple(self.tensor(value) for value in self.values)
        return Graph(tensors, tuple(self.constants), tuple(self.ops), tuple(self.edges))

    def add_op(self, value: Value, op: Op) -> None:
        """The op that made `value`, with an edge from each of its operands."""
        node = _op_node(f"o{len(self.ops)}", op, self.ids[value.number])
        self.ops.append(node)
        flow = self.flow.get(value.number)
        sent = {s.position: s for s in flow.sent} if flow else {}
        for i, (x, array) in enumerate(zip(value.inputs, value.recorded[1:], strict=True)):
            rule = op.formula(i) if isinstance(x, Value) and x._needs_grad else None
            term, summed = (sent[i].term, sent[i].summed) if i in sent else (None, ())
            source = self.operand(x, array)
            shape = np.shape(array)
            self.edges.append(Edge(source, node.id, i, op.argument(i), shape, rule, term, summed))

    def operand(self, x: Any, array: Any) -> str:
        """The id of an operand's node, which is made here if it is a constant."""
        if isinstance(x, Value):
            self.used.setdefault(x.number, array)
            return self.ids[x.number]
        self.constants.append(ConstantNode(f"c{len(self.constants)}", summarize(array)))
        return self.constants[-1].id

    def tensor(self, value: Value) -> TensorNode:
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
            kept=None if flow and repr(kept) == repr(flow.gradient) else kept,  # NaN too
        )

    def role(self, value: Value) -> Role:
        if value.op is not None:
            return "loss" if value is self.values[-1] else "result"
        return "parameter" if value._needs_grad else "data"


def _changed(used: Array, now: Array) -> bool:
    """Whether a leaf got other numbers after it was used; `used` may have been converted."""
    return used is not now and not np.array_equal(used, now.astype(used.dtype), equal_nan=True)


def _op_node(id: str, op: Op, result: str) -> OpNode:
    saved = {name: np.asarray(array) for name, array in op.saved.items()}
    return OpNode(
        id=id,
        name=op.name,
        formula=op.formula(),
        attributes=tuple((name, _text(a)) for name, a in vars(op).items() if name != "saved"),
        saved=tuple(SavedArray(name, a.nbytes, summarize(a)) for name, a in saved.items()),
        result=result,
    )


def _text(attribute: Any) -> str:
    """An attribute on one line, without the memory address that would change from run to run."""
    text = getattr(attribute, "__name__", None) or repr(attribute)
    return re.sub(r" at 0x[0-9a-fA-F]+", "", " ".join(text.split()))

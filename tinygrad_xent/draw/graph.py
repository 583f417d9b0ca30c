"""Graph: a computation as plain data, in the order in which it was made.

It holds no Value, no Module and no array: a picture that is kept keeps no memory alive.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from typing import Any, Literal

from .style import visible
from .summary import Summary

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
    arrived
        The gradient before a hook changed it; None if none did.
    """

    id: str
    name: str
    role: Role
    value: Summary
    now: Summary | None
    needs_grad: bool
    gradient: Summary | None
    kept: Summary | None
    arrived: Summary | None = None


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
    """One application of an op: what it computes, its attributes as text, and what it saved.

    `module` and `kind` are the path and the class of the innermost Module that it ran in, such as
    ``"0"`` and ``"Linear"``; the path of the outermost is "", as are both where there is none.
    """

    id: str
    name: str
    formula: str
    attributes: tuple[tuple[str, str], ...]
    saved: tuple[SavedArray, ...]
    result: str
    module: str = ""
    kind: str = ""


@dataclass(frozen=True)
class ModuleNode:
    """One call of a Module; a Module that was called twice is there twice.

    Attributes
    ----------
    path, kind
        Its attribute path, such as ``"layers.0"``, and its class, such as ``"Linear"``.
    parent
        The id of the call that this one is part of; "" if it is outermost.
    members
        The ids of what was made or used in this call itself, not in a call inside it.
    parameters
        How many numbers its parameters hold.
    """

    id: str
    path: str
    kind: str
    parent: str
    members: tuple[str, ...]
    parameters: int


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
    modules: tuple[ModuleNode, ...] = ()

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
    def uses(self) -> Counter[str]:
        """How many times each tensor is an operand; ``x * x`` uses it twice."""
        return Counter(edge.source for edge in self.edges)

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

    def to_json(self) -> str:
        """The graph as JSON: the fields of these classes, in their order, the same on every run.

        The top has ``version`` (1), then ``tensors``, ``constants``, ``ops``, ``edges`` and
        ``modules``. NaN and infinity, which JSON lacks, are the strings ``"NaN"``, ``"Infinity"``
        and ``"-Infinity"``.

        Examples
        --------
        >>> import json
        >>> import tinygrad_xent as tx
        >>> graph = tx.draw.snapshot(tx.exp(tx.Tensor(0.0, requires_grad=True, name="x")))
        >>> written = json.loads(graph.to_json())
        >>> written["tensors"][0]["name"], written["ops"][0]["formula"]
        ('x', 'exp(x)')
        """
        content = {"version": 1} | {f.name: _jsonable(getattr(self, f.name)) for f in fields(self)}
        return json.dumps(content, ensure_ascii=False, allow_nan=False, indent=1) + "\n"


def _jsonable(data: Any) -> Any:
    """Plain data with only what JSON has."""
    if is_dataclass(data):
        return {f.name: _jsonable(getattr(data, f.name)) for f in fields(data)}
    if isinstance(data, tuple):
        return [_jsonable(part) for part in data]
    if isinstance(data, str):
        return visible(data)
    if isinstance(data, float) and not math.isfinite(data):
        return "NaN" if math.isnan(data) else "Infinity" if data > 0 else "-Infinity"
    return data

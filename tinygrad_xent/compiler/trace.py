"""Trace: the record of one call of a function, NumPy call by NumPy call, with the numbers flowing.

Every array that the program is to read anew in each call is stood in for by a `Tracer`. What is
done with it is done with the array that it carries, so that shapes and dtypes are known, and noted
down as a `Node`.
"""

from __future__ import annotations

import functools
import linecache
import operator
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ..value import Listener, Value
from .nodes import Node, counts, evaluate, mapped, settled

PACKAGE = str(Path(__file__).parents[1])
UNTOLD = "call"  # how NumPy is told, in a trace, to take errors that the function is silent about
CHANGED_CONSTANT = (
    "an array that is a constant of the program was written into after it had been used; "
    "make a new one, or let the compiled function find it as an argument or in its closure"
)
# These take whole numbers as they are in each call; of others, a number may set a shape or an axis.
TAKES_NUMBERS = frozenset((np.where, np.clip, np.copyto, "clip", "item", np.asarray)).union(
    x for x in vars(operator).values() if callable(x) and x is not operator.getitem
)


class TraceError(RuntimeError):
    """A function cannot be compiled: what it did, the line in which it did it, what to do."""


class Changed(Exception):  # noqa: N818 - not an error: another program is needed
    """A condition on which a program was traced does not hold in this call."""


class Trace(Listener):
    """The nodes of a call in their order; `tracer` is the class of its stand-ins."""

    def __init__(self, tracer: Any) -> None:
        self.tracer = tracer
        self.nodes: list[Node] = []
        self.closed = False
        self.began = 0  # the number that was next when the call began
        self.checks: list[tuple[Node, bool]] = []
        self.asked: set[Node] = set()  # whose shape or dtype was asked for
        self.refused: TraceError | None = None  # the first, in case the function catches it
        self.events: list[tuple[Any, ...]] = []
        self._constants: dict[int, tuple[Node, int]] = {}  # by id, and the hash of its numbers
        self._storages: dict[int, int] = {}  # by the id of the array at the root of the views
        self._sharing: dict[int, int] = {}  # how many nodes have that storage
        self._kept: list[Any] = []  # arrays whose ids stand above must live

    def error(self, what: str) -> TraceError:
        """What to raise: the line that is being run, and this; also if the function catches it."""
        error = TraceError(f"{user_line()}: {what}")
        self.refused = self.refused or error
        return error

    # --- what goes in ----------------------------------------------------------------------------

    def input(self, value: Any, name: str) -> Any:
        """A stand-in for something that the program reads anew in every call."""
        if isinstance(value, np.ndarray):
            value = value.view()
            value.flags.writeable = False
        node = self._add(Node(len(self.nodes), "input", None, (), {}), value)
        node.name = name
        return self.tracer(self, node)

    def node_of(self, x: Any) -> Any:
        """The node of a tracer or of an array, which is a constant; anything else as it is."""
        if isinstance(x, self.tracer):
            if x._trace is not self or self.closed:
                raise self.error(
                    "an array of another call of a compiled function was used; a compiled "
                    "function returns what is to be kept"
                )
            return x._node
        if isinstance(x, Value):
            raise self.error("a Tensor where NumPy wants an array")
        return self._constant(x) if type(x) is np.ndarray else x

    def _constant(self, x: Any) -> Node:
        """The node of an array that nothing in the call was computed for."""
        if id(x) in self._constants:
            node, noted = self._constants[id(x)]
            if noted != _numbers_of(x):
                raise self.error(CHANGED_CONSTANT)
            return node
        node = self._add(Node(len(self.nodes), "constant", None, (), {}), x)
        self._constants[id(x)] = node, _numbers_of(x)
        return node

    def close(self) -> None:
        """Hear no more, and raise what the function has caught.

        Raises
        ------
        TraceError
            If there was one, or if an array was changed after it had become a constant.
        """
        self.closed = True
        if self.refused is not None:
            raise self.refused
        for node, noted in self._constants.values():
            if noted != _numbers_of(node.value):
                raise TraceError(f"{node.line}: {CHANGED_CONSTANT}")

    def _add(self, node: Node, value: Any) -> Node:
        node.value, node.line = value, user_line()
        root = value
        while isinstance(root, np.ndarray) and isinstance(root.base, np.ndarray):
            root = root.base
        self._kept.append(root)
        node.storage = self._storages.setdefault(id(root), node.number)
        self._sharing[node.storage] = self._sharing.get(node.storage, 0) + 1
        self.nodes.append(node)
        return node

    def forget(self) -> None:
        """Let go of the numbers: the program has been written."""
        self.closed = True
        for node in self.nodes:
            node.value = None
        for kept in (self.events, self._kept, self._constants, self._storages):
            kept.clear()

    # --- what is done with it --------------------------------------------------------------------

    def record(
        self, kind: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Note a call down and do it; what comes of it, as tracers."""
        node = self._node(kind, function, args, kwargs or {})
        value = evaluate(kind, function, *self._values(node))
        result = self._results(node, value)
        if counts(node):  # buffers are planned for these sizes
            for part in result if isinstance(value, tuple) else (result,):
                size = self.record("attribute", "size", (part,))
                self.check(self.record("function", operator.eq, (size, part.size)))
        return result

    def _node(self, kind: str, function: Any, args: Any, kwargs: Any) -> Node:
        if kind in ("method", "function", "getitem") and function not in TAKES_NUMBERS:
            args, kwargs = settled(kind, args), settled(kind, kwargs)
        args, kwargs = mapped(tuple(args), self.node_of), mapped(kwargs, self.node_of)
        node = Node(len(self.nodes), kind, function, args, kwargs)
        node.quiet = tuple((k, v) for k, v in _errors().items() if v != UNTOLD)
        return node

    def _values(self, node: Node) -> tuple[Any, Any]:
        return mapped(node.args, _value), mapped(node.kwargs, _value)

    def _results(self, node: Node, value: Any, gives: tuple[str, ...] = ()) -> Any:
        node.number = len(self.nodes)  # constants among the arguments came before it
        self._add(node, value)
        if not isinstance(value, (tuple, list)):
            if gives:
                node.name = gives[0]
            return self.tracer(self, node)
        results = []
        for k, part in enumerate(value):
            item = Node(len(self.nodes), "item", None, (node, k), {})
            item.name = gives[k] if k < len(gives) else None
            results.append(self.tracer(self, self._add(item, part)))
        return type(value)(results) if type(value) in (tuple, list) else tuple(results)

    def kernel(self, function: Any, arguments: tuple[Any, ...], gives: tuple[str, ...]) -> Any:
        """Note one call of a kernel, whose text the program will include."""
        node = self._node("kernel", function, arguments, {})
        value = function(*self._values(node)[0])
        return None if value is None else self._results(node, value, gives)

    def write(self, target: Any, kind: str, function: Any, args: Any, kwargs: Any) -> Any:
        """A call that writes into `target`: where nobody else sees that memory, a new value."""
        before = target._node
        alone = self._sharing[before.storage] == 1 and kind == "ufunc"
        if alone and not isinstance(function, tuple):
            plain = {key: part for key, part in kwargs.items() if key != "out"}
            node = self._node(kind, function, args, plain)
            out = before.value.copy(order="K")
            values, options = self._values(node)
            function(*values, **options, out=out)
            natural = evaluate(kind, function, values, options) if "where" not in plain else out
            alike = natural.shape == out.shape and np.asarray(natural).strides == out.strides
            if alike and "where" not in plain:
                result = self._results(node, natural)
                if natural.dtype != out.dtype:
                    result = self.record("method", "astype", (result, out.dtype))
                target._node = result._as_array()._node  # of no axes, NumPy gives a scalar
                return target
        first = self.nodes[before.storage]
        if first.kind in ("input", "constant"):
            raise self.error(
                "writes into an array that it was given; compute a new one, or write into a copy"
            )
        node = self._node(kind, function, args, kwargs)
        node.writes = True
        values, options = self._values(node)
        if kind == "setitem":
            values[0][values[1]] = values[2]
        else:
            evaluate(kind, function, values, options)
        node.number = len(self.nodes)
        node.value, node.line, node.storage = None, user_line(), before.storage
        self._sharing[before.storage] += 1
        self.nodes.append(node)
        return target

    def check(self, condition: Any) -> bool:
        """Note that the program holds only while this condition is as true as it is now."""
        truth = bool(condition._node.value)
        node = Node(len(self.nodes), "check", truth, (condition._node,), {})
        self._add(node, None)
        self.checks.append((condition._node, truth))
        return truth

    # --- what the engine tells -------------------------------------------------------------------

    def applied(self, op: Any, inputs: tuple[Any, ...], arrays: list[Any], result: Any) -> None:
        """See `Listener.applied`."""
        for x in inputs:
            if isinstance(x, Value) and x.number < self.began:
                if x.op is not None:
                    raise self.error(
                        f"{op.name} is given what was computed before the call; a compiled "
                        "function computes from arguments, parameters and settings"
                    )
                if not isinstance(x._array, self.tracer):
                    raise self.error(
                        f"{op.name} is given a Tensor that was not found through arguments, "
                        "closure or globals of the compiled function; pass its owner in"
                    )
        self.events.append(("applied", len(self.nodes), op, inputs, result))

    def walked(self, step: Any) -> None:
        """See `Listener.walked`."""
        self.events.append(("walked", len(self.nodes), step))

    def updated(self, value: Any, before: Any, rule: str) -> None:
        """See `Listener.updated`."""
        self.events.append(("updated", len(self.nodes), value, rule))


def _errors() -> dict[str, str]:
    """How NumPy is told to take what overflows or has no value."""
    told: Any = np.geterr()
    return dict(told)


def _numbers_of(x: Any) -> int:
    return hash(x.tobytes()) if not x.dtype.hasobject else 0


def _value(x: Any) -> Any:
    return x.value if isinstance(x, Node) else x


def user_line() -> str:
    """The line outside this package and NumPy that is being run: where it stands, what it says."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        name = frame.f_code.co_filename
        if not _is_passed_over(name):
            return _said(name, frame.f_lineno)
        frame = frame.f_back
    return "in this package"


@functools.lru_cache(maxsize=1024)
def _is_passed_over(file: str) -> bool:
    return file.startswith((PACKAGE, "<frozen")) or "numpy" in Path(file).parts


@functools.lru_cache(maxsize=1024)
def _said(file: str, number: int) -> str:
    text = linecache.getline(file, number).strip()
    place = f"{Path(file).name}, line {number}"
    return f"{place}: {text}" if text else place

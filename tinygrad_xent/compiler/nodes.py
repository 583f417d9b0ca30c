"""Nodes: the assignments that a trace notes down, and what can be asked of them."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

INFIX = {"**": operator.pow}  # operators that no ufunc equals to the last bit for every exponent


class Node:
    """One assignment of the record: how a value was made, and the value it had in the trace.

    `kind` is input, constant, ufunc, function, method, attribute, getitem, setitem, infix, kernel,
    item (of a kernel's results), number, array or check; `function` what was called, or its name.
    Nodes with one `storage` share memory; one that `writes` changes that memory.
    """

    __slots__ = (
        "args",
        "formula",
        "function",
        "kind",
        "kwargs",
        "line",
        "name",
        "number",
        "part",
        "quiet",
        "section",
        "storage",
        "value",
        "writes",
    )

    def __init__(self, number: int, kind: str, function: Any, args: Any, kwargs: Any) -> None:
        self.number, self.kind, self.function = number, kind, function
        self.args, self.kwargs = args, kwargs
        self.value: Any = None
        self.storage = -1
        self.writes = False
        self.line = ""
        self.quiet: tuple[tuple[str, str], ...] = ()  # what np.errstate was told around it
        self.section = self.part = self.formula = ""  # part: of the update, which parameter's
        self.name: str | None = None

    def __repr__(self) -> str:
        return f"<{self.number}: {self.kind} {self.name or ''} {self.function}>"

    def inputs(self) -> Iterator[Node]:
        """The nodes that it reads, as often as it reads them."""
        yield from nodes_in(self.args)
        yield from nodes_in(self.kwargs)


def nodes_in(tree: Any) -> Iterator[Node]:
    """The nodes in nested arguments."""
    if isinstance(tree, Node):
        yield tree
    elif isinstance(tree, (tuple, list)):
        for part in tree:
            yield from nodes_in(part)
    elif isinstance(tree, dict):
        yield from nodes_in(list(tree.values()))
    elif isinstance(tree, slice):
        yield from nodes_in((tree.start, tree.stop, tree.step))


def mapped(tree: Any, leaf: Callable[[Any], Any]) -> Any:
    """Nested arguments with `leaf` of each part in its place."""
    if type(tree) in (tuple, list):
        return type(tree)(mapped(part, leaf) for part in tree)
    if isinstance(tree, tuple):  # a named one
        return type(tree)(*(mapped(part, leaf) for part in tree))
    if type(tree) is dict:
        return {key: mapped(part, leaf) for key, part in tree.items()}
    if type(tree) is slice:
        return slice(*(mapped(part, leaf) for part in (tree.start, tree.stop, tree.step)))
    return leaf(tree)


def evaluate(kind: str, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Do what a node says, with arrays."""
    if kind == "method":
        return getattr(args[0], function)(*args[1:], **kwargs)
    if kind == "attribute":
        return getattr(args[0], function)
    if kind == "infix":
        return INFIX[function](*args)
    if kind == "ufunc" and isinstance(function, tuple):  # the ufunc, the name of its method
        return getattr(*function)(*args, **kwargs)
    return function(*args, **kwargs)


COUNTING = frozenset(
    (np.nonzero, np.flatnonzero, np.argwhere, np.unique, np.repeat, np.compress, np.extract)
)


def counts(node: Node) -> bool:
    """Whether the shape of a result depends on numbers, as that of ``x[mask]`` does."""
    if node.kind == "method":
        return node.function in ("nonzero", "compress", "repeat")
    if node.kind == "function":
        return node.function in COUNTING or (node.function is np.where and len(node.args) == 1)
    parts = [x.value for x in nodes_in(node.args[1])] if node.kind == "getitem" else []
    return any(getattr(x, "dtype", None) == np.bool_ for x in parts)


def settled(kind: str, tree: Any) -> Any:
    """Arguments in which settings that shapes depend on are the numbers that they are now."""

    def number(x: Any) -> Any:
        return x._settled() if hasattr(x, "_settled") else x

    def bounds(x: Any) -> Any:
        if type(x) is tuple:
            return tuple(map(bounds, x))
        return slice(*map(number, (x.start, x.stop, x.step))) if type(x) is slice else x

    return bounds(tree) if kind == "getitem" else mapped(tree, number)


def strides(value: Any) -> Any:
    """The strides of an array, on which the last bit of a product may depend; () of a number."""
    return value.strides if isinstance(value, np.ndarray) else ()

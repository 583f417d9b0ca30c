"""Simplify: from the record, a straight line of assignments without what is dead or double."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .nodes import Node, mapped, strides
from .trace import TraceError


def simplified(nodes: list[Node], roots: Iterable[Node]) -> tuple[list[Node], dict[Node, Node]]:
    """The assignments that the roots need, and what stands for each node of the record.

    Common expressions are computed once, copies of what nobody writes into are not made, and what
    is multiplied by 1 is left alone. No result changes by this in any bit.
    """
    for node in nodes:
        _shorter(node)
    instead = _shared(nodes)
    kept = [instead.get(root, root) for root in roots]
    alive = _with_masks_of_numbers(_alive(nodes, kept, instead), kept, instead)
    return _settings_first(alive), instead


def _shorter(node: Node) -> None:
    """What has a shorter name in NumPy goes by that: ``x.T``, ``np.square(x)``."""
    if node.kind == "method" and node.function == "transpose" and not node.kwargs:
        if node.args[1:] in ((), (None,)):
            node.kind, node.function, node.args = "attribute", "T", node.args[:1]
    elif node.kind == "infix" and node.function == "**":
        x, power = node.args
        # Of arrays of floats NumPy takes the square itself; of a number it takes C's pow.
        of_floats = isinstance(node.value, np.ndarray) and node.value.ndim and _is_floats(x)
        if of_floats and type(power) in (int, float) and power == 2:
            node.kind, node.function, node.args = "ufunc", np.square, (x,)


def _is_floats(x: Any) -> bool:
    return isinstance(x, Node) and isinstance(x.value, np.ndarray) and x.value.dtype.kind == "f"


COMPARING = (np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal)


def _with_masks_of_numbers(
    nodes: list[Node], roots: list[Node], instead: dict[Node, Node]
) -> list[Node]:
    """Where a mask is wanted as numbers alone, the comparison gives them: one line, not two."""
    counts, gone = uses(nodes, roots), {}
    for node in nodes:
        if (node.kind, node.function) != ("method", "astype") or node.value.dtype.kind != "f":
            continue
        mask = node.args[0]
        alone = counts[mask] == 1 and mask.kind == "ufunc" and mask.function in COMPARING
        if alone and not (mask.quiet or mask.kwargs) and type(mask.value) is np.ndarray:
            mask.value, mask.storage, mask.formula = node.value, node.storage, node.formula
            mask.name = node.name
            gone[node] = mask

    def there(x: Any) -> Any:
        return gone.get(x, x) if isinstance(x, Node) else x

    for node in nodes:
        node.args, node.kwargs = mapped(node.args, there), mapped(node.kwargs, there)
    for node, same in instead.items():
        instead[node] = gone.get(same, same)
    instead |= gone
    return [node for node in nodes if node not in gone]


def _shared(nodes: list[Node]) -> dict[Node, Node]:
    """For each node that says nothing new, the one that said it first."""
    written = {node.storage for node in nodes if node.writes}
    powers = {x for node in nodes if node.kind == "infix" for x in node.inputs()}
    instead: dict[Node, Node] = {}
    known: dict[Any, Node] = {}

    def first(x: Any) -> Any:
        return instead.get(x, x) if isinstance(x, Node) else x

    for node in nodes:
        node.args, node.kwargs = mapped(node.args, first), mapped(node.kwargs, first)
        touched = {node.storage, *(x.storage for x in node.inputs())}
        if node.kind == "check":
            same: Node | None = known.setdefault(("check", node.args[0], node.function), node)
            if same is not node and same is not None:
                instead[node] = same
            continue
        if node.writes or touched & written:
            continue
        same = _unchanged(node, node in powers)
        if same is None:
            key = _key(node)
            same = known.setdefault(key, node) if key is not None else node
        if same is not node:
            instead[node] = same
            same.name = same.name or node.name
            same.formula = same.formula or node.formula
            if node.storage != same.storage:  # views of the one are views of the other now
                for other in nodes:
                    if other.storage == node.storage and other is not node:
                        other.storage = same.storage
                node.storage = same.storage
    return instead


def _settings_first(nodes: list[Node]) -> list[Node]:
    """What depends on settings alone goes to the front: checked before anything is written."""
    first = [node for node in nodes if _about_settings(node)]
    rest = set(nodes) - set(first)
    for node in first:
        node.section = ""
    return first + [node for node in nodes if node in rest]


def _about_settings(node: Node) -> bool:
    return of_settings(node.args[0] if node.kind == "check" else node)


def of_settings(node: Node) -> bool:
    """Whether it is a Python number that comes of such alone, which change seldom."""
    if type(node.value) not in (int, float, bool) or node.kind == "constant":
        return False
    return node.kind == "input" or all(map(of_settings, node.inputs()))


def _unchanged(node: Node, is_raised: bool) -> Node | None:
    """The input that this node hands on as it is, if it does."""
    if node.kind == "array" and not is_raised:
        found: Node = node.args[0]
        return found
    if node.kind == "method" and node.function in ("copy", "astype"):
        x = node.args[0]
    elif node.kind == "attribute" and node.function == "T":
        x = node.args[0]
        if (x.kind, x.function) != ("attribute", "T"):
            return None
        x = x.args[0]
    elif node.kind == "infix" and node.function == "**":
        x, power = node.args
        if type(power) not in (int, float) or power != 1:
            return None
    elif node.function in (np.multiply, np.true_divide) and not node.kwargs:
        x, by = node.args
        if node.function is np.multiply and _is_one(x):
            x, by = by, x
        if not _is_one(by):
            return None
    else:
        return None
    same = isinstance(x, Node) and _layout(x.value) == _layout(node.value)
    return x if same else None


def _is_one(x: Any) -> bool:
    value = x.value if isinstance(x, Node) and x.kind == "constant" else x
    return not isinstance(value, Node) and bool(np.all(np.equal(value, 1)))


def _layout(value: Any) -> Any:
    """What must agree for two arrays to be interchangeable."""
    return type(value), getattr(value, "dtype", None), np.shape(value), strides(value)


def _key(node: Node) -> Any:
    if node.kind == "input":
        return None
    if node.kind == "constant":
        value = node.value
        if value.dtype.hasobject or value.nbytes > 1 << 16:
            return None
        return "constant", str(value.dtype), value.shape, value.strides, value.tobytes()
    try:
        key = node.kind, node.function, _frozen(node.args), _frozen(node.kwargs), node.quiet
        hash(key)
    except TypeError:
        return None
    return key


def _frozen(x: Any) -> Any:
    if isinstance(x, Node):
        return "node", x.number
    if isinstance(x, (tuple, list)):
        return type(x).__name__, *map(_frozen, x)
    if isinstance(x, dict):
        return "dict", *((key, _frozen(part)) for key, part in sorted(x.items()))
    if isinstance(x, slice):
        return "slice", _frozen((x.start, x.stop, x.step))
    if isinstance(x, (int, float, np.generic)):
        return type(x), repr(x)
    return x


def _alive(nodes: list[Node], roots: list[Node], instead: dict[Node, Node]) -> list[Node]:
    """The nodes that lead to a root or a check, or write into what does."""
    needed: set[Node] = set(roots)
    storages = {root.storage for root in roots}
    kept = []
    for node in reversed(nodes):
        wanted = (
            node in needed or node.kind == "check" or (node.writes and node.storage in storages)
        )
        if node in instead or not wanted:
            continue
        kept.append(node)
        for x in node.inputs():
            needed.add(x)
            storages.add(x.storage)
        storages.add(node.storage)
    return kept[::-1]


def uses(nodes: list[Node], roots: Iterable[Node]) -> dict[Node, int]:
    """How often each node is read."""
    counts: dict[Node, int] = {}
    for node in nodes:
        for x in node.inputs():
            counts[x] = counts.get(x, 0) + 1
    for root in roots:
        counts[root] = counts.get(root, 0) + 1
    return counts


def must_agree(first: list[Node], second: list[Node]) -> None:
    """Refuse what two traces from the same state did not do alike.

    Raises
    ------
    TraceError
        Naming the line where they parted.
    """
    for a, b in zip(first, second, strict=False):
        if (a.kind, _named(a.function)) != (b.kind, _named(b.function)):
            raise TraceError(
                f"{b.line}: the function did something else when it was traced a second time from "
                "the same state; what it does may depend on its arguments, model and settings only"
            )
        if not (_equal(a.value, b.value) and _equal_parts(a, b)):
            line = b.line if b.kind != "constant" else _reader(b, second)
            raise TraceError(
                f"{line}: numbers that differ from call to call, such as random ones, would become "
                "constants of the program; draw them outside of the compiled function and pass "
                "them in as an array"
            )
    if len(first) != len(second):
        longer = first if len(first) > len(second) else second
        raise TraceError(
            f"{longer[min(len(first), len(second))].line}: reached in one of two traces from the "
            "same state only; what is done may depend on arguments, model and settings only"
        )


def _named(function: Any) -> Any:
    return getattr(function, "__qualname__", function)


def _reader(node: Node, nodes: list[Node]) -> str:
    """Where a constant is first read, which is nearer to its maker than where it was noted."""
    return next((n.line for n in nodes if node in n.inputs()), node.line)


def _equal_parts(a: Node, b: Node) -> bool:
    """Whether the numbers among the arguments agree."""
    found: list[list[Any]] = []
    for node in (a, b):
        leaves: list[Any] = []
        mapped((node.args, node.kwargs), leaves.append)
        found.append([x for x in leaves if isinstance(x, (int, float, np.generic))])
    return len(found[0]) == len(found[1]) and all(map(_equal, *found))


def _equal(x: Any, y: Any) -> bool:
    if isinstance(x, (np.ndarray, np.generic)):
        if np.shape(x) != np.shape(y) or x.dtype != y.dtype:
            return False
        return x.dtype.hasobject or x.tobytes() == y.tobytes()
    if isinstance(x, (int, float)):
        return repr(x) == repr(y)
    return True

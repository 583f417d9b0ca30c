"""Verify: before a program is trusted, the function is run as it is, and must do the same."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..value import Value
from .inputs import Made, restored, slots, without_notice
from .nodes import Node
from .trace import TraceError
from .tracing import Record


def verify(function: Callable[..., Any], args: Any, kwargs: Any, record: Record) -> None:
    """Run the function on its own arrays, compare what it does with the record, undo it.

    Raises
    ------
    TraceError
        If it does something else: it has found out that it was being traced.
    """
    tensors = [t for t, _ in record.surroundings.tensors.values()]
    saved = [(t, slots(t)) for t in tensors]
    written = [(array, array.copy()) for array in (record.now(one) for one, _ in record.mutated)]
    try:
        with without_notice(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = function(*args, **kwargs)
        _compare(result, record, [array for array, _ in written])
    finally:
        for container in record.surroundings.containers:
            container.restore()
        for tensor, before in saved:
            restored(tensor, before)
        for array, before in written:
            array[...] = before


def _compare(result: Any, record: Record, written: list[Any]) -> None:
    arrays = {id(t): node for t, node in record.arrays}
    grads = {id(t): node for t, node in record.grads}
    pairs = [("its result", result, record.result)]
    for tensor, _ in record.surroundings.tensors.values():
        name = _named(tensor, record)
        if id(tensor) in arrays:
            pairs.append((f"the array of {name}", tensor._array, arrays[id(tensor)]))
        if id(tensor) in grads:
            pairs.append((f"the gradient of {name}", tensor._grad, grads[id(tensor)]))
    for container, key, tree in record.entries:
        pairs.append((f"{container.label}: {key!r}", container.get(key), tree))
    for (one, node), array in zip(record.mutated, written, strict=True):
        pairs.append((f"the array {one.node.name!r}", array, node))
    for what, found, noted in pairs:
        if not _same(found, noted):
            raise TraceError(
                f"compile: {record.name} does something else when it is traced: {what} differs; it "
                "may ask for the type of what it is given (write isinstance(x, np.ndarray), not "
                "type(x) is np.ndarray)"
            )


def _named(tensor: Value, record: Record) -> str:
    return record.names.get(id(tensor), "a Tensor")


def _same(found: Any, noted: Any) -> bool:
    """Whether what the function left is what was noted, to the last bit."""
    if isinstance(noted, Made):
        if type(found) is not noted.kind or (found._grad is None) != (noted.grad is None):
            return False
        same_grad = noted.grad is None or _same(found._grad, noted.grad)
        return same_grad and _same(found._array, noted.node)
    if isinstance(noted, Node):  # of no axes, it may be an array or a scalar
        array = isinstance(found, np.ndarray) and isinstance(noted.value, np.generic)
        alike = array or type(found) is type(noted.value)
        return alike and _same_bits(found, noted.value)
    if isinstance(noted, dict):
        return (
            type(found) is type(noted)
            and list(found) == list(noted)
            and all(_same(found[key], part) for key, part in noted.items())
        )
    if isinstance(noted, (tuple, list)):
        return (
            type(found) is type(noted)
            and len(found) == len(noted)
            and all(map(_same, found, noted))
        )
    if isinstance(noted, Value):
        return found is noted
    return type(found) is type(noted) and (found is noted or bool(np.all(found == noted)))


def _same_bits(a: Any, b: Any) -> bool:
    if not isinstance(a, (np.ndarray, np.generic)):
        return bool(a == b or (a != a and b != b))
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.hasobject or a.tobytes() == b.tobytes():
        return True
    return a.dtype.kind in "fc" and bool(np.all((a == b) | ((a != a) & (b != b))))

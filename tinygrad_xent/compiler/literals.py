"""Literals: how operators, numbers, dtypes and other plain arguments are written in Python."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .nodes import Node

BINARY = {
    np.add: "+",
    np.subtract: "-",
    np.multiply: "*",
    np.true_divide: "/",
    np.floor_divide: "//",
    np.remainder: "%",
    np.matmul: "@",
    np.equal: "==",
    np.not_equal: "!=",
    np.less: "<",
    np.less_equal: "<=",
    np.greater: ">",
    np.greater_equal: ">=",
    np.bitwise_and: "&",
    np.bitwise_or: "|",
    operator.add: "+",
    operator.sub: "-",
    operator.mul: "*",
    operator.truediv: "/",
    operator.floordiv: "//",
    operator.mod: "%",
    operator.eq: "==",
    operator.ne: "!=",
    operator.lt: "<",
    operator.le: "<=",
    operator.gt: ">",
    operator.ge: ">=",
}
UNARY = {np.negative: "-", operator.neg: "-", operator.pos: "+", np.invert: "~"}


def literal(x: Any, node: Callable[[Any], str], function: Callable[[Any], str]) -> str:
    """A plain argument as Python writes it, given how nodes and functions are written."""

    def inner(part: Any) -> str:
        return literal(part, node, function)

    if isinstance(x, Node):
        return node(x)
    if isinstance(x, slice):
        return f"slice({', '.join(map(inner, (x.start, x.stop, x.step)))})"
    if isinstance(x, tuple):
        inside = ", ".join(map(inner, x))
        return f"({inside},)" if len(x) == 1 else f"({inside})"
    if isinstance(x, list):
        return f"[{', '.join(map(inner, x))}]"
    if isinstance(x, dict):
        return f"{{{', '.join(f'{key!r}: {inner(part)}' for key, part in x.items())}}}"
    if isinstance(x, np.dtype):
        return dtype_text(x)
    if isinstance(x, type) and issubclass(x, np.generic):
        return f"np.{x.__name__}"
    if isinstance(x, np.generic):
        return f"np.{type(x).__name__}({inner(x.item())})"
    if isinstance(x, float) and not math.isfinite(x):
        return "np.nan" if x != x else "np.inf" if x > 0 else "-np.inf"
    if x is ...:
        return "..."
    if x is None or isinstance(x, (bool, int, float, str, bytes)):
        return repr(x)
    if isinstance(x, type) and x.__module__ == "builtins":
        return x.__name__
    return function(x)


def bare(text: str) -> str:
    """The text without brackets around all of it, unless they make a tuple."""
    if not (text.startswith("(") and text.endswith(")")):
        return text
    depth = 0
    for k, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        ends = depth == 0 and k < len(text) - 1
        if ends or (depth == 1 and letter == ","):
            return text
    return text[1:-1] if text != "()" else text


def dtype_text(dtype: Any) -> str:
    """A dtype as NumPy calls it."""
    dtype = np.dtype(dtype)
    return "bool" if dtype.kind == "b" else f"np.{dtype.name}"


def pattern(value: Any) -> str | None:
    """How a constant array is made, if that is short."""
    dtype = dtype_text(value.dtype)
    if not value.flags.c_contiguous:
        first = value.reshape(-1)[:1]
        if value.size and not any(value.strides):
            return f"np.broadcast_to(np.array({first[0].item()!r}, {dtype}), {value.shape})"
        return None
    flat = value.reshape(-1)
    if value.size and np.all(flat == flat[0]) and np.isfinite(flat[0]):
        if flat[0] == 1:
            return f"np.ones({value.shape}, {dtype})"
        if flat[0] == 0 and not np.signbit(flat).any():
            return f"np.zeros({value.shape}, {dtype})"
    if value.ndim == 1 and value.dtype.kind in "iu" and np.array_equal(value, np.arange(len(flat))):
        return f"np.arange({len(flat)}, dtype={dtype})"
    return None

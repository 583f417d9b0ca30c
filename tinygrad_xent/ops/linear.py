"""Matrix products, and the linear layer as one op."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Op, apply, formula, implements
from .shape import swapaxes


def _transposed(x: Any) -> Any:
    """The matrices of x transposed: its last two axes exchanged."""
    return x.T if x.ndim == 2 else swapaxes(x, -1, -2)


def _product(a: Any, b: Any) -> Any:
    """``a @ b`` of two matrices; for plain arrays by `dot`, which has half the overhead."""
    return a.dot(b) if type(a) is type(b) is np.ndarray else a @ b


class Matmul(Op):
    @formula("A B")
    def forward(self, a: Any, b: Any) -> Any:
        plain = type(a) is type(b) is np.ndarray
        return a.dot(b) if plain and a.ndim == b.ndim == 2 else a @ b

    @formula("ḡ Bᵀ")
    def vjp_a(self, g: Any, y: Any, a: Any, b: Any) -> Any:
        if a.ndim == b.ndim == 2:
            return _product(g, b.T)
        if b.ndim == 1:
            return g[..., None] * b
        return (b @ g[..., None])[..., 0] if a.ndim == 1 else g @ _transposed(b)

    @formula("Aᵀ ḡ")
    def vjp_b(self, g: Any, y: Any, a: Any, b: Any) -> Any:
        if a.ndim == b.ndim == 2:
            return _product(a.T, g)
        if a.ndim == 1:
            return a * g if b.ndim == 1 else a[:, None] * g[..., None, :]
        return (_transposed(a) @ g[..., None])[..., 0] if b.ndim == 1 else _transposed(a) @ g


@implements(np.matmul)
def matmul(a: Any, b: Any) -> Any:
    """``a @ b``: vectors, matrices, and stacks of matrices that broadcast.

    Raises
    ------
    ValueError
        If the inner sizes differ.
    """
    try:
        return apply(Matmul(), a, b)
    except ValueError as error:
        raise ValueError(f"matmul: {_sizes(a)} @ {_sizes(b)}: {_mismatch(a, b)}") from error


class Linear(Op):
    """x W + b as one op: one box per layer in a drawing, one walk step instead of two.

    Fusing buys speed only; its twin is ``x @ weight + bias``, with which it agrees to the last bit.
    """

    @formula("x W + b")
    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        y = _product(x, weight)
        return np.add(y, bias, out=y if y.dtype == bias.dtype else None)

    @formula("ḡ Wᵀ")
    def vjp_x(self, g: Any, y: Any, x: Any, weight: Any, bias: Any) -> Any:
        return _product(g, weight.T)

    @formula("xᵀ ḡ")
    def vjp_weight(self, g: Any, y: Any, x: Any, weight: Any, bias: Any) -> Any:
        return _product(x.T, g)

    @formula("ḡ")
    def vjp_bias(self, g: Any, y: Any, x: Any, weight: Any, bias: Any) -> Any:
        return g  # the walk sums it over the rows: the bias was broadcast to each


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """``x @ weight + bias`` for rows x (N, in), weight (in, out) and bias (out,).

    An x with more axes, or with one, is computed as ``x @ weight + bias`` by separate ops.

    Raises
    ------
    ValueError
        If the sizes do not fit, naming both shapes.
    """
    if isinstance(x, (list, tuple)):
        x = np.asarray(x, weight.dtype)
    if bias is None or x.ndim != 2:
        y = matmul(x, weight)
        return y if bias is None else y + bias
    try:
        return apply(Linear(), x, weight, bias)
    except ValueError as error:
        what = f"{_sizes(x)} @ {_sizes(weight)} + {_sizes(bias)}"
        raise ValueError(f"linear: {what}: {_mismatch(x, weight)}") from error


def _sizes(x: Any) -> tuple[int, ...]:
    return tuple(x.shape) if hasattr(x, "shape") else np.shape(x)


def _mismatch(a: Any, b: Any) -> str:
    """What does not fit between the shapes of a product."""
    left, right = _sizes(a), _sizes(b)
    if not left or not right:
        return "a scalar has no inner axis; use * to scale"
    inner = right[-2] if len(right) > 1 else right[0]
    if left[-1] != inner:
        return (
            f"inner sizes {left[-1]} and {inner} differ; wanted a right operand of ({left[-1]}, …)"
        )
    return "the outer sizes do not broadcast"

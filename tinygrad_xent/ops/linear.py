"""Matrix products and their kin, and the linear layer as one op."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Op, apply, formula, implements
from .calling import as_array, shape_of
from .einsum import LETTERS, einsum
from .joining import roll
from .shape import axes_of, moveaxis, ravel, reshape, swapaxes

ndarray = np.ndarray


def _transposed(x: Any) -> Any:
    """The matrices of x transposed: its last two axes exchanged."""
    return x.T if x.ndim == 2 else swapaxes(x, -1, -2)


def _product(a: Any, b: Any) -> Any:
    """``a @ b`` of two matrices by `dot`: the method of plain arrays has half the overhead."""
    return a.dot(b) if type(a) is type(b) is ndarray else np.dot(a, b)


class Matmul(Op):
    __slots__ = ()

    @formula("A B")
    def forward(self, a: Any, b: Any) -> Any:
        if type(a) is type(b) is ndarray:
            return a.dot(b) if a.ndim == b.ndim == 2 else a @ b
        arrays = isinstance(a, ndarray) and isinstance(b, ndarray)  # as tracers say they are
        return _product(a, b) if arrays and a.ndim == b.ndim == 2 else a @ b

    @formula("ḡ Bᵀ")
    def vjp_a(self, g: Any, y: Any, a: Any, b: Any) -> Any:
        if a.ndim == b.ndim == 2:  # of stacks, `dot` takes twice the time of @
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
        raise ValueError(f"matmul: {shape_of(a)} @ {shape_of(b)}: {_mismatch(a, b)}") from error


class Linear(Op):
    """x W + b as one op: one box per layer in a drawing, one walk step instead of two.

    Fusing buys speed only; its twin is ``x @ weight + bias``, with which it agrees to the last bit.
    """

    __slots__ = ()

    @formula("x W + b")
    def forward(self, x: Any, weight: Any, bias: Any) -> Any:
        y = _product(x, weight)
        if y.dtype is not bias.dtype:
            return y + bias
        y += bias  # into the product, which is ours
        return y

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
        what = f"{shape_of(x)} @ {shape_of(weight)} + {shape_of(bias)}"
        raise ValueError(f"linear: {what}: {_mismatch(x, weight)}") from error


def _mismatch(a: Any, b: Any) -> str:
    """What does not fit between the shapes of a product."""
    left, right = shape_of(a), shape_of(b)
    if not left or not right:
        return "a scalar has no inner axis; use * to scale"
    inner = right[-2:][0]
    if left[-1] != inner:
        return (
            f"inner sizes {left[-1]} and {inner} differ; wanted a right operand of ({left[-1]}, …)"
        )
    return "the outer sizes do not broadcast"


@implements(np.dot)
def dot(a: Any, b: Any) -> Any:
    """The sum of products over the last axis of a and the last but one of b, as NumPy's.

    For vectors and matrices it is ``a @ b``, for a number ``a * b``.
    """
    a, b = as_array(a), as_array(b)
    if not a.ndim or not b.ndim:
        return a * b
    if b.ndim <= 2:
        return matmul(a, b)
    return tensordot(a, b, (-1, -2))


@implements(np.vdot)
def vdot(a: Any, b: Any) -> Any:
    """The sum of the products of all elements."""
    return matmul(ravel(a), ravel(b))


@implements(np.inner)
def inner(a: Any, b: Any) -> Any:
    """The sum of products over the last axes of both."""
    a, b = as_array(a), as_array(b)
    return tensordot(a, b, (-1, -1)) if a.ndim and b.ndim else a * b


@implements(np.outer)
def outer(a: Any, b: Any) -> Any:
    """All products of an element of a with one of b: a row for each of a's."""
    return reshape(a, (-1, 1)) * reshape(b, (1, -1))


@implements(np.tensordot)
def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum of products over pairs of axes: so many last ones of a with first ones of b, or two
    lists of axes.
    """
    a, b = as_array(a), as_array(b)
    if isinstance(axes, (int, np.integer)):
        axes = range(-axes, 0), range(axes)
    left, right = axes_of(axes[0], a.ndim, "tensordot"), axes_of(axes[1], b.ndim, "tensordot")
    if [a.shape[k] for k in left] != [b.shape[k] for k in right]:
        raise ValueError(
            f"tensordot: axes {left} of {tuple(a.shape)} and {right} of {tuple(b.shape)}; wanted "
            "pairs of one size"
        )
    of_a = list(LETTERS[: a.ndim])
    of_b = list(LETTERS[a.ndim : a.ndim + b.ndim])
    for i, j in zip(left, right, strict=True):
        of_b[j] = of_a[i]
    rest = [c for c in of_a + of_b if (c in of_a) != (c in of_b)]
    return einsum(f"{''.join(of_a)},{''.join(of_b)}->{''.join(rest)}", a, b)


@implements(np.cross)
def cross(
    a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None
) -> Any:
    """The vector at right angles to two vectors of three components.

    These lie along `axisa` of a, `axisb` of b and `axisc` of the result, or all along `axis`.
    """
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = moveaxis(a, axisa, -1), moveaxis(b, axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError(f"cross: {a.shape[-1]} and {b.shape[-1]} components; wanted 3 of each")
    y = roll(a, -1, -1) * roll(b, -2, -1) - roll(a, -2, -1) * roll(b, -1, -1)
    return moveaxis(y, -1, axisc)

"""Moving elements without computing: reshape, transpose, broadcast, cast and the like."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ..op import Op, apply, formula, implements
from ..value import Value
from .calling import as_array, run

Axes = int | tuple[int, ...]


def axis_of(axis: int, ndim: int, name: str) -> int:
    """The axis counted from the front; one that is not there is an error in the op's name."""
    return normalize_axis_index(axis, ndim, name)


def axes_of(axis: Any, ndim: int, name: str) -> tuple[int, ...]:
    """The same for one axis or several."""
    return normalize_axis_tuple(axis, ndim, name)


def on_axis(axis: int, part: Any) -> tuple[Any, ...]:
    """The index that takes `part` of one axis and all of the others."""
    return (slice(None),) * axis + (part,)


class Reshape(Op):
    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    @formula("reshape x to {shape}")
    def forward(self, x: Any) -> Any:
        return x.reshape(self.shape)

    @formula("ḡ in x's shape")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g.reshape(x.shape)


@implements(np.reshape)
def reshape(x: Any, shape: int | tuple[int, ...], order: str = "C") -> Any:
    """The same elements, in row-major order, in another shape; one size may be -1."""
    if order != "C":
        raise TypeError(f"reshape: order={order!r}; wanted 'C', the only one: transpose first")
    return run(Reshape(tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)), as_array(x))


@implements(np.ravel)
def ravel(x: Any, order: str = "C") -> Any:
    """All elements in a row."""
    return reshape(x, -1, order)


flatten = ravel


class Transpose(Op):
    def __init__(self, axes: tuple[int, ...] | None) -> None:
        self.axes = axes

    @formula("xᵀ")
    def forward(self, x: Any) -> Any:
        return x.transpose(self.axes)

    @formula("ḡᵀ")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        back = (
            None
            if self.axes is None
            else tuple(np.argsort([k % x.ndim for k in self.axes]).tolist())
        )
        return g.transpose(back)


@implements(np.transpose)
def transpose(x: Any, axes: tuple[int, ...] | None = None) -> Any:
    """The axes in another order; reversed if none is given."""
    return run(Transpose(None if axes is None else tuple(axes)), as_array(x))


@implements(np.matrix_transpose)
def matrix_transpose(x: Any) -> Any:
    """The last two axes exchanged."""
    if x.ndim < 2:
        raise ValueError(f"matrix_transpose: got shape {x.shape}; wanted two axes or more")
    return swapaxes(x, -1, -2)


@implements(np.swapaxes)
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    x = as_array(x)
    axes = list(range(x.ndim))
    i, j = axis_of(axis1, x.ndim, "swapaxes"), axis_of(axis2, x.ndim, "swapaxes")
    axes[i], axes[j] = j, i
    return transpose(x, tuple(axes))


@implements(np.moveaxis)
def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    """One axis, or several, moved to other places; the others keep their order."""
    x = as_array(x)
    sources = axes_of(source, x.ndim, "moveaxis")
    destinations = axes_of(destination, x.ndim, "moveaxis")
    if len(sources) != len(destinations):
        raise ValueError(f"moveaxis: {len(sources)} axes to {len(destinations)} places")
    axes = [k for k in range(x.ndim) if k not in sources]
    for place, axis in sorted(zip(destinations, sources, strict=True)):
        axes.insert(place, axis)
    return transpose(x, tuple(axes))


@implements(np.rollaxis)
def rollaxis(x: Any, axis: int, start: int = 0) -> Any:
    """One axis moved in front of axis `start`; `moveaxis` is easier to read."""
    x = as_array(x)
    axis = axis_of(axis, x.ndim, "rollaxis")
    start = axis_of(start, x.ndim + (start >= 0), "rollaxis")  # the end has no negative number
    return moveaxis(x, axis, start - (axis < start))


@implements(np.squeeze)
def squeeze(x: Any, axis: Axes | None = None) -> Any:
    """Without the axes of size 1, or without those named."""
    x = as_array(x)
    if axis is None:
        return reshape(x, tuple(n for n in x.shape if n != 1))
    shape = x.shape or (1,)  # a number is taken as if it had an axis, as by NumPy
    axes = axes_of(axis, len(shape), "squeeze")
    for k in axes:
        if shape[k] != 1:
            raise ValueError(f"squeeze: axis {k} of {x.shape} has size {shape[k]}; wanted 1")
    return reshape(x, tuple(n for k, n in enumerate(x.shape) if k not in axes))


@implements(np.expand_dims)
def expand_dims(x: Any, axis: Axes) -> Any:
    """New axes of size 1, at these places of the result."""
    x = as_array(x)
    ndim = x.ndim + (1 if isinstance(axis, (int, np.integer)) else len(axis))
    axes = axes_of(axis, ndim, "expand_dims")
    sizes = iter(x.shape)
    return reshape(x, tuple(1 if k in axes else next(sizes) for k in range(ndim)))


class BroadcastTo(Op):
    name = "broadcast_to"

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape

    @formula("x, repeated to {shape}")
    def forward(self, x: Any) -> Any:
        return np.broadcast_to(x, self.shape)

    @formula("ḡ")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g  # the walk sums over what was stretched, as it does everywhere


@implements(np.broadcast_to)
def broadcast_to(x: Any, shape: int | tuple[int, ...]) -> Any:
    """Repeated along new axes and axes of size 1, without copying."""
    op = BroadcastTo(tuple(shape) if np.iterable(shape) else (shape,))
    try:
        return apply(op, x)
    except ValueError as error:
        raise ValueError(
            f"broadcast_to: got shape {as_array(x).shape}; wanted one that stretches to {op.shape}"
        ) from error


@implements(np.broadcast_arrays)
def broadcast_arrays(*arrays: Any) -> tuple[Any, ...]:
    """All of them repeated to the shape in which they line up."""
    shape = np.broadcast_shapes(*(as_array(x).shape for x in arrays))
    return tuple(broadcast_to(x, shape) for x in arrays)


@implements(np.meshgrid)
def meshgrid(*axes: Any, indexing: str = "xy") -> tuple[Any, ...]:
    """The coordinates of all points of a grid, one array for each axis."""
    n = len(axes)
    grid = broadcast_arrays(
        *(reshape(x, tuple(-1 if i == k else 1 for i in range(n))) for k, x in enumerate(axes))
    )
    return tuple(swapaxes(x, 0, 1) for x in grid) if indexing == "xy" and n > 1 else grid


@implements(np.atleast_1d)
def atleast_1d(*arrays: Any) -> Any:
    """With at least one axis: a number becomes (1,)."""
    return _each(lambda x: reshape(x, 1) if not x.ndim else x, arrays)


@implements(np.atleast_2d)
def atleast_2d(*arrays: Any) -> Any:
    """With at least two axes: (n,) becomes (1, n)."""
    return _each(lambda x: reshape(x, (1, -1)) if x.ndim < 2 else x, arrays)


@implements(np.atleast_3d)
def atleast_3d(*arrays: Any) -> Any:
    """With at least three axes: (n,) becomes (1, n, 1) and (m, n) becomes (m, n, 1)."""
    return _each(
        lambda x: expand_dims(atleast_2d(x), 2) if x.ndim < 3 else x,
        arrays,
    )


def _each(f: Any, arrays: tuple[Any, ...]) -> Any:
    """The result for one array, a tuple of them for several."""
    results = tuple(f(as_array(x)) for x in arrays)
    return results[0] if len(results) == 1 else results


class AsType(Op):
    name = "astype"
    chooses_dtype = True

    def __init__(self, dtype: Any) -> None:
        self.dtype = np.dtype(dtype)

    @formula("x as {dtype}")
    def forward(self, x: Any) -> Any:
        return x.astype(self.dtype)

    @formula("ḡ as x's dtype")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g.astype(x.dtype)


def astype(x: Any, dtype: Any) -> Any:
    """The same numbers in another dtype; integers and bools have no gradient."""
    op = AsType(dtype)
    if isinstance(x, Value) and op.dtype.kind != "f":
        return type(x).wrap(x._array.astype(op.dtype))
    return run(op, as_array(x))

"""Taking elements out and putting them back, sorting, turning round, diagonals."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..op import Op, formula, implements
from ..value import Value
from .calling import as_array, run
from .elementary import where
from .reduction import Axis, sum
from .shape import axes_of, axis_of, moveaxis, on_axis, ravel, swapaxes


class GetItem(Op):
    """x[index]. Its mirror is ScatterAdd: each is the other's rule."""

    name = "getitem"

    def __init__(self, index: Any) -> None:
        self.index = index

    @formula("x[index]")
    def forward(self, x: Any) -> Any:
        return x[self.index]

    @formula("ḡ put back at index, the rest 0")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return scatter_add(g, self.index, x.shape)


def getitem(x: Any, index: Any) -> Any:
    """``x[index]`` as in NumPy; an element that is taken twice gets both gradients."""
    return run(GetItem(_frozen(index)), x)


class ScatterAdd(Op):
    """Zeros with x added at index. Its mirror is GetItem: each is the other's rule."""

    name = "scatter_add"

    def __init__(self, index: Any, shape: tuple[int, ...]) -> None:
        self.index = index
        self.shape = shape

    @formula("zeros of {shape}, x added at index")
    def forward(self, x: Any) -> Any:
        # A tracer may stand in the index alone: it is what has to see this.
        arrays = (np.ndarray, np.generic)
        seen = [a for a in (x, *_arrays_in(self.index)) if not issubclass(type(a), arrays)]
        y = np.zeros_like(seen[0] if seen else x, x.dtype, shape=self.shape)
        if _takes_each_once(self.index):
            y[self.index] = x
        else:
            np.add.at(y, self.index, x)
        return y

    @formula("ḡ[index]")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return getitem(g, self.index)


def scatter_add(x: Any, index: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of `shape` to which x is added at `index`; repeated indices accumulate."""
    return run(ScatterAdd(_frozen(index), shape), x)


def _frozen(index: Any) -> Any:
    """The index as it is now: the user may write into an index array before backward."""
    if isinstance(index, tuple):
        return tuple(_frozen(part) for part in index)
    if isinstance(index, list):
        return np.array([_frozen(part) for part in index], None if index else np.intp)
    if isinstance(index, Value):
        index = index._array
    return index.copy() if isinstance(index, np.ndarray) else index


def _arrays_in(index: Any) -> list[Any]:
    parts = index if isinstance(index, tuple) else (index,)
    return [part for part in parts if isinstance(part, np.ndarray)]


def _takes_each_once(index: Any) -> bool:
    """Whether no element can be taken twice: numbers, slices and masks, but no integer arrays."""
    return all(part.dtype == bool for part in _arrays_in(index))


def _plain(x: Any) -> Any:
    """The numbers of x, for what has no derivative: where to find things."""
    return x._array if isinstance(x, Value) else as_array(x)


@implements(np.take)
def take(x: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
    """``x[..., indices, ...]`` at `axis`, or of all elements in a row.

    ``mode="clip"`` takes the nearest end for an index out of range, and ``"wrap"`` starts again.
    """
    x, indices = as_array(x), _plain(indices)
    x, axis = (ravel(x), 0) if axis is None else (x, axis_of(axis, x.ndim, "take"))
    if mode == "clip":
        indices = np.clip(indices, 0, x.shape[axis] - 1)
    elif mode == "wrap":
        indices = indices % x.shape[axis]
    elif mode != "raise":
        raise ValueError(f"take: mode={mode!r}; wanted 'raise', 'clip' or 'wrap'")
    return getitem(x, on_axis(axis, indices))


@implements(np.take_along_axis)
def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
    """From each line of x along `axis` the elements at the line of `indices` beside it.

    Examples
    --------
    >>> import numpy as np
    >>> take_along_axis(np.array([[5.0, 6.0], [7.0, 8.0]]), np.array([[1], [0]]), axis=1)
    array([[6.],
           [7.]])
    """
    x, indices = as_array(x), _plain(indices)
    if axis is None:
        x, axis = ravel(x), 0
    axis = axis_of(axis, x.ndim, "take_along_axis")
    if indices.ndim != x.ndim:
        raise ValueError(
            f"take_along_axis: indices of shape {indices.shape} for x of shape {x.shape}; wanted "
            "as many axes"
        )
    index = [
        indices if k == axis else np.arange(n).reshape((-1,) + (1,) * (x.ndim - k - 1))
        for k, n in enumerate(x.shape)
    ]
    return getitem(x, tuple(index))


@implements(np.sort)
def sort(x: Any, axis: int | None = -1) -> Any:
    """In ascending order along `axis` (None: all in a row), nan last."""
    x = as_array(x)
    x, axis = (ravel(x), 0) if axis is None else (x, axis)
    if not x.ndim and axis in (0, -1):
        return x
    axis = normalize_axis_index(axis, x.ndim, "sort")
    return take_along_axis(x, np.argsort(_plain(x), axis=axis, kind="stable"), axis)


@implements(np.partition)
def partition(x: Any, kth: Any, axis: int | None = -1) -> Any:
    """With the element number `kth` in its sorted place, no larger one before it."""
    x = as_array(x)
    x, axis = (ravel(x), 0) if axis is None else (x, axis)
    return take_along_axis(x, np.argpartition(_plain(x), kth, axis=axis), axis)


@implements(np.median)
def median(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The middle element over `axis`, or the mean of the two in the middle."""
    x = as_array(x)
    axes = axes_of(range(x.ndim) if axis is None else axis, x.ndim, "median")
    others = [n for k, n in enumerate(x.shape) if k not in axes]
    lines = sort(moveaxis(x, axes, range(-len(axes), 0)).reshape((*others, -1)))
    n = lines.shape[-1]
    y = (lines[..., (n - 1) // 2] + lines[..., n // 2]) / 2
    y = where(np.isnan(_plain(lines)[..., -1]), np.nan, y)
    return y.reshape([1 if k in axes else n for k, n in enumerate(x.shape)]) if keepdims else y


@implements(np.flip)
def flip(x: Any, axis: Axis = None) -> Any:
    """In reverse order along `axis`: one, several, or all."""
    x = as_array(x)
    axes = axes_of(range(x.ndim) if axis is None else axis, x.ndim, "flip")
    return getitem(x, tuple(slice(None, None, -1 if k in axes else 1) for k in range(x.ndim)))


@implements(np.flipud)
def flipud(x: Any) -> Any:
    """Upside down: the rows in reverse order."""
    return flip(x, 0)


@implements(np.fliplr)
def fliplr(x: Any) -> Any:
    """Left to right: the columns in reverse order."""
    return flip(x, 1)


@implements(np.rot90)
def rot90(x: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """Turned by k right angles, from the first of two axes to the second."""
    x = as_array(x)
    first, second = axes_of(axes, x.ndim, "rot90")
    if k % 4 == 2:
        return flip(x, (first, second))
    turned = flip(x, second) if k % 4 == 1 else x
    turned = swapaxes(turned, first, second) if k % 2 else turned
    return flip(turned, second) if k % 4 == 3 else turned


@implements(np.diagonal)
def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The elements x[..., i, i + offset] of two axes, as the last axis of the result."""
    x = as_array(x)
    if x.ndim < 2:
        raise ValueError(f"diagonal: got shape {x.shape}; wanted two axes or more")
    x = moveaxis(x, (axis1, axis2), (-2, -1))
    return getitem(x, (..., *_on_diagonal(x.shape[-2], x.shape[-1], offset)))


def _on_diagonal(rows: int, columns: int, offset: int) -> tuple[Any, Any]:
    start, above = max(0, -offset), max(0, offset)
    i = np.arange(max(0, min(rows - start, columns - above)))
    return i + start, i + above


@implements(np.diag)
def diag(x: Any, k: int = 0) -> Any:
    """The diagonal of a matrix, or a matrix of zeros with this diagonal."""
    x = as_array(x)
    if x.ndim == 2:
        return diagonal(x, k)
    if x.ndim != 1:
        raise ValueError(f"diag: got shape {x.shape}; wanted one axis or two")
    n = x.shape[0] + abs(k)
    return scatter_add(x, _on_diagonal(n, n, k), (n, n))


@implements(np.trace)
def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The sum of the diagonal."""
    return sum(diagonal(x, offset, axis1, axis2), -1)


@implements(np.triu)
def triu(x: Any, k: int = 0) -> Any:
    """The upper triangle, from diagonal k on; zeros below it."""
    x = as_array(x)
    return where(_on_and_below(x, k - 1), 0, x)


@implements(np.tril)
def tril(x: Any, k: int = 0) -> Any:
    """The lower triangle, up to diagonal k; zeros above it."""
    x = as_array(x)
    return where(_on_and_below(x, k), x, 0)


def _on_and_below(x: Any, k: int) -> Any:
    return np.tri(x.shape[-2], x.shape[-1], k, dtype=bool)

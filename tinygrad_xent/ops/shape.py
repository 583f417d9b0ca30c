"""Moving elements without computing: reshape, transpose, broadcast, cast and indexing."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Op, apply, formula, implements
from ..value import Value


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
def reshape(x: Any, shape: int | tuple[int, ...]) -> Any:
    """The same elements, in row-major order, in another shape; one size may be -1."""
    return apply(Reshape((shape,) if isinstance(shape, int) else tuple(shape)), x)


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
    return apply(Transpose(None if axes is None else tuple(axes)), x)


@implements(np.swapaxes)
def swapaxes(x: Any, axis1: int, axis2: int) -> Any:
    """Two axes exchanged."""
    axes = list(range(x.ndim))
    axes[axis1], axes[axis2] = axes[axis2], axes[axis1]
    return transpose(x, tuple(axes))


@implements(np.moveaxis)
def moveaxis(x: Any, source: int, destination: int) -> Any:
    """One axis moved to another place; the others keep their order."""
    axes = list(range(x.ndim))
    axes.insert(destination % x.ndim, axes.pop(source))
    return transpose(x, tuple(axes))


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
def broadcast_to(x: Any, shape: tuple[int, ...]) -> Any:
    """Repeated along new axes and axes of size 1, without copying."""
    return apply(BroadcastTo(tuple(shape)), x)


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
    """The same numbers in another floating dtype."""
    return apply(AsType(dtype), x)


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
    return apply(GetItem(_frozen(index)), x)


class ScatterAdd(Op):
    """Zeros with x added at index. Its mirror is GetItem: each is the other's rule."""

    name = "scatter_add"

    def __init__(self, index: Any, shape: tuple[int, ...]) -> None:
        self.index = index
        self.shape = shape

    @formula("zeros of {shape}, x added at index")
    def forward(self, x: Any) -> Any:
        y = np.zeros_like(x, shape=self.shape)
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
    return apply(ScatterAdd(_frozen(index), shape), x)


def _frozen(index: Any) -> Any:
    """The index as it is now: the user may write into an index array before backward."""
    if isinstance(index, tuple):
        return tuple(_frozen(part) for part in index)
    if isinstance(index, Value):
        index = index._array
    return np.array(index) if isinstance(index, (np.ndarray, list)) else index


def _takes_each_once(index: Any) -> bool:
    """Whether no element can be taken twice: numbers, slices and masks, but no integer arrays."""
    parts = index if isinstance(index, tuple) else (index,)
    return all(not isinstance(part, np.ndarray) or part.dtype == bool for part in parts)

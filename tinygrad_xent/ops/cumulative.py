"""Running sums and products, and the product of all: right also where elements are 0."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import Op, formula, implements
from .calling import as_array, run
from .elementary import beside
from .joining import concatenate
from .reduction import Axis, Reduction
from .shape import astype, axes_of, axis_of, on_axis, reshape


class Along(Op):
    """What runs along one axis."""

    def __init__(self, axis: int) -> None:
        self.axis = axis


class CumSum(Along):
    @formula("x₁ + … + xᵢ")
    def forward(self, x: Any) -> Any:
        return np.cumsum(x, axis=self.axis)

    @formula("ḡᵢ + … + ḡₙ")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return np.flip(np.cumsum(np.flip(g, self.axis), self.axis), self.axis)


@implements(np.cumsum)
def cumsum(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The running sum along `axis`, or of all elements in a row."""
    x, axis = _along(x, axis, dtype, "cumsum")
    return run(CumSum(axis), x)


class CumProd(Along):
    @formula("x₁ ⋯ xᵢ")
    def forward(self, x: Any) -> Any:
        return np.cumprod(x, axis=self.axis)

    @formula("x₁ ⋯ xᵢ₋₁ (ḡᵢ + xᵢ₊₁ (ḡᵢ₊₁ + xᵢ₊₂ (…)))")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return _before(y, self.axis, 1) * _backward(x, g, self.axis)


@implements(np.cumprod)
def cumprod(x: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """The running product along `axis`, or of all elements in a row."""
    x, axis = _along(x, axis, dtype, "cumprod")
    return run(CumProd(axis), x)


def _along(x: Any, axis: int | None, dtype: Any, name: str) -> tuple[Any, int]:
    x = as_array(x)
    if dtype is not None:
        x = astype(x, dtype)
    if axis is None or not x.ndim:
        return reshape(x, -1), 0
    return x, axis_of(axis, x.ndim, name)


class Recurrence(Along):
    """yᵢ = aᵢ yᵢ₋₁ + bᵢ along an axis, from y₀ = 0: what running products backpropagate by."""

    @formula("yᵢ = aᵢ yᵢ₋₁ + bᵢ")
    def forward(self, a: Any, b: Any) -> Any:
        result = np.zeros_like(b)
        y = np.moveaxis(result, self.axis, 0)
        factors, terms = np.moveaxis(a, self.axis, 0), np.moveaxis(b, self.axis, 0)
        last: Any = 0.0
        for i in range(len(y)):
            y[i] = last = factors[i] * last + terms[i]
        return result

    @formula("λᵢ yᵢ₋₁")
    def vjp_a(self, g: Any, y: Any, a: Any, b: Any) -> Any:
        return _backward(a, g, self.axis) * _before(y, self.axis, 0)

    @formula("λᵢ = ḡᵢ + aᵢ₊₁ λᵢ₊₁")
    def vjp_b(self, g: Any, y: Any, a: Any, b: Any) -> Any:
        return _backward(a, g, self.axis)


def recurrence(a: Any, b: Any, axis: int = -1) -> Any:
    """``y[i] = a[i] * y[i - 1] + b[i]`` along `axis`, from 0: a discounted running sum.

    Examples
    --------
    >>> import numpy as np
    >>> recurrence(np.array([0.5, 0.5, 0.5]), np.array([1.0, 1.0, 1.0]))
    array([1.  , 1.5 , 1.75])
    """
    return run(Recurrence(axis_of(axis, as_array(b).ndim, "recurrence")), a, b)


def _before(y: Any, axis: int, first: float) -> Any:
    """Y moved on by one place along the axis, with `first` in front."""
    front = np.full_like(y[on_axis(axis, slice(1))], first)
    return concatenate([front, y[on_axis(axis, slice(-1))]], axis)


def _backward(a: Any, g: Any, axis: int) -> Any:
    """The recurrence from the end, λᵢ = gᵢ + aᵢ₊₁ λᵢ₊₁."""
    after = _before(np.flip(a, axis), axis, 1)
    return np.flip(recurrence(after, np.flip(g, axis), axis), axis)


class Prod(Reduction):
    @formula("Π x")
    def forward(self, x: Any) -> Any:
        return np.prod(x, axis=self.axis, keepdims=self.keepdims)

    @formula("ḡ ⊙ Π of the others")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        # What is before times what is after: dividing y by x would fail where x is 0.
        axes = self.axes(x)
        last = tuple(range(-len(axes), 0))
        moved = np.moveaxis(x, axes, last)
        outer = moved.shape[: moved.ndim - len(axes)]
        flat = moved.reshape((*outer, math.prod(moved.shape[len(outer) :])))
        k = len(outer)
        before = _before(np.cumprod(flat, k), k, 1)
        after = np.flip(_before(np.cumprod(np.flip(flat, k), k), k, 1), k)
        others = np.moveaxis((before * after).reshape(moved.shape), last, axes)
        return g.reshape(self.kept(x)) * others


@implements(np.prod)
def prod(x: Any, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None) -> Any:
    """The product over `axis`, in `dtype` if that is given; its gradient is right at zeros too."""
    x = as_array(x)
    return run(Prod(axis, keepdims), x if dtype is None else astype(x, dtype))


@implements(np.diff)
def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = None, append: Any = None) -> Any:
    """What each element differs by from the one before it, `n` times over.

    `prepend` and `append` are put at the ends first; a number stands for one place.

    Examples
    --------
    >>> import numpy as np
    >>> diff(np.array([1.0, 4.0, 9.0]))
    array([3., 5.])
    """
    x = as_array(x)
    if n < 0:
        raise ValueError(f"diff: n={n}; wanted 0 or more")
    if n == 0:
        return x
    axis = axis_of(axis, x.ndim, "diff")
    one = (*x.shape[:axis], 1, *x.shape[axis + 1 :])
    ends = [
        e if e is None or np.ndim(e) else np.broadcast_to(beside(as_array(e), x), one)
        for e in (prepend, append)
    ]
    parts = [part for part in (ends[0], x, ends[1]) if part is not None]
    x = concatenate(parts, axis) if len(parts) > 1 else x
    for _ in range(n):
        x = x[on_axis(axis, slice(1, None))] - x[on_axis(axis, slice(-1))]
    return x


@implements(np.gradient)
def gradient(x: Any, *spacing: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """The slope of sampled values along each axis: central differences, one-sided at the ends.

    Parameters
    ----------
    spacing
        Nothing (1), one distance for all axes, or for each axis its own: a distance, or the places
        of the samples, which may be unevenly spaced.
    axis
        One axis (one result), or several; None means all, and a tuple of results if there are
        several.
    edge_order
        1: at the ends the difference of two samples; 2: the slope of a parabola through three.

    Examples
    --------
    >>> import numpy as np
    >>> gradient(np.array([0.0, 1.0, 4.0, 9.0]))
    array([1., 2., 4., 5.])
    """
    x = as_array(x)
    axes = axes_of(range(x.ndim) if axis is None else axis, x.ndim, "gradient")
    distances = spacing * len(axes) if len(spacing) == 1 and np.ndim(spacing[0]) == 0 else spacing
    if len(distances or axes) != len(axes) or edge_order not in (1, 2):
        raise ValueError(
            f"gradient: {len(spacing)} spacings, edge_order={edge_order}; wanted one or "
            f"{len(axes)} spacings and an edge_order of 1 or 2"
        )
    slopes = tuple(
        _slope(x, along, distance, edge_order)
        for along, distance in zip(axes, distances or (1.0,) * len(axes), strict=True)
    )
    return slopes[0] if len(slopes) == 1 else slopes


def _slope(x: Any, axis: int, distance: Any, edge_order: int) -> Any:
    """Along one axis, the slope of the parabola through each sample and its two neighbours."""
    n = x.shape[axis]
    if n <= edge_order:
        raise ValueError(f"gradient: axis {axis} has size {n}; wanted {edge_order + 1} or more")
    if np.ndim(distance) and len(distance) != n:
        raise ValueError(f"gradient: {len(distance)} places for the {n} samples of axis {axis}")
    h = np.diff(distance) if np.ndim(distance) else np.full(n - 1, distance)
    one_by_one = (-1,) + (1,) * (x.ndim - axis - 1)
    differences = x[on_axis(axis, slice(1, None))] - x[on_axis(axis, slice(-1))]
    dtype = x.dtype if x.dtype.kind == "f" else np.float64
    rise = differences / h.reshape(one_by_one).astype(dtype)
    left, right = rise[on_axis(axis, slice(-1))], rise[on_axis(axis, slice(1, None))]
    share = (h[:-1] / (h[:-1] + h[1:])).reshape(one_by_one).astype(dtype)
    inside = left + (right - left) * share
    first, last = rise[on_axis(axis, slice(1))], rise[on_axis(axis, slice(-1, None))]
    if edge_order == 2:  # the parabola of the nearest three: as far beyond its slope as below
        first = 2 * first - inside[on_axis(axis, slice(1))]
        last = 2 * last - inside[on_axis(axis, slice(-1, None))]
    return concatenate([first, inside, last], axis)

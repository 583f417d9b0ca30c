"""Sums, means and maxima over axes: None for all, an int or several, negative from the end."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import Op, apply, formula, implements
from .shape import broadcast_to

Axis = int | tuple[int, ...] | None


class Reduction(Op):
    """What reductions share: the axes, and the shape in which a result lines up with its input."""

    def __init__(self, axis: Axis = None, keepdims: bool = False) -> None:
        self.axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
        self.keepdims = keepdims

    def axes(self, x: Any) -> tuple[int, ...]:
        """The reduced axes, counted from the front."""
        if self.axis is None:
            return tuple(range(x.ndim))
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        return tuple(axis % x.ndim for axis in axes)

    def kept(self, x: Any) -> tuple[int, ...]:
        """The shape of the result with the reduced axes kept as 1."""
        axes = self.axes(x)
        return tuple(1 if k in axes else n for k, n in enumerate(x.shape))


class Sum(Reduction):
    @formula("Σ x")
    def forward(self, x: Any) -> Any:
        return x.sum(axis=self.axis, keepdims=self.keepdims)

    @formula("ḡ, repeated")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return broadcast_to(g.reshape(self.kept(x)), x.shape)


@implements(np.sum)
def sum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum over `axis`."""
    return apply(Sum(axis, keepdims), x)


class Mean(Reduction):
    @formula("Σ x / n")
    def forward(self, x: Any) -> Any:
        return x.mean(axis=self.axis, keepdims=self.keepdims)

    @formula("ḡ / n, repeated")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        n = math.prod(x.shape[k] for k in self.axes(x))
        return broadcast_to((g / n).reshape(self.kept(x)), x.shape)


@implements(np.mean)
def mean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean over `axis`."""
    return apply(Mean(axis, keepdims), x)


class Max(Reduction):
    @formula("max x")
    def forward(self, x: Any) -> Any:
        return x.max(axis=self.axis, keepdims=self.keepdims)

    @formula("ḡ [x = y] / ties")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        largest = x == y.reshape(self.kept(x))
        ties = np.sum(largest, axis=self.axis, keepdims=True, dtype=x.dtype)
        return g.reshape(self.kept(x)) / ties * largest


@implements(np.max)
def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element over `axis`; its gradient is shared evenly among ties."""
    return apply(Max(axis, keepdims), x)

"""Sums, means and extremes over axes: None for all, an int or several, negative from the end."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..op import Op, formula, implements
from .calling import as_array, run
from .shape import astype, broadcast_to

Axis = int | tuple[int, ...] | None


class Reduction(Op):
    """What reductions share: the axes, and the shape in which a result lines up with its input."""

    def __init__(self, axis: Axis = None, keepdims: bool = False) -> None:
        if keepdims not in (True, False):
            raise TypeError(
                f"{self.name}: keepdims={keepdims!r}; wanted True or False, and dtype= by its name"
            )
        self.axis = tuple(axis) if isinstance(axis, (list, tuple)) else axis
        self.keepdims = keepdims

    def axes(self, x: Any) -> tuple[int, ...]:
        """The reduced axes, counted from the front."""
        if self.axis is None or not x.ndim:
            return tuple(range(x.ndim))
        axes = self.axis if isinstance(self.axis, tuple) else (self.axis,)
        return tuple(axis % x.ndim for axis in axes)

    def over(self, x: Any) -> Axis:
        """The axes as `forward` wants them: a number is taken as if it had one."""
        return None if not x.ndim and self.axis in (0, -1, (0,), (-1,)) else self.axis

    def kept(self, x: Any) -> tuple[int, ...]:
        """The shape of the result with the reduced axes kept as 1."""
        axes = self.axes(x)
        return tuple(1 if k in axes else n for k, n in enumerate(x.shape))

    def count(self, x: Any) -> int:
        """How many elements become one."""
        return math.prod(x.shape[k] for k in self.axes(x))


class Sum(Reduction):
    @formula("Σ x")
    def forward(self, x: Any) -> Any:
        return x.sum(axis=self.axis, keepdims=self.keepdims)

    @formula("ḡ, repeated")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return broadcast_to(g.reshape(self.kept(x)), x.shape)


@implements(np.sum)
def sum(x: Any, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None) -> Any:
    """The sum over `axis`, in `dtype` if that is given."""
    return run(Sum(axis, keepdims), _in(x, dtype))


class Mean(Reduction):
    @formula("Σ x / n")
    def forward(self, x: Any) -> Any:
        return x.mean(axis=self.over(x), keepdims=self.keepdims)

    @formula("ḡ / n, repeated")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return broadcast_to((g / (self.count(x) or 1)).reshape(self.kept(x)), x.shape)


@implements(np.mean)
def mean(x: Any, axis: Axis = None, keepdims: bool = False, *, dtype: Any = None) -> Any:
    """The mean over `axis`, in `dtype` if that is given."""
    return run(Mean(axis, keepdims), _in(x, dtype))


def _in(x: Any, dtype: Any) -> Any:
    x = as_array(x)
    return x if dtype is None else astype(x, dtype)


class Max(Reduction):
    @formula("max x")
    def forward(self, x: Any) -> Any:
        return x.max(axis=self.axis, keepdims=self.keepdims)

    @formula("ḡ [x = y] / ties")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return _shared(self, g, y, x)


@implements(np.max)
@implements(np.amax)
def max(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The largest element over `axis`; its gradient is shared evenly among ties."""
    return run(Max(axis, keepdims), as_array(x))


class Min(Reduction):
    @formula("min x")
    def forward(self, x: Any) -> Any:
        return x.min(axis=self.axis, keepdims=self.keepdims)

    @formula("ḡ [x = y] / ties")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return _shared(self, g, y, x)


@implements(np.min)
@implements(np.amin)
def min(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The smallest element over `axis`; its gradient is shared evenly among ties."""
    return run(Min(axis, keepdims), as_array(x))


def _shared(op: Reduction, g: Any, y: Any, x: Any) -> Any:
    """The gradient g of an extreme y, shared by the elements that equal it, or are nan if y is."""
    extreme = (x == y.reshape(op.kept(x))) | (x != x)
    ties = np.sum(extreme, axis=op.axis, keepdims=True, dtype=x.dtype)
    return g.reshape(op.kept(x)) / ties * extreme


amax = max
amin = min


@implements(np.ptp)
def ptp(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The range over `axis`: the largest element less the smallest ("peak to peak")."""
    return max(x, axis, keepdims) - min(x, axis, keepdims)


class Var(Reduction):
    def __init__(self, axis: Axis, keepdims: bool, ddof: float) -> None:
        super().__init__(axis, keepdims)
        self.ddof = ddof

    @formula("Σ (x - mean)² / (n - {ddof})")
    def forward(self, x: Any) -> Any:
        return np.var(x, axis=self.over(x), keepdims=self.keepdims, ddof=self.ddof)

    @formula("ḡ ⊙ 2 (x - mean) / (n - {ddof})")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return self.centred(x) * (2 * g.reshape(self.kept(x))) / self.freedom(x)

    def centred(self, x: Any) -> Any:
        """X less its mean."""
        return x - np.mean(x, axis=self.over(x), keepdims=True)

    def freedom(self, x: Any) -> float:
        """What the sum of squares is divided by."""
        return builtins.max(self.count(x) - self.ddof, 0)


@implements(np.var)
def var(
    x: Any,
    axis: Axis = None,
    keepdims: bool = False,
    *,
    ddof: float = 0,
    correction: float | None = None,
    dtype: Any = None,
) -> Any:
    """The variance over `axis`: squared distances from the mean over n - ddof.

    `ddof` is 0 as in NumPy; PyTorch's default is ``correction=1``, another name of it.
    """
    return run(Var(axis, keepdims, ddof if correction is None else correction), _in(x, dtype))


class Std(Var):
    """The root of the variance as one op: its slope is 0, not 0 / 0, where all elements agree."""

    @formula("√(Σ (x - mean)² / (n - {ddof}))")
    def forward(self, x: Any) -> Any:
        return np.std(x, axis=self.over(x), keepdims=self.keepdims, ddof=self.ddof)

    @formula("ḡ ⊙ (x - mean) / (y (n - {ddof}))")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        per_y = np.where(y == 0, 0.0, g) / np.where(y == 0, 1.0, y)
        return self.centred(x) * per_y.reshape(self.kept(x)) / self.freedom(x)


@implements(np.std)
def std(
    x: Any,
    axis: Axis = None,
    keepdims: bool = False,
    *,
    ddof: float = 0,
    correction: float | None = None,
    dtype: Any = None,
) -> Any:
    """The standard deviation over `axis`, the root of `var`; its slope at 0 is taken as 0."""
    return run(Std(axis, keepdims, ddof if correction is None else correction), _in(x, dtype))


@implements(np.nansum)
def nansum(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The sum over `axis` of what is not nan."""
    return sum(np.where(np.isnan(x), 0.0, x), axis, keepdims)


@implements(np.nanmean)
def nanmean(x: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The mean over `axis` of what is not nan."""
    there = np.sum(~np.isnan(x), axis=axis, keepdims=keepdims)
    return nansum(x, axis, keepdims) / there


@implements(np.average)
def average(x: Any, axis: Axis = None, weights: Any = None, *, keepdims: bool = False) -> Any:
    """The mean over `axis`, each element counted with its weight.

    Examples
    --------
    >>> import numpy as np
    >>> float(average(np.array([1.0, 4.0]), weights=np.array([2.0, 1.0])))
    2.0
    """
    x = as_array(x)
    if weights is None:
        return mean(x, axis, keepdims)
    w = as_array(weights)
    if w.shape != x.shape:
        if w.ndim != 1 or not isinstance(axis, (int, np.integer)) or w.shape[0] != x.shape[axis]:
            raise ValueError(
                f"average: weights of shape {w.shape} for x of shape {x.shape} and axis={axis}; "
                "wanted the shape of x, or one weight for each place along an axis"
            )
        w = broadcast_to(
            w.reshape([-1 if k == axis % x.ndim else 1 for k in range(x.ndim)]), x.shape
        )
    return sum(x * w, axis, keepdims) / sum(w, axis, keepdims)

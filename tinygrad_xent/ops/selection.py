"""Choosing among numbers: maxima and minima, bounds, and the smooth maximum."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import Op, formula, implements
from .calling import run
from .elementary import sigmoid, where


@implements(np.select)
def select(condlist: Any, choicelist: Any, default: Any = 0) -> Any:
    """For each element the first choice whose condition holds, or the default."""
    if len(condlist) != len(choicelist):
        raise ValueError(
            f"select: {len(condlist)} conditions and {len(choicelist)} choices; wanted as many"
        )
    y = default
    for condition, choice in zip(reversed(condlist), reversed(choicelist), strict=True):
        y = where(condition, choice, y)
    return y


class Maximum(Op):
    @formula("max(x, y)")
    def forward(self, x: Any, y: Any) -> Any:
        return np.maximum(x, y)

    @formula("ḡ where x > y, ḡ / 2 where equal")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return np.where(x < y, 0.0, np.where(x == y, g / 2, g))

    @formula("ḡ where y > x, ḡ / 2 where equal")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return np.where(x > y, 0.0, np.where(x == y, g / 2, g))


@implements(np.maximum)
def maximum(x: Any, y: Any) -> Any:
    """The larger of two, elementwise; equal ones share the gradient evenly."""
    return run(Maximum(), x, y)


class Minimum(Op):
    @formula("min(x, y)")
    def forward(self, x: Any, y: Any) -> Any:
        return np.minimum(x, y)

    @formula("ḡ where x < y, ḡ / 2 where equal")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return np.where(x > y, 0.0, np.where(x == y, g / 2, g))

    @formula("ḡ where y < x, ḡ / 2 where equal")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return np.where(x < y, 0.0, np.where(x == y, g / 2, g))


@implements(np.minimum)
def minimum(x: Any, y: Any) -> Any:
    """The smaller of two, elementwise; equal ones share the gradient evenly."""
    return run(Minimum(), x, y)


class Fmax(Op):
    @formula("max(x, y), of a number and a nan the number")
    def forward(self, x: Any, y: Any) -> Any:
        return np.fmax(x, y)

    @formula("ḡ where x ≥ y or y is nan")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return np.where((x >= y) | (y != y), g, 0.0)

    @formula("ḡ elsewhere")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return np.where((x >= y) | (y != y), 0.0, g)


@implements(np.fmax)
def fmax(x: Any, y: Any) -> Any:
    """The larger of two, and of a number and a nan the number; x gets the gradient of a tie."""
    return run(Fmax(), x, y)


class Fmin(Op):
    @formula("min(x, y), of a number and a nan the number")
    def forward(self, x: Any, y: Any) -> Any:
        return np.fmin(x, y)

    @formula("ḡ where x ≤ y or y is nan")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return np.where((x <= y) | (y != y), g, 0.0)

    @formula("ḡ elsewhere")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return np.where((x <= y) | (y != y), 0.0, g)


@implements(np.fmin)
def fmin(x: Any, y: Any) -> Any:
    """The smaller of two, and of a number and a nan the number; x gets the gradient of a tie."""
    return run(Fmin(), x, y)


class Clip(Op):
    """x between two numbers, either of which may be None: they are attributes and need no rule."""

    def __init__(self, low: Any, high: Any) -> None:
        self.low = low
        self.high = high

    @formula("x, held between {low} and {high}")
    def forward(self, x: Any) -> Any:
        if self.low is self.high is None:  # NumPy 2.0 wants a bound
            return np.maximum(x, x)  # a copy, whatever x is
        return np.clip(x, self.low, self.high)

    @formula("ḡ where x is within the bounds")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return np.where(x == y, g, 0.0)


class ClipBetween(Op):
    """x between bounds that are arrays, or Tensors that want a gradient."""

    name = "clip"

    @formula("min(max(x, low), high)")
    def forward(self, x: Any, low: Any, high: Any) -> Any:
        return np.clip(x, low, high)

    @formula("ḡ where low ≤ x ≤ high")
    def vjp_x(self, g: Any, y: Any, x: Any, low: Any, high: Any) -> Any:
        return np.where((x >= low) & (x <= high), g, 0.0)

    @formula("ḡ where x < low < high")
    def vjp_low(self, g: Any, y: Any, x: Any, low: Any, high: Any) -> Any:
        return np.where((x < low) & (low < high), g, 0.0)

    @formula("ḡ where x > high, or low > high")
    def vjp_high(self, g: Any, y: Any, x: Any, low: Any, high: Any) -> Any:
        return np.where((x > high) | (low > high), g, 0.0)


@implements(np.clip)
def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    """X held between two bounds: numbers, arrays, Tensors, or None for no bound.

    The gradient passes where x is within the bounds, also where it equals one. ``min=`` and
    ``max=`` are other names of the bounds.

    Examples
    --------
    >>> import numpy as np
    >>> clip(np.array([-2.0, 0.5, 9.0]), 0, 1)
    array([0. , 0.5, 1. ])
    """
    low = min if a_min is None else a_min
    high = max if a_max is None else a_max
    low, high = (b.item() if isinstance(b, np.generic) else b for b in (low, high))
    if all(b is None or isinstance(b, (int, float)) for b in (low, high)):
        return run(Clip(low, high), x)
    return run(
        ClipBetween(), x, -math.inf if low is None else low, math.inf if high is None else high
    )


class NanToNum(Op):
    name = "nan_to_num"

    def __init__(self, nan: float, posinf: float | None, neginf: float | None) -> None:
        self.nan = nan
        self.posinf = posinf
        self.neginf = neginf

    @formula("x, nan and ±inf replaced")
    def forward(self, x: Any) -> Any:
        return np.nan_to_num(x, nan=self.nan, posinf=self.posinf, neginf=self.neginf)

    @formula("ḡ where x is finite")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return np.where(np.isfinite(x), g, 0.0)


@implements(np.nan_to_num)
def nan_to_num(
    x: Any,
    copy: bool = True,
    nan: float = 0.0,
    posinf: float | None = None,
    neginf: float | None = None,
) -> Any:
    """X with numbers for nan, inf (by default the largest) and -inf; these get no gradient.

    `copy` is there because NumPy's function has it; the result is always a new array.
    """
    return run(NanToNum(nan, posinf, neginf), x)


class LogAddExp(Op):
    @formula("log(exp(x) + exp(y))")
    def forward(self, x: Any, y: Any) -> Any:
        return np.logaddexp(x, y)

    @formula("ḡ ⊙ sigmoid(x - y)")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * sigmoid(x - y)

    @formula("ḡ ⊙ sigmoid(y - x)")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * sigmoid(y - x)


@implements(np.logaddexp)
def logaddexp(x: Any, y: Any) -> Any:
    """``log(exp(x) + exp(y))``, a smooth maximum: the sum of two probabilities as logarithms."""
    return run(LogAddExp(), x, y)


class LogAddExp2(Op):
    @formula("log₂(2^x + 2^y)")
    def forward(self, x: Any, y: Any) -> Any:
        return np.logaddexp2(x, y)

    @formula("ḡ ⊙ sigmoid((x - y) log 2)")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * sigmoid((x - y) * math.log(2))

    @formula("ḡ ⊙ sigmoid((y - x) log 2)")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * sigmoid((y - x) * math.log(2))


@implements(np.logaddexp2)
def logaddexp2(x: Any, y: Any) -> Any:
    """``log2(2**x + 2**y)``: the sum of two probabilities in bits."""
    return run(LogAddExp2(), x, y)

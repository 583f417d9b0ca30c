"""Exponentials, logarithms and roots, `sigmoid`, and `where`, which chooses between two."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import Op, formula, implements, not_differentiable
from ..value import Value
from .calling import run


class Exp(Op):
    __slots__ = ()

    @formula("exp(x)")
    def forward(self, x: Any) -> Any:
        return np.exp(x)

    @formula("ḡ ⊙ y")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * y


@implements(np.exp)
def exp(x: Any) -> Any:
    """``e ** x``."""
    return run(Exp(), x)


class Exp2(Op):
    @formula("2^x")
    def forward(self, x: Any) -> Any:
        return np.exp2(x)

    @formula("ḡ ⊙ y log 2")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * y * math.log(2)


@implements(np.exp2)
def exp2(x: Any) -> Any:
    """``2 ** x``."""
    return run(Exp2(), x)


class Expm1(Op):
    @formula("exp(x) - 1")
    def forward(self, x: Any) -> Any:
        return np.expm1(x)

    @formula("ḡ ⊙ exp(x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * np.exp(x)


@implements(np.expm1)
def expm1(x: Any) -> Any:
    """``exp(x) - 1``, which keeps its digits for small x."""
    return run(Expm1(), x)


class Log(Op):
    __slots__ = ()

    @formula("log(x)")
    def forward(self, x: Any) -> Any:
        return np.log(x)

    @formula("ḡ / x")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g / x


@implements(np.log)
def log(x: Any) -> Any:
    """The natural logarithm."""
    return run(Log(), x)


class Log2(Op):
    @formula("log₂(x)")
    def forward(self, x: Any) -> Any:
        return np.log2(x)

    @formula("ḡ / (x log 2)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g / (x * math.log(2))


@implements(np.log2)
def log2(x: Any) -> Any:
    """The logarithm to base 2: bits."""
    return run(Log2(), x)


class Log10(Op):
    @formula("log₁₀(x)")
    def forward(self, x: Any) -> Any:
        return np.log10(x)

    @formula("ḡ / (x log 10)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g / (x * math.log(10))


@implements(np.log10)
def log10(x: Any) -> Any:
    """The logarithm to base 10."""
    return run(Log10(), x)


class Log1p(Op):
    @formula("log(1 + x)")
    def forward(self, x: Any) -> Any:
        return np.log1p(x)

    @formula("ḡ / (1 + x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g / (1 + x)


@implements(np.log1p)
def log1p(x: Any) -> Any:
    """``log(1 + x)``, which keeps its digits for small x."""
    return run(Log1p(), x)


class Tanh(Op):
    __slots__ = ()

    @formula("tanh(x)")
    def forward(self, x: Any) -> Any:
        return np.tanh(x)

    @formula("ḡ ⊙ (1 - y²)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * (1 - y * y)


@implements(np.tanh)
def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return run(Tanh(), x)


class Sigmoid(Op):
    __slots__ = ()

    @formula("1 / (1 + exp(-x))")
    def forward(self, x: Any) -> Any:
        # exp(-|x|) cannot overflow, and for x < 0 the small result keeps its digits.
        e = np.exp(-np.abs(x))
        return np.where(x >= 0, 1, e) / (1 + e)

    @formula("ḡ ⊙ y (1 - y)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * (y * (1 - y))


def sigmoid(x: Any) -> Any:
    """``1 / (1 + exp(-x))``, the probability with log-odds x; no x is too large for it."""
    return run(Sigmoid(), x)


class Sqrt(Op):
    @formula("√x")
    def forward(self, x: Any) -> Any:
        return np.sqrt(x)

    @formula("ḡ / 2y")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g / (2 * y)


@implements(np.sqrt)
def sqrt(x: Any) -> Any:
    """The square root; its slope at 0 is infinite."""
    return run(Sqrt(), x)


class Cbrt(Op):
    @formula("∛x")
    def forward(self, x: Any) -> Any:
        return np.cbrt(x)

    @formula("ḡ / 3y²")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g / (3 * y * y)


@implements(np.cbrt)
def cbrt(x: Any) -> Any:
    """The cube root, also of negative numbers; its slope at 0 is infinite."""
    return run(Cbrt(), x)


class Where(Op):
    keeps_integers = True

    @formula("x if condition else y")
    def forward(self, condition: Any, x: Any, y: Any) -> Any:
        return np.where(condition, x, y)

    vjp_condition = not_differentiable("a condition")

    @formula("ḡ if condition else 0")
    def vjp_x(self, g: Any, out: Any, condition: Any, x: Any, y: Any) -> Any:
        return where(condition, g, 0.0)

    @formula("0 if condition else ḡ")
    def vjp_y(self, g: Any, out: Any, condition: Any, x: Any, y: Any) -> Any:
        return where(condition, 0.0, g)


@implements(np.where)
def where(condition: Any, x: Any, y: Any) -> Any:
    """``x`` where the condition holds, ``y`` elsewhere; no gradient goes to what was not chosen."""
    return run(Where(), condition, beside(x, y), beside(y, x))


def beside(x: Any, other: Any) -> Any:
    """X in the dtype of the floating Tensor beside it, if x is weak: a number, list or integers."""
    if not isinstance(other, Value) or other._array.dtype.kind != "f":
        return x
    dtype = other._array.dtype
    if isinstance(x, Value):
        return x if x._array.dtype.kind == "f" else type(x).wrap(x._array.astype(dtype))
    if isinstance(x, (np.ndarray, np.generic)):
        return x.astype(dtype) if not x.ndim or x.dtype.kind != "f" else x
    return np.asarray(x, dtype) if isinstance(x, (list, tuple)) else x

"""Functions of one array, element by element, and `where`, which chooses between two."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Op, apply, formula, implements, not_differentiable


class Exp(Op):
    @formula("exp(x)")
    def forward(self, x: Any) -> Any:
        return np.exp(x)

    @formula("ḡ ⊙ y")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * y


@implements(np.exp)
def exp(x: Any) -> Any:
    """``e ** x``."""
    return apply(Exp(), x)


class Log(Op):
    @formula("log(x)")
    def forward(self, x: Any) -> Any:
        return np.log(x)

    @formula("ḡ / x")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g / x


@implements(np.log)
def log(x: Any) -> Any:
    """The natural logarithm."""
    return apply(Log(), x)


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
    return apply(Sqrt(), x)


class Abs(Op):
    @formula("|x|")
    def forward(self, x: Any) -> Any:
        return np.abs(x)

    @formula("ḡ ⊙ sign(x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * sign(x)


@implements(np.absolute)
def abs(x: Any) -> Any:
    """The absolute value; its slope at the kink is taken as 0."""
    return apply(Abs(), x)


class Sign(Op):
    @formula("sign(x)")
    def forward(self, x: Any) -> Any:
        return np.sign(x)

    @formula("0")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * 0.0


@implements(np.sign)
def sign(x: Any) -> Any:
    """-1, 0 or 1; its slope is 0."""
    return apply(Sign(), x)


class Tanh(Op):
    @formula("tanh(x)")
    def forward(self, x: Any) -> Any:
        return np.tanh(x)

    @formula("ḡ ⊙ (1 - y²)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * (1 - y * y)


@implements(np.tanh)
def tanh(x: Any) -> Any:
    """The hyperbolic tangent."""
    return apply(Tanh(), x)


class Sigmoid(Op):
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
    return apply(Sigmoid(), x)


class Relu(Op):
    @formula("max(x, 0)")
    def forward(self, x: Any) -> Any:
        return np.maximum(x, 0)

    @formula("ḡ ⊙ [x > 0]")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * (y > 0)


def relu(x: Any) -> Any:
    """``max(x, 0)``; its slope at 0 is taken as 0."""
    return apply(Relu(), x)


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
    return apply(Where(), condition, x, y)

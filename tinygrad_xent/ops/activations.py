"""What stands between two layers, besides `tanh` and `sigmoid`. Names and options are PyTorch's."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..op import Op, apply, formula
from ..value import Array
from .arithmetic import multiply
from .calling import as_array, run
from .elementary import sigmoid, where
from .special import erfc


class LogSigmoid(Op):
    name = "log_sigmoid"

    @formula("-log(1 + exp(-x))")
    def forward(self, x: Any) -> Any:
        return -np.logaddexp(0, -x)

    @formula("ḡ ⊙ sigmoid(-x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * sigmoid(-x)


def log_sigmoid(x: Any) -> Any:
    """``log(sigmoid(x))`` without leaving the logarithm: no underflow."""
    return run(LogSigmoid(), x)


class Relu(Op):
    __slots__ = ()

    @formula("max(x, 0)")
    def forward(self, x: Any) -> Any:
        return np.maximum(x, zeros_beside(x) if isinstance(x, np.ndarray) else 0)

    @formula("ḡ ⊙ [x > 0]")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        zero = _zeros((), y.dtype) if type(y) is np.ndarray else 0  # see `zeros_beside`
        return g * (y > zero).astype(g.dtype)  # a float times a bool takes NumPy longer


def zeros_beside(x: Array) -> Array:
    """What to compare x with, element by element, in place of the number 0.

    NumPy's maximum of two arrays takes a third of the time of that of an array and a number, and
    half of it where rows are compared with one row, which is what large arrays get.
    """
    return _zeros(x.shape if x.size <= 2**15 else x.shape[-1:], x.dtype)


@functools.lru_cache(maxsize=32)  # a model asks for the same few again and again
def _zeros(shape: tuple[int, ...], dtype: Any) -> Array:
    zeros = np.zeros(shape, dtype)
    zeros.flags.writeable = False
    return zeros


def relu(x: Any) -> Any:
    """``max(x, 0)``; its slope at 0 is taken as 0."""
    return apply(Relu(), x)


class LeakyRelu(Op):
    name = "leaky_relu"

    def __init__(self, slope: float) -> None:
        self.slope = slope

    @formula("x if x > 0 else {slope} x")
    def forward(self, x: Any) -> Any:
        return np.where(x > 0, x, self.slope * x)

    @formula("ḡ if x > 0 else {slope} ḡ")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return np.where(x > 0, g, self.slope * g)


def leaky_relu(x: Any, negative_slope: float = 0.01) -> Any:
    """X where it is positive, ``negative_slope * x`` elsewhere: no unit is ever dead."""
    return run(LeakyRelu(negative_slope), x)


class HardTanh(Op):
    def __init__(self, low: float, high: float) -> None:
        self.low = low
        self.high = high

    @formula("x, held between {low} and {high}")
    def forward(self, x: Any) -> Any:
        return np.clip(x, self.low, self.high)

    @formula("ḡ strictly between {low} and {high}, else 0")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return np.where((x <= self.low) | (x >= self.high), 0.0, g)


def hardtanh(x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """X held between two bounds; its slope at them is 0 (that of `clip` is 1)."""
    return run(HardTanh(min_val, max_val), x)


def relu6(x: Any) -> Any:
    """``min(max(x, 0), 6)``."""
    return hardtanh(x, 0.0, 6.0)


class Elu(Op):
    def __init__(self, alpha: float) -> None:
        self.alpha = alpha

    @formula("x if x > 0 else {alpha} (exp(x) - 1)")
    def forward(self, x: Any) -> Any:
        return np.where(x > 0, x, self.alpha * np.expm1(np.minimum(x, 0)))

    @formula("ḡ if x > 0 else {alpha} ḡ ⊙ exp(x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return np.where(x > 0, g, self.alpha * g * np.exp(np.where(x > 0, 0.0, x)))


def elu(x: Any, alpha: float = 1.0) -> Any:
    """X where it is positive, ``alpha * (exp(x) - 1)`` elsewhere."""
    return run(Elu(alpha), x)


def selu(x: Any) -> Any:
    """A scaled `elu` whose outputs tend to mean 0 and variance 1 (Klambauer et al., 2017)."""
    return multiply(elu(x, 1.6732632423543772), 1.0507009873554805)


class Softplus(Op):
    def __init__(self, beta: float) -> None:
        self.beta = beta

    @formula("log(1 + exp({beta} x)) / {beta}")
    def forward(self, x: Any) -> Any:
        return np.logaddexp(0, self.beta * x) / self.beta

    @formula("ḡ ⊙ sigmoid({beta} x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * sigmoid(self.beta * x)


def softplus(x: Any, beta: float = 1.0, threshold: float | None = None) -> Any:
    """``log(1 + exp(beta * x)) / beta``, a smooth `relu`; x itself where beta * x > threshold.

    It is exact without a threshold (PyTorch's is 20).
    """
    x = as_array(x)
    y = run(Softplus(beta), x)
    return y if threshold is None else where(x * beta > threshold, x, y)


class Silu(Op):
    @formula("x ⊙ sigmoid(x)")
    def forward(self, x: Any) -> Any:
        return x * sigmoid(x)

    @formula("ḡ ⊙ s (1 + x (1 - s)),  s = sigmoid(x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        s = sigmoid(x)
        return g * (s * (1 + x * sigmoid(-x)))


def silu(x: Any) -> Any:
    """``x * sigmoid(x)``, also called swish."""
    return run(Silu(), x)


class Gelu(Op):
    @formula("x ⊙ Φ(x)")
    def forward(self, x: Any) -> Any:
        return x * _normal_cdf(x)

    @formula("ḡ ⊙ (Φ(x) + x φ(x))")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        density = np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
        return g * (_normal_cdf(x) + x * density)


class GeluTanh(Op):
    """The same with Φ(x) ≈ (1 + tanh u) / 2, which is sigmoid(2u)."""

    name = "gelu"

    @formula("x ⊙ sigmoid(2u),  u = √(2/π) (x + 0.044715 x³)")
    def forward(self, x: Any) -> Any:
        return x * sigmoid(_twice_u(x))

    @formula("ḡ ⊙ s (1 + x (1 - s) 2u'),  s = sigmoid(2u)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        v = _twice_u(x)
        slope = math.sqrt(8 / math.pi) * (1 + 3 * 0.044715 * x * x)
        return g * (sigmoid(v) * (1 + x * sigmoid(-v) * slope))


def gelu(x: Any, approximate: str = "none") -> Any:
    """``x`` times the chance that a standard normal deviate is below x.

    Parameters
    ----------
    approximate
        ``"none"``, or ``"tanh"`` for the faster approximation that older models were trained with.
    """
    if approximate not in ("none", "tanh"):
        raise ValueError(f"gelu: approximate={approximate!r}; wanted 'none' or 'tanh'")
    return run(Gelu() if approximate == "none" else GeluTanh(), x)


def _normal_cdf(x: Any) -> Any:
    """Φ(x); by erfc, so that it keeps its digits for x far below 0."""
    return 0.5 * erfc(x * -math.sqrt(0.5))


def _twice_u(x: Any) -> Any:
    return math.sqrt(8 / math.pi) * (x + 0.044715 * x * x * x)


def softsign(x: Any) -> Any:
    """``x / (1 + |x|)``."""
    return x / (1 + np.abs(x))

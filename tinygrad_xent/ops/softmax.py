"""From logits to probabilities: softmax, its logarithm, and log-sum-exp, whose slope is softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import formula
from .calling import run
from .elementary import exp, where
from .reduction import Axis, Reduction


class Softmax(Reduction):
    @formula("exp(z) / Σ exp(z)")
    def forward(self, z: Any) -> Any:
        x = _workable(z)
        e = np.exp(_below(_top(x, self.axis), x))
        return _as_dtype_of(z, e / e.sum(axis=self.axis, keepdims=True))

    @formula("q ⊙ (ḡ - Σ ḡ q)")
    def vjp_z(self, g: Any, q: Any, z: Any) -> Any:
        return q * (g - (g * q).sum(axis=self.axis, keepdims=True))


def softmax(z: Any, axis: Axis = -1) -> Any:
    """The distribution q with log-odds z: not negative, summing to 1 over `axis`.

    A logit of -inf is a class that cannot be. Where all are -inf, or one is +inf, there is no
    distribution, and the result is nan.

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.log([1.0, 2.0, 5.0])).round(3)
    array([0.125, 0.25 , 0.625])
    """
    return run(Softmax(axis), z)


class LogSoftmax(Reduction):
    name = "log_softmax"

    @formula("z - log Σ exp(z)")
    def forward(self, z: Any) -> Any:
        x = _workable(z)
        d = _below(_top(x, self.axis), x)
        return _as_dtype_of(z, d - _log_sum_exp(d, self.axis))

    @formula("ḡ - q Σ ḡ")
    def vjp_z(self, g: Any, y: Any, z: Any) -> Any:
        return g - exp(y) * g.sum(axis=self.axis, keepdims=True)


def log_softmax(z: Any, axis: Axis = -1) -> Any:
    """``log(softmax(z))`` without leaving the logarithm: no underflow, and digits near log 1 = 0.

    Examples
    --------
    A probability of 1 - e⁻⁴⁰ has the logarithm -e⁻⁴⁰.

    >>> import numpy as np
    >>> log_softmax(np.array([40.0, 0.0]))
    array([-4.24835426e-18, -4.00000000e+01])
    """
    return run(LogSoftmax(axis), z)


class LogSumExp(Reduction):
    name = "logsumexp"

    @formula("log Σ exp(z)")
    def forward(self, z: Any) -> Any:
        x = _workable(z)
        axis = self.over(x)
        top = _top(x, axis)
        top = np.where(np.isfinite(top), top, 0)
        y = top + _log_sum_exp(_below(top, x), axis)
        if not self.keepdims:
            y = y.reshape([n for k, n in enumerate(z.shape) if k not in self.axes(z)])[()]
        return _as_dtype_of(z, y)

    @formula("ḡ softmax(z)")
    def vjp_z(self, g: Any, y: Any, z: Any) -> Any:
        # Where all z are -inf, y is too; there every slope is taken as 0.
        y = where(y == -np.inf, 0.0, y)
        return g.reshape(self.kept(z)) * exp(z - y.reshape(self.kept(z)))


def logsumexp(z: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """``log(sum(exp(z)))``, a smooth maximum; the largest z is taken out, so no overflow.

    Of nothing, and of -inf alone, it is -inf, with slope 0.

    Examples
    --------
    >>> import numpy as np
    >>> logsumexp(np.array([0.0, -40.0]))   # log(1 + e⁻⁴⁰)
    np.float64(4.248354255291589e-18)
    """
    return run(LogSumExp(axis, keepdims), z)


def _workable(z: Any) -> Any:
    """Half precision as float32, in which it can be summed; integers as floats."""
    if z.dtype.kind != "f":
        return z.astype(np.float64)
    return z.astype(np.float32) if z.itemsize == 2 else z


def _top(z: Any, axis: Axis) -> Any:
    """The largest z, axes kept; -inf if there is none."""
    return z.max(axis=axis, keepdims=True, initial=-np.inf)


def _below(top: Any, z: Any) -> Any:
    with np.errstate(invalid="ignore"):  # inf - inf is the nan that the user is to see
        return z - top


def _log_sum_exp(d: Any, axis: Axis) -> Any:
    """``log Σ exp(d)``, axes kept, for d ≤ 0 with a 0 among them.

    The zeros are counted and one is left out: log(1 + s) = log1p(s) keeps the digits of a small s.
    """
    zeros = d == 0
    s = np.where(zeros, 0, np.exp(d)).sum(axis=axis, keepdims=True)
    with np.errstate(divide="ignore"):
        return np.log1p(s + (zeros.sum(axis=axis, keepdims=True, dtype=d.dtype) - 1))


def _as_dtype_of(z: Any, y: Any) -> Any:
    return y.astype(z.dtype, copy=False) if z.dtype.kind == "f" else y

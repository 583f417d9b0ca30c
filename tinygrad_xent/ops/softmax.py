"""From logits to probabilities: softmax, its logarithm, and log-sum-exp, whose slope is softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import apply, formula
from .elementary import exp
from .reduction import Axis, Reduction


class Softmax(Reduction):
    @formula("exp(z) / Σ exp(z)")
    def forward(self, z: Any) -> Any:
        e = np.exp(z - z.max(axis=self.axis, keepdims=True))
        return e / e.sum(axis=self.axis, keepdims=True)

    @formula("q ⊙ (ḡ - Σ ḡ q)")
    def vjp_z(self, g: Any, q: Any, z: Any) -> Any:
        return q * (g - (g * q).sum(axis=self.axis, keepdims=True))


def softmax(z: Any, axis: Axis = -1) -> Any:
    """The distribution q with log-odds z: positive, summing to 1 over `axis`.

    Examples
    --------
    >>> import numpy as np
    >>> softmax(np.log([1.0, 2.0, 5.0])).round(3)
    array([0.125, 0.25 , 0.625])
    """
    return apply(Softmax(axis), z)


class LogSoftmax(Reduction):
    name = "log_softmax"

    @formula("z - log Σ exp(z)")
    def forward(self, z: Any) -> Any:
        d = z - z.max(axis=self.axis, keepdims=True)
        return d - np.log(np.exp(d).sum(axis=self.axis, keepdims=True))

    @formula("ḡ - q Σ ḡ")
    def vjp_z(self, g: Any, y: Any, z: Any) -> Any:
        return g - exp(y) * g.sum(axis=self.axis, keepdims=True)


def log_softmax(z: Any, axis: Axis = -1) -> Any:
    """``log(softmax(z))`` without leaving the logarithm: no underflow."""
    return apply(LogSoftmax(axis), z)


class LogSumExp(Reduction):
    name = "logsumexp"

    @formula("log Σ exp(z)")
    def forward(self, z: Any) -> Any:
        top = z.max(axis=self.axis, keepdims=True)
        y = np.log(np.exp(z - top).sum(axis=self.axis, keepdims=True)) + top
        return (
            y
            if self.keepdims
            else y.reshape([n for k, n in enumerate(z.shape) if k not in self.axes(z)])
        )

    @formula("ḡ softmax(z)")
    def vjp_z(self, g: Any, y: Any, z: Any) -> Any:
        return g.reshape(self.kept(z)) * exp(z - y.reshape(self.kept(z)))


def logsumexp(z: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """``log(sum(exp(z)))``, a smooth maximum; the largest z is taken out, so no overflow."""
    return apply(LogSumExp(axis, keepdims), z)

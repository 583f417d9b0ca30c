"""The Kullback-Leibler divergence as one op, because its digits are lost term by term."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import formula
from .calling import run
from .elementary import log, where
from .reduction import Axis, Reduction


class KLDivergence(Reduction):
    """Σ p log(p/q), what remains of its terms after they have cancelled.

    What fusing buys: near p = q the terms p log(p/q) ≈ p - q are large and of both signs, and their
    sum is small. Since Σ p = Σ q, it is also the sum of p log(p/q) - p + q, none of which is
    negative. With t = (q - p) / p these are p (t - log(1 + t)): the second-order part of a
    cumulant, for which there is a series.
    """

    name = "kl_divergence"

    @formula("Σ p log(p / q)")
    def forward(self, p: Any, q: Any) -> Any:
        excess = _excess(p, q).sum(axis=self.axis, keepdims=self.keepdims)
        mass = (p - q).sum(axis=self.axis, keepdims=self.keepdims)
        # Two pmfs have the same mass: what rounding left of the difference would drown a small sum.
        rounding = 4 * np.finfo(mass.dtype).eps * math.sqrt(self.count(p))
        return excess + np.where(abs(mass) <= rounding, 0, mass)

    @formula("ḡ ⊙ (1 + log p - log q), 0 where p = q = 0")
    def vjp_p(self, g: Any, y: Any, p: Any, q: Any) -> Any:
        never = (p == 0) & (q == 0)
        with np.errstate(divide="ignore"):  # -inf at p = 0, inf at q = 0
            slope = 1 + log(where(never, 1.0, p)) - log(where(never, 1.0, q))
        return g.reshape(self.kept(p)) * where(never, 0.0, slope)

    @formula("-ḡ ⊙ p / q, 0 where p = q = 0")
    def vjp_q(self, g: Any, y: Any, p: Any, q: Any) -> Any:
        never = (p == 0) & (q == 0)
        with np.errstate(divide="ignore"):
            return -g.reshape(self.kept(p)) * (where(never, 0.0, p) / where(never, 1.0, q))


def kl_divergence(p: Any, q: Any, axis: Axis = -1) -> Any:
    """KL(p‖q) of pmfs of one shape; `tinygrad_xent.information` checks and explains them.

    Examples
    --------
    A coin that falls on heads with probability 1/2 (1 + ε), taken for a fair one: ε² / 2 nats.

    >>> import numpy as np
    >>> kl_divergence(np.array([0.500001, 0.499999]), np.array([0.5, 0.5])).round(15)
    np.float64(2e-12)
    """
    return run(KLDivergence(axis), p, q)


def _excess(p: Any, q: Any) -> Any:
    """``p log(p/q) - p + q`` of each element, to nearly all digits."""
    some = p != 0
    a, b = np.where(some, p, 1), np.where(some, q, 1)
    with np.errstate(divide="ignore", over="ignore", under="ignore"):
        t, ratio = (b - a) / a, a / b
        # A quotient that left the range of floats has a logarithm nevertheless.
        in_range = (ratio >= np.finfo(ratio.dtype).tiny) & (ratio < np.inf)
        log_ratio = np.where(in_range, np.log(ratio), np.log(a) - np.log(b))
    near = abs(t) < 0.2
    far = a * log_ratio - (a - b)
    return np.where(some, np.where(near, a * _t_minus_log1p(np.where(near, t, 0)), far), q)


def _t_minus_log1p(t: Any) -> Any:
    """``t - log(1 + t)`` for |t| < 0.2: log(1 + t) is 2 artanh s with s = t / (2 + t), a series."""
    s = t / (2 + t)
    v, tail = s * s, 0.0
    for n in range(17, 1, -2):
        tail = 1 / n + v * tail
    return s * (t - 2 * v * tail)

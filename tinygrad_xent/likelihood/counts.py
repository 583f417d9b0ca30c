"""Coins and counts: Bernoulli and Poisson, whose statistic is x itself."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..value import Array
from .distribution import (
    Discrete,
    OfLogits,
    Seed,
    descend,
    floats,
    log_of,
    observed,
    one_of,
    raw,
    refuse,
)


class Bernoulli(OfLogits):
    """A coin that falls on 1 with probability q = sigmoid(z): a categorical with logits (0, z).

    Its natural parameter is z, the log-odds, its statistic x itself, and the gradient of -log p(x)
    is q - x.

    Parameters
    ----------
    logits
        z, of any shape, the batch. ±inf is a coin that always falls the same way.
    probs
        q instead, from 0 to 1.

    Raises
    ------
    TypeError, ValueError
        If both or none are given, or a probability is outside 0 ... 1.

    Examples
    --------
    >>> Bernoulli(probs=0.25).pmf([0, 1]).round(4)
    array([0.75, 0.25])
    """

    def __init__(self, *, logits: Any = None, probs: Any = None) -> None:
        one_of("Bernoulli", logits=logits, probs=probs)
        if probs is not None:
            q = floats(probs)
            refuse("Bernoulli: probs", q, ~((raw(q) >= 0) & (raw(q) <= 1)), "0 to 1")
            logits = log_of(q) - log_of(1 - q)
        self.logits = floats(logits)
        refuse("Bernoulli: logits", self.logits, np.isnan(raw(self.logits)), "a number")

    @property
    def mean(self) -> Any:
        """The probability of 1, q = sigmoid(z)."""
        return ops.sigmoid(self.logits)

    def statistic(self, x: Any) -> Array:
        """The same x, as floats."""
        y = raw(x)
        refuse("Bernoulli: an outcome, x", y, (y != 0) & (y != 1), "0 or 1")
        return y.astype(np.float64)

    def log_prob(self, x: Any) -> Any:
        """``x log q + (1 - x) log(1 - q)``, of which one term is alive; from z, by softplus.

        Raises
        ------
        ValueError
            If an outcome is not 0 or 1.
        """
        y = self.statistic(x).astype(self.logits.dtype)
        shape = np.broadcast_shapes(y.shape, self.logits.shape)
        z, y = ops.broadcast_to(self.logits, shape), np.broadcast_to(y, shape)
        return -ops.binary_cross_entropy_with_logits(z, y, reduction="none")

    def fisher(self) -> Any:
        """The variance of x, q (1 - q), of the shape of the batch."""
        return ops.sigmoid(self.logits) * ops.sigmoid(-self.logits)

    def sample(self, rng: Seed, n: int) -> Array:
        """``n`` outcomes 0 or 1, shape ``(n, *batch)``; `rng` is a Generator or a seed."""
        q = raw(self.mean)
        return (np.random.default_rng(rng).random((n, *q.shape)) < q).astype(np.int64)

    @classmethod
    def fit(cls, data: Any) -> Bernoulli:
        """The most likely coin: q is the share of ones.

        Parameters
        ----------
        data
            Outcomes 0 or 1, shape ``(n, *batch)``.

        Raises
        ------
        ValueError
            If there are no data, or an outcome is not 0 or 1.

        Examples
        --------
        >>> Bernoulli.fit([1, 1, 0, 1]).mean.round(4)
        np.float64(0.75)
        """
        x = observed("Bernoulli.fit", data)
        return cls(probs=cls(logits=0.0).statistic(x).mean(axis=0))

    @classmethod
    def fit_by_descent(
        cls, data: Any, steps: int = 500, lr: float = 0.1
    ) -> tuple[Bernoulli, Array]:
        """`fit`, by descent in the log-odds from 0; also the loss before each step, (steps,)."""
        x = observed("Bernoulli.fit_by_descent", data)
        return descend(cls.from_natural, np.zeros(x.shape[1:]), x, steps, lr)


class Poisson(Discrete):
    """Counts of independent rare events, λ of them on average.

    Its natural parameter is log λ, its statistic x itself, and the gradient of -log p(x) is λ - x.

    Parameters
    ----------
    rate
        λ, not negative, of any shape, the batch: events per interval.
    log_rate
        log λ instead.

    Raises
    ------
    TypeError, ValueError
        If both or none are given, or a rate is negative or not finite.

    Examples
    --------
    >>> Poisson(2.0).pmf(3).round(4)   # e⁻² 2³ / 3!
    np.float64(0.1804)
    """

    def __init__(self, rate: Any = None, *, log_rate: Any = None) -> None:
        one_of("Poisson", rate=rate, log_rate=log_rate)
        if log_rate is None:
            rate = floats(rate)
            wrong = ~((raw(rate) >= 0) & (raw(rate) < np.inf))
            refuse("Poisson: rate", rate, wrong, "a finite number, not negative")
            log_rate = log_of(rate)
        self.log_rate = floats(log_rate)
        z = raw(self.log_rate)
        refuse("Poisson: log_rate", z, ~(z < np.inf), "a number, or -inf")

    def __repr__(self) -> str:
        return f"Poisson(rate={raw(self.mean)})"

    @classmethod
    def from_natural(cls, eta: Any) -> Poisson:
        """The distribution with log λ = η."""
        return cls(log_rate=eta)

    @property
    def natural(self) -> Any:
        """The logarithm of λ."""
        return self.log_rate

    @property
    def mean(self) -> Any:
        """λ."""
        return ops.exp(self.log_rate)

    def statistic(self, x: Any) -> Array:
        """The same x, as floats."""
        y = raw(x)
        wrong = ~((y >= 0) & (y < np.inf)) | (y != np.floor(y))
        refuse("Poisson: a count, x", y, wrong, "0, 1, 2, ...")
        return y.astype(np.float64)

    def log_prob(self, x: Any) -> Any:
        """``x log λ - λ - log x!``, with what is large in it cancelled by hand.

        With t = log λ - log x it is x (t - (eᵗ - 1)) minus the remainder of Stirling's formula:
        small terms where λ is near x, however large both are (Loader, "Fast and accurate
        computation of binomial probabilities", 2000).

        Raises
        ------
        ValueError
            If x is no count.
        """
        counts = self.statistic(x)
        dtype = self.log_rate.dtype
        n = np.maximum(counts, 1).astype(dtype)
        t = self.log_rate - np.log(n)
        positive = n * (t - ops.expm1(t)) - _stirling_remainder(np.maximum(counts, 1)).astype(dtype)
        return ops.where(counts > 0, positive, -ops.exp(self.log_rate))

    def fisher(self) -> Any:
        """λ, the variance of x."""
        return self.mean

    def sample(self, rng: Seed, n: int) -> Array:
        """``n`` counts, shape ``(n, *batch)``; `rng` is a Generator or a seed."""
        rate = raw(self.mean)
        return np.asarray(np.random.default_rng(rng).poisson(rate, (n, *rate.shape)))

    @classmethod
    def fit(cls, data: Any) -> Poisson:
        """The most likely rate: the mean count.

        Parameters
        ----------
        data
            Counts, shape ``(n, *batch)``.

        Raises
        ------
        ValueError
            If there are no data, or one is no count.

        Examples
        --------
        >>> Poisson.fit([0, 1, 3]).mean.round(4)
        np.float64(1.3333)
        """
        x = observed("Poisson.fit", data)
        return cls(cls(1.0).statistic(x).mean(axis=0))

    @classmethod
    def fit_by_descent(cls, data: Any, steps: int = 500, lr: float = 0.1) -> tuple[Poisson, Array]:
        """`fit`, by descent in log λ from 0; also the loss before each step, (steps,)."""
        x = observed("Poisson.fit_by_descent", data)
        return descend(cls.from_natural, np.zeros(x.shape[1:]), x, steps, lr)


def _stirling_remainder(x: Array) -> Array:
    """``log x! - (x log x - x)`` for whole x ≥ 1.

    From 16 on by Stirling's series (Abramowitz and Stegun, 6.1.41), whose first term left out is
    1 / 1188 x⁹, below 2e-14.
    """
    small = np.minimum(x, 16)
    exact = np.array([math.lgamma(n + 1) - n * math.log(n) + n for n in range(1, 17)])
    u = 1 / (x * x)
    series = (1 / 12 - u * (1 / 360 - u * (1 / 1260 - u / 1680))) / x
    series = series + 0.5 * np.log(2 * math.pi * x)
    return np.where(x < 16, exact[small.astype(int) - 1], series)

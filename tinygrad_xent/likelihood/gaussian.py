"""The Gaussian: the distribution behind squared error."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..value import Array, Value
from .distribution import Distribution, Seed, descend, floats, observed, raw, refuse


class Gaussian(Distribution):
    """The normal distribution with mean μ and standard deviation σ.

    As an exponential family it has the statistic (x, x²) and η = (μ / σ², -1 / 2σ²), both in a last
    axis of size 2 (Bishop, "Pattern recognition and machine learning", 2006, section 2.4). The
    gradient of -log p(x) at μ is (μ - x) / σ²: MSE's x - y, in units of the variance.

    Parameters
    ----------
    mu, sigma
        In the units of x; they broadcast, and their common shape is the batch.

    Raises
    ------
    ValueError
        If μ is not finite, or σ is not a finite number above 0.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> mu = tx.Tensor(3.0, requires_grad=True)
    >>> (-Gaussian(mu, sigma=0.5).log_prob(1.0)).backward()
    >>> mu.grad   # (3 - 1) / 0.25
    array(8., dtype=float32)
    """

    def __init__(self, mu: Any = 0.0, sigma: Any = 1.0) -> None:
        self.mu, self.sigma = floats(mu), floats(sigma)
        refuse("Gaussian: mu", self.mu, ~np.isfinite(raw(self.mu)), "a finite number")
        s = raw(self.sigma)
        refuse("Gaussian: sigma", s, ~(np.isfinite(s) & (s > 0)), "a finite number above 0")

    def __repr__(self) -> str:
        return f"Gaussian(mu={raw(self.mu)}, sigma={raw(self.sigma)})"

    @classmethod
    def from_natural(cls, eta: Any) -> Gaussian:
        """The Gaussian with η = (μ / σ², -1 / 2σ²), shape (..., 2).

        Examples
        --------
        >>> Gaussian.from_natural([1.0, -0.125])   # σ² = 4, μ = 1 × 4
        Gaussian(mu=4.0, sigma=2.0)
        """
        eta = floats(eta)
        if eta.shape[-1:] != (2,):
            raise ValueError(f"Gaussian: eta of shape {eta.shape}; wanted (..., 2)")
        second = raw(eta)[..., 1]
        refuse("Gaussian: the second of eta", second, ~(second < 0), "a number below 0")
        variance = -0.5 / eta[..., 1]
        return cls(eta[..., 0] * variance, ops.sqrt(variance))

    @property
    def natural(self) -> Any:
        """(μ / σ², -1 / 2σ²), shape ``(*batch, 2)``."""
        variance = self._spread(self.sigma**2)
        return ops.stack([self.mu / variance, -0.5 / variance], axis=-1)

    @property
    def mean(self) -> Any:
        """(μ, μ² + σ²), the means of x and x², shape ``(*batch, 2)``."""
        mu = self._spread(self.mu)
        return ops.stack([mu, mu**2 + self.sigma**2], axis=-1)

    def statistic(self, x: Any) -> Any:
        """(x, x²), shape (..., 2)."""
        x = floats(x)
        return ops.stack([x, x**2], axis=-1)

    def log_prob(self, x: Any) -> Any:
        """-((x - μ) / σ)² / 2 - log σ - log(2π) / 2: a density, so it may be above 0."""
        x = floats(x)
        if not isinstance(x, Value):
            x = x.astype(self.mu.dtype)
        return -0.5 * ((x - self.mu) / self.sigma) ** 2 - (
            ops.log(self.sigma) + 0.5 * math.log(2 * math.pi)
        )

    def pdf(self, x: Any) -> Any:
        """The density at x, per unit of x.

        Examples
        --------
        >>> Gaussian().pdf(0.0).round(4)   # 1 / √2π
        np.float64(0.3989)
        """
        return ops.exp(self.log_prob(x))

    def fisher(self) -> Any:
        """((σ², 2μσ²), (2μσ², 4μ²σ² + 2σ⁴)), shape ``(*batch, 2, 2)``: the covariance of x, x²."""
        mu, v = self._spread(self.mu), self._spread(self.sigma**2)
        cross = 2 * mu * v
        rows = [[v, cross], [cross, 2 * mu * cross + 2 * v**2]]
        return ops.stack([ops.stack(row, axis=-1) for row in rows], axis=-2)

    def sample(self, rng: Seed, n: int) -> Array:
        """``n`` independent draws, shape ``(n, *batch)``; `rng` is a Generator or a seed."""
        mu, sigma = np.broadcast_arrays(raw(self.mu), raw(self.sigma))
        return np.asarray(mu + sigma * np.random.default_rng(rng).standard_normal((n, *mu.shape)))

    @classmethod
    def fit(cls, data: Any) -> Gaussian:
        """The most likely Gaussian: μ the mean, σ² the mean square distance from it (over n).

        Parameters
        ----------
        data
            Shape ``(n, *batch)``, finite.

        Raises
        ------
        ValueError
            If there are no data, or they are all equal: the narrower the Gaussian, the likelier
            they are, without end.

        Examples
        --------
        >>> Gaussian.fit([1.0, 3.0, 5.0, 7.0])   # σ² = (9 + 1 + 1 + 9) / 4
        Gaussian(mu=4.0, sigma=2.23606797749979)
        """
        x = _spread_out("Gaussian.fit", data)
        return cls(x.mean(axis=0), x.std(axis=0))

    @classmethod
    def fit_by_descent(cls, data: Any, steps: int = 500, lr: float = 0.1) -> tuple[Gaussian, Array]:
        """`fit`, by descent in the mean and log σ, from the middle of the data and their range.

        Parameters
        ----------
        data
            Shape ``(n, *batch)``, finite, as for `fit`.
        steps, lr
            Of Adam; lr shrinks to 0 along a straight line.

        Returns
        -------
        tuple
            The Gaussian, and the mean negative log-likelihood before each step, shape (steps,).
        """
        x = _spread_out("Gaussian.fit_by_descent", data)
        middle, width = (x.max(axis=0) + x.min(axis=0)) / 2, np.ptp(x, axis=0)

        def build(theta: Any) -> Gaussian:  # in units of the data's range
            return cls(middle + width * theta[..., 0], width * ops.exp(theta[..., 1]))

        return descend(build, np.zeros((*x.shape[1:], 2)), x, steps, lr)

    def _spread(self, x: Any) -> Any:
        """The same x over the whole batch."""
        return ops.broadcast_to(x, np.broadcast_shapes(self.mu.shape, self.sigma.shape))


def _spread_out(where: str, data: Any) -> Array:
    """Data that differ, as float64."""
    x = observed(where, data).astype(np.float64)
    if (x == x[0]).all(axis=0).any():
        raise ValueError(
            f"{where}: all {len(x)} observations are equal; wanted two that differ: "
            "the likelihood grows without end as sigma shrinks"
        )
    return x

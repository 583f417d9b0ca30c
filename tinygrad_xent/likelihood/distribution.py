"""What the distributions share: the likelihood of data, and its maximum by descent."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy as np

from .. import ops
from ..optim import Adam
from ..tensor import Tensor
from ..value import Array, Value

D = TypeVar("D", bound="Distribution")
L = TypeVar("L", bound="OfLogits")
# As text: numpy.random takes longer to load than this package, and is only loaded where it is used.
Seed: TypeAlias = "np.random.Generator | int | None"


class Distribution(ABC):
    """An exponential family: p(x) = h(x) exp(η · T(x) - A(η)).

    η are the natural parameters, T(x) is the statistic, and A makes the probabilities sum to 1.
    Two facts follow by differentiating that sum (Wainwright and Jordan, "Graphical models,
    exponential families, and variational inference", 2008, proposition 3.1):

    - ∇A = E T, so the gradient of -log p(x) is ``mean - statistic(x)``;
    - ∇²A = Cov T, the Fisher information, whatever x is: the surprise is convex in η.

    Parameters may be numbers, lists, arrays or Tensors; lists are kept as float64. Those of several
    distributions may be given at once, in the leading axes: the batch. Data broadcast against it.
    With parameters that are Tensors, everything but samples and fits is a Tensor that can be
    differentiated.
    """

    @classmethod
    @abstractmethod
    def from_natural(cls: type[D], eta: Any) -> D:
        """The distribution with natural parameters η."""

    @property
    @abstractmethod
    def natural(self) -> Any:
        """η, the natural parameters."""

    @property
    @abstractmethod
    def mean(self) -> Any:
        """E T(x), the mean of the statistic, of the shape of `natural`."""

    @abstractmethod
    def statistic(self, x: Any) -> Any:
        """T(x), all that the likelihood asks of the data."""

    @abstractmethod
    def log_prob(self, x: Any) -> Any:
        """The logarithm of each p(x), in nats, by no probability that could underflow."""

    @abstractmethod
    def fisher(self) -> Any:
        """The Fisher information in η: the covariance of T(x), and the Hessian of -log p(x)."""

    @abstractmethod
    def sample(self, rng: Seed, n: int) -> Array:
        """``n`` independent draws, shape ``(n, *batch)``; `rng` is a Generator or a seed."""

    @classmethod
    @abstractmethod
    def fit(cls: type[D], data: Any) -> D:
        """The distribution that makes the data most likely, in closed form."""

    @classmethod
    @abstractmethod
    def fit_by_descent(
        cls: type[D], data: Any, steps: int = 500, lr: float = 0.1
    ) -> tuple[D, Array]:
        """The same by gradient descent through the engine; also the loss before each step."""

    def log_likelihood(self, data: Any) -> Any:
        """``log p(data)`` of independent data: the sum of their `log_prob`, in nats.

        Examples
        --------
        >>> from tinygrad_xent.likelihood import Bernoulli
        >>> Bernoulli(probs=0.5).log_likelihood([0] * 2000).round(4)   # 2000 log ½
        np.float64(-1386.2944)
        """
        return ops.sum(self.log_prob(data))

    def likelihood(self, data: Any) -> Any:
        """``p(data)`` of independent data: the plain product, here to show why nobody computes it.

        A float64 holds nothing between 0 and 5e-324, so a thousand factors of ½ are the last that
        it can tell from none. `log_likelihood` has its maximum at the same parameters.

        Examples
        --------
        >>> from tinygrad_xent.likelihood import Bernoulli
        >>> coin = Bernoulli(probs=0.5)
        >>> coin.likelihood([1, 0, 1]).round(4), coin.likelihood([0] * 2000)
        (np.float64(0.125), np.float64(0.0))
        """
        return ops.prod(ops.exp(self.log_prob(data)))

    def nll_gradient(self, data: Any) -> Any:
        """The gradient of the mean negative log-likelihood in η: ``mean - statistic``.

        Parameters
        ----------
        data
            Shape ``(n, *batch)``: n observations, along the first axis.

        Returns
        -------
        array or Tensor
            Of the shape of `natural`; 0 exactly where the model expects what was observed.

        Examples
        --------
        Three heads in four tosses; the coin was thought fair.

        >>> from tinygrad_xent.likelihood import Bernoulli
        >>> Bernoulli(probs=0.5).nll_gradient([1, 1, 0, 1])   # ½ - ¾
        np.float64(-0.25)
        """
        return self.mean - ops.mean(self.statistic(data), axis=0)


class Discrete(Distribution):
    """A distribution over separate outcomes, each with a probability of its own."""

    def pmf(self, x: Any) -> Any:
        """The probability of each x: exp of its `log_prob`."""
        return ops.exp(self.log_prob(x))


class OfLogits(Discrete):
    """A distribution whose natural parameters are logits; its mean holds probabilities."""

    logits: Any

    @abstractmethod
    def __init__(self, *, logits: Any = None, probs: Any = None) -> None: ...

    def __repr__(self) -> str:
        return f"{type(self).__name__}(probs={raw(self.mean)})"

    @classmethod
    def from_natural(cls: type[L], eta: Any) -> L:
        """The distribution with logits η."""
        return cls(logits=eta)

    @property
    def natural(self) -> Any:
        """z, the logits: of shape ``(*batch, K)``, or of a coin's 1."""
        return self.logits


def descend(
    build: Callable[[Any], D], start: Array, data: Array, steps: int, lr: float
) -> tuple[D, Array]:
    """Lower the mean negative log-likelihood of ``build(θ)`` from ``θ = start``.

    By Adam, whose steps are about lr long, whatever the units of the loss. They shrink to 0 along
    a straight line, so that the last ones settle.
    """
    if steps < 1:
        raise ValueError(f"fit_by_descent: steps={steps}; wanted at least 1")
    theta = Tensor(start, requires_grad=True)
    optimizer = Adam([theta], lr=lr)
    losses = np.empty(steps)
    for k in range(steps):
        optimizer.lr = lr * (1 - k / steps)
        loss = -ops.mean(build(theta).log_prob(data))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses[k] = loss.item()
    return build(theta.numpy()), losses


def floats(x: Any) -> Any:
    """A parameter: Tensors and floating arrays as they are, anything else as float64."""
    array: Any = x if isinstance(x, (Value, np.ndarray)) else np.asarray(x)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def log_of(q: Any) -> Any:
    """Log q, -inf without a warning where q is 0; no gradient goes there."""
    never = raw(q) == 0
    return ops.where(never, -np.inf, ops.log(ops.where(never, 1.0, q)))


def raw(x: Any) -> Array:
    """The array of a Tensor, a list or a number."""
    return x._array if isinstance(x, Value) else np.asarray(x)


def refuse(where: str, x: Any, wrong: Any, wanted: str) -> None:
    """Raise ValueError, naming the first element that is wrong, if one is."""
    x, wrong = np.broadcast_arrays(raw(x), wrong)
    if wrong.any():
        position = tuple(int(k) for k in np.argwhere(wrong)[0])
        at = f"[{', '.join(map(str, position))}]" if position else ""
        raise ValueError(f"{where}{at} is {x[position]}; wanted {wanted}")


def observed(where: str, data: Any) -> Array:
    """Data to fit: an array of finite numbers whose first axis counts them."""
    x = raw(data)
    if not x.ndim or not x.shape[0]:
        raise ValueError(f"{where}: data of shape {x.shape}; wanted at least one observation")
    if x.dtype.kind not in "biuf":
        raise TypeError(f"{where}: data of dtype {x.dtype}; wanted numbers")
    refuse(f"{where}: data", x, ~np.isfinite(x), "finite numbers")
    return x


def one_of(where: str, **given: Any) -> None:
    """Raise TypeError unless exactly one of two parameters is given."""
    if sum(value is not None for value in given.values()) != 1:
        raise TypeError(f"{where}: wanted one of {' and '.join(given)}")

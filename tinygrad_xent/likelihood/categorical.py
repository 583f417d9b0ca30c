"""One of K classes: the distribution behind cross-entropy."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..value import Array
from .distribution import OfLogits, Seed, descend, floats, log_of, observed, one_of, raw, refuse
from .facts import label_covariance


class Categorical(OfLogits):
    """One of K classes, class k with probability q[k]: the distribution behind cross-entropy.

    Its statistic is the one-hot row of the label, its natural parameters are the logits z (up to a
    number added to all, which changes nothing), and its mean is q = softmax(z): the gradient of the
    mean -log q[y] is q - p with p the frequencies of the labels.

    Parameters
    ----------
    logits
        z, shape ``(*batch, K)``. -inf is a class that cannot be.
    probs
        q instead, of the same shape: not negative, with sum 1. Gradients at q are those along
        which the sum stays 1.

    Raises
    ------
    TypeError, ValueError
        If both or none are given, a row holds no distribution, or there is no class.

    Examples
    --------
    >>> Categorical(probs=[0.2, 0.3, 0.5]).log_prob(2).round(4)   # log ½, as -1 bit in nats
    np.float64(-0.6931)
    """

    def __init__(self, *, logits: Any = None, probs: Any = None) -> None:
        one_of("Categorical", logits=logits, probs=probs)
        given = floats(logits if probs is None else probs)
        if not given.ndim or not given.shape[-1]:
            raise ValueError(f"Categorical: got shape {given.shape}; wanted (..., K) with K > 0")
        self.logits = given if probs is None else log_of(_pmf(given))
        z = raw(self.logits)
        refuse("Categorical: logits", z, ~(z < np.inf), "a number, or -inf")
        largest = z.max(axis=-1)
        refuse("Categorical: the largest logit", largest, largest == -np.inf, "a possible class")

    @property
    def mean(self) -> Any:
        """The probabilities q = softmax(z), shape ``(*batch, K)``."""
        return ops.softmax(self.logits)

    def statistic(self, x: Any) -> Array:
        """A row of zeros with a 1 at each label, shape (..., K)."""
        y = self._labels(x)
        return ops.one_hot(y.ravel(), self.logits.shape[-1]).reshape(*y.shape, -1)

    def log_prob(self, x: Any) -> Any:
        """The logarithm of q[x], by log_softmax.

        Parameters
        ----------
        x
            Labels, integers that broadcast against the batch.

        Raises
        ------
        ValueError
            If one is no class.
        """
        y, log_q = self._labels(x), ops.log_softmax(self.logits)
        if log_q.ndim == 1:
            return log_q[y]
        shape = np.broadcast_shapes(y.shape, log_q.shape[:-1])
        log_q = ops.broadcast_to(log_q, (*shape, log_q.shape[-1]))
        y = np.broadcast_to(y, shape)[..., None]
        return ops.take_along_axis(log_q, y, axis=-1)[..., 0]

    def fisher(self) -> Any:
        """diag(q) - q qᵀ, shape ``(*batch, K, K)``: see `label_covariance`."""
        return label_covariance(self.mean)

    def sample(self, rng: Seed, n: int) -> Array:
        """``n`` labels, shape ``(n, *batch)``, by the Gumbel trick: argmax of z plus Gumbel noise.

        Maddison, Tarlow and Minka, "A* sampling", 2014. It asks for no probabilities,
        so a class is drawn as often as its logit says, however small it is.
        """
        z = raw(self.logits)
        noise = np.random.default_rng(rng).gumbel(size=(n, *z.shape))
        return np.asarray((z + noise).argmax(axis=-1))

    @classmethod
    def fit(cls, data: Any, classes: int | None = None) -> Categorical:
        """The most likely distribution: the counts of the labels over n.

        Setting the derivative of Σ p log q + λ (1 - Σ q) to 0 gives p / q = λ = 1 wherever p > 0:
        the conditions of Karush, Kuhn and Tucker, enough for a maximum as log is concave.

        Parameters
        ----------
        data
            Labels, integers of shape (n,).
        classes
            K; by default the largest label + 1.

        Raises
        ------
        ValueError, TypeError
            If there are no data, or a label is no class.

        Examples
        --------
        >>> Categorical.fit([2, 0, 2, 1])
        Categorical(probs=[0.25 0.25 0.5 ])
        """
        y, classes = _classes_of("Categorical.fit", data, classes)
        return cls(probs=np.bincount(y, minlength=classes) / len(y))

    @classmethod
    def fit_by_descent(
        cls, data: Any, steps: int = 500, lr: float = 0.1, classes: int | None = None
    ) -> tuple[Categorical, Array]:
        """`fit`, by descent in the logits from all zero; also the loss before each step.

        A class that never occurs would need the logit -inf; descent stays on the way there.
        """
        y, classes = _classes_of("Categorical.fit_by_descent", data, classes)
        return descend(cls.from_natural, np.zeros(classes), y, steps, lr)

    def _labels(self, x: Any) -> Array:
        y, classes = raw(x), self.logits.shape[-1]
        if y.dtype.kind not in "iu":
            raise TypeError(f"Categorical: labels of dtype {y.dtype}; wanted integers")
        wrong = (y < 0) | (y >= classes)
        refuse("Categorical: a label, x", y, wrong, f"a class from 0 to {classes - 1}")
        return y


def _pmf(q: Any) -> Any:
    """Probabilities that have been checked."""
    array = raw(q)
    refuse("Categorical: probs", array, ~(array >= 0), "none below 0")
    sums = array.sum(axis=-1, dtype=np.float64)
    refuse("Categorical: the sum of probs", sums, ~(abs(sums - 1) <= 1e-5), "1")
    return q


def _classes_of(where: str, data: Any, classes: int | None) -> tuple[Array, int]:
    """Labels of shape (n,) and the number of classes."""
    y = observed(where, data)
    if y.ndim != 1 or y.dtype.kind not in "iu":
        raise TypeError(f"{where}: data of shape {y.shape}, {y.dtype}; wanted integers, (n,)")
    classes = int(y.max()) + 1 if classes is None else classes
    wrong = (y < 0) | (y >= classes)
    refuse(f"{where}: data", y, wrong, f"a class from 0 to {classes - 1}")
    return y, classes

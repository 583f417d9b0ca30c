"""What follows from q - p: noisy gradients that are right on average, curvature, temperature."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..value import Array
from .distribution import Seed, floats, raw, refuse


def label_covariance(q: Any) -> Any:
    """diag(q) - q qᵀ, four matrices in one.

    The covariance of one-hot labels drawn from q; the Jacobian of softmax; the Hessian of every
    cross-entropy H(p, softmax(z)) at z, whatever p; and the Fisher information of the logits, the
    mean of (q - onehot(y)) (q - onehot(y))ᵀ over labels y drawn from the model's own q. It is not
    negative in any direction, and 0 along (1, ..., 1).

    Parameters
    ----------
    q
        Probabilities, shape ``(*batch, K)``.

    Returns
    -------
    array or Tensor
        Shape ``(*batch, K, K)``. Its rows sum to 0 to rounding, and q (1 - q) keeps its digits near
        q = 1, where it is taken as the sum of the others.

    Examples
    --------
    >>> label_covariance([0.25, 0.75])
    array([[ 0.1875, -0.1875],
           [-0.1875,  0.1875]])
    """
    q = floats(q)
    diagonal = np.eye(q.shape[-1], dtype=q.dtype)
    pairs = q[..., :, None] * q[..., None, :] * (1 - diagonal)
    return diagonal * ops.sum(pairs, axis=-1, keepdims=True) - pairs


def sampled_gradient(z: Any, rng: Seed, batch: int, p: Any) -> Array:
    """The gradient q - p of cross-entropy, with p seen only through a batch of labels from it.

    It is the mean of q - onehot(y) over `batch` labels y. As cross-entropy is linear in p, its
    expectation is q - p; its covariance is `gradient_covariance(p, batch)`, whatever q is. This is
    why a classifier can be trained on labels, one for each example.

    Parameters
    ----------
    z
        Logits, shape (K,).
    rng
        A Generator or a seed.
    batch
        How many labels are drawn.
    p
        The distribution that they are drawn from, shape (K,).

    Returns
    -------
    array
        Shape (K,), summing to 0.

    Raises
    ------
    ValueError
        If p is no distribution over the classes of z, or the batch is empty.

    Examples
    --------
    A certain p has no noise.

    >>> sampled_gradient(np.zeros(2), 0, 1, [0.0, 1.0])   # q - p
    array([ 0.5, -0.5])
    """
    q = np.asarray(ops.softmax(raw(floats(z))))
    target = _target("sampled_gradient", p, q)
    _check_batch("sampled_gradient", batch)
    counts = np.random.default_rng(rng).multinomial(batch, target / target.sum())
    return np.asarray(q - counts / batch)


def gradient_covariance(p: Any, batch: int = 1) -> Any:
    """The covariance of `sampled_gradient`: (diag(p) - p pᵀ) / batch.

    Its trace, the mean squared error of the gradient, is (1 - Σ p²) / batch. It does not depend on
    the model: training does not make the gradient of a batch less noisy, only a larger batch does.

    Parameters
    ----------
    p
        The distribution of the labels, shape ``(*batch axes, K)``.
    batch
        How many labels each gradient is the mean of.

    Examples
    --------
    >>> gradient_covariance([0.5, 0.5], batch=4)   # ¼ / 4
    array([[ 0.0625, -0.0625],
           [-0.0625,  0.0625]])
    """
    _check_batch("gradient_covariance", batch)
    return label_covariance(p) / batch


def natural_gradient_step(z: Any, p: Any) -> Array:
    """Newton's step on the logits: z minus the inverse of the Hessian times q - p.

    The Hessian diag(q) - q qᵀ is the Fisher information, so this is also the natural gradient
    (Amari, "Natural gradient works efficiently in learning", 1998). It is flat along (1, ..., 1),
    as adding a number to all logits changes nothing, so its inverse is the pseudo-inverse. That
    needs no matrix: as H d = q ⊙ d - q (q · d), H (1 - p / q) = q - p, and the solution without a
    flat part is 1 - p / q less its mean.

    Near the optimum each step doubles the number of right digits. Far from it, where q is much
    smaller than p, a step of p / q is too long; damp it, or begin with gradient descent.

    Parameters
    ----------
    z
        Logits, shape (K,).
    p
        The target, shape (K,).

    Returns
    -------
    array
        The new logits, with the same mean as before.

    Raises
    ------
    ValueError
        If p is no distribution over the classes of z, or q is 0 somewhere: there is no curvature.

    Examples
    --------
    >>> natural_gradient_step([0.0, 0.0], [0.75, 0.25])   # ±log √3 = ±0.549 is the optimum
    array([ 0.5, -0.5])
    """
    logits = raw(floats(z))
    q = np.asarray(ops.softmax(logits))
    target = _target("natural_gradient_step", p, q)
    refuse("natural_gradient_step: q", q, ~(q > 0), "a probability above 0")
    step = 1 - target / q
    return np.asarray(logits - (step - step.mean()))


def smooth_max(z: Any, temperature: float = 1.0, axis: int = -1) -> Any:
    """T log Σ exp(z / T), the maximum made smooth: `logsumexp` at temperature T.

    It is above the maximum by T log K at most, and tends to it as T tends to 0; at T = 0 it is the
    maximum. Its gradient is `soft_argmax` at the same T: argmax is to max as softmax to logsumexp.

    Parameters
    ----------
    z
        Of any shape.
    temperature
        T, in the units of z, not negative.
    axis
        The one over which the maximum is taken.

    Raises
    ------
    ValueError
        If T is negative or not finite.

    Examples
    --------
    >>> z = np.array([1.0, 3.0, 3.0])
    >>> [float(smooth_max(z, T).round(4)) for T in (1.0, 0.1, 0.0)]   # 3 + T log 2, about
    [3.7586, 3.0693, 3.0]
    """
    z = floats(z)
    if not _checked_temperature("smooth_max", temperature):
        return ops.max(z, axis=axis)
    top = _top(z, axis)
    smooth = ops.logsumexp(_cooled(z - top, temperature), axis=axis) * temperature
    return smooth + np.squeeze(top, axis=axis)


def soft_argmax(z: Any, temperature: float = 1.0, axis: int = -1) -> Any:
    """softmax(z / T): where the maximum is, as a distribution.

    As T tends to 0 it tends to the one-hot row of the largest z; ties share the 1. At T = 0 it is
    that, a constant; as T grows it tends to equal shares.

    Parameters
    ----------
    z, temperature, axis
        See `smooth_max`.

    Raises
    ------
    ValueError
        If T is negative or not finite.

    Examples
    --------
    >>> soft_argmax([1.0, 3.0, 3.0], temperature=0.0)
    array([0. , 0.5, 0.5])
    """
    z = floats(z)
    top = _top(z, axis)
    if not _checked_temperature("soft_argmax", temperature):
        largest = (raw(z) == top).astype(z.dtype)
        return largest / largest.sum(axis=axis, keepdims=True)
    return ops.softmax(_cooled(z - top, temperature), axis=axis)


def _top(z: Any, axis: int) -> Array:
    """The largest z, a constant that is taken out: z / T would overflow for a tiny T."""
    top: Array = raw(z).max(axis=axis, keepdims=True)
    return np.where(np.isfinite(top), top, 0).astype(z.dtype)


def _cooled(d: Any, temperature: float) -> Any:
    """``d / T`` for d ≤ 0; what overflows is -inf, a share of 0."""
    with np.errstate(over="ignore"):
        return d / temperature


def _checked_temperature(where: str, temperature: float) -> float:
    if not 0 <= temperature < np.inf:
        raise ValueError(f"{where}: temperature={temperature!r}; wanted a finite number >= 0")
    return float(temperature)


def _check_batch(where: str, batch: int) -> None:
    if batch < 1:
        raise ValueError(f"{where}: batch={batch}; wanted at least 1")


def _target(where: str, p: Any, q: Array) -> Array:
    """A distribution over the classes of one row of logits."""
    target = raw(floats(p))
    if target.shape != q.shape or q.ndim != 1:
        raise ValueError(f"{where}: z of shape {q.shape}, p of {target.shape}; wanted (K,) twice")
    refuse(f"{where}: p", target, ~(target >= 0), "none below 0")
    total = target.sum(dtype=np.float64)
    refuse(f"{where}: the sum of p", total, ~(abs(total - 1) <= 1e-5), "1")
    return target.astype(np.float64)

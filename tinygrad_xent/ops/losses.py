"""The other losses, most with PyTorch's names and conventions: nll, binary, KL, squared error.

Each is a negative log-likelihood: of a class, of a coin, of a distribution, of a Gaussian.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import Op, apply, formula
from ..value import Value, known
from .calling import as_array
from .elementary import exp, log, sigmoid, where
from .guards import warn
from .reduction import sum
from .shape import reshape
from .softmax import Softmax
from .targets import REDUCTIONS, as_dtype_of, rows_of, weighted_mean


def nll_loss(
    log_probs: Any,
    target: Any,
    *,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    axis: int | None = None,
) -> Any:
    """The negative of the log-probability at each label: `cross_entropy` after `log_softmax`.

    Shapes, labels and options are those of `cross_entropy`.

    Examples
    --------
    >>> nll_loss(np.log([[0.25, 0.75]]), [1]).round(4)   # -log 0.75
    np.float64(0.2877)
    """
    op = "nll_loss"
    if isinstance(log_probs, Value) and type(log_probs._op) is Softmax:
        warn(f"{op}: got probabilities, the output of softmax; wanted those of log_softmax")
    dtype = as_array(_raw(target)).dtype
    if dtype.kind == "f":
        raise TypeError(f"{op}: target of dtype {dtype}; wanted class indices (integers)")
    z, y, outer, left_in, share, total = rows_of(
        op, log_probs, target, reduction, axis, weight, ignore_index
    )
    labels = _raw(y) if left_in is None else np.where(left_in, _raw(y), 0)
    losses = -z[np.arange(len(labels)), labels]
    if share is not None:
        losses = where(share == 0, 0.0, losses) * share
    if reduction == "none":
        loss = reshape(losses, outer)
    else:
        loss = sum(losses) if reduction == "sum" else weighted_mean(op, losses, total)
    return as_dtype_of(z, loss)


class BinaryCrossEntropyWithLogits(Op):
    """-y log σ(x) - (1 - y) log(1 - σ(x)), with w times the weight on y = 1.

    What fusing buys: no sigmoid to underflow, and 0 times inf is 0 for certain outcomes.
    """

    name = "binary_cross_entropy_with_logits"

    @formula("(1 - y) softplus(x) + w y softplus(-x)")
    def forward(self, x: Any, y: Any, w: Any) -> Any:
        with np.errstate(invalid="ignore"):
            if_0, if_1 = (1 - y) * np.logaddexp(0, x), w * y * np.logaddexp(0, -x)
        return np.where(y == 1, 0, if_0) + np.where(w * y == 0, 0, if_1)

    @formula("ḡ ((1 - y) σ(x) - w y σ(-x))")
    def vjp_x(self, g: Any, loss: Any, x: Any, y: Any, w: Any) -> Any:
        return g * ((1 - y) * sigmoid(x) - w * y * sigmoid(-x))

    @formula("ḡ (w softplus(-x) - softplus(x))")
    def vjp_y(self, g: Any, loss: Any, x: Any, y: Any, w: Any) -> Any:
        return g * (w * np.logaddexp(0, -x) - np.logaddexp(0, x))

    @formula("ḡ y softplus(-x)")
    def vjp_w(self, g: Any, loss: Any, x: Any, y: Any, w: Any) -> Any:
        return g * (y * np.logaddexp(0, -x))


def binary_cross_entropy_with_logits(
    logits: Any, target: Any, *, weight: Any = None, pos_weight: Any = 1.0, reduction: str = "mean"
) -> Any:
    """The surprise at outcomes y of coins with log-odds x; its gradient is σ(x) - y.

    Parameters
    ----------
    logits
        Floating, any shape: x, the log-odds of y = 1.
    target
        y, of the same shape: 0 or 1, or anything between.
    weight
        Of each element; broadcasts.
    pos_weight
        Multiplies the loss of y = 1, for instance by the ratio of negatives to positives;
        broadcasts.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``; the mean is over elements, not over weights.

    Examples
    --------
    >>> binary_cross_entropy_with_logits(np.array([0.0, -np.inf]), np.array([1.0, 0.0])).round(4)
    np.float64(0.3466)
    """
    op = "binary_cross_entropy_with_logits"
    x, y = _pair(op, logits, target, reduction)
    if isinstance(x, Value) and x._op is not None and x._op.name == "sigmoid":
        warn(f"{op}: the logits are the output of sigmoid, which {op} applies itself")
    w = 1.0 if pos_weight is None else pos_weight
    return _reduced(_times(apply(BinaryCrossEntropyWithLogits(), x, y, w), weight), reduction)


class BinaryCrossEntropy(Op):
    """-y log q - (1 - y) log(1 - q), where no logarithm is taken below -100, as in PyTorch."""

    name = "binary_cross_entropy"

    @formula("-y log q - (1 - y) log(1 - q)")
    def forward(self, q: Any, y: Any) -> Any:
        return -y * _log_from(-100.0, q) - (1 - y) * _log_from(-100.0, 1 - q, -q)

    @formula("ḡ (q - y) / (q (1 - q))")
    def vjp_q(self, g: Any, loss: Any, q: Any, y: Any) -> Any:
        variance = q * (1 - q)
        return g * ((q - y) / where(variance < 1e-12, 1e-12, variance))

    @formula("ḡ (log(1 - q) - log q)")
    def vjp_y(self, g: Any, loss: Any, q: Any, y: Any) -> Any:
        return g * (_log_from(-100.0, 1 - q, -q) - _log_from(-100.0, q))


def _log_from(lowest: float, x: Any, x_minus_1: Any = None) -> Any:
    """Log x, or where that is less, `lowest`."""
    small = x <= math.exp(lowest)
    if x_minus_1 is None:
        return where(small, lowest, log(where(small, 1.0, x)))
    return where(small, lowest, np.log1p(where(small, 0.0, x_minus_1)))


def binary_cross_entropy(
    probs: Any, target: Any, *, weight: Any = None, reduction: str = "mean"
) -> Any:
    """The surprise at outcomes y of coins that fall on 1 with probability q.

    Prefer `binary_cross_entropy_with_logits`: a probability that has been rounded to 0 or 1 has
    lost what its logit knew, and costs 100 here instead of inf, as in PyTorch. Arguments as there.

    Raises
    ------
    ValueError
        If a probability is outside 0 ... 1.

    Examples
    --------
    >>> binary_cross_entropy(np.array([0.25]), np.array([1.0])).round(4)   # -log 0.25
    np.float64(1.3863)
    """
    op = "binary_cross_entropy"
    q, y = _pair(op, probs, target, reduction)
    array = _raw(q)
    outside = (array < 0) | (array > 1)
    if known(outside.any()):
        raise ValueError(
            f"{op}: a probability is {array[outside].flat[0]}; wanted 0 to 1; "
            "for logits use binary_cross_entropy_with_logits"
        )
    return _reduced(_times(apply(BinaryCrossEntropy(), q, y), weight), reduction)


def kl_div(log_q: Any, target: Any, *, reduction: str = "mean", log_target: bool = False) -> Any:
    """The divergence KL(p‖q) = Σ p (log p - log q), elementwise from log q and p, as in PyTorch.

    Parameters
    ----------
    log_q
        Log-probabilities of the model, the output of `log_softmax`.
    target
        p of the same shape, or log p with `log_target`. Where p is 0 the element and its gradients
        are 0, whatever log q is.
    reduction
        ``"batchmean"``, the sum divided by the number of rows, is the mean divergence; ``"mean"``
        divides by the number of elements, ``"sum"`` by nothing; ``"none"`` keeps the elements.

    Examples
    --------
    >>> log_q = np.log([[0.5, 0.5]])
    >>> kl_div(log_q, np.array([[1.0, 0.0]]), reduction="batchmean").round(4)   # log 2
    np.float64(0.6931)
    """
    op = "kl_div"
    if reduction not in (*REDUCTIONS, "batchmean"):
        raise ValueError(
            f"{op}: reduction={reduction!r}; wanted 'batchmean', 'mean', 'sum', 'none'"
        )
    log_q, p = _as_floats(log_q), _as_floats(target)
    if isinstance(log_q, Value) and type(log_q._op) is Softmax:
        warn(f"{op}: got probabilities, the output of softmax; wanted those of log_softmax")
    _warn_of_broadcasting(op, log_q, p)
    never = _raw(p) == (-np.inf if log_target else 0)
    log_q = where(never, 0.0, log_q)
    if log_target:
        log_p = where(never, 0.0, p)
        elements = exp(p) * (log_p - log_q)
    else:
        elements = p * (log(where(never, 1.0, p)) - log_q)
    if reduction == "batchmean":
        return sum(elements) / (elements.shape[0] if elements.shape else 1)
    return _reduced(elements, reduction)


class SquaredError(Op):
    """(x - y)², or half of it, whose gradient is x - y."""

    name = "squared_error"

    def __init__(self, half: bool = False) -> None:
        self.factor = 1 if half else 2
        self.by, self.times = (" / 2", "") if half else ("", "2 ")

    @formula("(x - y)²{by}")
    def forward(self, x: Any, y: Any) -> Any:
        return np.square(x - y) * (self.factor / 2)

    @formula("ḡ {times}(x - y)")
    def vjp_x(self, g: Any, loss: Any, x: Any, y: Any) -> Any:
        return g * (self.factor * (x - y))

    @formula("-ḡ {times}(x - y)")
    def vjp_y(self, g: Any, loss: Any, x: Any, y: Any) -> Any:
        return g * (self.factor * (y - x))


def mse_loss(
    x: Any, y: Any, *, reduction: str = "mean", weight: Any = None, half: bool = False
) -> Any:
    """The mean squared error of x against y.

    Parameters
    ----------
    x, y
        Prediction and target, of the same shape.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``.
    weight
        Of each element, of the same shape; a mean is then divided by their sum.
    half
        Take ``(x - y)² / 2``, the negative log-likelihood of a Gaussian around x of variance 1 (but
        for a constant). Its gradient is x - y, as that of cross-entropy is q - p.

    Warns
    -----
    LikelyMistake
        If the shapes differ: (N, 1) and (N,) make N² differences.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> x = tx.Tensor([3.0, 1.0], requires_grad=True)
    >>> tx.mse_loss(x, [1.0, 2.0], reduction="sum", half=True).backward()
    >>> x.grad   # x - y
    array([ 2., -1.], dtype=float32)
    """
    op = "mse_loss"
    _check_reduction(op, reduction)
    x, y = _as_floats(x, y), _as_floats(y, x)
    _warn_of_broadcasting(op, x, y)
    losses = apply(SquaredError(half), x, y)
    if weight is None:
        return _reduced(losses, reduction)
    w = _as_floats(weight, x)
    if w.shape != losses.shape:
        raise ValueError(f"{op}: weight of shape {w.shape}; wanted {losses.shape}, as the losses")
    return sum(losses * w) / sum(w) if reduction == "mean" else _reduced(losses * w, reduction)


def gaussian_nll_loss(
    mean: Any,
    target: Any,
    var: Any,
    *,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:
    """The surprise at a target for Gaussians of given mean and variance.

    ``(log v + (mean - target)² / v) / 2`` with v the larger of `var` and `eps`; with `full` also
    the constant log(2 π) / 2.

    Parameters
    ----------
    mean, target
        Of the same shape.
    var
        The variance: a number, of the same shape, or without the last axis or with size 1 there.

    Raises
    ------
    ValueError
        If a variance is negative, or its shape is none of these.

    Examples
    --------
    >>> mean, target, var = np.array([0.0]), np.array([2.0]), np.array([4.0])
    >>> gaussian_nll_loss(mean, target, var).round(4)   # (log 4 + 1) / 2
    np.float64(1.1931)
    """
    op = "gaussian_nll_loss"
    _check_reduction(op, reduction)
    mean, target = _as_floats(mean, target), _as_floats(target, mean)
    v = _as_floats(var, mean)
    _warn_of_broadcasting(op, mean, target)
    if v.shape and v.shape != mean.shape:
        if v.shape == mean.shape[:-1]:
            v = reshape(v, (*v.shape, 1))
        elif len(v.shape) != len(mean.shape) or any(
            n not in (1, m) for n, m in zip(v.shape, mean.shape, strict=True)
        ):
            raise ValueError(
                f"{op}: var has shape {v.shape}; wanted that of the mean, {mean.shape}, "
                f"or {mean.shape[:-1]}, or 1 where they differ"
            )
    variances = _raw(v)
    if known((variances < 0).any()):
        raise ValueError(f"{op}: a variance is {variances.min()}; wanted none below 0")
    if known((variances < eps).any()):  # lifted by a constant: the gradient passes, as in PyTorch
        v = v + np.maximum(eps - variances, 0).astype(variances.dtype)
    losses = (log(v) + (mean - target) ** 2 / v) * 0.5
    return _reduced(losses + 0.5 * math.log(2 * math.pi) if full else losses, reduction)


def _raw(x: Any) -> Any:
    """The array of a Tensor, anything else as it is."""
    return x._array if isinstance(x, Value) else x


def _as_floats(x: Any, beside: Any = None) -> Any:
    """A list or number as an array, integers as floats, of the dtype of a Tensor beside."""
    array: Any = x if isinstance(x, (Value, np.ndarray)) else np.asarray(x)
    weak = array is not x or array.dtype.kind != "f"
    other = _raw(beside)
    if weak and isinstance(beside, Value) and other.dtype.kind == "f":
        return array.astype(other.dtype)
    return array if array.dtype.kind == "f" else array.astype(np.float64)


def _check_reduction(op: str, reduction: str) -> None:
    if reduction not in REDUCTIONS:
        raise ValueError(f"{op}: reduction={reduction!r}; wanted 'mean', 'sum' or 'none'")


def _pair(op: str, x: Any, y: Any, reduction: str) -> tuple[Any, Any]:
    """Predictions and targets of the same shape, as floats."""
    _check_reduction(op, reduction)
    x, y = _as_floats(x, y), _as_floats(y, x)
    if x.shape != y.shape:
        raise ValueError(f"{op}: the target has shape {y.shape}; wanted {x.shape}, as the input")
    return x, y


def _times(losses: Any, weight: Any) -> Any:
    return losses if weight is None else losses * _as_floats(weight, losses)


def _reduced(losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def _warn_of_broadcasting(op: str, x: Any, y: Any) -> None:
    if x.shape != y.shape and x.shape and y.shape:
        shape = np.broadcast_shapes(x.shape, y.shape)
        warn(
            f"{op}: shapes {x.shape} and {y.shape} broadcast to {shape}; "
            "wanted the same shape: reshape one of them"
        )

"""Cross-entropy of logits: the fused op, its rule q - p, and its unfused twin.

The loss of one row is H(p, q) = -Σ p log q with q = softmax(z): the surprise, in nats, at outcomes
drawn from p for someone who believed q. Its gradient at the logits is q - p (for Σ p = 1).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import Op, apply, formula
from ..value import Array, Value, known
from .arithmetic import power
from .elementary import exp, log, tanh, where
from .guards import warn
from .reduction import max, sum
from .shape import reshape
from .softmax import Softmax, log_softmax, logsumexp, softmax
from .softmax_xent import softmax_xent, softmax_xent_rows, sums
from .targets import as_dtype_of, one_hot, rows_of, warn_of_no_rows, weighted_mean


class ClassLoss(Op):
    """What the fused losses over classes share: rows that count differently, and their reduction.

    With a `share` each row's loss is multiplied by its own, and a mean divided by their `total`.
    """

    letter = "w"  # for the share

    def __init__(self, reduction: str = "mean", share: Any = None, total: Any = None) -> None:
        self.reduction, self.share, self.total = reduction, share, total

    @property
    def w(self) -> str:
        """The share in the formulas."""
        return "" if self.share is None else f"{self.letter} "

    @property
    def per(self) -> str:
        """The divisor in the formulas."""
        if self.reduction != "mean":
            return ""
        return " / N" if self.total is None else f" / Σ {self.letter}"

    def reduced(self, losses: Any) -> Any:
        """The losses of the rows, added up or averaged."""
        if self.reduction == "none":
            return losses
        if self.reduction == "sum":
            return sums(losses)
        return sums(losses) / (len(losses) if self.total is None else self.divisor(np.nan))

    def each(self, g: Any, n: int) -> Any:
        """What the loss of one of n rows is worth to the final loss: ḡ, or ḡ / N for a mean."""
        if self.reduction == "none":
            return g[:, None]
        if self.reduction == "sum":
            return g
        return g / (n if self.total is None else self.divisor(np.inf))

    def divisor(self, of_nothing: float) -> Any:
        """What a mean divides by, with what to take for it where no row counts."""
        return np.where(self.total == 0, of_nothing, self.total).astype(self.total.dtype)


class CrossEntropy(ClassLoss):
    """-Σ p log softmax(z) for a batch, the op that this package is named after.

    What fusing buys: stability (no overflow, no log of 0, tiny losses keep their digits), speed
    and a picture with q - p on it. Its twin is `unfused_cross_entropy`. Of main memory it reads and
    writes four numbers per logit: forward z and q - p, backward q - p and the gradient. Two would
    do if backward scaled q - p where it lies, which a drawing or a second backward still needs.

    A row of share 0 has the loss 0 and the gradient 0, whatever it holds.
    """

    name = "cross_entropy"
    keeps_integers = True  # class indices

    @formula("-Σ {w}p log q{per},  q = softmax(z)")
    def forward(self, z: Any, p: Any) -> Any:
        x = z.astype(np.float32) if z.itemsize == 2 else z  # half precision cannot sum
        if self.share is None:
            loss, q_minus_p = _kernel(p)(x, p)
        else:
            x, p = self.without_the_ignored(x, p)
            loss, q_minus_p = _kernel(p)(x, p)
            loss *= self.share
            q_minus_p *= self.share[:, None]
        self.saved = {"q_minus_p": q_minus_p}
        loss = self.reduced(loss)
        return loss if loss.dtype is z.dtype else loss.astype(z.dtype)

    @formula("ḡ {w}(q - p){per}")
    def vjp_z(self, g: Any, loss: Any, z: Any, p: Any) -> Any:
        q_minus_p = self.saved["q_minus_p"]  # known from forward
        if isinstance(z, Value) or isinstance(p, Value):  # to be differentiated: a function of z, p
            q_minus_p = self.q_minus_p(z, p)
        return q_minus_p * self.each(g, z.shape[0])

    @formula("-ḡ {w}log q{per}")
    def vjp_p(self, g: Any, loss: Any, z: Any, p: Any) -> Any:
        surprise = -log_softmax(z)
        if self.share is not None:
            surprise = where(self.share[:, None] == 0, 0.0, surprise) * self.share[:, None]
        return surprise * self.each(g, z.shape[0])

    def q_minus_p(self, z: Any, p: Any) -> Any:
        """The same by ops, from logits and target."""
        if self.share is not None:
            z, p = self.without_the_ignored(z, p)
        if p.ndim == 1:
            difference = softmax(z) - one_hot(p, z.shape[1], z.dtype)
        else:
            difference = softmax(z) * p.sum(axis=1, keepdims=True) - p
        return difference if self.share is None else difference * self.share[:, None]

    def without_the_ignored(self, z: Any, p: Any) -> tuple[Any, Any]:
        """Logits and target with harmless numbers where a row is ignored."""
        ignored = self.share == 0
        return where(ignored[:, None], 0.0, z), where(ignored, 0, p) if p.ndim == 1 else p


def _kernel(p: Array) -> Any:
    return softmax_xent if p.ndim == 1 else softmax_xent_rows


def cross_entropy(
    logits: Any,
    target: Any,
    *,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    axis: int | None = None,
    base: float | None = None,
    temperature: Any = None,
    softcap: float | None = None,
    z_loss: float = 0.0,
    check: bool = False,
) -> Any:
    """The cross-entropy H(p, q) = -Σ p log q of q = softmax(logits); its gradient is q - p.

    Parameters
    ----------
    logits
        Floating, shape (N, K): a row of K logits per example. Also (K,) for one example, or
        (N, K, d1, ...) with the classes on axis 1, as in PyTorch. A logit of -inf is a class that
        cannot be.
    target
        Class indices, any integer dtype, of the shape of `logits` without the class axis; or
        probabilities, floating, of the shape of `logits`, which may need a gradient themselves
        (-log q). Rows of probabilities are taken as they are: a row that sums to P has the gradient
        P q - p.
    weight
        One number per class, (K,), with which the class's share of the loss is multiplied.
    ignore_index
        Class indices of this value are left out: loss 0, gradient exactly 0, whatever the logits
        hold.
    reduction
        ``"mean"`` over the examples (the gradient is then (q - p) / N; over class indices it is the
        weighted mean, Σ w loss / Σ w), ``"sum"``, or ``"none"``: one loss per example.
    label_smoothing
        eps from 0 to 1: the target becomes (1 - eps) p + eps / K.
    axis
        Where the classes are, if not on axis 1.
    base
        The base of the logarithm, 2 for bits or 10 for bans, if not e for nats.
    temperature
        T > 0 in q = softmax(z / T); may be a Tensor that needs a gradient.
    softcap
        c > 0 in z ← c tanh(z / c), which keeps the logits between -c and c; before `temperature`.
    z_loss
        λ in the penalty λ (log Σ exp z)² per row, which is added.
    check
        Also refuse target rows that are no probabilities.

    Raises
    ------
    TypeError, ValueError
        If dtype or shape of the target fit neither form, naming what was got and what is wanted; if
        an option is out of its range.
    IndexError
        If a class index is outside 0 ... K - 1, naming the first such row.

    Warns
    -----
    LikelyMistake
        If the logits are the output of softmax.
    RuntimeWarning
        If the weights of a mean sum to 0, as when every row is ignored: the loss is nan, the
        gradient 0.

    Examples
    --------
    Equal logits are a uniform guess among three classes, which costs log 3; q - p is (1/3, 1/3 - 1,
    1/3).

    >>> import tinygrad_xent as tx
    >>> z = tx.Tensor([[0.0, 0.0, 0.0]], requires_grad=True)
    >>> loss = tx.cross_entropy(z, [1])
    >>> loss.backward()
    >>> round(loss.item(), 4), z.grad.round(4).tolist()
    (1.0986, [[0.33329999446868896, -0.666700005531311, 0.33329999446868896]])
    """
    op = "cross_entropy"
    if isinstance(logits, Value) and type(logits._op) is Softmax:
        _warn_of_softmax_twice(op, logits, axis)
    if softcap is not None or temperature is not None:
        logits = _transformed(op, logits, softcap, temperature)
    z, p, outer, left_in, share, total = rows_of(
        op, logits, target, reduction, axis, weight, ignore_index, label_smoothing, check
    )
    if total is not None and known(total == 0) and reduction == "mean":
        warn_of_no_rows(op)
    loss = apply(CrossEntropy(reduction, share, total), z, p)
    if z_loss != 0:
        loss = loss + _z_loss(op, z_loss, z, left_in, reduction)
    if base is not None:
        loss = loss / math.log(positive_number(op, "base", base))
    return reshape(loss, outer) if reduction == "none" and len(outer) != 1 else loss


def unfused_cross_entropy(
    logits: Any,
    target: Any,
    *,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    axis: int | None = None,
    check: bool = False,
) -> Any:
    """The same loss by the long road, one op at a time, as one would first write it down.

    Same arguments, same value and same gradients as `cross_entropy`, for logits that are not
    extreme: here ``log(probs)`` is -inf once a probability underflows, and its gradient nan.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> round(tx.unfused_cross_entropy(tx.Tensor([[0.0, 0.0, 0.0]]), [1]).item(), 4)
    1.0986
    """
    op = "unfused_cross_entropy"
    z, p, outer, left_in, share, total = rows_of(
        op, logits, target, reduction, axis, weight, ignore_index, label_smoothing, check
    )
    if left_in is not None:
        z = where(left_in[:, None], z, 0.0)
    logit_maxes = _named("logit_maxes", max(z, axis=1, keepdims=True))
    norm_logits = _named("norm_logits", z - logit_maxes)
    counts = _named("counts", exp(norm_logits))
    counts_sum = _named("counts_sum", sum(counts, axis=1, keepdims=True))
    counts_sum_inv = _named("counts_sum_inv", power(counts_sum, -1))
    probs = _named("probs", counts * counts_sum_inv)
    logprobs = _named("logprobs", log(probs))
    if p.ndim == 1:
        y = p._array if isinstance(p, Value) else p
        chosen = logprobs[np.arange(len(y)), y if left_in is None else np.where(left_in, y, 0)]
    else:
        chosen = sum(p * logprobs, axis=1)
    losses = -chosen if share is None else -chosen * share
    if reduction == "none":
        loss = reshape(losses, outer)
    else:
        loss = sum(losses) if reduction == "sum" else weighted_mean(op, losses, total)
    return as_dtype_of(z, loss)


def _named(name: str, x: Any) -> Any:
    """The same value with the name that a drawing should give it."""
    if isinstance(x, Value):
        x.name = name
    return x


def _transformed(op: str, logits: Any, softcap: Any, temperature: Any) -> Any:
    """The logits softly capped, then divided by the temperature."""
    z: Any = logits if isinstance(logits, (Value, np.ndarray)) else np.asarray(logits)
    if softcap is not None:
        c = positive_number(op, "softcap", softcap)
        z = tanh(z / c) * c
    if temperature is None:
        return z
    return z / (
        temperature
        if isinstance(temperature, Value)
        else positive_number(op, "temperature", temperature)
    )


def _z_loss(op: str, z_loss: float, z: Any, left_in: Array | None, reduction: str) -> Any:
    """λ (log Σ exp z)² per row that is left in, reduced as the losses are, but not weighted."""
    if not 0 < z_loss < math.inf:
        raise ValueError(f"{op}: z_loss={z_loss!r}; wanted a finite number of at least 0")
    if left_in is None:
        penalty = logsumexp(z, axis=1) ** 2
    else:
        penalty = where(left_in, logsumexp(where(left_in[:, None], z, 0.0), axis=1) ** 2, 0.0)
    if reduction == "none":
        return z_loss * penalty
    n = z.shape[0] if left_in is None else np.count_nonzero(left_in)
    return z_loss * sum(penalty) / (n or 1) if reduction == "mean" else z_loss * sum(penalty)


def positive_number(op: str, name: str, number: Any) -> float:
    """The number as a float, finite and above 0."""
    x = float(number)
    if not 0 < x < math.inf or (name == "base" and x == 1):
        raise ValueError(
            f"{op}: {name}={number!r}; wanted a finite number above 0"
            + (", and not 1" if name == "base" else "")
        )
    return x


def _warn_of_softmax_twice(op: str, logits: Value, axis: int | None) -> None:
    classes = logits._array.shape[axis if axis is not None else min(1, logits._array.ndim - 1)]
    floor = math.log(math.e + classes - 1) - 1
    warn(
        f"{op}: the logits are the output of softmax, which {op} itself applies: applied twice, "
        f"the loss of {classes} classes cannot fall below ln(e + K - 1) - 1 = {floor:.3f}; pass "
        "what softmax was given"
    )

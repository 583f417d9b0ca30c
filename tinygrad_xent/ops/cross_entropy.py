"""Cross-entropy of logits: the fused op, its rule q - p, and its unfused twin.

The loss of one row is H(p, q) = -Σ p log q with q = softmax(z): the surprise, in nats, at outcomes
drawn from p for someone who believed q. Its gradient at the logits is q - p (for Σ p = 1).
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..op import Op, apply, formula
from ..value import Array, Value
from .arithmetic import power
from .elementary import exp, log
from .reduction import max, mean, sum
from .shape import moveaxis, reshape
from .softmax import log_softmax, softmax


def softmax_xent(z: Array, y: Array) -> tuple[Array, Array]:
    """Loss (N,) and q - p (N, K) of logits z (N, K) for class indices y (N,), in one pass.

    The largest logit of a row is left out of the sum s of the others, to which it would add exactly
    1: then log(1 + s) = log1p(s) keeps the digits of a loss as small as 1e-40, and so does
    -s / (1 + s), which is q - 1 for the class of the largest logit.
    """
    d, starts, top = _below_the_top(z)
    at = starts + y
    d_y = d.reshape(-1)[at]
    e, e_flat, s = _exp_and_sum(d, top)
    loss = np.log1p(s) - d_y
    e_flat[at] = e_flat[at] - 1 - s  # in this order: exactly -s where the class is the top
    e /= (1 + s)[:, None]
    return loss, e


def softmax_xent_rows(z: Array, p: Array) -> tuple[Array, Array]:
    """Loss (N,) and P q - p (N, K) of logits z (N, K) for rows p (N, K) of mass P = Σ p, usually 1.

    0 times inf is 0: a class with p = 0 adds nothing to the loss, whatever its logit.
    """
    d, _, top = _below_the_top(z)
    p = p.astype(z.dtype, order="C")
    terms = np.zeros_like(d)
    np.multiply(p, d, out=terms, where=p != 0)
    e, e_flat, s = _exp_and_sum(d, top)
    mass = p.sum(axis=1)
    loss = mass * np.log1p(s) - terms.sum(axis=1)
    e *= (mass / (1 + s))[:, None]
    e -= p
    # At the top, P q - p without a 1 to cancel: the others' p, less what s takes from its own.
    p_top = p.reshape(-1)[top]
    p.reshape(-1)[top] = 0
    e_flat[top] = (p.sum(axis=1) - p_top * s) / (1 + s)
    return loss, e


def _below_the_top(z: Array) -> tuple[Array, Array, Array]:
    """Give z - max z, and where in its ``reshape(-1)`` each row starts and has its largest element.

    Places in the flat array, because there NumPy's indexing is several times faster; in C order
    whatever the order of z, because only then is ``reshape(-1)`` a view to write through.
    """
    rows, classes = z.shape
    starts = _row_starts(rows, classes)
    top = starts + z.argmax(axis=1)
    return np.subtract(z, z.reshape(-1)[top].reshape(rows, 1), order="C"), starts, top


@functools.lru_cache(maxsize=16)  # a training run asks for the same few again and again
def _row_starts(rows: int, classes: int) -> Array:
    return np.arange(0, rows * classes, classes)


def _exp_and_sum(d: Array, top: Array) -> tuple[Array, Array, Array]:
    """exp(d) in place of d, the same flat, and the sum of each row without its top (which is 1)."""
    e = np.exp(d, out=d)
    e_flat = e.reshape(-1)
    e_flat[top] = 0
    s = _sums(e)
    e_flat[top] = 1
    return e, e_flat, s


def _sums(e: Array) -> Any:
    """Sums over the last axis: short ones as a product with ones, in a quarter of NumPy's time."""
    n = e.shape[-1]
    return e.dot(_ones(n, e.dtype)) if n <= 1024 else np.add.reduce(e, axis=-1)


@functools.lru_cache(maxsize=16)
def _ones(n: int, dtype: Any) -> Array:
    return np.ones(n, dtype)


class CrossEntropy(Op):
    """-Σ p log softmax(z) for a batch, the op that this package is named after.

    What fusing buys: stability (no overflow, no log of 0, tiny losses keep their digits), speed
    (one exponential per logit) and a picture with q - p on it. Its twin is `unfused_cross_entropy`.
    """

    name = "cross_entropy"
    keeps_integers = True  # class indices

    def __init__(self, reduction: str = "mean") -> None:
        self.reduction = reduction
        self.per = " / N" if reduction == "mean" else ""

    @formula("-Σ p log q{per},  q = softmax(z)")
    def forward(self, z: Any, p: Any) -> Any:
        kernel = softmax_xent if p.ndim == 1 else softmax_xent_rows
        working = z.astype(np.float32) if z.itemsize == 2 else z  # half precision cannot sum
        loss, q_minus_p = kernel(working, p)
        self.saved = {"q_minus_p": q_minus_p}
        if self.reduction == "sum":
            loss = _sums(loss)
        elif self.reduction == "mean":
            loss = _sums(loss) / len(loss)
        return loss if loss.dtype is z.dtype else loss.astype(z.dtype)

    @formula("ḡ (q - p){per}")
    def vjp_z(self, g: Any, loss: Any, z: Any, p: Any) -> Any:
        q_minus_p = self.saved["q_minus_p"]  # known from forward
        if isinstance(z, Value) or isinstance(p, Value):  # to be differentiated: a function of z, p
            q_minus_p = self.q_minus_p(z, p)
        return q_minus_p * self.each(g, z)

    @formula("-ḡ log q{per}")
    def vjp_p(self, g: Any, loss: Any, z: Any, p: Any) -> Any:
        return -self.each(g, z) * log_softmax(z)

    def each(self, g: Any, z: Any) -> Any:
        """What one row's loss is worth to the final loss: ḡ, or ḡ / N for a mean."""
        if self.reduction == "none":
            return g[:, None]
        return g / z.shape[0] if self.reduction == "mean" else g

    def q_minus_p(self, z: Any, p: Any) -> Any:
        """The same by ops, from logits and target."""
        if p.ndim == 1:
            return softmax(z) - one_hot(p, z.shape[1], z.dtype)
        return softmax(z) * p.sum(axis=1, keepdims=True) - p


def cross_entropy(logits: Any, target: Any, *, reduction: str = "mean") -> Any:
    """The cross-entropy H(p, q) = -Σ p log q of q = softmax(logits), in nats; its gradient is q -
    p.

    Parameters
    ----------
    logits
        Floating, shape (N, K): a row of K logits per example. Also (K,) for one example, or
        (N, K, d1, ...) with the classes on axis 1, as in PyTorch.
    target
        Class indices, any integer dtype, of the shape of `logits` without the class axis; or
        probabilities, floating, of the shape of `logits`. Rows of probabilities are taken as they
        are: a row that sums to P has the gradient P q - p.
    reduction
        ``"mean"`` over the examples (the gradient is then (q - p) / N), ``"sum"``, or ``"none"``:
        one loss per example.

    Raises
    ------
    TypeError, ValueError
        If dtype or shape of the target fit neither form, naming what was got and what is wanted.
    IndexError
        If a class index is outside 0 ... K - 1, naming the first such row.

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
    z, p, outer = _prepared(logits, target, reduction, "cross_entropy")
    loss = apply(CrossEntropy(reduction), z, p)
    return reshape(loss, outer) if reduction == "none" and len(outer) != 1 else loss


def unfused_cross_entropy(logits: Any, target: Any, *, reduction: str = "mean") -> Any:
    """The same loss by the long road, one op at a time, as one would first write it down.

    Same arguments, same value and same gradients as `cross_entropy`, for logits that are not
    extreme: here ``log(probs)`` is -inf once a probability underflows, and its gradient nan.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> round(tx.unfused_cross_entropy(tx.Tensor([[0.0, 0.0, 0.0]]), [1]).item(), 4)
    1.0986
    """
    z, p, outer = _prepared(logits, target, reduction, "unfused_cross_entropy")
    logit_maxes = _named("logit_maxes", max(z, axis=1, keepdims=True))
    norm_logits = _named("norm_logits", z - logit_maxes)
    counts = _named("counts", exp(norm_logits))
    counts_sum = _named("counts_sum", sum(counts, axis=1, keepdims=True))
    counts_sum_inv = _named("counts_sum_inv", power(counts_sum, -1))
    probs = _named("probs", counts * counts_sum_inv)
    logprobs = _named("logprobs", log(probs))
    chosen = logprobs[np.arange(len(p)), p] if p.ndim == 1 else sum(p * logprobs, axis=1)
    losses = -chosen
    if reduction == "none":
        return reshape(losses, outer)
    return mean(losses) if reduction == "mean" else sum(losses)


def _named(name: str, x: Any) -> Any:
    """The same value with the name that a drawing should give it."""
    if isinstance(x, Value):
        x.name = name
    return x


def one_hot(y: Array, classes: int, dtype: Any = None) -> Array:
    """Rows of zeros with a 1 at each class index: the target p of a label.

    Examples
    --------
    >>> one_hot(np.array([2, 0]), 3)
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    p = np.zeros((len(y), classes), dtype)
    p[np.arange(len(y)), y] = 1
    return p


def _prepared(
    logits: Any, target: Any, reduction: str, op: str
) -> tuple[Any, Any, tuple[int, ...]]:
    """Logits as (N, K), a checked target to match, and the shape of the losses."""
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"{op}: reduction={reduction!r}; wanted 'mean', 'sum' or 'none'")
    z: Any = logits if isinstance(logits, (Value, np.ndarray)) else np.asarray(logits)
    p: Any = target if isinstance(target, (Value, np.ndarray)) else np.asarray(target)
    shape = z.shape
    if not shape or z.dtype.kind != "f":
        raise TypeError(
            f"{op}: logits of shape {shape} and dtype {z.dtype}; wanted floats, (N, K) or (K,)"
        )
    axis = 0 if len(shape) == 1 else 1
    outer, classes = shape[:axis] + shape[axis + 1 :], shape[axis]
    if not classes:
        raise ValueError(f"{op}: logits of shape {shape} have no classes")
    if reduction == "mean" and 0 in outer:
        raise ValueError(f"{op}: the batch is empty, logits of shape {shape}: no losses, no mean")
    labels = p.dtype.kind in "iu"
    if p.shape != (outer if labels else shape) or not (labels or p.dtype.kind == "f"):
        raise _wrong_target(shape, outer, p, op)
    if len(shape) != 2:
        z = reshape(moveaxis(z, axis, -1), (-1, classes))
        p = p if labels else reshape(moveaxis(p, axis, -1), (-1, classes))
    if labels:
        p = _class_indices(p, classes, op)
        if isinstance(z, Value):  # drawn as the other inputs are
            p = z.wrap(p)
            if isinstance(target, Value):
                p.name = target.name
    return z, p, outer


def _wrong_target(shape: tuple[int, ...], outer: tuple[int, ...], p: Any, op: str) -> Exception:
    """What to say of a target that is neither class indices nor probabilities for such logits."""
    hint = ""
    kind: type[Exception] = ValueError
    if p.dtype.kind not in "iuf":
        kind = TypeError
    elif p.dtype.kind == "f" and p.shape == outer:
        kind, hint = TypeError, ": are these labels? use target.astype(int)"
    elif p.shape == shape:
        hint = ": one-hot integers? use target.astype(float), or target.argmax(1) for the indices"
    elif p.shape == (*outer, 1):
        hint = ": use target.squeeze(-1)"
    return kind(
        f"{op}: the target has shape {p.shape} and dtype {p.dtype}; wanted class indices "
        f"(integers) of shape {outer} or probabilities (floats) of shape {shape}, "
        f"for logits of shape {shape}{hint}"
    )


def _class_indices(y: Any, classes: int, op: str) -> Array:
    """Labels as a flat array of indices that are known to be in range."""
    labels: Array = (y._array if isinstance(y, Value) else y).reshape(-1)
    indices = labels.astype(np.intp)
    # Seen as unsigned, a negative index is a huge one: one comparison finds both kinds. NumPy's
    # argmax takes a quarter of the time of its max.
    unsigned = indices.view(np.uintp)
    if indices.size and unsigned[unsigned.argmax()] >= classes:
        row = int(((indices < 0) | (indices >= classes)).argmax())
        from_one = indices.max() == classes and indices.min() > 0
        raise IndexError(
            f"{op}: target[{row}] is {labels[row]}; wanted a class from 0 to {classes - 1} for "
            f"logits with {classes} classes"
            + ("; are the labels counted from 1?" if from_one else "")
        )
    return indices

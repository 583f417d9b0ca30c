"""A linear layer and its cross-entropy as one op, which never holds the logits of all rows."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import apply, formula, not_differentiable
from ..value import Array, Value, is_grad_enabled, known
from .cross_entropy import ClassLoss, cross_entropy, positive_number
from .indexing import getitem, scatter_add
from .linear import linear
from .linear_xent import linear_xent, smoothed
from .shape import reshape
from .softmax import softmax
from .targets import checked_smoothing, class_weights, one_hot, rows_of, warn_of_no_rows


class LinearCrossEntropy(ClassLoss):
    """The cross-entropy of x W + b for class indices y, with its gradients, block by block.

    What fusing buys: memory, and the time that memory takes. N x K logits, their q - p and their
    gradient are never there at once, only those of some rows. Its twin is
    `unfused_linear_cross_entropy`.

    What is `wanted` for backward is computed in forward, where a block of q - p is at hand, and
    scaled in backward. With ``reduction="none"`` it is not yet known there what a row's loss is
    worth: backward then computes the blocks a second time (8 N D K operations for 6). Read with
    Tensors, for second derivatives, the rules are those of separate ops, and cost what they cost:
    N x K logits, once for each of x, W and b.
    """

    name = "linear_cross_entropy"
    keeps_integers = True  # class indices
    letter = "s"  # w is the layer's weight

    def __init__(
        self,
        reduction: str = "mean",
        share: Any = None,
        total: Any = None,
        smoothing: float = 0.0,
        class_weight: Any = None,
        wanted: tuple[str, ...] = (),
    ) -> None:
        super().__init__(reduction, share, total)
        self.smoothing, self.class_weight, self.wanted = smoothing, class_weight, wanted

    @formula("-Σ {w}p log q{per},  q = softmax(x W + b)")
    def forward(self, x: Any, weight: Any, p: Any, bias: Any = None) -> Any:
        wanted = () if self.reduction == "none" else self.wanted
        losses, self.saved = self.blocks(x, weight, p, bias, self.share, wanted)
        loss = self.reduced(losses)
        parts = (x, weight) if bias is None else (x, weight, bias)
        return loss.astype(np.result_type(*parts))

    @formula("ḡ {w}(q - p) Wᵀ{per}")
    def vjp_x(self, g: Any, loss: Any, x: Any, weight: Any, p: Any, bias: Any = None) -> Any:
        if any(isinstance(a, Value) for a in (g, x, weight, bias)):
            return self.difference(g, x, weight, p, bias) @ weight.T
        return self.gradient("dx", g, x, weight, p, bias)

    @formula("ḡ xᵀ {w}(q - p){per}")
    def vjp_weight(self, g: Any, loss: Any, x: Any, weight: Any, p: Any, bias: Any = None) -> Any:
        if any(isinstance(a, Value) for a in (g, x, weight, bias)):
            return x.T @ self.difference(g, x, weight, p, bias)
        return self.gradient("dW", g, x, weight, p, bias)

    vjp_p = not_differentiable("a class index")

    @formula("ḡ Σ {w}(q - p){per}")
    def vjp_bias(self, g: Any, loss: Any, x: Any, weight: Any, p: Any, bias: Any = None) -> Any:
        if any(isinstance(a, Value) for a in (g, x, weight, bias)):
            return self.difference(g, x, weight, p, bias).sum(axis=0)
        return self.gradient("db", g, x, weight, p, bias)

    def gradient(self, name: str, g: Any, x: Any, weight: Any, p: Any, bias: Any) -> Any:
        """The gradient of that name, from what forward saved where it could."""
        every = ("dx", "dW") if bias is None else ("dx", "dW", "db")
        if self.reduction != "none":
            if name not in self.saved:  # an input needs a gradient that did not when forward ran
                _, self.saved = self.blocks(x, weight, p, bias, self.share, every)
            return self.saved[name] * self.each(g, len(p))
        saved = self.saved
        if saved.get("g") is not g:  # the walk's next rule will be given the same
            share = g if self.share is None else g * self.share
            wanted = every if name not in self.wanted else self.wanted
            _, gradients = self.blocks(x, weight, p, bias, share, wanted)
            self.saved = saved = {"g": g, **gradients}
        return saved[name]

    def blocks(
        self, x: Any, weight: Any, p: Any, bias: Any, share: Any, wanted: tuple[str, ...]
    ) -> tuple[Array, dict[str, Array]]:
        """Losses and gradients by the kernel, half precision in single: it cannot sum."""
        parts = [x, weight] if bias is None else [x, weight, bias]
        dtype = np.result_type(np.float32, *parts)
        x, weight, *rest = (part.astype(dtype, copy=False) for part in parts)
        share = None if share is None else share.astype(dtype, copy=False)
        b = rest[0] if rest else None
        options = (self.smoothing, self.class_weight, wanted)
        losses, *gradients = linear_xent(x, weight, b, p, share, *options)
        return losses, dict(zip(wanted, gradients, strict=True))

    def difference(self, g: Any, x: Any, weight: Any, p: Any, bias: Any) -> Any:
        """``ḡ (q - p)`` for all rows at once and by ops: a function of x, W and b."""
        z = x @ weight if bias is None else x @ weight + bias
        n, classes = z.shape
        q = softmax(z)
        if self.smoothing:
            p = smoothed(p, self.smoothing, self.class_weight, classes, z.dtype)
            q = q * p.sum(axis=1, keepdims=True)
        else:
            p = one_hot(p, classes, z.dtype)
        each = self.each(g, n)
        return (q - p) * (each if self.share is None else each * self.share[:, None])


def linear_cross_entropy(
    x: Any,
    W: Any,  # noqa: N803 - the mathematics' name; `weight` is that of the classes
    target: Any,
    bias: Any = None,
    *,
    weight: Any = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    axis: int = -1,
    base: float | None = None,
    **others: Any,
) -> Any:
    """``cross_entropy(x @ W + bias, target)`` without ever holding the logits of all rows.

    For a large number of classes: of the N x K logits only a few rows are there at a time, in
    forward and in backward. Ignored rows cost nothing.

    Parameters
    ----------
    x
        Features, (N, D) or (..., D).
    W
        (D, K): a column for each class.
    target
        Class indices of the shape of `x` without its last axis. With rows of probabilities, which
        are as large as the logits, the loss is computed by `unfused_linear_cross_entropy`; so it is
        with one of the `others`, and with an `axis` that is not the last.
    bias
        (K,), or None.
    weight, ignore_index, reduction, label_smoothing, base, others
        As for `cross_entropy`.

    Notes
    -----
    Second derivatives are right, and hold N x K numbers, as `unfused_linear_cross_entropy` does.

    Raises
    ------
    TypeError, ValueError, IndexError
        As `linear` and `cross_entropy` do.

    Examples
    --------
    >>> import numpy as np
    >>> x, W = np.ones((1, 2)), np.zeros((2, 3))
    >>> linear_cross_entropy(x, W, [0]).round(4)   # log 3
    np.float64(1.0986)
    """
    options: dict[str, Any] = {"weight": weight, "ignore_index": ignore_index}
    options |= {"reduction": reduction, "label_smoothing": label_smoothing}
    parts = [_as_array(a, W) for a in ((x, W) if bias is None else (x, W, bias))]
    p = _as_array(target, None)
    if (
        others
        or axis not in (-1, parts[0].ndim - 1)
        or p.dtype.kind not in "iu"
        or not _fit(*parts)
    ):
        others |= {"axis": axis, "base": base}
        return unfused_linear_cross_entropy(x, W, target, bias, **options, **others)
    loss = _by_blocks(parts, p, **options)
    return loss if base is None else loss / math.log(positive_number(NAME, "base", base))


NAME = LinearCrossEntropy.name


def _by_blocks(
    parts: list[Any],
    target: Any,
    weight: Any,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Any:
    """The loss of x, W and perhaps bias; rows that do not count are left out."""
    x, W, *bias = parts  # noqa: N806
    shape, dtype = (*x.shape[:-1], W.shape[1]), np.result_type(*(a.dtype for a in parts))
    stand_in = np.broadcast_to(np.zeros((), dtype), shape)  # for logits that nobody holds
    _, y, outer, counts, share, total = rows_of(
        NAME, stand_in, target, reduction, -1, weight, ignore_index
    )
    class_weight = None
    if checked_smoothing(NAME, label_smoothing):
        class_weight, share = class_weights(NAME, weight, shape[-1], dtype), None
    elif weight is None:
        share = None
    elif share is not None:
        counts = share != 0
    if total is not None and known(total == 0):
        if reduction == "mean":
            warn_of_no_rows(NAME)
    elif weight is None:
        total = None  # the number of rows that are left
    n = len(y)
    if x.ndim != 2:
        x = reshape(x, (n, x.shape[-1]))
    kept = None if counts is None or known(counts.all()) else np.flatnonzero(counts)
    if kept is not None:
        x, y, share = getitem(x, kept), y[kept], None if share is None else share[kept]
    parts = [x, W, *bias]
    wanted = tuple(
        name
        for name, part in zip(("dx", "dW", "db"), parts, strict=False)
        if isinstance(part, Value) and part._needs_grad and is_grad_enabled()
    )
    op = LinearCrossEntropy(reduction, share, total, label_smoothing, class_weight, wanted)
    first = next((part for part in parts if isinstance(part, Value)), None)
    if first is not None:  # drawn as the other inputs are
        y = first.wrap(y)
        y.name = target.name if isinstance(target, Value) else None
    loss = apply(op, x, W, y, *bias)
    if reduction != "none":
        return loss
    if kept is not None:
        loss = scatter_add(loss, kept, (n,))
    return loss if len(outer) == 1 else reshape(loss, outer)


def _as_array(x: Any, like: Any) -> Any:
    """x, or the array that a list stands for: features in the dtype of W."""
    return x if hasattr(x, "dtype") else np.asarray(x, getattr(like, "dtype", None))


def _fit(x: Any, W: Any, *bias: Any) -> bool:  # noqa: N803
    """Whether these are floating, (..., D), (D, K) and (K,), and none of the sizes is 0."""
    return (
        all(part.dtype.kind == "f" for part in (x, W, *bias))
        and W.ndim == 2
        and x.shape[-1:] == W.shape[:1]
        and all(b.shape == W.shape[1:] for b in bias)
        and 0 not in W.shape
    )


def unfused_linear_cross_entropy(
    x: Any,
    W: Any,  # noqa: N803
    target: Any,
    bias: Any = None,
    *,
    axis: int = -1,
    **options: Any,
) -> Any:
    """The same loss by two ops, `linear` and then `cross_entropy`, which hold all N x K logits.

    Same arguments, same value and same gradients as `linear_cross_entropy`.

    Examples
    --------
    >>> import numpy as np
    >>> unfused_linear_cross_entropy(np.ones((1, 2)), np.zeros((2, 3)), [0]).round(4)
    np.float64(1.0986)
    """
    return cross_entropy(linear(x, W, bias), target, axis=axis, **options)

"""The kernel of a linear layer and its cross-entropy: the logits of a few rows at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import kernel
from .softmax_xent import Array, softmax_xent, softmax_xent_rows

ROOM = 2**22  # bytes of logits at a time, and of a part of dW
ROWS = 128  # but no fewer rows: of less a matrix product wastes its time


@kernel("losses")
def linear_xent(
    x: Array,
    W: Array,  # noqa: N803 - the mathematics' name
    b: Array | None,
    y: Array,
    share: Array | None = None,
    smoothing: float = 0.0,
    weight: Array | None = None,
    wanted: tuple[str, ...] = ("dx", "dW", "db"),
) -> tuple[Array, ...]:
    """Losses (N,) of logits x W + b for class indices y (N,), then the `wanted` gradients of their
    sum, in the order in which they are named.

    For x (N, D), W (D, K), b (K,) or None and a `share` (N,) with which the row's loss is
    multiplied. Of `wanted`, ``dx`` is (q - p) Wᵀ, ``dW`` xᵀ (q - p) and ``db`` Σ (q - p). With
    `smoothing` the target p is (1 - eps) p + eps / K, times `weight` (K,).

    Per block of rows: the logits, q - p in their place, and its products while it is in the cache.
    That is 6 N D K operations, as many as by separate ops; what is saved is N x K numbers, three
    times over, and the time to have them written, read and handed out by the system.
    """
    n, classes = len(x), W.shape[1]
    step = max(1, min(n, max(ROWS, ROOM // (classes * x.itemsize))))
    logits = np.empty((step, classes), x.dtype)
    differences = logits if x.itemsize < 8 else np.empty_like(logits)
    losses = np.empty(n, x.dtype)
    gradients: dict[str, Array] = {}
    if "dx" in wanted:
        gradients["dx"] = np.empty(x.shape, x.dtype)
    if "dW" in wanted:
        gradients["dW"] = np.zeros(W.shape, x.dtype)
    if "db" in wanted:
        gradients["db"] = np.zeros(classes)  # in double precision: many blocks are added up
    for start in range(0, n, step):
        rows = slice(start, start + step)
        x_rows, y_rows = x[rows], y[rows]
        z, q_minus_p = logits[: len(x_rows)], differences[: len(x_rows)]
        np.dot(x_rows, W, out=z)
        if b is not None:
            z += b
        if smoothing:
            p = smoothed(y_rows, smoothing, weight, classes, x.dtype)
            losses[rows], _ = softmax_xent_rows(z, p, q_minus_p)
        else:
            losses[rows], _ = softmax_xent(z, y_rows, q_minus_p)
        each = np.ones(len(x_rows), x.dtype) if share is None else share[rows]
        if "dx" in wanted:
            dx = np.dot(q_minus_p, W.T, out=gradients["dx"][rows])
            dx *= each[:, None]
        if "dW" in wanted:
            _add_product(gradients["dW"], (x_rows * each[:, None]).T, q_minus_p)
        if "db" in wanted:
            gradients["db"] += each.dot(q_minus_p)
    if share is not None:
        losses *= share
    return losses, *(gradients[name] for name in wanted)


def _add_product(total: Array, a: Array, b: Array) -> None:
    """``total += a @ b``, some columns at a time: in the cache, and without a second total."""
    m, columns = total.shape
    step = max(1, ROOM // (m * total.itemsize))
    room = np.empty(m * min(step, columns), total.dtype)
    for start in range(0, columns, step):
        part = total[:, start : start + step]
        part += np.dot(a, b[:, start : start + step], out=room[: part.size].reshape(part.shape))


def smoothed(y: Array, smoothing: float, weight: Array | None, classes: int, dtype: Any) -> Array:
    """Rows (1 - eps) p + eps / K for class indices y, times the weight of each class."""
    p = np.full((len(y), classes), smoothing / classes, dtype)
    p[np.arange(len(y)), y] += 1 - smoothing
    if weight is not None:
        p *= weight
    return p

"""The kernels of cross-entropy: loss and q - p of a batch in one pass, on arrays alone.

They are exact where others return 0 or lose all digits: the largest logit of a row is left out of
the sum of the exponentials, to which it would add exactly 1, and never put back where it would
drown what is small.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..op import kernel
from ..value import Array


@kernel("losses", "q_minus_p")
def softmax_xent(z: Array, y: Array) -> tuple[Array, Array]:
    """Loss (N,) and q - p (N, K) of logits z (N, K) for class indices y (N,), in one pass.

    The largest logit of a row is left out of the sum s of the others, to which it would add exactly
    1: then log(1 + s) = log1p(s) keeps the digits of a loss as small as 1e-40, and so does
    -s / (1 + s), which is q - 1 for the class of the largest logit.
    """
    d, lost, starts, top = _below_the_top(z)
    at = starts + y
    d_y = d.reshape(-1)[at]
    e, e_flat, s = _exp_and_sum(d, lost, top)
    loss = np.log1p(s) - d_y
    if lost is not None:
        loss -= lost.reshape(-1)[at]
    one = _ones(len(s), s.dtype)  # NumPy takes as long to read the number 1 as to add an array
    e_flat[at] = e_flat[at] - one - s  # in this order: exactly -s where the class is the top
    e /= (one + s)[:, None]
    return loss, e


@kernel("losses", "q_minus_p")
def softmax_xent_rows(z: Array, p: Array) -> tuple[Array, Array]:
    """Loss (N,) and P q - p (N, K) of logits z (N, K) for rows p (N, K) of mass P = Σ p, usually 1.

    0 times inf is 0: a class with p = 0 adds nothing to the loss, whatever its logit.
    """
    d, lost, _, top = _below_the_top(z)
    p = p.astype(z.dtype, order="C")
    terms = np.zeros_like(d)
    np.multiply(p, d if lost is None else d + lost, out=terms, where=p != 0)
    e, e_flat, s = _exp_and_sum(d, lost, top)
    mass = p.sum(axis=1)
    loss = mass * np.log1p(s) - terms.sum(axis=1)
    e *= (mass / (1 + s))[:, None]
    e -= p
    # At the top, P q - p without a 1 to cancel: the others' p, less what s takes from its own.
    p_top = p.reshape(-1)[top]
    p.reshape(-1)[top] = 0
    e_flat[top] = (p.sum(axis=1) - p_top * s) / (1 + s)
    return loss, e


def _below_the_top(z: Array) -> tuple[Array, Array | None, Array, Array]:
    """Give z - max z, what rounding lost of it, where each row starts and where its top is.

    Places in the flat array, because there NumPy's indexing is several times faster; in C order
    whatever the order of z, because only then is ``reshape(-1)`` a view to write through.
    """
    rows, classes = z.shape
    starts = _row_starts(rows, classes)
    top = starts + z.argmax(axis=1)
    largest = z.reshape(-1)[top].reshape(rows, 1)
    d = np.subtract(z, largest, order="C")
    return d, _lost(z, largest, d), starts, top


def _lost(z: Array, largest: Array, d: Array) -> Array | None:
    """The exact ``(z - largest) - d``, which exp would multiply: 600 ulp at a gap of 600.

    Knuth's two-difference, "The Art of Computer Programming", volume 2, 4.2.2. In float64 only:
    who computes in float32 has chosen speed.
    """
    if d.itemsize < 8:
        return None
    with np.errstate(invalid="ignore"):  # d may be -inf, of which nothing can be lost
        back = d - z
        lost = (z - (d - back)) - (largest + back)
    return np.where(np.isfinite(d), lost, 0)


@functools.lru_cache(maxsize=16)  # a training run asks for the same few again and again
def _row_starts(rows: int, classes: int) -> Array:
    return np.arange(0, rows * classes, classes)


def _exp_and_sum(d: Array, lost: Array | None, top: Array) -> tuple[Array, Array, Array]:
    """exp(d + lost) in place of d, flat too, and the sums of the rows without their tops (of 1)."""
    e = np.exp(d, out=d)
    if lost is not None:
        e += e * lost
    e_flat = e.reshape(-1)
    one = e_flat[top]  # or nan, which must not be lost
    e_flat[top] = 0
    s = sums(e) if lost is None else _exact_sums(e)
    e_flat[top] = one
    return e, e_flat, s


def _exact_sums(e: Array) -> Array:
    """Sums of rows of numbers in [0, 1] with one rounding for what is above 2⁻²⁶.

    Adding and taking away 2²⁶ rounds each to a multiple of 2⁻²⁶; sums of such are exact.
    """
    coarse = (e + 2.0**26) - 2.0**26
    total: Array = np.add.reduce(coarse, axis=1) + np.add.reduce(e - coarse, axis=1)
    return total


def sums(e: Array) -> Any:
    """Sums over the last axis: short ones as a product with ones, in a quarter of NumPy's time."""
    n = e.shape[-1]
    return e.dot(_ones(n, e.dtype)) if n <= 1024 else np.add.reduce(e, axis=-1)


@functools.lru_cache(maxsize=16)
def _ones(n: int, dtype: Any) -> Array:
    return np.ones(n, dtype)

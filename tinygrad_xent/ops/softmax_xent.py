"""The kernels of cross-entropy: loss and q - p of a batch in one pass, on NumPy alone.

They are exact where others return 0 or lose all digits: the largest logit of a row is left out of
the sum of the exponentials, to which it would add exactly 1, and never put back where it would
drown what is small.

Main memory is read once and written once per logit, the least there is: rows are taken in blocks
that stay in the cache, and everything happens in the array that becomes q - p. In the cache a
float32 logit is passed over five times: find the top, subtract it, exp, sum, divide. Half of the
time is exp, taken once per logit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..op import kernel

Array = NDArray[Any]
BLOCK = 2**21  # bytes of logits: below 1 MiB the calls of NumPy cost more than the cache gives
PIECE = 1024  # terms of a sum: longer ones are summed in pieces


@kernel("losses", "q_minus_p")
def softmax_xent(z: Array, y: Array, out: Array | None = None) -> tuple[Array, Array]:
    """Loss (N,) and q - p (N, K) of logits z (N, K) for class indices y (N,), in one pass.

    The largest logit of a row is left out of the sum s of the others, to which it would add exactly
    1: then log(1 + s) = log1p(s) keeps the digits of a loss as small as 1e-40, and so does
    -s / (1 + s), which is q - 1 for the class of the largest logit. With `out`, in C order and the
    dtype of z, q - p is written there; in single precision that may be z itself.
    """
    if z.nbytes <= BLOCK:
        return _labels(z, y, out)
    return _by_blocks(_labels, z, y, out)


@kernel("losses", "q_minus_p")
def softmax_xent_rows(z: Array, p: Array, out: Array | None = None) -> tuple[Array, Array]:
    """Loss (N,) and P q - p (N, K) of logits z (N, K) for rows p (N, K) of mass P = Σ p, usually 1.

    0 times inf is 0: a class with p = 0 adds nothing to the loss, whatever its logit.
    """
    if z.nbytes <= BLOCK:
        return _rows(z, p, out)
    return _by_blocks(_rows, z, p, out)


def _by_blocks(
    kernel: Callable[[Array, Array, Array], tuple[Array, Array]],
    z: Array,
    target: Array,
    out: Array | None,
) -> tuple[Array, Array]:
    """The same, so many rows at a time that they stay in the cache."""
    n, classes = z.shape
    loss = np.empty(n, z.dtype)
    q_minus_p = np.empty(z.shape, z.dtype) if out is None else out
    step = max(1, BLOCK // (classes * z.itemsize))
    with np.errstate():  # which restores the size of the buffer
        if classes >= 512:
            # Through its buffer NumPy copies the number that a row shares, once per element, unless
            # a row is longer than the buffer: half of the time of subtract and divide.
            np.setbufsize(512)
        for start in range(0, n, step):
            rows = slice(start, start + step)
            block = np.ascontiguousarray(z[rows])
            loss[rows], _ = kernel(block, target[rows], q_minus_p[rows])
    return loss, q_minus_p


def _labels(z: Array, y: Array, out: Array | None) -> tuple[Array, Array]:
    d, lost, starts, top = _below_the_top(z, out)
    flat = d.reshape(-1)
    at = starts + y
    d_y = flat[at]
    lost_y = None if lost is None else lost.reshape(-1)[at]
    s = _exp_and_sum(d, flat, lost, top)
    loss = np.log1p(s)
    if lost_y is not None:
        loss -= lost_y  # first, because it is at most half a unit in the last place of d_y
    loss -= d_y
    one = _ones(len(s), s.dtype)  # NumPy takes as long to read the number 1 as to add an array
    flat[at] = flat[at] - one - s  # in this order: exactly -s where the class is the top
    d /= (one + s)[:, None]
    return loss, d


def _rows(z: Array, p: Array, out: Array | None) -> tuple[Array, Array]:
    d, lost, _, top = _below_the_top(z, out)
    flat = d.reshape(-1)
    p = p.astype(z.dtype, order="C")
    terms = np.zeros_like(d)
    np.multiply(p, d, out=terms, where=p != 0)
    surprise = terms.sum(axis=1)
    surprise_lost = None if lost is None else np.multiply(p, lost, out=terms).sum(axis=1)
    s = _exp_and_sum(d, flat, lost, top)
    mass = p.sum(axis=1)
    loss = mass * np.log1p(s)
    if surprise_lost is not None:
        loss -= surprise_lost
    loss -= surprise
    d *= (mass / (1 + s))[:, None]
    d -= p
    # At the top, P q - p without a 1 to cancel: the others' p, less what s takes from its own.
    p_top = p.reshape(-1)[top]
    p.reshape(-1)[top] = 0
    flat[top] = (p.sum(axis=1) - p_top * s) / (1 + s)
    return loss, d


def _below_the_top(z: Array, out: Array | None) -> tuple[Array, Array | None, Array, Array]:
    """Give z - max z, what rounding lost of it, where each row starts and where its top is.

    Places in the flat array, because there NumPy's indexing is several times faster; in C order
    whatever the order of z, because only then is ``reshape(-1)`` a view to write through.
    """
    n, classes = z.shape
    starts = _row_starts(n, classes)
    top = starts + z.argmax(axis=1)
    largest = z.reshape(-1)[top].reshape(n, 1)
    d: Array = np.subtract(z, largest, out=out, order="C")
    lost = None if z.itemsize < 8 else _lost(z, largest, d)
    return d, lost, starts, top


def _lost(z: Array, largest: Array, d: Array) -> Array:
    """The exact ``(z - largest) - d``, which exp would multiply: 600 ulp at a gap of 600.

    Knuth's two-difference, "The Art of Computer Programming", volume 2, 4.2.2:
    ``(z - (d - back)) - (largest + back)`` with ``back = d - z``. In float64 only: who computes in
    float32 has chosen speed.
    """
    with np.errstate(invalid="ignore", over="ignore"):
        back = d - z
        lost: Array = d - back
        np.subtract(z, lost, out=lost)
        back += largest
        lost -= back
        flat = lost.reshape(-1)
        if np.isnan(flat.dot(flat)):  # d is -inf somewhere, of which nothing can be lost
            lost[~np.isfinite(d)] = 0
    return lost


@functools.lru_cache(maxsize=16)  # a training run asks for the same few again and again
def _row_starts(rows: int, classes: int) -> Array:
    starts = np.arange(0, rows * classes, classes)
    starts.flags.writeable = False
    return starts


def _exp_and_sum(d: Array, flat: Array, lost: Array | None, top: Array) -> Any:
    """exp(d + lost) in place of d, and the sums of its rows without their tops (of 1)."""
    e = np.exp(d, out=d)
    if lost is not None:
        lost *= e
        e += lost
    one = flat[top]  # or nan, which must not be lost
    flat[top] = 0
    s: Any = sums(e) if lost is None else _exact_sums(e, lost)
    flat[top] = one
    return s


def _exact_sums(e: Array, coarse: Array) -> Array:
    """Sums of rows of numbers in [0, 1] with one rounding for what is above 2⁻²⁶.

    Adding and taking away 2²⁶ rounds each to a multiple of 2⁻²⁶; sums of such are exact. `coarse`
    is room to work in.
    """
    np.add(e, 2.0**26, out=coarse)
    coarse -= 2.0**26
    total = sums(coarse)
    fine = np.subtract(e, coarse, out=coarse)
    total += np.add.reduce(fine, axis=1)
    return total  # type: ignore[no-any-return]


def sums(e: Array) -> Any:
    """Sums over the last axis as products with ones, in a quarter of NumPy's time."""
    n = e.shape[-1]
    if n <= PIECE:
        return e.dot(_ones(n, e.dtype))
    whole = n - n % PIECE  # pieces, because a long product would add up its roundings too
    pieces = e[..., :whole].reshape(*e.shape[:-1], -1, PIECE).dot(_ones(PIECE, e.dtype))
    return np.add.reduce(pieces, axis=-1) + e[..., whole:].dot(_ones(n - whole, e.dtype))


@functools.lru_cache(maxsize=16)
def _ones(n: int, dtype: Any) -> Array:
    ones = np.ones(n, dtype)
    ones.flags.writeable = False
    return ones

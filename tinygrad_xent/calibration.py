"""Whether a model means what it says: of what it gave 80 %, does 80 % happen?

Labels y are integers 0 ... K-1, forecasts q rows of probabilities, logits z rows of numbers; arrays
or Tensors, of which only the numbers are taken: nothing here has a gradient.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .information import _forecast, _target, entropy, kl_divergence
from .ops.losses import _as_floats, _raw
from .ops.softmax import softmax
from .value import Array


class Reliability(NamedTuple):
    """Of the rows in each bin of confidence: mean confidence, accuracy, and how many."""

    confidence: Array
    accuracy: Array
    count: Array  # type: ignore[assignment]  # tuple.count is not missed


class Decomposition(NamedTuple):
    """A cross-entropy in two parts, in nats: what nobody can avoid, and what the model costs."""

    entropy: float
    kl: float


def reliability(q: Any, y: Any, bins: int = 10) -> Reliability:
    """The rows sorted by confidence, the largest q of a row, beside how often that class came.

    Parameters
    ----------
    q
        (N, K) probabilities.
    y
        (N,) labels.
    bins
        How many, of equal width from 0 to 1; a bin has its upper edge, the first also 0.

    Returns
    -------
    Reliability
        Three arrays of length `bins`; confidence and accuracy are nan in an empty bin.

    Raises
    ------
    ValueError
        If q holds no distributions (naming the row), shapes do not fit, or bins is less than 1.
    IndexError
        If a label is not 0 ... K-1.

    Notes
    -----
    Guo, Pleiss, Sun and Weinberger, On Calibration of Modern Neural Networks (2017), section 2.

    Examples
    --------
    Two rows were 90 % sure, and one of them was right.

    >>> seen = reliability([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6]], [0, 1, 1], bins=2)
    >>> seen.confidence, seen.accuracy, seen.count
    (array([nan, 0.8]), array([       nan, 0.66666667]), array([0, 3]))
    """
    if not isinstance(bins, (int, np.integer)) or bins < 1:
        raise ValueError(f"reliability: bins={bins!r}; wanted a whole number, 1 or more")
    q, y = _labelled("reliability", q, y)
    return _binned(q.max(axis=1), q.argmax(axis=1) == y, bins)


def _binned(confidence: Array, right: Array, bins: int) -> Reliability:
    """The same of the largest q of each row, (N,), and whether that class came, (N,)."""
    # Found among the edges, not by multiplying: 0.7 * 10 is above 7.
    edges = np.linspace(0, 1, bins + 1, dtype=confidence.dtype)[1:-1]
    which = np.searchsorted(edges, confidence, side="left")
    count = np.bincount(which, minlength=bins)
    with np.errstate(invalid="ignore"):  # 0 / 0 is the nan of an empty bin
        return Reliability(
            np.bincount(which, confidence.astype(np.float64), bins) / count,
            np.bincount(which, right, bins) / count,
            count,
        )


def expected_calibration_error(q: Any, y: Any, bins: int = 10) -> float:
    """The mean distance of confidence from accuracy, a bin counting as often as it has rows.

    0 for a model that means what it says; it depends on `bins`, and of few rows it is too large,
    because chance alone moves a bin's accuracy. Arguments and errors as for `reliability`.

    Notes
    -----
    Naeini, Cooper and Hauskrecht, Obtaining Well Calibrated Probabilities Using Bayesian Binning
    (2015).

    Examples
    --------
    Ten rows 80 % sure, of which seven are right.

    >>> round(expected_calibration_error([[0.8, 0.2]] * 10, [0] * 7 + [1] * 3), 12)
    0.1
    """
    return _gap(reliability(q, y, bins))


def _gap(seen: Reliability) -> float:
    """The expected calibration error of rows that lie in bins."""
    confidence, accuracy, count = seen
    some = count > 0
    gaps = abs(confidence[some] - accuracy[some])
    return float((gaps * count[some]).sum() / count.sum())


def fit_temperature(logits: Any, y: Any) -> float:
    """The T > 0 for which softmax(z / T) gives the labels the largest likelihood.

    T > 1 softens a model that was too sure, T < 1 sharpens one that was not sure enough; which
    class comes first stays. Fit it on rows that the model has not been trained on.

    Parameters
    ----------
    logits
        z, (N, K).
    y
        (N,) labels; or (N, K) probabilities p.

    Returns
    -------
    float
        T, to about 12 digits where the loss has a curvature to speak of.

    Raises
    ------
    ValueError
        If no T is best: all labels are of the largest logit, so that T = 0 would be; or the logits
        are no better than chance, so that T = inf would be. Also if shapes do not fit or a logit is
        not finite.
    IndexError
        If a label is not 0 ... K-1.

    Notes
    -----
    Guo and others (2017), as in `reliability`. In b = 1 / T the loss is convex, with slope the mean
    of (q - p)·z and curvature the mean variance of z under q; the zero of the slope is found by
    Newton's method, with bisection where a step would leave the interval that it is known to be in.

    Examples
    --------
    Log-odds of 2 for class 0, and three in four are right: at 2 / T = log 3 they are.

    >>> round(fit_temperature([[2.0, 0.0]] * 4, [0, 0, 0, 1]), 6)     # 2 / log 3
    1.820478
    """
    op = "fit_temperature"
    z = np.asarray(_raw(_as_floats(logits)), np.float64)
    if z.ndim != 2 or not z.size or not np.isfinite(z).all():
        raise ValueError(f"{op}: logits of shape {z.shape}; wanted finite numbers (N, K), N > 0")
    p = _raw(_target(op, z, y, True))
    z = z / 2 - z.max(axis=1, keepdims=True) / 2
    size = math.frexp(float(-z.min()))[1]  # T grows with z: so that no square overflows
    z = np.ldexp(z, -size)
    aim = float((p * z).sum(axis=1).mean())  # where the model's own mean is to be
    if not aim < 0:
        raise ValueError(f"{op}: every label has the largest logit; the best T would be 0")
    if not aim > z.mean():
        raise ValueError(f"{op}: the logits are no better than chance; the best T would be inf")
    return math.ldexp(1 / _zero_of_slope(z, aim), size + 1)


def _zero_of_slope(z: Array, aim: float) -> float:
    """The b > 0 at which the mean of z under softmax(b z), which grows with b, is `aim`."""
    low, high = 0.0, math.inf
    b = 1 / max(float(z.std()), 1e-300)
    for _ in range(2000):
        q = softmax(b * z)
        means = (q * z).sum(axis=1, keepdims=True)
        slope = float(means.mean()) - aim
        low, high = (b, high) if slope < 0 else (low, b)
        curvature = float((q * (z - means) ** 2).sum(axis=1).mean())
        step = slope / curvature if curvature > 0 else math.inf
        if abs(step) <= 1e-13 * b:
            return b - step
        if low < b - step < high and b - step < 4 * b:
            b -= step
        else:
            b = 2 * b if high == math.inf else (low + high) / 2
        if high < low * (1 + 1e-15):
            break
    return b


def decompose(p: Any, q: Any) -> Decomposition:
    """The cross-entropy H(p, q) as H(p), which no model can avoid, and KL(p‖q), which q adds.

    Parameters
    ----------
    p
        The truth, (..., K): for the toys of `tinygrad_xent.data`, ``toy.posterior(toy.x)``.
    q
        The model's, (..., K).

    Returns
    -------
    Decomposition
        Means over rows, in nats, whose sum is the mean cross-entropy.

    Raises
    ------
    ValueError
        As `information.kl_divergence`.

    Examples
    --------
    A fair coin, taken for one with heads 3 in 4: log 2 and log(4/3) / 2.

    >>> entropy, kl = decompose([[0.5, 0.5]], [[0.75, 0.25]])
    >>> round(entropy, 6), round(kl, 6)
    (0.693147, 0.143841)
    """
    p, q = _raw(_as_floats(p)), _raw(_as_floats(q))
    divergence = kl_divergence(p, q)
    h = np.broadcast_to(entropy(p), np.shape(divergence))
    return Decomposition(float(np.mean(h)), float(np.mean(divergence)))


def _labelled(op: str, q: Any, y: Any) -> tuple[Array, Array]:
    """(N, K) distributions and (N,) labels, N > 0, as arrays."""
    y = np.asarray(_raw(y))
    if y.ndim != 1 or not y.size or y.dtype.kind not in "iu":
        raise ValueError(
            f"{op}: y of shape {y.shape} and dtype {y.dtype}; wanted (N,) labels (integers), N > 0"
        )
    q, _ = _forecast(op, q, y, "mean", True)
    return _raw(q), y

"""What a distribution costs to describe: entropy, cross-entropy, KL and their kin, of pmfs.

p is the truth or target, q the model; both hold probabilities along `axis`, and other axes
broadcast. Arrays give arrays, Tensors give Tensors with gradients of any order. The top level's
`cross_entropy` is for training: it takes logits, and loses nothing where a probability would
underflow. The one here takes the probabilities themselves, as a textbook does.

**At the edge.** 0 log 0 = 0, the limit of x log x (Cover and Thomas, Elements of Information
Theory, 2nd ed., section 2.1). An outcome that happens and was held impossible (q = 0 < p) costs
inf. Gradients are the limits from inside:

==============  ============  ===================  ===================
where           dH(p)/dp      dH(p, q)/dp, /dq     dKL(p‖q)/dp, /dq
==============  ============  ===================  ===================
p, q > 0        -1 - log p    -log q, -p/q         1 + log(p/q), -p/q
p = 0 < q       inf           -log q, 0            -inf, 0
q = 0 < p                     inf, -inf            inf, -inf
p = q = 0       inf           0, 0                 0, 0
==============  ============  ===================  ===================

The last row is a convention: an outcome that neither can have takes no part. A gradient of 0 that
arrives at an infinite slope makes nan, and NumPy warns of it (0 times inf).

**Units.** log is natural unless a base is given: ``base=2`` or ``units="bits"``; 10 is "bans"
(Turing's), e "nats". One bit is ln 2 = 0.693 nats, one ban ln 10 = 2.303 nats.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .ops.divergence import kl_divergence as _kl
from .ops.elementary import exp, sqrt
from .ops.losses import _as_floats, _check_reduction, _raw, _reduced
from .ops.reduction import Axis, sum
from .ops.shape import broadcast_to
from .ops.special import entr, xlogy
from .ops.targets import one_hot
from .value import Value

UNITS = {"nats": math.e, "bits": 2.0, "bans": 10.0}


def entropy(
    p: Any,
    *,
    axis: Axis = -1,
    base: float | None = None,
    units: str | None = None,
    check: bool = True,
) -> Any:
    """H(p) = -Σ p log p, the surprise that nobody can avoid who expects p.

    Parameters
    ----------
    p
        Probabilities along `axis`: an array, a Tensor or a list; (..., K) gives (...).
    axis
        Of the outcomes; several for a joint distribution.
    base, units
        Of the logarithm: a number, or ``"nats"`` (the default), ``"bits"``, ``"bans"``.
    check
        Refuse what is no distribution: a negative number, or a sum that is off 1 by more than 1e-5
        (1e-2 in half precision). Without, the formula is computed of whatever is given.

    Raises
    ------
    ValueError
        If p is no distribution, naming the row; if base and units say different things.

    Notes
    -----
    Shannon, A Mathematical Theory of Communication (1948), section 6.

    Examples
    --------
    Two fair coins fall in four ways; one that always falls on heads says nothing.

    >>> entropy([0.25, 0.25, 0.25, 0.25], units="bits")
    np.float64(2.0)
    >>> entropy([1.0, 0.0])
    np.float64(0.0)
    """
    scale = _scale("entropy", base, units)
    p = _pmf("entropy", "p", p, axis, check)
    return _in_units(sum(entr(p), axis), scale)


def cross_entropy(
    p: Any,
    q: Any,
    *,
    axis: Axis = -1,
    base: float | None = None,
    units: str | None = None,
    check: bool = True,
) -> Any:
    """H(p, q) = -Σ p log q: the mean surprise at draws from p for one who expects q.

    Least at q = p, where it is H(p). Arguments as for `entropy`; p and q broadcast.

    Raises
    ------
    ValueError
        As `entropy`; also if p and q are over different numbers of outcomes.

    Examples
    --------
    The third class happened, and was given probability 1/2: one bit.

    >>> cross_entropy([0.0, 0.0, 1.0], [0.2, 0.3, 0.5], units="bits")
    np.float64(1.0)
    """
    scale = _scale("cross_entropy", base, units)
    p, q = _pair("cross_entropy", p, q, axis, check)
    return _in_units(0.0 - sum(xlogy(p, q), axis), scale)  # not -0


def kl_divergence(
    p: Any,
    q: Any,
    *,
    axis: Axis = -1,
    base: float | None = None,
    units: str | None = None,
    check: bool = True,
) -> Any:
    """KL(p‖q) = Σ p log(p/q) = H(p, q) - H(p), the price of expecting q where p is true.

    Never negative, 0 only if p = q, and no distance: KL(p‖q) is not KL(q‖p). Arguments and errors
    as for `cross_entropy`.

    Notes
    -----
    Kullback and Leibler, On Information and Sufficiency (1951). Near p = q the definition subtracts
    numbers that agree; here the sum is taken of p (t - log(1 + t)) with t = (q - p) / p, which is
    the same for pmfs, with a relative error of about 1e-15 in float64 and an absolute one of 1e-32,
    the square of what rounding leaves between the sums of p and q; that difference itself is taken
    as 0. In d = log(q/p) the sum is Σ p (exp d - 1 - d): the cumulants of d from the second on.

    Examples
    --------
    A fair coin taken for one with heads 3 in 4: log(1/2 / (3/4)) / 2 + log(1/2 / (1/4)) / 2.

    >>> kl_divergence([0.5, 0.5], [0.75, 0.25]).round(6)     # log(4/3) / 2
    np.float64(0.143841)
    >>> kl_divergence([0.75, 0.25], [0.5, 0.5]).round(6)
    np.float64(0.130812)
    """
    scale = _scale("kl_divergence", base, units)
    p, q = _pair("kl_divergence", p, q, axis, check)
    return _in_units(_kl(p, q, axis), scale)


def perplexity(p: Any, q: Any = None, *, axis: Axis = -1, check: bool = True) -> Any:
    """Exp H(p), or with a model q exp H(p, q): how many equally likely outcomes are as uncertain.

    It needs no unit, for 2 to the bits is e to the nats. Arguments and errors as for `entropy` and
    `cross_entropy`.

    Notes
    -----
    Jelinek, Mercer, Bahl and Baker, Perplexity: a measure of the difficulty of speech recognition
    tasks (1977).

    Examples
    --------
    >>> perplexity([0.25, 0.25, 0.25, 0.25]).round(12)
    np.float64(4.0)
    """
    if q is None:
        return exp(entropy(p, axis=axis, check=check))
    return exp(cross_entropy(p, q, axis=axis, check=check))


def jensen_shannon(
    p: Any,
    q: Any,
    *,
    axis: Axis = -1,
    base: float | None = None,
    units: str | None = None,
    check: bool = True,
) -> Any:
    """The mean of KL(p‖m) and KL(q‖m) with m = (p + q) / 2: how well one draw tells p from q.

    Symmetric, from 0 at p = q to log 2 (one bit) where p and q share no outcome; its square root is
    a distance. Arguments and errors as for `cross_entropy`.

    Notes
    -----
    Lin, Divergence Measures Based on the Shannon Entropy (1991), with equal weights.

    Examples
    --------
    >>> jensen_shannon([1.0, 0.0], [0.0, 1.0], units="bits")
    np.float64(1.0)
    """
    scale = _scale("jensen_shannon", base, units)
    p, q = _pair("jensen_shannon", p, q, axis, check)
    m = 0.5 * p + 0.5 * q
    return _in_units(0.5 * (_kl(p, m, axis) + _kl(q, m, axis)), scale)


def mutual_information(
    joint: Any,
    *,
    axis: tuple[int, int] = (-2, -1),
    base: float | None = None,
    units: str | None = None,
    check: bool = True,
) -> Any:
    """I(X; Y) = KL(p(x, y)‖p(x) p(y)): what is learned of one by being told the other.

    Parameters
    ----------
    joint
        p(x, y), summing to 1 over the two axes: (..., A, B) gives (...).
    axis
        Those of x and of y.
    base, units, check
        As for `entropy`.

    Raises
    ------
    ValueError
        As `entropy`; also if axis does not name two axes.

    Notes
    -----
    Cover and Thomas, Elements of Information Theory, 2nd ed., equation 2.28.

    Examples
    --------
    Two coins that always agree: seeing one tells the other, one bit. If independent, nothing.

    >>> mutual_information([[0.5, 0.0], [0.0, 0.5]], units="bits").round(12)
    np.float64(1.0)
    >>> mutual_information([[0.25, 0.25], [0.25, 0.25]])
    np.float64(0.0)
    """
    op = "mutual_information"
    scale = _scale(op, base, units)
    if not isinstance(axis, tuple) or len(axis) != 2:
        raise ValueError(f"{op}: axis={axis!r}; wanted two axes, such as (-2, -1)")
    joint = _pmf(op, "joint", joint, axis, check)
    x, y = axis
    independent = sum(joint, y, keepdims=True) * sum(joint, x, keepdims=True)
    return _in_units(_kl(joint, independent, axis), scale)


def brier(q: Any, y: Any, *, reduction: str = "mean", check: bool = True) -> Any:
    """The squared distance from q to what happened, Σ (q - e_y)², from 0 to 2.

    A proper score, as -log q_y is (`nll_loss`): if labels are drawn from p, no forecast has a lower
    mean than q = p. Unlike the log score it is bounded, and hardly tells 0.01 from 0.0001.

    Parameters
    ----------
    q
        Forecasts, (..., K) probabilities.
    y
        Labels, integers of shape (...); or p, (..., K) probabilities: then the score is the mean
        over labels drawn from p, which is linear in p.
    reduction
        ``"mean"``, ``"sum"`` or ``"none"``, over rows.
    check
        As for `entropy`.

    Raises
    ------
    ValueError
        If q or p is no distribution, or shapes do not fit.
    IndexError
        If a label is not 0 ... K-1.

    Notes
    -----
    Brier, Verification of Forecasts Expressed in Terms of Probability (1950). Gneiting and Raftery,
    Strictly Proper Scoring Rules, Prediction, and Estimation (2007).

    Examples
    --------
    >>> brier([[0.5, 0.25, 0.25]], [0]).round(6)         # 0.5² + 0.25² + 0.25²
    np.float64(0.375)
    """
    q, p = _forecast("brier", q, y, reduction, check)
    return _reduced(sum((q - p) ** 2, -1) + sum(p * (1 - p), -1), reduction)


def spherical(q: Any, y: Any, *, reduction: str = "mean", check: bool = True) -> Any:
    """1 - q_y / ‖q‖, from 0 to 1: of the angle between q and what happened, one less the cosine.

    A proper score. Arguments, errors and source as for `brier`.

    Examples
    --------
    >>> spherical([[0.6, 0.0, 0.4], [0.0, 1.0, 0.0]], [0, 1], reduction="none").round(6)
    array([0.16795, 0.     ])
    """
    q, p = _forecast("spherical", q, y, reduction, check)
    return _reduced(1 - sum(p * q, -1) / sqrt(sum(q * q, -1)), reduction)


def _scale(op: str, base: float | None, units: str | None) -> float:
    """The nats in one unit: its base's logarithm."""
    if units is not None and units not in UNITS:
        raise ValueError(f"{op}: units={units!r}; wanted 'nats', 'bits' or 'bans'")
    if base is None:
        base = UNITS[units or "nats"]
    elif units is not None and base != UNITS[units]:
        raise ValueError(
            f"{op}: base={base!r} and units={units!r}, which is base {UNITS[units]:.6g}; give one"
        )
    if isinstance(base, bool) or not isinstance(base, (int, float)) or not 1 < base < math.inf:
        raise ValueError(f"{op}: base={base!r}; wanted a number above 1")
    return math.log(base)


def _in_units(nats: Any, scale: float) -> Any:
    return nats if scale == 1 else nats / scale


def _pmf(op: str, name: str, x: Any, axis: Axis, check: bool, beside: Any = None) -> Any:
    """X as floats, and if asked checked to be distributions along the axis."""
    x = _as_floats(x, beside)
    if not x.shape:
        raise ValueError(f"{op}: {name} is a single number; wanted probabilities along an axis")
    if not check:
        return x
    p = _raw(x)
    sums = p.sum(axis=axis, dtype=np.float64)
    wrong = ~(abs(sums - 1) <= (1e-2 if p.itemsize == 2 else 1e-5))
    lowest = p.min(axis=axis)
    wrong |= ~(lowest >= 0)
    if wrong.any():
        row = tuple(map(int, np.argwhere(wrong)[0]))
        where = f"row {', '.join(map(str, row))} of {name}" if row else name
        raise ValueError(
            f"{op}: {where} sums to {sums[row]:.6g} with smallest element {lowest[row]:.6g}; "
            f"wanted probabilities: none negative, summing to 1 over axis {axis}; of logits take "
            "softmax first"
        )
    return x


def _pair(op: str, p: Any, q: Any, axis: Axis, check: bool) -> tuple[Any, Any]:
    """Two distributions over the same outcomes, in one shape."""
    p, q = _pmf(op, "p", p, axis, check, q), _pmf(op, "q", q, axis, check, p)
    if p.shape == q.shape:
        return p, q
    axes = axis if isinstance(axis, tuple) else (axis,)
    try:
        shape = np.broadcast_shapes(p.shape, q.shape)
        same = all(k is not None and k < 0 and p.shape[k] == q.shape[k] for k in axes)
    except (ValueError, IndexError):
        same = False
    if not same:
        raise ValueError(
            f"{op}: p of shape {p.shape} and q of shape {q.shape}; wanted the same outcomes along "
            f"axis {axis} (counted from the end if p or q is to be repeated), the rest to broadcast"
        )
    return broadcast_to(p, shape), broadcast_to(q, shape)


def _forecast(op: str, q: Any, y: Any, reduction: str, check: bool) -> tuple[Any, Any]:
    """A forecast and the target in its shape: labels as one-hot rows."""
    _check_reduction(op, reduction)
    q = _pmf(op, "q", q, -1, check)
    return q, _target(op, q, y, check)


def _target(op: str, q: Any, y: Any, check: bool) -> Any:
    """Labels as one-hot rows in the shape and dtype of q, (..., K); probabilities as they are."""
    y = y if isinstance(y, (Value, np.ndarray)) else np.asarray(y)
    if y.dtype.kind in "iu" and y.shape == q.shape[:-1]:
        labels, classes = _raw(y).reshape(-1), q.shape[-1]
        wrong = (labels < 0) | (labels >= classes)
        if wrong.any():
            raise IndexError(
                f"{op}: label {wrong.argmax()} is {labels[wrong][0]}; wanted 0 to {classes - 1}"
            )
        return one_hot(labels, classes, q.dtype).reshape(q.shape)
    if y.dtype.kind == "f" and y.shape == q.shape:
        return _pmf(op, "y", y, -1, check)
    raise ValueError(
        f"{op}: y of shape {y.shape} and dtype {y.dtype}; wanted labels (integers) of shape "
        f"{q.shape[:-1]} or probabilities of shape {q.shape}"
    )

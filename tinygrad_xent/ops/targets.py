"""What a loss over classes may be given as its target: class indices, or rows of probabilities."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import kernel
from ..value import Array, Value, as_array, known
from .elementary import where
from .guards import warn
from .reduction import sum
from .shape import astype, moveaxis, reshape

REDUCTIONS = ("mean", "sum", "none")
ARRAYS = (Value, np.ndarray)


# Logits and target as rows, one per example, and what each row counts for: z (N, K); p (N,) class
# indices or (N, K) target mass; the shape of the losses; None or which rows are not ignored; None
# or the share of each row's loss, 0 if ignored; None or what a mean divides by instead of N.
Rows = tuple[Any, Any, tuple[int, ...], Array | None, Array | None, Any]


def rows_of(
    op: str,
    logits: Any,
    target: Any,
    reduction: str,
    axis: int | None,
    weight: Any,
    ignore_index: int,
    label_smoothing: float = 0.0,
    check: bool = False,
) -> Rows:
    """Check logits and target against each other, and bring both into rows."""
    if reduction not in REDUCTIONS:
        raise ValueError(f"{op}: reduction={reduction!r}; wanted 'mean', 'sum' or 'none'")
    z: Any = logits if isinstance(logits, ARRAYS) else np.asarray(logits)
    p: Any = target if isinstance(target, ARRAYS) else np.asarray(target)
    array = z._array if isinstance(z, Value) else z
    shape, dtype = array.shape, array.dtype
    if not shape or dtype.kind != "f":
        raise TypeError(
            f"{op}: logits of shape {shape} and dtype {dtype}; wanted floats, (N, K) or (K,)"
        )
    axis = class_axis(op, shape, axis)
    outer, classes = shape[:axis] + shape[axis + 1 :], shape[axis]
    if not classes:
        raise ValueError(f"{op}: logits of shape {shape} have no classes")
    if reduction == "mean" and 0 in outer:
        raise ValueError(f"{op}: the batch is empty, logits of shape {shape}: no losses, no mean")
    kind = p.dtype.kind
    labels = kind in "iu"
    if p.shape != (outer if labels else shape) or not (labels or kind == "f"):
        raise _wrong_target(shape, outer, p, op)
    if len(shape) != 2 or axis != 1:
        z = reshape(moveaxis(z, axis, -1), (-1, classes))
        p = p if labels else reshape(moveaxis(p, axis, -1), (-1, classes))
    left_in = share = total = None
    if labels:
        p, left_in = class_indices(op, p, classes, ignore_index)
    else:
        _check_rows(op, p, ignore_index, check)
    if weight is not None or label_smoothing or left_in is not None:
        dtype = np.dtype(np.float32) if dtype.itemsize == 2 else dtype
        w = class_weights(op, weight, classes, dtype)
        p, share, total = _weighted(op, p, left_in, w, label_smoothing, classes, dtype)
    if p.ndim == 1 and isinstance(z, Value):  # drawn as the other inputs are
        p = z.wrap(p)
        if isinstance(target, Value):
            p.name = target.name
    return z, p, outer, left_in, share, total


def class_axis(op: str, shape: tuple[int, ...], axis: int | None) -> int:
    """The axis of the classes, from the front: by default 1, or the only one."""
    if axis is None:
        return 0 if len(shape) == 1 else 1
    if isinstance(axis, bool) or not isinstance(axis, (int, np.integer)):
        raise TypeError(f"{op}: axis={axis!r}; wanted an int")
    if not -len(shape) <= axis < len(shape):
        raise ValueError(
            f"{op}: axis={axis} for shape {shape}; wanted one of its {len(shape)} axes"
        )
    return int(axis) % len(shape)


def class_indices(op: str, y: Any, classes: int, ignore_index: int) -> tuple[Array, Array | None]:
    """Labels as flat indices known to be in range, and which are not ignored: None for all."""
    labels: Array = y._array if isinstance(y, Value) else y
    if labels.ndim != 1:
        labels = labels.reshape(-1)
    indices, in_range = checked_labels(labels, classes)
    if known(in_range) and not 0 <= ignore_index < classes:
        return indices, None
    left_in = labels != ignore_index
    wrong = left_in & ((labels < 0) | (labels >= classes))
    if known(wrong.any()):
        _refuse_labels(op, labels, left_in, wrong, classes, ignore_index)
    return indices, None if known(left_in.all()) else left_in


@kernel("labels", "in_range")
def checked_labels(labels: Array, classes: int) -> tuple[Array, bool]:
    """Labels as indices, and whether each is a class, from 0 to classes - 1."""
    indices = labels.astype(np.intp)
    # Seen as unsigned, a negative index is a huge one: one comparison finds both kinds. NumPy's
    # argmax takes a quarter of the time of its max.
    unsigned = indices.view(np.uintp)
    return indices, not indices.size or unsigned.item(unsigned.argmax()) < classes


@kernel()
def _refuse_labels(
    op: str, labels: Array, left_in: Array, wrong: Array, classes: int, ignore_index: int
) -> None:
    """Say which is the first label that is no class."""
    row, seen = int(wrong.argmax()), labels[left_in]
    from_one = seen.max() == classes and seen.min() > 0
    raise IndexError(
        f"{op}: target[{row}] is {labels[row]}; wanted a class from 0 to {classes - 1} for "
        f"logits with {classes} classes, or ignore_index={ignore_index}"
        + ("; are the labels counted from 1?" if from_one else "")
    )


def class_weights(op: str, weight: Any, classes: int, dtype: Any) -> Array | None:
    """One number per class, checked, or None."""
    if weight is None:
        return None
    if isinstance(weight, Value):
        if weight._needs_grad:
            raise TypeError(f"{op}: weight has no gradient; pass it as a plain array")
        weight = weight._array
    w = as_array(weight)
    if w.shape != (classes,) or w.dtype.kind not in "iuf":
        raise ValueError(
            f"{op}: weight of shape {w.shape} and dtype {w.dtype}; wanted one real number for "
            f"each of the {classes} classes, shape ({classes},)"
        )
    rounded: Array = w.astype(dtype)
    return rounded


def checked_smoothing(op: str, label_smoothing: Any) -> Any:
    """The same number, from 0 to 1."""
    if isinstance(label_smoothing, bool) or not 0 <= label_smoothing <= 1:
        raise ValueError(f"{op}: label_smoothing={label_smoothing!r}; wanted a number from 0 to 1")
    return label_smoothing


def _weighted(
    op: str,
    p: Any,
    left_in: Array | None,
    weight: Array | None,
    label_smoothing: float,
    classes: int,
    dtype: Any,
) -> tuple[Any, Array | None, Any]:
    """The target with its weights and smoothing in it, the share of each row, and their total.

    Smoothing takes eps of every row's mass and spreads it over all classes, the true one included:
    (1 - eps) p + eps / K. A class weight then multiplies the class's column. A mean over labels is
    divided by the weights of the true classes, smoothed or not, as in PyTorch.
    """
    checked_smoothing(op, label_smoothing)
    share = total = None
    if p.ndim == 1:
        y = p if left_in is None else np.where(left_in, p, 0)
        if left_in is not None:
            share = left_in.astype(dtype)
        if weight is not None:
            of_each = weight_of_each(weight, y)
            counts = of_each if share is None else of_each * share
            total = counts.sum(dtype=np.float64).astype(dtype)
        elif share is not None:
            total = share.sum(dtype=np.float64).astype(dtype)
        if not label_smoothing:
            return p, (counts if weight is not None else share), total
        p = one_hot(y, classes, dtype)
    elif p.dtype.itemsize == 2:
        p = astype(p, dtype)
    if label_smoothing:
        p = (1 - label_smoothing) * p + label_smoothing / classes
    return (p if weight is None else p * weight), share, total


@kernel("weights")
def weight_of_each(weight: Array, y: Array) -> Array:
    """The weight of each label's class."""
    weights: Array = weight[y]
    return weights


def weighted_mean(op: str, losses: Any, total: Any) -> Any:
    """The losses' sum divided by `total`, or by their number; nan with gradient 0 if that is 0."""
    if total is None:
        return sum(losses) / losses.shape[0]
    if known(total == 0):
        warn_of_no_rows(op)
        return sum(where(np.ones(losses.shape, bool), 0.0, losses)) + math.nan
    return sum(losses) / total


def as_dtype_of(z: Any, loss: Any) -> Any:
    """The loss in the dtype of the logits, if weights in single precision changed it."""
    return loss if loss.dtype == z.dtype else astype(loss, z.dtype)


def warn_of_no_rows(op: str) -> None:
    """What a mean over no rows says."""
    warn(f"{op}: every row is ignored or has weight 0: their mean is nan", RuntimeWarning)


@kernel("p")
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


def _check_rows(op: str, p: Any, ignore_index: int, check: bool) -> None:
    """Refuse what cannot go with probabilities, and if asked what are none."""
    if ignore_index >= 0:
        raise ValueError(
            f"{op}: ignore_index={ignore_index}, which leaves out class indices; "
            "the target holds probabilities: give a row that is to be left out zeros"
        )
    if not check:
        return
    rows: Array = p._array if isinstance(p, Value) else p
    sums = rows.sum(axis=1, dtype=np.float64)
    tolerance = 1e-2 if rows.dtype.itemsize == 2 else 1e-5
    with np.errstate(invalid="ignore"):
        wrong = ~(abs(sums - 1) <= tolerance) | ~(rows >= 0).all(axis=1)
    if known(wrong.any()):
        _refuse_rows(op, rows, sums, wrong)


@kernel()
def _refuse_rows(op: str, rows: Array, sums: Array, wrong: Array) -> None:
    """Say which is the first row that holds no probabilities."""
    row = int(wrong.argmax())
    raise ValueError(
        f"{op}: row {row} of the target sums to {sums[row]:.6g} with smallest element "
        f"{rows[row].min():.6g}; wanted probabilities: none negative, summing to 1"
    )

"""Rows and labels as they are kept, made ready for a model batch by batch, and checked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data import Dataset, batches
from ..nn import Module
from ..nn.modes import in_mode
from ..tensor import Tensor
from ..value import Array, get_default_dtype, no_grad

Scale = Callable[[Any], Any]
PIECE = 1 << 18  # numbers that are looked at, or made ready, at a time


class Rows:
    """Rows x and labels y as they were given, in whatever dtype, and which of them these are.

    `ready` makes a batch what the model takes: scaled, in the model's dtype. Nothing of the size of
    x is ever made, so that 60,000 images of uint8 stay 47 MB.
    """

    def __init__(self, x: Array, y: Array, dtype: Any, scale: Scale | None = None) -> None:
        self.x, self.y, self.dtype, self.scale = x, y, dtype, scale
        self.which: NDArray[np.intp] | None = None  # all of them
        self.classes = 0  # how many logits the model gives; 0: nobody has asked

    def __len__(self) -> int:
        return len(self.y)

    def part(self, which: NDArray[np.intp]) -> Rows:
        """The rows of these numbers, without a copy of them."""
        part = Rows(self.x, self.y[which], self.dtype, self.scale)
        part.which = which if self.which is None else self.which[which]
        part.classes = self.classes
        return part

    def ready(self, batch: Array) -> Array:
        """The same rows, scaled and in the model's dtype; ValueError if they are others then."""
        if self.scale is not None:
            # A copy: the batch may be a view of the user's rows, and a scale write into it.
            batch, given = np.asarray(self.scale(batch.copy())), batch
            if batch.dtype.kind not in "biuf" or len(batch) != len(given):
                raise ValueError(
                    f"scale: made {batch.dtype} {batch.shape} of {given.dtype} {given.shape}; "
                    "wanted real numbers, a row for each row"
                )
        return batch.astype(self.dtype, copy=False)

    def shuffled(self, size: int, rng: np.random.Generator) -> Iterator[tuple[Array, Array]]:
        """One epoch of batches, each a copy; the order is drawn now."""
        numbers = np.arange(len(self)) if self.which is None else self.which
        drawn = batches(numbers, self.y, size, rng)
        return ((self.ready(self.x.take(rows, axis=0)), labels) for rows, labels in drawn)

    def in_order(self, size: int) -> Iterator[tuple[Array, Array]]:
        """The rows in pieces, views where that will do: nobody is to write into them."""
        for start in range(0, len(self), size):
            part = slice(start, start + size)
            kept = self.x[part] if self.which is None else self.x.take(self.which[part], axis=0)
            yield self.ready(kept), self.y[part]


def checked_rows(data: Any, model: Module, where: str, scale: Scale | None = None) -> Rows:
    """Rows and labels, checked: what is wrong is named by its row."""
    pair = (data.x, data.y) if isinstance(data, Dataset) else data
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise ValueError(f"{where}: got {type(data).__name__}; wanted a Dataset or a pair (x, y)")
    x, y = np.asarray(pair[0]), np.asarray(pair[1])
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{where}: x has dtype {x.dtype}; wanted real numbers")
    if x.ndim < 2 or y.shape != x.shape[:1] or not x.size:
        raise ValueError(
            f"{where}: x has shape {x.shape} and y {y.shape}; wanted at least one row and column, "
            "and one label per row"
        )
    if y.dtype.kind not in "iu":
        raise ValueError(f"{where}: y has dtype {y.dtype}; wanted class indices (integers)")
    if scale is not None and not callable(scale):
        raise ValueError(f"{where}: scale is {scale!r}; wanted a function of rows, or None")
    rows = Rows(x, y, _dtype(model), scale)
    _check_numbers(rows, where)
    rows.classes = _checked_labels(y, model, next(rows.in_order(1))[0], where)
    return rows


def _dtype(model: Module) -> Any:
    """That of the parameters, or of a model that is frozen that of its first floating Tensor."""
    frozen = (t.dtype for _, t in model.named_tensors() if t.dtype.kind == "f")
    return next((p.dtype for p in model.parameters()), next(frozen, get_default_dtype()))


def split_off(rows: Rows, fraction: float, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """(the rest, a fraction of each class), each in the order of the rows.

    Of a class of n rows at least 1 goes and at least 1 stays; a single row stays.
    """
    if not 0 < fraction < 1:
        raise ValueError(
            f"fit: validation is {fraction!r}; wanted a share between 0 and 1, or rows"
        )
    out = np.zeros(len(rows), dtype=bool)
    for label in np.unique(rows.y):
        members = np.flatnonzero(rows.y == label)
        share = min(max(round(len(members) * fraction), 1), len(members) - 1)
        out[rng.permutation(members)[:share]] = True
    if not out.any():
        raise ValueError("fit: validation: every class has a single row, which is needed to train")
    return rows.part(np.flatnonzero(~out)), rows.part(np.flatnonzero(out))


def _check_numbers(rows: Rows, where: str) -> None:
    """Look at all numbers, as they are and as the model will meet them, a piece at a time."""
    whole = rows.x.dtype.kind in "biu" and rows.dtype.itemsize > 2  # finite in any float32
    if whole and rows.scale is None:
        return
    size = max(1, PIECE // rows.x[0].size)
    for start in range(0, len(rows), size):
        kept = rows.x[start : start + size]
        if rows.scale is not None and not np.isfinite(kept).all():
            _refuse(kept, kept, start, rows, where)  # as they are kept: a scale need not say it
        with np.errstate(all="ignore"):  # 1e300 has no float32: the next lines say so
            ready = rows.ready(kept)
        if not np.isfinite(ready).all():
            _refuse(kept, ready, start, rows, where)


def _refuse(kept: Array, ready: Array, start: int, rows: Rows, where: str) -> None:
    """Raise the error for the first number that is not finite."""
    at = tuple(np.argwhere(~np.isfinite(ready))[0].tolist())
    place = f"column {at[1]}" if len(at) == 2 else f"at {list(at[1:])}"
    number, why, scaled = ready[at], "", ""
    if rows.scale is None:
        number = kept[at]
        why = f", too large for {rows.dtype}" if np.isfinite(number) else ""
    elif ready is not kept:
        scaled = ", scaled,"
    raise ValueError(
        f"{where}: x{scaled} is {number} in row {start + at[0]}, {place}{why}; "
        "wanted finite numbers"
    )


def _checked_labels(y: Array, model: Module, row: Array, where: str) -> int:
    """Ask the model how many classes it knows, with one row, and compare."""
    with no_grad(), in_mode(model, False), np.errstate(all="ignore"):
        logits = model(Tensor(row))
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != 1:
        got = getattr(logits, "shape", type(logits).__name__)
        raise ValueError(f"{where}: the model gives {got} for one row; wanted logits, (1, K)")
    classes = logits.shape[1]
    wrong = np.flatnonzero((y < 0) | (y >= classes))
    if len(wrong):
        raise IndexError(
            f"{where}: the label of row {wrong[0]} is {y[wrong[0]]}; wanted 0 to {classes - 1}, "
            f"as the model gives {classes} logits"
        )
    return int(classes)

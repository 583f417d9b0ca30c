"""Rows and labels as a model takes them, or an error that names what is wrong with them."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import Dataset
from ..nn import Module
from ..tensor import Tensor
from ..value import Array, get_default_dtype, no_grad


def checked_rows(data: Any, model: Module, where: str) -> tuple[Array, Array]:
    """Rows in the model's dtype and labels, checked: what is wrong is named by its row."""
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
    dtype = next((p.dtype for p in model.parameters()), get_default_dtype())
    with np.errstate(over="ignore"):  # 1e300 has no float32: the next check says so
        rows = x.astype(dtype, copy=False)
    finite = np.isfinite(rows)
    if not finite.all():
        bad = np.argwhere(~finite)
        row, *rest = bad[0].tolist()
        place = f"column {rest[0]}" if len(rest) == 1 else f"at {rest}"
        number = x[tuple(bad[0])]
        too_large = f", too large for {dtype}" if np.isfinite(number) else ""
        raise ValueError(
            f"{where}: x is {number} in row {row}, {place}{too_large}; wanted finite numbers"
        )
    _check_labels(y, model, rows[:1], where)
    return rows, y


def _check_labels(y: Array, model: Module, row: Array, where: str) -> None:
    """Ask the model how many classes it knows, with one row, and compare."""
    with no_grad(), np.errstate(all="ignore"):
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

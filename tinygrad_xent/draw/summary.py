"""Summary: what a drawing says of an array, as plain numbers that keep no array alive."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..value import Array

# So many elements are shown one by one: ten classes on a row, or a 4 x 4 matrix.
CELLS = 16
# So many are kept, for a page on which one element after another can be looked at.
ELEMENTS = 64


@dataclass(frozen=True)
class Summary:
    """Shape, dtype and either the elements, if they are few, or where they lie.

    Attributes
    ----------
    shape, dtype
        Of the array; the dtype as a kind and its bits, such as ``f32``.
    cells
        The rows of a small array, a vector being one row; None for a large one.
    low, mean, high
        Of the finite elements; None if there is none. Integers are labels: they have no mean.
    nans, infs
        How many elements are not finite.
    elements
        All elements in a row if they are at most 64; else None.
    """

    shape: tuple[int, ...]
    dtype: str
    cells: tuple[tuple[float, ...], ...] | None
    low: float | None
    mean: float | None
    high: float | None
    nans: int
    infs: int
    elements: tuple[float, ...] | None = None

    @property
    def finite(self) -> bool:
        """Whether every element is a number."""
        return not (self.nans or self.infs)

    @property
    def integer(self) -> bool:
        """Whether the elements are integers or bools: they have no sign worth a colour."""
        return self.dtype[0] in "iub"


def summarize(values: Any) -> Summary:
    """The summary of an array or a number.

    Examples
    --------
    >>> from tinygrad_xent.draw.summary import summarize
    >>> summary = summarize([[1.0, -2.0]])
    >>> summary.shape, summary.dtype, summary.cells, summary.mean
    ((1, 2), 'f64', ((1.0, -2.0),), -0.5)
    """
    array = np.asarray(values)
    floating = array.dtype.kind == "f"
    # One number tells whether all are finite; only then is there anything to count.
    with np.errstate(all="ignore"):
        clean = not floating or bool(np.isfinite(array.sum(dtype=np.float64)))
    finite = array if clean else array[np.isfinite(array)]
    nans = 0 if clean else int(np.isnan(array).sum())
    return Summary(
        shape=array.shape,
        dtype=short_dtype(array.dtype),
        cells=_rows(array) if array.size <= CELLS else None,
        low=finite.min().item() if finite.size else None,
        mean=_mean(finite) if finite.size and floating else None,
        high=finite.max().item() if finite.size else None,
        nans=nans,
        infs=array.size - finite.size - nans,
        elements=tuple(array.reshape(-1).tolist()) if array.size <= ELEMENTS else None,
    )


def short_dtype(dtype: np.dtype[Any]) -> str:
    """The dtype as a drawing has room for it: f32, i64, bool."""
    return "bool" if dtype.kind == "b" else f"{dtype.kind}{8 * dtype.itemsize}"


def _rows(array: Array) -> tuple[tuple[float, ...], ...]:
    """The elements as a matrix has them, the leading axes one below the other."""
    width = array.shape[-1] if array.ndim else 1
    if not array.size:
        return ()
    return tuple(tuple(row) for row in array.reshape(-1, width).tolist())


def _mean(finite: Array) -> float:
    """The mean in double precision: a sum of float16 overflows at 65504."""
    with np.errstate(all="ignore"):
        return float(finite.mean(dtype=np.float64))

"""What stands between a data set and a training loop: batches, and columns of one scale."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .checks import Seed, finite_matrix, generator, whole_number

X = TypeVar("X", bound=np.generic)
Y = TypeVar("Y", bound=np.generic)


def batches(
    x: NDArray[X], y: NDArray[Y], size: int, rng: Seed | None
) -> Iterator[tuple[NDArray[X], NDArray[Y]]]:
    """Return an iterator over one epoch: (x_batch, y_batch) pairs that hold every row once.

    Parameters
    ----------
    x, y : arrays (N, ...)
        Rows that belong together stay together. Each batch is a copy.
    size : int
        Rows per batch; the last batch has what is left.
    rng : numpy.random.Generator, int or None
        Where the shuffling comes from; None keeps the rows in order. In a training loop hand in one
        Generator for all epochs: the same *seed* in each epoch is the same order in each epoch.

    Raises
    ------
    ValueError
        At the call: if there are no rows, if x and y differ in length, or if size < 1.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> import numpy as np
    >>> x, y = np.array([[0.0], [1.0], [2.0]]), np.array([0, 1, 0])
    >>> for x_batch, y_batch in tx.data.batches(x, y, size=2, rng=None):
    ...     print(x_batch.tolist(), y_batch.tolist())
    [[0.0], [1.0]] [0, 1]
    [[2.0]] [0]
    """
    x, y = np.asarray(x), np.asarray(y)
    if x.ndim == 0 or y.ndim == 0 or len(x) != len(y):
        raise ValueError(f"x and y must have equally many rows, got shapes {x.shape} and {y.shape}")
    if len(x) == 0:
        raise ValueError("x and y must have at least one row, got none")
    size = whole_number("size", size, least=1)
    order = np.arange(len(x)) if rng is None else generator("rng", rng).permutation(len(x))
    # A function with `yield` in it runs nothing before the first next(); that is why the checks
    # above stand outside of one. The order is drawn above too: who calls first shuffles first.
    # `take` gathers rows in less time than indexing.
    return ((x.take(rows, axis=0), y.take(rows, axis=0)) for rows in _pieces(order, size))


def _pieces(order: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for start in range(0, len(order), size):
        yield order[start : start + size]


# eq=False: comparing two arrays gives an array, not a bool.
@dataclass(frozen=True, eq=False)
class Standardiser:
    """Shifts and scales each column to mean 0 and standard deviation 1: (x - mean) / std.

    Fit it on the training part alone and use it on both: a test set whose own mean was used has
    already been looked at.

    Attributes
    ----------
    mean, std : float64 arrays (D,)
        In the units of the column. `std` divides by N (not N - 1); a column that never changes gets
        std 1, so that it becomes 0 and not 0/0.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> import numpy as np
    >>> scale = tx.data.Standardiser.fit(np.array([[1.0, 7.0], [3.0, 7.0]]))
    >>> scale.mean, scale.std
    (array([2., 7.]), array([1., 1.]))
    >>> scale(np.array([[1.0, 7.0], [4.0, 7.0]]))
    array([[-1.,  0.],
           [ 2.,  0.]], dtype=float32)
    """

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    @classmethod
    def fit(cls, x: NDArray[Any]) -> Standardiser:
        """Return the Standardiser with the mean and the standard deviation of each column of `x`.

        Parameters
        ----------
        x : array (N, D)
            Real numbers, all finite, N >= 1. The statistics are computed in float64.

        Raises
        ------
        ValueError
            If `x` has another shape, a number in it is not finite, or a column is so large that its
            mean or deviation is not (numbers near 1e308).
        """
        x = np.asarray(x)
        if x.dtype.kind not in "biuf":
            x = x.astype(np.float64)
        finite_matrix(x)
        low, high = x.min(axis=0).astype(np.float64), x.max(axis=0).astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # the next check says so
            mean = _in_pieces(x, lambda piece: piece) / len(x)
            std = np.sqrt(_in_pieces(x, lambda piece: (piece - mean) ** 2) / len(x))
        wrong = np.flatnonzero(~np.isfinite(std))
        if len(wrong):
            ends = f"{low[wrong[0]]} .. {high[wrong[0]]}"
            raise ValueError(
                f"column {wrong[0]} of x has numbers of {ends}: too large to be standardised"
            )
        # Asked of the numbers, not of std: the mean of many 0.1 is not quite 0.1, which leaves a
        # std of 1e-17, and dividing by it would blow the rounding up to ±1. A std of 0 beside two
        # different numbers is one that is too small for a float64.
        constant = (low == high) | (std == 0)
        return cls(np.where(low == high, low, mean), np.where(constant, 1.0, std))

    def __call__(self, x: NDArray[Any]) -> NDArray[np.float32]:
        """Return (x - mean) / std as float32 (N, D); ValueError unless `x` has those D columns.

        Computed in float64 whatever the dtype of `x`: the mean may be a million deviations away
        from 0, and would take the digits of a float32 with it.
        """
        x = np.asarray(x)
        if x.ndim != 2 or x.shape[1] != len(self.mean):
            finite_matrix(x.astype(np.float64, copy=False))
            raise ValueError(f"x must have {len(self.mean)} columns, as in fit, got {x.shape[1]}")
        out = np.empty(x.shape, dtype=np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(x), max(1, PIECE // x.shape[1])):
                rows = slice(start, start + max(1, PIECE // x.shape[1]))
                centred = np.subtract(x[rows], self.mean, dtype=np.float64)
                np.divide(centred, self.std, out=out[rows], casting="same_kind")
        if not np.isfinite(out).all():
            finite_matrix(x.astype(np.float64, copy=False))
            row, column = np.argwhere(~np.isfinite(out))[0]
            raise ValueError(
                f"x is {x[row, column]} in row {row}, column {column}, where the mean is "
                f"{self.mean[column]:g} and the standard deviation {self.std[column]:g}: "
                "too far off for a float32"
            )
        return out


# Numbers that are converted at a time: a piece stays in the cache, and a set of 60,000 images is
# never there twice.
PIECE = 2**14


def _in_pieces(x: NDArray[Any], function: Any) -> NDArray[np.float64]:
    """Return the sum over the rows of `function(x)` in float64, without a copy of all of `x`."""
    total = np.zeros(x.shape[1])
    rows = max(1, PIECE // x.shape[1])
    for start in range(0, len(x), rows):
        piece = function(x[start : start + rows].astype(np.float64))
        total += piece.sum(axis=0)
    return total

"""Dataset: rows of numbers, their labels, and where they come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import Seed, finite_matrix, generator, real_number

Posterior = Callable[[NDArray[Any]], NDArray[np.float64]]


# eq=False: comparing two arrays gives an array, not a bool, so the generated == would raise.
@dataclass(frozen=True, repr=False, eq=False)
class Dataset:
    """N labelled rows: `x[i]` belongs to class `classes[y[i]]`.

    The constructor copies both arrays, so a Dataset shares its memory with nobody: writing into
    `data.x` changes this Dataset and nothing else.

    Parameters
    ----------
    name : str
        What the set is called.
    x : array (N, D), floating or uint8
        One row per example, kept as float32, or as uint8 (pixels: a quarter of the memory). Every
        number must be finite.
    y : array (N,), integers
        The labels 0 .. K-1, kept as int64.
    classes : tuple of str, length K
        The names of the labels. A class may be without rows.
    features : tuple of str, length D
        The names of the columns of `x`, with the unit where there is one.
    source : str
        Where the rows come from and under which licence, in one line.
    posterior : callable or None
        For a toy, whose densities are known: `posterior(x)` is the true p(y|x), float64 (N, K), at
        points `x` (N, D) *in the units of this x*; scale x and it no longer belongs to it.
    label : str or None
        What the labels are called, such as the name of their column in a table.
    test : Dataset or None
        The test part, if the set came with one; it has the same classes and features.

    Raises
    ------
    ValueError
        If a shape, a dtype, a label or a number is not as above; the message names row and column.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> import numpy as np
    >>> x = [[150.0, 50.0], [180.0, 80.0], [160.0, 55.0]]
    >>> heights = tx.data.Dataset(
    ...     "people", np.array(x), np.array([0, 1, 0]), ("short", "tall"), ("cm", "kg"), "made up"
    ... )
    >>> heights
    Dataset('people', x=(3, 2), y=(3,), classes=2)
    >>> [heights.classes[label] for label in heights.y]
    ['short', 'tall', 'short']
    """

    name: str
    x: NDArray[np.float32] | NDArray[np.uint8]
    y: NDArray[np.int64]
    classes: tuple[str, ...]
    features: tuple[str, ...]
    source: str
    posterior: Posterior | None = None
    label: str | None = None
    test: Dataset | None = None

    def __post_init__(self) -> None:
        # A frozen dataclass refuses `self.x = ...`; object.__setattr__ is the documented way round.
        object.__setattr__(self, "classes", _names("classes", self.classes))
        object.__setattr__(self, "features", _names("features", self.features))
        object.__setattr__(self, "x", _checked_x(self.x, self.features))
        object.__setattr__(self, "y", _checked_y(self.y, len(self.x), len(self.classes)))
        if len(set(self.classes)) != len(self.classes):
            raise ValueError(f"classes must have different names, got {self.classes}")
        if len(self.source.splitlines()) != 1:
            raise ValueError(f"source must be one line of text, got {self.source!r}")
        if self.test is not None:
            _check_test_part(self, self.test)

    def __len__(self) -> int:
        return len(self.x)

    def __repr__(self) -> str:
        shapes = f"x={self.x.shape}, y={self.y.shape}, classes={len(self.classes)}"
        return f"Dataset({self.name!r}, {shapes})"

    def split(
        self, test: float | None = None, seed: Seed = 0, *, tail: bool = False
    ) -> tuple[Dataset, Dataset]:
        """Return (train, test): every row in exactly one, every class with its share in both.

        From a class of n rows, `n * test` rounded to a whole number go to the test part, but at
        least 1 and at most n - 1, so that no class is learned without being tested or tested
        without being learned. A class of a single row stays in the training part.

        Parameters
        ----------
        test : float, optional
            The fraction of rows held out, between 0 and 1, both excluded. If not given, 0.2; but a
            set that came with its own test part is then split as it came, its rows in their order.
        seed : int or numpy.random.Generator
            The same seed gives the same split. Both parts come out shuffled.
        tail : bool
            Hold out the last rows of the set instead, whatever their classes, and keep the order:
            for rows that follow each other in time, or neighbours that are alike (the digits of one
            writer), of which a random split would put one into each part.

        Raises
        ------
        ValueError
            If `test` is not such a fraction, or if there are no two rows (of one class, unless
            `tail`) to share out.

        Examples
        --------
        >>> import tinygrad_xent as tx
        >>> iris = tx.data.load("iris")
        >>> train, test = iris.split(test=0.2)
        >>> len(train), len(test)
        (120, 30)
        >>> [(test.y == k).sum().item() for k in range(3)]  # of 50 rows per class, a fifth
        [10, 10, 10]
        >>> set(iris.split(test=0.2, tail=True)[1].y.tolist())  # the file is sorted by class
        {2}
        """
        if test is None and self.test is not None:
            return replace(self, test=None), self.test
        test = 0.2 if test is None else real_number("test", test)
        if not 0 < test < 1:
            raise ValueError(f"test must be a fraction between 0 and 1, both excluded, got {test}")
        rng = generator("seed", seed)
        if tail:
            return self._split_tail(test)
        held_out = np.zeros(len(self), dtype=bool)
        for k in range(len(self.classes)):
            rows = np.flatnonzero(self.y == k)
            held_out[rng.permutation(rows)[: _share(len(rows), test)]] = True
        if not held_out.any():
            raise ValueError(f"cannot split {self!r}: every class has a single row")
        order = rng.permutation(len(self))
        return self._take(order[~held_out[order]]), self._take(order[held_out[order]])

    def _split_tail(self, test: float) -> tuple[Dataset, Dataset]:
        held_out = _share(len(self), test)
        if not held_out:
            raise ValueError(f"cannot split {self!r}: it has a single row")
        return self._take(slice(None, -held_out)), self._take(slice(-held_out, None))

    def _take(self, rows: NDArray[np.intp] | slice) -> Dataset:
        return replace(self, x=self.x[rows], y=self.y[rows], test=None)


def _share(n: int, test: float) -> int:
    """Return how many of `n` rows go to the test part."""
    return min(max(round(n * test), 1), n - 1) if n >= 2 else 0


def _check_test_part(train: Dataset, test: Dataset) -> None:
    for what in ("classes", "features"):
        if getattr(test, what) != getattr(train, what):
            raise ValueError(f"the test part must have the same {what} as {train!r}, got {test!r}")


def _names(what: str, names: Any) -> tuple[str, ...]:
    """The names as a tuple; not the letters of a single text."""
    if isinstance(names, str):
        raise ValueError(f"{what} must be several names, got the text {names!r}")
    return tuple(names)


def _checked_x(x: Any, features: tuple[str, ...]) -> NDArray[np.float32] | NDArray[np.uint8]:
    """Return a copy of `x`, float32 or uint8, or raise ValueError saying what is wrong with it."""
    x = np.asarray(x)
    if x.dtype != np.uint8 and not np.issubdtype(x.dtype, np.floating):
        raise ValueError(
            f"x must be floating or uint8, got dtype {x.dtype}: try x.astype(np.float32)"
        )
    if x.ndim == 2 and x.shape[1] != len(features):
        raise ValueError(f"x has {x.shape[1]} columns, but features names {len(features)}")
    finite_matrix(x, features)
    if x.dtype == np.uint8:
        return np.array(x)
    with np.errstate(over="ignore"):  # 1e300 has no float32; the next line says so, with its place
        copy = np.array(x, dtype=np.float32)
    finite_matrix(copy, features)
    return copy


def _checked_y(y: Any, rows: int, classes: int) -> NDArray[np.int64]:
    """Return an int64 copy of `y`, or raise ValueError saying what is wrong with it."""
    y = np.asarray(y)
    if not np.issubdtype(y.dtype, np.integer):
        raise ValueError(f"y must be integers, got dtype {y.dtype}")
    if y.shape != (rows,):
        raise ValueError(f"y must have shape ({rows},), a label per row of x, got shape {y.shape}")
    bad = np.flatnonzero((y < 0) | (y >= classes))
    if len(bad):
        raise ValueError(
            f"y must be in 0 .. {classes - 1}, as there are {classes} classes, "
            f"got {y[bad[0]]} in row {bad[0]}"
        )
    return np.array(y, dtype=np.int64)

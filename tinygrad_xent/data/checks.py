"""The checks that every entrance of this room shares, so that one mistake has one message."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

# What a user may hand in where randomness is needed: a seed, or a generator already running.
# As text: numpy.random takes longer to load than this package, and is only loaded where it is used.
Seed: TypeAlias = "int | np.integer[Any] | np.random.Generator"


def whole_number(name: str, value: Any, least: int) -> int:
    """Return `value` as an int, or raise ValueError unless it is a whole number >= `least`."""
    # bool is a subclass of int; True rows are always a slip.
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise ValueError(f"{name} must be a whole number >= {least}, got {value!r}")
    return int(value)


def real_number(name: str, value: Any) -> float:
    """Return `value` as a float, or raise ValueError unless it is a finite real number."""
    number = isinstance(value, (int, float, np.integer, np.floating))
    if not number or isinstance(value, bool) or not math.isfinite(value):
        raise ValueError(f"{name} must be a finite number, got {value!r}")
    return float(value)


def generator(name: str, value: Any) -> np.random.Generator:
    """Return the generator itself, or a new one from a seed; ValueError for anything else.

    `None` is refused: NumPy would take a seed from the clock, and nobody could repeat the run.
    """
    if isinstance(value, np.random.Generator):
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 0:
        return np.random.default_rng(int(value))
    raise ValueError(
        f"{name} must be a whole number >= 0 or a numpy.random.Generator, got {value!r}"
    )


def finite_matrix(x: NDArray[Any], features: Sequence[str] | None = None) -> None:
    """Raise ValueError unless `x` has shape (N, D) with N, D >= 1 and every number in it is finite.

    The message names the row and the column (and the feature, if the names are known) of the first
    number that is not: the reader will want to look at it.
    """
    if x.ndim != 2 or 0 in x.shape:
        raise ValueError(f"x must have shape (rows, features), both >= 1, got shape {x.shape}")
    if x.dtype.kind in "biu":  # whole numbers are; a million of pixels need no second look
        return
    finite = np.isfinite(x)
    if not finite.all():
        bad = np.argwhere(~finite)
        row, column = bad[0]
        feature = f" ({features[column]!r})" if features else ""
        raise ValueError(
            f"x must be finite, got {x[row, column]} in row {row}, column {column}{feature}; "
            f"{len(np.unique(bad[:, 0]))} of {len(x)} rows have such a number"
        )


def unknown(what: str, got: Any, known: Sequence[str]) -> ValueError:
    """Return (not raise) the error for a name that does not exist, with the nearest that does."""
    import difflib  # slow to load, and only needed for an error

    close = difflib.get_close_matches(str(got).lower(), known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else "."
    return ValueError(f"unknown {what}: {got!r}{hint} Known: {', '.join(known) or 'none'}")

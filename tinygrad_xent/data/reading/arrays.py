"""Arrays as they stand in files, made into the rows and labels of a Dataset."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import labels as names_of
from .sources import DataError, shown

Rows = NDArray[np.float32] | NDArray[np.uint8]
MAX_COLUMNS = 10_000_000


def rows_of(array: NDArray[Any], where: str) -> Rows:
    """Rows (N, D): images are laid out row by row, uint8 stays, other numbers become float32."""
    if array.dtype.kind not in "biuf":
        raise DataError(f"{where}: dtype {array.dtype}; wanted real numbers")
    if array.ndim < 2 or not array.size:
        raise DataError(f"{where}: shape {array.shape}; wanted rows of numbers, at least one")
    flat = array.reshape(len(array), -1)
    if flat.shape[1] > MAX_COLUMNS:
        raise DataError(f"{where}: {flat.shape[1]} columns; wanted at most {MAX_COLUMNS}")
    if flat.dtype == np.uint8:
        return flat
    with np.errstate(over="ignore", invalid="ignore"):
        x = flat.astype(np.float32)
    finite = np.isfinite(x)
    if not finite.all():
        row, column = np.argwhere(~finite)[0].tolist()
        raise DataError(
            f"{where}: {flat[row, column]} in row {row}, column {column} is not a finite number "
            "that a float32 can hold"
        )
    return x


def features_of(shape: Sequence[int]) -> tuple[str, ...]:
    """Names for the columns: pixel_row_column for images, x0, x1, ... for the rest."""
    if len(shape) < 3:
        return tuple(f"x{j}" for j in range(shape[1]))
    return tuple("pixel_" + "_".join(map(str, place)) for place in np.ndindex(*shape[1:]))


def labels_of(array: NDArray[Any], rows: int, where: str) -> list[str]:
    """The label of each row as text."""
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.shape != (rows,):
        raise DataError(f"{where}: shape {array.shape}; wanted a label for each of {rows} rows")
    if array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            whole = np.isfinite(array) & (np.abs(array) < 2**53)
            whole &= array == np.trunc(array)
        if not whole.all():
            row = int(np.argmin(whole))
            raise DataError(f"{where}: {array[row]} in row {row}; wanted whole numbers as labels")
        array = array.astype(np.int64)
    if array.dtype.kind not in "biuUS":
        raise DataError(f"{where}: dtype {array.dtype}; wanted whole numbers or text as labels")
    values, inverse = np.unique(array, return_inverse=True)
    if len(values) > names_of.MAX_CLASSES:
        raise DataError(
            f"{where}: more than {names_of.MAX_CLASSES} different labels; wanted classes"
        )
    texts = texts_of(values, where)
    return [texts[k] for k in inverse.reshape(-1).tolist()]


def texts_of(values: NDArray[Any], where: str) -> list[str]:
    """The elements as text; each of them fit to be shown."""
    if values.dtype.kind == "U":
        # Asked of the numbers: of a letter that Unicode has not, Python makes a text that breaks.
        native = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
        codes = native.reshape(-1).view(np.uint32)
        if ((codes > 0x10FFFF) | ((codes >= 0xD800) & (codes < 0xE000))).any():
            raise DataError(f"{where}: letters in it that Unicode has not")
        return [str(value) for value in native.tolist()]
    if values.dtype.kind == "S":
        try:
            return [value.decode("utf-8") for value in values.tolist()]
        except UnicodeError as error:
            raise DataError(f"{where}: not UTF-8 text: {error}") from error
    return [str(value) for value in values.tolist()]


def class_names(array: NDArray[Any], where: str) -> tuple[str, ...]:
    """Names (K,) that stand in the file beside the arrays."""
    if array.dtype.kind not in "US" or array.ndim != 1:
        raise DataError(f"{where}: {array.dtype} of shape {array.shape}; wanted text, a name each")
    names = texts_of(array, where)
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{where}: the name {shown(twice)} is there twice")
    return tuple(names)

"""A state of dicts, lists, numbers, texts and arrays, as JSON beside the arrays, and back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..value import Array

ARRAY, TURNED, NUMBER = "__array__", "__turned__", "__number__"
EXACT = 2**53  # up to here every reader of JSON gets whole numbers right


def split(tree: Any, path: str = "") -> tuple[Any, dict[str, Array]]:
    """What JSON holds, and the arrays by the path at which they stood; tuples become lists.

    Raises
    ------
    TypeError
        If something is neither, named by its path.

    Examples
    --------
    >>> import numpy as np
    >>> split({"t": 3, "m": [np.ones(2)]})
    ({'t': 3, 'm': [{'__array__': 'm/0'}]}, {'m/0': array([1., 1.])})
    """
    arrays: dict[str, Array] = {}

    def walk(part: Any, path: str) -> Any:
        if isinstance(part, (np.ndarray, np.generic)):
            array = np.asarray(part)
            array = array.astype(array.dtype.newbyteorder("="), copy=False)  # as files have it
            # The order of the memory is kept: sums in another order have other last bits.
            turned = array.flags.f_contiguous and not array.flags.c_contiguous
            while path in arrays:  # "a/b" as a key, and "b" in "a"
                path += "'"
            arrays[path] = array.T if turned else array
            return {TURNED if turned else ARRAY: path}
        if isinstance(part, Mapping):
            for key in part:
                if not isinstance(key, str) or key in (ARRAY, TURNED, NUMBER):
                    raise TypeError(f"{path or 'state'} has the key {key!r}; wanted another text")
            return {key: walk(value, f"{path}/{key}".lstrip("/")) for key, value in part.items()}
        if isinstance(part, (list, tuple)):
            return [walk(value, f"{path}/{k}".lstrip("/")) for k, value in enumerate(part)]
        return _number(part, path)

    return walk(tree, path), arrays


def joined(tree: Any, arrays: Mapping[str, Array]) -> Any:
    """What `split` made its two parts of."""
    if isinstance(tree, dict):
        if len(tree) == 1:
            ((key, value),) = tree.items()
            if key in (ARRAY, TURNED):
                return arrays[value].T if key == TURNED else arrays[value]
            if key == NUMBER:
                return int(value) if value.lstrip("-").isdigit() else float(value)
        return {key: joined(value, arrays) for key, value in tree.items()}
    return [joined(value, arrays) for value in tree] if isinstance(tree, list) else tree


def _number(value: Any, path: str) -> Any:
    """A number, text, truth or None as it stands in JSON."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) <= EXACT else {NUMBER: str(int(value))}
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {NUMBER: str(float(value))}
    raise TypeError(
        f"{path or 'state'} is {value!r}; wanted numbers, texts, arrays, and dicts and lists of "
        "them"
    )

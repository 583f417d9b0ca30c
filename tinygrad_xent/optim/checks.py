"""What settings of optimizers and schedules must be."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np


def weak(value: Any) -> Any:
    """NumPy's numbers as Python's, also in a tuple; anything else as it is."""
    if type(value) is tuple:
        return tuple(map(weak, value))
    return value.item() if isinstance(value, np.generic) else value


def at_least_zero(what: str, value: Any) -> float:
    """The number as Python's own, or a ValueError that begins with `what`.

    Python's floats are weak: a np.float64 would widen float32 parameters.
    """
    number = math.nan
    if isinstance(value, numbers.Real):
        try:
            number = float(value)
        except OverflowError:  # a whole number too large for any float
            number = math.inf
    if not 0 <= number < math.inf:
        raise ValueError(f"{what} is {value!r}; wanted a number >= 0")
    return number

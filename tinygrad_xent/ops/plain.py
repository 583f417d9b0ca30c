"""NumPy functions that have no gradient: given Tensors, they give what NumPy gives for the numbers.

Questions (`isnan`, `argmax`, `allclose`), positions, and new arrays like another.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import implements
from ..value import Value


def _numbers(x: Any) -> Any:
    """X with the array of each Tensor in its place, also within lists."""
    if isinstance(x, Value):
        return x._array
    if isinstance(x, (list, tuple)):
        return type(x)(map(_numbers, x))
    return x


def _plain(function: Any) -> Any:
    """The function for the numbers of Tensors."""

    def of_numbers(*args: Any, **kwargs: Any) -> Any:
        return function(*_numbers(args), **{name: _numbers(x) for name, x in kwargs.items()})

    of_numbers.__name__ = of_numbers.__qualname__ = function.__name__
    of_numbers.__doc__ = f"``np.{function.__name__}`` of the numbers: plain, without a gradient."
    return implements(function)(of_numbers)


all = _plain(np.all)
any = _plain(np.any)
allclose = _plain(np.allclose)
argmax = _plain(np.argmax)
argmin = _plain(np.argmin)
argsort = _plain(np.argsort)
array_equal = _plain(np.array_equal)
count_nonzero = _plain(np.count_nonzero)
full_like = _plain(np.full_like)
isclose = _plain(np.isclose)
isfinite = _plain(np.isfinite)
isinf = _plain(np.isinf)
isnan = _plain(np.isnan)
nonzero = _plain(np.nonzero)
ones_like = _plain(np.ones_like)
searchsorted = _plain(np.searchsorted)
zeros_like = _plain(np.zeros_like)

for _function in (
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
    *(np.logical_and, np.logical_or, np.logical_not, np.logical_xor, np.signbit),
    *(np.isneginf, np.isposinf, np.iscomplexobj, np.isrealobj, np.array_equiv, np.result_type),
    *(np.shape, np.ndim, np.size, np.empty_like, np.argpartition, np.argwhere, np.flatnonzero),
    *(np.unique, np.bincount, np.digitize, np.histogram, np.nanargmax, np.nanargmin, np.isin),
    *(
        np.imag,
        np.angle,
        np.lexsort,
        np.array2string,
        np.array_repr,
        np.array_str,
        np.may_share_memory,
    ),
):
    _plain(_function)

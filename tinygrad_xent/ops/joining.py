"""Joining arrays, cutting them up, repeating and padding them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..op import Op, apply, formula, implements
from ..value import Value
from .calling import as_array, run
from .elementary import beside
from .indexing import getitem, scatter_add
from .shape import (
    atleast_1d,
    atleast_2d,
    atleast_3d,
    axis_of,
    broadcast_to,
    on_axis,
    ravel,
    reshape,
    transpose,
)


class Concatenate(Op):
    def __init__(self, axis: int) -> None:
        self.axis = axis

    @formula("the arrays, end to end along axis {axis}")
    def forward(self, *arrays: Any) -> Any:
        return np.concatenate(arrays, self.axis)

    @formula("the part of ḡ that is array {i}")
    def vjp_arrays(self, i: int, g: Any, y: Any, *arrays: Any) -> Any:
        start = sum(a.shape[self.axis] for a in arrays[:i])
        part = slice(start, start + arrays[i].shape[self.axis])
        return g[on_axis(self.axis, part)]


@implements(np.concatenate)
def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    """The arrays end to end along an axis that they have; with None, all elements in a row.

    Raises
    ------
    ValueError
        If the shapes differ on another axis, naming the first that does.
    """
    arrays = [as_array(a) for a in arrays]
    if axis is None:
        arrays, axis = [ravel(a) for a in arrays], 0
    if arrays:
        axis = axis_of(axis, arrays[0].ndim, "concatenate")
    try:
        return apply(Concatenate(axis), *arrays)
    except ValueError as error:
        raise ValueError(f"concatenate: {_odd_one(arrays, axis, error)}") from error


class Stack(Op):
    keeps_integers = True  # made into the dtype of the others before

    def __init__(self, axis: int) -> None:
        self.axis = axis

    @formula("the arrays, side by side along a new axis {axis}")
    def forward(self, *arrays: Any) -> Any:
        return np.stack(arrays, self.axis)

    @formula("ḡ's slice number {i}")
    def vjp_arrays(self, i: int, g: Any, y: Any, *arrays: Any) -> Any:
        return g[on_axis(self.axis, i)]


@implements(np.stack)
def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    """Arrays of one shape side by side along a new axis.

    Raises
    ------
    ValueError
        If the shapes differ, naming the first that does.
    """
    arrays = [as_array(a) for a in arrays]
    tensor = next((a for a in arrays if isinstance(a, Value) and a._array.dtype.kind == "f"), None)
    arrays = [beside(a, tensor) for a in arrays]
    if arrays:
        axis = axis_of(axis, arrays[0].ndim + 1, "stack")
    try:
        return apply(Stack(axis), *arrays)
    except ValueError as error:
        raise ValueError(f"stack: {_odd_one(arrays, None, error)}") from error


def _odd_one(arrays: Sequence[Any], axis: int | None, error: Exception) -> str:
    """Which of the arrays does not fit the first, or else what the error says."""
    if not arrays:
        return "no arrays to join"
    first = arrays[0].shape
    for i, a in enumerate(arrays):
        sizes = enumerate(zip(a.shape, first, strict=False))
        if a.ndim != len(first) or any(n != m for k, (n, m) in sizes if k != axis):
            where = "" if axis is None else f" except on axis {axis}"
            return f"arrays[{i}] has shape {a.shape}, wanted {first}{where}"
    return str(error)


@implements(np.hstack)
def hstack(arrays: Sequence[Any]) -> Any:
    """Side by side: along axis 1, or axis 0 if they have only one."""
    parts = [atleast_1d(a) for a in arrays]
    return concatenate(parts, 0 if parts and parts[0].ndim == 1 else 1)


@implements(np.vstack)
def vstack(arrays: Sequence[Any]) -> Any:
    """One above the other; a vector is a row."""
    return concatenate([atleast_2d(a) for a in arrays], 0)


@implements(np.dstack)
def dstack(arrays: Sequence[Any]) -> Any:
    """One behind the other, along axis 2."""
    return concatenate([atleast_3d(a) for a in arrays], 2)


@implements(np.column_stack)
def column_stack(arrays: Sequence[Any]) -> Any:
    """Side by side; a vector is a column."""
    columns = [as_array(a) for a in arrays]
    return concatenate([a if a.ndim > 1 else reshape(a, (-1, 1)) for a in columns], 1)


@implements(np.append)
def append(x: Any, values: Any, axis: int | None = None) -> Any:
    """`values` behind x along `axis`, or all elements in a row."""
    return concatenate([x, values], axis)


@implements(np.array_split)
def array_split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Parts along `axis`: so many, as equal as can be, or cut in front of the places listed."""
    x = as_array(x)
    axis = axis_of(axis, x.ndim, "array_split")
    n = x.shape[axis]
    if np.iterable(indices_or_sections):
        cuts = [0, *map(int, indices_or_sections), n]
    else:
        sections = int(indices_or_sections)
        if sections <= 0:
            raise ValueError(f"array_split: {sections} sections; wanted 1 or more")
        size, longer = divmod(n, sections)
        cuts = [k * size + min(k, longer) for k in range(sections + 1)]
    return [getitem(x, on_axis(axis, slice(*ends))) for ends in itertools.pairwise(cuts)]


@implements(np.split)
def split(x: Any, indices_or_sections: Any, axis: int = 0) -> list[Any]:
    """Parts along `axis`: so many equal ones, or cut in front of the places listed."""
    x = as_array(x)
    n = x.shape[axis_of(axis, x.ndim, "split")]
    if not np.iterable(indices_or_sections) and n % indices_or_sections:
        raise ValueError(
            f"split: axis {axis} of size {n} in {indices_or_sections} parts; wanted a divisor of "
            f"{n}, or array_split, which also makes unequal parts"
        )
    return array_split(x, indices_or_sections, axis)


@implements(np.hsplit)
def hsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along axis 1, or axis 0 if there is only one: what `hstack` joined."""
    return split(x, indices_or_sections, 1 if as_array(x).ndim > 1 else 0)


@implements(np.vsplit)
def vsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along axis 0: what `vstack` joined."""
    return split(x, indices_or_sections, 0)


@implements(np.dsplit)
def dsplit(x: Any, indices_or_sections: Any) -> list[Any]:
    """Parts along axis 2: what `dstack` joined."""
    return split(x, indices_or_sections, 2)


class Roll(Op):
    def __init__(self, shift: tuple[int, ...], axis: tuple[int, ...]) -> None:
        self.shift = shift
        self.axis = axis

    @formula("x moved on by {shift}")
    def forward(self, x: Any) -> Any:
        return np.roll(x, self.shift, self.axis)

    @formula("ḡ moved back by {shift}")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return roll(g, tuple(-k for k in self.shift), self.axis)


@implements(np.roll)
def roll(x: Any, shift: Any, axis: Any = None) -> Any:
    """Moved on by `shift` places along `axis`; what leaves at the end comes in at the front."""
    x = as_array(x)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), x.shape)
    try:
        shifts, axes = (pair.ravel().tolist() for pair in np.broadcast_arrays(shift, axis))
    except ValueError as error:
        raise ValueError(
            f"roll: shift={shift} along axis={axis}; wanted a shift for each axis, or one"
        ) from error
    # One axis may be rolled twice.
    return run(Roll(tuple(shifts), tuple(axis_of(k, x.ndim, "roll") for k in axes)), x)


@implements(np.tile)
def tile(x: Any, reps: Any) -> Any:
    """Laid out `reps` times along each axis, like tiles.

    Examples
    --------
    >>> import numpy as np
    >>> tile(np.array([1.0, 2.0]), 2)
    array([1., 2., 1., 2.])
    """
    x = as_array(x)
    reps = tuple(reps) if np.iterable(reps) else (reps,)
    ndim = max(x.ndim, len(reps))
    reps = (1,) * (ndim - len(reps)) + reps
    sizes = (1,) * (ndim - x.ndim) + tuple(x.shape)
    apart = reshape(x, tuple(m for n in sizes for m in (1, n)))
    wide = broadcast_to(apart, tuple(m for r, n in zip(reps, sizes, strict=True) for m in (r, n)))
    return reshape(wide, tuple(r * n for r, n in zip(reps, sizes, strict=True)))


@implements(np.repeat)
def repeat(x: Any, repeats: Any, axis: int | None = None) -> Any:
    """Each element so often in a row: `repeats` is one number, or one for each place on `axis`."""
    x = as_array(x)
    x, axis = (ravel(x), 0) if axis is None else (x, axis_of(axis, x.ndim, "repeat"))
    try:
        index = np.repeat(np.arange(x.shape[axis]), repeats)
    except ValueError as error:
        raise ValueError(
            f"repeat: repeats of shape {np.shape(repeats)}; wanted one count that is not negative, "
            f"or {x.shape[axis]}, one for each place on axis {axis}"
        ) from error
    return getitem(x, on_axis(axis, index))


@implements(np.pad)
def pad(x: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    """With a border of a constant: one width, (before, after), or such a pair for each axis."""
    if mode != "constant":
        raise TypeError(f"pad: mode={mode!r}; wanted 'constant', the only one with a gradient")
    x = as_array(x)
    widths = np.broadcast_to(pad_width, (x.ndim, 2)).tolist()
    shape = tuple(n + a + b for n, (a, b) in zip(x.shape, widths, strict=True))
    inside = tuple(slice(a, a + n) for n, (a, _) in zip(x.shape, widths, strict=True))
    y = scatter_add(x, inside, shape)
    if not np.any(constant_values):
        return y
    border = np.zeros(x.shape, x.dtype)
    return y + np.pad(border, pad_width, constant_values=constant_values)


@implements(np.kron)
def kron(a: Any, b: Any) -> Any:
    """The Kronecker product: b once for each element of a, scaled by it."""
    a, b = as_array(a), as_array(b)
    ndim = max(a.ndim, b.ndim)
    m = (1,) * (ndim - a.ndim) + tuple(a.shape)
    n = (1,) * (ndim - b.ndim) + tuple(b.shape)
    blocks = reshape(a, m + (1,) * ndim) * reshape(b, (1,) * ndim + n)
    paired = tuple(axis for k in range(ndim) for axis in (k, k + ndim))
    return reshape(transpose(blocks, paired), tuple(i * j for i, j in zip(m, n, strict=True)))

"""Local derivatives: what one op's rule says of each single element, found by running the rule.

Nothing here knows a derivative. A rule that is given 1 for one element of its output and 0 for all
others returns how that element changes with each element of the input; a wrong rule shows its wrong
numbers.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..backprop import _fit, order, steps
from ..op import apply
from ..value import Array, Value, enable_grad
from .style import number

# Larger arrays are not taken apart: nobody reads a Jacobian of more numbers.
MOST_ELEMENTS = 64
MOST_ENTRIES = 1024


@dataclass(frozen=True)
class Local:
    """The derivative of an op's output with respect to one input, element by element.

    Attributes
    ----------
    jacobian
        ``jacobian[j][i]`` is ∂yⱼ/∂xᵢ, the elements of both counted in a row.
    diagonal
        Whether element i of the output depends on element i of the input alone.
    needs
        For each of the op's inputs, and each element i of this one: which elements of that input
        the rule took into ∂L/∂xᵢ.
    """

    jacobian: tuple[tuple[float, ...], ...]
    diagonal: bool
    needs: tuple[tuple[tuple[int, ...], ...], ...]


def local_derivative(value: Value, i: int) -> Local | None:
    """How `value` depends on input number i of its op; None if there is too much to show."""
    y, x = value.recorded[0], value.recorded[i + 1]
    if max(y.size, x.size) > MOST_ELEMENTS or y.size * x.size > MOST_ENTRIES or not x.size:
        return None
    try:
        with np.errstate(all="ignore"):
            jacobian = np.stack([_row(value, i, unit) for unit in _units(y)])
            needs = _needs(value, i)
    except Exception:  # a user's rule may refuse unit cotangents, or Tensors
        return None
    square = y.shape == x.shape
    off_diagonal = jacobian[~np.eye(len(jacobian), dtype=bool)] if square else jacobian
    diagonal = bool(square and y.size > 1 and not off_diagonal.any())
    return Local(tuple(map(tuple, jacobian.tolist())), diagonal, needs)


def _units(array: Array) -> Array:
    """For each element an array like this, with 1 there and 0 everywhere else."""
    return np.eye(array.size, dtype=array.dtype).reshape(array.size, *array.shape)


def _row(value: Value, i: int, unit: Array) -> Array:
    """What the rule makes of a unit cotangent, in the input's shape, in a row."""
    op: Any = value.op
    raw = op.vjp(i, unit, *value.recorded)
    return np.asarray(_fit(raw, value.recorded[i + 1], op, i)[0]).reshape(-1)


def _needs(value: Value, i: int) -> tuple[tuple[tuple[int, ...], ...], ...]:
    """Which elements of which input the rule for input i takes: where it has a slope itself.

    The rule is read with Tensors, as for second derivatives, and each element of what it gives is
    differentiated.
    """
    op: Any = value.op
    kind = type(value)
    inputs = [
        kind.wrap(a, needs_grad=True) if isinstance(a, np.ndarray) and a.dtype.kind == "f" else a
        for a in value.recorded[1:]
    ]
    nothing = tuple(() for _ in range(value.recorded[i + 1].size))
    with enable_grad():
        y = apply(copy.copy(op), *inputs)
        raw = op.vjp(i, kind.wrap(np.ones_like(value.recorded[0])), y, *inputs)
        if not isinstance(raw, Value):
            return tuple(nothing for _ in inputs)
        term = _fit(raw, value.recorded[i + 1], op, i)[0]
    if not term._needs_grad:
        return tuple(nothing for _ in inputs)
    slopes = [
        {step.value.number: step.gradient for step in steps(term, unit)}
        for unit in _units(term._array)
    ]
    return tuple(
        tuple(
            tuple(np.flatnonzero(slope[x.number]).tolist()) if x.number in slope else ()
            for slope in slopes
        )
        if isinstance(x, Value)
        else nothing
        for x in inputs
    )


@dataclass(frozen=True)
class Check:
    """A gradient beside finite differences: ``exact``, ``approximate`` or ``different``.

    ``not comparable`` at a kink, where a number is not finite, and behind a hook.
    """

    verdict: str
    largest: float  # difference
    compared: int  # elements
    why_not: str = "a kink, or a number that is not finite"

    @property
    def text(self) -> str:
        """The verdict in words."""
        if self.verdict == "not comparable":
            return f"not comparable: {self.why_not}"
        return f"{self.verdict}, largest difference {number(self.largest, 2)}"


def check_leaf(root: Value, leaf: Value, gradient: Array, seed: Array) -> Check:
    """The gradient of `root` (weighted by `seed`) at a leaf, beside central differences.

    The graph is run again in float64 with one element changed at a time: all of them if they are
    few, else eight spread evenly.
    """
    run = _Rerun(root, leaf)
    x = run.arrays[leaf.number]
    if not x.size:
        return Check("exact", 0.0, 0)
    chosen = np.arange(x.size) if x.size <= 16 else np.linspace(0, x.size - 1, 8).astype(int)
    with np.errstate(all="ignore"):
        slopes = np.array([run.slope(k, seed) for k in chosen])
    got = np.asarray(gradient).reshape(-1)[chosen].astype(np.float64)
    if not (np.isfinite(slopes).all() and np.isfinite(got).all()):
        return Check("not comparable", float("nan"), len(chosen))
    unlike = np.abs(got - slopes)
    largest = float(np.max(unlike, initial=0.0))
    digits = 1e-3 if np.asarray(gradient).dtype.itemsize < 8 else 1e-6
    near = np.allclose(got, slopes, rtol=digits, atol=digits * max(1.0, np.abs(slopes).max()))
    verdict = "exact" if largest == 0 else "approximate" if near else "different"
    return Check(verdict, largest, len(chosen))


class _Rerun:
    """The part of a graph that depends on one leaf, to be computed again in float64."""

    def __init__(self, root: Value, leaf: Value) -> None:
        self.root, self.leaf = root, leaf
        values = order(root)[::-1]
        self.arrays: dict[int, Array] = {}
        changing = {leaf.number}
        for value in values:
            if value.op is None:
                self.arrays[value.number] = _double(value._array)
            for x, array in zip((value, *value.inputs), value.recorded, strict=False):
                if isinstance(x, Value):  # as the graph used it, whatever it holds now
                    self.arrays[x.number] = _double(array)
            if any(isinstance(x, Value) and x.number in changing for x in value.inputs):
                changing.add(value.number)
        self.again = [v for v in values if v.op is not None and v.number in changing]

    def slope(self, k: int, seed: Array) -> float:
        """The derivative in element k, from both sides; nan if these disagree."""
        x = self.arrays[self.leaf.number]
        h = 1e-6 * max(1.0, abs(float(x.flat[k])))
        ends = []
        for sign in (1, -1):
            moved = x.copy()
            moved.flat[k] += sign * h
            ends.append(float(np.sum(_double(seed) * self.value(moved))))
        here = float(np.sum(_double(seed) * self.value(x)))
        right, left = (ends[0] - here) / h, (here - ends[1]) / h
        if abs(right - left) > 1e-2 * max(1.0, abs(right), abs(left)):
            return float("nan")  # a kink
        return (ends[0] - ends[1]) / (2 * h)

    def value(self, leaf: Array) -> Array:
        """The root's value with another array in the leaf."""
        now = {self.leaf.number: leaf}
        for value in self.again:
            arrays = [
                now.get(x.number, self.arrays[x.number]) if isinstance(x, Value) else _double(a)
                for x, a in zip(value.inputs, value.recorded[1:], strict=True)
            ]
            now[value.number] = np.asarray(copy.copy(value.op).forward(*arrays))
        return now.get(self.root.number, self.arrays[self.root.number])


def _double(array: Any) -> Any:
    floating = isinstance(array, np.ndarray) and array.dtype.kind == "f"
    return array.astype(np.float64) if floating else array

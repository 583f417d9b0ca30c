"""check_gradients: hold derivatives against finite differences.

The slope of f along element k of x is (f(x + h eₖ) - f(x - h eₖ)) / 2h up to an error of order h².
In float64 with h = 6e-6 (the cube root of the rounding error) about ten digits of it are right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import ops
from .backprop import grad
from .tensor import Tensor
from .value import Array

Function = Callable[..., Any]


class GradientCheck(NamedTuple):
    """What `check_gradients` found; it raises instead if a derivative is wrong."""

    elements: int  # derivatives that were compared
    largest_error: float  # the largest difference, relative to the larger of 1 and the numbers


def check_gradients(
    f: Function,
    *tensors: Any,
    order: int = 2,
    rtol: float = 1e-6,
    atol: float = 1e-7,
    step: float = 6e-6,
    seed: int = 0,
) -> GradientCheck:
    """Compare the gradients of ``f(*tensors)`` with finite differences, up to `order` derivatives.

    Parameters
    ----------
    f
        Takes Tensors and returns one, of any shape. It is called many times and must give the same
        answer each time. An output of more than one element is checked along a random direction.
    tensors
        Tensors or arrays; they are computed with as float64. Those that need no gradient (and
        integer arrays) are held fixed, unless none of them needs one: then all floating ones are
        checked.
    order
        2 also checks the gradient of the gradient, and so on.
    rtol, atol
        A difference of at most ``atol + rtol * |finite difference|`` passes; second and higher
        orders are allowed ten times as much.
    step
        h, relative to the larger of 1 and the size of x.
    seed
        Of the random directions.

    Returns
    -------
    GradientCheck
        How many derivatives were compared, and the largest error.

    Raises
    ------
    AssertionError
        Naming the order, the argument, the element, both numbers and the difference.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> z = tx.Tensor([[2.0, 1.0, -0.1]], requires_grad=True)
    >>> tx.check_gradients(lambda z: tx.cross_entropy(z, [1]), z, order=2).elements
    6
    """
    fixed = [t if isinstance(t, Tensor) else Tensor(t) for t in tensors]
    some = any(t.requires_grad for t in fixed)
    arrays, varied = [], []
    for k, t in enumerate(fixed):
        if t.dtype.kind == "f" and (t.requires_grad or not some):
            varied.append(k)
            arrays.append(t.numpy().astype(np.float64))
        else:
            fixed[k] = Tensor(t.numpy())

    def of_varied(*xs: Tensor) -> Tensor:
        arguments = list(fixed)
        for k, x in zip(varied, xs, strict=True):
            arguments[k] = x
        result: Tensor = f(*arguments)
        return result

    rng = np.random.default_rng(seed)
    elements, largest, g = 0, 0.0, of_varied
    for n in range(1, order + 1):
        scalar = _along_a_direction(g, arrays, rng)
        slack = 1.0 if n == 1 else 10.0
        for i, position, got, wanted in _comparisons(scalar, arrays, step):
            error = abs(got - wanted)
            elements += 1
            largest = max(largest, error / max(1.0, abs(wanted)))
            if not error <= slack * (atol + rtol * abs(wanted)):
                raise AssertionError(
                    f"check_gradients: order {n}, argument {varied[i]}, element {position}: "
                    f"the rule gives {got:.10g}, finite differences {wanted:.10g}, "
                    f"off by {error:.2g}"
                )
        g = _gradient_of(scalar)
    return GradientCheck(elements, largest)


def _along_a_direction(f: Function, arrays: Sequence[Array], rng: np.random.Generator) -> Function:
    """The scalar function Σ v ⊙ f for a random v: its gradient is v times f's Jacobian."""
    shape = f(*(Tensor(a) for a in arrays)).shape
    v = rng.uniform(0.5, 1.5, shape) * rng.choice([-1.0, 1.0], shape)
    return lambda *xs: ops.sum(f(*xs) * v)


def _gradient_of(scalar: Function) -> Function:
    """All gradients of a scalar function, recorded, as one flat Tensor."""

    def gradient(*xs: Tensor) -> Tensor:
        leaves = [x if x.requires_grad else Tensor(x, requires_grad=True) for x in xs]
        output = scalar(*leaves)
        total = Tensor(np.zeros(sum(x.size for x in xs)))
        if not output.requires_grad:
            return total
        start = 0
        for x, g in zip(
            xs, grad(output, leaves, create_graph=True, allow_unused=True), strict=True
        ):
            if g is not None:  # laid end to end by adding: each block in its own place among zeros
                place = slice(start, start + x.size)
                total = total + ops.scatter_add(ops.reshape(g, (-1,)), place, total.shape)
            start += x.size
        return total

    return gradient


def _comparisons(scalar: Function, arrays: Sequence[Array], step: float) -> Any:
    """One by one: (argument, position, derivative by the rule, by finite differences)."""
    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    output = scalar(*leaves)
    for i, (leaf, a) in enumerate(zip(leaves, arrays, strict=True)):
        if not np.array_equal(leaf._array, a, equal_nan=True):
            raise AssertionError(f"check_gradients: a forward or a rule writes into argument {i}")
    if output.requires_grad:
        rules = grad(output, leaves, allow_unused=True)
    else:
        rules = (None,) * len(leaves)
    for i, a in enumerate(arrays):
        rule = np.zeros(a.shape) if rules[i] is None else rules[i].numpy()
        for position in np.ndindex(a.shape):
            h = step * max(1.0, abs(a[position]))
            ends = []
            for x in (a[position] + h, a[position] - h):
                moved = [b.copy() for b in arrays]
                moved[i][position] = x
                ends.append((x, scalar(*(Tensor(b) for b in moved)).item()))
            (x1, f1), (x0, f0) = ends
            yield i, position, float(rule[position]), (f1 - f0) / (x1 - x0)

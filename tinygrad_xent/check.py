"""check_gradients: hold derivatives against finite differences.

The slope of f along element k of x is (f(x + h eₖ) - f(x - h eₖ)) / 2h up to an error of order h².
In float64 with h = 6e-6 (the cube root of the rounding error) about ten digits of it are right.

At a kink, where the slopes to the left and to the right differ, there is no derivative to compare
with: any number between the two is a right answer (a subgradient).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import ops
from .backprop import grad
from .backprop import order as values_of
from .op import apply
from .tensor import Tensor
from .value import Array, Value

Function = Callable[..., Any]
# Times the step: a kink near x, or a curve that bends much, is left outside by a smaller one.
FINER = (1.0, 1 / 16, 1 / 256)


class GradientCheck(NamedTuple):
    """What `check_gradients` found; it raises instead if a derivative is wrong."""

    elements: int  #: derivatives that were compared
    largest_error: float  #: the largest difference, relative to the larger of 1 and the numbers
    kinks: int = 0  #: where slopes to the left and right differ, and the rule gave one between


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
        Takes Tensors and returns one, of any shape, or a list of them. It is called many times and
        must give the same answer each time. An output of more than one element is checked along a
        random direction.
    tensors
        Tensors or arrays; they are computed with as float64. Those that need no gradient (and
        integer arrays) are held fixed, unless none of them needs one: then all floating ones are
        checked.
    order
        2 also checks the gradient of the gradient, and so on.
    rtol, atol
        A difference of at most ``atol + rtol * |finite difference|`` passes; second and higher
        orders are allowed ten times as much. Of large outputs what rounding makes uncertain is
        allowed as well.
    step
        h, relative to the larger of 1 and the size of x. A smaller one is tried before an error is
        raised.
    seed
        Of the random directions.

    Returns
    -------
    GradientCheck
        How many derivatives were compared, the largest error, and how many stand at a kink, such
        as relu's at 0; there the rule's number must lie between the slopes to the left and right.

    Raises
    ------
    AssertionError
        Naming the order, the argument, the element, both numbers, their difference and what it is
        of them; and the rule that is off, if one is off by itself.

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
        result: Any = f(*arguments)
        if isinstance(result, (list, tuple)):  # as split returns: all of it in a row
            result = ops.concatenate([ops.ravel(part) for part in result])
        return result if isinstance(result, Tensor) else Tensor(result)

    elements, kinks, largest = 0, 0, 0.0
    for found in _comparisons(of_varied, arrays, order, atol, rtol, step, seed):
        elements += 1
        kinks += found.at_kink
        if found.wrong:
            where = _argument(f, varied[found.i], fixed[varied[found.i]], found.position)
            culprit = _culprit(found, of_varied, arrays, step)
            raise AssertionError(f"check_gradients: order {found.order}, {where}: {found}{culprit}")
        if not found.at_kink:
            largest = max(largest, found.error / max(1.0, abs(found.wanted)))
    return GradientCheck(elements, largest, kinks)


class _Comparison(NamedTuple):
    """One derivative by the rules and by finite differences, to both sides and through both."""

    scalar: Function  # what was differentiated
    order: int
    i: int
    position: tuple[int, ...]
    got: float
    wanted: float = np.nan
    left: float = np.nan
    right: float = np.nan
    allowed: float = 0.0
    at_kink: bool = False

    def answered(
        self, arrays: Sequence[Array], output: float, atol: float, rtol: float, step: float
    ) -> _Comparison:
        """The same with finite differences, of a smaller step if those of `step` do not agree."""
        size = step * max(1.0, abs(float(arrays[self.i][self.position])))
        rounding = 4 * np.finfo(float).eps * abs(output) / size
        tried, gap = [], 0.0
        for scale in FINER:
            left, right, wanted = _slopes(
                self.scalar, arrays, self.i, self.position, output, size * scale
            )
            # Of a smooth function they differ by h times the curvature: little, and less with a
            # smaller h.
            gap = max(gap, abs(right - left))
            much = max(1e-3 * max(1.0, abs(left), abs(right)), gap / 10, rounding / scale)
            at_kink = abs(right - left) > much
            allowed = atol + rtol * abs(wanted) + rounding
            tried.append(
                self._replace(
                    wanted=wanted, left=left, right=right, allowed=allowed, at_kink=at_kink
                )
            )
            if not (at_kink or tried[-1].wrong):
                break
        settled = at_kink or not tried[-1].wrong
        return tried[-1] if settled else tried[0]._replace(at_kink=False)

    @property
    def error(self) -> float:
        return abs(self.got - self.wanted)

    @property
    def wrong(self) -> bool:
        if not self.at_kink:
            return not self.error <= self.allowed
        low, high = sorted((self.left, self.right))
        return not low - self.allowed <= self.got <= high + self.allowed

    def __str__(self) -> str:
        if self.at_kink:
            return (
                f"the rule gives {self.got:.10g} at a kink, where the slope is {self.left:.10g} to "
                f"the left and {self.right:.10g} to the right; wanted a number between them"
            )
        relative = self.error / abs(self.wanted) if self.wanted else np.inf
        return (
            f"the rule gives {self.got:.10g}, finite differences {self.wanted:.10g}, "
            f"off by {self.error:.2g} (relative error {relative:.2g})"
        )


def _argument(f: Function, k: int, tensor: Tensor, position: tuple[int, ...]) -> str:
    """Argument number k of f and one of its elements, with the name that it has."""
    name = tensor.name
    if not name:
        try:
            parameter = list(inspect.signature(f).parameters.values())[k]
            name = None if parameter.kind is parameter.VAR_POSITIONAL else parameter.name
        except (TypeError, ValueError, IndexError):  # f does not say
            name = None
    return f"argument {k}, element {position}" + (f" of {name}" if name else "")


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


def _comparisons(
    f: Function,
    arrays: Sequence[Array],
    order: int,
    atol: float,
    rtol: float,
    step: float,
    seed: int = 0,
) -> Iterator[_Comparison]:
    """Every derivative of f, order after order."""
    rng = np.random.default_rng(seed)
    for n in range(1, order + 1):
        scalar = _along_a_direction(f, arrays, rng)
        slack = 1.0 if n == 1 else 10.0
        output, rules = _by_the_rules(scalar, arrays)
        for i, (a, rule) in enumerate(zip(arrays, rules, strict=True)):
            for position in np.ndindex(a.shape):
                asked = _Comparison(scalar, n, i, position, float(rule[position]))
                yield asked.answered(arrays, output, slack * atol, slack * rtol, step)
        f = _gradient_of(scalar)


def _by_the_rules(scalar: Function, arrays: Sequence[Array]) -> tuple[float, list[Array]]:
    """The value of a scalar function, and its gradients."""
    leaves = [Tensor(a, requires_grad=True) for a in arrays]
    output = scalar(*leaves)
    for i, (leaf, a) in enumerate(zip(leaves, arrays, strict=True)):
        if not np.array_equal(leaf._array, a, equal_nan=True):
            raise AssertionError(f"check_gradients: a forward or a rule writes into argument {i}")
    rules: Sequence[Any] = (None,) * len(leaves)
    if output.requires_grad:
        rules = grad(output, leaves, allow_unused=True)
    gradients = [
        np.zeros(a.shape) if g is None else g.numpy() for a, g in zip(arrays, rules, strict=True)
    ]
    return output.item(), gradients


def _slopes(
    f: Function, arrays: Sequence[Array], i: int, position: tuple[int, ...], fx: float, h: float
) -> tuple[float, float, float]:
    """The slope of f along one element to the left, to the right, and through both ends."""
    x = float(arrays[i][position])
    ends = []
    for moved_to in (x - h, x + h):
        moved = [b.copy() for b in arrays]
        moved[i][position] = moved_to
        ends.append((moved_to, f(*(Tensor(b) for b in moved)).item()))
    (x0, f0), (x1, f1) = ends
    return (fx - f0) / (x - x0), (f1 - fx) / (x1 - x), (f1 - f0) / (x1 - x0)


def _culprit(found: _Comparison, f: Function, arrays: Sequence[Array], step: float) -> str:
    """The first rule that is off on the very numbers it was given, if one is: as a line of text.

    First the ops in the graph of what was differentiated, once; then those of f, as often as f was.
    """
    for function, order in ((found.scalar, 1), (f, found.order)):
        output = function(*(Tensor(a, requires_grad=True) for a in arrays))
        for value in reversed(values_of(output)):
            if value.op and (name := _wrong_rule(value, order, step)):
                told = "is off by itself" if order == 1 else f"is right, but not its order {order}"
                return f"\n  {name} {told}"
    return ""


def _wrong_rule(value: Any, order: int, step: float) -> str:
    """Which rule of an op is off where it was applied: its name and formula."""
    op, inputs = value.op, value.recorded[1:]
    for i, x in enumerate(value.inputs):

        def alone(t: Tensor, i: int = i) -> Any:
            return apply(op, *inputs[:i], t, *inputs[i + 1 :])

        if isinstance(x, Value) and x._needs_grad:
            found = _comparisons(alone, [inputs[i].astype(float)], order, 1e-7, 1e-6, step)
            if any(each.wrong and np.isfinite(each.wanted) for each in found):
                return f"{type(op).__name__}.vjp_{op.argument(i)}, {op.formula(i)},"
    return ""

"""The operators: + - * / and powers. Operands of different shapes broadcast as NumPy's do."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Op, apply, formula, implements
from ..value import Value, get_default_dtype
from .calling import as_array, explained, run, shape_of
from .shape import astype, moveaxis


class Add(Op):
    __slots__ = ()

    @formula("x + y")
    def forward(self, x: Any, y: Any) -> Any:
        return x + y

    @formula("ḡ")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g

    @formula("ḡ")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g


@implements(np.add)
def add(x: Any, y: Any) -> Any:
    """``x + y``, elementwise."""
    try:
        return apply(Add(), x, y)
    except (ValueError, TypeError) as error:
        raise explained("add", (x, y), error) from error


class Subtract(Op):
    __slots__ = ()

    @formula("x - y")
    def forward(self, x: Any, y: Any) -> Any:
        return x - y

    @formula("ḡ")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g

    @formula("-ḡ")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return -g


@implements(np.subtract)
def subtract(x: Any, y: Any) -> Any:
    """``x - y``, elementwise."""
    try:
        return apply(Subtract(), x, y)
    except (ValueError, TypeError) as error:
        raise explained("subtract", (x, y), error) from error


class Multiply(Op):
    __slots__ = ()

    @formula("x ⊙ y")
    def forward(self, x: Any, y: Any) -> Any:
        return x * y

    @formula("ḡ ⊙ y")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * y

    @formula("ḡ ⊙ x")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * x


@implements(np.multiply)
def multiply(x: Any, y: Any) -> Any:
    """``x * y``, elementwise."""
    try:
        return apply(Multiply(), x, y)
    except (ValueError, TypeError) as error:
        raise explained("multiply", (x, y), error) from error


class Divide(Op):
    __slots__ = ()

    @formula("x / y")
    def forward(self, x: Any, y: Any) -> Any:
        return x / y

    @formula("ḡ / y")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g / y

    @formula("-ḡ ⊙ (x / y) / y")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return -g * out / y


@implements(np.divide)
def divide(x: Any, y: Any) -> Any:
    """``x / y``, elementwise."""
    try:
        return apply(Divide(), x, y)
    except (ValueError, TypeError) as error:
        raise explained("divide", (x, y), error) from error


true_divide = divide


class Negative(Op):
    __slots__ = ()

    @formula("-x")
    def forward(self, x: Any) -> Any:
        return -x

    @formula("-ḡ")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return -g


@implements(np.negative)
def negative(x: Any) -> Any:
    """``-x``, elementwise."""
    return run(Negative(), x)


@implements(np.positive)
@implements(np.conjugate)
@implements(np.real)
@implements(np.real_if_close)
def positive(x: Any) -> Any:
    """``+x``: x itself."""
    return +x


class Reciprocal(Op):
    @formula("1 / x")
    def forward(self, x: Any) -> Any:
        return 1 / x  # np.reciprocal(2) would be 0

    @formula("-ḡ ⊙ y²")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return -g * y * y


@implements(np.reciprocal)
def reciprocal(x: Any) -> Any:
    """``1 / x``, elementwise."""
    return run(Reciprocal(), x)


class Square(Op):
    @formula("x²")
    def forward(self, x: Any) -> Any:
        return np.square(x)

    @formula("ḡ ⊙ 2x")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * (2 * x)


@implements(np.square)
def square(x: Any) -> Any:
    """``x * x``, elementwise."""
    return run(Square(), x)


class PowerN(Op):
    """x to a number: the exponent is an attribute and needs no rule."""

    name = "power"

    def __init__(self, n: float) -> None:
        self.n = n

    @formula("x^{n}")
    def forward(self, x: Any) -> Any:
        return x**self.n

    @formula("ḡ ⊙ {n} x^({n} - 1)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        # x⁰ is 1 everywhere, also at 0, where the general expression would be 0 times inf.
        return g * (self.n * x ** (self.n - 1)) if self.n else np.zeros_like(x)


class Power(Op):
    """x to the y, both arrays."""

    @formula("x^y")
    def forward(self, x: Any, y: Any) -> Any:
        return np.power(x, y)

    @formula("ḡ ⊙ y x^(y - 1)")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        # x⁰ is flat, also at x = 0: there the exponent is moved away from -1, times y = 0.
        return g * y * np.power(x, np.where((x == 0) & (y == 0), 1.0, y - 1))

    @formula("ḡ ⊙ x^y log x")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        # 0 to the y is flat (0) in y for y >= 0; there the logarithm is taken at 1.
        return g * out * np.log(np.where((x == 0) & (y >= 0), 1.0, x))


@implements(np.power)
def power(x: Any, y: Any) -> Any:
    """``x ** y``, elementwise; a number as the exponent becomes an attribute of the op.

    The slope of ``x ** 0`` is 0 everywhere, and that of ``0 ** y`` in y is 0 for y >= 0, as in
    PyTorch.
    """
    if isinstance(y, np.generic):
        y = y.item()
    if isinstance(y, (int, float)):
        return run(PowerN(y), x)
    return run(Power(), x, y)


@implements(np.float_power)
def float_power(x: Any, y: Any) -> Any:
    """``x ** y`` in float64, whatever the dtypes."""
    return power(astype(x, np.float64), y if isinstance(y, (int, float)) else astype(y, np.float64))


@implements(np.linspace)
def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, axis: int = 0) -> Any:
    """`num` values evenly spaced from `start` to `stop`, both of which may need a gradient.

    Arrays are joined element by element, along a new `axis`. Without `endpoint`, `stop` is left
    out, as the first value that would follow.

    Examples
    --------
    >>> linspace(0.0, 1.0, 5)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    if num < 0:
        raise ValueError(f"linspace: num={num}; wanted 0 or more")
    dtype = _floating(start, stop)
    start, stop = (a if isinstance(a, (int, float)) else as_array(a) for a in (start, stop))
    start, stop = (
        a if getattr(a, "dtype", dtype) == dtype else astype(a, dtype) for a in (start, stop)
    )
    shape = np.broadcast_shapes(shape_of(start), shape_of(stop))
    share = (np.arange(num) / max(num - endpoint, 1)).reshape((num,) + (1,) * len(shape))
    share = share.astype(dtype)
    y = start * (1 - share) + stop * share
    return moveaxis(y, 0, axis) if axis else y


def _floating(*given: Any) -> Any:
    """The dtype of what is computed from these; beside a Tensor, numbers and lists are weak."""
    arrays = [as_array(a) for a in given]
    tensors = [a for a in arrays if isinstance(a, Value)]
    strong = tensors + [a for a in given if hasattr(a, "dtype") and (a.ndim or not tensors)]
    floats = [a.dtype for a in strong if a.dtype.kind == "f"]
    if floats:
        return np.result_type(*floats)
    return get_default_dtype() if tensors else np.float64

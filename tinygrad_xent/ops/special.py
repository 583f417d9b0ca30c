"""x log y and its kin, the error function and sinc: what is delicate near one point."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import Op, formula, implements, kernel
from .calling import run


class XLogY(Op):
    @formula("x log y, 0 where x = 0")
    def forward(self, x: Any, y: Any) -> Any:
        with np.errstate(divide="ignore"):  # log 0 is -inf, as it should be
            return x * np.log(np.where((x == 0) & (y == y), 1, y))

    @formula("ḡ ⊙ log y")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        with np.errstate(divide="ignore"):
            return g * np.log(np.where((x == 0) & (y <= 0), 1.0, y))

    @formula("ḡ ⊙ x / y")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        with np.errstate(divide="ignore"):
            return g * x / np.where((x == 0) & (y == 0), 1.0, y)


def xlogy(x: Any, y: Any) -> Any:
    """``x * log(y)``, and 0 where x is 0: an impossible outcome costs nothing.

    Examples
    --------
    >>> import numpy as np
    >>> xlogy(np.array([0.0, 2.0]), np.array([0.0, 1.0]))
    array([0., 0.])
    """
    return run(XLogY(), x, y)


class XLog1PY(Op):
    @formula("x log(1 + y), 0 where x = 0")
    def forward(self, x: Any, y: Any) -> Any:
        return x * np.log1p(np.where((x == 0) & (y == y), 0, y))

    @formula("ḡ ⊙ log(1 + y)")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * np.log1p(np.where((x == 0) & (y <= -1), 0.0, y))

    @formula("ḡ ⊙ x / (1 + y)")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * x / (1 + np.where((x == 0) & (y == -1), 0.0, y))


def xlog1py(x: Any, y: Any) -> Any:
    """``x * log(1 + y)``, and 0 where x is 0."""
    return run(XLog1PY(), x, y)


class Entr(Op):
    @formula("-x log x")
    def forward(self, x: Any) -> Any:
        y = -x * np.log(np.where(x > 0, x, 1))
        return np.where(x < 0, -np.inf, y).astype(y.dtype)

    @formula("-ḡ ⊙ (1 + log x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        with np.errstate(divide="ignore"):  # inf at 0
            return -g * (1 + np.log(x))


def entr(x: Any) -> Any:
    """``-x * log(x)``, the share of outcome x in an entropy: 0 at 0, -inf below."""
    return run(Entr(), x)


# NumPy has no error function; Python's is exact to the last digit but one.
_erf = np.frompyfunc(math.erf, 1, 1)
_erfc = np.frompyfunc(math.erfc, 1, 1)


@kernel("y")
def erf_of(x: Any) -> Any:
    """The error function of an array."""
    return np.asarray(_erf(x), np.result_type(getattr(x, "dtype", np.float64), np.float16))


@kernel("y")
def erfc_of(x: Any) -> Any:
    """``1 - erf(x)`` of an array."""
    return np.asarray(_erfc(x), np.result_type(getattr(x, "dtype", np.float64), np.float16))


class Erf(Op):
    @formula("erf(x)")
    def forward(self, x: Any) -> Any:
        return erf_of(x)

    @formula("ḡ ⊙ 2 exp(-x²) / √π")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * (2 / math.sqrt(math.pi) * np.exp(-x * x))


def erf(x: Any) -> Any:
    """The error function: the chance that a normal deviate of variance 1/2 lies within ±x."""
    return run(Erf(), x)


class Erfc(Op):
    @formula("1 - erf(x)")
    def forward(self, x: Any) -> Any:
        return erfc_of(x)

    @formula("-ḡ ⊙ 2 exp(-x²) / √π")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return -g * (2 / math.sqrt(math.pi) * np.exp(-x * x))


def erfc(x: Any) -> Any:
    """``1 - erf(x)``, which keeps its digits for large x."""
    return run(Erfc(), x)


class Sinc(Op):
    @formula("sin(πx) / πx")
    def forward(self, x: Any) -> Any:
        # By hand: NumPy before 2.3 gives nan for a float16 zero.
        u = math.pi * np.where(x == 0, 1, x)
        return np.where(x == 0, 1, np.sin(u) / u)

    @formula("ḡ ⊙ (cos(πx) - y) / x")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        # Near 0 the difference has no digits left: its series, by which the second slope is right.
        u = math.pi * x
        near = (u < 0.1) & (u > -0.1)
        v = u * u
        series = -math.pi * u * (1 / 3 - v * (1 / 30 - v * (1 / 840 - v / 45360)))
        apart = np.where(near, 1.0, x)
        return g * np.where(near, series, (np.cos(math.pi * apart) - np.sinc(apart)) / apart)


@implements(np.sinc)
def sinc(x: Any) -> Any:
    """``sin(πx) / (πx)``, 1 at 0."""
    return run(Sinc(), x)

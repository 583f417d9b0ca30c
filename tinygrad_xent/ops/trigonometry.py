"""Circular and hyperbolic functions (`tanh` is with `exp`), inverses, angles and distances."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..op import Op, formula, implements
from .calling import run


class Sin(Op):
    @formula("sin(x)")
    def forward(self, x: Any) -> Any:
        return np.sin(x)

    @formula("ḡ ⊙ cos(x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * np.cos(x)


@implements(np.sin)
def sin(x: Any) -> Any:
    """The sine of x radians."""
    return run(Sin(), x)


class Cos(Op):
    @formula("cos(x)")
    def forward(self, x: Any) -> Any:
        return np.cos(x)

    @formula("-ḡ ⊙ sin(x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return -g * np.sin(x)


@implements(np.cos)
def cos(x: Any) -> Any:
    """The cosine of x radians."""
    return run(Cos(), x)


class Tan(Op):
    @formula("tan(x)")
    def forward(self, x: Any) -> Any:
        return np.tan(x)

    @formula("ḡ ⊙ (1 + y²)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * (1 + y * y)


@implements(np.tan)
def tan(x: Any) -> Any:
    """The tangent of x radians."""
    return run(Tan(), x)


class ArcSin(Op):
    @formula("arcsin(x)")
    def forward(self, x: Any) -> Any:
        return np.arcsin(x)

    @formula("ḡ / √(1 - x²)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g / np.sqrt((1 - x) * (1 + x))


@implements(np.arcsin)
def arcsin(x: Any) -> Any:
    """The angle from -π/2 to π/2 whose sine is x."""
    return run(ArcSin(), x)


class ArcCos(Op):
    @formula("arccos(x)")
    def forward(self, x: Any) -> Any:
        return np.arccos(x)

    @formula("-ḡ / √(1 - x²)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return -g / np.sqrt((1 - x) * (1 + x))


@implements(np.arccos)
def arccos(x: Any) -> Any:
    """The angle from 0 to π whose cosine is x."""
    return run(ArcCos(), x)


class ArcTan(Op):
    @formula("arctan(x)")
    def forward(self, x: Any) -> Any:
        return np.arctan(x)

    @formula("ḡ / (1 + x²)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g / (1 + x * x)


@implements(np.arctan)
def arctan(x: Any) -> Any:
    """The angle from -π/2 to π/2 whose tangent is x."""
    return run(ArcTan(), x)


class ArcTan2(Op):
    @formula("the angle of the point (x, y)")
    def forward(self, y: Any, x: Any) -> Any:
        return np.arctan2(y, x)

    @formula("ḡ ⊙ x / (x² + y²)")
    def vjp_y(self, g: Any, out: Any, y: Any, x: Any) -> Any:
        return g * x / _squared_distance(x, y)

    @formula("-ḡ ⊙ y / (x² + y²)")
    def vjp_x(self, g: Any, out: Any, y: Any, x: Any) -> Any:
        return -g * y / _squared_distance(x, y)


@implements(np.arctan2)
def arctan2(y: Any, x: Any) -> Any:
    """The angle from -π to π of the point (x, y); y comes first, as in NumPy."""
    return run(ArcTan2(), y, x)


def _squared_distance(x: Any, y: Any) -> Any:
    """x² + y², and 1 at the origin, where the slopes of the angle are taken as 0."""
    return np.where((x == 0) & (y == 0), 1.0, x) ** 2 + y * y


class Hypot(Op):
    @formula("√(x² + y²)")
    def forward(self, x: Any, y: Any) -> Any:
        return np.hypot(x, y)

    @formula("ḡ ⊙ x / √(x² + y²)")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * (x / out)

    @formula("ḡ ⊙ y / √(x² + y²)")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * (y / out)


@implements(np.hypot)
def hypot(x: Any, y: Any) -> Any:
    """The distance of the point (x, y) from the origin, without overflow."""
    return run(Hypot(), x, y)


class Sinh(Op):
    @formula("sinh(x)")
    def forward(self, x: Any) -> Any:
        return np.sinh(x)

    @formula("ḡ ⊙ cosh(x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * np.cosh(x)


@implements(np.sinh)
def sinh(x: Any) -> Any:
    """The hyperbolic sine."""
    return run(Sinh(), x)


class Cosh(Op):
    @formula("cosh(x)")
    def forward(self, x: Any) -> Any:
        return np.cosh(x)

    @formula("ḡ ⊙ sinh(x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * np.sinh(x)


@implements(np.cosh)
def cosh(x: Any) -> Any:
    """The hyperbolic cosine."""
    return run(Cosh(), x)


class ArcSinh(Op):
    @formula("arcsinh(x)")
    def forward(self, x: Any) -> Any:
        return np.arcsinh(x)

    @formula("ḡ / √(1 + x²)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g / np.hypot(1.0, x)


@implements(np.arcsinh)
def arcsinh(x: Any) -> Any:
    """The number whose hyperbolic sine is x."""
    return run(ArcSinh(), x)


class ArcCosh(Op):
    @formula("arccosh(x)")
    def forward(self, x: Any) -> Any:
        return np.arccosh(x)

    @formula("ḡ / √(x² - 1)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g / (np.sqrt(x - 1) * np.sqrt(x + 1))


@implements(np.arccosh)
def arccosh(x: Any) -> Any:
    """The number, at least 0, whose hyperbolic cosine is x; for x >= 1."""
    return run(ArcCosh(), x)


class ArcTanh(Op):
    @formula("arctanh(x)")
    def forward(self, x: Any) -> Any:
        return np.arctanh(x)

    @formula("ḡ / (1 - x²)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g / ((1 - x) * (1 + x))


@implements(np.arctanh)
def arctanh(x: Any) -> Any:
    """The number whose hyperbolic tangent is x; for -1 < x < 1."""
    return run(ArcTanh(), x)


@implements(np.deg2rad)
@implements(np.radians)
def deg2rad(x: Any) -> Any:
    """Degrees as radians."""
    return x * (math.pi / 180)


@implements(np.rad2deg)
@implements(np.degrees)
def rad2deg(x: Any) -> Any:
    """Radians as degrees."""
    return x * (180 / math.pi)


radians = deg2rad
degrees = rad2deg

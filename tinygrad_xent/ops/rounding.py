"""Signs, steps and remainders: what is flat between its jumps has the slope 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..op import Op, formula, implements
from .calling import run


class Flat(Op):
    """What the functions that are constant between their jumps share: the slope 0."""

    @formula("0")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return np.zeros_like(g)


class Sign(Flat):
    @formula("sign(x)")
    def forward(self, x: Any) -> Any:
        return np.sign(x)


@implements(np.sign)
def sign(x: Any) -> Any:
    """-1, 0 or 1; its slope is 0."""
    return run(Sign(), x)


class Floor(Flat):
    @formula("⌊x⌋")
    def forward(self, x: Any) -> Any:
        return np.floor(x)


@implements(np.floor)
def floor(x: Any) -> Any:
    """The largest whole number that is not above x; its slope is 0."""
    return run(Floor(), x)


class Ceil(Flat):
    @formula("⌈x⌉")
    def forward(self, x: Any) -> Any:
        return np.ceil(x)


@implements(np.ceil)
def ceil(x: Any) -> Any:
    """The smallest whole number that is not below x; its slope is 0."""
    return run(Ceil(), x)


class Trunc(Flat):
    @formula("x without its fraction")
    def forward(self, x: Any) -> Any:
        return np.trunc(x)


@implements(np.trunc)
@implements(np.fix)
def trunc(x: Any) -> Any:
    """The whole number next to x towards 0; its slope is 0."""
    return run(Trunc(), x)


class Round(Flat):
    def __init__(self, decimals: int) -> None:
        self.decimals = decimals

    @formula("x rounded to {decimals} decimals")
    def forward(self, x: Any) -> Any:
        return np.round(x, self.decimals)


@implements(np.round)
@implements(np.around)
def round(x: Any, decimals: int = 0) -> Any:
    """X to so many decimals, halves to the even neighbour; its slope is 0."""
    return run(Round(decimals), x)


around = round


@implements(np.rint)
def rint(x: Any) -> Any:
    """The nearest whole number, halves to the even neighbour; its slope is 0."""
    return round(x)


class FloorDivide(Op):
    name = "floor_divide"

    @formula("⌊x / y⌋")
    def forward(self, x: Any, y: Any) -> Any:
        return np.floor_divide(x, y)

    @formula("0")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return np.zeros_like(g)

    @formula("0")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return np.zeros_like(g)


@implements(np.floor_divide)
def floor_divide(x: Any, y: Any) -> Any:
    """How many whole times y goes into x, rounded down; its slopes are 0."""
    return run(FloorDivide(), x, y)


class Remainder(Op):
    @formula("x - ⌊x / y⌋ y")
    def forward(self, x: Any, y: Any) -> Any:
        return np.remainder(x, y)

    @formula("ḡ")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g

    @formula("-ḡ ⊙ ⌊x / y⌋")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return -g * np.floor_divide(x, y)


@implements(np.remainder)
def remainder(x: Any, y: Any) -> Any:
    """What is left of x when y was taken out as often as it goes, with the sign of y: ``x % y``."""
    return run(Remainder(), x, y)


mod = remainder


class Fmod(Op):
    @formula("x - trunc(x / y) y")
    def forward(self, x: Any, y: Any) -> Any:
        return np.fmod(x, y)

    @formula("ḡ")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g

    @formula("-ḡ ⊙ trunc(x / y)")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return -g * np.trunc(x / y)


@implements(np.fmod)
def fmod(x: Any, y: Any) -> Any:
    """The remainder with the sign of x, as C computes it."""
    return run(Fmod(), x, y)


class Abs(Op):
    @formula("|x|")
    def forward(self, x: Any) -> Any:
        return np.abs(x)

    @formula("ḡ ⊙ sign(x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * np.sign(x)


@implements(np.absolute)
@implements(np.fabs)
def abs(x: Any) -> Any:
    """The absolute value; its slope at the kink is taken as 0."""
    return run(Abs(), x)


absolute = abs
fabs = abs


class CopySign(Op):
    @formula("|x| with the sign of y")
    def forward(self, x: Any, y: Any) -> Any:
        return np.copysign(x, y)

    @formula("ḡ ⊙ sign(x) sign(y)")
    def vjp_x(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return g * (np.sign(x) * np.copysign(1.0, y))

    @formula("0")
    def vjp_y(self, g: Any, out: Any, x: Any, y: Any) -> Any:
        return np.zeros_like(g)


@implements(np.copysign)
def copysign(x: Any, y: Any) -> Any:
    """The size of x with the sign of y; its slope is taken as 0 at x = 0."""
    return run(CopySign(), x, y)

"""The chain rule, step by step: what every value sends back to the values it was made from.

Shown: a value that is used twice gets two terms, which add up; and the backward walk of a small
expression, printed by reading the engine's own steps, beside the same derivative done by hand.
"""

import numpy as np

import tinygrad_xent as tx
from tinygrad_xent.backprop import steps


def used_twice() -> None:
    """One value, two uses: x * x, and a diamond, which does it twice over."""
    x = tx.Tensor(3.0, requires_grad=True)
    (x * x).backward()
    print(f"y = x * x at x = 3:           dy/dx = {x.grad:g}   (3 from each factor)")

    x = tx.Tensor(1.0, requires_grad=True)
    a = x + x
    b = a + a
    b.backward()
    print(f"a = x + x, b = a + a:         db/dx = {x.grad:g}   (four paths lead from b to x)\n")


def walk() -> None:
    """(w x + b)^2, backwards, one value at a time."""
    x = tx.Tensor(2.0, name="x")
    w = tx.Tensor(3.0, requires_grad=True, name="w")
    b = tx.Tensor(-5.0, requires_grad=True, name="b")
    wx = w * x
    u = wx + b
    y = u**2
    wx.name, u.name, y.name = "w x", "u", "y"

    print("y = (w x + b)^2 at w = 3, x = 2, b = -5")
    print(f"{'value':>6} {'is':>4} {'dy/d value':>11}   sends back")
    for value, gradient, sent in steps(y, np.ones((), np.float32)):
        terms = [f"{term:g} to {value.inputs[i].name}" for i, term, _, _ in sent]
        print(f"{value.name:>6} {value.item():>4g} {gradient:>11g}   {', '.join(terms)}")

    y.backward()
    by_hand = 2 * (3 * 2 - 5)  # dy/du
    print(f"\nby hand: dy/du = 2 u = {by_hand}, dy/dw = 2 u x = {by_hand * 2}, dy/db = {by_hand}")
    print(f"backprop:                dy/dw = {w.grad:g},       dy/db = {b.grad:g}")


def main() -> None:
    """Both."""
    used_twice()
    walk()


if __name__ == "__main__":
    main()

"""An op of your own: a class with forward, a rule per argument, and formulas. Nothing else.

Shown: the op, checked to second order against finite differences by one call; used with others;
drawn with its formulas on the edges; and how the check names a rule that is wrong, also where it is
hidden inside a function.
"""

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_xent as tx


class Softplus(tx.Op):
    """log(1 + exp(x)): a smooth relu, whose slope is the sigmoid."""

    @tx.formula("log(1 + exp(x))")
    def forward(self, x: Any) -> Any:
        return np.logaddexp(0, x)

    @tx.formula("ḡ ⊙ sigmoid(x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * tx.sigmoid(x)  # the same line for arrays and, at second order, for Tensors


def softplus(x: Any) -> Any:
    """The user function below its op: an array in gives an array, a Tensor a recorded Tensor."""
    return tx.apply(Softplus(), x)


class Wrong(Softplus):
    """The same with a slip in the rule."""

    @tx.formula("ḡ ⊙ tanh(x)")
    def vjp_x(self, g: Any, y: Any, x: Any) -> Any:
        return g * tx.tanh(x)


def main() -> None:
    """Check it, use it, draw it, break it."""
    sys.stdout.reconfigure(errors="replace")  # a console that lacks the letter ḡ prints ?
    x = np.array([-2.0, 0.5, 3.0])
    print("softplus of an array:", softplus(x).round(4))

    found = tx.check_gradients(softplus, x, order=2)
    print(
        f"{found.elements} derivatives checked to order 2, largest error {found.largest_error:.0e}"
    )

    w = tx.Tensor(x, requires_grad=True, name="w")
    loss = (softplus(w) * w).sum()
    loss.backward()
    print("gradient of sum(softplus(w) * w):", w.grad.round(4))

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp())
    path = folder / "softplus.svg"
    tx.make_dot(loss).save(path)
    print(f"drew {path}")

    try:
        tx.check_gradients(lambda x: tx.exp(-tx.apply(Wrong(), x)), x)
    except AssertionError as error:
        print(f"the wrong rule is caught: {error}")


if __name__ == "__main__":
    main()

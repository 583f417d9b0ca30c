"""Draw the pictures that README and docs show: ``python tests/tools/draw_pictures.py``."""

from pathlib import Path

import numpy as np

import tinygrad_xent as tx

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"


def q_minus_p() -> tx.Tensor:
    """The loss of README's example: one row, two features, three classes, backward done."""
    x = tx.Tensor([[1.0, -2.0]], name="x")
    w = tx.Tensor([[0.5, -1.0, 2.0], [0.0, 0.5, 1.0]], requires_grad=True, name="w")
    b = tx.Tensor([0.1, 0.2, 0.3], requires_grad=True, name="b")
    z = x @ w + b
    z.name = "z"
    loss = tx.cross_entropy(z, tx.Tensor(np.array([2]), name="y"))
    loss.name = "loss"
    loss.backward()
    return loss


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    tx.make_dot(q_minus_p(), legend=False).save(PICTURES / "q_minus_p.svg")
    print(f"drew {PICTURES / 'q_minus_p.svg'}")

"""The curvature of cross-entropy: its Hessian at the logits is diag(q) - q q^T.

Shown: the Hessian, by differentiating the gradient, which works because every rule can be read
with Tensors; the closed form; finite differences; and the covariance of labels drawn from q. All
four agree.
"""

import numpy as np

import tinygrad_xent as tx

Z = np.array([2.0, 1.0, -0.1])
LABEL = 1


def hessian_by_backprop(z: np.ndarray) -> np.ndarray:
    """Row k is the gradient of element k of the gradient."""
    logits = tx.Tensor(z, requires_grad=True)
    loss = tx.cross_entropy(logits, LABEL)
    (gradient,) = tx.grad(loss, logits, create_graph=True)
    return np.array([tx.grad(gradient[k], logits)[0].numpy() for k in range(len(z))])


def hessian_by_differences(z: np.ndarray, h: float = 1e-6) -> np.ndarray:
    """(gradient at z + h - gradient at z - h) / 2h, along each axis."""

    def gradient(at: np.ndarray) -> np.ndarray:
        logits = tx.Tensor(at, requires_grad=True)
        return tx.grad(tx.cross_entropy(logits, LABEL), logits)[0].numpy()

    return np.array([(gradient(z + h * e) - gradient(z - h * e)) / (2 * h) for e in np.eye(len(z))])


def main() -> None:
    """Compare the four."""
    q = np.exp(Z) / np.exp(Z).sum()
    closed_form = np.diag(q) - np.outer(q, q)
    by_backprop = hessian_by_backprop(Z)
    draws = np.eye(3)[np.random.default_rng(0).choice(3, size=1_000_000, p=q)]
    print("q =", q.round(4))
    print("the Hessian by backprop through backprop:")
    print(by_backprop.round(4))
    print("largest difference from")
    print(f"  diag(q) - q q^T:                 {abs(by_backprop - closed_form).max():.1e}")
    differences = abs(by_backprop - hessian_by_differences(Z)).max()
    print(f"  finite differences:              {differences:.1e}")
    covariance = abs(by_backprop - np.cov(draws.T)).max()
    print(f"  covariance of a million labels:  {covariance:.1e}")
    print(
        f"its rows sum to 0 (within {abs(by_backprop.sum(axis=1)).max():.0e}): adding a constant to"
    )
    print("all logits changes nothing. The label does not occur in it: only q does.")
    smallest, *others = np.linalg.eigvalsh(by_backprop)
    print(f"its eigenvalues: {smallest:.0e} (rounding),", *(f"{e:.4f}" for e in others))
    print("none is negative: the loss is convex in the logits.")


if __name__ == "__main__":
    main()

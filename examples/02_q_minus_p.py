"""Where q - p comes from: the gradient of cross-entropy at the logits, four times.

Shown: the fused op delivers q - p; so does the long road of small ops; a mean over N rows divides
it by N; and for extreme logits the long road breaks while the fused op stays right.
"""

import numpy as np

import tinygrad_xent as tx

NAMES = ("cat", "dog", "owl")


def one_row() -> None:
    """q, p, q - p and what backprop delivers, fused and unfused."""
    logits, label = np.array([[2.0, 1.0, -0.1]]), [1]
    gradients = []
    for loss_of in (tx.cross_entropy, tx.unfused_cross_entropy):
        z = tx.Tensor(logits, requires_grad=True)
        loss = loss_of(z, label)
        loss.backward()
        gradients.append(z.grad[0])
    q = np.exp(logits[0]) / np.exp(logits[0]).sum()  # softmax, written out
    p = np.array([0.0, 1.0, 0.0])

    print(f"the animal is a dog; the loss is -log q[dog] = {-np.log(q[1]):.4f}\n")
    print(f"{'':>5} {'z':>6} {'q':>8} {'p':>3} {'q - p':>9} {'fused':>9} {'unfused':>9}")
    for k, name in enumerate(NAMES):
        row = f"{name:>5} {logits[0, k]:>6.1f} {q[k]:>8.4f} {p[k]:>3.0f} {q[k] - p[k]:>9.4f}"
        print(f"{row} {gradients[0][k]:>9.4f} {gradients[1][k]:>9.4f}")
    sums = [abs(row.sum()) for row in (q - p, *gradients)]  # 0, so without the sign of -0
    zeros = " ".join(f"{total:>9.4f}" for total in sums)
    print(f"{'sum':>5} {'':>6} {q.sum():>8.4f} {p.sum():>3.0f} {zeros}")
    print(f"largest difference from q - p: {max(abs(g - (q - p)).max() for g in gradients):.1e}\n")


def a_batch() -> None:
    """A mean over N rows gives each row 1/N of its q - p; a sum does not."""
    rows = np.tile([[2.0, 1.0, -0.1]], (4, 1))
    for reduction in ("sum", "mean"):
        z = tx.Tensor(rows, requires_grad=True)
        tx.cross_entropy(z, [1, 1, 1, 1], reduction=reduction).backward()
        print(f"four such rows, {reduction:>4}: gradient of the first {z.grad[0].round(4)}")
    print()


def extreme() -> None:
    """Where the long road breaks: z = (1000, 0, -1000), and it is the third."""
    for name, loss_of in (("unfused", tx.unfused_cross_entropy), ("fused", tx.cross_entropy)):
        z = tx.Tensor([[1000.0, 0.0, -1000.0]], requires_grad=True)
        with np.errstate(all="ignore"):  # log(0) and inf - inf are the point here
            loss = loss_of(z, [2])
            loss.backward()
        print(f"z = (1000, 0, -1000), {name:>7}: loss {loss.item():>6g}, gradient {z.grad[0]}")


def main() -> None:
    """One row, a batch, and the extreme."""
    one_row()
    a_batch()
    extreme()


if __name__ == "__main__":
    main()

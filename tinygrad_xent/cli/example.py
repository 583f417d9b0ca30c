"""The example that a run shows: its q, p and q - p beside what backprop delivered."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import data, nn, ops
from ..display import plain
from ..nn.modes import in_mode
from ..tensor import Tensor
from ..training import predict
from ..training.report import LISTED, WORST, columns

SHADES = " .:-=+*#%@"  # from no ink to full ink


class Example:
    """One example's forward and backward pass, and q - p computed another way beside it."""

    def __init__(self, model: nn.Module, x: Any, label: int, row: int) -> None:
        self.model, self.label, self.row = model, label, row
        model.zero_grad()
        self.x = Tensor(x[None], name="x")
        with in_mode(model, False):
            self.z = model(self.x)
        self.z.name = "z"
        self.z.retain_grad()
        self.loss = ops.cross_entropy(self.z, Tensor(np.array([label]), name="y"))
        self.loss.name = "loss"
        self.loss.backward()
        # The long road, in float64: the fused op is not to be compared with itself.
        counts = np.exp(self.z.numpy()[0].astype(np.float64) - self.z.numpy().max())
        self.q = counts / counts.sum()
        self.p = np.eye(len(self.q))[label]

    def listed(self) -> list[int]:
        """The classes to show: all, or of many those with the largest q - p, the label first."""
        k = len(self.q)
        if k <= LISTED:
            return list(range(k))
        order: list[int] = np.argsort(-np.abs(self.q - self.p), kind="stable").tolist()
        return order[:WORST]


def left_out(which: Sequence[int], classes: Sequence[str]) -> str:
    """In words which classes `listed` chose."""
    return f"the {len(which)} of {len(classes)} classes with the largest |q - p|"


def hardest_example(model: nn.Module, test: data.Dataset, seed: int) -> Example:
    """The test example that the model gets right with the least confidence: a q - p to look at."""
    q = predict(model, test)
    losses = -np.log(np.maximum(q[np.arange(len(q)), test.y], 1e-300))
    right = q.argmax(axis=1) == test.y
    row = int(np.where(right, losses, -1.0).argmax())
    return Example(model, test.x[row], int(test.y[row]), row)


def drawn(pixels: Any) -> str:
    """An 8 x 8 digit in letters, two for each pixel of 0 (paper) to 1 (ink)."""
    shades = np.clip(np.asarray(pixels) * len(SHADES), 0, len(SHADES) - 1).astype(int)
    lines = ["".join(2 * SHADES[s] for s in row).rstrip() for row in shades.reshape(8, 8)]
    return "\n".join("    " + line for line in lines) + "\n"


def table(example: Example, classes: Sequence[str]) -> str:
    """The table of q, p, q - p and the gradient that backprop delivered at the logits."""
    difference, gradient, which = example.q - example.p, example.z.grad[0], example.listed()
    names = [plain(classes[k], 40) for k in which]
    width = max(5, *map(columns, names))
    lines = [f"  {'class':>{width}} {'q':>9} {'p':>3} {'q - p':>10} {'gradient at z':>14}"]
    for k, name in zip(which, names, strict=True):
        blanks = " " * (width - columns(name))
        lines += [
            f"  {blanks}{name} {example.q[k]:>9.6f} {example.p[k]:>3.0f} "
            f"{difference[k]:>10.6f} {gradient[k]:>14.6f}"
        ]
    largest = float(np.abs(difference - gradient).max())
    if len(which) < len(classes):
        lines += ["", f"shown: {left_out(which, classes)}"]
    lines += ["", f"largest difference between q - p and what backprop delivered: {largest:.1e}"]
    return "\n".join(lines)

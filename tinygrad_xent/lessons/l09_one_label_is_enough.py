"""Lesson 9: the picture and the answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..likelihood import sampled_gradient
from ..ops import softmax
from .answers import Exercise
from .figure import QUIET, P, Q, panels

TRUTH = np.array([0.45, 0.30, 0.25])
LOGITS = np.array([0.0, 1.0, -0.5])
# Two directions at right angles in the plane of vectors that sum to 0; e_1 points up.
PLANE = np.array([[-1.0, 0.0, 1.0], [-1.0, 2.0, -1.0]]) / np.sqrt([[2.0], [6.0]])


def picture() -> Any:
    """The gradient of each label and their mean; how the noise falls with the batch."""
    figure, (arrows, noise) = panels(2, height=4.0)
    _arrows(arrows)
    _noise(noise)
    return figure


def _arrows(axes: Any) -> None:
    q = softmax(LOGITS)
    for label, share in enumerate(TRUTH):
        x, y = PLANE @ (q - np.eye(3)[label])
        look = {"arrowstyle": "->", "color": QUIET, "lw": 8 * share, "ls": "--", "shrinkB": 0}
        axes.annotate("", (x, y), (0, 0), arrowprops=look)
        axes.annotate(
            f"q - e_{label}\np = {share:.2f}", (x, y), (1.2 * x, 1.2 * y), ha="center", va="center"
        )
    x, y = PLANE @ (q - TRUTH)
    look = {"arrowstyle": "->", "color": Q, "lw": 3, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (x, y), (0, 0), arrowprops=look)
    axes.annotate("q - p,\ntheir mean", (x, y), (x, y + 0.05), ha="center", color=Q)
    axes.plot(0, 0, "o", color="black", markersize=4)
    axes.set(xlim=(-1.15, 1.15), ylim=(-0.75, 1.1), aspect="equal")
    axes.axis("off")


def _noise(axes: Any) -> None:
    rng = np.random.default_rng(0)
    sizes = 2 ** np.arange(0, 9, 2)
    aim, trace = softmax(LOGITS) - TRUTH, 1 - TRUTH @ TRUTH
    seen = []
    for size in sizes.tolist():
        draws = np.array([sampled_gradient(LOGITS, rng, size, TRUTH) for _ in range(1000)])
        seen.append(((draws - aim) ** 2).sum(axis=1).mean())
    axes.loglog(sizes, trace / sizes, color=P, label="(1 - ‖p‖²) / B")
    axes.loglog(sizes, seen, "o", color=Q, label="of 1000 batches")
    axes.set(xlabel="labels in a batch, B", ylabel="mean squared distance from q - p")
    axes.set_xticks(sizes, [str(size) for size in sizes])
    axes.minorticks_off()
    axes.legend(frameon=False)


EXERCISES = (
    Exercise(
        answer=lambda: 1 - (0.7**2 + 0.2**2 + 0.1**2),
        why="1 - ‖p‖² = 0.46, whatever q is.",
        hint="it is the trace of diag(p) - p pᵀ.",
        mistakes=((lambda: 0.7**2 + 0.2**2 + 0.1**2, "that is ‖p‖²; the noise is what is left."),),
    ),
    Exercise(
        answer=lambda: 100.0,
        why="The square is divided by B, the distance by √B, and √100 = 10.",
        hint="the mean squared distance is (1 - ‖p‖²) / B.",
        mistakes=((lambda: 10.0, "that makes the squared distance a tenth."),),
    ),
    Exercise(
        answer=lambda p: np.diag(p) - p[:, None] * p,
        why="diag(p) - p pᵀ: the covariance of a one-hot label, as q only shifts it.",
        hint="the mean of e_y e_yᵀ is diag(p), and the mean of e_y is p.",
        mistakes=(
            (lambda p: np.diag(p), "that is the mean of e_y e_yᵀ; the mean of e_y is not zero."),
            (lambda p: np.diag(p * (1 - p)), "the components hang together: one up, another down."),
        ),
        inputs=((np.array([0.7, 0.2, 0.1]),), (np.array([0.25, 0.75]),)),
    ),
)

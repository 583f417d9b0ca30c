"""Lesson 2: the picture and the answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import load
from ..information import cross_entropy
from ..likelihood import Categorical
from ..ops import cross_entropy as loss_of
from ..ops import softmax
from ..tensor import Tensor
from ..value import Array
from .answers import Exercise
from .figure import QUIET, P, Q, panels

# Where the corners of the triangle of all q stand: one species each.
CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, np.sqrt(0.75)]])
LEVELS = [1.06, 1.1, 1.2, 1.4, 1.8]  # of the loss, in nats


def picture() -> Any:
    """Two descents in the triangle of all q; frequencies that settle where a die is true."""
    penguins = load("penguins")
    p = np.bincount(penguins.y) / len(penguins)
    figure, (triangle, die) = panels(2, height=3.8)
    _triangle(triangle, p, penguins.classes)
    _die(die, np.array([0.5, 0.3, 0.2]))
    return figure


def descent(p: Array, start: Any, steps: int = 60) -> Array:
    """The q before each step of gradient descent on the logits, shape (steps, K)."""
    z = Tensor(start, requires_grad=True, dtype=np.float64)
    path = []
    for _ in range(steps):
        path.append(softmax(z).numpy())
        z.grad = None
        loss_of(z, p).backward()
        z.data -= 1.0 * z.grad
    return np.array(path)


def _triangle(axes: Any, p: Array, names: tuple[str, ...]) -> None:
    u, v = np.meshgrid(np.linspace(0, 1, 301), np.linspace(0, CORNERS[2, 1], 301))
    third = v / CORNERS[2, 1]
    second = u - third / 2
    q = np.stack([1 - second - third, second, third], axis=-1)
    outside = q.min(axis=-1) < 1e-4
    q[outside] = 1 / 3
    loss = cross_entropy(p, q)
    loss[outside] = np.nan
    lines = axes.contour(u, v, loss, levels=LEVELS, colors=QUIET)
    axes.clabel(lines, fontsize=7, manual=_numbers_at(p, LEVELS[1:]))
    axes.plot(*np.vstack([CORNERS, CORNERS[:1]]).T, color="black", linewidth=1)
    for start, dash in (([0.0, 0.0, 0.0], "-"), ([-1.5, -2.0, 2.5], "--")):
        path = descent(p, start) @ CORNERS
        axes.plot(*path.T, dash, marker="o", markersize=3, color=Q)
    axes.plot(*(p @ CORNERS), "s", color=P, markersize=8, label="p, the counts")
    axes.plot([], [], "-", marker="o", markersize=3, color=Q, label="q, descending")
    sides = ("top", "top", "bottom")
    for (x, y), name, side in zip(CORNERS, names, sides, strict=True):
        axes.text(x, y + (0.03 if side == "bottom" else -0.03), name, ha="center", va=side)
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(-0.12, 1.0), fontsize=9)
    axes.set(xlim=(-0.15, 1.15), ylim=(-0.12, 1.0), aspect="equal")
    axes.set_axis_off()


def _numbers_at(p: Array, levels: Any) -> list[tuple[float, float]]:
    """Where a straight way from p to the lower edge crosses the lines, for their numbers."""
    end = np.array([0.28, 0.719, 0.001])
    ways = np.linspace(0, 1, 500)[:, None]
    q = (1 - ways) * p + ways * end
    at = np.interp(levels, cross_entropy(p, q), ways[:, 0])[:, None]
    return [(x, y) for x, y in ((1 - at) * p + at * end) @ CORNERS]


def _die(axes: Any, q: Array) -> None:
    throws = Categorical(probs=q).sample(np.random.default_rng(1), 10_000)
    n = np.arange(1, len(throws) + 1)
    for k, dash in enumerate(("-", "--", "-.")):
        axes.axhline(q[k], color=Q, linestyle=":", linewidth=1)
        axes.plot(n, np.cumsum(throws == k) / n, dash, color=P, label=f"counted, side {k + 1}")
    axes.plot([], [], ":", color=Q, label="true")
    axes.set(xscale="log", xlim=(5, len(throws)), ylim=(0, 1))
    axes.set(xlabel="throws N", ylabel="frequency")
    axes.legend(frameon=False, loc="upper right", fontsize=9)


COUNTS = np.array([5.0, 2.0, 1.0])  # red, blue, green

EXERCISES = (
    Exercise(
        answer=lambda: COUNTS / 8,
        why="Counting is all: 5, 2 and 1 of 8.",
        hint="how often did each colour come, of eight?",
        mistakes=(
            (lambda: COUNTS, "these are the counts; a distribution sums to one."),
            (lambda: np.full(3, 1 / 3), "that is a guess before anything was drawn."),
        ),
    ),
    Exercise(
        answer=lambda: -(5 * np.log(5 / 8) + 2 * np.log(2 / 8) + np.log(1 / 8)) / 8,
        why="H(p, p) = H(p) = 0.900 nats: no q does better on these draws.",
        hint="the mean of -log q(colour) over the eight draws.",
        mistakes=(
            (
                lambda: -(5 * np.log(5 / 8) + 2 * np.log(2 / 8) + np.log(1 / 8)),
                "that is the loss of all eight draws together; divide by N.",
            ),
            (
                lambda: -(5 * np.log2(5 / 8) + 2 * np.log2(2 / 8) + np.log2(1 / 8)) / 8,
                "that is in bits; nats use the natural logarithm.",
            ),
            (lambda: np.log(3.0), "that is the loss of a uniform guess."),
            (lambda: 0.0, "a loss of 0 would need a model that knows each draw."),
        ),
    ),
    Exercise(
        answer=lambda q, counts: sum(n * np.log(a) for n, a in zip(counts, q, strict=True)),
        why="Each count is the exponent of its probability; the logarithm brings it down.",
        hint="the logarithm of a product of powers q(k)^count(k).",
        mistakes=(
            (
                lambda q, counts: -np.sum(counts * np.log(q)),
                "the sign: the likelihood is to be made large, its minus is the loss.",
            ),
            (
                lambda q, counts: np.sum(counts * np.log(q)) / np.sum(counts),
                "that is per draw; the likelihood is that of all draws.",
            ),
            (
                lambda q, counts: np.prod(np.asarray(q) ** counts),
                "that is the likelihood; take its logarithm, term by term.",
            ),
        ),
        inputs=(
            (np.array([0.5, 0.3, 0.2]), np.array([5, 2, 1])),
            (np.array([0.25, 0.75]), np.array([400, 900])),
        ),
    ),
)

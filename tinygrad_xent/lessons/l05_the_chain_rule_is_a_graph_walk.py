"""Lesson 5: the picture and the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..backprop import grad
from ..tensor import Tensor
from ..value import Array
from .answers import Exercise
from .figure import QUIET, P, Q, panels

STEPS = 10.0 ** -np.arange(1, 13)


def picture() -> Any:
    """Paths and edges over doublings; the error of finite differences over their step."""
    figure, (paths, error) = panels(2)
    n = np.arange(1, 21)
    paths.semilogy(n, 2.0**n, "--s", color=Q, markersize=4, label="paths: 2ⁿ")
    paths.semilogy(n, 2 * n, "-o", color=P, markersize=4, label="edges: 2n")
    paths.set(xlabel="doublings n", ylabel="how many", xticks=[1, 5, 10, 15, 20])
    paths.legend(frameon=False, loc="upper left")

    double = errors(np.float64)
    error.loglog(STEPS, double, "-o", color=P, markersize=4, label="float64")
    single = errors(np.float32)
    error.loglog(STEPS[:7], single[:7], "--s", color=Q, markersize=4, label="float32")
    error.annotate("rounding / h", (1e-9, double[8]), (2e-12, 1e-9), color=QUIET)
    error.annotate("h²", (1e-3, double[2]), (3e-3, 2e-9), color=QUIET)
    error.set(xlabel="h", ylabel="off by", ylim=(1e-13, 10))
    error.legend(frameon=False, loc="upper right")
    return figure


def errors(dtype: Any) -> Array:
    """By how much differences over each step are off from the gradient that backprop gives."""
    z = Tensor(np.array([[2.0, 1.0, -0.1]], dtype), requires_grad=True)
    wanted = grad(ops.cross_entropy(z, [1]), [z])[0].numpy()[0]
    found = []
    for h in STEPS.astype(dtype):
        up, down = (
            np.array(
                [ops.cross_entropy(z.numpy() + s * h * e, [1]) for e in np.eye(3, dtype=dtype)]
            )
            for s in (dtype(1), dtype(-1))
        )
        found.append(np.abs((up - down) / (2 * h) - wanted).max())
    return np.array(found)


def _recursion(doublings: int) -> float:
    """What the recursion of the page says of so many doublings: it visits the next one twice."""
    gradient = [0.0] * doublings + [1.0]

    def visit(k: int) -> None:
        if k:
            gradient[k - 1] += 2 * gradient[k]
            visit(k - 1)
            visit(k - 1)

    visit(doublings)
    return gradient[0]


def _central(g: Callable[[float], float], x: float) -> float:
    return (g(x + 1e-5) - g(x - 1e-5)) / 2e-5


EXERCISES = (
    Exercise(
        answer=lambda: 2 * 3.0 + 1,
        why="3 along each edge of x · x, and 1 along the edge of + x: 3 + 3 + 1.",
        hint="count the edges that leave x, and add what comes back along each.",
        mistakes=(
            (lambda: 4.0, "x · x has two edges to x, one for each factor; you counted one."),
            (lambda: 12.0, "that is y itself."),
        ),
    ),
    Exercise(
        answer=lambda: _recursion(3),
        why="Every second visit sends again what was sent before, and more at every level.",
        hint="run it, or follow it: c is visited twice, and each visit of c visits b twice.",
        mistakes=(
            (lambda: 8.0, "that is the true slope; the recursion says more."),
            (lambda: 16.0, "not double: the visits of c repeat those of b as well."),
        ),
    ),
    Exercise(
        answer=_central,
        why="Both sides cancel the error of order h, and h² is left.",
        hint="(g(x + h) - g(x - h)) / 2h with h = 1e-5.",
        mistakes=(
            (lambda g, x: (g(x + 1e-5) - g(x)) / 1e-5, "that goes to one side; go to either."),
            (lambda g, x: 2 * _central(g, x), "from x - h to x + h it is 2h, not h."),
        ),
        inputs=((np.exp, 1.0), (np.sin, 0.5), (np.tanh, 2.0)),
    ),
)

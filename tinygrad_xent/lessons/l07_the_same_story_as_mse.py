"""Lesson 7: the picture and the answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..backprop import grad
from ..tensor import Tensor
from ..value import Array
from .answers import Exercise
from .figure import QUIET, P, Q, panels

# Each loss of the error x - y with its label and how it is drawn.
LOSSES: tuple[tuple[str, Any, dict[str, Any]], ...] = (
    ("(x - y)²/2", lambda d: d**2 / 2, {"color": P, "linewidth": 2.5}),
    ("(x - y)⁴", lambda d: d**4, {"color": QUIET, "linestyle": "--"}),
    (
        "sin² + sin²",
        lambda d: ops.sin(d) ** 2 + ops.sin(np.pi * d) ** 2,
        {"color": QUIET, "linestyle": ":"},
    ),
    ("|x - y|", lambda d: ops.abs(d), {"color": "black", "linestyle": "-."}),
)


def picture() -> Any:
    """Four losses of the error; their slopes; the slope of cross-entropy in the logit."""
    figure, (value, slope, logit) = panels(3)
    d = np.linspace(-2, 2, 402)  # 0 is not among them, where |d| has no slope
    for label, loss_of, look in LOSSES:
        value.plot(d, loss_of(d), label=label, **look)
        slope.plot(d, _slope(loss_of, d), **look)
    value.set(xlabel="x - y", ylabel="loss", ylim=(0, 3.2))
    value.legend(frameon=False, loc="upper center", fontsize="small")
    clear = {"boxstyle": "round", "facecolor": "white", "edgecolor": P}
    slope.text(-1.95, -2.9, "straight: x - y", color=P, bbox=clear)
    slope.set(xlabel="x - y", ylabel="slope in x", ylim=(-4, 4))

    z = np.linspace(-6, 6, 200)
    q = ops.sigmoid(z)
    given = _slope(lambda z: ops.binary_cross_entropy_with_logits(z, np.ones(200)) * 200, z)
    logit.plot(q, given, color=Q, linewidth=2.5)
    logit.axhline(0, color=QUIET, linewidth=0.8)
    logit.annotate("q - p, with p = 1", (0.5, -0.5), (0.08, -0.2), color=Q)
    logit.set(xlabel="q, the belief in what happened", ylabel="slope of cross-entropy in z")
    logit.set(xlim=(0, 1.02), ylim=(-1.05, 0.15))
    return figure


def _slope(loss_of: Any, x: Array) -> Array:
    """The derivative at each element of x, by backprop."""
    t = Tensor(x, requires_grad=True)
    return np.asarray(grad(ops.sum(loss_of(t)), [t])[0].numpy())


def _of_a_line(a: float, b: float, x: Array, y: Array) -> Array:
    """The slopes in a and b, by the matrix of the least squares: Xᵀ (X θ - y)."""
    columns = np.stack([x, np.ones_like(x)], axis=1)
    return np.asarray(columns.T @ (columns @ np.array([a, b]) - y))


_RNG = np.random.default_rng(7)
EXERCISES = (
    Exercise(
        answer=lambda: (4 - 3) / 0.5**2,
        why="(x - y) / σ² = 1 / 0.25 = 4: the error, in units of the variance.",
        hint="differentiate (x - y)² / (2σ²) in x.",
        mistakes=(
            (lambda: 1.0, "that is for σ = 1; here σ² is a quarter."),
            (lambda: 2.0, "divide by σ², not by σ."),
            (lambda: -4.0, "the sign: what you said, 4, comes first."),
        ),
    ),
    Exercise(
        answer=lambda: np.exp(0.0) - 3,
        why="Mean less target: exp(0) - 3 = -2.",
        hint="the mean is the rate, exp(η).",
        mistakes=(
            (lambda: -3.0, "the mean is exp(η), not η."),
            (lambda: 2.0, "that is target less mean; the slope is its opposite."),
        ),
    ),
    Exercise(
        answer=_of_a_line,
        why="The loss hands back the error; the chain rule multiplies it by x for a, by 1 for b.",
        hint="the slope at each prediction is a x + b - y; multiply and add.",
        mistakes=(
            (lambda a, b, x, y: 2 * _of_a_line(a, b, x, y), "the 2 is cancelled by the half."),
            (lambda a, b, x, y: -_of_a_line(a, b, x, y), "the sign: the prediction comes first."),
            (
                lambda a, b, x, y: _of_a_line(a, b, x, y) / len(x),
                "that is the slope of the mean; the sum was asked for.",
            ),
        ),
        inputs=(
            (2.0, -1.0, _RNG.normal(size=5), _RNG.normal(size=5)),
            (0.0, 3.0, np.array([1.0, 2.0]), np.array([0.0, 7.0])),
        ),
    ),
)

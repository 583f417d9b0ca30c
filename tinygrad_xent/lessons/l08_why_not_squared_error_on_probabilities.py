"""Lesson 8: the picture and the answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..backprop import grad
from ..optim import SGD
from ..tensor import Tensor
from ..value import Array
from .answers import Exercise
from .figure import QUIET, P, Q, panels


def picture() -> Any:
    """The pull of both losses over the logit; the belief in the truth while either is learned."""
    figure, (pull, learning) = panels(2)
    z = np.linspace(-10, 6, 321)
    pull.plot(z, slopes(logs, z), color=Q, label="cross-entropy: q - 1")
    pull.plot(z, slopes(squares, z), "--", color=P, label="squares: (q - 1) q(1 - q)")
    pull.axhline(0, color=QUIET, linewidth=0.8)
    pull.set(xlabel="logit z, the answer is yes", ylabel="slope in z", ylim=(-1.08, 0.35))
    pull.legend(frameon=False, loc="upper left")

    for loss_of, look, color, name, place in (
        (logs, "-", Q, "cross-entropy", (26, 0.74)),
        (squares, "--", P, "squares", (182, 0.5)),
    ):
        q = course(loss_of, 260)
        steps = int(np.argmax(q >= 0.9))
        learning.plot(q, look, color=color)
        learning.text(*place, f"{name}:\n{steps} steps", color=color)
        learning.plot(steps, q[steps], "o", color=color)
    learning.axhline(0.9, linestyle=":", color=QUIET)
    learning.set(xlabel="step", ylabel="belief in the truth", ylim=(0, 1.05))
    return figure


def squares(z: Any) -> Any:
    """(σ(z) - 1)² / 2."""
    return (ops.sigmoid(z) - 1) ** 2 / 2


def logs(z: Any) -> Any:
    """-log σ(z), of each element."""
    return ops.softplus(-z)


def slopes(loss_of: Callable[[Any], Any], z: Array) -> Array:
    """The derivative at each element of z, by backprop."""
    t = Tensor(z, requires_grad=True)
    return np.asarray(grad(ops.sum(loss_of(t)), [t])[0].numpy())


def course(loss_of: Callable[[Any], Any], steps: int) -> Array:
    """The belief before each step of descent from z = -5 with learning rate 1."""
    z = Tensor(np.array(-5.0), requires_grad=True)
    descent = SGD([z], lr=1.0)
    q = np.empty(steps)
    for k in range(steps):
        q[k] = ops.sigmoid(z.numpy())
        descent.zero_grad()
        loss_of(z).backward()
        descent.step()
    return q


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max())
    return np.asarray(e / e.sum())


def _of_squares(z: Array, p: Array) -> Array:
    """The gradient of squared error at the logits, by the whole Jacobian."""
    q = _softmax(z)
    return np.asarray((np.diag(q) - np.outer(q, q)) @ (q - p))


def _hardest() -> float:
    """Where (1 - q)² q is greatest: on a fine grid."""
    q = np.linspace(0, 1, 300_001)
    return float(q[np.argmax((1 - q) ** 2 * q)])


EXERCISES = (
    Exercise(
        answer=_hardest,
        why="(1 - q) · q(1 - q) is greatest at q = 1/3: 4/27, about .148, is all it can pull.",
        hint="find where (1 - q) · q(1 - q) is greatest.",
        mistakes=(
            (lambda: 0.5, "that is where q(1 - q) is greatest; the error 1 - q counts as well."),
            (lambda: 0.0, "there the error is greatest, but q(1 - q) lets nothing through."),
        ),
    ),
    Exercise(
        answer=lambda: 1.0,
        why="The score is linear in q, so its least is in a corner: certainty is cheapest.",
        hint="write down what she expects to pay as a function of q, and see which way it falls.",
        mistakes=(
            (lambda: 0.6, "that is honest, and costs her more than certainty: try q = 1."),
            (lambda: 0.0, "the other corner: rain is the likelier."),
        ),
    ),
    Exercise(
        answer=_of_squares,
        why="q - p is multiplied by diag(q) - q qᵀ, which is small wherever q is certain.",
        hint="the slope in q is q - p; softmax multiplies it by diag(q) - q qᵀ.",
        mistakes=(
            (lambda z, p: _softmax(z) - p, "you have re-invented cross-entropy: that is q - p."),
            (lambda z, p: 2 * _of_squares(z, p), "the 2 is cancelled by the half."),
            (lambda z, p: -_of_squares(z, p), "the sign: q comes before p."),
        ),
        inputs=(
            (np.array([2.0, 1.0, -0.1]), np.array([0.0, 1.0, 0.0])),
            (np.array([0.0, 3.0, 1.0, 1.0]), np.array([0.1, 0.2, 0.3, 0.4])),
        ),
    ),
)

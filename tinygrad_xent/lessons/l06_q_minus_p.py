"""Lesson 6: the picture and the answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..backprop import grad
from ..tensor import Tensor
from ..value import Array
from .answers import Exercise
from .figure import QUIET, P, Q, panels

LOGITS, LABEL = np.array([2.0, 1.0, -0.1]), 1
NAMES = ("cat", "dog", "owl")


def picture() -> Any:
    """What was said and wanted; the gradient, three ways; the floor of softmax applied twice."""
    figure, (bars, ways, floor) = panels(3)
    _said_and_wanted(bars)
    _three_ways(ways)
    _once_and_twice(floor)
    return figure


def _said_and_wanted(axes: Any) -> None:
    """Bars of p and q, and between their tops the arrow of q - p."""
    p, q, classes = np.eye(3)[LABEL], _softmax(LOGITS), np.arange(3)
    axes.bar(classes - 0.25, p, 0.3, color=P, label="p, what was wanted")
    axes.bar(classes + 0.25, q, 0.3, color=Q, hatch="//", label="q, what was said")
    for k in classes:
        axes.annotate("", (k, q[k]), (k, p[k]), arrowprops={"arrowstyle": "-|>", "color": "black"})
        axes.text(k, max(p[k], q[k]) + 0.03, f"{q[k] - p[k]:+.3f}", ha="center")
    axes.set(xticks=classes, xticklabels=NAMES, ylabel="probability", ylim=(0, 1.45))
    axes.legend(frameon=False, loc="upper left")
    axes.set_title("arrows: q - p", fontsize="medium")


def _three_ways(axes: Any) -> None:
    """The gradient at the logits by one op, by eleven, and by differences."""
    places = np.arange(3)
    axes.axhline(0, color=QUIET, linewidth=0.8)
    axes.bar(places, gradient(ops.cross_entropy), 0.5, color=Q, alpha=0.45, label="fused: q - p")
    axes.plot(
        places,
        gradient(ops.unfused_cross_entropy),
        "x",
        color="black",
        markersize=9,
        label="the long road",
    )
    axes.plot(
        places, differences(), "o", mfc="none", color=P, markersize=12, label="finite differences"
    )
    axes.set(xticks=places, xticklabels=NAMES, ylabel="∂L/∂z", ylim=(-1.0, 1.7))
    axes.legend(frameon=False, loc="upper right")
    axes.set_title("one gradient, three ways", fontsize="medium")


def _once_and_twice(axes: Any) -> None:
    """The loss of ten classes as the right logit leaves the other nine behind."""
    gap = np.linspace(0, 10, 200)
    z = np.zeros((200, 10))
    z[:, 0] = gap
    once = -np.log(_softmax(z)[:, 0])
    twice = -np.log(_softmax(_softmax(z))[:, 0])
    lowest = np.log(np.e + 9) - 1
    axes.plot(gap, once, color=P, label="softmax once")
    axes.plot(gap, twice, "--", color=Q, label="softmax twice")
    axes.axhline(lowest, linestyle=":", color=QUIET)
    axes.annotate("ln(e + 9) - 1 = 1.461", (10, lowest - 0.07), ha="right", va="top")
    axes.set(xlabel="gap of the right logit", ylabel="loss (nats)", ylim=(0, 3.2), xlim=(0, 10))
    axes.legend(frameon=False, loc="upper right")
    axes.set_title("a floor for ten classes", fontsize="medium")


def gradient(loss_of: Any) -> Array:
    """The gradient at the logits of the lesson's example, by an op or by a chain of them."""
    z = Tensor(LOGITS[None], requires_grad=True)
    return np.asarray(grad(loss_of(z, [LABEL]), [z])[0].numpy()[0])


def differences(h: float = 1e-5) -> Array:
    """The same, by moving each logit a little to either side."""

    def loss(z: Array) -> float:
        return float(np.log(np.exp(z).sum()) - z[LABEL])

    return np.array([(loss(LOGITS + h * e) - loss(LOGITS - h * e)) / (2 * h) for e in np.eye(3)])


def _softmax(z: Array) -> Array:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return np.asarray(e / e.sum(axis=-1, keepdims=True))


def _q_minus_p(z: Array, y: Array) -> Array:
    """Of each row, not divided by N."""
    return _softmax(z) - np.eye(z.shape[1])[y]


def _jacobian_again(z: Array, y: Array) -> Array:
    """The mistake of multiplying by the derivative of softmax what already contains it."""
    q, g = _softmax(z), _q_minus_p(z, y)
    return np.asarray(q * (g - (q * g).sum(axis=1, keepdims=True)))


_RNG = np.random.default_rng(6)
EXERCISES = (
    Exercise(
        answer=lambda: _q_minus_p(np.zeros((1, 4)), np.array([2]))[0],
        why="q is a quarter everywhere, p is 1 at class 2, and q - p is all there is to it.",
        hint="what is softmax of equal logits, and what is p?",
        mistakes=(
            (
                lambda: -_q_minus_p(np.zeros((1, 4)), np.array([2]))[0],
                "that is p - q, the direction in which descent goes; the gradient is its opposite.",
            ),
            (
                lambda: _jacobian_again(np.zeros((1, 4)), np.array([2]))[0],
                "you multiplied by the derivative of softmax, which q - p already contains.",
            ),
            (lambda: np.array([0.0, 0.0, -4.0, 0.0]), "that is -p/q, the slope in q, not in z."),
        ),
    ),
    Exercise(
        answer=lambda: 1 + 8 * -0.1,
        why="(q - 1) / 8 = -0.1, so q = 1 - 0.8 = 0.2.",
        hint="a mean over N rows gives each row (q - p) / N; solve for q.",
        mistakes=((lambda: 0.9, "that forgets the 1/N of the mean."),),
    ),
    Exercise(
        answer=lambda z, y: _q_minus_p(z, y) / len(y),
        why="Softmax, minus one at the label, divided by N: there is no more to its backward pass.",
        hint="softmax over each row, then subtract 1 at the label.",
        mistakes=(
            (_q_minus_p, "that is the gradient of the sum; a mean divides it by N."),
            (lambda z, y: -_q_minus_p(z, y) / len(y), "the sign: what you said comes first."),
            (
                lambda z, y: _jacobian_again(z, y) / len(y),
                "you multiplied by the derivative of softmax, which q - p already contains.",
            ),
        ),
        inputs=(
            (_RNG.normal(size=(4, 3)), np.array([0, 2, 1, 1])),
            (_RNG.normal(size=(2, 5)) + 800, np.array([4, 0])),
        ),
    ),
)

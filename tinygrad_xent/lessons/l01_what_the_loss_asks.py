"""Lesson 1: the picture and the answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from .answers import Exercise
from .figure import QUIET, P, Q, panels


def picture() -> Any:
    """What was said beside what happened; the curve on which the loss is read off."""
    p, q = np.array([0.0, 0.0, 1.0]), np.array([0.2, 0.3, 0.5])
    figure, (bars, curve) = panels(2)
    classes = np.arange(3)
    bars.bar(classes - 0.2, p, 0.4, color=P, label="p, what happened")
    bars.bar(classes + 0.2, q, 0.4, color=Q, hatch="//", label="q, what the model said")
    bars.set(xlabel="class", xticks=classes, ylabel="probability", ylim=(0, 1.3))
    bars.legend(frameon=False, loc="upper left")

    said = np.linspace(0.01, 1, 200)
    curve.plot(said, -np.log(said), color=QUIET)
    curve.plot([0.5, 0.5, 0], [0, np.log(2), np.log(2)], ":", color=QUIET)
    curve.plot(0.5, np.log(2), "o", color=Q)
    curve.annotate("-log .5 = 0.693, one bit", (0.5, np.log(2)), (0.53, 0.9))
    curve.set(xlabel="q of the class that happened", ylabel="loss (nats)", xlim=(0, 1), ylim=(0, 4))
    return figure


EXERCISES = (
    Exercise(
        answer=lambda: -np.log(0.5),
        why="-log 0.5 = log 2 = 0.693 nats, which is one bit.",
        hint="take minus the natural logarithm of the probability of what happened.",
        mistakes=((lambda: 1.0, "that is in bits; nats use the natural logarithm."),),
    ),
    Exercise(
        answer=lambda: np.exp(-3.0),
        why="exp(-3) = 0.0498: the loss is a probability, seen through a logarithm.",
        hint="solve -log q = 3 for q.",
        mistakes=((lambda: 1 / 8, "that would be 3 bits; nats use e, not 2."),),
    ),
    Exercise(
        answer=lambda q, y: -np.log(q[y]),
        why="Indexing is the sum over the classes, because only one term of it lives.",
        hint="which of the terms p log q is not zero?",
        mistakes=((lambda q, y: np.log(q[y]), "the sign: a loss is to be made small."),),
        inputs=tuple((np.array([0.2, 0.3, 0.5]), y) for y in range(3)),
    ),
)

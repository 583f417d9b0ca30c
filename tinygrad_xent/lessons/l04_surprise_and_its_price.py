"""Lesson 4: the picture and the answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..information import entropy, kl_divergence
from ..value import Array
from .answers import Exercise
from .figure import QUIET, P, Q, panels


def picture() -> Any:
    """Bars of entropy with the price on top; the entropy of a coin."""
    figure, (bars, coin) = panels(2)
    _bars(bars, np.array([0.5, 0.25, 0.2, 0.05]), np.full(4, 0.25))

    theta = np.linspace(0, 1, 201)
    coin.plot(theta, entropy(np.stack([theta, 1 - theta], axis=-1), units="bits"), color=P)
    coin.plot([0.5, 0.5, 0], [0, 1, 1], ":", color=QUIET)
    coin.plot(0.5, 1, "o", color=P)
    coin.annotate("a fair coin: 1 bit", (0.5, 1), (0, 6), ha="center", textcoords="offset points")
    coin.set(xlabel="θ, the probability of heads", ylabel="H(θ) (bits)", xlim=(0, 1), ylim=(0, 1.2))
    return figure


def _bars(axes: Any, p: Array, q: Array) -> None:
    """Who believes what where what is true: H below, KL above."""
    cases = (("p", p, "p", p), ("p", p, "q", q), ("q", q, "p", p), ("q", q, "q", q))
    stays = [float(entropy(truth)) for _, truth, _, _ in cases]
    price = [float(kl_divergence(truth, belief)) for _, truth, _, belief in cases]
    axes.bar(range(4), stays, 0.6, color=P, label="entropy, which stays")
    axes.bar(range(4), price, 0.6, bottom=stays, color=Q, hatch="//", label="KL, the price")
    for x, (low, high) in enumerate(zip(stays, price, strict=True)):
        axes.text(x, low + high + 0.03, f"{low + high:.3f}", ha="center")
    names = [f"true: {truth}\nbelieved: {belief}" for truth, _, belief, _ in cases]
    axes.set(ylabel="cross-entropy (nats)", ylim=(0, 2.4))
    axes.set_xticks(range(4), names, fontsize=9)
    axes.legend(frameon=False, loc="upper left", ncols=2, fontsize=9)


def _kl(p: Array, q: Array) -> float:
    with np.errstate(divide="ignore"):
        return float(sum(a * np.log(a / b) for a, b in zip(p, q, strict=True) if a > 0))


def _naive(p: Array, q: Array) -> Any:
    with np.errstate(all="ignore"):
        return np.sum(p * np.log(p / q))


EXERCISES = (
    Exercise(
        answer=lambda: sum(2.0**-k * k for k in (1, 2, 3, 3)),
        why="1, 2, 3 and 3 questions, weighted by how often they are asked: 1.75 bits.",
        hint="how many yes-no questions does each outcome take, and how often are they asked?",
        mistakes=(
            (lambda: 1.75 * np.log(2), "that is in nats; use the logarithm of base 2."),
            (lambda: 2.0, "that is the entropy of four equal outcomes."),
            (lambda: 2.25, "weigh each number of questions by its probability."),
        ),
    ),
    Exercise(
        answer=lambda: 0.7 * np.log2(0.7 / 0.5) + 0.3 * np.log2(0.3 / 0.5),
        why="One half costs 1 bit, .7 costs H(.7) = 0.881: the difference is KL = 0.119 bits.",
        hint="the price KL(p‖q): which of the two is what happens?",
        mistakes=(
            (
                lambda: 0.5 * np.log2(0.5 / 0.7) + 0.5 * np.log2(0.5 / 0.3),
                "that is KL(q‖p): p is what happens, .7, and comes first.",
            ),
            (lambda: 1.0, "that is all of the cost; how much of it could be avoided?"),
            (
                lambda: -0.7 * np.log2(0.7) - 0.3 * np.log2(0.3),
                "that is what cannot be avoided, H(p); one half costs 1 bit.",
            ),
            (lambda: np.log(2) + 0.7 * np.log(0.7) + 0.3 * np.log(0.3), "that is in nats."),
        ),
    ),
    Exercise(
        answer=_kl,
        why="Where p is 0 nothing happens, and nothing is paid.",
        hint="the sum of p log(p/q) over what can happen.",
        mistakes=(
            (lambda p, q: _kl(q, p), "the other way round: p comes first, and weighs."),
            (lambda p, q: -_kl(p, q), "the sign: KL is never negative."),
            (lambda p, q: float(-np.sum(p * np.log(q))), "that is H(p, q); take H(p) off."),
            (_naive, "0 log 0 came out as nan; by rule it is 0."),
        ),
        inputs=(
            (np.array([0.25, 0.75]), np.array([0.5, 0.5])),
            (np.array([0.0, 0.25, 0.75]), np.array([0.2, 0.3, 0.5])),
        ),
    ),
)

"""Lesson 11: the picture and the answers."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from .. import calibration, data, nn, optim
from ..ops import softmax
from ..plots import draw_reliability
from ..tensor import Tensor
from ..training import History, fit
from .answers import Exercise
from .figure import P, Q, panels


@lru_cache(maxsize=1)
def _trained() -> tuple[History, dict[str, calibration.Reliability]]:
    """The page's run: its history, and what it meant before and after a temperature."""
    train, held_out = data.load("digits").split(test=0.5, seed=0)
    model = nn.MLP([64, 32, 10], rng=0, dtype=np.float64)
    descent = optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
    history = fit(model, train, test=held_out, epochs=200, batch_size=64, optimizer=descent)
    z = model(Tensor(held_out.x, dtype=np.float64)).numpy()
    y, half = held_out.y, len(z) // 2
    temperature = calibration.fit_temperature(z[:half], y[:half])
    seen = {
        name: calibration.reliability(softmax(z[half:] / t, axis=1), y[half:], bins=5)
        for name, t in (("as trained", 1.0), (f"T = {temperature:.2f}", temperature))
    }
    return history, seen


def picture() -> Any:
    """Loss and accuracy over the epochs; confidence against accuracy."""
    history, seen = _trained()
    epoch, loss, _, test_loss, accuracy, *_ = np.array(history).T
    figure, (losses, right, reliable) = panels(3, height=4.0)
    best = int(test_loss.argmin())

    losses.plot(epoch, loss, color=P, label="training")
    losses.plot(epoch, test_loss, "--", color=Q, label="held out")
    losses.plot(best, test_loss[best], "o", color=Q)
    losses.annotate(f"least at epoch {best}", (best, test_loss[best]), (best + 6, 0.09))
    losses.set(xlabel="epoch", ylabel="loss (nats)", ylim=(0, 0.3))
    losses.legend(frameon=False, loc="upper right")

    right.plot(epoch, accuracy, "--", color=Q)
    right.plot(best, accuracy[best], "o", color=Q)
    right.annotate(f"epoch {best}", (best, accuracy[best]), (best + 12, accuracy[best] - 0.008))
    right.set(xlabel="epoch", ylabel="accuracy, held out", ylim=(0.9, 1))

    draw_reliability(reliable, seen)
    return figure


def _gradient(z: Any, y: int, temperature: float) -> Any:
    q = np.exp((z - z.max()) / temperature)
    return (q / q.sum() - np.eye(len(z))[y]) / temperature


EXERCISES = (
    Exercise(
        answer=lambda: np.log(1000.0),
        why="ln 1000 = 6.908: a uniform guess, minus the log of 1/1000.",
        hint="what does a net say that knows nothing, and what does that cost?",
        mistakes=(
            (lambda: np.log2(1000.0), "that is in bits; nats use the natural logarithm."),
            (lambda: np.log(10.0), "that is the loss for ten classes."),
        ),
    ),
    Exercise(
        answer=lambda: np.log((0.8 + 0.2 / 5) / (0.2 / 5)),
        why="ln(.84/.04) = ln 21 = 3.045: the label keeps 1 - ε and gets its share ε/K back.",
        hint="at the least loss q = p_ε, and a difference of logits is the log of a ratio of q's.",
        mistakes=(
            (lambda: np.log(0.8 / 0.04), "ε is shared among all K classes, the label included."),
            (lambda: np.log(0.8 / 0.2), "each of the others gets only ε/K."),
            (lambda: np.log(91.0), "that is for ε = .1 and K = 10."),
        ),
    ),
    Exercise(
        answer=_gradient,
        why="(q_T - p)/T: the chain rule through z/T puts the 1/T in front.",
        hint="first the gradient in z/T, then one more step of the chain rule.",
        mistakes=(
            (
                lambda z, y, t: t * _gradient(z, y, t),
                "that is the gradient in z/T; z itself is one step of the chain rule away.",
            ),
            (lambda z, y, t: _gradient(z, y, 1.0), "where is T?"),
        ),
        inputs=tuple((np.array([2.0, 1.0, -0.5]), y, t) for y in range(3) for t in (2.0, 0.5)),
    ),
)

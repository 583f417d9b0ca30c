"""Lesson 10: the picture and the answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..likelihood import smooth_max, soft_argmax
from .answers import Exercise
from .figure import QUIET, P, Q, panels


def picture() -> Any:
    """Max, argmax and what is soft in their places; the shares of three classes over T."""
    figure, (values, slopes, strip) = panels(3)
    z = np.linspace(-4, 4, 401)
    pairs = np.stack([z, np.zeros_like(z)], axis=1)
    for temperature, color, dash, name in (
        (0.0, P, "-", "hard, T = 0"),
        (0.5, QUIET, ":", "T = 0.5"),
        (1.0, Q, "--", "T = 1"),
    ):
        values.plot(z, smooth_max(pairs, temperature), dash, color=color, label=name)
        slopes.plot(z, soft_argmax(pairs, temperature)[:, 0], dash, color=color)
    values.set(xlabel="z", title="max(z, 0) and T LSE((z, 0)/T)")
    slopes.set(xlabel="z", title="their slopes: argmax, softmax")
    values.legend(frameon=False)
    _strip(strip)
    return figure


def _strip(axes: Any) -> None:
    z = np.array([1.0, 2.0, 3.5])
    temperatures = np.geomspace(10, 0.1, 200)
    shares = np.array([soft_argmax(z, t) for t in temperatures]).T
    areas = axes.stackplot(temperatures, shares, colors=(P, "#bbbbbb", Q), alpha=0.55)
    for area, hatch in zip(areas, ("//", "", "\\\\"), strict=True):
        area.set(hatch=hatch, edgecolor="white")
    axes.set(xscale="log", xlim=(10, 0.1), ylim=(0, 1), xlabel="T", title="softmax((1, 2, 3.5)/T)")
    axes.set_xticks([10, 1, 0.1], ["10", "1", "0.1"])
    box = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
    for height, name in ((0.14, "z = 1"), (0.44, "z = 2"), (0.8, "z = 3.5")):
        axes.text(8, height, name, va="center", bbox=box)


def _naive(z: Any) -> Any:
    with np.errstate(all="ignore"):
        return np.log(np.exp(z).sum())


EXERCISES = (
    Exercise(
        answer=lambda: np.log(2.0),
        why="log(1 + 1) = ln 2 = 0.693: above the maximum by ln K, the most that it can be.",
        hint="exp of each, then the sum, then the log.",
        mistakes=(
            (lambda: 0.0, "that is the maximum; the soft one is above it."),
            (lambda: 2.0, "that is the sum of exp; take its logarithm."),
        ),
    ),
    Exercise(
        answer=lambda: np.array([1.0, 3.0]) / 4,
        why="softmax: exp gives (1, 3), and the sum is 4.",
        hint="the gradient of logsumexp is softmax.",
        mistakes=((lambda: np.array([0.0, 1.0]), "that is the gradient of max."),),
    ),
    Exercise(
        answer=np.logaddexp.reduce,
        why="Shifted by the maximum, the largest term is exp(0) = 1.",
        hint="LSE(z) = c + LSE(z - c) for every number c: which c keeps exp small?",
        mistakes=(
            (_naive, "exp overflows at large z, and underflows at very negative z."),
            (np.max, "that is the hard maximum."),
        ),
        inputs=tuple(
            (np.array(z),) for z in ([0.0, 1.0], [1000.0, 999.0, 0.0], [-1000.0, -1000.0])
        ),
    ),
)

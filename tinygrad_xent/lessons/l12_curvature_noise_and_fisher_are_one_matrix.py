"""Lesson 12: the picture and the answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..data import load
from ..likelihood import label_covariance, natural_gradient_step
from ..ops import cross_entropy, softmax
from ..value import Array
from .answers import Exercise
from .figure import QUIET, P, Q, panels

START = np.array([1.0, 0.9, 0.0])
LONGER = 5  # the gradient's arrow, so that it can be seen


def picture() -> Any:
    """A gradient and a natural gradient step over lines of equal loss; the matrix."""
    penguins = load("penguins")
    p = np.bincount(penguins.y) / len(penguins)
    figure, (plane, matrix) = panels(2, height=4.0)
    _plane(plane, p)
    _matrix(matrix, np.asarray(softmax(np.array([2.0, 1.0, -0.1]))))
    return figure


def _plane(axes: Any, p: Array) -> None:
    """Logits whose third is 0: the loss does not change when a number is added to all."""
    u, v = np.meshgrid(np.linspace(-1.6, 2.2, 120), np.linspace(-2.0, 1.6, 120))
    z = np.stack([u, v, np.zeros_like(u)], axis=-1).reshape(-1, 3)
    target = np.broadcast_to(p, z.shape)
    loss = cross_entropy(z, target, reduction="none").reshape(u.shape)
    axes.contour(u, v, loss, levels=[1.053, 1.07, 1.1, 1.15, 1.22, 1.3, 1.4], colors=QUIET)

    downhill = START - LONGER * (np.asarray(softmax(START)) - p)
    _arrow(axes, START, downhill, "--")
    first = natural_gradient_step(START, p)
    second = natural_gradient_step(first, p)
    _arrow(axes, START, first - first[2], "-")
    _arrow(axes, first - first[2], second - second[2], "-")
    for dash, name in (("--", f"{LONGER} (p - q), downhill"), ("-", "two natural gradient steps")):
        axes.plot([], [], dash, color=Q, linewidth=2, label=name)
    axes.plot(*START[:2], "o", color=Q)
    best = np.log(p / p[2])
    axes.plot(*best[:2], "s", color=P, markersize=8, label="q = p")
    axes.set(xlabel="z of Adelie", ylabel="z of Chinstrap", aspect="equal")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), frameon=False, fontsize=9)


def _arrow(axes: Any, start: Array, end: Array, dash: str) -> None:
    style = {"arrowstyle": "-|>", "color": Q, "linestyle": dash, "linewidth": 2}
    style |= {"shrinkA": 0, "shrinkB": 0, "mutation_scale": 13}
    axes.annotate("", end[:2], start[:2], arrowprops=style)


def _matrix(axes: Any, q: Array) -> None:
    from matplotlib.colors import LinearSegmentedColormap

    fisher = label_covariance(q)
    colours = LinearSegmentedColormap.from_list("house", [P, "white", Q])
    axes.imshow(fisher, cmap=colours, vmin=-0.35, vmax=0.35)
    for (i, j), value in np.ndenumerate(fisher):
        axes.text(j, i, f"{value:+.3f}", ha="center", va="center", fontsize=12)
    names = [f"q = {share:.3f}" for share in q]
    axes.set_xticks(range(3), names)
    axes.set_yticks(range(3), names)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    axes.set_title("diag(q) - q qᵀ", fontsize=11)


def _matrix_of(q: Array) -> Array:
    return np.asarray(np.diag(q) - np.outer(q, q))


EXERCISES = (
    Exercise(
        answer=lambda: _matrix_of(np.array([0.5, 0.5])),
        why="q (1 - q) = 1/4 on the diagonal, and rows that sum to 0.",
        hint="diag(q) - q qᵀ.",
        mistakes=(
            (lambda: np.full((2, 2), 0.25), "that is q qᵀ; take it off diag(q)."),
            (lambda: np.diag([0.5, 0.5]), "that is diag(q); q qᵀ is to be taken off."),
            (
                lambda: np.diag([0.25, 0.25]),
                "the two are not independent: what is not the one is the other.",
            ),
            (lambda: -_matrix_of(np.array([0.5, 0.5])), "the sign: a variance is not negative."),
        ),
    ),
    Exercise(
        answer=lambda: np.var([1.0] * 5 + [-1.0] * 3 + [0.0] * 2),
        why="The variance of v_y: .5 + .3 - .2² = 0.76.",
        hint="vᵀHv, the variance of v_y for y drawn from q.",
        mistakes=(
            (lambda: 0.8, "that is E v_y²; take off the square of the mean."),
            (lambda: 0.46, "do not forget the entries off the diagonal, -q_i q_j."),
            (lambda: np.sqrt(0.76), "that is the standard deviation; wanted the variance."),
            (lambda: 0.38, "v is (1, -1, 0) as it stands; it need not have length 1."),
        ),
    ),
    Exercise(
        answer=lambda q, v: _matrix_of(q) @ v,
        why="This is the rule of softmax, and why no library builds its Jacobian.",
        hint="q qᵀ v is q times a number.",
        mistakes=(
            (lambda q, v: q * v, "that is diag(q) v; take off q times the mean of v."),
            (lambda q, v: q * (v - v.mean()), "the mean of v is that under q: Σ q v."),
            (lambda q, v: q @ v - q * v, "q qᵀ v is a vector: q times the number q · v."),
        ),
        inputs=(
            (np.array([0.5, 0.3, 0.2]), np.array([1.0, -2.0, 0.5])),
            (np.array([0.1, 0.2, 0.3, 0.4]), np.array([3.0, 1.0, 4.0, 1.0])),
        ),
    ),
)

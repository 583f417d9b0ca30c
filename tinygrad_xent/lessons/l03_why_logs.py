"""Lesson 3: the picture and the answers."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..value import Array
from .answers import Exercise
from .figure import QUIET, Q, panels

FACTORS = 400
NOTHING = -365.0  # where the picture puts 0, which has no logarithm


def picture() -> Any:
    """A product that ends at 0; the sum of logarithms of the same factors, which does not."""
    figure, (product, total) = panels(2)
    for dtype, colour, dash in ((np.float32, QUIET, "--"), (np.float64, Q, "-")):
        _product(product, dtype, colour, dash)
    product.set(xlabel="factors of 0.1", ylabel="their product", xlim=(0, FACTORS))
    product.set(ylim=(NOTHING - 25, 10), yticks=[0, -100, -200, -300, NOTHING])
    product.set_yticklabels(["1", "1e-100", "1e-200", "1e-300", "0"])
    product.legend(frameon=False, loc="upper right")

    n = np.arange(FACTORS + 1)
    total.plot(n, n * np.log(0.1), color=Q)
    for end, place, side in ((46, (8, 4), "left"), (324, (-8, -14), "right")):
        at = end * np.log(0.1)
        total.plot(end, at, "o", color=Q)
        total.annotate(
            f"{end} factors: {at:.0f}", (end, at), place, ha=side, textcoords="offset points"
        )
    total.set(xlabel="factors of 0.1", ylabel="the sum of their logarithms", xlim=(0, FACTORS))
    return figure


def _product(axes: Any, dtype: Any, colour: str, dash: str) -> None:
    """The product in this dtype, down to where it is 0."""
    products: Array = np.cumprod(np.full(FACTORS, 0.1, dtype))
    end = int((products > 0).sum())
    powers = np.log10(products[:end].astype(np.float64))
    n = np.append(np.arange(1, end + 1), [end + 1, FACTORS])
    axes.plot(n, np.append(powers, [NOTHING, NOTHING]), dash, color=colour, label=dtype.__name__)
    axes.plot(end + 1, NOTHING, "X", color=colour, markersize=8)
    place = {"xytext": (-7, 8), "textcoords": "offset points", "ha": "right"}
    axes.annotate(f"{end + 1}", (end + 1, NOTHING), **place)


def _labels_until_nothing() -> int:
    product, labels = np.float32(1), 0
    while product > 0:
        product, labels = np.float32(product * np.float32(0.01)), labels + 1
    return labels


def _log_of_product(q: Array, y: Array) -> Any:
    with np.errstate(divide="ignore", under="ignore"):
        return np.log(np.prod(q[y]))


EXERCISES = (
    Exercise(
        answer=_labels_until_nothing,
        why="1e-44 is still there after 22 labels; 1e-46 is nearer to 0 than to the least float32.",
        hint="multiply float32 numbers in a loop until the product is 0, and count.",
        mistakes=(
            (lambda: 22, "after 22 labels it is 1e-44, which float32 still knows."),
            (lambda: 46, "that is for factors of 0.1; here each is 0.01."),
            (lambda: 162, "that is in float64; make 0.01 and the product np.float32."),
        ),
    ),
    Exercise(
        answer=lambda: 0.9 * np.log2(np.e),
        why="A bit is ln 2 = 0.693 nats, so there are more bits than nats: 1.298.",
        hint="how many nats is one bit?",
        mistakes=(
            (lambda: 0.9 * np.log(2), "the other way round: a bit is less than a nat."),
            (lambda: 0.9 / np.log(10), "those are bans, of base 10."),
        ),
    ),
    Exercise(
        answer=lambda q, y: float(sum(np.log(q[k]) for k in y)),
        why="First the logarithms, then the sum: nothing is ever small.",
        hint="one logarithm for each label; then their sum.",
        mistakes=(
            (_log_of_product, "the product underflows before you take its logarithm."),
            (
                lambda q, y: -np.log(q)[y].sum(),
                "the sign: a log-likelihood of probabilities is below 0.",
            ),
            (lambda q, y: np.log(q)[y].mean(), "that is the mean; the likelihood is of all."),
            (lambda q, y: np.log(q).sum(), "each label counts once, not each class."),
        ),
        inputs=(
            (np.array([0.2, 0.3, 0.5]), np.array([0, 2, 2, 1, 2])),
            (np.array([0.2, 0.3, 0.5]), np.tile([0, 1, 2, 2], 500)),
        ),
    ),
)

"""The work to be done, and the clean NumPy that a person would write for it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
LEARNING_RATE = 0.05


class Size(NamedTuple):
    """A multilayer perceptron with ReLUs, a batch, and what our steps may cost beside NumPy's:
    written with ``@`` and ``+``, and through ``nn.MLP``; then compiled.
    """

    name: str
    layers: tuple[int, ...]
    batch: int
    targets: tuple[float, float]
    compiled: float

    def __str__(self) -> str:
        return f"{'-'.join(map(str, self.layers))}, batch {self.batch}"


SIZES = [
    Size("toy", (2, 16, 16, 3), 64, (1.5, 1.4), 0.95),
    Size("digits", (64, 128, 10), 64, (1.25, 1.2), 0.97),
    Size("mnist", (784, 256, 128, 10), 128, (1.05, 1.05), 1.0),
    Size("wide", (784, 1024, 1024, 10), 256, (1.03, 1.03), 1.0),
]


class Problem(NamedTuple):
    """A batch, its labels and the parameters W1, b1, W2, b2, … to start from."""

    size: Size
    x: Array
    y: Array
    parameters: list[Array]


def problem(size: Size) -> Problem:
    rng = np.random.default_rng(0)
    parameters: list[Array] = []
    for fan_in, fan_out in pairwise(size.layers):
        parameters.append(rng.normal(0, fan_in**-0.5, (fan_in, fan_out)).astype(np.float32))
        parameters.append(rng.normal(0, 0.1, fan_out).astype(np.float32))
    x = rng.normal(size=(size.batch, size.layers[0])).astype(np.float32)
    return Problem(size, x, rng.integers(size.layers[-1], size=size.batch), parameters)


class Contestant(NamedTuple):
    """``step()`` trains once and returns the loss; ``parameters()`` shows where that has led."""

    step: Callable[[], Any]
    parameters: Callable[[], list[Array]]


def by_hand(task: Problem) -> Contestant:
    parameters = [p.copy() for p in task.parameters]
    train = one_hidden_layer if len(parameters) == 4 else two_hidden_layers
    return Contestant(lambda: train(task.x, task.y, *parameters), lambda: parameters)


def one_hidden_layer(x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array) -> Any:
    h = np.maximum(x @ W1 + b1, 0)
    loss, dz = softmax_cross_entropy(h @ W2 + b2, y)
    da = dz @ W2.T * (h > 0)
    W2 -= LEARNING_RATE * (h.T @ dz)
    b2 -= LEARNING_RATE * dz.sum(axis=0)
    W1 -= LEARNING_RATE * (x.T @ da)
    b1 -= LEARNING_RATE * da.sum(axis=0)
    return loss


def two_hidden_layers(
    x: Array, y: Array, W1: Array, b1: Array, W2: Array, b2: Array, W3: Array, b3: Array
) -> Any:
    h1 = np.maximum(x @ W1 + b1, 0)
    h2 = np.maximum(h1 @ W2 + b2, 0)
    loss, dz = softmax_cross_entropy(h2 @ W3 + b3, y)
    da2 = dz @ W3.T * (h2 > 0)
    da1 = da2 @ W2.T * (h1 > 0)
    W3 -= LEARNING_RATE * (h2.T @ dz)
    b3 -= LEARNING_RATE * dz.sum(axis=0)
    W2 -= LEARNING_RATE * (h1.T @ da2)
    b2 -= LEARNING_RATE * da2.sum(axis=0)
    W1 -= LEARNING_RATE * (x.T @ da1)
    b1 -= LEARNING_RATE * da1.sum(axis=0)
    return loss


def softmax_cross_entropy(z: Array, y: Array) -> tuple[Any, Array]:
    """The mean loss, and its gradient (q - p) / N."""
    rows = np.arange(len(y))
    shifted = z - z.max(axis=1, keepdims=True)
    exps = np.exp(shifted)
    sums = exps.sum(axis=1, keepdims=True)
    loss = (np.log(sums[:, 0]) - shifted[rows, y]).mean()
    dz = exps / sums
    dz[rows, y] -= 1
    dz /= len(y)
    return loss, dz

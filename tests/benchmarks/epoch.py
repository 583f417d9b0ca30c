"""One epoch over 60,000 rows of 784 float32: shuffling, batches, steps and what is reported."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

import tinygrad_xent as tx

from .baseline import LEARNING_RATE, SIZES, Array, one_hidden_layer, problem, two_hidden_layers

ROWS = 60_000
TARGET = 1.15


def by_hand(x: Array, y: Array, parameters: list[Array], batch: int) -> Callable[[], Any]:
    """The loop that a person would write; the mean loss, and no accuracy."""
    train = one_hidden_layer if len(parameters) == 4 else two_hidden_layers
    rng = np.random.default_rng(0)

    def epoch() -> float:
        total = 0.0
        order = rng.permutation(len(x))
        for start in range(0, len(x), batch):
            rows = order[start : start + batch]
            total += train(x[rows], y[rows], *parameters) * len(rows)
        return total / len(x)

    return epoch


def with_fit(x: Array, y: Array, parameters: list[Array], batch: int) -> Callable[[], float]:
    """One epoch of ``tx.fit``, with loss and accuracy; the seconds from its start to its end.

    What comes before the first epoch, checks and the loss before training, is not in them.
    """
    sizes = [parameters[0].shape[0], *(p.shape[0] for p in parameters[1::2])]
    model = tx.nn.MLP(sizes, rng=0)
    for p, start in zip(model.parameters(), parameters, strict=True):
        p.data = start
    optimizer = tx.optim.SGD(model.parameters(), lr=LEARNING_RATE)

    def epoch() -> float:
        ends: list[float] = []
        tx.fit(
            model,
            (x, y),
            epochs=1,
            batch_size=batch,
            optimizer=optimizer,
            on_epoch=lambda _: ends.append(perf_counter()),
        )
        return ends[1] - ends[0]

    return epoch


def compared(rounds: int, rows: int = ROWS) -> tuple[float, float, float, list[float]]:
    """Median seconds by hand, of our epoch and of the whole call, and the ratios of the epochs."""
    size = next(size for size in SIZES if size.name == "mnist")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, size.layers[0])).astype(np.float32)
    y = rng.integers(size.layers[-1], size=rows)
    parameters = problem(size).parameters
    hand = by_hand(x, y, [p.copy() for p in parameters], size.batch)
    ours = with_fit(x, y, parameters, size.batch)
    hand(), ours()
    times, epochs, calls = [], [], []
    for _ in range(rounds):
        start = perf_counter()
        hand()
        times.append(perf_counter() - start)
        start = perf_counter()
        epochs.append(ours())
        calls.append(perf_counter() - start)
    ratios = [b / a for a, b in zip(times, epochs, strict=True)]
    return median(times), median(epochs), median(calls), sorted(ratios)

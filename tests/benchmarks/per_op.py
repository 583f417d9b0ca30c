"""One op at a time, forward and backward, against the NumPy calls that do its work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import tinygrad_xent as tx
from tinygrad_xent.backprop import steps

from .baseline import SIZES, softmax_cross_entropy
from .timing import interleaved


class Row(NamedTuple):
    """An op of arrays, and what NumPy does in its place with its inputs and its gradient g."""

    name: str
    op: Callable[..., Any]
    inputs: tuple[Any, ...]
    forward: Callable[[], Any]
    backward: Callable[[Any], Any]


def rows() -> Iterator[Row]:
    """At the hidden layer of the smallest network."""
    size, rng = SIZES[0], np.random.default_rng(0)
    n, width, classes = size.batch, size.layers[1], size.layers[-1]
    h, k, W, b, z = (
        rng.normal(size=shape).astype(np.float32)
        for shape in [(n, width), (n, width), (width, width), (width,), (n, classes)]
    )
    y = rng.integers(classes, size=n)
    dz = softmax_cross_entropy(z, y)[1]
    yield Row("add", tx.Tensor.__add__, (h, k), lambda: h + k, lambda g: (g, g))
    yield Row("matmul", tx.matmul, (h, W), lambda: h @ W, lambda g: (g @ W.T, h.T @ g))
    yield Row("relu", tx.relu, (h,), lambda: np.maximum(h, 0), lambda g: g * (h > 0))
    yield Row(
        "linear",
        tx.linear,
        (h, W, b),
        lambda: h @ W + b,
        lambda g: (g @ W.T, h.T @ g, g.sum(axis=0)),
    )
    yield Row(  # by hand, loss and gradient come together, as they do in our forward
        "cross_entropy",
        lambda logits: tx.cross_entropy(logits, y),
        (z,),
        lambda: softmax_cross_entropy(z, y),
        lambda g: g * dz,
    )


def costs(row: Row, rounds: int) -> list[float]:
    """Microseconds: NumPy forward, ours, NumPy backward, ours (with the walk)."""
    inputs = [tx.Tensor(array, requires_grad=True) for array in row.inputs]
    output = row.op(*inputs)
    g = np.ones(output.shape, output.dtype)
    calls = {
        "NumPy forward": row.forward,
        "forward": lambda: row.op(*inputs),
        "NumPy backward": lambda: row.backward(g),
        "backward": lambda: list(steps(output, g)),
    }
    return [1e6 * time for time, _ in interleaved(calls, rounds).values()]

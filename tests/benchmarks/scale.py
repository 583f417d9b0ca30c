"""How time and memory grow: each series is measured at growing sizes and fitted by a power law.

``time = a · size ** exponent`` is a line in log-log; the exponent is its slope over the larger half
of the sizes, where what one call costs anyway no longer counts. 1 is linear. More than that, where
the work itself is linear in the size, would be a bug. Python's garbage collector looks through all
living objects again and again as they become more; so each series is timed with it, as everybody
runs it, and without it, which is what the exponent says.
"""

from __future__ import annotations

import gc
import math
import tracemalloc
from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np

import tinygrad_xent as tx

from . import THREADS

# What others do on the machine does not count; but process_time adds up what threads take at once.
clock = process_time if THREADS == 1 else perf_counter
ROUNDS = 3
STEEP = 1.15  # caches make a few per cent: a working set of 1 MB is faster per number than of 100


class Series(NamedTuple):
    """What grows, how far, and what is done at each size."""

    name: str
    sizes: Sequence[int]
    prepare: Callable[[int], Callable[[], Any]]
    grows: float = 1.0  # the exponent of the arithmetic itself


class Point(NamedTuple):
    size: int
    seconds: float
    without_collector: float
    bytes: int


def chain(nodes: int) -> Callable[[], Any]:
    """Each value made of the one before."""
    x = tx.Tensor(1.0, requires_grad=True)

    def build_and_walk() -> None:
        y = x
        for _ in range(nodes):
            y = -y
        y.backward()

    return build_and_walk


def fan(nodes: int) -> Callable[[], Any]:
    """One value used again and again; a sum of all."""
    x = tx.Tensor(1.0, requires_grad=True)

    def build_and_walk() -> None:
        total = x
        for _ in range(nodes // 2):
            total = total + x * 0.5
        total.backward()

    return build_and_walk


def perceptron(layers: Sequence[int], batch: int) -> Callable[[], Any]:
    """One training step."""
    rng = np.random.default_rng(0)
    x = tx.Tensor(rng.normal(size=(batch, layers[0])).astype(np.float32))
    y = rng.integers(layers[-1], size=batch)
    model = tx.nn.MLP(layers, rng=0)
    optimizer = tx.optim.SGD(model.parameters(), lr=1e-3)

    def step() -> None:
        loss = tx.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        del loss
        optimizer.step()

    return step


def loss_of(rows: int, classes: int) -> Callable[[], Any]:
    """cross_entropy and its gradient."""
    rng = np.random.default_rng(0)
    z = tx.Tensor(rng.normal(size=(rows, classes)).astype(np.float32), requires_grad=True)
    y = rng.integers(classes, size=rows)

    def loss_and_gradient() -> None:
        z.grad = None
        tx.cross_entropy(z, y).backward()

    return loss_and_gradient


def vocabulary(rows: int, classes: int) -> Callable[[], Any]:
    """linear_cross_entropy of 64 features and its gradients."""
    rng = np.random.default_rng(0)
    x, W = (
        tx.Tensor(rng.normal(size=shape).astype(np.float32), requires_grad=True)
        for shape in ((rows, 64), (64, classes))
    )
    y = rng.integers(classes, size=rows)

    def loss_and_gradients() -> None:
        x.grad = W.grad = None
        tx.linear_cross_entropy(x, W, y).backward()

    return loss_and_gradients


SERIES = [
    Series("nodes in a chain", [10**3, 10**4, 10**5, 10**6], chain),
    Series("nodes that share", [10**3, 10**4, 10**5, 10**6], fan),
    Series(
        "batch (64-64-10)", [2**k for k in range(8, 17, 2)], lambda n: perceptron([64, 64, 10], n)
    ),
    Series("width (w-w-10)", [2**k for k in range(7, 12)], lambda w: perceptron([w, w, 10], 64), 2),
    Series("depth (32 wide)", [4, 16, 64, 256, 1024], lambda d: perceptron([32] * d + [10], 64)),
    Series("classes (64 rows)", [2**k for k in range(9, 18, 2)], lambda k: loss_of(64, k)),
    Series(
        "classes of a linear_cross_entropy (512 rows)",
        [1000 * 2**k for k in range(1, 8, 2)],
        lambda k: vocabulary(512, k),
    ),
    Series(
        "rows of a linear_cross_entropy (8,000 classes)",
        [2**k for k in range(7, 14, 2)],
        lambda n: vocabulary(n, 8000),
    ),
    Series("rows (10 classes)", [2**k for k in range(8, 17, 2)], lambda n: loss_of(n, 10)),
]


def measured(series: Series, rounds: int = ROUNDS) -> list[Point]:
    """The median time of a call at each size, after one that warms up, and its peak of memory."""
    points = []
    for size in series.sizes:
        call = series.prepare(size)
        call()
        times: list[list[float]] = [[], []]
        for _ in range(rounds):
            gc.collect()
            times[0].append(_seconds(call))
            gc.disable()
            try:
                times[1].append(_seconds(call))
            finally:
                gc.enable()
        gc.collect()
        tracemalloc.start()
        call()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        points.append(Point(size, median(times[0]), median(times[1]), peak))
    return points


def _seconds(call: Callable[[], Any]) -> float:
    """One call; of short ones the mean of as many as fill 20 ms."""
    start = clock()
    call()
    once = clock() - start
    times = math.ceil(0.02 / once) if once < 0.02 else 0
    if not times:
        return once
    start = clock()
    for _ in range(times):
        call()
    return (clock() - start) / times


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The slope in log-log over the larger half, at least three points: least squares."""
    half = max(3, (len(sizes) + 1) // 2)
    slope, _ = np.polyfit(np.log(sizes[-half:]), np.log(values[-half:]), 1)
    return float(slope)


def report(rounds: int = ROUNDS) -> bool:
    """Print every series with its exponents; whether none is steeper than it should be."""
    fine = True
    print("\nsize, time of a call, without the collector, that per unit of the work, peak memory")
    for series in SERIES:
        points = measured(series, rounds)
        sizes = [p.size for p in points]
        slopes = [exponent(sizes, [p[k] for p in points]) for k in (2, 3)]
        verdict = "ok" if max(slopes) <= series.grows * STEEP else "steep"
        fine &= verdict == "ok"
        print(
            f"\n{series.name}: time ~ size^{slopes[0]:.2f}, memory ~ size^{slopes[1]:.2f}", end=""
        )
        print(f"; the arithmetic grows as size^{series.grows:g}: {verdict}")
        for p in points:
            each = 1e9 * p.without_collector / p.size**series.grows
            times = f"{1e3 * p.seconds:12.3f} ms{1e3 * p.without_collector:12.3f} ms"
            print(f"{p.size:>10,}{times}{each:10.1f} ns{p.bytes / 1e6:12.2f} MB", flush=True)
    return fine

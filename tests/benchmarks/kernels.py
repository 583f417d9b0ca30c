"""The fused losses on large batches: time, forward and backward, and the memory it takes."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

import tinygrad_xent as tx

from .baseline import Array, softmax_cross_entropy
from .timing import interleaved

# Does the work once and returns the loss and the gradients.
Call = Callable[[], tuple[Any, list[Array]]]


class Rows(NamedTuple):
    """A batch of N rows and K classes, and what ours may cost beside PyTorch."""

    n: int
    classes: int
    rounds: int
    target: float


class Layer(NamedTuple):
    """N rows of D features and K classes."""

    n: int
    features: int
    classes: int
    reduction: str = "mean"


ROWS = [Rows(128, 10, 200, 0.75), Rows(4096, 1000, 30, 1.1), Rows(2048, 50257, 5, 0.3)]
LAYERS = [Layer(2048, 128, 8000), Layer(2048, 128, 8000, "none")]
GROWTH = [(512, 8000), (512, 32_000), (512, 128_000), (1024, 128_000), (2048, 128_000)]
FASTER, SMALLER = 3, 15  # than by separate ops
UNSEEN = ("torch", "3 matrix products alone")  # whose memory is not NumPy's, or made beforehand


def report(rounds: int, quick: bool, torch: bool) -> Iterator[str]:
    """The lines of the three tables."""
    yield "\ncross_entropy, forward and backward; the others in multiples of the time of ours\n"
    others = f"{'NumPy by hand':>16}{'torch':>8}{'ours / torch':>24}"
    yield f"{'N, K':16}{'ours':>12}{'per logit':>12}{others}"
    for size in ROWS[:-1] if quick else ROWS:
        yield _rows(size, min(rounds, size.rounds), torch)
    yield "\nlinear_cross_entropy, forward and backward, and the most memory (NumPy's) at a time\n"
    yield f"{'N, D, K':28}{'':24}{'time':>12}{'to ours':>10}{'peak':>12}{'to ours':>10}"
    for layer in LAYERS:
        yield from _layer(layer, min(rounds, 10), torch)
    if quick:
        return
    yield "\nlinear_cross_entropy, D = 64: how it grows\n"
    yield f"{'N, K':16}{'time':>12}{'per logit':>12}{'peak':>12}{'of all logits':>16}"
    for n, classes in GROWTH:
        yield _growth(n, classes)


def _rows(size: Rows, rounds: int, torch: bool) -> str:
    rng = np.random.default_rng(0)
    z = rng.normal(size=(size.n, size.classes)).astype(np.float32)
    y = rng.integers(size.classes, size=size.n)
    calls: dict[str, Call] = {"ours": _ours(lambda z: tx.cross_entropy(z, y), [z])}
    calls["NumPy"] = lambda: _listed(*softmax_cross_entropy(z, y))
    if torch:
        calls["torch"] = _torch(lambda F, z, y: F.cross_entropy(z, y), [z], y)
    _check_same_work(calls)
    results = interleaved(calls, rounds)
    time, _ = results["ours"]
    cells = [f"{_unit(time):>12}", f"{1e9 * time / z.size:9.2f} ns", f"{results['NumPy'][1]:16.2f}"]
    if torch:
        ratio = 1 / results["torch"][1]
        verdict = f"{ratio:.2f} / {size.target} {'ok' if ratio <= size.target else 'over':>4}"
        cells.append(f"{results['torch'][1]:8.2f}{verdict:>24}")
    return f"{f'{size.n}, {size.classes}':16}{''.join(cells)}"


def _layer(layer: Layer, rounds: int, torch: bool) -> Iterator[str]:
    arrays, y = _features(*layer[:3])
    options = {"reduction": layer.reduction}
    calls: dict[str, Call] = {
        "linear_cross_entropy": _ours(
            lambda x, W, b: tx.linear_cross_entropy(x, W, y, b, **options), arrays
        ),
        "cross_entropy(x @ W + b)": _ours(
            lambda x, W, b: tx.cross_entropy(x @ W + b, y, **options), arrays
        ),
        "cross_entropy(linear)": _ours(
            lambda x, W, b: tx.unfused_linear_cross_entropy(x, W, y, b, **options), arrays
        ),
    }
    if layer.reduction == "mean":
        calls["NumPy by hand"] = lambda: _by_hand(*arrays, y)
    if torch:
        calls["torch"] = _torch(
            lambda F, x, W, b, y: F.cross_entropy(F.linear(x, W.T, b), y, **options), arrays, y
        )
    _check_same_work(calls)
    calls["3 matrix products alone"] = _products(*arrays, n=layer.n)
    peaks = {name: _peak(call) for name, call in calls.items() if name not in UNSEEN}
    results = interleaved(calls, rounds)
    own = peaks["linear_cross_entropy"]
    title = f"{layer.n}, {layer.features}, {layer.classes}, {layer.reduction}"
    for name, (time, ratio) in results.items():
        cells = f"{_unit(time):>12}{ratio:10.2f}"
        if name in peaks:
            cells += f"{peaks[name] / 1e6:9.1f} MB{peaks[name] / own:10.1f}"
        if name == "cross_entropy(x @ W + b)":
            cells += f"   wanted: {FASTER} {'ok' if ratio >= FASTER else 'not reached'}"
            cells += f", {SMALLER} {'ok' if peaks[name] >= SMALLER * own else 'not reached'}"
        yield f"{title:28}{name:24}{cells}"
        title = ""


def _growth(n: int, classes: int) -> str:
    arrays, y = _features(n, 64, classes)
    call = _ours(lambda x, W, b: tx.linear_cross_entropy(x, W, y, b), arrays)
    time, _ = interleaved({"ours": call}, 1)["ours"]
    peak, logits = _peak(call), 4 * n * classes
    return (
        f"{f'{n}, {classes}':16}{_unit(time):>12}{1e9 * time / n / classes:9.2f} ns"
        f"{peak / 1e6:9.1f} MB{peak / logits:16.2f}"
    )


def _features(n: int, features: int, classes: int) -> tuple[list[Array], Array]:
    rng = np.random.default_rng(0)
    shapes = (n, features), (features, classes), (classes,)
    arrays = [(rng.normal(size=s) * features**-0.25).astype(np.float32) for s in shapes]
    return arrays, rng.integers(classes, size=n)


def _ours(loss: Callable[..., Any], arrays: list[Array]) -> Call:
    tensors = [tx.Tensor(a, requires_grad=True) for a in arrays]

    def call() -> tuple[Any, list[Array]]:
        for t in tensors:
            t.grad = None
        losses = loss(*tensors)
        losses.backward(np.ones(losses.shape, np.float32))
        return losses.numpy().sum(), [t._grad for t in tensors]

    return call


def _torch(loss: Callable[..., Any], arrays: list[Array], y: Array) -> Call:
    import torch

    torch.set_num_threads(1)
    tensors = [torch.tensor(a, requires_grad=True) for a in arrays]
    labels = torch.from_numpy(y)

    def call() -> tuple[Any, list[Array]]:
        for t in tensors:
            t.grad = None
        losses = loss(torch.nn.functional, *tensors, labels).sum()
        losses.backward()
        return losses.item(), [t.grad.numpy() for t in tensors]

    return call


def _by_hand(x: Array, W: Array, b: Array, y: Array) -> tuple[Any, list[Array]]:
    loss, dz = softmax_cross_entropy(x @ W + b, y)
    return loss, [dz @ W.T, x.T @ dz, dz.sum(axis=0)]


def _products(x: Array, W: Array, b: Array, n: int) -> Call:
    """What no exact way can do without: the logits, and their products for x and W."""
    z, dx, dW = np.empty((n, W.shape[1]), x.dtype), np.empty_like(x), np.empty_like(W)

    def call() -> tuple[Any, list[Array]]:
        np.dot(x, W, out=z)
        return 0.0, [np.dot(z, W.T, out=dx), np.dot(x.T, z, out=dW)]

    return call


def _listed(loss: Any, gradient: Array) -> tuple[Any, list[Array]]:
    return loss, [gradient]


def _check_same_work(calls: dict[str, Call]) -> None:
    """Before anything is timed: loss and gradients are those of the first."""
    wanted_loss, wanted = next(iter(calls.values()))()
    for name, call in calls.items():
        loss, found = call()
        np.testing.assert_allclose(loss, wanted_loss, rtol=1e-4, err_msg=name)
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4 * np.abs(b).max(), err_msg=name)


def _peak(call: Call) -> int:
    """The most bytes at a time of what the call makes, as NumPy reports them."""
    call()
    tracemalloc.start()
    result = call()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    del result
    return peak


def _unit(time: float) -> str:
    return f"{1e6 * time:.0f} µs" if time < 1e-3 else f"{1e3 * time:.1f} ms"

"""How many digits of a loss and its gradient are right: errors against mpmath.

``python -m tests.accuracy`` prints the table: this package, its unfused twin, SciPy's log_softmax
and, where they are installed, PyTorch and optax.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any, NamedTuple

import mpmath
import numpy as np
from numpy.typing import NDArray
from scipy import special

import tinygrad_xent as tx

Array = NDArray[np.floating]
# Loss (N,) and gradient (N, K) of a batch of logits (N, K) and labels (N,).
LossAndGradient = Callable[[Array, NDArray[np.intp]], tuple[Array, Array]]


class Regime(NamedTuple):
    """Logits of a kind: rows of K, how far apart, and the gap between the label and the rest."""

    name: str
    z: Array  # (N, K) in float64
    y: NDArray[np.intp]
    gap: float  # the largest difference of two logits in a row


def regimes(seed: int = 0, most: float = 600.0) -> Iterator[Regime]:
    """σ 1 and 10, K 2 to 1000, gaps 1 to 600, an offset of 1e4, equal logits at ±1e6 and ±1e8."""
    rng = np.random.default_rng(seed)
    for sigma in (1, 10):
        for classes, rows in ((2, 40), (10, 20), (100, 4), (1000, 2)):
            z = rng.normal(0, sigma, (rows, classes))
            y = rng.integers(0, classes, rows)
            yield Regime(f"σ = {sigma}, K = {classes}", z, y, float(np.ptp(z, axis=1).max()))
    for gap in (1, 5, 12, 20, 40, 80, 300, 600):
        if gap <= most:
            z = rng.normal(0, 1, (20, 10))
            y = rng.integers(0, 10, 20)
            rest = np.where(np.arange(10) == y[:, None], -np.inf, z).max(axis=1)
            z[np.arange(20), y] = rest + gap
            y[::4] = (y[::4] + 1) % 10  # and some that are surprised by as much
            yield Regime(f"gap {gap}", z, y, gap + 8.0)
    z = 1e4 + rng.normal(0, 1, (20, 10))
    yield Regime("offset 1e4", z, rng.integers(0, 10, 20), 8.0)
    for offset in (-1e8, -1e6, 1e6, 1e8):
        yield Regime(f"equal at {offset:.0e}", np.full((2, 10), offset), np.array([0, 9]), 0.0)


def exact(z: Array, y: NDArray[np.intp]) -> tuple[list[mpmath.mpf], list[list[mpmath.mpf]]]:
    """Losses and gradients as the definition says, 50 digits beyond exp of the largest gap."""
    losses, gradients = [], []
    with mpmath.workdps(350):
        for row, label in zip(z.tolist(), y.tolist(), strict=True):
            e = [mpmath.exp(mpmath.mpf(x)) for x in row]
            total = mpmath.fsum(e)
            losses.append(mpmath.log(total / e[label]))
            gradients.append([x / total - (k == label) for k, x in enumerate(e)])
    return losses, gradients


def ulps(got: float, wanted: mpmath.mpf, dtype: type[np.floating]) -> float:
    """The error in units of the last place of the wanted number."""
    unit = np.spacing(np.abs(dtype(wanted)))
    return float(abs(mpmath.mpf(float(got)) - wanted) / mpmath.mpf(float(unit)))


def errors(f: LossAndGradient, regime: Regime, dtype: type[np.floating]) -> tuple[float, ...]:
    """The largest errors in ulp: of the loss, of the gradient at the label, of other gradients."""
    z = regime.z.astype(dtype)
    loss, gradient = f(z, regime.y)
    losses, gradients = exact(z, regime.y)
    worst = [0.0, 0.0, 0.0]
    for n, label in enumerate(regime.y):
        worst[0] = max(worst[0], ulps(loss[n], losses[n], dtype))
        for k, wanted in enumerate(gradients[n]):
            place = 1 if k == label else 2
            worst[place] = max(worst[place], ulps(gradient[n, k], wanted, dtype))
    return tuple(worst)


def ours(z: Array, y: NDArray[np.intp], f: Callable[..., Any] | None = None) -> tuple[Any, Any]:
    t = tx.Tensor(z, requires_grad=True)
    loss = (f or tx.cross_entropy)(t, y, reduction="none")
    loss.backward(np.ones(len(y)))
    return loss.numpy(), t.grad


def unfused(z: Array, y: NDArray[np.intp]) -> tuple[Any, Any]:
    return ours(z, y, tx.unfused_cross_entropy)


def scipy(z: Array, y: NDArray[np.intp]) -> tuple[Any, Any]:
    rows = np.arange(len(y))
    gradient = special.softmax(z, axis=1)
    gradient[rows, y] -= 1
    return -special.log_softmax(z, axis=1)[rows, y], gradient


def torch(z: Array, y: NDArray[np.intp]) -> tuple[Any, Any]:
    import torch

    t = torch.tensor(z, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(t, torch.tensor(y), reduction="none")
    loss.sum().backward()
    return loss.detach().numpy(), t.grad.numpy()


def optax(z: Array, y: NDArray[np.intp]) -> tuple[Any, Any]:
    import jax
    import optax

    jax.config.update("jax_enable_x64", True)
    losses = optax.softmax_cross_entropy_with_integer_labels
    return np.asarray(losses(z, y)), np.asarray(jax.grad(lambda z: losses(z, y).sum())(z))


def main() -> None:
    contestants = {"ours": ours, "unfused": unfused, "SciPy": scipy, "torch": torch, "optax": optax}
    found = {name: f for name, f in contestants.items() if name in ("ours", "unfused", "SciPy")}
    for name in ("torch", "optax"):
        if find_spec(name):
            found[name] = contestants[name]
    for dtype, most in ((np.float64, 600.0), (np.float32, 80.0)):
        print(f"\n{dtype.__name__}: largest error in ulp, loss | gradient at the label")
        print(f"{'':18}" + "".join(f"{name:>20}" for name in found))
        for regime in regimes(most=most):
            cells = []
            for f in found.values():
                with np.errstate(all="ignore"):
                    loss, gradient, _ = errors(f, regime, dtype)
                cells.append(f"{_short(loss)} | {_short(gradient)}")
            print(f"{regime.name:18}" + "".join(f"{cell:>20}" for cell in cells), flush=True)


def _short(error: float) -> str:
    return f"{error:.1f}" if error < 1000 else f"{error:.0e}".replace("e+0", "e").replace("e+", "e")


if __name__ == "__main__":
    main()

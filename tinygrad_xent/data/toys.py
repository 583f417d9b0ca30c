"""Toy sets in the plane whose true p(y|x) is known.

One mechanism makes them all. Each class is a curve, kept as M equally spaced points on it. To draw
an example, pick a class, pick one of the points of its curve, and add Gaussian noise of standard
deviation σ to both coordinates. So the density of a class is a mixture of M Gaussians,

    p(x | y=k) = 1/M Σ_m N(x; c_km, σ² I),

and, as all classes are equally likely, Bayes' rule gives what every classifier tries to learn:

    p(y=k | x) = p(x | y=k) / Σ_j p(x | y=j).

No model can have a smaller expected cross-entropy than this p; whether a model's probabilities are
right can therefore be *checked* here, not only hoped for. A blob is a curve of one point, and the
classes of xor have two points each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import Seed, finite_matrix, generator, real_number, whole_number
from .dataset import Dataset

Array = NDArray[np.float64]

# Points per curve: close enough together that, at the noise levels below, they blur into a line.
POINTS = 100


# eq=False for the reason given at Dataset: == between arrays is not a bool.
@dataclass(frozen=True, eq=False)
class Mixture:
    """K equally likely classes in the plane, each a mixture of M equal round Gaussians.

    Attributes
    ----------
    centres : float64 array (K, M, 2)
        The M points of each class.
    noise : float, 0.001 .. 1000
        σ, the standard deviation of every Gaussian in both directions, in the units of x. Never 0:
        without noise there is no density, and next to the curves p(y|x) would be 0/0.

    Raises
    ------
    ValueError
        If `centres` has another shape or is not finite, or `noise` is out of range.

    Examples
    --------
    Two classes of one point each, 2 apart, σ = 1. In the middle nothing is known; at a centre
    the log-odds are 2, and 1 / (1 + exp(-2)) = 0.88.

    >>> import tinygrad_xent as tx
    >>> import numpy as np
    >>> pair = tx.data.Mixture(np.array([[[-1.0, 0.0]], [[1.0, 0.0]]]), noise=1.0)
    >>> pair.posterior(np.array([[0.0, 0.0], [1.0, 0.0]])).round(2)
    array([[0.5 , 0.5 ],
           [0.12, 0.88]])
    """

    centres: Array
    noise: float

    def __post_init__(self) -> None:
        centres = np.array(self.centres, dtype=np.float64)  # a copy: nobody moves them later
        shape = centres.shape
        if len(shape) != 3 or 0 in shape or shape[2] != 2:
            raise ValueError(f"centres must have shape (classes, points, 2), got {shape}")
        if not np.isfinite(centres).all():
            raise ValueError("centres must be finite")
        object.__setattr__(self, "centres", centres)
        if not 1e-3 <= real_number("noise", self.noise) <= 1e3:
            raise ValueError(f"noise must be in 0.001 .. 1000, got {self.noise!r}")

    def sample(self, n: int, seed: Seed) -> tuple[Array, NDArray[np.int64]]:
        """Return `n` points (n, 2) and their labels (n,), in random order.

        The labels are a shuffled deck, not n throws of a die: class sizes differ by at most one.
        ValueError unless there is at least one row per class.
        """
        classes, points, _ = self.centres.shape
        n, rng = whole_number("n", n, least=classes), generator("seed", seed)
        y = rng.permutation(np.arange(n, dtype=np.int64) % classes)
        on_curve = self.centres[y, rng.integers(points, size=n)]
        return on_curve + self.noise * rng.standard_normal((n, 2)), y

    def posterior(self, x: NDArray[Any]) -> Array:
        """Return the true p(y|x) at the points `x` (N, 2), as float64 (N, K); each row sums to 1.

        Raises
        ------
        ValueError
            If `x` has not two columns or holds a number that is not finite.
        """
        x = np.asarray(x, dtype=np.float64)
        finite_matrix(x)
        if x.shape[1] != 2:
            raise ValueError(f"x must have shape (N, 2), points in the plane, got {x.shape}")
        # One class at a time: for the many points of a plot, (N, K, M) at once would be too much.
        log_p = np.stack([self._log_density(x, curve) for curve in self.centres], axis=1)
        p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
        return np.asarray(p / p.sum(axis=1, keepdims=True))

    def _log_density(self, x: Array, curve: Array) -> Array:
        """Return log p(x | y=k) at each row of `x`, less what does not depend on the class.

        -|x - c|²/2 = x·c - |c|²/2 - |x|²/2, and the last term is the same for every centre of every
        class, so it drops out of Bayes' rule, as do 1/M and the 2πσ² of the Gaussian. Leaving it
        out keeps the digits that a large |x|² would swallow. What is left is linear in x: with
        one centre per class, p(y|x) is *exactly* softmax(x W + b).
        """
        exponent = (x @ curve.T - 0.5 * (curve**2).sum(axis=1)) / self.noise**2
        # log Σ exp, with the largest term taken out: exp of the others is then at most 1.
        largest = exponent.max(axis=1)
        return np.asarray(largest + np.log(np.exp(exponent - largest[:, None]).sum(axis=1)))


def moons(n: int = 500, seed: Seed = 0, noise: float = 0.2) -> Dataset:
    """Two half circles of radius 1, each with an end inside the other (as in scikit-learn)."""
    t = np.linspace(0, np.pi, POINTS)
    upper = np.stack([np.cos(t), np.sin(t)], axis=1)
    lower = np.stack([1 - np.cos(t), 0.5 - np.sin(t)], axis=1)
    return _draw("moons", [upper, lower], ("upper", "lower"), n, seed, noise)


def spiral(n: int = 500, seed: Seed = 0, noise: float = 0.05, classes: int = 3) -> Dataset:
    """`classes` arms that wind out of the origin, angle 4 r at radius r, up to radius 1."""
    k = whole_number("classes", classes, least=2)
    turn = 4.0  # radians from the origin to the end of an arm
    r = _equally_spaced_radii(turn)
    angles = [turn * r + 2 * np.pi * arm / k for arm in range(k)]
    arms = [np.stack([r * np.cos(a), r * np.sin(a)], axis=1) for a in angles]
    return _draw("spiral", arms, tuple(f"arm {i}" for i in range(k)), n, seed, noise)


def rings(n: int = 500, seed: Seed = 0, noise: float = 0.12, classes: int = 2) -> Dataset:
    """`classes` circles around the origin, of radius 0.5, 1, 1.5 and so on."""
    k = whole_number("classes", classes, least=2)
    t = np.linspace(0, 2 * np.pi, POINTS, endpoint=False)  # the end of a circle is its start
    circle = np.stack([np.cos(t), np.sin(t)], axis=1)
    circles = [0.5 * (i + 1) * circle for i in range(k)]
    return _draw("rings", circles, tuple(f"ring {i}" for i in range(k)), n, seed, noise)


def blobs(n: int = 500, seed: Seed = 0, noise: float = 1.0, classes: int = 3) -> Dataset:
    """`classes` round Gaussians; their centres stand on a circle, neighbours 4 apart.

    Its p(y|x) is a softmax of linear logits, so a single Linear layer can be exactly right.
    """
    k = whole_number("classes", classes, least=2)
    angles = 2 * np.pi * np.arange(k) / k
    radius = 2 / np.sin(np.pi / k)  # a chord of 4 between neighbours
    centres = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    names = tuple(f"blob {i}" for i in range(k))
    return _draw("blobs", list(centres[:, None, :]), names, n, seed, noise)


def xor(n: int = 500, seed: Seed = 0, noise: float = 0.5) -> Dataset:
    """Four Gaussians at (±1, ±1); the class says whether the signs of the centre are equal.

    No straight line separates the classes: the smallest set that needs a hidden layer.
    """
    equal = np.array([[-1.0, -1.0], [1.0, 1.0]])
    different = np.array([[-1.0, 1.0], [1.0, -1.0]])
    return _draw("xor", [equal, different], ("equal", "different"), n, seed, noise)


TOYS = {"moons": moons, "spiral": spiral, "rings": rings, "blobs": blobs, "xor": xor}


def _draw(
    name: str, curves: list[Array], classes: tuple[str, ...], n: int, seed: Seed, noise: float
) -> Dataset:
    """Return `n` labelled points around the `curves`, one curve (M, 2) per class."""
    mixture = Mixture(np.stack(curves), noise)
    x, y = mixture.sample(n, seed)
    source = f"drawn by tinygrad_xent (n={n}, seed={seed}, noise={noise}); no licence needed"
    return Dataset(name, x.astype(np.float32), y, classes, ("x0", "x1"), source, mixture.posterior)


def _equally_spaced_radii(turn: float) -> Array:
    """Return POINTS radii in 0 .. 1 that lie equally far apart *along* the spiral angle = turn · r.

    Equal steps in r would not do: a step in angle is longer farther out. So the arm is measured
    with many small steps, and the radii are read off at equal lengths.
    """
    r = np.linspace(0, 1, 10_001)
    steps = np.hypot(np.diff(r * np.cos(turn * r)), np.diff(r * np.sin(turn * r)))
    length = np.concatenate([[0.0], np.cumsum(steps)])
    return np.interp(np.linspace(0, length[-1], POINTS), length, r)

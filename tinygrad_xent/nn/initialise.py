"""How weights and biases start: each function draws an array from a Generator.

`Linear` calls it for its weight, of shape (fan_in, fan_out), and for its bias, of shape (fan_out,):
with the Generator `rng`, that `shape`, and `fan_in`, how many numbers each output is made of.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from ..value import Array

# As text: numpy.random takes longer to load than this package, and is only loaded where it is used.
Seed: TypeAlias = "int | np.random.Generator | None"
Initialiser: TypeAlias = "Callable[[np.random.Generator, tuple[int, ...], int], Array]"


def fan_in_uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> Array:
    """Uniform in ±1/√fan_in, PyTorch's default: small first logits, so q starts near 1/K."""
    bound = 1 / math.sqrt(fan_in)
    return rng.uniform(-bound, bound, shape)


def he_normal(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> Array:
    """Normal with variance 2/fan_in, which keeps the size of signals through relu layers; bias 0.

    He, Zhang, Ren and Sun, "Delving deep into rectifiers", 2015, equation 10.
    """
    if len(shape) == 1:
        return np.zeros(shape)
    return rng.normal(0.0, math.sqrt(2 / fan_in), shape)


def glorot_uniform(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> Array:
    """Uniform in ±√(6 / (fan_in + fan_out)), which keeps the size of signals and of gradients
    through tanh layers; bias 0.

    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    2010, equation 16.
    """
    if len(shape) == 1:
        return np.zeros(shape)
    bound = math.sqrt(6 / (fan_in + shape[-1]))
    return rng.uniform(-bound, bound, shape)


def zeros(rng: np.random.Generator, shape: tuple[int, ...], fan_in: int) -> Array:
    """All zeros: right for a last layer or a bias, useless in between, where units stay equal."""
    return np.zeros(shape)


def generator(seed: Any) -> np.random.Generator:
    """The Generator itself, or a new one from a seed (None: from the operating system)."""
    return np.random.default_rng(seed)

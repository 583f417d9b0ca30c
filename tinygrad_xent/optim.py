"""Optimizers: how parameters follow their gradients, step for step as PyTorch's do.

An optimizer gives a parameter a new array and leaves the old one to the graph that recorded it, so
a graph stays right after a step.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from .tensor import Tensor
from .value import NOBODY, Array, _listeners, as_array, as_number


class Optimizer:
    """What all optimizers share: the parameters, the learning rate and a state per parameter.

    Raises
    ------
    TypeError, ValueError
        If there are no parameters, one is not a leaf Tensor that needs a gradient, or one comes
        twice.
    """

    def __init__(self, params: Iterable[Tensor], lr: float) -> None:
        self.lr = _at_least_zero(self, "lr", lr)
        self.params = _leaves(type(self).__name__, params)
        self.state: list[dict[str, Any]] = [{} for _ in self.params]

    def step(self) -> None:
        """Move every parameter that has a gradient."""
        moved = self.moved
        told = _listeners()
        for p, state in zip(self.params, self.state, strict=True):
            g = p._grad
            if g is not None:
                before = p._array
                theta = moved(before, g, state)
                # NumPy turns 0-d results into scalars.
                p._array = theta if type(theta) is np.ndarray else as_array(theta)
                p._holder = NOBODY  # but this parameter; a graph keeps the array that it recorded
                for listener in told:
                    listener.updated(p, before, self.rule)

    @property
    def rule(self) -> str:
        """The step as a formula, for those who watch; a subclass says its own."""
        return f"{type(self).__name__}(θ, ḡ)"

    def moved(self, theta: Array, g: Array, state: dict[str, Any]) -> Any:
        """The parameter after the step, as a new array, from the present one and its gradient."""
        raise NotImplementedError(f"{type(self).__name__}.moved")

    def zero_grad(self) -> None:
        """Forget the gradients; without this the next ``backward()`` adds to them."""
        for p in self.params:
            p._grad = None


class SGD(Optimizer):
    """Gradient descent: ``θ ← θ - lr v`` with v the gradient, or with momentum a running sum of it.

    Parameters
    ----------
    params
        Leaf Tensors, ``model.parameters()``.
    lr
        The learning rate.
    momentum
        μ in ``v ← μ v + (1 - dampening) g``; the first v is g.
    dampening
        See momentum.
    weight_decay
        λ in ``g + λ θ``, the gradient of ``λ θ² / 2`` added to the loss.
    nesterov
        Step along ``g + μ v`` instead of v; then momentum > 0 and no dampening.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> w = tx.Tensor([1.0], requires_grad=True)
    >>> (3 * w).sum().backward()
    >>> tx.optim.SGD([w], lr=0.1).step()   # 1 - 0.1 * 3
    >>> w
    Tensor([0.7], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(params, lr)
        self.momentum = _at_least_zero(self, "momentum", momentum)
        self.weight_decay = _at_least_zero(self, "weight_decay", weight_decay)
        self.dampening = _at_least_zero(self, "dampening", dampening)
        self.nesterov = nesterov
        if nesterov and (not self.momentum or self.dampening):
            raise ValueError("SGD: nesterov needs momentum > 0 and no dampening")

    @property
    def rule(self) -> str:
        """See `Optimizer.rule`."""
        g = f"(ḡ + {self.weight_decay:g} θ)" if self.weight_decay else "ḡ"
        return f"θ - {self.lr:g} {f'v, v a running sum of {g}' if self.momentum else g}"

    def moved(self, theta: Array, g: Array, state: dict[str, Any]) -> Any:
        """See `Optimizer.moved`."""
        if self.weight_decay:
            g = g + self.weight_decay * theta
        if self.momentum:
            g = self.direction(g, state)
        moved = g * -as_number(self.lr)
        moved += theta  # in the product's memory
        return moved

    def direction(self, g: Array, state: dict[str, Any]) -> Any:
        """The way that momentum goes, given the gradient."""
        v = state.get("velocity")
        # A copy at first: g is the array in .grad, which the user may set to 0 in place.
        v = g.copy() if v is None else self.momentum * v + (1 - self.dampening) * g
        state["velocity"] = v
        return g + self.momentum * v if self.nesterov else v


class Adam(Optimizer):
    """Steps scaled by running means of the gradient and of its square, both freed of their bias.

    ``θ ← θ - lr m̂ / (√v̂ + eps)`` with ``m ← β₁ m + (1 - β₁) g``, ``v ← β₂ v + (1 - β₂) g²``,
    ``m̂ = m / (1 - β₁ᵗ)``, ``v̂ = v / (1 - β₂ᵗ)``; Kingma and Ba, "Adam", 2014, algorithm 1.

    Parameters
    ----------
    params, lr
        See `SGD`.
    betas
        β₁ and β₂, each in [0, 1).
    eps
        Keeps the division away from 0.
    weight_decay
        λ in ``g + λ θ``: part of the gradient, and so scaled like it (unlike in `AdamW`).

    Examples
    --------
    The first step is lr long, whatever the size of the gradient.

    >>> import tinygrad_xent as tx
    >>> w = tx.Tensor([1.0, 1.0], requires_grad=True)
    >>> (w * tx.Tensor([3.0, -500.0])).sum().backward()
    >>> tx.optim.Adam([w], lr=0.25).step()
    >>> w
    Tensor([0.75, 1.25], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, lr)
        if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"{type(self).__name__}: betas are {betas}; wanted two in [0, 1)")
        self.betas = (float(betas[0]), float(betas[1]))  # a np.float64 would widen float32
        self.eps = _at_least_zero(self, "eps", eps)
        self.weight_decay = _at_least_zero(self, "weight_decay", weight_decay)

    @property
    def rule(self) -> str:
        """See `Optimizer.rule`."""
        return f"θ - {self.lr:g} m̂ / (√v̂ + {self.eps:g})"

    def moved(self, theta: Array, g: Array, state: dict[str, Any]) -> Any:
        """See `Optimizer.moved`."""
        theta, g = self.decayed(theta, g)
        beta1, beta2 = self.betas
        t = state["t"] = state.get("t", 0) + 1
        m = state["m"] = beta1 * state.get("m", 0.0) + (1 - beta1) * g
        v = state["v"] = beta2 * state.get("v", 0.0) + (1 - beta2) * (g * g)
        scale = np.sqrt(v) / (1 - beta2**t) ** 0.5 + self.eps
        return theta - as_number(self.lr) / (1 - beta1**t) * m / scale

    def decayed(self, theta: Array, g: Array) -> tuple[Array, Array]:
        """Parameter and gradient after weight decay."""
        return (theta, g + self.weight_decay * theta) if self.weight_decay else (theta, g)


class AdamW(Adam):
    """Adam with weight decay beside the gradient: ``θ ← θ - lr λ θ`` first, then Adam's step.

    Loshchilov and Hutter, "Decoupled weight decay regularization", 2017.

    Parameters
    ----------
    params, lr, betas, eps
        See `Adam`.
    weight_decay
        λ above.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay)

    def decayed(self, theta: Array, g: Array) -> tuple[Array, Array]:
        """Parameter and gradient after weight decay."""
        return theta * (1 - as_number(self.lr) * self.weight_decay), g


def _leaves(optimizer: str, params: Iterable[Tensor]) -> list[Tensor]:
    """The parameters as a list, each of which can be moved, or an error that names the one."""
    if isinstance(params, Tensor):  # iterating would give its rows
        raise TypeError(f"{optimizer}: got a Tensor; wanted a list of Tensors, such as [w]")
    found: dict[int, int] = {}
    leaves = list(params)
    if not leaves:
        raise ValueError(f"{optimizer}: got no parameters")
    for k, p in enumerate(leaves):
        if not isinstance(p, Tensor):
            raise TypeError(f"{optimizer}: parameter {k} is {p!r}; wanted a Tensor")
        which = f"parameter {k}" + (f", {p.name!r}," if p.name else "") + f" of shape {p.shape}"
        if p.op is not None:
            raise ValueError(f"{optimizer}: {which} is the result of {p.op.name}; wanted a leaf")
        if not p.requires_grad:
            raise ValueError(f"{optimizer}: {which} has requires_grad=False; wanted True")
        if id(p) in found:
            raise ValueError(f"{optimizer}: {which} was given before, as parameter {found[id(p)]}")
        found[id(p)] = k
    return leaves


def _at_least_zero(optimizer: Optimizer, name: str, value: Any) -> float:
    # Also keeps a np.float64 from widening float32 parameters: Python's floats are weak.
    if not isinstance(value, numbers.Real) or not 0 <= float(value) < math.inf:
        raise ValueError(f"{type(optimizer).__name__}: {name} is {value!r}; wanted a number >= 0")
    return float(value)

"""Adam and AdamW."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real
from typing import Any, ClassVar

import numpy as np

from ..tensor import Tensor
from ..value import Array, as_number
from .optimizer import Optimizer


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
    amsgrad
        Divide by the largest v so far instead of the present one, so that steps never grow again;
        Reddi, Kale and Kumar, "On the convergence of Adam and beyond", 2018.
    maximize
        Climb: g is the gradient's negative.

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

    keeps: ClassVar[dict[str, str] | None] = {"t": "", "m": "", "v": "", "v_max": "amsgrad"}

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, maximize=maximize)
        self.betas = betas
        self._check()
        self.betas = (float(betas[0]), float(betas[1]))  # a np.float64 would widen float32
        self.eps = self._at_least_zero("eps", eps)
        self.weight_decay = self._at_least_zero("weight_decay", weight_decay)
        self.amsgrad = self._yes_or_no("amsgrad", amsgrad)

    def _check(self) -> None:
        betas = self.betas
        two = np.shape(betas) == (2,) and all(isinstance(beta, Real) for beta in betas)
        if not two or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"{type(self).__name__}: betas are {betas!r}; wanted two in [0, 1)")

    @property
    def rule(self) -> str:
        """See `Optimizer.rule`."""
        sign = "+" if self.maximize else "-"
        v = "max v̂" if self.amsgrad else "v̂"
        return f"θ {sign} {self.lr:g} m̂ / (√{v} + {self.eps:g})"

    def moved(self, theta: Array, g: Array, state: dict[str, Any]) -> Any:
        """See `Optimizer.moved`."""
        theta, g = self.decayed(theta, g)
        beta1, beta2 = self.betas
        t = state["t"] = state.get("t", 0) + 1
        m = state["m"] = beta1 * state.get("m", 0.0) + (1 - beta1) * g
        v = state["v"] = beta2 * state.get("v", 0.0) + (1 - beta2) * (g * g)
        if self.amsgrad:
            v = state["v_max"] = np.maximum(v, state.get("v_max", 0.0))
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
    params, lr, betas, eps, amsgrad, maximize
        See `Adam`.
    weight_decay
        λ above.

    Examples
    --------
    Adam's first step is lr long; before it, the weight shrinks by lr λ = 0.05 of itself.

    >>> import tinygrad_xent as tx
    >>> w = tx.Tensor([2.0], requires_grad=True)
    >>> (3 * w).sum().backward()
    >>> tx.optim.AdamW([w], lr=0.5, weight_decay=0.1).step()   # 2 - 0.05 * 2 - 0.5
    >>> w
    Tensor([1.4], requires_grad=True)
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, betas, eps, weight_decay, amsgrad, maximize=maximize)

    @property
    def rule(self) -> str:
        """See `Optimizer.rule`."""
        kept = f"(1 - {self.lr:g} · {self.weight_decay:g}) θ" if self.weight_decay else "θ"
        return super().rule.replace("θ", kept, 1)

    def decayed(self, theta: Array, g: Array) -> tuple[Array, Array]:
        """Parameter and gradient after weight decay."""
        return theta * (1 - as_number(self.lr) * self.weight_decay), g

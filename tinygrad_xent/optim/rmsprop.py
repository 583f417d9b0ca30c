"""RMSprop."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from ..tensor import Tensor
from ..value import Array, as_number
from .optimizer import Optimizer


class RMSprop(Optimizer):
    """Steps scaled by the root of a running mean of the squared gradient.

    ``θ ← θ - lr g / (√v + eps)`` with ``v ← α v + (1 - α) g²``; Hinton, "Neural networks for
    machine learning", lecture 6, 2012. Centered, v less the square of the running mean of g, which
    is the gradient's variance: Graves, "Generating sequences with recurrent neural networks", 2013.

    Parameters
    ----------
    params
        See `SGD`.
    lr
        The learning rate.
    alpha
        α in [0, 1]: how much of the running mean stays.
    eps
        Keeps the division away from 0.
    weight_decay
        λ in ``g + λ θ``.
    momentum
        μ in ``u ← μ u + g / (√v + eps)``; the step is then ``lr u``.
    centered
        Divide by the standard deviation of the gradient. A variance that rounding makes negative is
        0 here (and ends in nan in PyTorch).
    maximize
        Climb: g is the gradient's negative.

    Examples
    --------
    The first v is (1 - α) g², so the first step is lr / √(1 - α) long, whatever the gradient.

    >>> import tinygrad_xent as tx
    >>> w = tx.Tensor([1.0, 1.0], requires_grad=True)
    >>> (w * tx.Tensor([3.0, -500.0])).sum().backward()
    >>> tx.optim.RMSprop([w], lr=0.125, alpha=0.75).step()   # 1 ∓ 0.125 / 0.5
    >>> w
    Tensor([0.75, 1.25], requires_grad=True)
    """

    keeps: ClassVar[dict[str, str] | None] = {"v": "", "m": "centered", "velocity": "momentum"}

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        centered: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, maximize=maximize)
        self.alpha = self._at_least_zero("alpha", alpha)
        self.eps = self._at_least_zero("eps", eps)
        self.weight_decay = self._at_least_zero("weight_decay", weight_decay)
        self.momentum = self._at_least_zero("momentum", momentum)
        self.centered = self._yes_or_no("centered", centered)
        self._check()

    def _check(self) -> None:
        if self.alpha > 1:
            raise ValueError(f"RMSprop: alpha is {self.alpha!r}; wanted one in [0, 1]")

    @property
    def rule(self) -> str:
        """See `Optimizer.rule`."""
        v = "(v - m²)" if self.centered else "v"
        step = f"{self._with_decay(self.weight_decay)} / (√{v} + {self.eps:g})"
        return f"θ - {self.lr:g} {f'u, u a running sum of {step}' if self.momentum else step}"

    def moved(self, theta: Array, g: Array, state: dict[str, Any]) -> Any:
        """See `Optimizer.moved`."""
        if self.weight_decay:
            g = g + self.weight_decay * theta
        alpha = self.alpha
        v = state["v"] = alpha * state.get("v", 0.0) + (1 - alpha) * (g * g)
        if self.centered:
            m = state["m"] = alpha * state.get("m", 0.0) + (1 - alpha) * g
            v = np.maximum(v - m * m, 0.0)
        step = g / (np.sqrt(v) + self.eps)
        if self.momentum:
            step = state["velocity"] = self.momentum * state.get("velocity", 0.0) + step
        return theta - as_number(self.lr) * step

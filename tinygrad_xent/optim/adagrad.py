"""Adagrad."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from ..tensor import Tensor
from ..value import Array, as_number
from .optimizer import Optimizer


class Adagrad(Optimizer):
    """Steps scaled by the root of the sum of all squared gradients: seldom moved, far moved.

    ``θ ← θ - lr g / (√s + eps)`` with ``s ← s + g²``; Duchi, Hazan and Singer, "Adaptive
    subgradient methods for online learning and stochastic optimization", 2011.

    Parameters
    ----------
    params
        See `SGD`.
    lr
        The learning rate.
    lr_decay
        η in ``lr / (1 + η (t - 1))``, which takes the place of lr in step t = 1, 2, …
    weight_decay
        λ in ``g + λ θ``.
    initial_accumulator_value
        The s from which every sum starts.
    eps
        Keeps the division away from 0.
    maximize
        Climb: g is the gradient's negative.

    Examples
    --------
    Gradients 3 and then 4 make s = 9 and then 25.

    >>> import tinygrad_xent as tx
    >>> w = tx.Tensor([2.0], requires_grad=True)
    >>> optimizer = tx.optim.Adagrad([w], lr=0.5)
    >>> for g in (3.0, 4.0):   # 2 - 0.5 * 3 / 3 - 0.5 * 4 / 5
    ...     w.grad = [g]
    ...     optimizer.step()
    >>> w
    Tensor([1.1], requires_grad=True)
    """

    keeps: ClassVar[dict[str, str] | None] = {"t": "", "sum": ""}

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, maximize=maximize)
        self.lr_decay = self._at_least_zero("lr_decay", lr_decay)
        self.weight_decay = self._at_least_zero("weight_decay", weight_decay)
        self.initial_accumulator_value = self._at_least_zero(
            "initial_accumulator_value", initial_accumulator_value
        )
        self.eps = self._at_least_zero("eps", eps)

    @property
    def rule(self) -> str:
        """See `Optimizer.rule`."""
        lr = f"{self.lr:g}" + (f" / (1 + {self.lr_decay:g} (t - 1))" if self.lr_decay else "")
        g = self._with_decay(self.weight_decay)
        square = f"{g}²" if self.weight_decay else "ḡ²"
        return f"θ - {lr} {g} / (√Σ{square} + {self.eps:g})"

    def moved(self, theta: Array, g: Array, state: dict[str, Any]) -> Any:
        """See `Optimizer.moved`."""
        if self.weight_decay:
            g = g + self.weight_decay * theta
        t = state["t"] = state.get("t", 0) + 1
        s = state["sum"] = state.get("sum", self.initial_accumulator_value) + g * g
        lr = as_number(self.lr) / (1 + (t - 1) * self.lr_decay)
        return theta - lr * g / (np.sqrt(s) + self.eps)

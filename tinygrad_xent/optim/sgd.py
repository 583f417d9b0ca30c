"""Gradient descent, with momentum."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from ..tensor import Tensor
from ..value import Array, as_number
from .optimizer import Optimizer

ndarray = np.ndarray


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
    maximize
        Climb: g is the gradient's negative.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> w = tx.Tensor([1.0], requires_grad=True)
    >>> (3 * w).sum().backward()
    >>> tx.optim.SGD([w], lr=0.1).step()   # 1 - 0.1 * 3
    >>> w
    Tensor([0.7], requires_grad=True)
    """

    keeps: ClassVar[dict[str, str] | None] = {"velocity": "momentum"}

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 1e-3,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        super().__init__(params, lr, maximize=maximize)
        self.momentum = self._at_least_zero("momentum", momentum)
        self.weight_decay = self._at_least_zero("weight_decay", weight_decay)
        self.dampening = self._at_least_zero("dampening", dampening)
        self.nesterov = self._yes_or_no("nesterov", nesterov)
        self._check()

    def _check(self) -> None:
        if self.nesterov and (not self.momentum or self.dampening):
            raise ValueError("SGD: nesterov needs momentum > 0 and no dampening")

    @property
    def rule(self) -> str:
        """See `Optimizer.rule`."""
        g = self._with_decay(self.weight_decay)
        if not self.momentum:
            return f"θ - {self.lr:g} {g}"
        step = f"({g} + {self.momentum:g} v)" if self.nesterov else "v"
        return f"θ - {self.lr:g} {step}, v a running sum of {g}"

    def moved(self, theta: Array, g: Array, state: dict[str, Any]) -> Any:
        """See `Optimizer.moved`."""
        if self.weight_decay:
            g = g + self.weight_decay * theta
        if self.momentum:
            g = self.direction(g, state)
        moved = g * _minus(self.lr, g)
        moved += theta  # in the product's memory
        return moved

    def direction(self, g: Array, state: dict[str, Any]) -> Any:
        """The way that momentum goes, given the gradient."""
        v = state.get("velocity")
        # A copy at first: g is the array in .grad, which the user may set to 0 in place.
        v = g.copy() if v is None else self.momentum * v + (1 - self.dampening) * g
        state["velocity"] = v
        return g + self.momentum * v if self.nesterov else v


# The last learning rate of any optimizer, a dtype, and -lr as an array of that dtype.
_last: tuple[Any, Any, Any] = (None, None, None)


def _minus(lr: Any, g: Any) -> Any:
    """-lr to multiply g by: NumPy reads a Python number as slowly as it multiplies a small array.

    A tracer is given the number, which is an input of its program.
    """
    global _last
    known, dtype, minus = _last
    if lr is known and dtype is g.dtype and type(g) is ndarray:
        return minus
    number = -as_number(lr)
    if type(lr) is float and type(g) is ndarray:
        _last = lr, g.dtype, np.asarray(number, g.dtype)
    return number

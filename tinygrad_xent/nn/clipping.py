"""Gradients held to a length, so that one bad batch cannot throw the weights away."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..tensor import Tensor

TINY = 1e-6  # PyTorch's: keeps the division away from 0


def clip_grad_norm(params: Iterable[Tensor], max_norm: float, norm_type: float = 2.0) -> Any:
    """Shrink all gradients by one factor, if together they are longer than `max_norm`; in place.

    ``ḡ ← ḡ min(1, max_norm / (‖ḡ‖ + 1e-6))`` with ‖ḡ‖ the norm of the numbers of all gradients
    together, which keeps their direction; PyTorch's ``clip_grad_norm_``. Pascanu, Mikolov and
    Bengio, "On the difficulty of training recurrent neural networks", 2013, algorithm 1. It
    compiles, too.

    Parameters
    ----------
    params
        Tensors, ``model.parameters()``; one without a gradient is left out.
    max_norm
        A number of at least 0; infinity to measure alone.
    norm_type
        k in ``(Σ |ḡ|ᵏ)^(1/k)``, at least 1; infinity for the largest ``|ḡ|``.

    Returns
    -------
    numpy scalar
        The norm before; 0.0 if there is no gradient. It overflows only where the norm itself does;
        where a gradient is not finite, neither is it, nor are they.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as above.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> w = tx.Tensor([3.0, 4.0], requires_grad=True)
    >>> (w * w / 2).sum().backward()                   # the gradient is w, of length 5
    >>> float(tx.nn.clip_grad_norm([w], max_norm=1.0)), w.grad.round(4).tolist()
    (5.0, [0.6000000238418579, 0.800000011920929])
    """
    max_norm = _number("max_norm", max_norm, 0.0, infinite=True)
    norm_type = _number("norm_type", norm_type, 1.0, infinite=True)
    with_grad = [p for p in _tensors(params) if p._grad is not None]
    if not with_grad:
        return 0.0
    norm = _norm([p._grad for p in with_grad], norm_type)
    if max_norm == math.inf:
        return norm
    factor = np.minimum(max_norm / (norm + TINY), 1.0)
    for p in with_grad:
        g: Any = p._grad
        # A new array: the walk may have given one to several leaves.
        p._kept = np.multiply(g, factor.astype(g.dtype)), True
    return norm


def _norm(gradients: list[Any], k: float) -> Any:
    """The norm of all numbers together; divided by the largest before a power could overflow."""
    largest = _largest([abs(g).max() for g in gradients if g.size])
    if k == math.inf:
        return largest
    unit = np.where((largest > 0) & np.isfinite(largest), largest, 1.0)
    total = 0.0
    for g in gradients:
        total = total + (abs(g / unit.astype(g.dtype)) ** k).sum(dtype=np.float64)
    return unit * total ** (1 / k)


def _largest(numbers: list[Any]) -> Any:
    """In float64: of float32 gradients too the norm may be larger than any float32."""
    found: Any = np.float64(0.0)
    for number in numbers:
        found = np.maximum(found, number.astype(np.float64))
    return found


def _tensors(params: Iterable[Tensor]) -> list[Tensor]:
    if isinstance(params, Tensor):  # iterating would give its rows
        return [params]
    tensors = list(params)
    for k, p in enumerate(tensors):
        if not isinstance(p, Tensor):
            raise TypeError(f"clip_grad_norm: parameter {k} is {p!r}; wanted a Tensor")
    return tensors


def _number(name: str, value: Any, least: float, infinite: bool = False) -> float:
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if not real or not least <= value or (value == math.inf and not infinite):
        raise ValueError(f"clip_grad_norm: {name} is {value!r}; wanted a number >= {least:g}")
    return float(value)

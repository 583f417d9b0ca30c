"""What is minimised: the cross-entropy, with class weights and label smoothing if wanted."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from .. import ops
from ..nn import Module
from ..tensor import Tensor
from ..value import Array, no_grad
from .rows import Rows


class Objective:
    """The mean loss of a batch; `weights` are one number per class, or None."""

    def __init__(self, weights: Array | None, label_smoothing: float) -> None:
        self.weights, self.label_smoothing = weights, label_smoothing

    def __call__(self, logits: Tensor, labels: Array) -> Tensor:
        """PyTorch's ``CrossEntropyLoss(weight, label_smoothing)``: a weighted mean."""
        loss: Tensor = ops.cross_entropy(
            logits, labels, weight=self.weights, label_smoothing=self.label_smoothing
        )
        return loss

    @property
    def is_plain(self) -> bool:
        """Whether it is the cross-entropy and no more."""
        return self.weights is None and not self.label_smoothing

    def mass(self, labels: Array) -> float:
        """What a batch counts for in a mean over batches: its rows, each with its weight."""
        return len(labels) if self.weights is None else float(self.weights[labels].sum())

    def mean(self, model: Module, rows: Rows, batch_size: int = 4096) -> float:
        """Over all rows, with the weights that the model has now."""
        total = mass = 0.0
        with no_grad():
            for x, y in rows.in_order(batch_size):
                weight = self.mass(y)
                total += self(model(Tensor.wrap(x)), y).item() * weight
                mass += weight
        return total / mass


def objective(rows: Rows, class_weights: Any, label_smoothing: Any) -> Objective:
    """The objective that `fit` was asked for, its options checked."""
    smooth = isinstance(label_smoothing, numbers.Real) and not isinstance(label_smoothing, bool)
    if not smooth or not 0 <= label_smoothing <= 1:
        raise ValueError(f"fit: label_smoothing is {label_smoothing!r}; wanted a number, 0 to 1")
    weights = None if class_weights is None else _weights(rows, class_weights)
    return Objective(weights, float(label_smoothing))


def _weights(rows: Rows, wanted: Any) -> Array:
    """One positive number per class."""
    if isinstance(wanted, str):
        if wanted != "balanced":
            raise ValueError(f"fit: got class_weights {wanted!r}; wanted 'balanced' or K numbers")
        return balanced(rows.y, rows.classes)
    weights = np.asarray(wanted)
    real = weights.dtype.kind in "iuf" and weights.shape == (rows.classes,)
    if not real or not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError(
            f"fit: class_weights are {wanted!r}; wanted 'balanced' or a number > 0 for each of "
            f"{rows.classes} classes"
        )
    return weights.astype(np.float64)


def balanced(labels: Array, classes: int) -> Array:
    """N / (k n) for a class of n of N rows, k classes being there: each counts the same in all.

    A class without rows gets 1; no row asks for it.
    """
    counts = np.bincount(labels.astype(np.intp), minlength=classes)
    there = np.count_nonzero(counts)
    return np.where(counts > 0, len(labels) / (there * np.maximum(counts, 1)), 1.0)

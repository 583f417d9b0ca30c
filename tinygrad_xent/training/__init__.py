"""Training a classifier: the loop, what it tells of every epoch, and what a model is worth.

- `fit`: train by cross-entropy on mini-batches
- `History`, `Epoch`: what happened
- `evaluate`, `Evaluation`: loss, accuracy and confusion counts
"""

from __future__ import annotations

from .evaluation import Evaluation, evaluate
from .history import Epoch, History
from .loop import LEARNING_RATES, OPTIMIZERS, fit

__all__ = [
    "LEARNING_RATES",
    "OPTIMIZERS",
    "Epoch",
    "Evaluation",
    "History",
    "evaluate",
    "fit",
]

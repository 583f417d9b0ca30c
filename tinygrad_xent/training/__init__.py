"""Training a classifier: the loop, what it tells of every epoch, and what a model is worth.

- `fit`: train by cross-entropy on mini-batches
- `History`, `Epoch`: what happened
- `Batch`, `StopTraining`: what callbacks are told, and how they end a run
- `evaluate`, `Evaluation`: loss, accuracy and confusion counts
"""

from __future__ import annotations

from .callbacks import Batch, StopTraining
from .evaluation import Evaluation, evaluate
from .history import Epoch, History
from .loop import fit
from .plan import LEARNING_RATES, OPTIMIZERS

__all__ = [
    "LEARNING_RATES",
    "OPTIMIZERS",
    "Batch",
    "Epoch",
    "Evaluation",
    "History",
    "StopTraining",
    "evaluate",
    "fit",
]

"""Training a classifier: the loop, what it tells of every epoch, and what a model is worth.

- `fit`: train by cross-entropy on mini-batches
- `History`, `Epoch`: what happened
- `evaluate`, `Evaluation`: loss, accuracy, confusion counts, precision and recall, calibration
- `predict`: the probability of each class, row by row
"""

from __future__ import annotations

from .evaluation import evaluate
from .history import Epoch, History
from .loop import LEARNING_RATES, OPTIMIZERS, fit
from .prediction import predict
from .report import Evaluation, Scores

__all__ = [
    "LEARNING_RATES",
    "OPTIMIZERS",
    "Epoch",
    "Evaluation",
    "History",
    "Scores",
    "evaluate",
    "fit",
    "predict",
]

"""Training a classifier: the loop, what it tells of every epoch, and what a model is worth.

- `fit`: train by cross-entropy on mini-batches
- `History`, `Epoch`: what happened
- `Batch`, `StopTraining`: what callbacks are told, and how they end a run
- `evaluate`, `Evaluation`: loss, accuracy, confusion counts, precision and recall, calibration
- `predict`: the probability of each class, row by row
"""

from __future__ import annotations

from .callbacks import Batch, StopTraining
from .evaluation import evaluate
from .history import Epoch, History
from .loop import fit
from .plan import LEARNING_RATES, OPTIMIZERS
from .prediction import predict
from .report import Evaluation, Scores

__all__ = [
    "LEARNING_RATES",
    "OPTIMIZERS",
    "Batch",
    "Epoch",
    "Evaluation",
    "History",
    "Scores",
    "StopTraining",
    "evaluate",
    "fit",
    "predict",
]

"""What happened in training: a row per epoch."""

from __future__ import annotations

import csv
import math
from pathlib import Path
from typing import NamedTuple

from ..display import history_html
from ..files import replacing


class Epoch(NamedTuple):
    """One row of a History; losses in nats, nan where there is no such set.

    The training loss is what is minimised, label smoothing and class weights included; the losses
    on test and validation rows are plain cross-entropies.
    """

    epoch: int  #: 0 is before training
    train_loss: float  #: the mean over the batches of the epoch, each as it was met
    train_accuracy: float
    test_loss: float = math.nan
    test_accuracy: float = math.nan
    validation_loss: float = math.nan  #: nan where there are no validation rows
    validation_accuracy: float = math.nan
    learning_rate: float = math.nan  #: of the last step of the epoch; nan before training


class History(list[Epoch]):
    """The epochs of a training run, the one before training first.

    Attributes
    ----------
    stopped : str
        Why the run ended, and of which epoch the weights are: one sentence; empty for a history
        that `fit` did not make.
    """

    stopped: str = ""

    @property
    def best(self) -> Epoch | None:
        """The epoch of the least validation loss, the first of them; None without validation."""
        validated = [row for row in self if not math.isnan(row.validation_loss)]
        return min(validated, key=lambda row: row.validation_loss, default=None)

    def save(self, path: str | Path) -> None:
        """Write the rows as CSV under their names; nothing is lost if writing fails."""
        with (
            replacing(path) as temporary,
            temporary.open("w", newline="", encoding="utf-8") as file,
        ):
            rows = csv.writer(file)
            rows.writerow(Epoch._fields)
            rows.writerows(self)

    def __repr__(self) -> str:
        if not self:
            return "History(no epochs)"
        last = self[-1]
        tested = f", test accuracy {last.test_accuracy:.3f}" if last.test_accuracy >= 0 else ""
        loss = f"loss {self[0].train_loss:.3f} to {last.train_loss:.3f}"
        best = f", best epoch {self.best.epoch}" if self.best else ""
        return f"History({last.epoch} epochs, {loss}{tested}{best})"

    def _repr_html_(self) -> str:
        return history_html(self)

"""The progress bar of a training run: epoch, loss, accuracy and the time that is left."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

from .history import Epoch

EVERY = 0.1  # seconds between two looks at the batches: drawing takes longer than a small step


class Progress:
    """What is told of epochs and batches; this one keeps it to itself."""

    def epoch(self, row: Epoch) -> None:
        """An epoch is done."""

    def batch(self, epoch: int, share: float) -> None:
        """So much of an epoch is done, from 0 to 1."""


class _Bar(Progress):
    def __init__(self, bar: Any, epochs: int, done: int) -> None:
        task = bar.add_task("", total=epochs, completed=done, epoch=done)
        self.bar, self.task = bar, task
        self.next = 0.0

    def epoch(self, row: Epoch) -> None:
        known = (row.validation_accuracy, row.test_accuracy, row.train_accuracy)
        accuracy = next(a for a in known if not math.isnan(a))
        loss = row.train_loss if math.isnan(row.validation_loss) else row.validation_loss
        text = f"loss {loss:.4f}  accuracy {accuracy:.3f}"
        self.bar.update(self.task, completed=row.epoch, epoch=row.epoch, description=text)

    def batch(self, epoch: int, share: float) -> None:
        now = monotonic()
        if now >= self.next:
            self.next = now + EVERY
            self.bar.update(self.task, completed=epoch - 1 + share, epoch=epoch)


@contextmanager
def progress_bar(epochs: int, wanted: bool, done: int = 0) -> Iterator[Progress]:
    """What to tell of every epoch and batch; it moves a bar, `done` epochs on, if one is wanted."""
    if not wanted:
        yield Progress()
        return
    try:
        from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar
    except ImportError as error:
        raise ImportError("a progress bar needs rich: pip install rich") from error
    text = "epoch {task.fields[epoch]}/{task.total}  {task.description}"
    with Bar(TextColumn(text), BarColumn(), TimeRemainingColumn()) as bar:
        yield _Bar(bar, epochs, done)

"""The progress bar of a training run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .history import Epoch


@contextmanager
def progress_bar(epochs: int, wanted: bool) -> Iterator[Callable[[Epoch], object]]:
    """A function to call with every Epoch; it moves a bar if one is wanted."""
    if not wanted:
        yield lambda row: None
        return
    try:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    except ImportError as error:
        raise ImportError("a progress bar needs rich: pip install rich") from error

    text = "epoch {task.completed}/{task.total}  {task.description}"
    with Progress(TextColumn(text), BarColumn(), TimeRemainingColumn()) as bar:
        task = bar.add_task("", total=epochs)

        def show(row: Epoch) -> None:
            accuracy = row.train_accuracy if math.isnan(row.test_accuracy) else row.test_accuracy
            description = f"loss {row.train_loss:.4f}  accuracy {accuracy:.3f}"
            bar.update(task, completed=row.epoch, description=description)

        yield show

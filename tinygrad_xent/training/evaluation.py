"""What a model is worth on rows that it is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..calibration import _binned
from ..data import Dataset
from ..data.checks import whole_number
from ..nn import Module
from ..nn.modes import in_mode
from ..tensor import Tensor
from ..value import Array, no_grad
from .report import Evaluation
from .rows import Rows, checked_rows


def evaluate(
    model: Module,
    x: Any,
    y: Any = None,
    *,
    batch_size: int = 4096,
    scale: Callable[[Any], Any] | None = None,
) -> Evaluation:
    """What a classifier is worth on rows x and labels y, or on a Dataset: loss, accuracy, and more.

    The result holds precision, recall and F1 of each class, the confusion counts and how far the
    model's confidence may be believed; ``print`` it for a table.

    Parameters
    ----------
    model
        Takes rows and returns logits (N, K). Meanwhile it is in ``eval()``, whatever it was in;
        where threads share it, call that before.
    x, y
        Rows (N, ...) of real numbers and class indices (N,); or a `Dataset` alone.
    batch_size
        How many rows the model sees at a time.
    scale
        Applied to the rows of each batch, such as a `data.Standardiser`: see `fit`.

    Raises
    ------
    ValueError, IndexError
        As `fit` raises them.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xent as tx
    >>> guess = tx.nn.MLP([2, 4], initialise=tx.nn.initialise.zeros)
    >>> round(tx.evaluate(guess, np.zeros((8, 2)), np.zeros(8, int)).loss, 4)   # log 4
    1.3863
    >>> iris = tx.data.load("iris")
    >>> tx.evaluate(tx.nn.MLP([4, 3], initialise=tx.nn.initialise.zeros), iris)
    Evaluation(150 rows, 3 classes: accuracy 0.333, loss 1.099 nats, calibration error 0.000)
    """
    batch_size = whole_number("evaluate: batch_size", batch_size, least=1)
    rows = checked_rows(x if y is None else (x, y), model, "evaluate", scale)
    loss, accuracy, found, sure = evaluated(model, rows, batch_size, calibrated=True)
    confusion = np.zeros((rows.classes, rows.classes), dtype=np.int64)
    np.add.at(confusion, (rows.y, found), 1)
    seen = _binned(np.concatenate(sure), found == rows.y, 10)
    classes = x.classes if isinstance(x, Dataset) and len(x.classes) == rows.classes else ()
    return Evaluation(loss, accuracy, confusion, classes, seen)


class Seen(NamedTuple):
    """What the model says of all rows; nothing of K x K numbers, of which `fit` has no need."""

    loss: float
    accuracy: float
    predicted: Array
    sure: list[Array]  #: the largest q of each row, batch by batch


def evaluated(
    model: Module, rows: Rows, batch_size: int = 4096, *, calibrated: bool = False
) -> Seen:
    """The same for rows that have been checked; `sure` only if asked for: it takes time."""
    loss, predicted, sure = 0.0, [], []
    with no_grad(), in_mode(model, False):
        for x, y in rows.in_order(batch_size):
            logits = model(Tensor.wrap(x))  # a view will do: nobody is handed it
            losses = ops.cross_entropy(logits, y, reduction="none").numpy()
            loss += float(losses.sum(dtype=np.float64))  # float32 would lose digits in a long sum
            predicted.append(logits.argmax(axis=1))
            if calibrated:
                q = ops.softmax(logits.numpy().astype(np.float64), axis=1)
                sure.append(q.max(axis=1))
    found = np.concatenate(predicted)
    return Seen(loss / len(rows), float((found == rows.y).mean()), found, sure)

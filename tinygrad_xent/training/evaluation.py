"""What a model is worth on rows that it is shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .. import ops
from ..data.checks import whole_number
from ..nn import Module
from ..nn.modes import in_mode
from ..tensor import Tensor
from ..value import Array, no_grad
from .rows import Rows, checked_rows


class Evaluation(NamedTuple):
    """What `evaluate` found."""

    loss: float  #: mean cross-entropy, in nats
    accuracy: float  #: the fraction of rows whose largest logit is the label's
    confusion: Array  #: (K, K) counts; row = label, column = predicted class

    def worst_pair(self) -> tuple[int, int, int]:
        """The most frequent mistake: (label, predicted class, how often); how often 0 if none."""
        mistakes = self.confusion - np.diag(np.diag(self.confusion))
        label, predicted = divmod(int(mistakes.argmax()), len(mistakes))
        return label, predicted, int(mistakes[label, predicted])


def evaluate(
    model: Module,
    x: Any,
    y: Any = None,
    *,
    batch_size: int = 4096,
    scale: Callable[[Any], Any] | None = None,
) -> Evaluation:
    """Loss, accuracy and confusion counts of a classifier on rows x and labels y, or on a Dataset.

    Parameters
    ----------
    model
        Takes rows and returns logits (N, K). Meanwhile it is in ``eval()``, whatever it was in.
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
    """
    batch_size = whole_number("evaluate: batch_size", batch_size, least=1)
    rows = checked_rows(x if y is None else (x, y), model, "evaluate", scale)
    return evaluated(model, rows, batch_size)


def evaluated(model: Module, rows: Rows, batch_size: int = 4096) -> Evaluation:
    """The same for rows that have been checked."""
    loss, predicted = 0.0, []
    with no_grad(), in_mode(model, False):
        for x, y in rows.in_order(batch_size):
            logits = model(Tensor.wrap(x))  # a view will do: nobody is handed it
            losses = ops.cross_entropy(logits, y, reduction="none").numpy()
            loss += float(losses.sum(dtype=np.float64))  # float32 would lose digits in a long sum
            predicted.append(logits.argmax(axis=1))
    found = np.concatenate(predicted)
    confusion = np.zeros((logits.shape[1],) * 2, dtype=np.int64)
    np.add.at(confusion, (rows.y, found), 1)
    return Evaluation(loss / len(rows), float((found == rows.y).mean()), confusion)

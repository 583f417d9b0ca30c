"""What a model makes of rows without labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import ops
from ..data import Dataset
from ..data.checks import whole_number
from ..nn import Module
from ..nn.modes import in_mode
from ..tensor import Tensor
from ..value import Array, no_grad
from .rows import checked_rows


def predict(
    model: Module,
    x: Any,
    *,
    scale: Callable[[Any], Any] | None = None,
    batch_size: int = 4096,
) -> Array:
    """The probability of each class in each row: q = softmax(z), float64 (N, K).

    No graph is recorded, and dropout drops nothing. ``predict(...).argmax(axis=1)`` is the
    likeliest class of each row.

    Parameters
    ----------
    model
        Takes rows and returns logits z, (N, K). Meanwhile it is in ``eval()``; where threads
        share it, call that before.
    x
        Rows (N, ...) of real numbers, N > 0; or a `Dataset`, whose labels are not looked at.
    scale
        Applied to the rows of each batch, such as the `data.Standardiser` of the training rows.
    batch_size
        How many rows the model sees at a time.

    Raises
    ------
    ValueError
        If x has no rows, if one of its numbers is not finite, naming the place, or if the model
        cannot take such rows, or gives other logits than a row of finite ones for each row.

    Examples
    --------
    Logits log 1 and log 3:

    >>> import numpy as np
    >>> import tinygrad_xent as tx
    >>> model = tx.nn.Linear(1, 2, dtype=np.float64)
    >>> model.load_state_dict({"weight": [[0.0, np.log(3)]], "bias": [0.0, 0.0]})
    >>> tx.predict(model, [[1.0], [0.0]]).round(12)
    array([[0.25, 0.75],
           [0.5 , 0.5 ]])
    """
    batch_size = whole_number("predict: batch_size", batch_size, least=1)
    array = np.asarray(x.x if isinstance(x, Dataset) else x)
    if array.ndim < 2 or not array.size:
        raise ValueError(f"predict: x has shape {array.shape}; wanted (N, ...) with N > 0")
    labels = np.zeros(len(array), np.int64)  # as good as any: nobody looks at them
    rows = checked_rows((array, labels), model, "predict", scale)
    parts = []
    # What overflows is told below.
    with no_grad(), in_mode(model, False), np.errstate(all="ignore"):
        for batch, _ in rows.in_order(batch_size):
            z = model(Tensor.wrap(batch)).numpy().astype(np.float64)
            if z.shape != (len(batch), rows.classes):
                raise ValueError(
                    f"predict: the model gives {z.shape} for {len(batch)} rows; wanted logits, "
                    f"({len(batch)}, {rows.classes})"
                )
            parts.append(ops.softmax(z, axis=1))
    q = np.concatenate(parts)
    unknown = np.flatnonzero(~np.isfinite(q).all(axis=1))
    if len(unknown):
        raise ValueError(f"predict: the model's logits of row {unknown[0]} are not finite")
    return q

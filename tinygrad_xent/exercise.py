"""Backprop by hand: write each gradient of the cross-entropy's long road yourself, and check it.

The road is `unfused_cross_entropy`, cut into ten steps, each with a name. Go back from the loss;
what you write is compared with what the engine computes. The last step is q - p in one line.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from . import ops
from .tensor import Tensor
from .value import Array

# In the order in which they are computed; the gradients are to be written from the last to the
# first. logits comes last of all: its gradient is the aim.
STEPS = (
    "logits",
    "logit_maxes",
    "norm_logits",
    "counts",
    "counts_sum",
    "counts_sum_inv",
    "probs",
    "logprobs",
    "picked",
    "loss",
)


class Answer(NamedTuple):
    """How near a gradient is to the engine's: the same bits, near, and the largest difference."""

    name: str
    exact: bool
    approximate: bool
    largest: float

    def __str__(self) -> str:
        return (
            f"{self.name:15} exact: {self.exact!s:5}  approximate: {self.approximate!s:5}  "
            f"largest difference: {self.largest:.1e}"
        )


class Sheet:
    """The long road for a small batch, with every step as an array of its name.

    Parameters
    ----------
    rows, classes
        N and K: logits (N, K), labels (N,).
    seed
        Of the logits and labels.

    Attributes
    ----------
    n, labels
        N and the class indices.
    logits, logit_maxes, norm_logits, counts, counts_sum, counts_sum_inv, probs, logprobs, picked,
    loss : array
        ``logit_maxes`` (N, 1) are the maxima of the rows, ``norm_logits = logits - logit_maxes``,
        ``counts = exp(norm_logits)``, ``counts_sum`` (N, 1) the sums of its rows,
        ``counts_sum_inv = 1 / counts_sum``, ``probs = counts * counts_sum_inv``,
        ``logprobs = log(probs)``, ``picked`` (N,) those of the labels, ``loss = -mean(picked)``.

    Examples
    --------
    >>> from tinygrad_xent.exercise import Sheet
    >>> answer = Sheet().check("loss", 1.0)   # it changes as much as itself
    loss            exact: True   approximate: True   largest difference: 0.0e+00
    """

    def __init__(self, rows: int = 4, classes: int = 5, seed: int = 0) -> None:
        if rows < 1 or classes < 2:
            raise ValueError(f"Sheet: {rows} rows, {classes} classes; wanted 1 or more, 2 or more")
        rng = np.random.default_rng(seed)
        self.n = rows
        self.labels = rng.integers(0, classes, rows)
        logits = Tensor(rng.normal(scale=2.0, size=(rows, classes)), requires_grad=True)
        steps = self._walked(logits)
        self._gradients = {name: t._grad for name, t in steps.items()}
        for name, t in steps.items():
            setattr(self, name, t.numpy())

    def _walked(self, logits: Tensor) -> dict[str, Tensor]:
        """Each step as a Tensor, after backward."""
        logit_maxes = ops.max(logits, axis=1, keepdims=True)
        norm_logits = logits - logit_maxes
        counts = ops.exp(norm_logits)
        counts_sum = ops.sum(counts, axis=1, keepdims=True)
        counts_sum_inv = counts_sum**-1
        probs = counts * counts_sum_inv
        logprobs = ops.log(probs)
        picked = logprobs[np.arange(self.n), self.labels]
        loss = -ops.mean(picked)
        loss.backward(retain_grads=True)
        found = (logits, logit_maxes, norm_logits, counts, counts_sum, counts_sum_inv, probs)
        return dict(zip(STEPS, (*found, logprobs, picked, loss), strict=True))

    def check(self, name: str, value: Any) -> Answer:
        """Compare your gradient of the loss at one step with the engine's, and print the answer.

        Raises
        ------
        KeyError
            If there is no such step.
        ValueError
            If the shape is not that of the step.
        """
        if name not in self._gradients:
            raise KeyError(f"exercise: no step {name!r}; wanted one of {', '.join(STEPS)}")
        wanted: Array = self._gradients[name]  # type: ignore[assignment]
        got = np.asarray(value._array if isinstance(value, Tensor) else value, np.float64)
        if got.shape != wanted.shape:
            raise ValueError(
                f"exercise: your gradient at {name} has shape {got.shape}, wanted {wanted.shape}, "
                "the shape of the step itself: was something broadcast, and should be summed?"
            )
        largest = float(np.max(np.abs(got - wanted), initial=0.0))
        near = bool(np.allclose(got, wanted, rtol=1e-8, atol=1e-12))
        answer = Answer(name, bool(np.array_equal(got, wanted)), near, largest)
        print(answer)  # noqa: T201 - what it is for
        return answer


@lru_cache(maxsize=1)
def sheet() -> Sheet:
    """The sheet that `check` compares with: four rows, five classes, always the same.

    Examples
    --------
    >>> sheet().labels
    array([4, 3, 2, 1])
    """
    return Sheet()


def check(name: str, value: Any) -> Answer:
    """Compare `value`, your gradient at step `name` of `sheet`, with the engine's.

    Arguments and errors as for `Sheet.check`.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xent as tx
    >>> s = tx.exercise.sheet()
    >>> answer = tx.exercise.check("picked", -np.ones(s.n) / s.n)   # the loss is minus the mean
    picked          exact: True   approximate: True   largest difference: 0.0e+00
    """
    return sheet().check(name, value)

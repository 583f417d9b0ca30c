"""fit: the training loop, small enough to read."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .. import ops
from ..data import Dataset
from ..data.checks import whole_number
from ..nn import Module
from ..optim import SGD, Adam, AdamW, Optimizer
from ..tensor import Tensor
from ..value import Array, known
from .evaluation import evaluated
from .history import Epoch, History
from .progress import progress_bar
from .rows import checked_rows

OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
LEARNING_RATES = {"sgd": 0.1, "adam": 3e-3, "adamw": 3e-3}


def fit(
    model: Module,
    data: Dataset | tuple[Any, Any],
    *,
    test: Dataset | tuple[Any, Any] | None = None,
    epochs: int = 30,
    batch_size: int = 32,
    optimizer: str | Optimizer = "adam",
    lr: float | None = None,
    seed: int = 0,
    compile: bool = False,
    progress: bool = False,
    on_epoch: Callable[[Epoch], object] | None = None,
    scale: Callable[[Any], Any] | None = None,
) -> History:
    """Train a classifier by cross-entropy on mini-batches, in place, and return what happened.

    Parameters
    ----------
    model
        Takes rows, returns logits (N, K).
    data, test
        A `Dataset`, or rows x and class indices y. `test` is evaluated after each epoch.
    epochs, batch_size
        How often every row is seen, and how many at a time.
    optimizer
        ``"sgd"``, ``"adam"``, ``"adamw"``, or an Optimizer of your own making (then without `lr`);
        parameters of the model that it was not given stay as they are.
    lr
        Learning rate; 0.1 for sgd and 0.003 for the others if not given.
    seed
        Of the order of the rows. The same seed, model and data give the same weights.
    compile
        Run the training step as a program that `tx.compile` writes of it: faster, equal to the last
        bit. The model must be one that can be compiled.
    progress
        Show a progress bar with epoch, loss and accuracy.
    on_epoch
        Called with every `Epoch`, also with epoch 0, which is before training.
    scale
        Applied to the rows of each batch, such as a `data.Standardiser`. The rows stay as they are
        kept, 60,000 images of uint8 in 47 MB, and every batch becomes the dtype of the model.

    Raises
    ------
    ValueError
        If an argument or the data are wrong (a NaN is named by its row and column).
    IndexError
        If a label is not a class of the model.
    FloatingPointError
        If a loss or a weight stops being finite, naming epoch and batch.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> train, test = tx.data.load("iris").split(test=0.2, seed=0)
    >>> model = tx.nn.MLP([4, 16, 3], rng=0)
    >>> history = tx.fit(model, train, test=test, epochs=40)
    >>> len(history), history[-1].test_accuracy > 0.9
    (41, True)
    """
    rows = checked_rows(data, model, "fit", scale)
    held_out = None if test is None else checked_rows(test, model, "fit: test", scale)
    epochs = whole_number("fit: epochs", epochs, least=1)
    batch_size = whole_number("fit: batch_size", batch_size, least=1)
    optimizer = _optimizer(optimizer, model, lr)
    step = _training_step(model, optimizer, compile)
    rng = np.random.default_rng(seed)
    history = History()
    with progress_bar(epochs, progress) as show:
        for epoch in range(epochs + 1):
            # What overflows here is reported once, by _not_finite.
            with np.errstate(all="ignore"):
                if epoch == 0:
                    loss, accuracy, _ = evaluated(model, rows)
                    if not math.isfinite(loss):
                        raise FloatingPointError(
                            f"fit: the loss is {loss} before training: are the weights finite?"
                        )
                else:
                    batched = rows.shuffled(batch_size, rng)
                    loss, accuracy = _train_one_epoch(step, optimizer, batched, epoch)
                row = Epoch(epoch, loss, accuracy)
                if held_out is not None:
                    result = evaluated(model, held_out)
                    row = row._replace(test_loss=result.loss, test_accuracy=result.accuracy)
            history.append(row)
            show(row)
            if on_epoch is not None:
                on_epoch(row)
    return history


Step = Callable[[Array, Array], tuple[Tensor, Any]]


def _training_step(model: Module, optimizer: Optimizer, compile: bool) -> Step:
    """Rows and labels to the loss, and how many rows were right; if that is finite, an update."""

    def step(rows: Array, labels: Array) -> tuple[Tensor, Any]:
        logits = model(Tensor.wrap(rows))  # the batch is a copy already
        loss = ops.cross_entropy(logits, labels)
        right = (logits.argmax(axis=1) == labels).sum()
        value = loss.detach()
        if known(ops.isfinite(loss)):
            optimizer.zero_grad()
            loss.backward()
            del loss, logits  # and their graph, which would keep the weights of before the step
            optimizer.step()
        return value, right

    if not compile:
        return step
    from ..compiler import compile as compiled

    return compiled(step)


def _train_one_epoch(
    step: Step, optimizer: Optimizer, batched: Iterable[tuple[Array, Array]], epoch: int
) -> tuple[float, float]:
    """One pass over the rows; the mean loss and accuracy of the batches as they were met."""
    total, right, seen = 0.0, 0, 0
    for k, (rows, labels) in enumerate(batched):
        loss, hits = step(rows, labels)
        number = loss.item()
        if not math.isfinite(number):
            raise _not_finite("the loss", number, f"in epoch {epoch}, batch {k}", optimizer)
        right += int(hits)
        total += number * len(labels)
        seen += len(labels)
    for p in optimizer.params:  # the last step has no loss after it that would tell
        wrong = p.numpy()[~np.isfinite(p.numpy())]
        if wrong.size:
            raise _not_finite("a weight", wrong[0], f"after epoch {epoch}", optimizer)
    return total / seen, right / seen


def _not_finite(what: str, number: Any, when: str, optimizer: Optimizer) -> FloatingPointError:
    return FloatingPointError(
        f"fit: {what} is {number} {when}: the weights have run away; "
        f"try a smaller learning rate than {optimizer.lr:g}"
    )


def _optimizer(optimizer: str | Optimizer, model: Module, lr: float | None) -> Optimizer:
    if isinstance(optimizer, Optimizer):
        if lr is not None:
            raise ValueError("fit: lr was given beside an Optimizer, which has its own")
        if {id(p) for p in optimizer.params}.isdisjoint(id(p) for p in model.parameters()):
            raise ValueError("fit: the Optimizer has none of this model's parameters")
        return optimizer
    if optimizer not in OPTIMIZERS:
        known = ", ".join(OPTIMIZERS)
        raise ValueError(f"fit: got optimizer {optimizer!r}; wanted an Optimizer or one of {known}")
    return OPTIMIZERS[optimizer](
        model.parameters(), LEARNING_RATES[optimizer] if lr is None else lr
    )

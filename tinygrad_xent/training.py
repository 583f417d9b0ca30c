"""fit, evaluate and History: the training loop, small enough to read."""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from . import ops
from .data import Dataset, batches
from .data.checks import whole_number
from .display import history_html
from .files import replacing
from .nn import Module
from .optim import SGD, Adam, AdamW, Optimizer
from .tensor import Tensor
from .value import Array, get_default_dtype, known, no_grad

OPTIMIZERS: dict[str, type[Optimizer]] = {"sgd": SGD, "adam": Adam, "adamw": AdamW}
LEARNING_RATES = {"sgd": 0.1, "adam": 3e-3, "adamw": 3e-3}


class Epoch(NamedTuple):
    """One row of a History; losses in nats, nan where there is no test set."""

    epoch: int  #: 0 is before training
    train_loss: float  #: the mean over the batches of the epoch, each as it was met
    train_accuracy: float
    test_loss: float = math.nan
    test_accuracy: float = math.nan


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


class History(list[Epoch]):
    """The epochs of a training run, the one before training first."""

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
        test = f", test accuracy {last.test_accuracy:.3f}" if last.test_accuracy >= 0 else ""
        loss = f"loss {self[0].train_loss:.3f} to {last.train_loss:.3f}"
        return f"History({last.epoch} epochs, {loss}{test})"

    def _repr_html_(self) -> str:
        return history_html(self)


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
    x, y = _rows(data, model, "fit")
    held_out = None if test is None else _rows(test, model, "fit: test")
    epochs = whole_number("fit: epochs", epochs, least=1)
    batch_size = whole_number("fit: batch_size", batch_size, least=1)
    optimizer = _optimizer(optimizer, model, lr)
    step = _training_step(model, optimizer, compile)
    rng = np.random.default_rng(seed)
    history = History()
    with _progress_bar(epochs, progress) as show:
        for epoch in range(epochs + 1):
            # What overflows here is reported once, by _not_finite.
            with np.errstate(all="ignore"):
                if epoch == 0:
                    loss, accuracy, _ = _evaluate(model, x, y)
                    if not math.isfinite(loss):
                        raise FloatingPointError(
                            f"fit: the loss is {loss} before training: are the weights finite?"
                        )
                else:
                    batched = batches(x, y, batch_size, rng)
                    loss, accuracy = _train_one_epoch(step, optimizer, batched, epoch)
                row = Epoch(epoch, loss, accuracy)
                if held_out is not None:
                    result = _evaluate(model, *held_out)
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
    from .compiler import compile as compiled

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


def evaluate(model: Module, x: Any, y: Any = None, *, batch_size: int = 4096) -> Evaluation:
    """Loss, accuracy and confusion counts of a classifier on rows x and labels y, or on a Dataset.

    `model` takes rows and returns logits (N, K); it sees `batch_size` rows at a time.

    Examples
    --------
    >>> import numpy as np
    >>> import tinygrad_xent as tx
    >>> guess = tx.nn.MLP([2, 4], initialise=tx.nn.initialise.zeros)
    >>> round(tx.evaluate(guess, np.zeros((8, 2)), np.zeros(8, int)).loss, 4)   # log 4
    1.3863
    """
    batch_size = whole_number("evaluate: batch_size", batch_size, least=1)
    return _evaluate(model, *_rows(x if y is None else (x, y), model, "evaluate"), batch_size)


def _evaluate(model: Module, x: Array, y: Array, batch_size: int = 4096) -> Evaluation:
    """The same for rows that have been checked."""
    loss, predicted = 0.0, []
    with no_grad():
        for start in range(0, len(x), batch_size):
            part = slice(start, start + batch_size)  # a view will do: nobody is handed it
            logits = model(Tensor.wrap(x[part]))
            losses = ops.cross_entropy(logits, y[part], reduction="none").numpy()
            loss += float(losses.sum(dtype=np.float64))  # float32 would lose digits in a long sum
            predicted.append(logits.argmax(axis=1))
    found = np.concatenate(predicted)
    confusion = np.zeros((logits.shape[1],) * 2, dtype=np.int64)
    np.add.at(confusion, (y, found), 1)
    return Evaluation(loss / len(x), float((found == y).mean()), confusion)


def _rows(data: Any, model: Module, where: str) -> tuple[Array, Array]:
    """Rows in the model's dtype and labels, checked: what is wrong is named by its row."""
    pair = (data.x, data.y) if isinstance(data, Dataset) else data
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise ValueError(f"{where}: got {type(data).__name__}; wanted a Dataset or a pair (x, y)")
    x, y = np.asarray(pair[0]), np.asarray(pair[1])
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{where}: x has dtype {x.dtype}; wanted real numbers")
    if x.ndim < 2 or y.shape != x.shape[:1] or not x.size:
        raise ValueError(
            f"{where}: x has shape {x.shape} and y {y.shape}; wanted at least one row and column, "
            "and one label per row"
        )
    if y.dtype.kind not in "iu":
        raise ValueError(f"{where}: y has dtype {y.dtype}; wanted class indices (integers)")
    dtype = next((p.dtype for p in model.parameters()), get_default_dtype())
    with np.errstate(over="ignore"):  # 1e300 has no float32: the next check says so
        rows = x.astype(dtype, copy=False)
    finite = np.isfinite(rows)
    if not finite.all():
        bad = np.argwhere(~finite)
        row, *rest = bad[0].tolist()
        place = f"column {rest[0]}" if len(rest) == 1 else f"at {rest}"
        number = x[tuple(bad[0])]
        too_large = f", too large for {dtype}" if np.isfinite(number) else ""
        raise ValueError(
            f"{where}: x is {number} in row {row}, {place}{too_large}; wanted finite numbers"
        )
    _check_labels(y, model, rows[:1], where)
    return rows, y


def _check_labels(y: Array, model: Module, row: Array, where: str) -> None:
    """Ask the model how many classes it knows, with one row, and compare."""
    with no_grad(), np.errstate(all="ignore"):
        logits = model(Tensor(row))
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != 1:
        got = getattr(logits, "shape", type(logits).__name__)
        raise ValueError(f"{where}: the model gives {got} for one row; wanted logits, (1, K)")
    classes = logits.shape[1]
    wrong = np.flatnonzero((y < 0) | (y >= classes))
    if len(wrong):
        raise IndexError(
            f"{where}: the label of row {wrong[0]} is {y[wrong[0]]}; wanted 0 to {classes - 1}, "
            f"as the model gives {classes} logits"
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


@contextmanager
def _progress_bar(epochs: int, wanted: bool) -> Iterator[Callable[[Epoch], object]]:
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

"""Plan: what does not change from epoch to epoch, the data and the options, checked."""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import ops
from ..data.checks import real_number, whole_number
from ..nn import Module, clip_grad_norm
from ..optim import SGD, Adagrad, Adam, AdamW, Optimizer, RMSprop
from ..optim.schedules import Schedule, named
from ..tensor import Tensor
from ..value import Array, known
from .objective import Objective, objective
from .rows import Rows, checked_rows, split_off
from .run import Run

OPTIMIZERS: dict[str, type[Any]] = {
    "sgd": SGD,
    "adam": Adam,
    "adamw": AdamW,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
}
LEARNING_RATES = {"sgd": 0.1, "adam": 3e-3, "adamw": 3e-3, "rmsprop": 1e-3, "adagrad": 1e-2}

Step = Callable[[Array, Array], tuple[Tensor, Any]]


@dataclass(frozen=True)
class Plan:
    """Data and options of a run."""

    rows: Rows
    validation: Rows | None
    test: Rows | None
    epochs: int
    batch_size: int
    schedule: Schedule | None
    objective: Objective
    patience: int | None
    eager: Step  #: one step of training, op by op
    step: Step  #: the same, compiled if that was asked for

    @property
    def batches(self) -> int:
        """How many batches an epoch has."""
        return -(-len(self.rows) // self.batch_size)

    def take_step(self, run: Run, rows: Array, labels: Array, step: Step) -> tuple[float, int]:
        """One step at the learning rate of its time; the loss, and how many rows were right."""
        if self.schedule is not None:
            run.optimizer.lr = run.lr * self.factor(run.steps, self.epochs)
        loss, right = step(rows, labels)
        run.steps += 1
        return loss.item(), int(right)

    def factor(self, t: int, epochs: int) -> float:
        """What the schedule gives for step t of a run of so many epochs."""
        assert self.schedule is not None
        factor: Any = self.schedule(t, epochs * self.batches)
        if not isinstance(factor, numbers.Real) or not 0 <= float(factor) < math.inf:
            raise ValueError(f"fit: the schedule is {factor!r} at step {t}; wanted a number >= 0")
        return float(factor)


def plan_of(
    model: Module,
    data: Any,
    optimizer: Optimizer,
    rng: np.random.Generator,
    *,
    validation: Any,
    test: Any,
    epochs: int,
    batch_size: int,
    schedule: Schedule | str | None,
    clip_norm: float | None,
    label_smoothing: float,
    class_weights: Any,
    patience: int | None,
    compile: bool,
    scale: Any,
) -> Plan:
    """The plan, or the error for the first thing in it that is wrong."""
    rows = checked_rows(data, model, "fit", scale)
    held_out: Rows | None
    if isinstance(validation, numbers.Real):
        fraction = real_number("fit: validation", validation)
        rows, held_out = split_off(rows, fraction, rng)
    else:
        held_out = _checked(validation, model, "fit: validation", scale)
    if patience is not None and held_out is None:
        raise ValueError("fit: patience needs validation rows; wanted validation=0.2 or a Dataset")
    if clip_norm is not None and not real_number("fit: clip_norm", clip_norm) > 0:
        raise ValueError(f"fit: clip_norm is {clip_norm!r}; wanted a number > 0")
    least = objective(rows, class_weights, label_smoothing)
    eager = training_step(model, optimizer, least, clip_norm)
    return Plan(
        rows,
        held_out,
        _checked(test, model, "fit: test", scale),
        whole_number("fit: epochs", epochs, least=1),
        whole_number("fit: batch_size", batch_size, least=1),
        None if schedule is None else named(schedule),
        least,
        None if patience is None else whole_number("fit: patience", patience, least=1),
        eager,
        _compiled(eager) if compile else eager,
    )


def training_step(
    model: Module, optimizer: Optimizer, objective: Objective, clip_norm: float | None
) -> Step:
    """Rows and labels to the loss, and how many rows were right; if that is finite, an update."""

    def step(rows: Array, labels: Array) -> tuple[Tensor, Any]:
        logits = model(Tensor.wrap(rows))  # the batch is a copy already
        loss = objective(logits, labels)
        right = (logits.argmax(axis=1) == labels).sum()
        value = loss.detach()
        if known(ops.isfinite(loss)):
            optimizer.zero_grad()
            loss.backward()
            del loss, logits  # and their graph, which would keep the weights of before the step
            if clip_norm is not None:
                clip_grad_norm(optimizer.params, clip_norm)
            optimizer.step()
        return value, right

    return step


def _compiled(step: Step) -> Step:
    from ..compiler import compile

    return compile(step)


def _checked(data: Any, model: Module, where: str, scale: Any) -> Rows | None:
    return None if data is None else checked_rows(data, model, where, scale)


def optimizer_of(
    optimizer: str | Optimizer, model: Module, lr: float | None, weight_decay: float | None
) -> Optimizer:
    """An optimizer of the model's parameters, from its name or as it was given."""
    if isinstance(optimizer, Optimizer):
        for name, value in (("lr", lr), ("weight_decay", weight_decay)):
            if value is not None:
                raise ValueError(f"fit: {name} was given beside an Optimizer, which has its own")
        if {id(p) for p in optimizer.params}.isdisjoint(id(p) for p in model.parameters()):
            raise ValueError("fit: the Optimizer has none of this model's parameters")
        return optimizer
    if not isinstance(optimizer, str) or optimizer not in OPTIMIZERS:
        names = ", ".join(OPTIMIZERS)
        raise ValueError(f"fit: got optimizer {optimizer!r}; wanted an Optimizer or one of {names}")
    rate = LEARNING_RATES[optimizer] if lr is None else lr
    decay = {} if weight_decay is None else {"weight_decay": weight_decay}
    made: Optimizer = OPTIMIZERS[optimizer](model.parameters(), rate, **decay)
    return made

"""Callbacks: those who are told of epochs and batches, and may end the run."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from .history import Epoch


class StopTraining(Exception):  # noqa: N818 - a wish, not an error
    """Raise it in a callback of `fit` to end training there; its text goes into History.stopped.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> def enough(epoch):
    ...     if epoch.train_accuracy > 0.9:
    ...         raise tx.training.StopTraining("more than 90 % are right")
    >>> iris = tx.data.load("iris")
    >>> history = tx.fit(tx.nn.MLP([4, 16, 3], rng=0), iris, lr=0.01, callbacks=[enough])
    >>> history.stopped
    'stopped after epoch 7: more than 90 % are right; the weights are those of epoch 7, the last'
    """


class Batch(NamedTuple):
    """What `on_batch` is told of, after each optimizer step."""

    epoch: int  #: from 1
    batch: int  #: from 0, within the epoch
    batches: int  #: how many the epoch has
    step: int  #: from 0, of the whole run
    loss: float  #: what is minimised, in nats
    accuracy: float
    learning_rate: float


KEPT = ("state_dict", "load_state_dict")


class Callbacks:
    """Those who are told of every epoch, and those who are told of every batch."""

    def __init__(self, callbacks: Iterable[Any], on_epoch: Any = None) -> None:
        if not isinstance(callbacks, Iterable):
            raise TypeError(
                f"fit: callbacks is {callbacks!r}; wanted a list of functions of an Epoch, or of "
                "objects with a method on_epoch or on_batch"
            )
        self.on_epoch: list[Callable[[Epoch], object]] = []
        self.on_batch: list[Callable[[Batch], object]] = []
        self.kept: list[Any] = []  #: those whose state goes into checkpoints
        for one in [*callbacks, *([] if on_epoch is None else [on_epoch])]:
            methods = [getattr(one, name, None) for name in ("on_epoch", "on_batch")]
            if isinstance(one, type) or not (callable(one) or any(map(callable, methods))):
                raise TypeError(
                    f"fit: got callback {one!r}; wanted a function of an Epoch, or an object with "
                    "a method on_epoch or on_batch"
                )
            owner = getattr(one, "__self__", one)  # of a method, the object that it changes
            known = any(owner is other for other in self.kept)
            if not known and all(callable(getattr(owner, name, None)) for name in KEPT):
                self.kept.append(owner)
            if any(map(callable, methods)):
                self.on_epoch += [methods[0]] if callable(methods[0]) else []
                self.on_batch += [methods[1]] if callable(methods[1]) else []
            else:
                self.on_epoch.append(one)

    def epoch(self, row: Epoch) -> str | None:
        """Tell of an epoch; why to stop, if one of them wants to."""
        return _told(self.on_epoch, row)

    def batch(self, batch: Batch) -> str | None:
        """Tell of a batch; why to stop, if one of them wants to."""
        return _told(self.on_batch, batch)


def _told(functions: list[Any], news: Any) -> str | None:
    """All of them are told, also after one that wants to stop; the first reason counts."""
    reasons = [_reason(function, news) for function in functions]
    return next((why for why in reasons if why is not None), None)


def _reason(function: Any, news: Any) -> str | None:
    try:
        function(news)
    except StopTraining as stop:
        return str(stop) or "a callback asked for it"
    return None

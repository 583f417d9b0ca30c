"""The curves of a training run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .figure import BLUE, GREEN, GREY, ORANGE, new_figure


def curves(
    epoch: Sequence[float],
    train_loss: Sequence[float],
    train_accuracy: Sequence[float],
    test_loss: Sequence[float] = (),
    test_accuracy: Sequence[float] = (),
    validation_loss: Sequence[float] = (),
    validation_accuracy: Sequence[float] = (),
    learning_rate: Sequence[float] = (),
    *,
    classes: int | None = None,
    best: int | None = None,
) -> Any:
    """Loss and accuracy over the epochs, side by side: the columns of a History, in its order.

    Parameters
    ----------
    epoch
        Where the points stand, from left to right.
    train_loss, train_accuracy, test_loss, test_accuracy, validation_loss, validation_accuracy
        One number per epoch, losses in nats. A line is drawn if one of its numbers is not nan.
    learning_rate
        One number per epoch; has a panel of its own if it changes.
    classes
        K; also draws what a uniform guess costs, ln K.
    best
        The epoch of the least validation loss, for a vertical line; or None.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> from tinygrad_xent import plots
    >>> history = tx.fit(tx.nn.MLP([4, 3], rng=0), tx.data.load("iris"), epochs=2)
    >>> figure = plots.curves(*zip(*history), classes=3)   # then figure.savefig("curves.svg")
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss (nats)', 'accuracy']
    """
    rates = [rate for rate in learning_rate if not math.isnan(rate)]
    panels = 3 if len(set(rates)) > 1 else 2
    figure = new_figure(width=4.5 * panels, height=3.6)
    left, right, *more = figure.subplots(1, panels)
    _lines(left, epoch, (train_loss, validation_loss, test_loss), "loss (nats)")
    _lines(right, epoch, (train_accuracy, validation_accuracy, test_accuracy), "accuracy")
    for axes in more:
        axes.plot(epoch, learning_rate, color=BLUE, label="learning rate")
        axes.set(xlabel="epoch", ylabel="learning rate", ylim=(0, None))
    if classes is not None:
        uniform = f"ln {classes}, a uniform guess"
        left.axhline(math.log(classes), color=GREY, linestyle=":", label=uniform)
    if best is not None:
        for axes in figure.axes:
            axes.axvline(best, color=GREY, linewidth=1, label=f"best epoch: {best}")
    left.set_ylim(bottom=0)
    left.legend(edgecolor="none")
    right.legend(edgecolor="none", loc="lower right")
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.xaxis.get_major_locator().set_params(integer=True)  # there is no epoch 0.5
    return figure


def _lines(axes: Any, epoch: Sequence[float], lines: Sequence[Sequence[float]], what: str) -> None:
    """The lines that have a number, told apart by colour and dashes."""
    looks = ((BLUE, "-", "training"), (GREEN, "-.", "validation"), (ORANGE, "--", "test"))
    for numbers, (colour, dashes, name) in zip(lines, looks, strict=True):
        if name == "training" or not all(map(math.isnan, numbers)):
            axes.plot(epoch, numbers, color=colour, linestyle=dashes, label=name)
    axes.set(xlabel="epoch", ylabel=what)

"""Plots of plain arrays, with matplotlib (``pip install "tinygrad-xent[plot]"``).

Every function returns a matplotlib Figure that belongs to nobody else: no global state is touched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#767676"  # Okabe and Ito: told apart by everyone


def curves(
    epoch: Sequence[float],
    train_loss: Sequence[float],
    train_accuracy: Sequence[float],
    test_loss: Sequence[float] = (),
    test_accuracy: Sequence[float] = (),
    *,
    classes: int | None = None,
) -> Any:
    """Loss and accuracy over the epochs, side by side: the columns of a History, in its order.

    Parameters
    ----------
    epoch
        Where the points stand, from left to right.
    train_loss, train_accuracy, test_loss, test_accuracy
        One number per epoch, losses in nats. A test line is drawn if one of its numbers is not nan.
    classes
        K; also draws what a uniform guess costs, ln K.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> from tinygrad_xent import plots
    >>> history = tx.fit(tx.nn.MLP([4, 3], rng=0), tx.data.load("iris"), epochs=2)
    >>> figure = plots.curves(*zip(*history), classes=3)   # then figure.savefig("curves.svg")
    >>> [axes.get_ylabel() for axes in figure.axes]
    ['loss (nats)', 'accuracy']
    """
    figure = new_figure(width=9.0, height=3.6)
    left, right = figure.subplots(1, 2)
    for axes, train, test, what in (
        (left, train_loss, test_loss, "loss (nats)"),
        (right, train_accuracy, test_accuracy, "accuracy"),
    ):
        axes.plot(epoch, train, color=BLUE, label="training")
        if not all(map(math.isnan, test)):
            axes.plot(epoch, test, color=ORANGE, linestyle="--", label="test")
        axes.set(xlabel="epoch", ylabel=what)
        axes.spines[["top", "right"]].set_visible(False)
    if classes is not None:
        left.axhline(
            math.log(classes), color=GREY, linestyle=":", label=f"ln {classes}, a uniform guess"
        )
    left.set_ylim(bottom=0)
    left.legend(frameon=False)
    right.legend(frameon=False, loc="lower right")
    return figure


def new_figure(width: float, height: float) -> Any:
    """An empty figure, in inches, that belongs to nobody else.

    Raises
    ------
    ImportError
        Without matplotlib, naming the pip command.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'plots need matplotlib: pip install "tinygrad-xent[plot]" (or pip install matplotlib)'
        ) from error
    return Figure(figsize=(width, height), layout="constrained")

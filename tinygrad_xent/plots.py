"""Plots of plain arrays, with matplotlib (``pip install "tinygrad-xent[plot]"``).

Every function returns a matplotlib Figure that belongs to nobody else: no global state is touched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .display import printable

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


def reliability(seen: Any) -> Any:
    """A reliability diagram: how often it was right over how sure it was, bin by bin.

    On the dotted diagonal a model means what it says; below it, it is too sure. A small point
    stands for few rows. The vertical line through it reaches as far as chance alone may have moved
    it: Wilson's interval at one standard error, which has a length even where all were right.

    Parameters
    ----------
    seen
        What `calibration.reliability` returns; or several of them by name, to be compared. Empty
        bins are left out.

    Raises
    ------
    ValueError
        If `seen` is an empty mapping.

    Notes
    -----
    DeGroot and Fienberg, The Comparison and Evaluation of Forecasters (1983). Wilson, Probable
    Inference, the Law of Succession, and Statistical Inference (1927).

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> from tinygrad_xent import plots
    >>> seen = tx.calibration.reliability([[0.9, 0.1], [0.4, 0.6]], [0, 0])
    >>> figure = plots.reliability(seen)                  # then figure.savefig("reliability.svg")
    >>> figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()
    ('confidence', 'accuracy')
    """
    figure = new_figure(width=4.4, height=4.2)
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    draw_reliability(axes, seen)
    return figure


def draw_reliability(axes: Any, seen: Any) -> None:
    """What `reliability` draws, on matplotlib axes that are there already.

    Parameters
    ----------
    axes
        Of a matplotlib Figure, beside others of yours.
    seen
        As for `reliability`; see the example there.

    Raises
    ------
    ValueError
        If there is no diagram to draw.
    """
    diagrams = seen if isinstance(seen, Mapping) else {"": seen}
    if not diagrams:
        raise ValueError("reliability: there is nothing to draw; wanted at least one diagram")
    axes.plot([0, 1], [0, 1], color=GREY, linestyle=":", label="says what happens")
    looks = ((BLUE, "o", "-"), (ORANGE, "s", "--"), (GREY, "^", "-."))
    for index, one in enumerate(diagrams.values()):
        color, marker, dash = looks[index % len(looks)]
        sure, right, count = (np.asarray(column) for column in one)
        some = count > 0
        sure, right, count = sure[some], right[some], count[some]
        low, high = _wilson(right, count)
        axes.vlines(sure, low, high, color=color, linewidth=0.8)
        axes.plot(sure, right, color=color, linestyle=dash, linewidth=1)
        sizes = 12 + 120 * np.sqrt(count / count.sum())
        axes.scatter(sure, right, sizes, color=color, marker=marker, zorder=3, label=str(index))
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.03), ylim=(0, 1.03))
    axes.set_aspect("equal")
    legend = axes.legend(frameon=False, loc="best")
    shown = zip(legend.legend_handles[1:], legend.get_texts()[1:], diagrams, strict=True)
    for handle, text, name in shown:
        handle.set_sizes([36])  # not as large as the first bin happens to be
        text.set_parse_math(False)  # a name is no formula, whatever dollars it has
        text.set_text(printable(str(name) or "the model"))


def _wilson(share: Any, n: Any) -> tuple[Any, Any]:
    """Where a share seen in n rows may truly be: Wilson's interval at one standard error."""
    middle = (share + 0.5 / n) / (1 + 1 / n)
    half = np.sqrt(share * (1 - share) / n + 0.25 / n**2) / (1 + 1 / n)
    return middle - half, middle + half


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib Figure that belongs to nobody else.

    Parameters
    ----------
    width, height
        In inches.

    Raises
    ------
    ImportError
        Without matplotlib, naming the pip command.

    Examples
    --------
    >>> new_figure(6.0, 3.4).axes
    []
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'plots need matplotlib: pip install "tinygrad-xent[plot]" (or pip install matplotlib)'
        ) from error
    return Figure(figsize=(width, height), layout="constrained")

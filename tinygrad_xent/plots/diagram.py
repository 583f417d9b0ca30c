"""The reliability diagram: how often a model is right over how sure it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..display import printable
from .figure import BLUE, GREY, ORANGE, named_legend, new_figure


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
    shown = axes.plot([0, 1], [0, 1], color=GREY, linestyle=":")
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
        shown.append(axes.scatter(sure, right, sizes, color=color, marker=marker, zorder=3))
    axes.set(xlabel="confidence", ylabel="accuracy", xlim=(0, 1.03), ylim=(0, 1.03))
    axes.set_aspect("equal")
    names = [printable(str(name)) or "the model" for name in diagrams]
    legend = named_legend(axes, shown, ["says what happens", *names], loc="best")
    for handle in legend.legend_handles[1:]:
        handle.set_sizes([36])  # not as large as the first bin happens to be


def _wilson(share: Any, n: Any) -> tuple[Any, Any]:
    """Where a share seen in n rows may truly be: Wilson's interval at one standard error."""
    middle = (share + 0.5 / n) / (1 + 1 / n)
    half = np.sqrt(share * (1 - share) / n + 0.25 / n**2) / (1 + 1 / n)
    return middle - half, middle + half

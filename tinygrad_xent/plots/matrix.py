"""The confusion matrix: which class is taken for which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .figure import BLUE, LINE, class_names, every, name_axis, new_figure, wide, wrapped

COUNTED = 20  # up to so many classes, the cells hold their counts
WHITE = 0.19  # from this share on, white is read better than black


def confusion(counts: Any, classes: Sequence[str] | None = None) -> Any:
    """The confusion matrix: a row per label, a column per predicted class.

    A cell is as dark as its share of the row is large, on a scale that lets small shares be seen;
    in it stands the count, for up to 20 classes. A label without rows is grey. What is right lies
    on the diagonal, whose cells have a border.

    Parameters
    ----------
    counts
        (K, K) numbers of rows, as `evaluate(...).confusion`; row = label, column = predicted class.
    classes
        K names; the numbers 0 to K-1 if None.

    Raises
    ------
    ValueError
        If counts are no square of whole numbers from 0 on, or if there are not K names.

    Examples
    --------
    >>> from tinygrad_xent import plots
    >>> figure = plots.confusion([[8, 2], [0, 5]], ["cat", "dog"])  # then figure.savefig(...)
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['8', '2', '5']
    """
    numbers = _checked(counts)
    k = len(numbers)
    names = class_names("confusion", classes, k)
    cell = max(0.44, 0.075 * len(str(numbers.max())) + 0.12) if k <= COUNTED else 0.0
    side = max(1.8, k * cell) if cell else 7.5
    step = every(k, side)
    places = list(range(0, k, step))
    lines = max(1, int(side / k / 0.15))
    shown = [wrapped(names[i], lines) for i in places]
    flat = wide(shown) < 0.9 * step * side / k
    below = LINE * max(name.count("\n") + 1 for name in shown) if flat else wide(shown)
    figure, axes, bar = _placed(side, left=wide(shown), below=below)
    image = _cells(axes, numbers)
    name_axis(axes.yaxis, places, shown)
    name_axis(axes.xaxis, places, shown, rotation=0 if flat else 90)
    axes.set(xlabel="predicted class", ylabel="label")
    if cell:
        _write_counts(axes, numbers)
    figure.colorbar(image, cax=bar, label="share of the label")
    bar.yaxis.set_ticks([0, 0.01, 0.1, 0.25, 0.5, 1])
    return figure


def _placed(side: float, left: float, below: float) -> tuple[Any, Any, Any]:
    """A figure with a square of that side, and a bar beside it: all inches are known.

    `left` and `below` are what the names take; ticks and the names of the axes come to it.
    """
    left, below = left + 0.5, below + 0.55
    width, height = left + side + 1.1, below + side + 0.15
    figure = new_figure(width, height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((left / width, below / height, side / width, side / height))
    tall = min(side, 3.0)
    bar = figure.add_axes(
        ((left + side + 0.2) / width, (below + side - tall) / height, 0.14 / width, tall / height)
    )
    return figure, axes, bar


def _checked(counts: Any) -> Any:
    found = np.asarray(counts)
    if found.ndim != 2 or len(found) != found.shape[1] or not found.size:
        raise ValueError(f"confusion: counts of shape {found.shape}; wanted (K, K), K > 0")
    whole = found.dtype.kind in "iuf" and np.isfinite(found).all() and (found >= 0).all()
    if not whole or (found != np.floor(found)).any() or (found >= 2**63).any():
        raise ValueError("confusion: counts are not whole numbers from 0 on")
    return found.astype(np.int64)


def _cells(axes: Any, numbers: Any) -> Any:
    """The shares as an image, on a scale of square roots, and the borders of the diagonal."""
    from matplotlib.collections import PatchCollection
    from matplotlib.colors import LinearSegmentedColormap, PowerNorm
    from matplotlib.patches import Rectangle

    colours = LinearSegmentedColormap.from_list("shares", ["#FFFFFF", BLUE, "#00233C"])
    shades = colours.with_extremes(bad="#D8D8D8")
    image = axes.imshow(_shares(numbers), cmap=shades, norm=PowerNorm(0.5, 0, 1))
    k = len(numbers)
    if k <= 60:
        boxes = [Rectangle((i - 0.5, i - 0.5), 1, 1) for i in range(k)]
        axes.add_collection(
            PatchCollection(boxes, facecolor="none", edgecolor="#333333", linewidth=0.6)
        )
    return image


def _shares(numbers: Any) -> Any:
    """What share of its label each cell is; nan where a label has no rows."""
    rows = numbers.sum(axis=1, keepdims=True)
    return np.divide(numbers, rows, out=np.full(numbers.shape, math.nan), where=rows > 0)


def _write_counts(axes: Any, numbers: Any) -> None:
    """The counts in the cells, but for zeros: white on what is dark."""
    shares = _shares(numbers)
    for row, column in np.argwhere(numbers > 0).tolist():
        colour = "white" if shares[row, column] > WHITE else "#1A1A1A"
        look = {"color": colour, "ha": "center", "va": "center", "fontsize": 8}
        axes.text(column, row, str(numbers[row, column]), **look)

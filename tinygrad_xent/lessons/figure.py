"""What the lessons' figures have in common: size, colours, quiet axes."""

from __future__ import annotations

from typing import Any

from ..plots import BLUE, GREY, ORANGE, new_figure

# The target p, the model q, what is neither; and the two dashes that tell lines apart in grey.
P, Q, QUIET = BLUE, ORANGE, GREY


def panels(columns: int, *, height: float = 3.4) -> tuple[Any, Any]:
    """A figure as wide as a page and its axes, from left to right (one: the axes themselves).

    Raises
    ------
    ImportError
        Without matplotlib: ``pip install "tinygrad-xent[plot]"``.
    """
    figure = new_figure(width=4.2 * columns if columns > 1 else 6.0, height=height)
    axes = figure.subplots(1, columns)
    for one in figure.axes:
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes

"""Plots of plain arrays, with matplotlib (``pip install "tinygrad-xent[plot]"``).

- `curves`: loss and accuracy over the epochs
- `confusion`: which class is taken for which
- `reliability`, `draw_reliability`: how often a model is right over how sure it is
- `decision`: the regions of a model in the plane
- `weights`: what the units of a first layer look for in an image

Every function returns a matplotlib Figure that belongs to nobody else: no global state is touched.
Colours are Okabe and Ito's and told apart in grey too. Names of classes and columns are shown as
they are, never read as formulas; of many, so many as there is room for.
"""

from __future__ import annotations

from .diagram import draw_reliability, reliability
from .figure import BLUE, GREY, ORANGE, new_figure
from .history import curves
from .images import weights
from .matrix import confusion
from .regions import decision

__all__ = [
    "BLUE",
    "GREY",
    "ORANGE",
    "confusion",
    "curves",
    "decision",
    "draw_reliability",
    "new_figure",
    "reliability",
    "weights",
]

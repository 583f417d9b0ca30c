"""Drawings: the graph of a computation with its values, its gradients and what flows between them.

- `make_dot` draws a Tensor and everything it was computed from; `draw_dot` and `plot_dot_graph` are
  the same under the names that users of micrograd and DeZero know.
- `snapshot` is what a drawing is made of: the graph as plain data.
- A drawing that cannot be laid out raises `LayoutError`.

The package graphviz is imported when something is drawn, not before.
"""

from __future__ import annotations

from .aliases import draw_dot, plot_dot_graph
from .drawing import make_dot
from .engines import LayoutError
from .exhibit import compare_xent
from .movie import Movie
from .player import Player, play
from .snapshot import Graph, snapshot
from .stages import explain
from .tape import Tape, record

__all__ = [
    "Graph",
    "LayoutError",
    "Movie",
    "Player",
    "Tape",
    "compare_xent",
    "draw_dot",
    "explain",
    "make_dot",
    "play",
    "plot_dot_graph",
    "record",
    "snapshot",
]

"""Drawings: the graph of a computation with its values, its gradients and what flows between them.

- `make_dot` draws a Tensor and everything it was computed from.
- `snapshot` is what a drawing is made of: the graph as plain data.
- A drawing that cannot be laid out raises `LayoutError`.

The package graphviz is imported when something is drawn, not before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ..tensor import Tensor
from .engines import LayoutError
from .exhibit import compare_xent
from .explain import explain
from .movie import Movie
from .player import Player, play
from .snapshot import Graph, snapshot
from .style import Options
from .tape import Tape, record

if TYPE_CHECKING:
    from .dotgraph import DotGraph

__all__ = [
    "Graph",
    "LayoutError",
    "Movie",
    "Player",
    "Tape",
    "compare_xent",
    "explain",
    "make_dot",
    "play",
    "record",
    "snapshot",
]

# More nodes than this are not drawn: a browser struggles, and nobody reads it.
MOST_NODES = 2000


def make_dot(
    var: Tensor,
    params: Mapping[str, Tensor] | None = None,
    show_attrs: bool = False,
    show_saved: bool = False,
    max_attr_chars: int = 50,
    *,
    names: Mapping[str, Any] | None = None,
    values: str = "auto",
    grads: str = "auto",
    shapes: bool = True,
    formulas: bool = True,
    rankdir: str = "LR",
    legend: bool = True,
    precision: int = 3,
    max_nodes: int = 300,
) -> DotGraph:
    """Draw how `var` was computed and, after ``backward()``, how its gradient flowed back.

    Tensors are tables (blue: data, green: parameters, grey: results, pink: the loss), ops are
    orange boxes with their formula. Solid arrows carry values forward; dashed ones carry gradients
    back, and on each stands the rule by which the op computes what it sends to that operand.

    Parameters
    ----------
    var
        The root of the drawing, as a rule the loss.
    params
        Names for Tensors, such as ``dict(model.named_parameters())``.
    show_attrs
        Whether ops show their attributes, each cut at `max_attr_chars`.
    show_saved
        Whether ops show what they saved for backward; small arrays they always show.
    names
        More names, such as ``locals()``: what is not a Tensor is ignored. Otherwise a Tensor goes
        by its ``.name``, or by a made-up one.
    values, grads
        ``"auto"``: up to 16 elements one by one, more as minimum, mean and maximum;
        ``"summary"``: always the latter; ``"none"``: nothing.
    shapes, formulas, legend
        Whether to show these.
    rankdir
        Which way forward is: ``"LR"``, ``"TB"``, ``"RL"`` or ``"BT"``.
    precision
        How many significant digits.
    max_nodes
        Above this many nodes, arrays are not shown element by element; above 2000 nodes (or above
        `max_nodes`, if that is more) nothing is drawn.

    Returns
    -------
    DotGraph
        A ``graphviz.Digraph`` that displays itself in a notebook; ``.save("graph.svg")`` writes it.

    Raises
    ------
    TypeError
        If `var` or a value of `params` is not a Tensor.
    ValueError
        If an option is not one of those listed, or the graph is too large.
    ImportError
        If the package graphviz is not installed.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> from tinygrad_xent.draw import make_dot
    >>> z = tx.Tensor([[2.0, 1.0, 0.1]], requires_grad=True, name="z")
    >>> loss = tx.cross_entropy(z, [0])
    >>> loss.backward()
    >>> picture = make_dot(loss)
    >>> "ḡ (q - p) / N" in picture.source
    True
    """
    options = Options(
        show_attrs, show_saved, max_attr_chars, values, grads, shapes, formulas, rankdir, legend,
        precision,
    )  # fmt: skip
    graph = snapshot(_checked(var, "var"), _all_names(params, names))
    most = max(MOST_NODES, max_nodes)
    if len(graph) > most:
        raise ValueError(
            f"make_dot: the graph has {len(graph)} nodes, more than {most}; draw a smaller example "
            f"or fewer layers, or pass max_nodes={len(graph)}"
        )
    if len(graph) > max_nodes:
        options = replace(
            options,
            values="summary" if values == "auto" else values,
            grads="summary" if grads == "auto" else grads,
        )
    try:
        from .dotgraph import drawn
    except ModuleNotFoundError as error:
        if error.name != "graphviz":
            raise
        raise ImportError("make_dot: graphviz is not installed; pip install graphviz") from error
    return drawn(graph, options)


def _checked(tensor: Any, what: str) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"make_dot: {what} is a {type(tensor).__name__}, wanted a Tensor")
    return tensor


def _all_names(
    params: Mapping[str, Tensor] | None, names: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Both in one; what `params` says goes before."""
    checked = {name: _checked(p, f"params[{name!r}]") for name, p in (params or {}).items()}
    return {name: value for name, value in (names or {}).items() if name not in checked} | checked

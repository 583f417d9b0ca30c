"""make_dot(): from a Tensor to its picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..tensor import Tensor
from .fit import fitting
from .names import checked_names
from .snapshot import snapshot
from .style import Options
from .theme import theme_named

if TYPE_CHECKING:
    from .dotgraph import DotGraph

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
    depth: int | None = None,
    roll: bool = False,
    rankdir: str = "LR",
    theme: str = "okabe-ito",
    legend: bool = True,
    max_nodes: int = 300,
    precision: int = 3,
) -> DotGraph:
    """Draw how `var` was computed and, after ``backward()``, how its gradient flowed back.

    Tensors are tables (blue: data, green: parameters, grey: results, pink: the loss), ops are
    orange boxes with their formula. Solid arrows carry values forward; dashed ones carry gradients
    back, and on each stands the rule by which the op computes what it sends to that operand.
    Modules are dashed frames around what ran in them.

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
        More names, such as ``locals()``: of Tensors, and of Modules, whose Tensors go by their
        attribute paths; what is neither is ignored. Otherwise a Tensor goes by its ``.name``, by
        its path in the outermost Module that ran, or by a made-up name.
    values, grads
        ``"auto"``: up to 16 elements one by one, more as minimum, mean and maximum;
        ``"summary"``: always the latter; ``"none"``: nothing.
    shapes, formulas, legend
        Whether to show these.
    depth
        Modules that lie deeper than so many levels become one box each, with the shapes that go in
        and come out; 0 makes boxes of the outermost. None draws everything, if it fits.
    roll
        Whether what happens several times in a row (the same ops, shapes and formulas) is drawn
        once, with "× 12" on its frame.
    rankdir
        Which way forward is: ``"LR"``, ``"TB"``, ``"RL"`` or ``"BT"``.
    theme
        ``"okabe-ito"``, ``"dark"``, ``"paper"`` (greys, for print) or ``"high-contrast"``.
    max_nodes
        Above this many nodes, Modules become boxes, the innermost first, and repetitions are drawn
        once. If that does not help, arrays are not shown element by element; and if more than 2000
        nodes remain (or more than `max_nodes`, if that is larger), nothing is drawn.
    precision
        How many significant digits.

    Returns
    -------
    DotGraph
        A ``graphviz.Digraph`` that displays itself in a notebook; ``.save("graph.svg")`` writes it.

    Raises
    ------
    TypeError
        If `var` or a value of `params` is not a Tensor, or `names` are no mapping from text.
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
        precision, theme_named(theme),
    )  # fmt: skip
    _whole(max_nodes, "max_nodes")
    if depth is not None:
        _whole(depth, "depth")
    graph = snapshot(_checked(var, "var"), _all_names(params, names))
    scene = fitting(graph, depth, roll, max_nodes)
    most = max(MOST_NODES, max_nodes)
    if len(scene) > most:
        raise ValueError(
            f"make_dot: {len(scene)} nodes remain of a graph of {len(graph)}, more than {most}; "
            "draw less of it: depth=0 makes one box of each Module, make_dot(h) of an inner "
            f"Tensor h draws what leads to h, and max_nodes={len(scene)} draws all the same"
        )
    if len(scene) > max_nodes:
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
    return drawn(scene, options)


def _checked(tensor: Any, what: str) -> Tensor:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"make_dot: {what} is a {type(tensor).__name__}, wanted a Tensor")
    return tensor


def _whole(number: Any, what: str) -> None:
    if not isinstance(number, (int, np.integer)) or number < 0:
        raise ValueError(f"make_dot: {what}={number!r}; wanted a whole number of at least 0")


def _all_names(
    params: Mapping[str, Tensor] | None, names: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Both in one; what `params` says goes before."""
    checked = {
        name: _checked(p, f"params[{name!r}]")
        for name, p in checked_names(params, "make_dot: params").items()
    }
    more = checked_names(names, "make_dot: names")
    return {name: value for name, value in more.items() if name not in checked} | checked

"""`make_dot` under the names that users of micrograd and DeZero know."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..tensor import Tensor
from .drawing import make_dot

if TYPE_CHECKING:
    from .dotgraph import DotGraph


def draw_dot(root: Tensor, format: str = "svg", rankdir: str = "LR") -> DotGraph:
    """Draw how `root` was computed, as micrograd's function of this name does.

    Parameters
    ----------
    root
        As a rule the loss.
    format
        What ``.render()`` writes: ``"svg"``, ``"png"`` or ``"pdf"``.
    rankdir
        Which way forward is: ``"LR"`` or ``"TB"``.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> x = tx.Tensor(3.0, requires_grad=True, name="x")
    >>> tx.draw_dot(x * x, format="png").format
    'png'
    """
    picture = make_dot(root, rankdir=rankdir)
    picture.format = format
    return picture


def plot_dot_graph(
    output: Tensor, verbose: bool = True, to_file: str | os.PathLike[str] = "graph.png"
) -> DotGraph:
    """Draw how `output` was computed and save it, as DeZero's function of this name does.

    Parameters
    ----------
    output
        As a rule the loss.
    verbose
        Whether Tensors show shape and dtype.
    to_file
        The suffix says what is written: see `DotGraph.save`.

    Returns
    -------
    DotGraph
        What was saved; a notebook shows it if it is the last line of a cell.

    Raises
    ------
    LayoutError
        If no layout engine can make the picture.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> x = tx.Tensor(3.0, requires_grad=True, name="x")
    >>> picture = tx.plot_dot_graph(x * x, to_file="graph.svg")
    """
    picture = make_dot(output, shapes=verbose)
    picture.save(to_file)
    return picture

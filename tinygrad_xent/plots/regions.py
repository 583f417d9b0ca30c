"""The decision regions of a classifier in the plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..nn import Module
from ..training import predict
from .figure import COLOURS, MARKERS, class_names, named_legend, new_figure, wide, wrapped

STEPS = 200  # points of the map along each side
POINTS = 4000  # more are thinned out, each class by itself: none is lost
LISTED = 40  # of more classes, the legend names the first
ROWS = 21  # of more, it has two columns


def decision(
    model: Any,
    x: Any,
    y: Any,
    classes: Sequence[str] | None = None,
    *,
    features: Sequence[str] = ("x0", "x1"),
    scale: Callable[[Any], Any] | None = None,
) -> Any:
    """What a model makes of the plane: the region of each class, and the rows with their labels.

    A region has the colour of its class, stronger where q is larger: pale is undecided. Black lines
    are where two classes are equally likely. Rows have the colour and the marker of their label, so
    that one in a region of another colour is a mistake.

    Parameters
    ----------
    model
        A Module that takes rows of two numbers and gives logits; or a function that takes an array
        (M, 2) and returns probabilities, (M, K).
    x
        (N, 2) rows, in the units of the axes.
    y
        (N,) labels.
    classes
        K names; the numbers 0 to K-1 if None.
    features
        The names of the two columns of x, for the axes.
    scale
        What a Module wants done to rows first, such as a `data.Standardiser`; or None.

    Raises
    ------
    ValueError
        If x is not (N, 2) and finite, if the labels or names do not fit, or if the function gives
        no probabilities.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> from tinygrad_xent import plots
    >>> moons = tx.data.load("moons")
    >>> figure = plots.decision(moons.posterior, moons.x, moons.y, moons.classes)
    >>> figure.axes[0].get_xlabel(), len(figure.axes[0].collections[-1].get_offsets())
    ('x0', 250)
    """
    rows, labels = np.asarray(x, np.float64), np.asarray(y)
    _check(rows, labels, features)
    low, high = _window(rows)
    across, up = (np.linspace(low[i], high[i], STEPS) for i in (0, 1))
    grid = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    q = _probabilities(model, grid, scale)
    k = q.shape[1]
    if labels.max() >= k or labels.min() < 0:
        raise ValueError(
            f"decision: labels up to {labels.max()}; the model knows classes below {k}"
        )
    names = [wrapped(name, 3) for name in class_names("decision", classes, k)]
    figure = _figure([names[label] for label in np.unique(labels).tolist()[:LISTED]])
    axes = figure.subplots()
    axes.imshow(
        _shaded(q).reshape(STEPS, STEPS, 3),
        extent=(low[0], high[0], low[1], high[1]),
        origin="lower",
        aspect="auto",
    )
    _borders(axes, across, up, q.reshape(STEPS, STEPS, k))
    drawn = _points(axes, rows, labels)
    axes.set_xlabel(class_names("decision: features", features, 2)[0], parse_math=False)
    axes.set_ylabel(class_names("decision: features", features, 2)[1], parse_math=False)
    _legend(figure, drawn, names)
    return figure


def _figure(names: list[str]) -> Any:
    """A figure with room for the map and, beside it, for these names."""
    columns = 2 if len(names) > ROWS else 1
    lines = 3 + sum(name.count("\n") + 1.35 for name in names) / columns
    return new_figure(
        width=5.0 + columns * (wide(names) + 0.4), height=max(4.6, 0.14 * lines + 0.5)
    )


def _check(rows: Any, labels: Any, features: Sequence[str]) -> None:
    if rows.ndim != 2 or rows.shape[1] != 2 or not rows.size:
        raise ValueError(f"decision: x of shape {rows.shape}; wanted (N, 2), N > 0")
    if not np.isfinite(rows).all():
        bad = int(np.flatnonzero(~np.isfinite(rows).all(axis=1))[0])
        raise ValueError(f"decision: x is not finite in row {bad}")
    if labels.shape != rows.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            f"decision: y of shape {labels.shape} and dtype {labels.dtype}; wanted a class index "
            f"for each of {len(rows)} rows"
        )


def _window(rows: Any) -> tuple[Any, Any]:
    """The corners of the map: a little further than the rows."""
    low, high = rows.min(axis=0), rows.max(axis=0)
    margin = 0.08 * (high - low)
    constant = margin == 0  # 1 is nothing beside 1e17
    margin[constant] = np.maximum(1.0, 0.01 * abs(low[constant]))
    return low - margin, high + margin


def _probabilities(model: Any, grid: Any, scale: Any) -> Any:
    """The probabilities on the grid, (M, K)."""
    if isinstance(model, Module):
        return predict(model, grid, scale=scale)
    q = np.asarray(model(grid if scale is None else scale(grid)), np.float64)
    if q.ndim != 2 or len(q) != len(grid) or not q.shape[1]:
        raise ValueError(f"decision: the function gives {q.shape}; wanted ({len(grid)}, K)")
    if not (q >= 0).all() or not np.allclose(q.sum(axis=1), 1, atol=1e-3):
        raise ValueError(
            "decision: the function gives rows that are no probabilities; wanted softmax(z), or "
            "the Module itself"
        )
    return q


def _shaded(q: Any) -> Any:
    """The colour of the likeliest class, mixed with white as far as q leaves it open."""
    from matplotlib.colors import to_rgb

    colours = np.array([to_rgb(colour) for colour in COLOURS])
    k = q.shape[1]
    sure = (q.max(axis=1, keepdims=True) - 1 / k) / (1 - 1 / k) if k > 1 else np.ones((len(q), 1))
    strength = 0.12 + 0.5 * sure
    return 1 - strength * (1 - colours[q.argmax(axis=1) % len(COLOURS)])


def _borders(axes: Any, across: Any, up: Any, q: Any) -> None:
    """Where a class and the best of the others are equal."""
    best = q.argmax(axis=-1)
    for k in np.unique(best).tolist():
        if (best == k).all():
            return
        lead = q[..., k] - np.delete(q, k, axis=-1).max(axis=-1)
        axes.contour(across, up, lead, levels=[0.0], colors="#1A1A1A", linewidths=0.8)


def _points(axes: Any, rows: Any, labels: Any) -> dict[int, Any]:
    """The rows, class by class; the first handles are those of the legend."""
    step = -(-len(rows) // POINTS)
    size = 26 if len(rows) <= 800 else 10
    drawn = {}
    for k in np.unique(labels).tolist():
        mine = rows[labels == k][::step]
        look = {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)]}
        drawn[k] = axes.scatter(*mine.T, size, **look, edgecolors="#1A1A1A", linewidths=0.5)
    return drawn


def _legend(figure: Any, drawn: dict[int, Any], names: list[str]) -> None:
    """The classes of the rows, beside the map."""
    from matplotlib.lines import Line2D

    handles, texts = list(drawn.values())[:LISTED], [names[k] for k in drawn][:LISTED]
    if len(drawn) > LISTED:
        handles.append(Line2D([], [], linestyle=""))
        texts.append(f"… and {len(drawn) - LISTED} more")
    columns = 2 if len(texts) > ROWS else 1
    named_legend(figure, handles, texts, loc="outside right upper", fontsize=8, ncols=columns)

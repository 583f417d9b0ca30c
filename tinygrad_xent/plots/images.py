"""The weights of a first layer as pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .figure import new_figure


def weights(weight: Any, shape: Sequence[int], *, most: int = 64) -> Any:
    """What the units of a first layer look for: each column of its weight as a picture.

    Blue weights are positive: ink there speaks for the unit; orange ones are negative, and speak
    against it. White is 0, and all pictures share one scale, symmetric about 0.

    Parameters
    ----------
    weight
        (D, H): of a `Linear` layer that takes images of D pixels, in the order of its rows.
    shape
        (height, width) of an image; their product is D.
    most
        How many units are shown at most, from the first on.

    Raises
    ------
    ValueError
        If weight is no finite matrix (D, H), if the shape does not fit it, or if most is below 1.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> from tinygrad_xent import plots
    >>> layer = tx.nn.Linear(64, 10, rng=0)
    >>> figure = plots.weights(layer.weight.numpy(), (8, 8))   # then figure.savefig("weights.png")
    >>> figure.axes[0].get_title()
    '10 units, 8 x 8 pixels each'
    """
    matrix = np.asarray(weight)
    size = tuple(int(n) for n in shape)
    _check(matrix, size, most)
    total, shown = matrix.shape[1], min(matrix.shape[1], most)
    columns = min(shown, math.ceil(math.sqrt(1.3 * shown * size[0] / size[1])))
    mosaic = _mosaic(matrix[:, :shown], size, columns)
    inches = min(8.0, max(3.0, 0.8 * columns))
    height = inches * mosaic.shape[0] / mosaic.shape[1]
    figure = new_figure(width=inches + 1.0, height=height + 0.6)
    axes = figure.subplots()
    largest = float(abs(matrix).max()) or 1.0
    image = axes.imshow(mosaic, cmap=_signs(), vmin=-largest, vmax=largest, interpolation="nearest")
    axes.set_axis_off()
    of = f"{shown} of {total} units" if shown < total else f"{total} units"
    axes.set_title(f"{of}, {size[0]} x {size[1]} pixels each", fontsize=10)
    figure.colorbar(image, ax=axes, label="weight", shrink=0.8)
    return figure


def _check(matrix: Any, size: tuple[int, ...], most: int) -> None:
    if matrix.ndim != 2 or not matrix.size or matrix.dtype.kind != "f":
        raise ValueError(
            f"weights: weight of shape {matrix.shape} and dtype {matrix.dtype}; wanted floats, "
            "a column for each unit, (D, H)"
        )
    if len(size) != 2 or min(size) < 1 or math.prod(size) != len(matrix):
        raise ValueError(
            f"weights: shape={size}; wanted (height, width) with height * width = {len(matrix)}, "
            "the rows of weight"
        )
    if not np.isfinite(matrix).all():
        raise ValueError("weights: weight is not finite")
    if most < 1:
        raise ValueError(f"weights: most={most}; wanted 1 or more")


def _mosaic(matrix: Any, size: tuple[int, ...], columns: int) -> Any:
    """The pictures side by side, row by row, with a pixel of nan between them."""
    height, width = size
    rows = math.ceil(matrix.shape[1] / columns)
    mosaic = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), math.nan)
    for unit, picture in enumerate(matrix.T):
        top, left = (height + 1) * (unit // columns), (width + 1) * (unit % columns)
        mosaic[top : top + height, left : left + width] = picture.reshape(size)
    return mosaic


def _signs() -> Any:
    """From orange over white to blue, whose dark end is much the darker: grey still tells them."""
    from matplotlib.colors import LinearSegmentedColormap

    places = [(0.0, "#E69F00"), (0.5, "#FFFFFF"), (0.8, "#0072B2"), (1.0, "#00233C")]
    return LinearSegmentedColormap.from_list("signs", places).with_extremes(bad="#BBBBBB")

"""What all plots share: the figure, the colours, and names as text."""

from __future__ import annotations

import math
import textwrap
import warnings
from collections.abc import Sequence
from typing import Any

from ..display import plain

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#767676"  # Okabe and Ito: told apart by everyone
GREEN = "#009E73"
# The order alternates dark and light. Eight colours and seven markers: 56 classes are told apart.
COLOURS = (BLUE, "#E69F00", GREEN, "#F0E442", ORANGE, "#56B4E9", GREY, "#CC79A7")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
LINE = 0.16  # inches that a line of small text takes


def new_figure(width: float, height: float) -> Any:
    """An empty matplotlib Figure that belongs to nobody else.

    Parameters
    ----------
    width, height
        In inches.

    Raises
    ------
    ImportError
        Without matplotlib, naming the pip command.

    Examples
    --------
    >>> new_figure(6.0, 3.4).axes
    []
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'plots need matplotlib: pip install "tinygrad-xent[plot]" (or pip install matplotlib)'
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def class_names(where: str, classes: Sequence[Any] | None, k: int) -> list[str]:
    """The names of K classes, the numbers if there are none, without what cannot be shown."""
    if classes is None:
        return [str(i) for i in range(k)]
    if isinstance(classes, str) or len(classes) != k:
        raise ValueError(f"{where}: {len(classes)} names in classes={classes!r}; wanted {k}")
    return [plain(name, 200) for name in classes]


def wrapped(name: str, lines: int, width: int = 24) -> str:
    """A name in at most so many lines; longer than `width` only where they do not suffice."""
    if len(name) <= width:
        return name
    for wide in range(width, 61, 4):
        parts = textwrap.wrap(name, wide, break_on_hyphens=False)
        if len(parts) <= lines:
            return "\n".join(parts)
    return "\n".join([*parts[: lines - 1], parts[lines - 1][:59] + "…"])


def wide(names: Sequence[str], size: float = 9) -> float:
    """How many inches the widest line of the names takes, in letters of so many points."""
    lines = {line for name in names for line in name.split("\n") if line.strip()}
    # The widest is among the longest: not all of hundreds need be measured.
    longest = sorted(lines, key=lambda line: (len(line), line))[-12:]
    return max((_inches(line, size) for line in longest), default=0.0)


def _inches(line: str, size: float) -> float:
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import TextPath

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of letters that the font lacks, drawing will warn
        path = TextPath((0, 0), _literal(line), prop=FontProperties(size=size))
    return 1.1 * float(path.get_extents().x1) / 72  # letters are drawn at whole pixels


def _literal(line: str) -> str:
    """A path has no parse_math: a dollar is told from a formula by its backslash."""
    return line.replace("$", r"\$")


def every(n: int, inches: float) -> int:
    """Every which of n names there is room for, one above the other in so many inches."""
    return max(1, math.ceil(n * LINE / inches))


def name_axis(axis: Any, places: Sequence[float], names: Sequence[str], **look: Any) -> None:
    """Names along an axis; text with $ in it is no formula."""
    axis.set_ticks(places, labels=names, parse_math=False, fontsize=9, **look)


def named_legend(owner: Any, handles: Sequence[Any], names: Sequence[str], **look: Any) -> Any:
    """A legend with the names as they are: matplotlib hides one that begins with _."""
    legend = owner.legend(handles, [str(i) for i in range(len(names))], frameon=False, **look)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
    return legend

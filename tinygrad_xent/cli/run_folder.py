"""What a run leaves in its folder beside the model: history, pictures and pages."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import nn
from ..draw import LayoutError, Movie, make_dot, play
from ..files import replacing
from ..training import History
from .example import Example


def write_pictures(
    out: Path, model: nn.Module, history: History, example: Example, say: Any
) -> list[str]:
    """History, curves and graph; what a missing program or package prevents is said, not raised."""
    history.save(out / "history.csv")
    written = ["history.csv"]
    try:
        from ..plots import curves

        figure = curves(*zip(*history, strict=True), classes=len(example.q))
        with replacing(out / "curves.png") as temporary:
            figure.savefig(temporary, dpi=150)
        written.append("curves.png")
    except ImportError as error:
        say(f"no curves.png: {error}")
    try:
        params = dict(model.named_parameters())
        graph = make_dot(example.loss, params=params, rankdir="TB", show_saved=True)
        graph.save(out / "graph.dot")
        written.append("graph.dot")
        graph.save(out / "graph.svg")
        written.append("graph.svg")
    except ImportError as error:
        say(f"no graph.svg: {error}")
    return written


def write_pages(out: Path, model: nn.Module, example: Example, movie: Movie, say: Any) -> list[str]:
    """The player of the example, and the movie if one was taken."""
    try:
        names = dict(model.named_parameters())
        title = f"Backprop of test row {example.row}"
        play(example.loss, names=names, title=title).save(out / "backprop.html")
        if not len(movie):
            return ["backprop.html"]
        movie.save(out / "movie.html")
        return ["backprop.html", "movie.html"]
    except (ImportError, LayoutError, ValueError) as error:
        say(f"no pages: {error}")
        return []

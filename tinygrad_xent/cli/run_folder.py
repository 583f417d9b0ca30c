"""What a run leaves in its folder beside the model: history, report, pictures and pages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import data, nn
from ..draw import LayoutError, Movie, make_dot, play
from ..files import replacing
from ..training import Evaluation, History
from . import pictures, run_page
from .example import Example
from .resuming import CHECKPOINT, OPTIONS, PAGE

KEPT = ("model.safetensors", CHECKPOINT, OPTIONS)  # written before the rest


@dataclass(frozen=True)
class Run:
    """A training run, as its folder tells of it.

    Attributes
    ----------
    model, history, report, example, movie
        What was trained and how well; the report is on the test part.
    test
        The test rows in their own units, and `scale`, which makes of them what the model takes.
    made
        How the run was made, as names and texts.
    """

    model: nn.Module
    history: History
    report: Evaluation
    example: Example
    movie: Movie
    test: data.Dataset
    scale: Callable[[Any], Any] | None
    made: Mapping[str, str]


def write_folder(out: Path, run: Run, say: Any) -> list[str]:
    """Write everything but `KEPT`; what a missing program or package prevents is said."""
    run.history.save(out / "history.csv")
    _write(out / "report.txt", f"{run.report}\n")
    drawn = [
        *pictures.of_history(run.history, len(run.example.q)),
        *pictures.of_report(run.report),
        *pictures.of_plane(run.model, run.test, run.scale),
        *pictures.of_images(run.model, run.test.features),
    ]
    written, missing = pictures.write(out, drawn)
    written = ["history.csv", "report.txt", *written]
    for write in (_graph, _pages):
        names, why = write(out, run)
        written += names
        missing |= why
    for name, why_not in missing.items():
        say(f"no {name}: {why_not}")
    _write(out / PAGE, run_page.page(out, run, drawn, [*KEPT, *written], missing))
    return [*written, PAGE]


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def _graph(out: Path, run: Run) -> tuple[list[str], dict[str, str]]:
    """The graph of the example, as DOT and as a picture."""
    params = dict(run.model.named_parameters())
    try:
        graph = make_dot(run.example.loss, params=params, rankdir="TB", show_saved=True)
        graph.save(out / "graph.dot")
        graph.save(out / "graph.svg")
    except (ImportError, LayoutError, ValueError) as error:
        return [], {"graph.svg": str(error)}
    return ["graph.dot", "graph.svg"], {}


def _pages(out: Path, run: Run) -> tuple[list[str], dict[str, str]]:
    """The player of the example, and the movie if one was taken."""
    names = dict(run.model.named_parameters())
    title = f"Backprop of test row {run.example.row}"
    try:
        play(run.example.loss, names=names, title=title).save(out / "backprop.html")
    except (ImportError, LayoutError, ValueError) as error:
        return [], {"backprop.html": str(error)}
    if not len(run.movie):
        return ["backprop.html"], {}
    run.movie.save(out / "movie.html")
    return ["backprop.html", "movie.html"], {}

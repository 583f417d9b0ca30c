"""play(): a page on which a reader steps through forward and backward, op by op."""

from __future__ import annotations

import os
import tempfile
import webbrowser
from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from ..tensor import Tensor
from .stage import Scene, Shown, page
from .story import Moment, Story
from .style import Options, visible
from .tape import Tape, story_of
from .words import widest


class Player:
    """A page that plays how gradients come about; it holds text alone, no Tensor.

    In a notebook it shows itself. It is made by `play` and `compare_xent`.

    Attributes
    ----------
    steps : tuple of Moment
        What is told, step by step.
    """

    def __init__(self, html: str, steps: tuple[Moment, ...], svg: str, height: int) -> None:
        self.html, self.steps, self._svg, self._height = html, steps, svg, height

    def save(self, path: str | os.PathLike[str] = "backprop.html") -> str:
        """Write the page, which needs no other file and no network; the path is returned.

        Raises
        ------
        ValueError
            If the suffix is not .html.
        FileNotFoundError
            If there is no such folder.
        """
        from ..files import replacing

        target = Path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"save: {str(path)!r} has the suffix {target.suffix!r}; wanted .html")
        with replacing(target) as temporary:
            temporary.write_bytes(self.html.encode())
        return str(target)

    def show(self) -> str:
        """Open the page in the browser, from a temporary file whose path is returned."""
        folder = tempfile.mkdtemp(prefix="tinygrad_xent-")
        path = self.save(Path(folder, "backprop.html"))
        webbrowser.open(Path(path).as_uri())
        return path

    def __repr__(self) -> str:
        return f"Player({len(self.steps)} steps; .save('backprop.html'), .show())"

    def _repr_mimebundle_(
        self,
        include: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        **_: Any,
    ) -> dict[str, Any]:
        """The page in a frame of its own; the drawing where there is no JavaScript, and text."""
        frame = (
            f'<iframe srcdoc="{escape(self.html)}" sandbox="allow-scripts" title="backprop player"'
            f' style="width:100%;height:{self._height}px;border:0"></iframe>'
        )
        bundle = {"text/html": frame, "image/svg+xml": self._svg, "text/plain": repr(self)}
        wanted = (set(bundle) if include is None else set(include)) - set(exclude or ())
        return {kind: content for kind, content in bundle.items() if kind in wanted}


def play(
    loss: Tensor | Tape,
    *,
    names: Mapping[str, Any] | None = None,
    rankdir: str = "LR",
    title: str | None = None,
) -> Player:
    """A page on which a reader steps through how `loss` was computed, and back.

    The numbers are those of the engine's own walk; ``.grad`` is not touched, and ``backward()``
    need not have been called.

    Parameters
    ----------
    loss
        The root of the graph; or what `record` recorded, update included.
    names
        Names for Tensors, such as ``locals()``.
    rankdir
        Which way forward is: ``"LR"``, ``"TB"``, ``"RL"`` or ``"BT"``.
    title
        What stands above.

    Raises
    ------
    TypeError
        If `loss` is neither.
    ValueError
        If nothing was recorded, or the graph has more than 300 nodes.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> x = tx.Tensor(3.0, requires_grad=True, name="x")
    >>> player = tx.play(x * x)
    >>> [step.kind for step in player.steps]
    ['start', 'fwd', 'seed', 'vjp', 'acc', 'vjp', 'acc', 'done']
    """
    if isinstance(loss, Tape):
        story = loss.story(names)
    elif isinstance(loss, Tensor):
        story = story_of(loss, names)
    else:
        raise TypeError(f"play: got a {type(loss).__name__}, wanted a Tensor or a recorded Tape")
    check_size(story, "play")
    svg = drawing(story, rankdir)
    if title is None:
        title = f"Backprop of {visible(story.graph.root.name)}"
    html = page(title, [Scene("", (Shown("computation graph", story, svg),))])
    return Player(html, story.moments, svg, 640)


MOST = 300


def check_size(story: Story, who: str) -> None:
    """Refuse what nobody would step through."""
    n = len(story.graph)
    if n > MOST:
        raise ValueError(
            f"{who}: the graph has {n} nodes, more than {MOST}; play one row of the batch, fewer "
            "layers, or a Tensor further inside"
        )


Room = dict[str, tuple[str, ...]]


def room_for(story: Story) -> Room:
    """The widest texts that the moments of a story put into each cell."""
    texts: dict[str, list[tuple[str, ...]]] = {}
    for moment in story.moments:
        if moment.shows:
            row = "value" if moment.kind == "update" else "grad"
            texts.setdefault(f"{moment.at}-{row}", []).append(moment.shows)
    return {key: widest(several) for key, several in texts.items()}


def drawing(story: Story, rankdir: str = "LR", room: Room | None = None) -> str:
    """The SVG of a story, whose cells a page can find again, with room for what comes."""
    from .dotgraph import drawn
    from .scene import arrange

    room = room_for(story) if room is None else room
    options = Options(rankdir=rankdir, legend=False, handles=True, room=room)
    svg: str = drawn(arrange(story.graph), options).pipe("svg", encoding="utf-8")
    return svg

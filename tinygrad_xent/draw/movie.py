"""Movie: the graph of one example through training, its numbers changing, beside the loss."""

from __future__ import annotations

import json
import math
import operator
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .. import ops
from ..nn.modes import in_mode
from ..tensor import Tensor
from ..training import Epoch
from ..value import Array, no_grad
from .player import drawing
from .snapshot import Graph
from .stage import filled, slim
from .story import Story
from .style import number
from .tape import story_of
from .words import shows, widest

# Okabe and Ito's colours for classes: of the region, and of a point in it.
CLASSES = (
    ("#cfe8f7", "#0072b2"),
    ("#fbe6bd", "#b36b00"),
    ("#c6ebdf", "#00714f"),
    ("#f3dcea", "#9b3f73"),
    ("#fbf6c2", "#7a7000"),
    ("#f6cfb8", "#a54600"),
)
SIDE = 48  # squares of a map of decision regions


class Movie:
    """Frames of training, for one example: values and gradients at chosen epochs.

    Parameters
    ----------
    model
        Takes rows, returns logits (N, K).
    x, label
        The example: a row, and its class index.
    data
        A `Dataset` of two columns, or ``(x, y)``, whose decision regions are painted; or None.
    every
        Take a frame every so many epochs; all others pass.

    A run that goes on from a checkpoint has its earlier frames too, if the Movie, or its method, is
    one of the callbacks of `fit`.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> toy = tx.data.load("moons")
    >>> model = tx.nn.MLP([2, 4, 2], rng=0)
    >>> movie = tx.draw.Movie(model, toy.x[0], int(toy.y[0]), data=toy)
    >>> history = tx.fit(model, toy, epochs=3, on_epoch=movie.take)
    >>> len(movie)
    4
    """

    def __init__(self, model: Any, x: Any, label: int, *, data: Any = None, every: int = 1) -> None:
        if every < 1:
            raise ValueError(f"Movie: every={every}; wanted 1 or more")
        try:
            self.label = operator.index(label)
        except TypeError:
            raise TypeError(f"Movie: label={label!r}; wanted a class index") from None
        self.model, self.every = model, every
        self.x = np.array(x)[None]
        self.frames: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.names: tuple[str, ...] = ()  # of the tensors, in order
        self._first: dict[str, Array] | None = None  # the weights of the first frame
        self._story: Story | None = None  # of the first frame, which is what is drawn
        self._map = None if data is None else _Map(data)

    def __len__(self) -> int:
        return len(self.frames)

    def take(self, epoch: Epoch) -> None:
        """Take a frame: what `fit` calls as ``on_epoch``."""
        if epoch.epoch % self.every:
            return
        if self._story is None:
            self._first = self.model.state_dict()
        logits, loss, story = self._look()
        if self._story is None:
            self._begin(story)
        correct = int(logits.argmax(axis=1)[0]) == self.label
        losses = [epoch.train_loss] + [epoch.test_loss] * (not math.isnan(epoch.test_loss))
        self.frames.append(
            {
                "label": f"epoch {epoch.epoch}",
                "losses": losses,
                "sentence": _sentence(epoch, loss.item(), correct),
                "shows": _texts(story.graph),
                "region": self._map.region(self.model) if self._map else "",
            }
        )

    on_epoch = take

    def _look(self) -> tuple[Any, Any, Story]:
        """The example as the model sees it now: its logits, its loss and their graph."""
        x = Tensor(self.x, name="x")
        logits = self.model(x)
        logits.name = "z"
        if not 0 <= self.label < logits.shape[-1]:
            raise ValueError(
                f"Movie: label={self.label}; the model has classes 0 to {logits.shape[-1] - 1}"
            )
        loss = ops.cross_entropy(logits, Tensor(np.array([self.label]), name="y"))
        return logits, loss, story_of(loss, dict(self.model.named_parameters()), check=False)

    def _begin(self, story: Story) -> None:
        self._story = story
        self.keys = _keys(story.graph)
        self.names = tuple(node.name for node in story.graph.tensors)

    def state_dict(self) -> dict[str, Any]:
        """The frames, as JSON in an array of bytes, and the weights that are drawn."""
        frames = json.dumps(self.frames).encode()
        return {"frames": np.frombuffer(frames, np.uint8), "weights": self._first}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Have the frames that another Movie of the same model and example took.

        Raises
        ------
        ValueError
            If it was another model.
        """
        frames = json.loads(state["frames"].tobytes())
        self.frames = [one for one in frames if int(one["label"].split()[1]) % self.every == 0]
        self._story, self._first = None, state["weights"]
        if self._first is not None:
            now = self.model.state_dict()
            self.model.load_state_dict(self._first)
            try:
                with in_mode(self.model, False):
                    self._begin(self._look()[2])
            finally:
                self.model.load_state_dict(now)

    def save(self, path: str | os.PathLike[str] = "movie.html", title: str = "Training") -> str:
        """Write the page, which needs no other file and no network; the path is returned.

        Raises
        ------
        ValueError
            If no frame was taken, or the suffix is not .html.
        FileNotFoundError
            If there is no such folder.
        """
        from ..files import replacing

        target = Path(path)
        if target.suffix.lower() not in (".html", ".htm"):
            raise ValueError(f"save: {str(path)!r} has the suffix {target.suffix!r}; wanted .html")
        content = self.html(title).encode()
        with replacing(target) as temporary:
            temporary.write_bytes(content)
        return str(target)

    def html(self, title: str = "Training") -> str:
        """The page as text."""
        if self._story is None:
            raise ValueError("Movie: no frame was taken; pass on_epoch=movie.take to fit")
        columns = zip(*(frame["shows"] for frame in self.frames), strict=True)
        room = {key: widest(texts) for key, texts in zip(self.keys, columns, strict=True)}
        data = {
            "frames": self.frames,
            "keys": self.keys,
            "series": ["training", "test"][: len(self.frames[0]["losses"])],
            "map": self._map.drawn() if self._map else None,
        }
        caption = "one example, forward and back: its values and gradients"
        svg = slim(drawing(self._story, room=room), "m-")
        code = ["base.js", "movie.js"]
        return filled("movie.html", title, code, ["movie.css"], data, svg=svg, caption=caption)


def _keys(graph: Graph) -> list[str]:
    """The cells whose numbers change: a value and a gradient per tensor."""
    return [f"{node.id}-{row}" for node in graph.tensors for row in ("value", "grad")]


def _texts(graph: Graph) -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for node in graph.tensors:
        found += [shows(node.value), shows(node.gradient) if node.gradient else ()]
    return found


def _sentence(epoch: Epoch, loss: float, correct: bool) -> str:
    when = "Before training" if epoch.epoch == 0 else f"After epoch {epoch.epoch}"
    text = f"{when}: training loss {number(epoch.train_loss, 3)}"
    if not math.isnan(epoch.test_accuracy):
        text += f", test accuracy {epoch.test_accuracy:.3f}"
    right = "right" if correct else "wrong"
    return f"{text}. This example costs {number(loss, 3)} and is {right}."


class _Map:
    """The plane of a two-column data set, and which class the model gives each place."""

    def __init__(self, data: Any) -> None:
        x, y = (data.x, data.y) if hasattr(data, "x") else data
        x, self.y = np.asarray(x), np.asarray(y)
        if x.ndim != 2 or x.shape[1] != 2 or self.y.max(initial=0) >= len(CLASSES):
            raise ValueError(
                f"Movie: data of shape {x.shape}; wanted two columns and at most "
                f"{len(CLASSES)} classes to paint decision regions"
            )
        low, high = x.min(axis=0), x.max(axis=0)
        margin = 0.08 * (high - low)
        self.low, self.high = low - margin, high + margin
        self.x = x
        first = np.linspace(self.low[0], self.high[0], SIDE)
        second = np.linspace(self.high[1], self.low[1], SIDE)  # from the top
        self.places: Array = np.stack(np.meshgrid(first, second), -1).reshape(-1, 2)

    def region(self, model: Any) -> str:
        """The predicted class of each place, a letter each."""
        with no_grad():
            logits = model(Tensor(self.places.astype(self.x.dtype)))
        return "".join(map(str, logits.argmax(axis=1)))

    def drawn(self) -> dict[str, Any]:
        """The points, between 0 and 1, and the colours."""
        chosen = np.linspace(0, len(self.x) - 1, min(len(self.x), 300)).astype(int)
        at = (self.x[chosen] - self.low) / (self.high - self.low)
        points = [
            [round(float(a), 3), round(1 - float(b), 3), int(label)]
            for (a, b), label in zip(at, self.y[chosen], strict=True)
        ]
        return {"size": SIDE, "points": points, "colors": CLASSES}

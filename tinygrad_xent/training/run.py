"""Run: everything on which the next epoch depends, in one place."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

import numpy as np

from ..nn import Module
from ..optim import Optimizer
from ..value import Array
from .history import Epoch, History
from .rows import Rows


@dataclass
class Part:
    """An epoch that has begun: where its order came from, how many batches are behind, their sums.

    `order` is the state that the generator of the order had before the order was drawn.
    """

    order: dict[str, Any]
    batches: int = 0
    loss: float = 0.0  #: the sum over the batches, each times its mass
    mass: float = 0.0
    right: int = 0
    seen: int = 0

    def add(self, loss: float, mass: float, right: int, seen: int) -> None:
        """One batch more: its loss, what it counts for, and how many of its rows were right."""
        self.batches += 1
        self.loss, self.mass = self.loss + loss * mass, self.mass + mass
        self.right, self.seen = self.right + right, self.seen + seen

    def means(self) -> tuple[float, float]:
        """Loss and accuracy of the batches so far."""
        return self.loss / self.mass, self.right / self.seen


class Run:
    """A training run as far as it has come: weights, optimizer, generators, history and the best.

    What does not change from epoch to epoch, data and options, is the `Plan`. ``take()`` gives all
    of it as plain numbers and arrays; ``put_back`` into a run of fresh objects goes on as this one
    would have, bit for bit.

    Attributes
    ----------
    lr : float
        The learning rate before a schedule multiplies it.
    steps : int
        How many optimizer steps were taken.
    best : dict or None
        The weights of the epoch with the least validation loss.
    since_best : int
        How many epochs ago that was.
    part : Part or None
        The epoch in progress; None between epochs.
    ended : str
        Why a callback ended the run; empty if none did.
    """

    def __init__(self, model: Module, optimizer: Optimizer, rng: np.random.Generator) -> None:
        self.model, self.optimizer, self.rng = model, optimizer, rng
        model._by_path()  # which refuse what `take` could not tell apart
        self._generators()
        self.lr = optimizer.lr
        self.history = History()
        self.steps = 0
        self.best: dict[str, Array] | None = None
        self.since_best = 0
        self.part: Part | None = None
        self.ended = ""

    @property
    def epoch(self) -> int:
        """The last epoch in the history; -1 if there is none yet."""
        return self.history[-1].epoch if self.history else -1

    def batches_left(self, rows: Rows, size: int) -> Iterator[tuple[int, Array, Array]]:
        """The batches of this epoch with their numbers; where it has begun, those still to come."""
        now = self._order()
        if self.part is None:
            self.part = Part(now)
            drawn = rows.shuffled(size, self.rng)
        else:
            self.rng.bit_generator.state = self.part.order
            drawn = rows.shuffled(size, self.rng)
            self.rng.bit_generator.state = now
        numbered = ((k, x, y) for k, (x, y) in enumerate(drawn))
        return islice(numbered, self.part.batches, None)

    def _order(self) -> dict[str, Any]:
        state: dict[str, Any] = copy.deepcopy(dict(self.rng.bit_generator.state))
        return state

    def add(self, row: Epoch, validated: bool) -> None:
        """Add an epoch to the history; if it is the best so far, keep its weights."""
        self.part = None
        before = self.history.best
        self.history.append(row)
        if not validated:
            return
        if self.best is None or self.history.best is not before:
            self.best, self.since_best = self.model.state_dict(), 0
        else:
            self.since_best += 1

    def take(self) -> dict[str, Any]:
        """A copy of everything: dicts and lists of arrays, numbers and texts.

        Raises
        ------
        TypeError
            If the optimizer is a class of your own whose state is no plain numbers and arrays.
        """
        return {
            "weights": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generators": {
                name: copy.deepcopy(rng.bit_generator.state)
                for name, rng in self._generators().items()
            },
            "history": [tuple(row) for row in self.history],
            "lr": self.lr,
            "steps": self.steps,
            "best": None if self.best is None else dict(self.best),
            "since_best": self.since_best,
            "part": None if self.part is None else copy.deepcopy(asdict(self.part)),
            "ended": self.ended,
        }

    def put_back(self, state: Mapping[str, Any]) -> None:
        """Be where that run was when `state` was taken of it.

        Raises
        ------
        TypeError, ValueError
            If it is of another model, optimizer or kind of generator.
        """
        generators = self._generators()
        if generators.keys() != state["generators"].keys():
            names = [sorted(found) for found in (state["generators"], generators)]
            raise ValueError(f"put_back: got generators {names[0]}; wanted {names[1]}")
        self.model.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        for name, rng in generators.items():
            rng.bit_generator.state = state["generators"][name]
        self.history[:] = [Epoch(*row) for row in state["history"]]
        self.lr, self.steps = state["lr"], state["steps"]
        self.best = None if state["best"] is None else dict(state["best"])
        self.since_best = state["since_best"]
        self.part = None if state["part"] is None else Part(**copy.deepcopy(dict(state["part"])))
        self.ended = state["ended"]

    def _generators(self) -> dict[str, np.random.Generator]:
        """That of the order, and those that modules draw from, each once."""
        found, seen = {"order": self.rng}, {id(self.rng)}
        for path, module in self.model.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, np.random.Generator) and id(value) not in seen:
                    seen.add(id(value))
                    full = f"{path}.{name}" if path else name
                    if full in found:
                        raise ValueError(f"fit: two generators are called {full!r}; rename one")
                    found[full] = value
        return found

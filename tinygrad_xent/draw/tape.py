"""record(): watch a training step while it happens, update and all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..backprop import Step, order
from ..value import Array, Listener, Value, listening
from .local import Check, check_leaf
from .snapshot import seed_of, walk_from
from .story import Change, Story, tell
from .summary import summarize
from .walk import Walk, raw


class Tape(Listener):
    """What happened inside `record`: the last walk from each root, and what followed it.

    It keeps the graph alive as long as it lives itself; the player made from it does not.
    """

    def __init__(self) -> None:
        self._root: Value | None = None
        self._seed: Array | None = None
        self._walk = Walk()
        self._kept: dict[int, Change] = {}
        self._updates: dict[int, Change] = {}

    def walked(self, step: Step) -> None:
        """What a value got, and what went on from there."""
        self._come_to(step.value, step.gradient)
        self._walk.add(step)

    def hooked(self, value: Value, before: Any, after: Any) -> None:
        """What a hook changed."""
        self._come_to(value, before)
        self._walk.hooked(value, before, after)

    def _come_to(self, value: Value, g: Any) -> None:
        """A value to which nothing was sent is where another walk begins."""
        begun = value is self._root and not self._walk.flows  # when its hook was heard of
        if not begun and not self._walk.awaits(value):
            self._root, self._seed, self._walk = value, raw(g).copy(), Walk()
            self._kept, self._updates = {}, {}

    def kept(self, value: Value, before: Array | None) -> None:
        """What ``.grad`` held before and holds now."""
        was = None if before is None else summarize(before)
        self._kept[value.number] = Change(value.number, was, summarize(value._grad))

    def updated(self, value: Value, before: Array, rule: str) -> None:
        """The parameter before and after."""
        change = Change(value.number, summarize(before), summarize(value._array), rule)
        self._updates[value.number] = change

    def story(self, names: Mapping[str, Any] | None = None) -> Story:
        """What happened, as plain data."""
        if self._root is None or self._seed is None:
            raise ValueError(
                "record: no backward() ran inside the block, so there is nothing to play; call "
                "loss.backward() inside it"
            )
        return tell(
            self._root,
            self._walk,
            names,
            tuple(self._kept.values()),
            tuple(self._updates.values()),
            checks(self._root, self._seed, self._walk),
        )


@contextmanager
def record() -> Iterator[Tape]:
    """Record what happens inside the block, for `play`: ops, the walk back, the update.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> w = tx.Tensor([1.0, -1.0], requires_grad=True, name="w")
    >>> step = tx.optim.SGD([w], lr=0.5)
    >>> with tx.record() as tape:
    ...     loss = (w * w).sum()
    ...     loss.backward()
    ...     step.step()
    >>> print(tx.play(tape).steps[-1].sentence)
    w ← θ - 0.5 ḡ: from [1 -1] to [0 0].
    """
    tape = Tape()
    with listening(tape):
        yield tape


def story_of(
    root: Value, names: Mapping[str, Any] | None = None, seed: Any = None, check: bool = True
) -> Story:
    """The story of a graph and of a walk through it, taken now; no ``.grad`` is touched."""
    if not root._needs_grad:
        return tell(root, Walk(), names)
    again = seed is None
    if seed is None:
        seed = seed_of(root)
    if seed is None:
        seed = np.ones_like(root._array)
    walk = walk_from(root, seed, again)
    return tell(root, walk, names, checks=checks(root, seed, walk) if check else None)


def checks(root: Value, seed: Array, walk: Walk) -> dict[int, Check]:
    """Each leaf's gradient beside finite differences, which know nothing of hooks."""
    behind = _behind_hooks(root, walk)
    try:
        return {
            number: behind.get(number) or check_leaf(root, leaf, gradient, seed)
            for number, (leaf, gradient) in walk.leaves.items()
        }
    except Exception:  # a user's forward may refuse float64, or a moved element
        return {}


def _behind_hooks(root: Value, walk: Walk) -> dict[int, Check]:
    """What can be said of each value whose gradient a hook changed, here or on its way here."""
    here, further = (
        Check("not comparable", float("nan"), 0, f"a hook changed {what}")
        for what in ("this gradient", "a gradient on the way here")
    )
    found = dict.fromkeys(walk.arrived, here)
    for value in order(root) if found else ():
        if value.number in found:
            for x in value.inputs:
                if isinstance(x, Value):
                    found.setdefault(x.number, further)
    return found

"""rolled(): what a computation does several times in a row, such as twelve like layers, drawn once.

The ops and boxes of a scene are a sequence, and what each does is a word: its name, its formula,
the shapes, and how many places back each operand was made. A repetition of period p is a stretch in
which every word is the one p places before it. The first round may take its operands from anywhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from .scene import Frame, Scene, tidy

LONGEST = 256  # ops in one round


class Operand(NamedTuple):
    """One operand of a maker: an op or a box.

    `at` is the place in the sequence of the maker that made it or, of a leaf, of the one that used
    it last; -1 if there is none. `what` says the rest.
    """

    at: int
    what: tuple[Any, ...]


@dataclass(frozen=True)
class Run:
    """`times` rounds of `period` makers each, from place `start` on."""

    start: int
    period: int
    times: int

    @property
    def end(self) -> int:
        """The place after the last round."""
        return self.start + self.period * self.times

    @property
    def kept(self) -> int:
        """The place after the first round."""
        return self.start + self.period


def rolled(scene: Scene) -> Scene:
    """The scene in which of every run only the first round is left, in a frame that counts them."""
    sequence = _Sequence(scene)
    for number, run in enumerate(sequence.runs()):
        scene = _without(scene, sequence, run, f"r{number}")
    return tidy(scene)


class _Sequence:
    """The makers of a scene in order of creation, as words."""

    def __init__(self, scene: Scene) -> None:
        self.results: dict[str, list[str]] = defaultdict(list)
        for maker, result in scene.results:
            self.results[maker].append(result)
        self.makers = list(self.results)
        self.place = {maker: k for k, maker in enumerate(self.makers)}
        self.made_by = {result: self.place[maker] for maker, result in scene.results}
        self.users: dict[str, list[int]] = defaultdict(list)
        for edge in scene.edges:
            self.users[edge.source].append(self.place[edge.op])
        self.bodies, self.operands = self._read(scene)

    def _read(self, scene: Scene) -> tuple[list[Any], list[list[Operand]]]:
        arrays = [(node.id, "constant", node.value) for node in scene.constants]
        arrays += [(node.id, node.role, node.value) for node in scene.tensors]
        looks = {id: (role, value.shape, value.dtype) for id, role, value in arrays}
        does: dict[str, Any] = {op.id: (op.name, op.formula) for op in scene.ops}
        does |= {box.id: (box.kind, box.ops, box.parameters) for box in scene.boxes}
        bodies = [(does[m], *(looks[r] for r in self.results[m])) for m in self.makers]
        operands: list[list[Operand]] = [[] for _ in self.makers]
        self.sources: list[list[str]] = [[] for _ in self.makers]
        last_use: dict[str, int] = {}
        for edge in sorted(scene.edges, key=lambda edge: (self.place[edge.op], edge.position)):
            k, source = self.place[edge.op], edge.source
            made = self.made_by.get(source)
            which = None if made is None else self.results[self.makers[made]].index(source)
            what = (edge.argument, edge.rule, edge.summed, which, looks[source])
            operands[k].append(Operand(last_use.get(source, -1) if made is None else made, what))
            self.sources[k].append(source)
            last_use[source] = k
        return bodies, operands

    def runs(self) -> list[Run]:
        """Runs that do not overlap, those that save most first."""
        found = sorted(self._candidates(), key=lambda r: (-r.period * (r.times - 1), r.period))
        free = np.ones(len(self.makers), bool)
        runs = []
        for run in found:
            if free[run.start : run.end].all() and self._closed(run):
                free[run.start : run.end] = False
                runs.append(run)
        return sorted(runs, key=lambda run: run.start)

    def _candidates(self) -> Iterator[Run]:
        numbers: dict[Any, int] = {}
        words = np.array(
            [
                numbers.setdefault((body, tuple((k - at if at >= 0 else 0, what)
                for at, what in operands)), len(numbers))
                for k, (body, operands) in enumerate(zip(self.bodies, self.operands, strict=True))
            ]
        )  # fmt: skip
        for period in range(1, min(len(words) // 2, LONGEST) + 1):
            same = np.flatnonzero(words[:-period] == words[period:])
            for stretch in np.split(same, np.flatnonzero(np.diff(same) > 1) + 1):
                if 2 * len(stretch) >= period:
                    start = self._first_round(int(stretch[0]), period)
                    times = (int(stretch[-1]) + 1 + period - start) // period
                    if times > 1:
                        yield Run(start, period, times)

    def _first_round(self, place: int, period: int) -> int:
        """How far before `place` a first round may begin that takes its operands from anywhere."""
        for start in range(max(place - period, 0), place):
            if all(self._alike(k, k + period, start) for k in range(start, place)):
                return start
        return place

    def _alike(self, first: int, second: int, start: int) -> bool:
        """Whether two makers do the same, one in the round from `start`, one in the next round."""
        period = second - first
        if self.bodies[first] != self.bodies[second]:
            return False
        pairs = zip(self.operands[first], self.operands[second], strict=True)
        for a, b in pairs:
            inside = b.at >= start + period
            if inside and (a.what != b.what or a.at != b.at - period):
                return False
            if not inside and (a.what[0] != b.what[0] or a.what[4][1:] != b.what[4][1:]):
                return False
            if not inside and (a.at >= start or (b.at < 0 and a.what != b.what)):
                return False
        return True

    def leaves_of(self, start: int, end: int) -> set[str]:
        """The leaves and constants that only the makers of these places use."""
        return {
            source
            for source, users in self.users.items()
            if source not in self.made_by and all(start <= k < end for k in users)
        }

    def entering(self, run: Run) -> set[str]:
        """What the first round takes where the second takes what the first made."""
        return {
            self.sources[k][i]
            for k in range(run.start, run.kept)
            for i, operand in enumerate(self.operands[k + run.period])
            if operand.what[3] is not None
        }

    def _closed(self, run: Run) -> bool:
        """Whether what comes after the run uses nothing but its last round."""
        last = run.end - run.period
        return all(
            user < run.end
            for maker in self.makers[run.start : last]
            for result in self.results[maker]
            for user in self.users[result]
        )


def _without(scene: Scene, sequence: _Sequence, run: Run, id: str) -> Scene:
    """The scene with only the first round of a run, which gets a frame."""
    hidden = set(sequence.makers[run.kept : run.end])
    twin: dict[str, str] = {}  # of what a later round made, its like in the first round
    for k in range(run.kept, run.end):
        first = sequence.makers[run.start + (k - run.start) % run.period]
        twin |= dict(
            zip(sequence.results[sequence.makers[k]], sequence.results[first], strict=True)
        )
    hidden |= set(twin)
    hidden |= sequence.leaves_of(run.kept, run.end)
    round_ = set(sequence.makers[run.start : run.kept])
    round_ |= {result for maker in round_ for result in sequence.results[maker]}
    round_ |= sequence.leaves_of(run.start, run.kept) - sequence.entering(run)
    frames, home = _framed(scene, sequence, run, round_, id)
    return replace(
        scene,
        tensors=tuple(node for node in scene.tensors if node.id not in hidden),
        constants=tuple(node for node in scene.constants if node.id not in hidden),
        ops=tuple(op for op in scene.ops if op.id not in hidden),
        boxes=tuple(box for box in scene.boxes if box.id not in hidden),
        edges=tuple(
            replace(edge, source=twin.get(edge.source, edge.source))
            for edge in scene.edges
            if edge.op not in hidden
        ),
        results=tuple((m, result) for m, result in scene.results if m not in hidden),
        frames=frames,
        home=home,
    )


def _framed(
    scene: Scene, sequence: _Sequence, run: Run, nodes: set[str], id: str
) -> tuple[tuple[Frame, ...], dict[str, str]]:
    """The frames and homes with a new frame around the nodes of the first round.

    Frames that lie wholly in the round go into the new one; those that it cuts do not.
    """
    parents = {frame.id: frame.parent for frame in scene.frames}
    chains = {maker: _chain(scene.home.get(maker, ""), parents) for maker in sequence.makers}
    whole = [chains[maker] for maker in sequence.makers[run.start : run.end]]
    around = next((f for f in reversed(whole[0]) if all(f in chain for chain in whole)), "")
    outside = {f for m, chain in chains.items() if m not in nodes for f in chain}
    own = {f for node in nodes for f in _chain(scene.home.get(node, ""), parents)} - outside
    home = dict(scene.home)
    for node in nodes:
        if home.get(node, "") not in own:
            home[node] = id
    frames: list[Frame] = []
    new = Frame(id, "", "", around, run.times)
    for frame in scene.frames:
        inside = frame.id in own
        if inside and new not in frames:
            frames.append(new)
        frames.append(replace(frame, parent=id) if inside and frame.parent not in own else frame)
    return tuple(frames if new in frames else [*frames, new]), home


def _chain(frame: str, parents: dict[str, str]) -> tuple[str, ...]:
    """A frame and those around it, the outermost first."""
    chain: list[str] = []
    while frame:
        chain.insert(0, frame)
        frame = parents[frame]
    return tuple(chain)

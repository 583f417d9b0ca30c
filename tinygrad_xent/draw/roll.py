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

LONGEST = 256  # makers in one round
FEWEST = 3  # makers that rolling must spare, or it is not worth a frame


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
    rolling = _Rolling(scene, sequence)
    for run in sequence.runs():
        rolling.add(run)
    return tidy(rolling.scene_without())


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
        parents = {frame.id: frame.parent for frame in scene.frames}
        self.chains = {m: _chain(scene.home.get(m, ""), parents) for m in self.makers}
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
            ends = np.flatnonzero(np.diff(same, append=len(words)) > 1)
            begins = np.concatenate([[0], ends[:-1] + 1])[: len(ends)]
            long = 2 * (ends - begins + 1) >= period
            for first, last in zip(same[begins[long]], same[ends[long]], strict=True):
                end = int(last) + 1 + period
                start = self._whole_modules(self._first_round(int(first), period), period, end)
                if (end - start) // period * period >= period + FEWEST:
                    yield Run(start, period, (end - start) // period)

    def _whole_modules(self, start: int, period: int, end: int) -> int:
        """Where to begin the rounds so that as few Modules as can be are part of two of them."""
        starts = range(start, max(min(start + period, end - 2 * period + 1), start + 1))
        return min(starts, key=lambda k: self._shared(k + period - 1, k + period))

    def _shared(self, first: int, second: int) -> int:
        """How many frames two makers are both in."""
        pairs = zip(*(self.chains[self.makers[k]] for k in (first, second)), strict=False)
        return sum(a == b for a, b in pairs)

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
            made_here = a.what[3] is not None and a.at >= start
            if not inside and (made_here or (b.at < 0 and a.what != b.what)):
                return False
        return True

    def leaves_of(self, start: int, end: int) -> set[str]:
        """The leaves and constants that only the makers of these places use."""
        sources = {source for k in range(start, end) for source in self.sources[k]}
        return {
            source
            for source in sources - self.made_by.keys()
            if all(start <= k < end for k in self.users[source])
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


class _Rolling:
    """What goes when of each run only the first round stays."""

    def __init__(self, scene: Scene, sequence: _Sequence) -> None:
        self.scene, self.sequence = scene, sequence
        self.hidden: set[str] = set()
        self.twin: dict[str, str] = {}  # of what a later round made, its like in the first round
        self.home = dict(scene.home)
        self.parent = {frame.id: frame.parent for frame in scene.frames}
        self.added: list[Frame] = []
        self.span: dict[str, tuple[int, int]] = {}  # of each frame, its first and last place
        for place, maker in enumerate(sequence.makers):
            for frame in sequence.chains[maker]:
                self.span[frame] = (self.span.get(frame, (place, place))[0], place)

    def add(self, run: Run) -> None:
        """Leave out all but the first round of `run`, and frame that."""
        sequence = self.sequence
        for k in range(run.kept, run.end):
            maker = sequence.makers[k]
            like = sequence.makers[run.start + (k - run.start) % run.period]
            pairs = zip(sequence.results[maker], sequence.results[like], strict=True)
            self.twin |= dict(pairs)
            self.hidden |= {maker, *sequence.results[maker]}
        self.hidden |= sequence.leaves_of(run.kept, run.end)
        makers = sequence.makers[run.start : run.kept]
        nodes = {*makers, *(result for maker in makers for result in sequence.results[maker])}
        nodes |= sequence.leaves_of(run.start, run.kept) - sequence.entering(run)
        self.frame(run, sorted(nodes))

    def frame(self, run: Run, nodes: list[str]) -> None:
        """A frame around the first round and the frames that lie wholly in it."""
        chain = self.sequence.chains[self.sequence.makers[run.start]]
        around = [f for f in chain if self.span[f][1] >= run.end - 1]
        new = Frame(f"r{len(self.added)}", "", "", around[-1] if around else "", run.times)
        self.added.append(new)
        for node in nodes:
            inner = ""
            frame = self.home.get(node, "")
            while frame and self.inside(frame, run):
                inner, frame = frame, self.parent[frame]
            if not inner:
                self.home[node] = new.id
            elif frame != new.id:
                self.parent[inner] = new.id

    def inside(self, frame: str, run: Run) -> bool:
        """Whether all that is in a frame is in the first round of a run."""
        first, last = self.span.get(frame, (-1, -1))
        return run.start <= first and last < run.kept

    def scene_without(self) -> Scene:
        """What is left."""
        scene, hidden = self.scene, self.hidden
        frames = [replace(frame, parent=self.parent[frame.id]) for frame in scene.frames]
        return replace(
            scene,
            tensors=tuple(node for node in scene.tensors if node.id not in hidden),
            constants=tuple(node for node in scene.constants if node.id not in hidden),
            ops=tuple(op for op in scene.ops if op.id not in hidden),
            boxes=tuple(box for box in scene.boxes if box.id not in hidden),
            edges=tuple(
                replace(edge, source=self.twin.get(edge.source, edge.source))
                for edge in scene.edges
                if edge.op not in hidden
            ),
            results=tuple((maker, r) for maker, r in scene.results if maker not in hidden),
            frames=_outer_first([*self.added, *frames]),
            home=self.home,
        )


def _outer_first(frames: list[Frame]) -> tuple[Frame, ...]:
    """Frames after those around them."""
    parents = {frame.id: frame.parent for frame in frames}
    return tuple(sorted(frames, key=lambda frame: len(_chain(frame.parent, parents))))


def _chain(frame: str, parents: dict[str, str]) -> tuple[str, ...]:
    """A frame and those around it, the outermost first."""
    chain: list[str] = []
    while frame:
        chain.append(frame)
        frame = parents[frame]
    return tuple(chain[::-1])

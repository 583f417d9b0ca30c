"""A layered layout after Sugiyama: things in columns, few crossings, wires as straight as they go.

`along` is the way forward, from column to column; `across` is the other way. Each thing stands in
one column, and each wire leads from one column to the next: who has a longer one puts bends in
between.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 8
SMOOTHINGS = 8
BETWEEN = 14.0  # from thing to thing in a column
GAP = 26.0  # from column to column, at least
STEEP = 0.12  # more for wires that climb: this much of the climb ...
MOST_GAP = 90.0  # ... but no more than that


@dataclass
class Thing:
    """What has a place.

    Attributes
    ----------
    column
        Which one it stands in.
    length
        Its size along.
    before, after
        How far it reaches across, on either side of the line where its wires are.
    weight
        How much it insists on straight wires.
    along, across
        Where its middle is; `place` fills these in.
    """

    column: int
    length: float
    before: float
    after: float
    weight: float = 1.0
    along: float = 0.0
    across: float = 0.0


@dataclass(frozen=True)
class Wire:
    """A line from one column to the next, into the end thing `port` beside its middle."""

    start: int
    end: int
    port: float = 0.0


@dataclass(frozen=True)
class Column:
    """Where a column begins and ends along."""

    start: float
    end: float


def place(things: Sequence[Thing], wires: Sequence[Wire]) -> list[Column]:
    """Give each thing its place; those first in the list come first in their column, if they can.

    Examples
    --------
    >>> from tinygrad_xent.draw.layers import Thing, Wire, place
    >>> x, y = Thing(0, 30.0, 10.0, 10.0), Thing(1, 50.0, 10.0, 10.0)
    >>> place([x, y], [Wire(0, 1)])
    [Column(start=0.0, end=30.0), Column(start=56.0, end=106.0)]
    >>> (x.along, y.along, x.across == y.across)
    (15.0, 81.0, True)
    """
    columns: list[list[int]] = [[] for _ in range(1 + max(thing.column for thing in things))]
    for k, thing in enumerate(things):
        columns[thing.column].append(k)
    starts, ends = _neighbours(things, wires)
    columns = _ordered(columns, starts, ends)
    _spread(things, columns, starts, ends)
    return _lengthwise(things, columns, wires)


Neighbours = list[list[tuple[int, float]]]


def _neighbours(things: Sequence[Thing], wires: Sequence[Wire]) -> tuple[Neighbours, Neighbours]:
    """Of each thing, those before and after it, and how far beside them it wants to be."""
    starts: Neighbours = [[] for _ in things]
    ends: Neighbours = [[] for _ in things]
    for wire in wires:
        starts[wire.end].append((wire.start, -wire.port))
        ends[wire.start].append((wire.end, wire.port))
    return starts, ends


def _ordered(columns: list[list[int]], starts: Neighbours, ends: Neighbours) -> list[list[int]]:
    """The columns with few crossings: each thing moves to the mean place of its neighbours."""
    best, fewest = [list(column) for column in columns], _crossings(columns, ends)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        there, near, far = (columns, starts, ends) if sweep % 2 else (columns[::-1], ends, starts)
        shares = _shares(columns)
        for column in there:
            wanted = {k: _mean(near[k] or far[k], shares, shares[k]) for k in column}
            column.sort(key=wanted.__getitem__)
            shares.update(_shares([column]))
        crossings = _crossings(columns, ends)
        if crossings < fewest:
            best, fewest = [list(column) for column in columns], crossings
    return best


def _shares(columns: list[list[int]]) -> dict[int, float]:
    """How far down its column each thing is, from 0 to 1."""
    return {k: (i + 0.5) / len(column) for column in columns for i, k in enumerate(column)}


def _mean(near: list[tuple[int, float]], shares: dict[int, float], own: float) -> float:
    return sum(shares[k] for k, _ in near) / len(near) if near else own


def _crossings(columns: list[list[int]], ends: Neighbours) -> int:
    """How many pairs of wires cross."""
    count = 0
    for column, after in pairwise(columns):
        index = {k: i for i, k in enumerate(after)}
        passed: list[int] = []
        for k in column:
            arrivals = sorted(index[end] for end, _ in ends[k])
            count += sum(len(passed) - bisect_left(passed, i + 1) for i in arrivals)
            for i in arrivals:
                insort(passed, i)
    return count


def _spread(
    things: Sequence[Thing], columns: list[list[int]], starts: Neighbours, ends: Neighbours
) -> None:
    """Across: each thing near its neighbours, in the order of its column, none on another."""
    for column in columns:
        _settle([things[k] for k in column], [0.0] * len(column))
    for sweep in range(SMOOTHINGS):
        # First from the end back, so that operands stand around their op; then there and back.
        there, near = (columns, starts) if sweep % 2 else (columns[::-1], ends)
        for column in there:
            wanted = [_wanted(k, things, near[k]) for k in column]
            _settle([things[k] for k in column], wanted)


def _wanted(k: int, things: Sequence[Thing], near: list[tuple[int, float]]) -> float:
    """The mean of where the neighbours are, the heavy ones counting more."""
    if not near:
        return things[k].across
    pulls = [(things[n].weight, things[n].across + port) for n, port in near]
    return sum(weight * at for weight, at in pulls) / sum(weight for weight, _ in pulls)


def _settle(column: list[Thing], wanted: list[float]) -> None:
    """Put each thing where it wants to be, or as near (in the least-squares sense) as order allows.

    Things that would overlap are pooled and move as one block: the pool-adjacent-violators
    algorithm, which is exact.
    """
    offsets, offset = [], 0.0
    for previous, thing in zip([None, *column], column, strict=False):
        offset += previous.after + thing.before + BETWEEN if previous else 0.0
        offsets.append(offset)
    blocks: list[tuple[float, float, int]] = []  # weight, place of the first, how many
    for thing, want, offset in zip(column, wanted, offsets, strict=True):
        weight, at, count = thing.weight, want - offset, 1
        while blocks and blocks[-1][1] > at:
            above, place_above, more = blocks.pop()
            at = (weight * at + above * place_above) / (weight + above)
            weight, count = weight + above, count + more
        blocks.append((weight, at, count))
    places = [at for _, at, count in blocks for _ in range(count)]
    for thing, at, offset in zip(column, places, offsets, strict=True):
        thing.across = at + offset


def _lengthwise(
    things: Sequence[Thing], columns: list[list[int]], wires: Sequence[Wire]
) -> list[Column]:
    """Along: columns as wide as their widest thing, further apart where wires climb."""
    climbs = [0.0] * len(columns)
    for wire in wires:
        end = things[wire.end]
        climb = abs(end.across + wire.port - things[wire.start].across)
        climbs[end.column] = max(climbs[end.column], climb)
    places: list[Column] = []
    for members, climb in zip(columns, climbs, strict=True):
        gap = min(GAP + STEEP * climb, MOST_GAP)
        start = places[-1].end + gap if places else 0.0
        length = max((things[k].length for k in members), default=0.0)
        places.append(Column(start, start + length))
        for k in members:
            things[k].along = start + length / 2
    return places

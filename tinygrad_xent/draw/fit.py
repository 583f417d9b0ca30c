"""fitting(): as much of a graph as a picture has room for."""

from __future__ import annotations

from collections.abc import Iterator

from .graph import Graph
from .roll import rolled
from .scene import Scene, arrange, levels


def fitting(graph: Graph, depth: int | None, roll: bool, max_nodes: int) -> Scene:
    """The most detailed scene of at most `max_nodes` nodes, or the smallest one there is.

    A `depth` or `roll` that was asked for is kept to; only what was left open is chosen here.
    """
    if depth is None and not roll and len(graph) <= max_nodes:
        return arrange(graph)
    smallest: Scene | None = None
    for level, rolling in _choices(graph, depth, roll):
        scene = arrange(graph, level)
        scene = rolled(scene) if rolling else scene
        if len(scene) <= max_nodes:
            return scene
        if smallest is None or len(scene) < len(smallest):
            smallest = scene
    assert smallest is not None  # there is always a choice
    return smallest


def _choices(graph: Graph, depth: int | None, roll: bool) -> Iterator[tuple[int | None, bool]]:
    """Depth and whether to roll, from all the detail to the least.

    Boxes in place of inner Modules come first, then repetitions; a single box comes last.
    """
    if depth is not None:
        yield from [(depth, False), (depth, True)] if not roll else [(depth, True)]
        return
    deepest = max(levels(graph).values(), default=0)
    inner = [None, *range(deepest, 0, -1)]
    for rolling in [True] if roll else [False, True]:
        yield from ((level, rolling) for level in inner)
    if graph.modules:
        yield from ((0, rolling) for rolling in ([True] if roll else [False, True]))

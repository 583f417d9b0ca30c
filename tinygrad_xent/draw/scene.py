"""Scene: what is drawn of a Graph, with Modules as frames around their nodes or as boxes.

A Scene has the Graph's nodes under their own ids, except those that a box stands for. A box is to
the rest what an op is: edges lead into it, and it has results, which stay in sight.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from .graph import ConstantNode, Edge, Graph, OpNode, TensorNode


@dataclass(frozen=True)
class Box:
    """A call of a Module drawn as one node: what goes in and comes out, how much is inside."""

    id: str
    path: str
    kind: str
    takes: tuple[tuple[int, ...], ...]
    gives: tuple[tuple[int, ...], ...]
    ops: int
    parameters: int


@dataclass(frozen=True)
class Frame:
    """A dashed line around nodes: a call of a Module, or what is repeated `times` times."""

    id: str
    path: str
    kind: str
    parent: str
    times: int = 1


@dataclass(frozen=True)
class Scene:
    """The nodes, edges and frames to draw.

    Attributes
    ----------
    results
        Which op or box made which tensor, in order of creation.
    frames
        Outer ones before inner ones.
    home
        The frame around each node; those without are not in it.
    """

    graph: Graph
    tensors: tuple[TensorNode, ...]
    constants: tuple[ConstantNode, ...]
    ops: tuple[OpNode, ...]
    boxes: tuple[Box, ...]
    edges: tuple[Edge, ...]
    results: tuple[tuple[str, str], ...]
    frames: tuple[Frame, ...]
    home: dict[str, str]

    def __len__(self) -> int:
        return len(self.tensors) + len(self.constants) + len(self.ops) + len(self.boxes)


def levels(graph: Graph) -> dict[str, int]:
    """How deep each Module lies: 0 for the outermost."""
    deep: dict[str, int] = {}
    for module in graph.modules:
        deep[module.id] = deep[module.parent] + 1 if module.parent else 0
    return deep


def arrange(graph: Graph, depth: int | None = None) -> Scene:
    """The scene in which Modules that lie deeper than `depth` levels are boxes; None: none is."""
    deep = levels(graph)
    box_of: dict[str, str] = {}  # by the id of a call or of a node
    home: dict[str, str] = {}
    for module in graph.modules:
        if module.parent in box_of:
            box_of[module.id] = box_of[module.parent]
        elif depth is not None and deep[module.id] >= depth:
            box_of[module.id] = module.id
            home[module.id] = module.parent
        box = box_of.get(module.id)
        for member in module.members:
            if box:
                box_of[member] = box
                home[member] = home[box]
            else:
                home[member] = module.id
    return _Boxing(graph, box_of).scene(home)


class _Boxing:
    """The nodes and edges of a graph of which some lie in boxes."""

    def __init__(self, graph: Graph, box_of: dict[str, str]) -> None:
        self.graph, self.box_of = graph, box_of
        self.maker = {op.result: box_of.get(op.id, op.id) for op in graph.ops}
        users = {(edge.source, box_of.get(edge.op, edge.op)) for edge in graph.edges}
        # In sight: what no box holds, and what a box holds but others use.
        self.seen = {source for source, user in users if box_of.get(source, user) != user}
        self.seen |= {node.id for node in graph.tensors if node.id not in box_of}
        self.seen.add(graph.root.id)

    def scene(self, home: dict[str, str]) -> Scene:
        graph = self.graph
        made = [(self.maker[op.result], op.result) for op in graph.ops if op.result in self.seen]
        edges = self.edges()
        constants = tuple(c for c in graph.constants if c.id not in self.box_of)
        scene = Scene(
            graph=graph,
            tensors=tuple(node for node in graph.tensors if node.id in self.seen),
            constants=constants,
            ops=tuple(op for op in graph.ops if op.id not in self.box_of),
            boxes=self.boxes(edges, made),
            edges=tuple(edges),
            results=tuple(made),
            frames=tuple(
                Frame(m.id, m.path, m.kind, m.parent)
                for m in graph.modules
                if m.id not in self.box_of
            ),
            home=home,
        )
        return tidy(scene)

    def edges(self) -> list[Edge]:
        """Into a box leads one edge from each of its sources, whatever happens inside."""
        edges: dict[tuple[str, ...], Edge] = {}
        entered: dict[str, int] = {}
        for edge in self.graph.edges:
            box = self.box_of.get(edge.op)
            if box is None:
                edges[edge.source, edge.op, str(edge.position)] = edge
            elif edge.source in self.seen and self.maker.get(edge.source) != box:
                known = edges.get((edge.source, box))
                rule = None if edge.rule is None and (not known or known.rule is None) else ""
                position = known.position if known else entered.get(box, 0)
                entered[box] = max(entered.get(box, 0), position + 1)
                entering = Edge(edge.source, box, position, "", edge.shape, rule, None, ())
                edges[edge.source, box] = entering
        return list(edges.values())

    def boxes(self, edges: list[Edge], made: list[tuple[str, str]]) -> tuple[Box, ...]:
        nodes = {node.id: node for node in self.graph.tensors}
        inside = Counter(self.box_of.get(op.id) for op in self.graph.ops)
        takes = defaultdict(list)
        for edge in edges:
            if edge.source not in nodes or nodes[edge.source].role != "parameter":
                takes[edge.op].append(edge.shape)
        gives = defaultdict(list)
        for maker, result in made:
            gives[maker].append(nodes[result].value.shape)
        return tuple(
            Box(m.id, m.path, m.kind, tuple(takes[m.id]), tuple(gives[m.id]), inside[m.id],
                m.parameters)
            for m in self.graph.modules
            if self.box_of.get(m.id) == m.id and inside[m.id]
        )  # fmt: skip


def tidy(scene: Scene) -> Scene:
    """The scene without the frames around nothing, and without homes of what is not drawn."""
    nodes: Iterable[TensorNode | ConstantNode | OpNode | Box] = (
        *scene.tensors, *scene.constants, *scene.ops, *scene.boxes
    )  # fmt: skip
    home = {node.id: scene.home[node.id] for node in nodes if scene.home.get(node.id)}
    parents = {frame.id: frame.parent for frame in scene.frames}
    full: set[str] = set()
    for frame in home.values():
        while frame and frame not in full:
            full.add(frame)
            frame = parents[frame]
    return replace(scene, home=home, frames=tuple(f for f in scene.frames if f.id in full))

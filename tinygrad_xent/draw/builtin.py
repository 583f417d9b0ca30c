"""The built-in drawing: a snapshot as SVG in pure Python, where no layout engine can be had.

It says what the Graphviz drawing says, with the same ids and classes, and looks much like it. Along
the way forward, columns alternate: tensors, the labels of edges, ops. An edge runs through its
label, which stands on the line; edges over more than one step share bends with others from the same
tensor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from .boxes import Line, Table, decimal, parse, rectangle, text
from .dot import backward_lines, edge_id, forward_text
from .labels import box_label, constant_label, legend_label, op_label, tensor_label
from .layers import Column, Thing, Wire, place
from .scene import Scene
from .snapshot import Edge
from .style import Options, visible
from .widths import text_width

STEP = 3  # columns from a tensor to the next: it, the label of the edge, the op
SIZE, SMALL = 12.0, 11.0  # of the font in nodes, and on edges and in the legend
MARGIN = 14.0
PADDING = 4.0  # around the labels of ops and constants
APART = 3.5  # from the middle to the lines forward and back, where there are both
CLEAR = 3.0  # from a line to its text
ARROW = 8.0
PORT = 17.0  # from edge to edge where they end at an op
HEAVY = 12.0  # what is computed, beside a leaf: its edges are to be straight
# More bends than this take too long; without them, long edges run straight, below what they cross.
MOST_BENDS = 20_000
# With more bends than this, Graphviz takes over a second.
TANGLED = 1500


@dataclass(frozen=True)
class Run:
    """A straight piece of an edge along the way forward."""

    start: float
    end: float
    across: float


@dataclass(frozen=True)
class Frame:
    """Where on the page a place in the layout is."""

    rankdir: str
    length: float
    first: float

    @property
    def horizontal(self) -> bool:
        """Whether the way forward is to the right or to the left."""
        return self.rankdir in ("LR", "RL")

    def point(self, along: float, across: float) -> tuple[float, float]:
        """The place on the page, x and y."""
        if self.rankdir in ("RL", "BT"):
            along = self.length - along
        along, across = along + MARGIN, across - self.first + MARGIN
        return (along, across) if self.horizontal else (across, along)

    def pair(self, along: float, across: float) -> str:
        """The same as paths have it."""
        return ",".join(map(decimal, self.point(along, across)))


def builtin_svg(scene: Scene, options: Options) -> bytes:
    """The picture of a scene, the same bytes on every run and every machine; frames are left out.

    Examples
    --------
    >>> import tinygrad_xent as tx
    >>> from tinygrad_xent.draw.builtin import builtin_svg
    >>> from tinygrad_xent.draw.scene import arrange
    >>> from tinygrad_xent.draw.snapshot import snapshot
    >>> from tinygrad_xent.draw.style import Options
    >>> x = tx.Tensor(3.0, requires_grad=True, name="x")
    >>> b'id="t0-o0-1" class="edge forward"' in builtin_svg(arrange(snapshot(x * x)), Options())
    True
    """
    return _Drawing(scene, options).svg().encode()


class _Drawing:
    """One picture while it is made: boxes are measured, placed, then written."""

    def __init__(self, scene: Scene, options: Options) -> None:
        graph = scene.graph
        self.scene, self.options, self.theme = scene, options, options.theme
        self.horizontal = options.rankdir in ("LR", "RL")
        self.both = graph.has_gradients and options.grads != "none"
        self.boxes = self._boxes()
        self.operands: dict[str, list[Edge]] = {maker: [] for maker, _ in scene.results}
        for edge in scene.edges:
            self.operands[edge.op].append(edge)
        self.column = _columns(scene)
        self.things: list[Thing] = []
        self.number: dict[object, int] = {}  # of nodes, edges and bends: their place in things
        self.wires: dict[Wire, None] = {}  # shared ones once, in order
        self.bends = _count_bends(scene, self.column) <= MOST_BENDS
        self._add_all()
        self.places: list[Column] = place(self.things, list(self.wires))
        first = min(thing.across - thing.before for thing in self.things)
        last = max(thing.across + thing.after for thing in self.things)
        self.breadth = last - first
        self.frame = Frame(options.rankdir, self.places[-1].end, first)

    def _boxes(self) -> dict[str, Line | Table]:
        scene, options = self.scene, self.options
        labels = {node.id: tensor_label(node, scene.graph, options) for node in scene.tensors}
        labels |= {node.id: constant_label(node, options) for node in scene.constants}
        labels |= {node.id: op_label(node, options) for node in scene.ops}
        labels |= {node.id: box_label(node, options) for node in scene.boxes}
        return {id: parse(label, SIZE, self.theme.ink) for id, label in labels.items()}

    # --- what is to be placed -----------------------------------------------------------------

    def _add_all(self) -> None:
        """From the root back, operands in the order in which they are written."""
        made_by = {result: maker for maker, result in self.scene.results}
        waiting = [self.scene.graph.root.id]
        while waiting:
            id = waiting.pop()
            if id in self.number:
                continue
            self._add_node(id, heavy=id in made_by)
            if id not in made_by:
                continue
            op = made_by[id]
            if op in self.number:
                continue  # a box with several results
            self._add_node(op, heavy=True)
            for edge in self.operands[op]:
                self._add_edge(edge)
            waiting += [edge.source for edge in self.operands[op][::-1]]
        for maker, result in self.scene.results:
            self.wires[Wire(self.number[maker], self.number[result])] = None
        for edges in self.operands.values():
            for edge in edges:
                self._add_wires(edge, made_by)

    def _add_node(self, id: str, heavy: bool) -> None:
        width, height = self._size(id)
        length, breadth = (width, height) if self.horizontal else (height, width)
        weight = HEAVY if heavy else 1.0
        self._add(id, Thing(self.column[id], length, breadth / 2, breadth / 2, weight))

    def _add(self, key: object, thing: Thing) -> None:
        self.number[key] = len(self.things)
        self.things.append(thing)

    def _size(self, id: str) -> tuple[float, float]:
        """Width and height of a box; an op has a side long enough for all that ends there."""
        room = 0.0 if id[0] == "t" else 2 * PADDING
        width, height = self.boxes[id].width + room, self.boxes[id].height + room
        needed = PORT * len(self.operands.get(id, ()))
        if self.horizontal:
            return width, max(height, needed)
        return max(width, needed), height

    def _add_edge(self, edge: Edge) -> None:
        """The label in front of the op, and a bend in each further column that is passed."""
        sizes = [self._text_size(lines) for lines in self._texts(edge)]
        along, across = (0, 1) if self.horizontal else (1, 0)
        length = max(size[along] for size in sizes) + 2 * CLEAR
        before, after = (self._offset(edge) + CLEAR + size[across] for size in sizes)
        column = self.column[edge.op] - 1
        self._add(edge, Thing(column, length, before, after))
        for column in self._passed(edge):
            if (edge.source, column) not in self.number:
                self._add((edge.source, column), Thing(column, 0.0, APART, APART, weight=HEAVY))

    def _passed(self, edge: Edge) -> range:
        """The columns between its source and its label."""
        start = self.column[edge.source] + 1
        return range(start, self.column[edge.op] - 1 if self.bends else start)

    def _add_wires(self, edge: Edge, made_by: dict[str, str]) -> None:
        number = self.number
        stops = [number[edge.source], *(number[edge.source, k] for k in self._passed(edge))]
        if edge.source in made_by:
            self.things[number[edge]].weight = HEAVY
        if self.bends or self.things[stops[0]].column == self.things[number[edge]].column - 1:
            stops.append(number[edge])
            self.wires |= {Wire(a, b): None for a, b in pairwise(stops)}
        port = self._ports(self.operands[edge.op])[edge]
        self.wires[Wire(number[edge], number[edge.op], port)] = None

    def _ports(self, edges: Sequence[Edge]) -> dict[Edge, float]:
        """How far beside the middle of their op the edges end."""
        return {edge: PORT * (i - (len(edges) - 1) / 2) for i, edge in enumerate(edges)}

    # --- the texts of edges -------------------------------------------------------------------

    def _texts(self, edge: Edge) -> tuple[list[str], list[str]]:
        """What stands on the line forward, and on the line back."""
        forward = [forward_text(edge, self.options)]
        return forward, backward_lines(edge, self.options) if self._back(edge) else []

    def _back(self, edge: Edge) -> bool:
        return self.both and edge.rule is not None

    def _offset(self, edge: Edge) -> float:
        return APART if self._back(edge) else 0.0

    def _text_size(self, lines: list[str]) -> tuple[float, float]:
        width = max((text_width(line, SMALL) for line in lines), default=0.0)
        return width, 1.2 * SMALL * len(lines)

    # --- writing ------------------------------------------------------------------------------

    def svg(self) -> str:
        """The whole picture; lines lie below boxes."""
        width, height = self.breadth, self.places[-1].end
        if self.horizontal:
            width, height = height, width
        width, height = width + 2 * MARGIN, height + 2 * MARGIN
        legend: list[str] = []
        if self.options.legend:
            box = parse(legend_label(self.scene, self.options), SMALL, self.theme.ink)
            legend = box.svg(MARGIN, height)
            width, height = max(width, box.width + 2 * MARGIN), height + box.height + MARGIN
        w, h = decimal(width), decimal(height)
        return "\n".join(
            [
                f'<svg width="{w}pt" height="{h}pt" viewBox="0 0 {w} {h}"'
                ' xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">',
                '<g id="graph0" class="graph">',
                f'<polygon fill="{self.theme.paper}" points="0,0 {w},0 {w},{h} 0,{h}"/>',
                *legend,
                *self._edges(),
                *self._nodes(),
                "</g>",
                "</svg>\n",
            ]
        )

    def _nodes(self) -> Iterator[str]:
        theme = self.theme
        for tensor in self.scene.tensors:
            yield from self._node(tensor.id, f"tensor {tensor.role}", "", "")
        for constant in self.scene.constants:
            yield from self._node(
                constant.id, "constant", theme.constant, theme.faint, 'stroke-dasharray="5,2"'
            )
        for op in self.scene.ops:
            yield from self._node(op.id, "op", theme.op, theme.line, 'rx="7"')
        for box in self.scene.boxes:
            yield from self._node(box.id, "module", theme.module, theme.line)

    def _node(self, id: str, kind: str, fill: str, stroke: str, *more: str) -> Iterator[str]:
        thing, box = self.things[self.number[id]], self.boxes[id]
        width, height = self._size(id)
        x, y = self.frame.point(thing.along, thing.across)
        yield f'<g id="{id}" class="node {kind}">'
        if stroke:
            left, top = x - width / 2, y - height / 2
            yield rectangle(left, top, width, height, fill, stroke, *more, border=1)
        yield from box.svg(x - box.width / 2, y - box.height / 2)
        yield "</g>"

    def _edges(self) -> Iterator[str]:
        for maker, edges in self.operands.items():
            there = sorted(edges, key=lambda e: self._at(e).across)
            for edge, port in self._ports(there).items():
                yield from self._operand(edge, self._at(maker).across + port)
        for maker, result in self.scene.results:
            end = self._at(result)
            runs = [self._leave(self._at(maker)), self._arrive(end, end.across)]
            yield from self._edge(f"{maker}-{result}", "forward", runs, 0.0)

    def _operand(self, edge: Edge, port: float) -> Iterator[str]:
        """The way forward to an op, and the way back beside it."""
        through = [(edge.source, k) for k in self._passed(edge)]
        runs = [
            self._leave(self._at(edge.source)),
            *(self._pass(self._at(key)) for key in (*through, edge)),
            self._arrive(self._at(edge.op), port),
        ]
        offset, texts = self._offset(edge), self._texts(edge)
        yield from self._edge(
            edge_id(edge), "forward", runs, -offset, *self._written(edge, texts[0], forward=True)
        )
        if self._back(edge):
            words = self._written(edge, texts[1], forward=False)
            yield from self._edge(f"{edge_id(edge)}-back", "backward", runs, offset, *words)

    def _at(self, key: object) -> Thing:
        return self.things[self.number[key]]

    def _leave(self, thing: Thing) -> Run:
        return Run(thing.along + thing.length / 2, self.places[thing.column].end, thing.across)

    def _pass(self, thing: Thing) -> Run:
        column = self.places[thing.column]
        return Run(column.start, column.end, thing.across)

    def _arrive(self, thing: Thing, across: float) -> Run:
        return Run(self.places[thing.column].start, thing.along - thing.length / 2, across)

    def _edge(
        self, id: str, kind: str, runs: list[Run], offset: float, *texts: str
    ) -> Iterator[str]:
        """A line with its arrow head and its text."""
        color = getattr(self.theme, kind)
        dashes = ' stroke-dasharray="5,2"' if kind == "backward" else ""
        runs = [Run(run.start, run.end, run.across + offset) for run in runs]
        first, last = runs[0], runs[-1]
        if kind == "forward":
            tip, base, across = last.end, last.end - ARROW, last.across
            runs[-1] = Run(last.start, base, across)
        else:
            tip, base, across = first.start, first.start + ARROW, first.across
            runs[0] = Run(base, first.end, across)
        pair = self.frame.pair
        corners = " ".join((pair(tip, across), pair(base, across - 3), pair(base, across + 3)))
        yield f'<g id="{id}" class="edge {kind}">'
        yield f'<path fill="none" stroke="{color}"{dashes} d="{self._path(runs)}"/>'
        yield f'<polygon fill="{color}" stroke="{color}" points="{corners}"/>'
        yield from texts
        yield "</g>"

    def _path(self, runs: list[Run]) -> str:
        """Straight through the columns, in curves from one to the next."""
        pair = self.frame.pair
        here = runs[0]
        parts = [f"M{pair(here.start, here.across)}"]
        for after in runs[1:]:
            if abs(after.across - here.across) >= 0.05:
                middle = (here.end + after.start) / 2
                parts.append(f"L{pair(here.end, here.across)}")
                parts.append(f"C{pair(middle, here.across)} {pair(middle, after.across)}")
                parts[-1] += f" {pair(after.start, after.across)}"
            here = after
        return "".join([*parts, f"L{pair(here.end, here.across)}"])

    def _written(self, edge: Edge, lines: list[str], forward: bool) -> Iterator[str]:
        """The text of a line, on the outer side of the two."""
        thing = self._at(edge)
        x, y = self.frame.point(thing.along, thing.across)
        away, (width, height) = self._offset(edge) + CLEAR, self._text_size(lines)
        if self.horizontal:
            left, top = x, y - away - height if forward else y + away
        else:
            left, top = x - away - width if forward else x + away, y - height / 2
        color = self.theme.forward if forward else self.theme.backward
        for k, line in enumerate(lines):
            if self.horizontal:
                left = x - text_width(line, SMALL) / 2
            yield text(visible(line), left, top + 1.2 * SMALL * k, SMALL, color)


def is_tangled(scene: Scene) -> bool:
    """Whether so many long edges run beside each other that Graphviz would take seconds.

    Its time grows with the square of what it calls virtual nodes; here, edges share their bends.
    """
    return _count_bends(scene, _columns(scene)) > TANGLED


def _columns(scene: Scene) -> dict[str, int]:
    """The column of each node: as late as the longest way from it to the root allows."""
    operands: dict[str, list[str]] = {maker: [] for maker, _ in scene.results}
    for edge in scene.edges:
        operands[edge.op].append(edge.source)
    steps = {scene.graph.root.id: 0}  # from a tensor or constant to the root
    for maker, result in scene.results[::-1]:  # what takes a result was made after it
        for source in operands[maker]:
            steps[source] = max(steps.get(source, 0), steps[result] + 1)
    most = max(steps.values())
    columns = {id: STEP * (most - n) for id, n in steps.items()}
    for maker, result in scene.results:
        columns[maker] = min(columns.get(maker, columns[result]), columns[result] - 1)
    return columns


def _count_bends(scene: Scene, column: dict[str, int]) -> int:
    """How many bends the edges have, each counted on its own."""
    return sum(column[edge.op] - 2 - column[edge.source] for edge in scene.edges)

"""A Scene as DOT, the language of Graphviz: plain text, the same bytes on every run."""

from __future__ import annotations

from collections import defaultdict

from .graph import Edge
from .labels import NAME_CHARS, box_label, constant_label, legend_label, op_label, tensor_label
from .scene import Frame, Scene
from .style import FONT, Options, quote, shape, shorten

Attributes = dict[str, str]
BLACK = "#000000"  # what Graphviz writes in when it is not told otherwise


def graph_attributes(scene: Scene, options: Options) -> Attributes:
    """The attributes of the whole graph; its caption is the legend, out of the layout's way."""
    attributes = {
        "rankdir": options.rankdir,
        "bgcolor": options.theme.paper,
        "fontname": FONT,
        "fontsize": "11",
        "nodesep": "0.3",
        "ranksep": "0.35",
        "ordering": "in",  # operands in the order in which they are written
    } | _ink(options)
    if options.legend:
        attributes |= {
            "label": f"<{legend_label(scene, options)}>",
            "labelloc": "b",
            "labeljust": "l",
        }
    return attributes


def node_attributes(options: Options) -> Attributes:
    """The attributes of all nodes."""
    attributes = {"fontname": FONT, "fontsize": "12", "shape": "plain", "margin": "0.06,0.03"}
    return attributes | _ink(options)


def edge_attributes() -> Attributes:
    """The attributes of all edges."""
    return {"fontname": FONT, "fontsize": "11", "arrowsize": "0.7"}


def _ink(options: Options) -> Attributes:
    return {} if options.theme.ink == BLACK else {"fontcolor": options.theme.ink}


def statements(scene: Scene, options: Options) -> list[str]:
    """The nodes, each in its frame, then the edges, one line each."""
    lines = _nodes(scene, options)
    backward = scene.graph.has_gradients and options.grads != "none"
    for edge in scene.edges:
        lines.append(_forward(edge, options))
        if backward and edge.rule is not None:
            lines.append(_backward(edge, options))
    lines += [
        f'\t{maker} -> {result} [color="{options.theme.forward}" id="{maker}-{result}"'
        " class=forward]\n"
        for maker, result in scene.results
    ]
    return lines


def _nodes(scene: Scene, options: Options) -> list[str]:
    """The statements of all nodes; those in a frame stand between its braces."""
    inside: dict[str, list[str]] = defaultdict(list)
    for id, line in _node_lines(scene, options):
        inside[scene.home.get(id, "")].append(line)
    children: dict[str, list[Frame]] = defaultdict(list)
    for frame in scene.frames:
        children[frame.parent].append(frame)

    def within(id: str) -> list[str]:
        lines = inside[id]
        for frame in reversed(children[id]):  # which makes the picture descend, as text does
            content = [_frame(frame, options), *within(frame.id)]
            lines.append(f"\tsubgraph cluster_{frame.id} {{\n")
            lines += [f"\t{line}" for line in content]
            lines.append("\t}\n")
        return lines

    return within("")


def _node_lines(scene: Scene, options: Options) -> list[tuple[str, str]]:
    """The id and the statement of each node."""
    theme = options.theme
    lines = [
        (
            node.id,
            f"\t{node.id} [label=<{tensor_label(node, scene.graph, options)}>"
            f' id={node.id} class="tensor {node.role}"]\n',
        )
        for node in scene.tensors
    ]
    lines += [
        (
            constant.id,
            f"\t{constant.id} [label=<{constant_label(constant, options)}> shape=box"
            f' style=dashed color="{theme.faint}" id={constant.id} class=constant]\n',
        )
        for constant in scene.constants
    ]
    lines += [
        (
            op.id,
            f'\t{op.id} [label=<{op_label(op, options)}> shape=box style="rounded,filled"'
            f' fillcolor="{theme.op}" color="{theme.line}" id={op.id} class=op]\n',
        )
        for op in scene.ops
    ]
    lines += [
        (
            box.id,
            f"\t{box.id} [label=<{box_label(box, options)}> shape=box style=filled peripheries=2"
            f' fillcolor="{theme.module}" color="{theme.line}" id={box.id} class=module]\n',
        )
        for box in scene.boxes
    ]
    return lines


def _frame(frame: Frame, options: Options) -> str:
    """The attributes of a frame, which would otherwise have those of the whole graph.

    Its label stands at the right, where no arrow comes in.
    """
    theme = options.theme
    if frame.times > 1:
        label, style = f"× {frame.times}: the first is drawn", "dotted"
    else:
        path = shorten(frame.path, NAME_CHARS)
        label, style = f"{path}  {frame.kind}".strip(), "dashed"
    return (
        f'\tgraph [label={quote(label)} labelloc=t labeljust=r style="{style},rounded"'
        f' color="{theme.faint}" fontcolor="{theme.faint}" penwidth={2 if frame.times > 1 else 1}'
        f" margin=10 id={frame.id} class={'repeated' if frame.times > 1 else 'module'}]\n"
    )


def _forward(edge: Edge, options: Options) -> str:
    color = options.theme.forward
    return (
        f"\t{edge.source} -> {edge.op} [label={quote(forward_text(edge, options))}"
        f' color="{color}" fontcolor="{color}" id="{edge_id(edge)}" class=forward]\n'
    )


def _backward(edge: Edge, options: Options) -> str:
    """What flows back, drawn against the arrow but laid out along it, beside the operand."""
    color = options.theme.backward
    return (
        f"\t{edge.source} -> {edge.op} [label={quote(*backward_lines(edge, options))}"
        f' dir=back style=dashed color="{color}" fontcolor="{color}"'
        f' id="{edge_id(edge)}-back" class=backward]\n'
    )


def forward_text(edge: Edge, options: Options) -> str:
    """What goes forward: which argument, in which shape."""
    return f"{edge.argument} {shape(edge.shape) if options.shapes else ''}".strip()


def backward_lines(edge: Edge, options: Options) -> list[str]:
    """What flows back: the rule, and over which axes the walk summed."""
    lines = [edge.rule] if options.formulas and edge.rule else []
    if edge.summed:
        axes = ", ".join(map(str, edge.summed))
        lines.append(f"Σ over {'axis' if len(edge.summed) == 1 else 'axes'} {axes}")
    return lines


def edge_id(edge: Edge) -> str:
    """The id of an edge forward; its way back has ``-back`` added."""
    return f"{edge.source}-{edge.op}-{edge.position}"
